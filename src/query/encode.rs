//! Rows as bytes: JSON, CSV, Arrow or Parquet, piece by piece.
//!
//! In: an answer that is still being computed. Out: pieces of one document. Invariant: memory
//! holds a batch, for Parquet a row group, whatever the answer's size. An answer that breaks off
//! is an error, never a shorter document that looks whole.

use std::io::{self, Write};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;
use serde_json::Value;

use super::Error;
use super::answer::{Answer, cell};
use super::session::Running;

/// Rows of one Parquet row group.
const ROW_GROUP: usize = 65_536;

/// A format of answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// An array of objects.
    #[default]
    Json,
    /// RFC 4180, with a head line.
    Csv,
    /// An Arrow IPC stream.
    Arrow,
    /// A Parquet file.
    Parquet,
}

impl Encoding {
    /// The media type (IANA).
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

impl FromStr for Encoding {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "json" => Ok(Self::Json),
            "csv" => Ok(Self::Csv),
            "arrow" => Ok(Self::Arrow),
            "parquet" => Ok(Self::Parquet),
            _ => Err("wanted json, csv, arrow or parquet"),
        }
    }
}

/// An answer on its way out.
pub struct Encoded {
    running: Running,
    writer: Option<Writer>,
    out: Pieces,
}

enum Writer {
    Json { is_first: bool },
    Csv,
    Arrow(Box<StreamWriter<Pieces>>),
    Parquet(Box<ArrowWriter<Pieces>>),
}

/// What was written and not taken yet.
#[derive(Clone, Default)]
struct Pieces(Arc<Mutex<Vec<u8>>>);

impl Pieces {
    fn take(&self) -> Bytes {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Encoded {
    /// Begins a document.
    ///
    /// # Errors
    /// [`Error::Sql`] where the format has no such type.
    pub fn new(running: Running, encoding: Encoding) -> Result<Self, Error> {
        let mut out = Pieces::default();
        let schema = running.schema.clone();
        let writer = match encoding {
            Encoding::Json => {
                written(out.write_all(b"["))?;
                Writer::Json { is_first: true }
            }
            Encoding::Csv => {
                let names = schema.fields().iter().map(|field| quoted(field.name()));
                let head = names.collect::<Vec<_>>().join(",") + "\r\n";
                written(out.write_all(head.as_bytes()))?;
                Writer::Csv
            }
            Encoding::Arrow => {
                Writer::Arrow(Box::new(StreamWriter::try_new(out.clone(), &schema)?))
            }
            Encoding::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .set_max_row_group_row_count(Some(ROW_GROUP))
                    .build();
                let writer = ArrowWriter::try_new(out.clone(), schema, Some(properties));
                Writer::Parquet(Box::new(writer.map_err(parquet)?))
            }
        };
        Ok(Self { running, writer: Some(writer), out })
    }

    /// The last log position that the answer sees.
    pub const fn position(&self) -> Option<u64> {
        self.running.position
    }

    /// The next piece; nothing after the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        loop {
            let writer = self.writer.as_mut()?;
            let written = match self.running.rows.next().await {
                Some(Ok(batch)) => write(writer, &mut self.out, &batch),
                Some(Err(error)) => Err(error),
                None => {
                    let ended = self.writer.take().map(|writer| end(writer, &mut self.out));
                    ended.unwrap_or(Ok(()))
                }
            };
            if let Err(error) = written {
                self.writer = None;
                return Some(Err(error));
            }
            let piece = self.out.take();
            if !piece.is_empty() {
                return Some(Ok(piece));
            }
        }
    }
}

fn write(writer: &mut Writer, out: &mut Pieces, batch: &RecordBatch) -> Result<(), Error> {
    match writer {
        Writer::Json { is_first } => {
            let answer = Answer::of(&batch.schema(), std::slice::from_ref(batch))?;
            for object in answer.objects() {
                let before: &[u8] = if *is_first { b"\n" } else { b",\n" };
                written(out.write_all(before))?;
                written(serde_json::to_writer(&mut *out, &object).map_err(io::Error::from))?;
                *is_first = false;
            }
            Ok(())
        }
        Writer::Csv => {
            let answer = Answer::of(&batch.schema(), std::slice::from_ref(batch))?;
            for row in &answer.rows {
                let cells = row.iter().map(|value| match value {
                    Value::String(text) => quoted(text),
                    other => cell(other),
                });
                let line = cells.collect::<Vec<_>>().join(",") + "\r\n";
                written(out.write_all(line.as_bytes()))?;
            }
            Ok(())
        }
        Writer::Arrow(writer) => Ok(writer.write(batch)?),
        Writer::Parquet(writer) => writer.write(batch).map_err(parquet),
    }
}

fn end(writer: Writer, out: &mut Pieces) -> Result<(), Error> {
    match writer {
        Writer::Json { .. } => written(out.write_all(b"\n]\n")),
        Writer::Csv => Ok(()),
        Writer::Arrow(mut writer) => Ok(writer.finish()?),
        Writer::Parquet(writer) => writer.close().map(drop).map_err(parquet),
    }
}

/// A text field; an empty one is told from one that is not there.
fn quoted(text: &str) -> String {
    let is_plain = !text.is_empty() && !text.contains([',', '"', '\r', '\n']);
    if is_plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

fn written(result: io::Result<()>) -> Result<(), Error> {
    result.map_err(|error| datafusion::error::DataFusionError::IoError(error).into())
}

fn parquet(error: ParquetError) -> Error {
    datafusion::error::DataFusionError::ParquetError(Box::new(error)).into()
}
