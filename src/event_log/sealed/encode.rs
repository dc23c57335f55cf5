//! Events of one day and family as a Parquet file.
//!
//! In: numbers of events in a scan. Out: the bytes of the file and its entry for the seal record.
//! Invariant: the same events give the same bytes. An event whose fields do not come back
//! exactly from shape and columns keeps its bytes as they are.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, RowGroupMetaData};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::TypePtr;

use super::buffer::Buffer;
use super::columns::{COLUMNS_KEY, Columns, Envelope, FOLLOWS_KEY, FORMAT, FORMAT_KEY, STREAM_KEY};
use super::derived::{self, Causes, Counted, FollowSearch, Follows, RuleSearch, StreamRule};
use super::encoding::{self, Column};
use super::literal::{Kind, Slot, Value};
use super::raw::{RawEvent, Scan};
use super::seal_record::{RowGroupEntry, SealedFile};
use super::shape::{self, Field, Known, Shape};
use super::{SealError, SealOptions};
use crate::base::hex;
use crate::event::{ContentType, Recorded};
use crate::event_log::frame;

/// Shapes one file may have; events of further ones are kept as they are.
const SHAPES_MAX: usize = 4_096;

/// Lists of objects are worth turning on their side from this many bytes on, on average.
const TABLE_BYTES: usize = 128;
/// Events whose lists have other keys than these many kinds of lists keep them as they are.
const TABLES_MAX: usize = 32;

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
    /// By row: the number of its stream, in the order in which they begin.
    streams: Vec<u32>,
    /// The fields with lists of objects that are turned on their side.
    tables: BTreeSet<String>,
    /// How streams are named, where they are named after an id.
    stream: Option<StreamRule>,
    follows: Follows,
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
    let mut group = Group::new(&survey);
    let mut writer: Option<SerializedFileWriter<Vec<u8>>> = None;
    let mut entries = Vec::new();
    let chunk = options.row_group_events.max(1);
    let shapes = survey.of_rows.chunks(chunk);
    let streams = survey.streams.chunks(chunk);
    for ((rows, shapes), streams) in plan.rows.chunks(chunk).zip(shapes).zip(streams) {
        let mut sorted: Vec<_> = rows.iter().zip(shapes).zip(streams).collect();
        sorted.sort_by_key(|(_, stream)| **stream);
        for ((number, shape), _) in sorted {
            let raw = scan.event(*number as usize)?;
            let shape = shape.and_then(|number| survey.shapes.get(number as usize));
            group.add(&raw, shape.map(String::as_str));
        }
        let writer = match &mut writer {
            Some(writer) => writer,
            None => {
                let properties = properties(&schema, &group, options).map_err(refused)?;
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
    let Overview { streams, tables, stream, follows } = look_over(scan, plan)?;
    let mut survey = Survey {
        columns: Columns::default(),
        shapes: Vec::new(),
        of_rows: Vec::new(),
        streams,
        tables,
        stream,
        follows,
    };
    let mut known: HashMap<String, (u32, Option<Shape>)> = HashMap::new();
    let (mut text, mut back) = (String::new(), Vec::new());
    let mut turned = 0;
    for number in &plan.rows {
        let event = scan.event(*number as usize)?.event;
        let mut fields = Vec::new();
        let mut found = None;
        let follows = survey.follows(&event);
        let all = Known { tables: Some(&survey.tables), follows };
        if event.content_type == ContentType::Json
            && shape::split(&event.data, all, &mut text, &mut fields)
        {
            let is_turned = fields.iter().any(|field| field.slot == Slot::Table);
            if is_turned && turned == TABLES_MAX && !known.contains_key(&text) {
                let some = Known { follows, ..Known::default() };
                shape::split(&event.data, some, &mut text, &mut fields);
            }
            if !known.contains_key(&text) && known.len() < SHAPES_MAX {
                turned += usize::from(fields.iter().any(|field| field.slot == Slot::Table));
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

impl Survey {
    /// The fields of an event that may follow from its envelope, its position, and when it
    /// happened.
    fn follows(&self, event: &Recorded) -> Option<(&BTreeMap<String, Slot>, u64, i64)> {
        let fields = self.follows.get(&event.event_type)?;
        Some((fields, event.position, event.occurred_at.as_micros()))
    }
}

/// Lists of one field that were seen.
#[derive(Default)]
struct Lists {
    count: usize,
    bytes: usize,
    /// Hashes of those that differ.
    different: HashSet<u64>,
}

/// What has to be known before the first column.
struct Overview {
    /// By row.
    streams: Vec<u32>,
    tables: BTreeSet<String>,
    stream: Option<StreamRule>,
    follows: Follows,
}

/// Which fields have lists that are worth turning on their side, long ones that mostly differ;
/// how streams are named, and which fields follow from the envelope.
fn look_over(scan: &Scan<'_>, plan: &Plan) -> Result<Overview, SealError> {
    let mut streams = Vec::with_capacity(plan.rows.len());
    let mut names: HashMap<String, u32> = HashMap::new();
    let mut lists: BTreeMap<String, Lists> = BTreeMap::new();
    let mut search = RuleSearch::default();
    let (mut follows, mut text) = (FollowSearch::default(), String::new());
    for number in &plan.rows {
        let event = scan.event(*number as usize)?.event;
        let next = names.len() as u32;
        streams.push(match names.get(event.stream.as_str()) {
            Some(number) => *number,
            None => *names.entry(event.stream.as_str().to_owned()).or_insert(next),
        });
        let mut fields = Vec::new();
        let is_json = event.content_type == ContentType::Json;
        if !is_json || !shape::split(&event.data, Known::default(), &mut text, &mut fields) {
            follows.add(&event, &[]);
            continue;
        }
        follows.add(&event, &fields);
        for field in &fields {
            match field.value {
                Value::Uuid(id) => {
                    let correlation = event.correlation_id.map(uuid::Uuid::into_bytes);
                    search.add(field.name, id, event.stream.as_str(), correlation == Some(id));
                }
                Value::Json(list) if list.starts_with(b"[{") => {
                    if !lists.contains_key(field.name) {
                        lists.insert(field.name.to_owned(), Lists::default());
                    }
                    let Some(seen) = lists.get_mut(field.name) else { continue };
                    let mut hasher = DefaultHasher::new();
                    list.hash(&mut hasher);
                    seen.count += 1;
                    seen.bytes += list.len();
                    seen.different.insert(hasher.finish());
                }
                _ => {}
            }
        }
    }
    let worth = |seen: &Lists| {
        seen.different.len() * 2 > seen.count && seen.bytes >= seen.count * TABLE_BYTES
    };
    let worthy = lists.into_iter().filter(|(_, seen)| worth(seen)).map(|(field, _)| field);
    Ok(Overview {
        streams,
        tables: worthy.collect(),
        stream: search.rule(),
        follows: follows.follows(),
    })
}

/// Makes the columns a new shape needs; nothing where there is no room for them all.
fn admit(text: &str, fields: &[Field<'_>], columns: &mut Columns) -> Option<Shape> {
    for field in fields {
        if let Value::Table(lists) = &field.value {
            for list in lists {
                columns.find_or_add(&list.path, Kind::List)?;
            }
        } else {
            columns.find_or_add(field.name, field.slot.kind())?;
        }
    }
    Shape::parse(text)
}

/// The columns of one row group.
struct Group<'a> {
    survey: &'a Survey,
    rows: usize,
    envelope: Vec<Buffer>,
    payload: Vec<Buffer>,
    last: Option<Counted>,
    causes: Causes,
    /// The last shape of each type.
    shapes: HashMap<String, Option<String>>,
    text: String,
}

/// What of an event is written, since it does not follow from anything else.
struct Written<'a> {
    stream: Option<&'a str>,
    event_id: Option<[u8; 16]>,
    correlation_id: Option<[u8; 16]>,
    causation_id: Option<[u8; 16]>,
    causation_revision: Option<u64>,
    shape: Option<&'a str>,
    data: Option<&'a [u8]>,
}

impl<'a> Group<'a> {
    fn new(survey: &'a Survey) -> Self {
        let columns = &survey.columns;
        let kinds = (0..columns.payload.len()).filter_map(|number| columns.kind(number));
        Self {
            survey,
            rows: 0,
            envelope: Envelope::ALL.into_iter().map(Buffer::envelope).collect(),
            payload: kinds.map(Buffer::payload).collect(),
            last: None,
            causes: Causes::default(),
            shapes: HashMap::new(),
            text: String::new(),
        }
    }

    fn add(&mut self, raw: &RawEvent, shape: Option<&str>) {
        let (row, event) = (self.rows, &raw.event);
        let stream_id = shape.and_then(|shape| self.fields(row, event, shape));
        let written = self.written(event, shape, stream_id);
        for (column, buffer) in Envelope::ALL.into_iter().zip(&mut self.envelope) {
            put_envelope(column, buffer, row, raw, &written);
        }
        let id = event.event_id.0.into_bytes();
        self.last = Some(Counted { id, position: event.position });
        self.causes.add(event.stream.as_str(), event.revision, id);
        if let Some(last) = self.shapes.get_mut(&event.event_type) {
            if last.as_deref() != shape {
                *last = shape.map(str::to_owned);
            }
        } else {
            self.shapes.insert(event.event_type.clone(), shape.map(str::to_owned));
        }
        self.rows += 1;
    }

    /// Adds the fields of a row; gives the id that its stream may be named after.
    fn fields(&mut self, row: usize, event: &Recorded, shape: &str) -> Option<[u8; 16]> {
        let Survey { columns, tables, stream, .. } = self.survey;
        let tables = shape.contains("$table[").then_some(tables);
        let known = Known { tables, follows: self.survey.follows(event) };
        let (mut fields, mut stream_id) = (Vec::new(), None);
        shape::split(&event.data, known, &mut self.text, &mut fields);
        let mut put = |field: &str, kind, value: &Value<'_>| {
            let number = columns.find(field, kind);
            if let Some(buffer) = number.and_then(|number| self.payload.get_mut(number)) {
                buffer.value(row, value);
            }
        };
        for field in fields {
            match field.value {
                _ if Slot::FOLLOWS.contains(&field.slot) => {}
                Value::Table(lists) => {
                    for list in lists {
                        put(&list.path, Kind::List, &Value::Json(list.text.as_bytes()));
                    }
                }
                value => {
                    put(field.name, field.slot.kind(), &value);
                    if let (Value::Uuid(id), Some(rule)) = (value, stream)
                        && rule.field == field.name
                    {
                        stream_id = Some(id);
                    }
                }
            }
        }
        stream_id
    }

    fn written<'e>(
        &self,
        event: &'e Recorded,
        shape: Option<&'e str>,
        stream_id: Option<[u8; 16]>,
    ) -> Written<'e> {
        let stream = event.stream.as_str();
        let id = event.event_id.0.into_bytes();
        let correlation = event.correlation_id.map(uuid::Uuid::into_bytes);
        let mut written = Written {
            stream: Some(stream),
            event_id: Some(id),
            correlation_id: correlation,
            causation_id: event.causation_id.map(|id| id.0.into_bytes()),
            causation_revision: None,
            shape,
            data: if shape.is_some() { None } else { Some(&event.data) },
        };
        let rule = self.survey.stream.as_ref();
        if let (Some(rule), Some(id)) = (rule, stream_id)
            && rule.gives(stream, id)
            && (correlation.is_some() || !rule.is_correlation)
        {
            written.stream = None;
            if rule.is_correlation && correlation == Some(id) {
                written.correlation_id = None;
            }
        }
        let next = self.last.map(|last| last.next(event.position, event.occurred_at.as_micros()));
        if next == Some(id) {
            written.event_id = None;
        }
        if let Some(cause) = written.causation_id
            && let Some(revision) = self.causes.revision(stream, cause)
        {
            written.causation_id = None;
            written.causation_revision = Some(revision);
        }
        if let (Some(shape), Some(Some(last))) = (shape, self.shapes.get(&event.event_type))
            && last == shape
        {
            written.shape = None;
        }
        written
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
        self.last = None;
        self.causes.clear();
        self.shapes.clear();
        group.close()
    }
}

fn put_envelope(
    column: Envelope,
    to: &mut Buffer,
    row: usize,
    raw: &RawEvent,
    written: &Written<'_>,
) {
    let event: &Recorded = &raw.event;
    let mut bytes = |value: Option<&[u8]>| {
        if let Some(value) = value {
            to.bytes(row, value);
        }
    };
    match column {
        Envelope::Stream => bytes(written.stream.map(str::as_bytes)),
        Envelope::Shape => bytes(written.shape.map(str::as_bytes)),
        Envelope::Data => bytes(written.data),
        Envelope::Metadata => bytes(Some(&*event.metadata).filter(|bytes| !bytes.is_empty())),
        Envelope::EventType => bytes(Some(event.event_type.as_bytes())),
        Envelope::Actor => bytes(Some(event.actor.as_str().as_bytes())),
        Envelope::Position => to.long(row, event.position.cast_signed()),
        Envelope::Revision => to.long(row, event.revision.cast_signed()),
        Envelope::RecordedAt => to.long(row, event.recorded_at.as_micros()),
        Envelope::OccurredAt => to.long(row, event.occurred_at.as_micros()),
        Envelope::SchemaVersion => to.int(row, i32::from(event.schema_version)),
        Envelope::IsJson => to.bool(row, event.content_type == ContentType::Json),
        Envelope::EventId | Envelope::CorrelationId | Envelope::CausationId => {
            let id = match column {
                Envelope::EventId => written.event_id,
                Envelope::CorrelationId => written.correlation_id,
                _ => written.causation_id,
            };
            if let Some(id) = id {
                to.fixed(row, id);
            }
        }
        Envelope::CausationRevision => {
            if let Some(revision) = written.causation_revision {
                to.long(row, revision.cast_signed());
            }
        }
        Envelope::FrameVersion => {
            if let Some(version) = raw.frame_version {
                to.int(row, i32::from(version));
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

/// How the file is written, from what the first row group holds.
fn properties(
    schema: &TypePtr,
    first: &Group<'_>,
    options: &SealOptions,
) -> Result<WriterProperties, ParquetError> {
    let json = |error| ParquetError::External(Box::new(error));
    let Survey { columns, stream, follows, .. } = first.survey;
    let listed = columns.list().map_err(json)?;
    let mut told = vec![
        KeyValue::new(FORMAT_KEY.to_owned(), FORMAT.to_string()),
        KeyValue::new(COLUMNS_KEY.to_owned(), listed),
    ];
    if let Some(rule) = stream {
        let rule = serde_json::to_string(rule).map_err(json)?;
        told.push(KeyValue::new(STREAM_KEY.to_owned(), rule));
    }
    if !follows.is_empty() {
        let follows = serde_json::to_string(&derived::told(follows)).map_err(json)?;
        told.push(KeyValue::new(FOLLOWS_KEY.to_owned(), follows));
    }
    let envelope = Envelope::ALL.into_iter().map(Some).chain(std::iter::repeat(None));
    let buffers = first.envelope.iter().chain(&first.payload);
    let listed = schema.get_fields().iter().zip(buffers).zip(envelope);
    let listed: Vec<_> = listed
        .map(|((kind, buffer), envelope)| Column {
            name: kind.name(),
            envelope,
            kind,
            buffer,
            rows: first.rows,
        })
        .collect();
    encoding::properties(&listed, told, options.zstd_level)
}
