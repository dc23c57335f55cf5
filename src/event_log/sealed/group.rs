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
use super::columns::{COLUMNS_KEY, Columns, Envelope, FORMAT, FORMAT_KEY};
use super::fill::{Filler, Payload};
use super::literal::Kind;
use super::seal_record::RowGroupEntry;
use crate::base::{EventId, Timestamp};
use crate::event::{Actor, ContentType, Recorded, StreamName};

/// The footer of a file.
pub(super) struct Footer {
    meta: ParquetMetaData,
    columns: Columns,
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

fn bad(what: &str) -> ParquetError {
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
        if value(FORMAT_KEY) != Some(FORMAT.to_string().as_str()) {
            return Err(bad("a newer program wrote it"));
        }
        let columns = value(COLUMNS_KEY).and_then(Columns::parse);
        let columns = columns.ok_or_else(|| bad("the list of columns is missing"))?;
        Ok(Self { meta, columns })
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

/// Texts of which many are the same.
struct Texts<T> {
    distinct: Vec<T>,
    of_rows: Vec<u32>,
}

impl<T> Texts<T> {
    const EMPTY: Self = Self { distinct: Vec::new(), of_rows: Vec::new() };

    /// Values of one dictionary entry share their bytes, so the address tells them apart.
    fn new(values: &[ByteArray], make: impl Fn(&[u8]) -> Option<T>) -> Result<Self> {
        let mut texts = Self { distinct: Vec::new(), of_rows: Vec::with_capacity(values.len()) };
        let mut known = HashMap::new();
        let mut last = (std::ptr::null(), 0, 0);
        for value in values {
            let data = value.data();
            if (last.0, last.1) != (data.as_ptr(), data.len()) {
                let number = *known.entry((data.as_ptr(), data.len())).or_insert_with(|| {
                    let number = texts.distinct.len() as u32;
                    texts.distinct.extend(make(data));
                    number
                });
                last = (data.as_ptr(), data.len(), number);
            }
            texts.of_rows.push(last.2);
        }
        if texts.distinct.len() == known.len() { Ok(texts) } else { Err(bad("a text is no text")) }
    }

    fn get(&self, row: usize) -> Option<&T> {
        self.distinct.get(*self.of_rows.get(row)? as usize)
    }
}

/// The events of one row group.
pub(super) struct Rows {
    positions: Vec<u64>,
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
        rows.check(entry)?;
        if depth != Depth::Positions {
            rows.revisions = group.required::<Int64Type>(Envelope::Revision)?;
            rows.recorded_at = group.required::<Int64Type>(Envelope::RecordedAt)?;
            rows.event_ids = ids(&group.required::<FixedLenByteArrayType>(Envelope::EventId)?)?;
            rows.streams =
                group.texts(Envelope::Stream, |name| StreamName::new(utf8(name)?).ok())?;
        }
        if depth == Depth::Events {
            rows.decode_events(&group, footer)?;
        }
        Ok(rows)
    }

    fn decode_events(&mut self, group: &Source<'_>, footer: &Footer) -> Result<()> {
        self.schema_versions = group.required::<Int32Type>(Envelope::SchemaVersion)?;
        self.occurred_at = group.required::<Int64Type>(Envelope::OccurredAt)?;
        self.event_types = group.texts(Envelope::EventType, utf8)?;
        self.actors = group.texts(Envelope::Actor, utf8)?;
        self.is_json = group.required::<BoolType>(Envelope::IsJson)?;
        self.frame_versions = group.optional::<Int32Type>(Envelope::FrameVersion)?;
        let correlation = group.optional::<FixedLenByteArrayType>(Envelope::CorrelationId)?;
        self.correlation = optional_ids(&correlation)?;
        let causation = group.optional::<FixedLenByteArrayType>(Envelope::CausationId)?;
        self.causation = optional_ids(&causation)?;
        let near = group.optional::<Int64Type>(Envelope::CausationPosition)?;
        for (position, cause) in near.into_iter().zip(&mut self.causation) {
            let Some(position) = position else { continue };
            let row = self.positions.binary_search(&position.cast_unsigned());
            let row = row.map_err(|_| bad("a cause is not in its row group"))?;
            *cause = self.event_ids.get(row).copied();
        }
        self.metadata = group.optional::<ByteArrayType>(Envelope::Metadata)?;
        if self.metadata.iter().all(Option::is_none) {
            self.metadata = Vec::new();
        }
        self.decode_data(group, footer)
    }

    fn decode_data(&mut self, group: &Source<'_>, footer: &Footer) -> Result<()> {
        let shapes = group.optional::<ByteArrayType>(Envelope::Shape)?;
        let plain = group.optional::<ByteArrayType>(Envelope::Data)?;
        let mut filler = Filler::new(&footer.columns);
        let shapes = filler.shapes(&shapes)?;
        let mut payload = Vec::new();
        for (number, is_used) in filler.used().iter().enumerate() {
            payload.push(if *is_used {
                Payload::new(group.payload(number, &footer.columns)?)
            } else {
                Payload::default()
            });
        }
        self.ends.reserve(shapes.len());
        for (shape, plain) in shapes.iter().zip(&plain) {
            match (shape, plain) {
                (Some(shape), None) => filler.fill(*shape, &mut payload, &mut self.data)?,
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
        let start = row.checked_sub(1).map_or(Some(&0), |before| self.ends.get(before))?;
        let data = self.data.get(*start..*self.ends.get(row)?)?;
        let metadata = self.metadata.get(row).and_then(Option::as_ref);
        Some(Recorded {
            position: *self.positions.get(row)?,
            stream: self.streams.get(row)?.clone(),
            revision: self.revisions.get(row)?.cast_unsigned(),
            recorded_at: Timestamp::from_micros(*self.recorded_at.get(row)?),
            event_id: self.event_id(row)?,
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
        Some(EventId(Uuid::from_bytes(*self.event_ids.get(row)?)))
    }

    pub(super) fn stream(&self, row: usize) -> Option<&StreamName> {
        self.streams.get(row)
    }

    pub(super) fn revision(&self, row: usize) -> Option<u64> {
        Some(self.revisions.get(row)?.cast_unsigned())
    }

    pub(super) fn recorded_at(&self, row: usize) -> Option<Timestamp> {
        Some(Timestamp::from_micros(*self.recorded_at.get(row)?))
    }

    /// The format version of the frame that begins with this row.
    pub(super) fn frame_version(&self, row: usize) -> Option<u16> {
        u16::try_from((*self.frame_versions.get(row)?)?).ok()
    }

    /// About how much memory it takes. Units: bytes.
    pub(super) fn memory(&self) -> usize {
        let texts = self.streams.distinct.len() + self.event_types.distinct.len();
        let metadata: usize = self.metadata.iter().flatten().map(|it| it.len() + 64).sum();
        self.data.len() + self.positions.len() * 160 + texts * 100 + metadata
    }
}

fn utf8(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn id(value: &FixedLenByteArray) -> Result<[u8; 16]> {
    value.data().try_into().map_err(|_| bad("an id has not 16 bytes"))
}

fn ids(values: &[FixedLenByteArray]) -> Result<Vec<[u8; 16]>> {
    values.iter().map(id).collect()
}

fn optional_ids(values: &[Option<FixedLenByteArray>]) -> Result<Vec<Option<[u8; 16]>>> {
    values.iter().map(|value| value.as_ref().map(id).transpose()).collect()
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
        let mut levels = Vec::new();
        let mut values = self.read::<T>(column as usize, &mut levels)?.into_iter();
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
            Kind::Text | Kind::Json => Values::Bytes(self.read::<ByteArrayType>(place, levels)?),
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
