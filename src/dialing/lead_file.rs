//! Lead files: comma-separated, UTF-8, a header line, one lead per row.
//!
//! In: bytes. Out: the rows that can be used, and for each that cannot, its line, column and
//! what would be right; the columns that portraits go without. Invariants: a bad row never stops
//! the good ones; no value of a personal column appears in a problem; a column in which any row
//! has what looks like a telephone number or an e-mail address is in no portrait;
//! no row has a number that must never be dialled;
//! `recorded_outcome` stays out of the portrait, as it says how the call will go. Deliberately
//! absent: encryption, ids, the log; telling names and addresses of people in other columns.

use std::collections::BTreeMap;

use super::barred::barred;
use crate::base::{PersonName, PhoneNumber, Ppm};
use crate::event::Portrait;

mod object;
mod personal;
mod value;

pub use object::{ObjectError, parse_objects};

/// A column only the simulated world may look at.
pub const OUTCOME_COLUMN: &str = "recorded_outcome";
const PHONE_COLUMN: &str = "phone";
const NAME_COLUMN: &str = "name";

/// A row that can be used.
#[derive(Clone, Debug, PartialEq)]
pub struct LeadRow {
    /// The line in the file, from 1.
    pub line: u64,
    /// The number.
    pub phone: PhoneNumber,
    /// The name; empty where the file has none.
    pub name: PersonName,
    /// All other columns but [`OUTCOME_COLUMN`] and those left out.
    pub portrait: Portrait,
    /// Value from recency, frequency and monetary.
    pub value: Ppm,
}

/// A row that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RowProblem {
    /// The line in the file, from 1.
    pub line: u64,
    /// The column's name; empty where the whole row is meant.
    pub column: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

/// A column that portraits go without.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LeftOut {
    /// The column's name.
    pub column: String,
    /// What stands in it, the first line where it does, and what would be right.
    pub reason: String,
}

/// A lead file that was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeadFile {
    /// In the order of the file.
    pub rows: Vec<LeadRow>,
    /// In the order of the file.
    pub problems: Vec<RowProblem>,
    /// By name, each once.
    pub left_out: Vec<LeftOut>,
}

/// A file without a usable header.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LeadFileError {
    /// Nothing in it.
    #[error("read lead file: it is empty; wanted a header line with a column `phone`")]
    Empty,
    /// The first line holds a number. It is not repeated: it is somebody's.
    #[error("read lead file, line 1: a phone number stands where the column names should")]
    NoHeader,
    /// No phone column.
    #[error("read lead file, line 1: no column `phone` among {found:?}")]
    NoPhoneColumn {
        /// The columns found.
        found: Vec<String>,
    },
    /// A header that is not text.
    #[error("read lead file, line 1: the header is not UTF-8")]
    NotText,
    /// A column twice.
    #[error("read lead file, line 1: column `{0}` stands twice")]
    ColumnTwice(String),
}

/// Reads a lead file.
///
/// # Errors
/// [`LeadFileError`] where the header cannot be used; a bad row is no error.
pub fn parse(bytes: &[u8]) -> Result<LeadFile, LeadFileError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let header = header(&mut reader)?;
    let mut file = LeadFile::default();
    let mut seen = BTreeMap::new();
    let mut record = csv::ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                file.problems.push(problem(line, "", format!("cannot be read: {error}")));
                break;
            }
        }
        let line = record.position().map_or(0, csv::Position::line);
        match row(&header, &record, line) {
            Ok(row) => match seen.get(&row.phone) {
                Some(first) => file.problems.push(problem(
                    line,
                    PHONE_COLUMN,
                    format!("the number stands in line {first} already; wanted each number once"),
                )),
                None => {
                    seen.insert(row.phone.clone(), line);
                    file.rows.push(row);
                }
            },
            Err(found) => file.problems.push(found),
        }
    }
    finish(&mut file);
    Ok(file)
}

/// What can be said only once every row is there: which columns stay out, and values.
fn finish(file: &mut LeadFile) {
    leave_out_personal(file);
    for row in &mut file.rows {
        // Of what is left only: what the log holds must be all it follows from.
        row.value = value::of(&row.portrait);
    }
}

/// Takes columns with personal values out of every portrait: the log holds portraits in clear.
fn leave_out_personal(file: &mut LeadFile) {
    let mut found: BTreeMap<String, (personal::Kind, u64)> = BTreeMap::new();
    for row in &file.rows {
        for (column, text) in &row.portrait {
            if let Some(kind) = personal::kind_of(text)
                && !found.contains_key(column)
            {
                found.insert(column.clone(), (kind, row.line));
            }
        }
    }
    for row in &mut file.rows {
        row.portrait.retain(|column, _| !found.contains_key(column));
    }
    file.left_out = found
        .into_iter()
        .map(|(column, (kind, line))| LeftOut {
            column,
            reason: format!(
                "has what looks like {} in line {line}; only `{PHONE_COLUMN}` and `{NAME_COLUMN}` \
                 are kept sealed, so the column stays out of every row",
                kind.name()
            ),
        })
        .collect();
}

fn header(reader: &mut csv::Reader<&[u8]>) -> Result<Vec<String>, LeadFileError> {
    let names = reader.headers().map_err(|_| LeadFileError::NotText)?;
    let names: Vec<String> = names.iter().map(|name| name.trim().to_lowercase()).collect();
    if names.iter().all(String::is_empty) {
        return Err(LeadFileError::Empty);
    }
    if names.iter().any(|name| has_number(name)) {
        return Err(LeadFileError::NoHeader);
    }
    for (index, name) in names.iter().enumerate() {
        if names.iter().skip(index + 1).any(|other| other == name) {
            return Err(LeadFileError::ColumnTwice(name.clone()));
        }
    }
    if !names.iter().any(|name| name == PHONE_COLUMN) {
        return Err(LeadFileError::NoPhoneColumn { found: names });
    }
    Ok(names)
}

/// Whether a name holds as many digits as the shortest number: a file without a header.
fn has_number(name: &str) -> bool {
    name.bytes().filter(u8::is_ascii_digit).count() >= 7
}

fn row(header: &[String], record: &csv::ByteRecord, line: u64) -> Result<LeadRow, RowProblem> {
    if record.len() != header.len() {
        let reason = format!("has {} fields; the header has {}", record.len(), header.len());
        return Err(problem(line, "", reason));
    }
    let mut fields = Vec::with_capacity(header.len());
    for (column, field) in header.iter().zip(record) {
        let text = std::str::from_utf8(field)
            .map_err(|_| problem(line, column, "is not UTF-8; save the file as UTF-8"))?;
        fields.push((column.as_str(), text));
    }
    lead(&fields, line)
}

/// A lead from its columns.
fn lead(fields: &[(&str, &str)], line: u64) -> Result<LeadRow, RowProblem> {
    let mut phone = None;
    let mut name = PersonName::default();
    let mut portrait = Portrait::new();
    for (column, text) in fields {
        let (column, text) = (*column, text.trim());
        match column {
            PHONE_COLUMN => {
                let number = text.parse::<PhoneNumber>();
                let number = number.map_err(|error| problem(line, column, error.to_string()))?;
                if let Some(why) = barred(number.reveal()) {
                    return Err(problem(line, column, why.to_string()));
                }
                phone = Some(number);
            }
            NAME_COLUMN => name = PersonName::new(text),
            OUTCOME_COLUMN => {}
            "age" if !text.is_empty() => {
                let age = text.parse::<u32>().ok().filter(|age| (18..=120).contains(age));
                if age.is_none() {
                    let reason = "is not an age; wanted a whole number from 18 to 120";
                    return Err(problem(line, column, reason));
                }
                portrait.insert(column.to_owned(), text.to_owned());
            }
            _ if text.is_empty() => {}
            _ => {
                portrait.insert(column.to_owned(), text.to_owned());
            }
        }
    }
    let phone = phone.ok_or_else(|| problem(line, PHONE_COLUMN, "is missing"))?;
    Ok(LeadRow { line, phone, name, portrait, value: Ppm(0) })
}

fn problem(line: u64, column: &str, reason: impl Into<String>) -> RowProblem {
    RowProblem { line, column: column.to_owned(), reason: reason.into() }
}

#[cfg(test)]
mod tests;
