//! One column of one row group on its way into a file.
//!
//! In: values, row by row. Out: a column chunk. Invariant: a row that was given no value has
//! none in the file.

use std::collections::HashSet;

use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray,
    FixedLenByteArrayType, Int32Type, Int64Type,
};
use parquet::errors::Result;
use parquet::file::writer::SerializedColumnWriter;

use super::columns::Envelope;
use super::literal::{Kind, Value};

/// Values of one physical type.
#[derive(Clone, Debug)]
pub(super) enum Values {
    Long(Vec<i64>),
    Int(Vec<i32>),
    Bool(Vec<bool>),
    Double(Vec<f64>),
    Bytes(Vec<ByteArray>),
    Fixed(Vec<FixedLenByteArray>),
}

/// A column that is being filled.
#[derive(Clone, Debug)]
pub(super) struct Buffer {
    values: Values,
    /// For an optional column: 1 for each row with a value.
    levels: Option<Vec<i16>>,
}

impl Buffer {
    pub(super) fn envelope(column: Envelope) -> Self {
        use Envelope as E;
        let values = match column {
            E::Position | E::Revision | E::RecordedAt | E::OccurredAt | E::CausationRevision => {
                Values::Long(Vec::new())
            }
            E::SchemaVersion | E::FrameVersion => Values::Int(Vec::new()),
            E::IsJson => Values::Bool(Vec::new()),
            E::EventId | E::CorrelationId | E::CausationId => Values::Fixed(Vec::new()),
            E::Stream | E::EventType | E::Actor | E::Shape | E::Metadata | E::Data => {
                Values::Bytes(Vec::new())
            }
        };
        Self { values, levels: column.is_optional().then(Vec::new) }
    }

    pub(super) fn payload(kind: Kind) -> Self {
        let values = match kind {
            Kind::Text | Kind::Json | Kind::List => Values::Bytes(Vec::new()),
            Kind::Int | Kind::Time => Values::Long(Vec::new()),
            Kind::Float => Values::Double(Vec::new()),
            Kind::Bool => Values::Bool(Vec::new()),
            Kind::Uuid => Values::Fixed(Vec::new()),
        };
        Self { values, levels: Some(Vec::new()) }
    }

    /// Marks that the row of this number has a value; rows that were passed over have none.
    fn mark(&mut self, row: usize) {
        if let Some(levels) = &mut self.levels {
            levels.resize(row, 0);
            levels.push(1);
        }
    }

    pub(super) fn long(&mut self, row: usize, value: i64) {
        if let Values::Long(values) = &mut self.values {
            values.push(value);
            self.mark(row);
        }
    }

    pub(super) fn int(&mut self, row: usize, value: i32) {
        if let Values::Int(values) = &mut self.values {
            values.push(value);
            self.mark(row);
        }
    }

    pub(super) fn bool(&mut self, row: usize, value: bool) {
        if let Values::Bool(values) = &mut self.values {
            values.push(value);
            self.mark(row);
        }
    }

    pub(super) fn double(&mut self, row: usize, value: f64) {
        if let Values::Double(values) = &mut self.values {
            values.push(value);
            self.mark(row);
        }
    }

    pub(super) fn bytes(&mut self, row: usize, value: &[u8]) {
        if let Values::Bytes(values) = &mut self.values {
            values.push(ByteArray::from(value));
            self.mark(row);
        }
    }

    pub(super) fn fixed(&mut self, row: usize, value: [u8; 16]) {
        if let Values::Fixed(values) = &mut self.values {
            values.push(FixedLenByteArray::from(value.to_vec()));
            self.mark(row);
        }
    }

    /// Adds the value of a field.
    pub(super) fn value(&mut self, row: usize, value: &Value<'_>) {
        match value {
            Value::Text(text) => self.bytes(row, text),
            Value::Json(text) => self.bytes(row, text),
            Value::Int(number) | Value::Time(number) => self.long(row, *number),
            Value::Float(number) => self.double(row, *number),
            Value::Bool(value) => self.bool(row, *value),
            Value::Uuid(id) => self.fixed(row, *id),
            // Each of its lists is a value of a column of its own.
            Value::Table(_) => {}
        }
    }

    /// Whether at most one in so many of the values is another one.
    pub(super) fn repeats(&self, times: usize) -> bool {
        fn differ<T: Eq + std::hash::Hash>(values: impl Iterator<Item = T>) -> usize {
            values.collect::<HashSet<_>>().len()
        }
        let (count, different) = match &self.values {
            Values::Long(values) => (values.len(), differ(values.iter())),
            Values::Int(values) => (values.len(), differ(values.iter())),
            Values::Double(values) => (values.len(), differ(values.iter().map(|v| v.to_bits()))),
            Values::Bytes(values) => (values.len(), differ(values.iter().map(ByteArray::data))),
            Values::Fixed(values) => (values.len(), differ(values.iter().map(|v| v.data()))),
            Values::Bool(_) => return false,
        };
        different * times <= count
    }

    /// How much it holds. Units: bytes.
    pub(super) fn size(&self) -> usize {
        match &self.values {
            Values::Long(values) => values.len() * 8,
            Values::Int(values) => values.len() * 4,
            Values::Bool(values) => values.len(),
            Values::Double(values) => values.len() * 8,
            Values::Bytes(values) => values.iter().map(ByteArray::len).sum(),
            Values::Fixed(values) => values.len() * 16,
        }
    }

    /// Whether its values have one length.
    pub(super) const fn is_fixed(&self) -> bool {
        matches!(self.values, Values::Fixed(_))
    }

    /// Whether its values are texts or bytes.
    pub(super) const fn is_bytes(&self) -> bool {
        matches!(self.values, Values::Bytes(_))
    }

    /// Whether its values are numbers with a fraction.
    pub(super) const fn is_double(&self) -> bool {
        matches!(self.values, Values::Double(_))
    }

    /// Whether its values are true or false.
    pub(super) const fn is_bool(&self) -> bool {
        matches!(self.values, Values::Bool(_))
    }

    /// Its first rows.
    pub(super) fn sample(&self, rows: usize) -> Self {
        fn first<T: Clone>(values: &[T], count: usize) -> Vec<T> {
            values.get(..count).unwrap_or(values).to_vec()
        }
        let levels = self.levels.as_ref().map(|levels| first(levels, rows));
        let count = levels
            .as_ref()
            .map_or(rows, |levels| levels.iter().filter(|level| **level == 1).count());
        let values = match &self.values {
            Values::Long(values) => Values::Long(first(values, count)),
            Values::Int(values) => Values::Int(first(values, count)),
            Values::Bool(values) => Values::Bool(first(values, count)),
            Values::Double(values) => Values::Double(first(values, count)),
            Values::Bytes(values) => Values::Bytes(first(values, count)),
            Values::Fixed(values) => Values::Fixed(first(values, count)),
        };
        Self { values, levels }
    }

    /// Writes the rows gathered, and is empty again.
    pub(super) fn write(&mut self, rows: usize, to: &mut SerializedColumnWriter<'_>) -> Result<()> {
        if let Some(levels) = &mut self.levels {
            levels.resize(rows, 0);
        }
        let levels = self.levels.as_deref();
        match &mut self.values {
            Values::Long(values) => put::<Int64Type>(to, values, levels)?,
            Values::Int(values) => put::<Int32Type>(to, values, levels)?,
            Values::Bool(values) => put::<BoolType>(to, values, levels)?,
            Values::Double(values) => put::<DoubleType>(to, values, levels)?,
            Values::Bytes(values) => put::<ByteArrayType>(to, values, levels)?,
            Values::Fixed(values) => put::<FixedLenByteArrayType>(to, values, levels)?,
        }
        if let Some(levels) = &mut self.levels {
            levels.clear();
        }
        Ok(())
    }
}

fn put<T: DataType>(
    to: &mut SerializedColumnWriter<'_>,
    values: &mut Vec<T::T>,
    levels: Option<&[i16]>,
) -> Result<()> {
    to.typed::<T>().write_batch(values, levels, None)?;
    values.clear();
    Ok(())
}
