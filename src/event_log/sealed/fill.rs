//! Shapes and columns put together again to the bytes of events.
//!
//! In: the shapes of a row group, and the values of the columns they name. Out: JSON text.
//! Invariant: each value is used once, in the order of rows.

use std::collections::HashMap;

use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};

use super::buffer::Values;
use super::columns::Columns;
use super::literal::{self, Kind, Slot};
use super::shape::Shape;
use super::table::Table;

/// A payload column and how far it is used.
#[derive(Default)]
pub(super) struct Payload {
    values: Option<Values>,
    next: usize,
}

/// A shape whose fields are columns.
struct Filled {
    /// Text, and what is written behind it.
    pieces: Vec<(Vec<u8>, Origin)>,
    end: Vec<u8>,
}

/// Where a value comes from.
enum Origin {
    /// How it is written, and the column.
    Column(Slot, usize),
    /// A list of objects, and the columns of their fields.
    Table(Table, Vec<usize>),
    /// Position or time of happening.
    Envelope(Slot),
}

/// The shapes of one row group.
pub(super) struct Filler<'a> {
    columns: &'a Columns,
    shapes: Vec<Filled>,
    /// By column: whether any shape names it.
    used: Vec<bool>,
}

fn bad(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

impl Payload {
    pub(super) fn new(values: Values) -> Self {
        Self { values: Some(values), next: 0 }
    }

    /// Whether every value was written.
    pub(super) fn is_used_up(&self) -> bool {
        let count = match &self.values {
            None => 0,
            Some(Values::Long(values)) => values.len(),
            Some(Values::Int(values)) => values.len(),
            Some(Values::Bool(values)) => values.len(),
            Some(Values::Double(values)) => values.len(),
            Some(Values::Bytes(values)) => values.len(),
            Some(Values::Fixed(values)) => values.len(),
        };
        count == self.next
    }

    fn list(&mut self) -> Option<ByteArray> {
        let at = self.next;
        self.next += 1;
        match self.values.as_ref()? {
            Values::Bytes(values) => values.get(at).cloned(),
            _ => None,
        }
    }

    fn write(&mut self, slot: Slot, out: &mut Vec<u8>) -> Option<()> {
        let at = self.next;
        self.next += 1;
        match (self.values.as_ref()?, slot) {
            (Values::Long(values), Slot::Int) => literal::write_int(out, *values.get(at)?),
            (Values::Long(values), Slot::Time0 | Slot::Time3 | Slot::Time6) => {
                literal::write_time(out, *values.get(at)?, slot);
            }
            (Values::Bool(values), Slot::Bool) => literal::write_bool(out, *values.get(at)?),
            (Values::Double(values), Slot::Float) => literal::write_float(out, *values.get(at)?),
            (Values::Bytes(values), Slot::Text) => literal::write_text(out, values.get(at)?.data()),
            (Values::Bytes(values), Slot::Json) => {
                out.extend_from_slice(values.get(at)?.data());
            }
            (Values::Fixed(values), Slot::Uuid) => {
                literal::write_uuid(out, values.get(at)?.data().try_into().ok()?);
            }
            _ => return None,
        }
        Some(())
    }
}

impl<'a> Filler<'a> {
    pub(super) fn new(columns: &'a Columns) -> Self {
        Self { columns, shapes: Vec::new(), used: vec![false; columns.payload.len()] }
    }

    /// Learns the shapes of all rows; gives the number of each. Values of one dictionary entry
    /// share their bytes, so the address tells them apart.
    pub(super) fn shapes(&mut self, values: &[Option<ByteArray>]) -> Result<Vec<Option<u32>>> {
        let mut known = HashMap::new();
        let mut numbers = Vec::with_capacity(values.len());
        for value in values {
            let Some(value) = value else {
                numbers.push(None);
                continue;
            };
            let data = value.data();
            let number = match known.get(&(data.as_ptr(), data.len())) {
                Some(number) => *number,
                None => {
                    let number = self.shapes.len() as u32;
                    let shape = self.learn(data).ok_or_else(|| bad("a shape is none"))?;
                    self.shapes.push(shape);
                    known.insert((data.as_ptr(), data.len()), number);
                    number
                }
            };
            numbers.push(Some(number));
        }
        Ok(numbers)
    }

    fn learn(&mut self, text: &[u8]) -> Option<Filled> {
        let shape = Shape::parse(std::str::from_utf8(text).ok()?)?;
        let mut pieces = Vec::new();
        for piece in shape.pieces {
            let from = match piece.table {
                None if Slot::FOLLOWS.contains(&piece.slot) => Origin::Envelope(piece.slot),
                None => Origin::Column(piece.slot, self.column(&piece.field, piece.slot.kind())?),
                Some(table) => {
                    let mut columns = Vec::with_capacity(table.lists.len());
                    for (_, path) in &table.lists {
                        columns.push(self.column(path, Kind::List)?);
                    }
                    Origin::Table(table, columns)
                }
            };
            pieces.push((piece.before, from));
        }
        Some(Filled { pieces, end: shape.end })
    }

    fn column(&mut self, field: &str, kind: Kind) -> Option<usize> {
        let column = self.columns.find(field, kind)?;
        *self.used.get_mut(column)? = true;
        Some(column)
    }

    /// By column: whether any row has a value in it.
    pub(super) fn used(&self) -> &[bool] {
        &self.used
    }

    /// Writes the data of the next row, which has a position and a time of happening.
    /// Units: microseconds.
    pub(super) fn fill(
        &self,
        shape: u32,
        (position, occurred_at): (u64, i64),
        from: &mut [Payload],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let shape = self.shapes.get(shape as usize).ok_or_else(|| bad("no such shape"))?;
        for (before, piece) in &shape.pieces {
            out.extend_from_slice(before);
            let written = match piece {
                Origin::Column(slot, column) => {
                    from.get_mut(*column).and_then(|column| column.write(*slot, out))
                }
                Origin::Envelope(slot) => slot
                    .follows(position, occurred_at)
                    .map(|number| literal::write_int(out, number)),
                Origin::Table(table, columns) => {
                    let next = |column: &usize| from.get_mut(*column).and_then(Payload::list);
                    let lists: Option<Vec<ByteArray>> = columns.iter().map(next).collect();
                    lists.and_then(|lists| {
                        let lists: Vec<_> = lists.iter().map(ByteArray::data).collect();
                        table.fill(&lists, out)
                    })
                }
            };
            written.ok_or_else(|| bad("a column has too few values"))?;
        }
        out.extend_from_slice(&shape.end);
        Ok(())
    }
}
