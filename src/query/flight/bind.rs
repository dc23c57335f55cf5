//! Values in the place of parameters.
//!
//! In: a question with `?`, `$1` or `$name`, and rows of values in Arrow. Out: the parameters in
//! the order that clients bind them in, and one set of values for each row. Invariants: values are
//! never pasted into a text; `?` is numbered from left to right, since the engine knows `$1`.

use std::collections::BTreeMap;

use arrow_flight::FlightData;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::ParamValues;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use tonic::Status;

use super::error;
use crate::query::{Error, Params, Prepared};

/// The most rows of values for one question.
const ROWS_MAX: usize = 1_000;
/// The most bytes of values for one question. Units: bytes.
const BYTES_MAX: usize = 16 << 20;

/// A parameter: its name with `$`, and its type where that follows from the question.
pub(super) type Parameter = (String, Option<DataType>);

/// The question with `$1`, `$2`, … for its `?`.
pub(super) fn numbered(sql: &str) -> String {
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location() else {
        // The engine says what is wrong with it.
        return sql.to_owned();
    };
    let mut marks = tokens.iter().filter(|token| token.token == Token::Placeholder("?".to_owned()));
    let mut next = marks.next();
    let mut text = String::with_capacity(sql.len() + 16);
    let (mut line, mut column, mut number) = (1, 1, 0);
    for letter in sql.chars() {
        let start = next.map(|token| (token.span.start.line, token.span.start.column));
        if letter == '?' && start == Some((line, column)) {
            number += 1;
            text.push_str(&format!("${number}"));
            next = marks.next();
        } else {
            text.push(letter);
        }
        if letter == '\n' {
            (line, column) = (line + 1, 1);
        } else {
            column += 1;
        }
    }
    text
}

/// The parameters in the order that they are bound in: by number, otherwise by name.
pub(super) fn ordered(params: &BTreeMap<String, Option<DataType>>) -> Vec<Parameter> {
    let number = |name: &str| name.trim_start_matches('$').parse::<u32>().ok();
    let mut ordered: Vec<_> =
        params.iter().map(|(name, kind)| (name.clone(), kind.clone())).collect();
    ordered.sort_by_key(|(name, _)| number(name).unwrap_or(u32::MAX));
    ordered
}

/// The parameters as a schema. One that may be of any type is told as text.
pub(super) fn schema(params: &[Parameter]) -> Schema {
    let field = |(name, kind): &Parameter| {
        Field::new(name.as_str(), kind.clone().unwrap_or(DataType::Utf8), true)
    };
    Schema::new(params.iter().map(field).collect::<Vec<_>>())
}

/// Reads rows of values.
///
/// # Errors
/// Where there are too many, or they are no Arrow.
pub(super) async fn read<S>(messages: S) -> Result<Vec<RecordBatch>, Status>
where
    S: Stream<Item = Result<FlightData, Status>> + Send + 'static,
{
    let messages = messages.map_err(FlightError::from);
    let mut stream = FlightRecordBatchStream::new_from_flight_data(messages);
    let (mut batches, mut rows, mut bytes) = (Vec::new(), 0, 0);
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(|error| match error {
            FlightError::Tonic(status) => *status,
            other => Status::invalid_argument(format!("read values to bind: {other}")),
        })?;
        rows += batch.num_rows();
        bytes += batch.get_array_memory_size();
        if rows > ROWS_MAX || bytes > BYTES_MAX {
            return Err(Status::resource_exhausted(format!(
                "bind values: one question takes up to {ROWS_MAX} rows of them and {} MiB",
                BYTES_MAX >> 20
            )));
        }
        batches.push(batch);
    }
    Ok(batches)
}

/// The question once for each row of values.
///
/// # Errors
/// INVALID_ARGUMENT where there are other values than parameters, or one does not fit.
pub(super) fn runs(prepared: &Prepared, values: &[RecordBatch]) -> Result<Vec<Prepared>, Status> {
    let params = ordered(&prepared.params);
    let mut runs = Vec::new();
    for batch in values {
        let columns = columns(&params, batch)?;
        for row in 0..batch.num_rows() {
            let mut named = Vec::with_capacity(params.len());
            for ((name, kind), column) in params.iter().zip(&columns) {
                let value = ScalarValue::try_from_array(batch.column(*column), row)
                    .map_err(|error| error::refused(&Error::from(error)))?;
                named
                    .push((name.trim_start_matches('$').to_owned(), fitting(value, kind.as_ref())));
            }
            let params = Params(ParamValues::from(named));
            runs.push(prepared.bind(params).map_err(|error| error::refused(&error))?);
        }
    }
    Ok(runs)
}

/// Where each parameter's column is: by name where all names are there, otherwise in order.
fn columns(params: &[Parameter], batch: &RecordBatch) -> Result<Vec<usize>, Status> {
    if params.len() != batch.num_columns() {
        let wanted: Vec<_> = params.iter().map(|(name, _)| name.as_str()).collect();
        return Err(Status::invalid_argument(format!(
            "bind values: the question has {} parameters [{}], and there are {} values in a row",
            params.len(),
            wanted.join(", "),
            batch.num_columns()
        )));
    }
    let schema = batch.schema();
    let column = |name: &str| schema.index_of(name.trim_start_matches('$')).ok();
    let by_name: Option<Vec<_>> = params
        .iter()
        .map(|(name, _)| schema.index_of(name).ok().or_else(|| column(name)))
        .collect();
    Ok(by_name.unwrap_or_else(|| (0..params.len()).collect()))
}

/// The value as the type that the question wants, where it can be that.
fn fitting(value: ScalarValue, kind: Option<&DataType>) -> ScalarValue {
    match kind {
        Some(kind) if *kind != value.data_type() => value.cast_to(kind).unwrap_or(value),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn question_marks_are_numbered_where_they_are_parameters() {
        let check = |sql: &str, wanted: &str| assert_eq!(numbered(sql), wanted);
        check("select 1", "select 1");
        check("select ? + ?", "select $1 + $2");
        check("select '?', ? -- ?\n, \"a?\", ?", "select '?', $1 -- ?\n, \"a?\", $2");
        check("select '中文?', ?", "select '中文?', $1");
        check("select /* ?\n? */ ?", "select /* ?\n? */ $1");
        check("select $1, $name", "select $1, $name");
        check("select 'no end ?", "select 'no end ?");
    }

    #[test]
    fn numbers_come_before_names_and_in_their_order() {
        let names = ["$10", "$2", "$b", "$a"];
        let params = names.iter().map(|name| ((*name).to_owned(), None)).collect();
        let ordered: Vec<_> = ordered(&params).into_iter().map(|(name, _)| name).collect();
        assert_eq!(ordered, ["$2", "$10", "$a", "$b"]);
    }
}
