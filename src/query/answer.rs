//! An answer as rows: aligned text for people, JSON for programs.
//!
//! In: record batches. Out: cells as JSON values; moments as RFC 3339 text in UTC, counts as
//! numbers. Invariant: every column is named and stands in every row, nulls included.
//! Deliberately absent: Arrow; whoever prints or reports needs none of it.

use datafusion::arrow::array::{Array, ArrayRef, AsArray as _};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Float64Type, Int64Type, Schema, TimestampMicrosecondType,
};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::{Map, Value};

use crate::base::Timestamp;
use crate::projection::table::moment_type;

/// Rows with named columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The columns' names.
    pub columns: Vec<String>,
    /// One value for each column.
    pub rows: Vec<Vec<Value>>,
}

impl Answer {
    pub(super) fn of(schema: &Schema, batches: &[RecordBatch]) -> Result<Self, ArrowError> {
        let columns = schema.fields().iter().map(|field| field.name().clone()).collect();
        let mut answer = Self { columns, rows: Vec::new() };
        answer.extend(batches)?;
        Ok(answer)
    }

    /// Adds rows.
    pub(super) fn extend(&mut self, batches: &[RecordBatch]) -> Result<(), ArrowError> {
        let rows = &mut self.rows;
        for batch in batches {
            let first = rows.len();
            rows.resize_with(first + batch.num_rows(), Vec::new);
            for column in batch.columns() {
                for (row, value) in rows.iter_mut().skip(first).zip(values(column)?) {
                    row.push(value);
                }
            }
        }
        Ok(())
    }

    /// The value of a row's column; null where there is none.
    pub fn value(&self, row: usize, column: &str) -> &Value {
        let place = self.columns.iter().position(|name| name == column);
        let row = self.rows.get(row);
        place.and_then(|place| row.and_then(|row| row.get(place))).unwrap_or(&Value::Null)
    }

    /// The value of a row's column as a count; 0 where it is none.
    pub fn count(&self, row: usize, column: &str) -> i64 {
        self.value(row, column).as_i64().unwrap_or(0)
    }

    /// The value of a row's column as text.
    pub fn text(&self, row: usize, column: &str) -> String {
        cell(self.value(row, column))
    }

    /// One object for each row.
    pub fn objects(&self) -> Vec<Value> {
        let object = |row: &Vec<Value>| {
            let pairs = self.columns.iter().cloned().zip(row.iter().cloned());
            Value::Object(pairs.collect::<Map<_, _>>())
        };
        self.rows.iter().map(object).collect()
    }

    /// An aligned table with a head and a count of rows. Numbers stand to the right.
    pub fn table(&self) -> String {
        let cells: Vec<Vec<String>> =
            self.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        let mut widths: Vec<usize> = self.columns.iter().map(|name| width(name)).collect();
        for row in &cells {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(width(cell));
            }
        }
        let is_number = |column: usize| {
            let mut values = self.rows.iter().filter_map(|row| row.get(column));
            !self.rows.is_empty() && values.all(|value| value.is_number() || value.is_null())
        };
        let right: Vec<bool> = (0..self.columns.len()).map(is_number).collect();
        let mut text = String::new();
        let mut line = |cells: &[String]| {
            let mut line = String::new();
            for ((cell, widest), right) in cells.iter().zip(&widths).zip(&right) {
                let gap = " ".repeat(widest.saturating_sub(width(cell)));
                let padded = if *right { gap + cell } else { format!("{cell}{gap}") };
                line.push_str(&padded);
                line.push_str("  ");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        };
        line(&self.columns);
        line(&widths.iter().map(|widest| "-".repeat(*widest)).collect::<Vec<_>>());
        for row in &cells {
            line(row);
        }
        let rows = if self.rows.len() == 1 { "row" } else { "rows" };
        text.push_str(&format!("({} {rows})\n", self.rows.len()));
        text
    }
}

/// Columns on a terminal: East Asian characters take two.
fn width(text: &str) -> usize {
    let wide = |c: char| matches!(u32::from(c), 0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6);
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.replace('\n', "⏎"),
        other => other.to_string(),
    }
}

fn values(column: &ArrayRef) -> Result<Vec<Value>, ArrowError> {
    let values = match column.data_type() {
        DataType::Boolean => column.as_boolean().iter().map(Value::from).collect(),
        data_type if data_type.is_integer() && *data_type != DataType::UInt64 => {
            let column = cast(column, &DataType::Int64)?;
            column.as_primitive::<Int64Type>().iter().map(Value::from).collect()
        }
        DataType::UInt64 => {
            let column = column.as_primitive::<datafusion::arrow::datatypes::UInt64Type>();
            column.iter().map(Value::from).collect()
        }
        data_type if data_type.is_floating() => {
            let column = cast(column, &DataType::Float64)?;
            column.as_primitive::<Float64Type>().iter().map(Value::from).collect()
        }
        DataType::Timestamp(..) => {
            let column = cast(column, &moment_type())?;
            let column = column.as_primitive::<TimestampMicrosecondType>();
            column.iter().map(|it| it.map(moment).into()).collect()
        }
        _ => {
            let options = FormatOptions::default();
            let texts = ArrayFormatter::try_new(column, &options)?;
            let text = |row| match column.is_null(row) {
                true => Value::Null,
                false => Value::String(texts.value(row).to_string()),
            };
            (0..column.len()).map(text).collect()
        }
    };
    Ok(values)
}

/// RFC 3339 without a fraction that is nothing.
fn moment(micros: i64) -> String {
    Timestamp::from_micros(micros).to_string().replace(".000000Z", "Z")
}
