//! Leads as JSON objects, one each: what clients offer.
//!
//! In: texts. Out: the same as of a file, where the line is the place of the object, from 1.
//! Invariants: a field is a column, by the rules of a file; no name of a field and no value is
//! repeated where it could be somebody's. Deliberately absent: a number that comes twice, which
//! is for whoever knows the list.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::{LeadFile, LeadRow, RowProblem, finish, has_number, lead, personal, problem};

/// Not an object at all. What it is instead is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read offered lead {place}: its data are no JSON object; wanted one with a field `phone`")]
pub struct ObjectError {
    /// Which one, from 1.
    pub place: u64,
}

/// Reads leads. A column with personal values in any of them stays out of all of them.
///
/// # Errors
/// [`ObjectError`] where one is no object; a lead that cannot be used is no error.
pub fn parse_objects<'a>(
    texts: impl IntoIterator<Item = &'a [u8]>,
) -> Result<LeadFile, ObjectError> {
    let mut file = LeadFile::default();
    for (place, text) in (1..).zip(texts) {
        let fields = serde_json::from_slice(text).map_err(|_| ObjectError { place })?;
        match row(fields, place) {
            Ok(row) => file.rows.push(row),
            Err(found) => file.problems.push(found),
        }
    }
    finish(&mut file);
    Ok(file)
}

fn row(Fields(fields): Fields, place: u64) -> Result<LeadRow, RowProblem> {
    let mut columns = Vec::with_capacity(fields.len());
    let mut seen = BTreeSet::new();
    for (name, value) in fields {
        let name = name.trim().to_lowercase();
        if name.is_empty() {
            return Err(problem(place, "", "has a field without a name"));
        }
        if has_number(&name) || personal::kind_of(&name).is_some() {
            let reason = "has a field whose name looks like a number or an address of somebody; \
                          wanted the name of a column";
            return Err(problem(place, "", reason));
        }
        if !seen.insert(name.clone()) {
            return Err(problem(place, &name, "stands twice; wanted each field once"));
        }
        let text = match value {
            Value::Null => String::new(),
            Value::Bool(value) => value.to_string(),
            Value::Number(value) => value.to_string(),
            Value::String(text) => text,
            Value::Array(_) | Value::Object(_) => {
                let reason = "is a list or an object; wanted text, a number, true or false";
                return Err(problem(place, &name, reason));
            }
        };
        columns.push((name, text));
    }
    let columns: Vec<_> =
        columns.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    lead(&columns, place)
}

/// The fields of an object as they stand, also those that stand twice.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder)
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}
