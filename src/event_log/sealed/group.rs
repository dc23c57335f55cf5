//! One row group, decoded: the form in which events of a sealed file wait in memory.
//!
//! In: the bytes of a row group and the footer of its file. Out: [`Rows`], which give any event.
//! Invariant: the bytes were compared with their checksum before; what does not fit together in
//! spite of that is refused, never guessed.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray,
    FixedLenByteArrayType, Int32Type, Int64Type,
};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;
use uuid::Uuid;

use super::buffer::Values;
use super::columns::{
    COLUMNS_KEY, Columns, Envelope, FORMAT_KEY, FORMAT_WHOLE, FORMATS, STREAM_KEY,
};
use super::derived::{Counted, StreamRule};
use super::fill::{Filler, Payload};
use super::literal::Kind;
use super::seal_record::RowGroupEntry;
use super::texts::Texts;
use crate::base::{EventId, Timestamp};
use crate::event::{Actor, ContentType, Recorded, StreamName};

/// The footer of a file.
pub(super) struct Footer {
    meta: ParquetMetaData,
    columns: Columns,
    /// How streams are named, and the column of the id.
    stream: Option<(StreamRule, usize)>,
    /// Whether nothing is left out.
    is_whole: bool,
}

/// A stretch of a file in memory.
struct Window {
    start: u64,
    bytes: Bytes,
}

impl Length for Window {
    fn len(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl ChunkReader for Window {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let at = self.place(start, 0)?;
        Ok(self.bytes.slice(at..).reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let at = self.place(start, length)?;
        Ok(self.bytes.slice(at..at + length))
    }
}

impl Window {
    fn place(&self, start: u64, length: usize) -> Result<usize> {
        let at = start.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        at.filter(|at| at.checked_add(length).is_some_and(|end| end <= self.bytes.len()))
            .ok_or_else(|| bad("a page lies outside of its row group"))
    }
}

pub(super) fn bad(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

impl Footer {
    /// Reads a footer, the eight bytes at the end of the file included.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let (meta, _) = bytes.split_last_chunk::<8>().ok_or_else(|| bad("footer is too short"))?;
        let meta = ParquetMetaDataReader::decode_metadata(meta)?;
        let entries = meta.file_metadata().key_value_metadata();
        let value = |key: &str| {
            let entry = entries?.iter().find(|entry| entry.key == key)?;
            entry.value.as_deref()
        };
        let format: Option<u32> = value(FORMAT_KEY).and_then(|format| format.parse().ok());
        if !format.is_some_and(|format| FORMATS.contains(&format)) {
            return Err(bad("a newer program wrote it"));
        }
        let columns = value(COLUMNS_KEY).and_then(Columns::parse);
        let columns = columns.ok_or_else(|| bad("the list of columns is missing"))?;
        let stream = match value(STREAM_KEY) {
            None => None,
            Some(rule) => {
                let rule: Option<StreamRule> = serde_json::from_str(rule).ok();
                let column = |rule: &StreamRule| columns.find(&rule.field, Kind::Uuid);
                let found = rule.and_then(|rule| column(&rule).map(|column| (rule, column)));
                Some(found.ok_or_else(|| bad("how streams are named is not said"))?)
            }
        };
        Ok(Self { meta, columns, stream, is_whole: format == Some(FORMAT_WHOLE) })
    }

    /// About how much memory it takes. Units: bytes.
    pub(super) fn memory(&self) -> usize {
        self.meta.memory_size() + self.columns.payload.len() * 200
    }
}

/// What is read of a row group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Which positions there are.
    Positions,
    /// What an index needs.
    Keys,
    /// Everything.
    Events,
}

/// The events of one row group. A row is a place in the order of positions; columns are in the
/// order of the file.
pub(super) struct Rows {
    /// Ascending.
    positions: Vec<u64>,
    /// By row: its place in the columns. Empty where both orders are one.
    order: Vec<u32>,
    revisions: Vec<i64>,
    recorded_at: Vec<i64>,
    event_ids: Vec<[u8; 16]>,
    streams: Texts<StreamName>,
    schema_versions: Vec<i32>,
    occurred_at: Vec<i64>,
    event_types: Texts<String>,
    actors: Texts<String>,
    correlation: Vec<Option<[u8; 16]>>,
    causation: Vec<Option<[u8; 16]>>,
    is_json: Vec<bool>,
    /// By row; empty where no row has any.
    metadata: Vec<Option<ByteArray>>,
    frame_versions: Vec<Option<i32>>,
    /// The data of all rows, one behind the other.
    data: Vec<u8>,
    /// Where the data of each row end.
    ends: Vec<usize>,
}

impl Rows {
    /// Decodes a row group.
    pub(super) fn decode(
        footer: &Footer,
        number: usize,
        entry: &RowGroupEntry,
        bytes: Bytes,
        depth: Depth,
    ) -> Result<Self> {
        let meta = footer.meta.row_groups().get(number);
        let meta = meta.ok_or_else(|| bad("the footer has fewer row groups"))?;
        let window = Arc::new(Window { start: entry.offset, bytes });
        let group = Source { window, meta };
        let mut rows = Self {
            positions: Vec::new(),
            order: Vec::new(),
            revisions: Vec::new(),
            recorded_at: Vec::new(),
            event_ids: Vec::new(),
            streams: Texts::EMPTY,
            schema_versions: Vec::new(),
            occurred_at: Vec::new(),
            event_types: Texts::EMPTY,
            actors: Texts::EMPTY,
            correlation: Vec::new(),
            causation: Vec::new(),
            is_json: Vec::new(),
            metadata: Vec::new(),
            frame_versions: Vec::new(),
            data: Vec::new(),
            ends: Vec::new(),
        };
        let positions = group.required::<Int64Type>(Envelope::Position)?;
        rows.positions = positions.into_iter().map(i64::cast_unsigned).collect();
        if depth != Depth::Positions {
            rows.revisions = group.required::<Int64Type>(Envelope::Revision)?;
            rows.recorded_at = group.required::<Int64Type>(Envelope::RecordedAt)?;
            let stream_ids = rows.decode_streams(&group, footer)?;
            rows.decode_ids(&group)?;
            if depth == Depth::Events {
                rows.decode_events(&group, footer, &stream_ids)?;
            } else {
                rows.occurred_at = Vec::new();
            }
        }
        rows.sort();
        rows.check(entry)?;
        Ok(rows)
    }

    /// Reads the names of streams; gives the ids of those that are named after one.
    fn decode_streams(
        &mut self,
        group: &Source<'_>,
        footer: &Footer,
    ) -> Result<Vec<Option<[u8; 16]>>> {
        let names = group.optional::<ByteArrayType>(Envelope::Stream)?;
        let name = |name: &[u8]| StreamName::new(utf8(name)?).ok();
        if names.iter().all(Option::is_some) {
            let names: Vec<_> = names.into_iter().flatten().collect();
            self.streams = Texts::new(&names, name)?;
            return Ok(vec![None; names.len()]);
        }
        let (rule, column) = footer.stream.as_ref().ok_or_else(|| bad("a stream has no name"))?;
        let ids = group.values::<FixedLenByteArrayType>(Envelope::ALL.len() + column)?;
        let ids: Vec<_> = names
            .iter()
            .zip(&ids)
            .map(|(name, id)| match (name, id) {
                (None, Some(value)) => id_of(value).map(Some),
                (None, None) => Err(bad("a stream has no name")),
                (Some(_), _) => Ok(None),
            })
            .collect::<Result<_>>()?;
        let mut texts = Texts::EMPTY;
        let (mut by_id, mut by_name) = (HashMap::new(), HashMap::new());
        let mut last = None;
        for (given, id) in names.iter().zip(&ids) {
            let number = match (given, id, last) {
                (None, Some(id), Some((same, number))) if same == id => number,
                (None, Some(id), _) => match by_id.get(id) {
                    Some(number) => *number,
                    None => {
                        *by_id.entry(id).or_insert(texts.add(name(rule.stream(*id).as_bytes()))?)
                    }
                },
                (Some(given), ..) => match by_name.get(given.data()) {
                    Some(number) => *number,
                    None => *by_name.entry(given.data()).or_insert(texts.add(name(given.data()))?),
                },
                (None, None, _) => return Err(bad("a stream has no name")),
            };
            last = id.as_ref().map(|id| (id, number));
            texts.of_rows.push(number);
        }
        self.streams = texts;
        Ok(ids)
    }

    fn decode_ids(&mut self, group: &Source<'_>) -> Result<()> {
        let written = group.optional::<FixedLenByteArrayType>(Envelope::EventId)?;
        self.occurred_at = group.required::<Int64Type>(Envelope::OccurredAt)?;
        let mut last: Option<Counted> = None;
        self.event_ids.reserve(written.len());
        for ((id, position), at) in written.iter().zip(&self.positions).zip(&self.occurred_at) {
            let id = match (id, last) {
                (Some(id), _) => id_of(id)?,
                (None, Some(last)) => last.next(*position, *at),
                (None, None) => return Err(bad("an event has no id")),
            };
            last = Some(Counted { id, position: *position });
            self.event_ids.push(id);
        }
        Ok(())
    }

    fn decode_events(
        &mut self,
        group: &Source<'_>,
        footer: &Footer,
        stream_ids: &[Option<[u8; 16]>],
    ) -> Result<()> {
        self.schema_versions = group.required::<Int32Type>(Envelope::SchemaVersion)?;
        self.event_types = group.texts(Envelope::EventType, utf8)?;
        self.actors = group.texts(Envelope::Actor, utf8)?;
        self.is_json = group.required::<BoolType>(Envelope::IsJson)?;
        self.frame_versions = group.optional::<Int32Type>(Envelope::FrameVersion)?;
        let correlation = group.optional::<FixedLenByteArrayType>(Envelope::CorrelationId)?;
        self.correlation = optional_ids(&correlation)?;
        if footer.stream.as_ref().is_some_and(|(rule, _)| rule.is_correlation) {
            for (correlation, id) in self.correlation.iter_mut().zip(stream_ids) {
                *correlation = correlation.or(*id);
            }
        }
        let causation = group.optional::<FixedLenByteArrayType>(Envelope::CausationId)?;
        self.causation = optional_ids(&causation)?;
        let near = group.optional::<Int64Type>(Envelope::CausationRevision)?;
        if footer.is_whole {
            self.causes_by_position(&near)?;
        } else {
            self.causes_by_revision(&near)?;
        }
        self.metadata = group.optional::<ByteArrayType>(Envelope::Metadata)?;
        if self.metadata.iter().all(Option::is_none) {
            self.metadata = Vec::new();
        }
        self.decode_data(group, footer)
    }

    fn causes_by_position(&mut self, near: &[Option<i64>]) -> Result<()> {
        for (position, cause) in near.iter().zip(&mut self.causation) {
            let Some(position) = position else { continue };
            let row = self.positions.binary_search(&position.cast_unsigned());
            let row = row.map_err(|_| bad("a cause is not in its row group"))?;
            *cause = self.event_ids.get(row).copied();
        }
        Ok(())
    }

    /// The cause is the nearest event before that has this revision in the same stream.
    fn causes_by_revision(&mut self, near: &[Option<i64>]) -> Result<()> {
        const NONE: u32 = u32::MAX;
        if near.iter().all(Option::is_none) {
            return Ok(());
        }
        // One stream may be there by its name and by its id.
        let same = self.streams.same();
        let mut last = vec![NONE; same.len()];
        let mut before: Vec<u32> = Vec::with_capacity(near.len());
        for (row, (revision, stream)) in near.iter().zip(&self.streams.of_rows).enumerate() {
            let last = same.get(*stream as usize).and_then(|stream| last.get_mut(*stream as usize));
            let last = last.ok_or_else(|| bad("no such stream"))?;
            let first = *last;
            before.push(first);
            *last = row as u32;
            let Some(revision) = revision else { continue };
            let mut at = first;
            while self.revisions.get(at as usize).is_some_and(|other| other != revision) {
                at = before.get(at as usize).copied().unwrap_or(NONE);
            }
            let id = self.event_ids.get(at as usize);
            let id = id.ok_or_else(|| bad("a cause is not in its row group"))?;
            if let Some(cause) = self.causation.get_mut(row) {
                *cause = Some(*id);
            }
        }
        Ok(())
    }

    fn decode_data(&mut self, group: &Source<'_>, footer: &Footer) -> Result<()> {
        let shapes = group.optional::<ByteArrayType>(Envelope::Shape)?;
        let plain = group.optional::<ByteArrayType>(Envelope::Data)?;
        let mut filler = Filler::new(&footer.columns);
        let mut shapes = filler.shapes(&shapes)?;
        if !footer.is_whole {
            self.go_on(&mut shapes, &plain)?;
        }
        let mut payload = Vec::new();
        for (number, is_used) in filler.used().iter().enumerate() {
            payload.push(if *is_used {
                Payload::new(group.payload(number, &footer.columns)?)
            } else {
                Payload::default()
            });
        }
        self.ends.reserve(shapes.len());
        let envelope = self.positions.iter().copied().zip(self.occurred_at.iter().copied());
        for ((shape, plain), of) in shapes.iter().zip(&plain).zip(envelope) {
            match (shape, plain) {
                (Some(shape), None) => filler.fill(*shape, of, &mut payload, &mut self.data)?,
                (None, Some(data)) => self.data.extend_from_slice(data.data()),
                _ => return Err(bad("a row has no data, or twice")),
            }
            self.ends.push(self.data.len());
        }
        if payload.iter().any(|column| !column.is_used_up()) {
            return Err(bad("a column has values that belong to no row"));
        }
        Ok(())
    }

    /// An event without shape and data has the shape of the last one of its type.
    fn go_on(&self, shapes: &mut [Option<u32>], plain: &[Option<ByteArray>]) -> Result<()> {
        let same = self.event_types.same();
        let mut last = vec![None; same.len()];
        let types = &self.event_types.of_rows;
        for ((shape, plain), kind) in shapes.iter_mut().zip(plain).zip(types) {
            let last = same.get(*kind as usize).and_then(|kind| last.get_mut(*kind as usize));
            let last = last.ok_or_else(|| bad("no such type"))?;
            if shape.is_none() && plain.is_none() {
                *shape = *last;
            }
            *last = *shape;
        }
        Ok(())
    }

    /// Puts rows in the order of positions.
    fn sort(&mut self) {
        if self.positions.is_sorted() {
            return;
        }
        let mut order: Vec<(u64, u32)> = self.positions.iter().copied().zip(0..).collect();
        order.sort_unstable();
        (self.positions, self.order) = order.into_iter().unzip();
    }

    /// The place of a row in the columns.
    fn at(&self, row: usize) -> Option<usize> {
        if self.order.is_empty() { Some(row) } else { Some(*self.order.get(row)? as usize) }
    }

    fn check(&self, entry: &RowGroupEntry) -> Result<()> {
        let ends = (self.positions.first().copied(), self.positions.last().copied());
        let ascend = self.positions.iter().zip(self.positions.iter().skip(1)).all(|(a, b)| a < b);
        let count = self.positions.len() as u64 == entry.events;
        if ends == (Some(entry.first), Some(entry.last)) && ascend && count {
            Ok(())
        } else {
            Err(bad("its positions are not those of the seal record"))
        }
    }

    /// The positions, ascending.
    pub(super) fn positions(&self) -> &[u64] {
        &self.positions
    }

    /// The event of a row.
    pub(super) fn event(&self, row: usize) -> Option<Recorded> {
        let position = *self.positions.get(row)?;
        let row = self.at(row)?;
        let start = row.checked_sub(1).map_or(Some(&0), |before| self.ends.get(before))?;
        let data = self.data.get(*start..*self.ends.get(row)?)?;
        let metadata = self.metadata.get(row).and_then(Option::as_ref);
        Some(Recorded {
            position,
            stream: self.streams.get(row)?.clone(),
            revision: self.revisions.get(row)?.cast_unsigned(),
            recorded_at: Timestamp::from_micros(*self.recorded_at.get(row)?),
            event_id: EventId(Uuid::from_bytes(*self.event_ids.get(row)?)),
            event_type: self.event_types.get(row)?.clone(),
            schema_version: u16::try_from(*self.schema_versions.get(row)?).ok()?,
            occurred_at: Timestamp::from_micros(*self.occurred_at.get(row)?),
            correlation_id: self.correlation.get(row)?.map(Uuid::from_bytes),
            causation_id: self.causation.get(row)?.map(|id| EventId(Uuid::from_bytes(id))),
            actor: Actor::recorded(self.actors.get(row)?.clone()),
            data: Bytes::copy_from_slice(data),
            content_type: if *self.is_json.get(row)? {
                ContentType::Json
            } else {
                ContentType::Binary
            },
            metadata: metadata.map_or_else(Bytes::new, |it| Bytes::copy_from_slice(it.data())),
        })
    }

    pub(super) fn event_id(&self, row: usize) -> Option<EventId> {
        Some(EventId(Uuid::from_bytes(*self.event_ids.get(self.at(row)?)?)))
    }

    pub(super) fn stream(&self, row: usize) -> Option<&StreamName> {
        self.streams.get(self.at(row)?)
    }

    pub(super) fn revision(&self, row: usize) -> Option<u64> {
        Some(self.revisions.get(self.at(row)?)?.cast_unsigned())
    }

    pub(super) fn recorded_at(&self, row: usize) -> Option<Timestamp> {
        Some(Timestamp::from_micros(*self.recorded_at.get(self.at(row)?)?))
    }

    /// The format version of the frame that begins with this row.
    pub(super) fn frame_version(&self, row: usize) -> Option<u16> {
        u16::try_from((*self.frame_versions.get(self.at(row)?)?)?).ok()
    }

    /// About how much memory it takes. Units: bytes.
    pub(super) fn memory(&self) -> usize {
        let texts = self.streams.distinct.len() + self.event_types.distinct.len();
        let metadata: usize = self.metadata.iter().flatten().map(|it| it.len() + 64).sum();
        self.data.len() + self.positions.len() * 164 + texts * 100 + metadata
    }
}

fn utf8(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn id_of(value: &FixedLenByteArray) -> Result<[u8; 16]> {
    value.data().try_into().map_err(|_| bad("an id has not 16 bytes"))
}

fn optional_ids(values: &[Option<FixedLenByteArray>]) -> Result<Vec<Option<[u8; 16]>>> {
    values.iter().map(|value| value.as_ref().map(id_of).transpose()).collect()
}

/// A row group in its file.
struct Source<'a> {
    window: Arc<Window>,
    meta: &'a RowGroupMetaData,
}

impl Source<'_> {
    fn required<T: DataType>(&self, column: Envelope) -> Result<Vec<T::T>> {
        let values = self.read::<T>(column as usize, &mut Vec::new())?;
        if values.len() == self.rows() { Ok(values) } else { Err(bad("a column is too short")) }
    }

    fn optional<T: DataType>(&self, column: Envelope) -> Result<Vec<Option<T::T>>> {
        self.values::<T>(column as usize)
    }

    /// The values of a column by row; where every row has to have one, there are no levels.
    fn values<T: DataType>(&self, number: usize) -> Result<Vec<Option<T::T>>> {
        let mut levels = Vec::new();
        let mut values = self.read::<T>(number, &mut levels)?.into_iter();
        let column = self.meta.columns().get(number);
        if column.is_some_and(|column| column.column_descr().max_def_level() == 0) {
            return Ok(values.map(Some).collect());
        }
        if levels.len() != self.rows() {
            return Err(bad("a column is too short"));
        }
        Ok(levels.into_iter().map(|level| if level == 0 { None } else { values.next() }).collect())
    }

    fn texts<U>(&self, column: Envelope, make: impl Fn(&[u8]) -> Option<U>) -> Result<Texts<U>> {
        Texts::new(&self.required::<ByteArrayType>(column)?, make)
    }

    fn payload(&self, number: usize, columns: &Columns) -> Result<Values> {
        let levels = &mut Vec::new();
        let place = Envelope::ALL.len() + number;
        let kind = columns.kind(number).ok_or_else(|| bad("no such column"))?;
        Ok(match kind {
            Kind::Text | Kind::Json | Kind::List => {
                Values::Bytes(self.read::<ByteArrayType>(place, levels)?)
            }
            Kind::Int | Kind::Time => Values::Long(self.read::<Int64Type>(place, levels)?),
            Kind::Float => Values::Double(self.read::<DoubleType>(place, levels)?),
            Kind::Bool => Values::Bool(self.read::<BoolType>(place, levels)?),
            Kind::Uuid => Values::Fixed(self.read::<FixedLenByteArrayType>(place, levels)?),
        })
    }

    fn rows(&self) -> usize {
        usize::try_from(self.meta.num_rows()).unwrap_or(0)
    }

    fn read<T: DataType>(&self, number: usize, levels: &mut Vec<i16>) -> Result<Vec<T::T>> {
        let column = self.meta.columns().get(number).ok_or_else(|| bad("a column is missing"))?;
        if column.column_type() != T::get_physical_type() {
            return Err(bad("a column has another type"));
        }
        let pages = SerializedPageReader::new(self.window.clone(), column, self.rows(), None)?;
        let mut reader = ColumnReaderImpl::<T>::new(column.column_descr_ptr(), Box::new(pages));
        let mut values = Vec::with_capacity(self.rows());
        let (rows, ..) = reader.read_records(self.rows(), Some(levels), None, &mut values)?;
        if rows == self.rows() { Ok(values) } else { Err(bad("a column is too short")) }
    }
}
