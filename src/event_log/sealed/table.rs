//! Lists of objects that are alike, turned on their side: for each field a list of its values.
//!
//! In: the JSON text of such a list. Out: its template, the text of one object with a
//! placeholder where each value was, and the lists; both give back the text.
//! Invariant: arbitrary bytes never panic; what does not come back is noticed by the caller,
//! who compares.

use super::shape::{literal_len, string_len};

/// Objects in objects that are taken apart.
const DEPTH_MAX: usize = 3;
/// Bytes the name of a field may have.
const NAME_MAX: usize = 64;
/// The placeholder.
const LIST: &str = "$list";

/// The values of one field, as a JSON list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct List {
    /// The names of the fields on the way to it, with dots between.
    pub(super) path: String,
    pub(super) text: String,
}

/// A template, ready to be filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// Text, and the path of the list whose value follows.
    pub(super) lists: Vec<(Vec<u8>, String)>,
    /// What follows the last value.
    end: Vec<u8>,
}

/// Takes a list of objects apart. Nothing where it is no such list, or they are not alike.
pub(super) fn turn(field: &str, text: &str, template: &mut String) -> Option<Vec<List>> {
    let objects: Vec<&str> = elements(text)?.collect::<Option<_>>()?;
    let mut lists = Vec::new();
    let length = template.len();
    if alike(&objects).is_none_or(|objects| objects.is_empty()) {
        return None;
    }
    unify(&objects, field.to_owned(), 0, template, &mut lists);
    if lists.is_empty() {
        template.truncate(length);
        return None;
    }
    Some(lists)
}

/// The elements of a list without blanks between them; nothing as the last one where the text
/// is another one.
fn elements(text: &str) -> Option<impl Iterator<Item = Option<&str>>> {
    let mut rest = Some(text.strip_prefix('[')?.strip_suffix(']')?);
    Some(std::iter::from_fn(move || {
        let text = rest.take()?;
        let element = literal_len(text.as_bytes()).and_then(|len| text.split_at_checked(len));
        let Some((element, behind)) = element else { return Some(None) };
        match behind.strip_prefix(',') {
            Some(behind) => rest = Some(behind),
            None if behind.is_empty() => {}
            None => return Some(None),
        }
        Some(Some(element))
    }))
}

/// An object: what stands before each value and at the end, keys, and values.
#[derive(Default)]
struct Object<'a> {
    texts: Vec<&'a str>,
    keys: Vec<&'a str>,
    values: Vec<&'a str>,
}

/// Takes an object apart; nothing where it is none, or an unusual one.
fn object(text: &str) -> Option<Object<'_>> {
    let mut object = Object::default();
    let blank = |at: usize| {
        let rest = text.as_bytes().get(at..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        at + count.count()
    };
    let (mut start, mut at) = (0, blank(1));
    if text.as_bytes().first() != Some(&b'{') {
        return None;
    }
    loop {
        let len = string_len(text.as_bytes().get(at..)?).filter(|len| *len > 2)?;
        if text.as_bytes().get(at) != Some(&b'"') {
            return None;
        }
        let key = text.get(at + 1..at + len - 1)?;
        let is_plain = |char: char| !char.is_control() && char != '\\' && char != '.';
        if key.len() > NAME_MAX || !key.chars().all(is_plain) || object.keys.contains(&key) {
            return None;
        }
        at = blank(at + len);
        if text.as_bytes().get(at) != Some(&b':') {
            return None;
        }
        at = blank(at + 1);
        let len = literal_len(text.as_bytes().get(at..)?)?;
        object.texts.push(text.get(start..at)?);
        object.keys.push(key);
        object.values.push(text.get(at..at + len)?);
        start = at + len;
        at = blank(start);
        match text.as_bytes().get(at) {
            Some(b',') => at = blank(at + 1),
            Some(b'}') if at + 1 == text.len() => break,
            _ => return None,
        }
    }
    object.texts.push(text.get(start..)?);
    Some(object)
}

/// Objects, where all of them have the same keys and the same text around the values.
fn alike<'a>(values: &[&'a str]) -> Option<Vec<Object<'a>>> {
    let objects: Vec<_> = values.iter().map(|value| object(value)).collect::<Option<_>>()?;
    let first = objects.first()?;
    objects.iter().all(|object| object.texts == first.texts).then_some(objects)
}

/// Adds the template of values, and their lists.
fn unify(
    values: &[&str],
    path: String,
    depth: usize,
    template: &mut String,
    lists: &mut Vec<List>,
) {
    let objects = if depth < DEPTH_MAX { alike(values) } else { None };
    let first = objects.as_ref().and_then(|objects| objects.first());
    let (Some(objects), Some(first)) = (&objects, first) else {
        template.push_str(LIST);
        lists.push(List { path, text: format!("[{}]", values.join(",")) });
        return;
    };
    for (number, (text, key)) in first.texts.iter().zip(&first.keys).enumerate() {
        template.push_str(text);
        let column: Vec<&str> =
            objects.iter().filter_map(|object| object.values.get(number).copied()).collect();
        unify(&column, format!("{path}.{key}"), depth + 1, template, lists);
    }
    template.push_str(first.texts.last().copied().unwrap_or_default());
}

impl Table {
    /// Reads a template; nothing where it is none.
    pub(super) fn parse(field: &str, text: &str) -> Option<Self> {
        let mut lists = Vec::new();
        let (mut start, mut at) = (0, 0);
        let (mut outer, mut field) = (Vec::new(), field);
        while let Some(byte) = text.as_bytes().get(at) {
            match byte {
                b'"' => {
                    let len = string_len(text.as_bytes().get(at..)?)?;
                    field = text.get(at + 1..at + len - 1)?;
                    at += len;
                }
                b'{' => {
                    outer.push(field);
                    at += 1;
                }
                b'}' => {
                    outer.pop()?;
                    at += 1;
                }
                b'$' => {
                    let before = text.get(start..at)?.as_bytes().to_vec();
                    text.get(at..)?.strip_prefix(LIST)?;
                    lists.push((before, format!("{}.{field}", outer.join("."))));
                    at += LIST.len();
                    start = at;
                }
                _ => at += 1,
            }
        }
        Some(Self { lists, end: text.get(start..)?.as_bytes().to_vec() })
    }

    /// Puts the list of objects together again, of lists in the order of the template. Nothing
    /// where they are not of one length.
    pub(super) fn fill(&self, lists: &[&[u8]], out: &mut Vec<u8>) -> Option<()> {
        let mut columns = Vec::with_capacity(lists.len());
        for list in lists {
            columns.push(elements(std::str::from_utf8(list).ok()?)?);
        }
        if columns.len() != self.lists.len() || columns.is_empty() {
            return None;
        }
        out.push(b'[');
        let mut is_first = true;
        loop {
            let length = out.len();
            if !is_first {
                out.push(b',');
            }
            for (number, ((before, _), column)) in self.lists.iter().zip(&mut columns).enumerate() {
                match column.next() {
                    Some(value) => {
                        out.extend_from_slice(before);
                        out.extend_from_slice(value?.as_bytes());
                    }
                    None if number == 0 => {
                        out.truncate(length);
                        out.push(b']');
                        return columns.iter_mut().all(|rest| rest.next().is_none()).then_some(());
                    }
                    None => return None,
                }
            }
            out.extend_from_slice(&self.end);
            is_first = false;
        }
    }
}
