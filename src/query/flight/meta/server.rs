//! What the server can do, as GetSqlInfo tells it.

use std::sync::LazyLock;

use arrow_flight::error::FlightError;
use arrow_flight::sql::metadata::{SqlInfoData, SqlInfoDataBuilder};
use arrow_flight::sql::{
    SqlInfo, SqlNullOrdering, SqlOuterJoinsSupportLevel, SqlSupportedCaseSensitivity,
    SqlSupportedGroupBy, SqlSupportedSubqueries, SqlSupportedTransaction, SqlSupportedUnions,
    SqlTransactionIsolationLevel,
};
use datafusion::sql::sqlparser::keywords::ALL_KEYWORDS;
use tonic::Status;

static INFO: LazyLock<Result<SqlInfoData, FlightError>> = LazyLock::new(made);

/// What the server says of itself.
pub(in crate::query::flight) fn info() -> Result<&'static SqlInfoData, Status> {
    INFO.as_ref().map_err(|error| Status::internal(format!("tell what the server can do: {error}")))
}

/// The bits of several choices.
fn bits(choices: &[i32]) -> i32 {
    choices.iter().fold(0, |bits, choice| bits | 1 << choice)
}

#[expect(clippy::too_many_lines, reason = "a list")]
fn made() -> Result<SqlInfoData, FlightError> {
    use SqlInfo as Info;

    let mut told = SqlInfoDataBuilder::new();
    told.append(Info::FlightSqlServerName, "Ledgerline");
    told.append(Info::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
    told.append(Info::FlightSqlServerArrowVersion, datafusion::arrow::ARROW_VERSION);
    told.append(Info::FlightSqlServerReadOnly, true);
    told.append(Info::FlightSqlServerSql, true);
    told.append(Info::FlightSqlServerSubstrait, false);
    told.append(Info::FlightSqlServerTransaction, SqlSupportedTransaction::None as i32);
    told.append(Info::FlightSqlServerCancel, true);
    told.append(Info::FlightSqlServerBulkIngestion, false);
    told.append(Info::FlightSqlServerStatementTimeout, super::super::prepared::IDLE_MS);
    told.append(Info::FlightSqlServerTransactionTimeout, 0);
    told.append(Info::SqlDdlCatalog, false);
    told.append(Info::SqlDdlSchema, false);
    told.append(Info::SqlDdlTable, false);
    let lower = SqlSupportedCaseSensitivity::SqlCaseSensitivityLowercase as i32;
    told.append(Info::SqlIdentifierCase, i64::from(lower));
    told.append(Info::SqlIdentifierQuoteChar, "\"");
    let quoted = SqlSupportedCaseSensitivity::SqlCaseSensitivityUnknown as i32;
    told.append(Info::SqlQuotedIdentifierCase, i64::from(quoted));
    told.append(Info::SqlAllTablesAreSelectable, true);
    told.append(Info::SqlNullOrdering, i64::from(SqlNullOrdering::SqlNullsSortedHigh as i32));
    told.append(Info::SqlKeywords, ALL_KEYWORDS);
    told.append(Info::SqlSearchStringEscape, "\\");
    told.append(Info::SqlExtraNameCharacters, "");
    told.append(Info::SqlSupportsColumnAliasing, true);
    told.append(Info::SqlNullPlusNullIsNull, true);
    told.append(Info::SqlSupportsTableCorrelationNames, true);
    told.append(Info::SqlSupportsDifferentTableCorrelationNames, false);
    told.append(Info::SqlSupportsExpressionsInOrderBy, true);
    told.append(Info::SqlSupportsOrderByUnrelated, true);
    told.append(
        Info::SqlSupportedGroupBy,
        bits(&[
            SqlSupportedGroupBy::SqlGroupByUnrelated as i32,
            SqlSupportedGroupBy::SqlGroupByBeyondSelect as i32,
        ]),
    );
    told.append(Info::SqlSupportsLikeEscapeClause, true);
    told.append(Info::SqlSupportsNonNullableColumns, false);
    told.append(
        Info::SqlOuterJoinsSupportLevel,
        bits(&[SqlOuterJoinsSupportLevel::SqlFullOuterJoins as i32]),
    );
    told.append(Info::SqlSchemaTerm, "schema");
    told.append(Info::SqlCatalogTerm, "catalog");
    told.append(Info::SqlCatalogAtStart, true);
    told.append(Info::SqlSelectForUpdateSupported, false);
    told.append(Info::SqlStoredProceduresSupported, false);
    told.append(
        Info::SqlSupportedSubqueries,
        bits(&[
            SqlSupportedSubqueries::SqlSubqueriesInComparisons as i32,
            SqlSupportedSubqueries::SqlSubqueriesInExists as i32,
            SqlSupportedSubqueries::SqlSubqueriesInIns as i32,
        ]),
    );
    told.append(Info::SqlCorrelatedSubqueriesSupported, true);
    told.append(
        Info::SqlSupportedUnions,
        bits(&[SqlSupportedUnions::SqlUnion as i32, SqlSupportedUnions::SqlUnionAll as i32]),
    );
    let isolation = SqlTransactionIsolationLevel::SqlTransactionNone as i32;
    told.append(Info::SqlDefaultTransactionIsolation, i64::from(isolation));
    told.append(Info::SqlTransactionsSupported, false);
    told.append(Info::SqlBatchUpdatesSupported, false);
    told.append(Info::SqlSavepointsSupported, false);
    told.append(Info::SqlNamedParametersSupported, true);
    told.append(Info::SqlLocatorsUpdateCopy, false);
    told.append(Info::SqlStoredFunctionsUsingCallSyntaxSupported, false);
    told.build()
}
