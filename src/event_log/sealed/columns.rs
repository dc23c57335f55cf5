//! The columns of a sealed file: the envelope, then one for each field and kind of value.
//!
//! In: fields as they turn up. Out: the Parquet schema, and which column a field is in.
//! Invariant: names are told apart without regard to case, since some readers have none.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::errors::ParquetError;
use parquet::schema::types::{Type, TypePtr};
use serde::{Deserialize, Serialize};

use super::literal::Kind;

/// The version of the layout, in the file's metadata.
pub(super) const FORMAT: u32 = 3;
/// The versions that are read. What 3 has and 2 has not is named in the shapes.
pub(super) const FORMATS: RangeInclusive<u32> = FORMAT_WHOLE..=FORMAT;
/// The first version, in which nothing was left out that follows from something else.
pub(super) const FORMAT_WHOLE: u32 = 1;
/// The key of the layout's version in the file's metadata.
pub(super) const FORMAT_KEY: &str = "ledgerline.format";
/// The key of the list of payload columns in the file's metadata.
pub(super) const COLUMNS_KEY: &str = "ledgerline.columns";
/// The key of how streams are named after an id, in the file's metadata.
pub(super) const STREAM_KEY: &str = "ledgerline.stream";
/// The key of the fields that may follow from the envelope, in the file's metadata.
pub(super) const FOLLOWS_KEY: &str = "ledgerline.follows";
/// Payload columns one file may have; events with further fields are kept as they are.
const PAYLOAD_MAX: usize = 256;

/// A column of the envelope, in the order of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Envelope {
    Position,
    Stream,
    Revision,
    RecordedAt,
    EventId,
    EventType,
    SchemaVersion,
    OccurredAt,
    CorrelationId,
    /// Where the cause is no earlier row of this row group and stream.
    CausationId,
    /// Its revision, where it is; in files of format 1 its position.
    CausationRevision,
    Actor,
    IsJson,
    Metadata,
    /// The format version of the frame, in its first event.
    FrameVersion,
    Shape,
    /// The bytes, where there is no shape.
    Data,
}

impl Envelope {
    pub(super) const ALL: [Self; 17] = [
        Self::Position,
        Self::Stream,
        Self::Revision,
        Self::RecordedAt,
        Self::EventId,
        Self::EventType,
        Self::SchemaVersion,
        Self::OccurredAt,
        Self::CorrelationId,
        Self::CausationId,
        Self::CausationRevision,
        Self::Actor,
        Self::IsJson,
        Self::Metadata,
        Self::FrameVersion,
        Self::Shape,
        Self::Data,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Position => "position",
            Self::Stream => "stream",
            Self::Revision => "revision",
            Self::RecordedAt => "recorded_at",
            Self::EventId => "event_id",
            Self::EventType => "event_type",
            Self::SchemaVersion => "schema_version",
            Self::OccurredAt => "occurred_at",
            Self::CorrelationId => "correlation_id",
            Self::CausationId => "causation_id",
            Self::CausationRevision => "causation_revision",
            Self::Actor => "actor",
            Self::IsJson => "is_json",
            Self::Metadata => "metadata",
            Self::FrameVersion => "frame_version",
            Self::Shape => "shape",
            Self::Data => "data",
        }
    }

    /// Whether a row may be without it.
    pub(super) const fn is_optional(self) -> bool {
        matches!(
            self,
            Self::Stream
                | Self::EventId
                | Self::CorrelationId
                | Self::CausationId
                | Self::CausationRevision
                | Self::Metadata
                | Self::FrameVersion
                | Self::Shape
                | Self::Data
        )
    }

    fn parquet(self) -> Result<Type, ParquetError> {
        let (physical, logical) = match self {
            Self::Position | Self::Revision | Self::CausationRevision => (Physical::INT64, None),
            Self::RecordedAt | Self::OccurredAt => (Physical::INT64, Some(micros())),
            Self::EventId | Self::CorrelationId | Self::CausationId => {
                (Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::Uuid))
            }
            Self::Stream | Self::EventType | Self::Actor | Self::Shape => {
                (Physical::BYTE_ARRAY, Some(LogicalType::String))
            }
            Self::SchemaVersion | Self::FrameVersion => (Physical::INT32, None),
            Self::IsJson => (Physical::BOOLEAN, None),
            Self::Metadata | Self::Data => (Physical::BYTE_ARRAY, None),
        };
        column(self.name(), physical, logical, self.is_optional())
    }
}

/// A payload column, as the file's metadata name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Payload {
    /// The column's name.
    pub(super) column: String,
    /// The field's, where it is another one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) field: String,
    /// What it holds: the word of a [`Kind`].
    pub(super) kind: String,
}

/// The payload columns of one file.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    pub(super) payload: Vec<Payload>,
    kinds: Vec<Kind>,
    /// By field and kind. Only looked up.
    numbers: HashMap<(String, Kind), usize>,
}

impl Columns {
    /// The columns that a file's metadata list; nothing where it is no such list.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut columns = Self::default();
        let listed: Vec<Payload> = serde_json::from_str(text).ok()?;
        for mut payload in listed {
            if payload.field.is_empty() {
                payload.field.clone_from(&payload.column);
            }
            let kind = Kind::named(&payload.kind)?;
            columns.add(payload, kind);
        }
        Some(columns)
    }

    fn add(&mut self, payload: Payload, kind: Kind) -> usize {
        let number = self.payload.len();
        self.numbers.insert((payload.field.clone(), kind), number);
        self.payload.push(payload);
        self.kinds.push(kind);
        number
    }

    /// The list of payload columns for a file's metadata.
    ///
    /// # Errors
    /// None: the list is of plain texts.
    pub(super) fn list(&self) -> serde_json::Result<String> {
        let short = |payload: &Payload| {
            let is_same = payload.field == payload.column;
            let field = if is_same { String::new() } else { payload.field.clone() };
            Payload { field, ..payload.clone() }
        };
        serde_json::to_string(&self.payload.iter().map(short).collect::<Vec<_>>())
    }

    /// What a payload column holds.
    pub(super) fn kind(&self, number: usize) -> Option<Kind> {
        self.kinds.get(number).copied()
    }

    /// The column of a field and kind.
    pub(super) fn find(&self, field: &str, kind: Kind) -> Option<usize> {
        self.numbers.get(&(field.to_owned(), kind)).copied()
    }

    /// The column of a field and kind, made where there is none: named like the field, or with
    /// the kind behind it where that name is taken. Nothing where there is no room.
    pub(super) fn find_or_add(&mut self, field: &str, kind: Kind) -> Option<usize> {
        if let Some(number) = self.find(field, kind) {
            return Some(number);
        }
        if self.payload.len() >= PAYLOAD_MAX {
            return None;
        }
        // Fields of tables have dots, which readers take for columns in columns.
        let plain = field.replace('.', "_");
        let suffixed = format!("{plain}__{}", kind.word());
        let column = [plain, suffixed].into_iter().find(|name| !self.is_taken(name))?;
        let payload = Payload { column, field: field.to_owned(), kind: kind.word().to_owned() };
        Some(self.add(payload, kind))
    }

    fn is_taken(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        Envelope::ALL.iter().any(|column| column.name() == name)
            || self.payload.iter().any(|payload| payload.column.to_lowercase() == name)
    }

    /// The schema of the file.
    pub(super) fn schema(&self) -> Result<TypePtr, ParquetError> {
        let mut fields = Vec::new();
        for envelope in Envelope::ALL {
            fields.push(Arc::new(envelope.parquet()?));
        }
        for (payload, kind) in self.payload.iter().zip(&self.kinds) {
            let (physical, logical) = match kind {
                Kind::Text | Kind::Json | Kind::List => {
                    (Physical::BYTE_ARRAY, Some(LogicalType::String))
                }
                Kind::Int => (Physical::INT64, None),
                Kind::Float => (Physical::DOUBLE, None),
                Kind::Bool => (Physical::BOOLEAN, None),
                Kind::Uuid => (Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::Uuid)),
                Kind::Time => (Physical::INT64, Some(micros())),
            };
            fields.push(Arc::new(column(&payload.column, physical, logical, true)?));
        }
        Ok(Arc::new(Type::group_type_builder("event").with_fields(fields).build()?))
    }
}

fn micros() -> LogicalType {
    LogicalType::timestamp(true, TimeUnit::MICROS)
}

fn column(
    name: &str,
    physical: Physical,
    logical: Option<LogicalType>,
    is_optional: bool,
) -> Result<Type, ParquetError> {
    let repetition = if is_optional { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    let length = if physical == Physical::FIXED_LEN_BYTE_ARRAY { 16 } else { -1 };
    Type::primitive_type_builder(name, physical)
        .with_repetition(repetition)
        .with_logical_type(logical)
        .with_length(length)
        .build()
}
