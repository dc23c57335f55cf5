//! Events of one day and family as a Parquet file.
//!
//! In: numbers of events in a scan. Out: the bytes of the file and its entry for the seal record.
//! Invariant: the same events give the same bytes. An event whose fields do not come back
//! exactly from shape and columns keeps its bytes as they are.

use std::collections::HashMap;
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, RowGroupMetaData, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, TypePtr};

use super::buffer::Buffer;
use super::columns::{COLUMNS_KEY, Columns, Envelope, FORMAT, FORMAT_KEY};
use super::literal::Kind;
use super::raw::{RawEvent, Scan};
use super::seal_record::{RowGroupEntry, SealedFile};
use super::shape::{self, Field, Shape};
use super::{SealError, SealOptions};
use crate::base::hex;
use crate::event::{ContentType, Recorded};
use crate::event_log::frame;

/// Shapes one file may have; events of further ones are kept as they are.
const SHAPES_MAX: usize = 4_096;

/// Zstandard's level for texts that do not repeat as a whole: lists of candidates above all,
/// which are alike in most of their bytes.
const TEXT_LEVEL: i32 = 15;
/// And for ids and moments.
const ID_LEVEL: i32 = 9;
/// A value in two is another one, or one in sixteen.
const HALF: usize = 2;
const FEW: usize = 16;

/// What a file is to hold.
pub(super) struct Plan {
    /// Where it goes.
    pub(super) path: String,
    pub(super) day: String,
    pub(super) family: String,
    /// The events, by number in the scan, ascending.
    pub(super) rows: Vec<u32>,
}

/// What the first pass finds out.
struct Survey {
    columns: Columns,
    shapes: Vec<String>,
    /// By row: the number of its shape.
    of_rows: Vec<Option<u32>>,
}

/// Makes the file.
pub(super) fn encode(
    scan: &Scan<'_>,
    plan: &Plan,
    options: &SealOptions,
) -> Result<(Vec<u8>, SealedFile), SealError> {
    let refused = |error: ParquetError| SealError::Encode {
        path: plan.path.clone(),
        what: error.to_string(),
    };
    let survey = survey(scan, plan)?;
    let schema = survey.columns.schema().map_err(refused)?;
    let mut group = Group::new(&survey.columns);
    let mut writer: Option<SerializedFileWriter<Vec<u8>>> = None;
    let mut entries = Vec::new();
    let chunk = options.row_group_events.max(1);
    for (rows, shapes) in plan.rows.chunks(chunk).zip(survey.of_rows.chunks(chunk)) {
        for (number, shape) in rows.iter().zip(shapes) {
            let raw = scan.event(*number as usize)?;
            let shape = shape.and_then(|number| survey.shapes.get(number as usize));
            group.add(&raw, shape.map(String::as_str), &survey.columns);
        }
        let writer = match &mut writer {
            Some(writer) => writer,
            None => {
                let properties = properties(&survey.columns, &group, options).map_err(refused)?;
                writer.insert(begin(schema.clone(), properties).map_err(refused)?)
            }
        };
        let meta = group.write(writer).map_err(refused)?;
        entries.push((meta, rows.len() as u64, first_and_last(scan, rows)));
    }
    let bytes = match writer {
        Some(writer) => writer.into_inner().map_err(refused)?,
        None => return Err(SealError::Empty),
    };
    let file = entry(plan, &bytes, entries);
    Ok((bytes, file))
}

fn first_and_last(scan: &Scan<'_>, rows: &[u32]) -> (u64, u64) {
    let at = |row: Option<&u32>| scan.base + row.map_or(0, |row| u64::from(*row));
    (at(rows.first()), at(rows.last()))
}

/// The file as the seal record names it.
fn entry(
    plan: &Plan,
    bytes: &[u8],
    groups: Vec<(Arc<RowGroupMetaData>, u64, (u64, u64))>,
) -> SealedFile {
    let length = bytes.len().checked_sub(8).and_then(|at| bytes.get(at..)?.first_chunk::<4>());
    let footer_bytes = length.map_or(0, |length| u64::from(u32::from_le_bytes(*length)) + 8);
    let footer = bytes.len().saturating_sub(usize::try_from(footer_bytes).unwrap_or(usize::MAX));
    let row_groups = groups.into_iter().map(|(meta, events, (first, last))| {
        let ranges = meta.columns().iter().map(|column| column.byte_range());
        let (mut offset, mut end) = (u64::MAX, 0);
        for (start, len) in ranges {
            offset = offset.min(start);
            end = end.max(start + len);
        }
        let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let stretch = bytes.get(index(offset)..index(end)).unwrap_or_default();
        let crc32c = crc32c::crc32c(stretch);
        RowGroupEntry { offset, bytes: end - offset, crc32c, events, first, last }
    });
    SealedFile {
        path: plan.path.clone(),
        day: plan.day.clone(),
        family: plan.family.clone(),
        bytes: bytes.len() as u64,
        blake3: hex(&frame::hash(bytes)),
        events: plan.rows.len() as u64,
        footer_bytes,
        footer_crc32c: crc32c::crc32c(bytes.get(footer..).unwrap_or_default()),
        row_groups: row_groups.collect(),
    }
}

/// Finds the columns that are needed, and the events that columns cannot hold.
fn survey(scan: &Scan<'_>, plan: &Plan) -> Result<Survey, SealError> {
    let mut survey =
        Survey { columns: Columns::default(), shapes: Vec::new(), of_rows: Vec::new() };
    let mut known: HashMap<String, (u32, Option<Shape>)> = HashMap::new();
    let (mut text, mut back) = (String::new(), Vec::new());
    for number in &plan.rows {
        let event = scan.event(*number as usize)?.event;
        let mut fields = Vec::new();
        let mut found = None;
        if event.content_type == ContentType::Json
            && shape::split(&event.data, &mut text, &mut fields)
        {
            if !known.contains_key(&text) && known.len() < SHAPES_MAX {
                let shape = admit(&text, &fields, &mut survey.columns);
                let number = survey.shapes.len() as u32;
                if shape.is_some() {
                    survey.shapes.push(text.clone());
                }
                known.insert(text.clone(), (number, shape));
            }
            if let Some((number, Some(shape))) = known.get(&text) {
                back.clear();
                found = (shape.fill(&fields, &mut back) && back == event.data).then_some(*number);
            }
        }
        survey.of_rows.push(found);
    }
    Ok(survey)
}

/// Makes the columns a new shape needs; nothing where there is no room for them all.
fn admit(text: &str, fields: &[Field<'_>], columns: &mut Columns) -> Option<Shape> {
    for field in fields {
        columns.find_or_add(field.name, field.slot.kind())?;
    }
    Shape::parse(text)
}

/// The columns of one row group.
struct Group {
    rows: usize,
    envelope: Vec<Buffer>,
    payload: Vec<Buffer>,
    /// The position of each event of this row group, by its id.
    positions: HashMap<[u8; 16], u64>,
    text: String,
}

impl Group {
    fn new(columns: &Columns) -> Self {
        let kinds = (0..columns.payload.len()).filter_map(|number| columns.kind(number));
        Self {
            rows: 0,
            envelope: Envelope::ALL.into_iter().map(Buffer::envelope).collect(),
            payload: kinds.map(Buffer::payload).collect(),
            positions: HashMap::new(),
            text: String::new(),
        }
    }

    fn add(&mut self, raw: &RawEvent, shape: Option<&str>, columns: &Columns) {
        let (row, event) = (self.rows, &raw.event);
        for (column, buffer) in Envelope::ALL.into_iter().zip(&mut self.envelope) {
            put_envelope(column, buffer, row, raw, shape, &self.positions);
        }
        if shape.is_some() {
            let mut fields = Vec::new();
            shape::split(&event.data, &mut self.text, &mut fields);
            for field in &fields {
                let number = columns.find(field.name, field.slot.kind());
                if let Some(buffer) = number.and_then(|number| self.payload.get_mut(number)) {
                    buffer.value(row, &field.value);
                }
            }
        }
        self.positions.insert(event.event_id.0.into_bytes(), event.position);
        self.rows += 1;
    }

    fn write(
        &mut self,
        to: &mut SerializedFileWriter<Vec<u8>>,
    ) -> Result<Arc<RowGroupMetaData>, ParquetError> {
        let mut group = to.next_row_group()?;
        for buffer in self.envelope.iter_mut().chain(&mut self.payload) {
            let column = group.next_column()?;
            let mut column =
                column.ok_or_else(|| ParquetError::General("a column too many".to_owned()))?;
            buffer.write(self.rows, &mut column)?;
            column.close()?;
        }
        self.rows = 0;
        self.positions.clear();
        group.close()
    }
}

fn put_envelope(
    column: Envelope,
    to: &mut Buffer,
    row: usize,
    raw: &RawEvent,
    shape: Option<&str>,
    positions: &HashMap<[u8; 16], u64>,
) {
    let event: &Recorded = &raw.event;
    let cause = event.causation_id.map(|id| id.0.into_bytes());
    let cause_at = cause.and_then(|id| positions.get(&id));
    match column {
        Envelope::Position => to.long(row, event.position.cast_signed()),
        Envelope::Stream => to.bytes(row, event.stream.as_str().as_bytes()),
        Envelope::Revision => to.long(row, event.revision.cast_signed()),
        Envelope::RecordedAt => to.long(row, event.recorded_at.as_micros()),
        Envelope::EventId => to.fixed(row, event.event_id.0.into_bytes()),
        Envelope::EventType => to.bytes(row, event.event_type.as_bytes()),
        Envelope::SchemaVersion => to.int(row, i32::from(event.schema_version)),
        Envelope::OccurredAt => to.long(row, event.occurred_at.as_micros()),
        Envelope::CorrelationId => {
            if let Some(id) = event.correlation_id {
                to.fixed(row, id.into_bytes());
            }
        }
        Envelope::CausationId => {
            if let (Some(id), None) = (cause, cause_at) {
                to.fixed(row, id);
            }
        }
        Envelope::CausationPosition => {
            if let Some(position) = cause_at {
                to.long(row, position.cast_signed());
            }
        }
        Envelope::Actor => to.bytes(row, event.actor.as_str().as_bytes()),
        Envelope::IsJson => to.bool(row, event.content_type == ContentType::Json),
        Envelope::Metadata => {
            if !event.metadata.is_empty() {
                to.bytes(row, &event.metadata);
            }
        }
        Envelope::FrameVersion => {
            if let Some(version) = raw.frame_version {
                to.int(row, i32::from(version));
            }
        }
        Envelope::Shape => {
            if let Some(shape) = shape {
                to.bytes(row, shape.as_bytes());
            }
        }
        Envelope::Data => {
            if shape.is_none() {
                to.bytes(row, &event.data);
            }
        }
    }
}

fn begin(
    schema: TypePtr,
    properties: WriterProperties,
) -> Result<SerializedFileWriter<Vec<u8>>, ParquetError> {
    SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))
}

/// How each column is written, from what the first row group holds.
fn properties(
    columns: &Columns,
    first: &Group,
    options: &SealOptions,
) -> Result<WriterProperties, ParquetError> {
    let listed = serde_json::to_string(&columns.payload)
        .map_err(|error| ParquetError::External(Box::new(error)))?;
    let level = ZstdLevel::try_new(options.zstd_level)?;
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(None)
        .set_sorting_columns(Some(vec![SortingColumn {
            column_idx: 0,
            descending: false,
            nulls_first: false,
        }]))
        .set_key_value_metadata(Some(vec![
            KeyValue::new(FORMAT_KEY.to_owned(), FORMAT.to_string()),
            KeyValue::new(COLUMNS_KEY.to_owned(), listed),
        ]))
        .set_statistics_enabled(EnabledStatistics::None);
    let envelope = Envelope::ALL.into_iter().zip(&first.envelope).map(|(column, buffer)| {
        let (encoding, statistics) = of_envelope(column);
        (column.name(), encoding, statistics, buffer)
    });
    let payload = columns.payload.iter().zip(&first.payload).enumerate();
    let payload = payload.map(|(number, (payload, buffer))| {
        let encoding = columns.kind(number).map_or(Encoding::PLAIN, of_kind);
        (payload.column.as_str(), encoding, false, buffer)
    });
    for (name, encoding, statistics, buffer) in envelope.chain(payload) {
        // Ids that come again and again are found whole; those of a sequence byte by byte.
        let encoding = match encoding {
            Encoding::BYTE_STREAM_SPLIT if buffer.is_fixed() && buffer.repeats(HALF) => {
                Encoding::PLAIN
            }
            encoding => encoding,
        };
        let path = || ColumnPath::new(vec![name.to_owned()]);
        builder = builder
            .set_column_encoding(path(), encoding)
            .set_column_dictionary_enabled(path(), has_dictionary(encoding, buffer));
        if let Some(least) = least_level(encoding, buffer) {
            let level = ZstdLevel::try_new(options.zstd_level.max(least))?;
            builder = builder.set_column_compression(path(), Compression::ZSTD(level));
        }
        if statistics {
            builder = builder.set_column_statistics_enabled(path(), EnabledStatistics::Page);
        }
    }
    Ok(builder.build())
}

/// The encoding of values that do not repeat, and whether a query is likely to prune by them.
const fn of_envelope(column: Envelope) -> (Encoding, bool) {
    use Envelope as E;
    match column {
        E::Position | E::RecordedAt | E::Revision => (Encoding::DELTA_BINARY_PACKED, true),
        E::OccurredAt => (Encoding::PLAIN, true),
        E::CausationPosition => (Encoding::PLAIN, false),
        E::SchemaVersion | E::FrameVersion => (Encoding::DELTA_BINARY_PACKED, false),
        E::EventId | E::CausationId => (Encoding::BYTE_STREAM_SPLIT, false),
        E::CorrelationId => (Encoding::BYTE_STREAM_SPLIT, true),
        E::Stream | E::EventType => (Encoding::DELTA_LENGTH_BYTE_ARRAY, true),
        E::Actor | E::Shape | E::Metadata | E::Data => (Encoding::DELTA_LENGTH_BYTE_ARRAY, false),
        E::IsJson => (Encoding::RLE, false),
    }
}

const fn of_kind(kind: Kind) -> Encoding {
    match kind {
        Kind::Text | Kind::Json => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        Kind::Int | Kind::Time => Encoding::DELTA_BINARY_PACKED,
        Kind::Float | Kind::Uuid => Encoding::BYTE_STREAM_SPLIT,
        Kind::Bool => Encoding::RLE,
    }
}

/// Whether values are written once and then by number. Ids and moments come back soon or never,
/// which Zstandard sees by itself and better; so do numbers, unless they are few.
fn has_dictionary(encoding: Encoding, buffer: &Buffer) -> bool {
    match encoding {
        Encoding::PLAIN | Encoding::BYTE_STREAM_SPLIT => false,
        Encoding::DELTA_BINARY_PACKED => buffer.repeats(FEW),
        _ => buffer.repeats(HALF),
    }
}

/// The least level of Zstandard for a column, where it is worth more than for others.
fn least_level(encoding: Encoding, buffer: &Buffer) -> Option<i32> {
    match encoding {
        Encoding::DELTA_LENGTH_BYTE_ARRAY if !buffer.repeats(HALF) => Some(TEXT_LEVEL),
        Encoding::PLAIN | Encoding::BYTE_STREAM_SPLIT => Some(ID_LEVEL),
        _ => None,
    }
}
