//! JSON objects taken apart: the typed values of their top-level fields, and their shape, the
//! text with a placeholder where each value was.
//!
//! In: the bytes of an event. Out: shape and fields, which give back the bytes; or nothing,
//! where they are no JSON object or an unusual one.
//! Invariant: arbitrary bytes never panic. A `$` stands outside a string in no JSON text, so a
//! placeholder cannot be mistaken; every string in a shape is a key.

use std::collections::{BTreeMap, BTreeSet};

use super::literal::{self, Slot, Value};
use super::table::{self, Table};

/// Bytes a field's name may have to get a column.
const NAME_MAX: usize = 64;

/// What is done with some fields.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known<'k> {
    /// Fields whose lists of objects are turned on their side.
    pub(super) tables: Option<&'k BTreeSet<String>>,
    /// Fields that may follow from position and time of happening, and these two.
    /// Units: microseconds.
    pub(super) follows: Option<(&'k BTreeMap<String, Slot>, u64, i64)>,
}

impl Known<'_> {
    fn is_table(&self, name: &str) -> bool {
        self.tables.is_some_and(|tables| tables.contains(name))
    }

    fn follows(&self, name: &str, value: &Value<'_>) -> Option<Slot> {
        let (fields, position, occurred_at) = self.follows?;
        let Value::Int(number) = value else { return None };
        let slot = fields.get(name)?;
        (slot.follows(position, occurred_at) == Some(*number)).then_some(*slot)
    }
}

/// One top-level field.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    pub(super) slot: Slot,
    pub(super) value: Value<'a>,
}

/// A shape, ready to be filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) pieces: Vec<Piece>,
    /// What follows the last value.
    pub(super) end: Vec<u8>,
}

/// Text, and the value that follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) before: Vec<u8>,
    pub(super) field: String,
    pub(super) slot: Slot,
    /// For a list that was turned on its side.
    pub(super) table: Option<Table>,
}

/// Takes a JSON object apart. False where it cannot be put together again from columns: it is
/// no object, a key stands twice, or a key has escapes or is very long.
pub(super) fn split<'a>(
    data: &'a [u8],
    known: Known<'_>,
    shape: &mut String,
    fields: &mut Vec<Field<'a>>,
) -> bool {
    shape.clear();
    fields.clear();
    let Ok(text) = std::str::from_utf8(data) else { return false };
    Splitter { text, at: 0, known, shape, fields }.object().is_some()
}

struct Splitter<'a, 's> {
    text: &'a str,
    at: usize,
    known: Known<'s>,
    shape: &'s mut String,
    fields: &'s mut Vec<Field<'a>>,
}

impl<'a> Splitter<'a, '_> {
    fn object(&mut self) -> Option<()> {
        self.space();
        self.mark(b'{')?;
        self.space();
        if self.mark(b'}').is_none() {
            loop {
                self.field()?;
                self.space();
                if self.mark(b',').is_none() {
                    break;
                }
                self.space();
            }
            self.mark(b'}')?;
        }
        self.space();
        (self.at == self.text.len()).then_some(())
    }

    fn field(&mut self) -> Option<()> {
        let key = self.literal()?;
        let name = key.strip_prefix('"')?.strip_suffix('"')?;
        let is_plain = |char: char| !char.is_control() && char != '\\' && char != '.';
        if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(is_plain) {
            return None;
        }
        if self.fields.iter().any(|field| field.name == name) {
            return None;
        }
        self.shape.push_str(key);
        self.space();
        self.mark(b':')?;
        self.space();
        let value = self.literal()?;
        if value == "null" {
            self.shape.push_str(value);
            return Some(());
        }
        if self.known.is_table(name) && self.table(name, value) {
            return Some(());
        }
        let (mut slot, value) = literal::read(value.as_bytes())?;
        if let Some(follows) = self.known.follows(name, &value) {
            slot = follows;
        }
        self.shape.push('$');
        self.shape.push_str(slot.word());
        self.fields.push(Field { name, slot, value });
        Some(())
    }

    /// Turns a list of objects on its side, where it is one.
    fn table(&mut self, name: &'a str, value: &str) -> bool {
        let length = self.shape.len();
        self.shape.push('$');
        self.shape.push_str(Slot::Table.word());
        self.shape.push('[');
        let Some(lists) = table::turn(name, value, self.shape) else {
            self.shape.truncate(length);
            return false;
        };
        self.shape.push(']');
        self.fields.push(Field { name, slot: Slot::Table, value: Value::Table(lists) });
        true
    }

    /// One literal, an array or an object, as it stands.
    fn literal(&mut self) -> Option<&'a str> {
        let rest = self.text.get(self.at..)?;
        let bytes = rest.as_bytes();
        let len = match bytes.first()? {
            b'"' => string_len(bytes)?,
            b'{' | b'[' => nested_len(bytes)?,
            _ => bytes
                .iter()
                .take_while(|byte| !matches!(byte, b',' | b'}' | b' ' | b'\t' | b'\n' | b'\r'))
                .count(),
        };
        self.at += len;
        rest.get(..len)
    }

    fn space(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let len =
            rest.bytes().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.shape.push_str(rest.get(..len).unwrap_or_default());
        self.at += len;
    }

    fn mark(&mut self, mark: u8) -> Option<()> {
        if self.text.as_bytes().get(self.at) != Some(&mark) {
            return None;
        }
        self.shape.push(char::from(mark));
        self.at += 1;
        Some(())
    }
}

/// Bytes of the literal, array or object at the start; nothing where there is none.
pub(super) fn literal_len(bytes: &[u8]) -> Option<usize> {
    match bytes.first()? {
        b'"' => string_len(bytes),
        b'{' | b'[' => nested_len(bytes),
        _ => {
            let ends =
                |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
            Some(bytes.iter().take_while(|byte| !ends(byte)).count()).filter(|len| *len > 0)
        }
    }
}

/// Bytes of the string at the start, both quotes included.
pub(super) fn string_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// Bytes of the array or object at the start.
fn nested_len(bytes: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0usize);
    loop {
        match bytes.get(at)? {
            b'"' => {
                at += string_len(bytes.get(at..)?)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

impl Shape {
    /// Reads a shape; nothing where it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let (mut start, mut at, mut field) = (0, 0, "");
        while let Some(byte) = text.as_bytes().get(at) {
            match byte {
                b'"' => {
                    let len = string_len(text.as_bytes().get(at..)?)?;
                    field = text.get(at + 1..at + len - 1)?;
                    at += len;
                }
                b'$' => {
                    let rest = text.get(at + 1..)?;
                    let len = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
                    let word = rest.get(..len)?;
                    let slot = Slot::ALL.into_iter().find(|slot| slot.word() == word)?;
                    let before = text.get(start..at)?.as_bytes().to_vec();
                    at += 1 + len;
                    let table = match slot {
                        Slot::Table => {
                            let rest = text.get(at..)?;
                            let len = nested_len(rest.as_bytes())?;
                            at += len;
                            let inner = rest.get(..len)?.strip_prefix('[')?.strip_suffix(']')?;
                            Some(Table::parse(field, inner)?)
                        }
                        _ => None,
                    };
                    pieces.push(Piece { before, field: field.to_owned(), slot, table });
                    start = at;
                }
                _ => at += 1,
            }
        }
        Some(Self { pieces, end: text.get(start..)?.as_bytes().to_vec() })
    }

    /// Puts an object together again. False where the fields are not those of the shape.
    pub(super) fn fill(&self, fields: &[Field<'_>], out: &mut Vec<u8>) -> bool {
        for (piece, field) in self.pieces.iter().zip(fields) {
            if piece.slot != field.slot || piece.field != field.name {
                return false;
            }
            out.extend_from_slice(&piece.before);
            let is_filled = match (&piece.table, &field.value) {
                (Some(table), Value::Table(lists)) => {
                    let lists: Vec<_> = lists.iter().map(|list| list.text.as_bytes()).collect();
                    table.fill(&lists, out).is_some()
                }
                (None, value) => {
                    value.write(out, piece.slot);
                    true
                }
                _ => false,
            };
            if !is_filled {
                return false;
            }
        }
        out.extend_from_slice(&self.end);
        self.pieces.len() == fields.len()
    }
}
