//! Texts of a row group, each of them once.
//!
//! In: what a column holds. Out: the distinct ones, and which of them each row has.

use std::collections::HashMap;
use std::hash::Hash;

use parquet::data_type::ByteArray;
use parquet::errors::Result;

use super::group::bad;

/// Texts of which many are the same.
pub(super) struct Texts<T> {
    pub(super) distinct: Vec<T>,
    pub(super) of_rows: Vec<u32>,
}

impl<T> Texts<T> {
    pub(super) const EMPTY: Self = Self { distinct: Vec::new(), of_rows: Vec::new() };

    /// Values of one dictionary entry share their bytes, so the address tells them apart.
    pub(super) fn new(values: &[ByteArray], make: impl Fn(&[u8]) -> Option<T>) -> Result<Self> {
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

    /// Adds one; gives its number.
    pub(super) fn add(&mut self, text: Option<T>) -> Result<u32> {
        let number = self.distinct.len() as u32;
        self.distinct.push(text.ok_or_else(|| bad("a text is no text"))?);
        Ok(number)
    }

    /// By number: the first number of the same text.
    pub(super) fn same(&self) -> Vec<u32>
    where
        T: Eq + Hash,
    {
        let mut known = HashMap::new();
        let numbers = (0u32..).zip(&self.distinct);
        numbers.map(|(number, text)| *known.entry(text).or_insert(number)).collect()
    }

    pub(super) fn get(&self, row: usize) -> Option<&T> {
        self.distinct.get(*self.of_rows.get(row)? as usize)
    }
}
