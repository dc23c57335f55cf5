//! Personal values. They print masked, always: a log line, an error or a metric that takes one
//! by accident shows no more than its last two characters.

use std::fmt;
use std::str::FromStr;

/// A phone number in E.164 form: `+` and 7 to 15 digits.
///
/// Source: ITU-T E.164 §6.1. Invariant: the form, asserted by the parser.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber(String);

/// Why a text is not a phone number. The text itself stays out of the message.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum PhoneNumberError {
    /// Empty.
    #[error("is empty; wanted + and 7 to 15 digits")]
    Empty,
    /// No leading plus.
    #[error("does not start with +; wanted international form such as +12025550123")]
    NoPlus,
    /// Something other than a digit.
    #[error("has a character at place {0} that is not a digit, space, dot or dash")]
    NotDigit(usize),
    /// Too short or too long.
    #[error("has {0} digits; wanted 7 to 15")]
    Length(usize),
}

impl PhoneNumber {
    /// The number in clear, for the wire and for encryption only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for PhoneNumber {
    type Err = PhoneNumberError;

    fn from_str(text: &str) -> Result<Self, PhoneNumberError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(PhoneNumberError::Empty);
        }
        let rest = text.strip_prefix('+').ok_or(PhoneNumberError::NoPlus)?;
        let mut number = String::with_capacity(16);
        number.push('+');
        for (place, character) in rest.chars().enumerate() {
            match character {
                '0'..='9' => number.push(character),
                ' ' | '-' | '.' | '(' | ')' => {}
                _ => return Err(PhoneNumberError::NotDigit(place + 2)),
            }
        }
        match number.len() - 1 {
            7..=15 => Ok(Self(number)),
            digits => Err(PhoneNumberError::Length(digits)),
        }
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The invariant guarantees at least seven ASCII digits.
        write!(f, "+…{}", &self.0[self.0.len() - 2..])
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A person's name.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct PersonName(String);

impl PersonName {
    /// Takes a name as it is.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name in clear, for encryption and for authorised eyes only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹name›")
    }
}

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
