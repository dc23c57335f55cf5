//! Rows of a base table and the Arrow batches made from them.
//!
//! In: typed rows. Out: record batches with a schema that is declared once, beside the row.
//! Deliberately absent: what a row means.

mod cold;
mod rows;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray as _, BooleanArray, Int64Array, StringArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{
    DataType, Field, Int64Type, SchemaRef, TimeUnit, TimestampMicrosecondType,
};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;

pub(crate) use self::cold::{ColdFile, FileEntry, encode, replace, write};
#[cfg(test)]
pub(crate) use self::rows::CHUNK;
pub(crate) use self::rows::{Fact, FactTable, GroupState, Piece, Span, Table};
use crate::base::Timestamp;

/// The type of every moment in every table.
pub(crate) fn moment_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// A count as SQL has it. One over 2^63 is held at the limit.
pub(crate) fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A Rust type that is a column.
pub(crate) trait Cell: Sized {
    /// The Arrow type.
    fn data_type() -> DataType;
    /// Whether there can be nothing.
    const IS_OPTIONAL: bool;
    /// The column.
    fn array<'a>(cells: impl Iterator<Item = &'a Self>) -> ArrayRef
    where
        Self: 'a;
    /// The cells of a column; nothing where it is of another type, or has a gap.
    fn cells(column: &dyn Array) -> Option<Vec<Self>>;
}

macro_rules! cells {
    ($($type:ty, $optional:literal, $data_type:expr, |$cells:ident| $array:expr, |$column:ident| $back:expr;)*) => {
        $(impl Cell for $type {
            const IS_OPTIONAL: bool = $optional;
            fn data_type() -> DataType {
                $data_type
            }
            fn array<'a>($cells: impl Iterator<Item = &'a Self>) -> ArrayRef
            where
                Self: 'a,
            {
                Arc::new($array)
            }
            fn cells($column: &dyn Array) -> Option<Vec<Self>> {
                $back
            }
        })*
    };
}

cells! {
    String, false, DataType::Utf8,
    |cells| StringArray::from_iter_values(cells),
    |column| column.as_string_opt::<i32>()?.iter().map(|it| it.map(str::to_owned)).collect();

    Option<String>, true, DataType::Utf8,
    |cells| cells.map(Option::as_deref).collect::<StringArray>(),
    |column| Some(column.as_string_opt::<i32>()?.iter().map(|it| it.map(str::to_owned)).collect());

    &'static str, false, DataType::Utf8,
    |cells| StringArray::from_iter_values(cells),
    |column| column.as_string_opt::<i32>()?.iter().map(|it| it.and_then(word)).collect();

    Option<&'static str>, true, DataType::Utf8,
    |cells| cells.copied().collect::<StringArray>(),
    |column| {
        let words = column.as_string_opt::<i32>()?.iter();
        words.map(|it| it.map_or(Some(None), |text| word(text).map(Some))).collect()
    };

    i64, false, DataType::Int64,
    |cells| Int64Array::from_iter_values(cells.copied()),
    |column| column.as_primitive_opt::<Int64Type>()?.iter().collect();

    Option<i64>, true, DataType::Int64,
    |cells| cells.copied().collect::<Int64Array>(),
    |column| Some(column.as_primitive_opt::<Int64Type>()?.iter().collect());

    bool, false, DataType::Boolean,
    |cells| cells.map(|cell| Some(*cell)).collect::<BooleanArray>(),
    |column| column.as_boolean_opt()?.iter().collect();

    Option<bool>, true, DataType::Boolean,
    |cells| cells.copied().collect::<BooleanArray>(),
    |column| Some(column.as_boolean_opt()?.iter().collect());

    Timestamp, false, moment_type(),
    |cells| {
        TimestampMicrosecondArray::from_iter_values(cells.map(|cell| cell.as_micros()))
            .with_timezone("UTC")
    },
    |column| {
        let moments = column.as_primitive_opt::<TimestampMicrosecondType>()?.iter();
        moments.map(|it| it.map(Timestamp::from_micros)).collect()
    };

    Option<Timestamp>, true, moment_type(),
    |cells| {
        cells
            .map(|cell| cell.map(Timestamp::as_micros))
            .collect::<TimestampMicrosecondArray>()
            .with_timezone("UTC")
    },
    |column| {
        let moments = column.as_primitive_opt::<TimestampMicrosecondType>()?.iter();
        Some(moments.map(|it| it.map(Timestamp::from_micros)).collect())
    };
}

/// Words that columns of a closed set may have in all.
const WORDS: usize = 4_096;

/// A word of a closed set, as the program has it. There are few, so each is kept for good; more
/// than [`WORDS`] are no closed set.
fn word(text: &str) -> Option<&'static str> {
    static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(word) = known.get(text) {
        return Some(word);
    }
    if known.len() >= WORDS {
        return None;
    }
    let word: &'static str = Box::leak(text.to_owned().into_boxed_str());
    known.insert(word);
    Some(word)
}

/// A Rust struct that is a row.
pub(crate) trait Row: Sized {
    /// The table's name in SQL.
    const TABLE: &'static str;
    /// What one row is.
    const ABOUT: &'static str;
    /// Name and meaning of each column, in order.
    const COLUMNS: &'static [(&'static str, &'static str)];
    /// The declared schema.
    fn schema() -> SchemaRef;
    /// The rows as Arrow has them.
    fn batch(rows: &[Self]) -> Result<RecordBatch, ArrowError> {
        Self::batch_of(rows.iter())
    }
    /// The same, wherever they are.
    fn batch_of<'a>(
        rows: impl Iterator<Item = &'a Self> + Clone,
    ) -> Result<RecordBatch, ArrowError>
    where
        Self: 'a;
    /// Rows that Arrow has; nothing where they are not of this kind.
    fn rows(batch: &RecordBatch) -> Option<Vec<Self>>;
}

/// The column of a Rust field; `r#type` is `type`.
pub(crate) fn field<C: Cell>(name: &str) -> Field {
    Field::new(name.trim_start_matches("r#"), C::data_type(), C::IS_OPTIONAL)
}

/// Declares a row: a struct, its table, its schema, and what each column means.
macro_rules! row {
    (
        #[doc = $about:literal]
        $name:ident = $table:literal {
            $(#[doc = $meaning:literal] $field:ident: $type:ty,)*
        }
    ) => {
        #[doc = $about]
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) struct $name {
            $(#[doc = $meaning] pub(crate) $field: $type,)*
        }

        impl $crate::projection::table::Row for $name {
            const TABLE: &'static str = $table;
            const ABOUT: &'static str = $about;
            const COLUMNS: &'static [(&'static str, &'static str)] = &[
                $((stringify!($field), $meaning),)*
            ];

            fn schema() -> datafusion::arrow::datatypes::SchemaRef {
                std::sync::Arc::new(datafusion::arrow::datatypes::Schema::new(vec![
                    $($crate::projection::table::field::<$type>(stringify!($field)),)*
                ]))
            }

            fn batch_of<'a>(
                rows: impl Iterator<Item = &'a Self> + Clone,
            ) -> Result<
                datafusion::arrow::record_batch::RecordBatch,
                datafusion::arrow::error::ArrowError,
            > {
                datafusion::arrow::record_batch::RecordBatch::try_new(
                    Self::schema(),
                    vec![$(<$type as $crate::projection::table::Cell>::array(
                        rows.clone().map(|row| &row.$field),
                    ),)*],
                )
            }

            fn rows(batch: &datafusion::arrow::record_batch::RecordBatch) -> Option<Vec<Self>> {
                if batch.schema().fields() != Self::schema().fields() {
                    return None;
                }
                let mut columns = batch.columns().iter();
                $(let mut $field =
                    <$type as $crate::projection::table::Cell>::cells(columns.next()?)?
                        .into_iter();)*
                let row = |_| Some(Self { $($field: $field.next()?,)* });
                (0..batch.num_rows()).map(row).collect()
            }
        }
    };
}
pub(crate) use row;

/// A base table as the engine registers it.
#[derive(Clone, Debug)]
pub(crate) struct BaseTable {
    /// Its name in SQL.
    pub(crate) name: &'static str,
    /// Its declared schema.
    pub(crate) schema: SchemaRef,
    /// Its rows.
    pub(crate) batches: Vec<RecordBatch>,
}

/// What a base table holds, for people.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TableReference {
    /// Its name in SQL.
    pub(crate) name: &'static str,
    /// What one row is.
    pub(crate) about: &'static str,
    /// Name and meaning of each column, in order.
    pub(crate) columns: &'static [(&'static str, &'static str)],
}

/// The reference of one row type.
pub(crate) const fn reference<R: Row>() -> TableReference {
    TableReference { name: R::TABLE, about: R::ABOUT, columns: R::COLUMNS }
}
