//! The types that columns have, as GetXdbcTypeInfo tells them.

use std::sync::LazyLock;

use arrow_flight::error::FlightError;
use arrow_flight::sql::metadata::{XdbcTypeInfo, XdbcTypeInfoData, XdbcTypeInfoDataBuilder};
use arrow_flight::sql::{Nullable, Searchable, XdbcDataType, XdbcDatetimeSubcode};
use tonic::Status;

static INFO: LazyLock<Result<XdbcTypeInfoData, FlightError>> = LazyLock::new(made);

/// Every type.
pub(in crate::query::flight) fn info() -> Result<&'static XdbcTypeInfoData, Status> {
    INFO.as_ref().map_err(|error| Status::internal(format!("tell what types there are: {error}")))
}

/// Name, XDBC type, size in digits or characters, quotes of a literal, radix of a number.
type Type = (&'static str, XdbcDataType, i32, Option<&'static str>, Option<i32>);

const TYPES: &[Type] = &[
    ("boolean", XdbcDataType::XdbcBit, 1, None, None),
    ("tinyint", XdbcDataType::XdbcTinyint, 3, None, Some(10)),
    ("smallint", XdbcDataType::XdbcSmallint, 5, None, Some(10)),
    ("integer", XdbcDataType::XdbcInteger, 10, None, Some(10)),
    ("bigint", XdbcDataType::XdbcBigint, 19, None, Some(10)),
    ("real", XdbcDataType::XdbcReal, 24, None, Some(2)),
    ("double", XdbcDataType::XdbcDouble, 53, None, Some(2)),
    ("decimal", XdbcDataType::XdbcDecimal, 38, None, Some(10)),
    ("varchar", XdbcDataType::XdbcVarchar, i32::MAX, Some("'"), None),
    ("varbinary", XdbcDataType::XdbcVarbinary, i32::MAX, Some("'"), None),
    ("date", XdbcDataType::XdbcDate, 10, Some("'"), None),
    ("time", XdbcDataType::XdbcTime, 15, Some("'"), None),
    ("timestamp", XdbcDataType::XdbcTimestamp, 26, Some("'"), None),
    ("timestamp with time zone", XdbcDataType::XdbcTimestamp, 32, Some("'"), None),
];

fn made() -> Result<XdbcTypeInfoData, FlightError> {
    let mut told = XdbcTypeInfoDataBuilder::new();
    for (name, kind, size, quote, radix) in TYPES {
        let is_moment = matches!(
            kind,
            XdbcDataType::XdbcDate | XdbcDataType::XdbcTime | XdbcDataType::XdbcTimestamp
        );
        told.append(XdbcTypeInfo {
            type_name: (*name).to_owned(),
            data_type: *kind,
            column_size: Some(*size),
            literal_prefix: quote.map(str::to_owned),
            literal_suffix: quote.map(str::to_owned),
            create_params: None,
            nullable: Nullable::NullabilityNullable,
            case_sensitive: *kind == XdbcDataType::XdbcVarchar,
            searchable: Searchable::Full,
            unsigned_attribute: radix.map(|_| false),
            fixed_prec_scale: false,
            auto_increment: Some(false),
            local_type_name: Some((*name).to_owned()),
            minimum_scale: None,
            maximum_scale: None,
            sql_data_type: if is_moment { XdbcDataType::XdbcDatetime } else { *kind },
            datetime_subcode: match (*kind, *name) {
                // The number of a date is that of a year.
                (XdbcDataType::XdbcDate, _) => Some(XdbcDatetimeSubcode::XdbcSubcodeYear),
                (XdbcDataType::XdbcTime, _) => Some(XdbcDatetimeSubcode::XdbcSubcodeTime),
                (XdbcDataType::XdbcTimestamp, "timestamp") => {
                    Some(XdbcDatetimeSubcode::XdbcSubcodeTimestamp)
                }
                (XdbcDataType::XdbcTimestamp, _) => {
                    Some(XdbcDatetimeSubcode::XdbcSubcodeTimestampWithTimezone)
                }
                _ => None,
            },
            num_prec_radix: *radix,
            interval_precision: None,
        });
    }
    told.build()
}
