//! How each column of a file is written.
//!
//! In: what the first row group holds. Out: encoding, dictionary and level of compression for
//! each column.
//! Invariants: only what DuckDB and polars read as well as we do, so BYTE_STREAM_SPLIT for
//! doubles alone; the same rows give the same choice.

use std::sync::Arc;

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion,
};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, Type};

use super::buffer::Buffer;
use super::columns::Envelope;

/// Zstandard's levels for a column there is much of; the first of those that take least counts.
/// Hashes in hexadecimal are smallest with the lowest, which looks for no repetitions there, lists
/// of scores with the highest.
const LEVELS: [i32; 3] = [1, 9, 17];
/// Less than this is not worth the time that setting such a level up takes. Units: bytes.
const WORTHWHILE: usize = 32 << 10;
/// Rows that a choice is made by.
const SAMPLE: usize = 8_192;
/// Of fewer rows no choice is made: comparing would take longer than writing.
const FEW: usize = 256;
/// The level that choices are compared at.
const SAMPLE_LEVEL: i32 = 1;
/// A value in two is another one.
const HALF: usize = 2;

/// How values are written: in this encoding, or once and then by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    encoding: Encoding,
    has_dictionary: bool,
}

const fn plainly(encoding: Encoding) -> Choice {
    Choice { encoding, has_dictionary: false }
}

const NUMBERED: Choice = Choice { encoding: Encoding::PLAIN, has_dictionary: true };

/// A column of the file, and what its first row group holds.
pub(super) struct Column<'a> {
    pub(super) name: &'a str,
    /// What it is in the envelope.
    pub(super) envelope: Option<Envelope>,
    pub(super) kind: &'a Arc<Type>,
    pub(super) buffer: &'a Buffer,
    pub(super) rows: usize,
}

/// The properties of a file.
pub(super) fn properties(
    columns: &[Column<'_>],
    told: Vec<KeyValue>,
    zstd_level: i32,
) -> Result<WriterProperties, ParquetError> {
    let mut builder = base(zstd_level)?.set_key_value_metadata(Some(told));
    for column in columns {
        let choice = choose(column)?;
        let path = || ColumnPath::new(vec![column.name.to_owned()]);
        builder = builder
            .set_column_encoding(path(), choice.encoding)
            .set_column_dictionary_enabled(path(), choice.has_dictionary);
        if let Some(level) = level(column, choice)? {
            let level = ZstdLevel::try_new(level)?;
            builder = builder.set_column_compression(path(), Compression::ZSTD(level));
        }
        if column.envelope.is_some_and(is_pruned_by) {
            builder = builder.set_column_statistics_enabled(path(), EnabledStatistics::Chunk);
        }
    }
    Ok(builder.build())
}

/// What holds for every column. Pages of version 1 have their levels under the compression, too,
/// and most columns of a file with many types of events are little else; one page for each row
/// group needs no index of pages.
fn base(zstd_level: i32) -> Result<WriterPropertiesBuilder, ParquetError> {
    Ok(WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(zstd_level)?))
        .set_max_row_group_row_count(None)
        .set_data_page_row_count_limit(usize::MAX)
        .set_offset_index_disabled(true)
        .set_statistics_enabled(EnabledStatistics::None))
}

/// Whether a query is likely to pass over row groups by it.
const fn is_pruned_by(column: Envelope) -> bool {
    use Envelope as E;
    matches!(column, E::Position | E::RecordedAt | E::OccurredAt | E::EventType | E::Stream)
}

/// The choice that takes least for the first rows.
fn choose(column: &Column<'_>) -> Result<Choice, ParquetError> {
    let possible: &[Choice] = match column.buffer {
        buffer if buffer.is_bool() => &[plainly(Encoding::RLE)],
        // Ids come back soon or never, which Zstandard sees by itself.
        buffer if buffer.is_fixed() => &[plainly(Encoding::PLAIN)],
        buffer if buffer.is_bytes() => {
            if buffer.repeats(HALF) {
                &[NUMBERED]
            } else {
                &[plainly(Encoding::DELTA_LENGTH_BYTE_ARRAY)]
            }
        }
        buffer if buffer.is_double() => &[plainly(Encoding::BYTE_STREAM_SPLIT), NUMBERED],
        _ => &[plainly(Encoding::DELTA_BINARY_PACKED), plainly(Encoding::PLAIN), NUMBERED],
    };
    let first = possible.first().copied().unwrap_or(NUMBERED);
    if possible.len() < 2 || column.rows < FEW {
        return Ok(first);
    }
    let mut best = (usize::MAX, first);
    for choice in possible {
        let size = size(column, column.rows.min(SAMPLE), *choice, SAMPLE_LEVEL)?;
        if size < best.0 {
            best = (size, *choice);
        }
    }
    Ok(best.1)
}

/// What the first rows take.
fn size(
    column: &Column<'_>,
    rows: usize,
    choice: Choice,
    zstd_level: i32,
) -> Result<usize, ParquetError> {
    let properties = base(zstd_level)?
        .set_encoding(choice.encoding)
        .set_dictionary_enabled(choice.has_dictionary)
        .build();
    let schema =
        Type::group_type_builder("sample").with_fields(vec![column.kind.clone()]).build()?;
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    if let Some(mut to) = group.next_column()? {
        column.buffer.sample(rows).write(rows, &mut to)?;
        to.close()?;
    }
    let meta = group.close()?;
    Ok(usize::try_from(meta.compressed_size()).unwrap_or(usize::MAX))
}

/// The level of Zstandard that takes least for a column, where it is worth comparing.
fn level(column: &Column<'_>, choice: Choice) -> Result<Option<i32>, ParquetError> {
    if column.buffer.size() < WORTHWHILE || column.buffer.is_bool() {
        return Ok(None);
    }
    let mut best = (usize::MAX, None);
    for level in LEVELS {
        let size = size(column, column.rows, choice, level)?;
        if size < best.0 {
            best = (size, Some(level));
        }
    }
    Ok(best.1)
}
