//! JSON literals as typed values, for those of which the value gives back the literal exactly.
//!
//! In: one literal, or one value. Out: the other one. Invariant: [`read`] gives a typed value
//! only where [`Value::write`] writes the same bytes again; how a value is written is defined
//! here and never changes, since files of years ago are read with it.
//! Source: RFC 8259.

use std::borrow::Cow;

use super::table::List;

/// How a literal was taken apart, named in the shape as `$uuid` and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slot {
    Text,
    Int,
    Float,
    Bool,
    Uuid,
    /// Text such as `2026-11-21T09:30:00Z`, with 0, 3 or 6 digits after the seconds.
    Time0,
    Time3,
    Time6,
    /// Anything else that is JSON, as it stands.
    Json,
    /// A list of objects, as one list for each of their fields.
    Table,
    /// An integer that is the event's time of happening in microseconds; no column has it.
    Occurred,
    /// An integer that is so many less than the event's position; no column has it.
    Behind1,
    Behind2,
    Behind3,
    Behind4,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Text,
    Int,
    Float,
    Bool,
    Uuid,
    Time,
    Json,
    /// A field of a list of objects: the JSON list of its values.
    List,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Text(Cow<'a, [u8]>),
    Int(i64),
    Float(f64),
    Bool(bool),
    Uuid([u8; 16]),
    /// Microseconds since 1970.
    Time(i64),
    Json(&'a [u8]),
    Table(Vec<List>),
}

impl Slot {
    pub(super) const ALL: [Self; 15] = [
        Self::Text,
        Self::Int,
        Self::Float,
        Self::Bool,
        Self::Uuid,
        Self::Time0,
        Self::Time3,
        Self::Time6,
        Self::Json,
        Self::Table,
        Self::Occurred,
        Self::Behind1,
        Self::Behind2,
        Self::Behind3,
        Self::Behind4,
    ];

    /// Those of numbers that follow from the envelope.
    pub(super) const FOLLOWS: [Self; 5] =
        [Self::Occurred, Self::Behind1, Self::Behind2, Self::Behind3, Self::Behind4];

    /// The word in the shape, without the `$`.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Uuid => "uuid",
            Self::Time0 => "time0",
            Self::Time3 => "time3",
            Self::Time6 => "time6",
            Self::Json => "json",
            Self::Table => "table",
            Self::Occurred => "occurred",
            Self::Behind1 => "behind1",
            Self::Behind2 => "behind2",
            Self::Behind3 => "behind3",
            Self::Behind4 => "behind4",
        }
    }

    /// What the column holds; of a number that follows, what it would.
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Text => Kind::Text,
            Self::Int
            | Self::Occurred
            | Self::Behind1
            | Self::Behind2
            | Self::Behind3
            | Self::Behind4 => Kind::Int,
            Self::Float => Kind::Float,
            Self::Bool => Kind::Bool,
            Self::Uuid => Kind::Uuid,
            Self::Time0 | Self::Time3 | Self::Time6 => Kind::Time,
            Self::Json => Kind::Json,
            Self::Table => Kind::List,
        }
    }
}

impl Slot {
    /// The number that follows from an event's position and time of happening in microseconds.
    pub(super) const fn follows(self, position: u64, occurred_at: i64) -> Option<i64> {
        let behind = match self {
            Self::Occurred => return Some(occurred_at),
            Self::Behind1 => 1,
            Self::Behind2 => 2,
            Self::Behind3 => 3,
            Self::Behind4 => 4,
            _ => return None,
        };
        position.cast_signed().checked_sub(behind)
    }

    /// The same in words, for a file's metadata.
    pub(super) const fn told(self) -> Option<&'static str> {
        Some(match self {
            Self::Occurred => "occurred_at",
            Self::Behind1 => "position - 1",
            Self::Behind2 => "position - 2",
            Self::Behind3 => "position - 3",
            Self::Behind4 => "position - 4",
            _ => return None,
        })
    }
}

impl Kind {
    /// The word in column names and in the file's metadata.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Uuid => "uuid",
            Self::Time => "time",
            Self::Json => "json",
            Self::List => "list",
        }
    }

    /// The kind of a word.
    pub(super) fn named(word: &str) -> Option<Self> {
        let all = [
            Self::Text,
            Self::Int,
            Self::Float,
            Self::Bool,
            Self::Uuid,
            Self::Time,
            Self::Json,
            Self::List,
        ];
        all.into_iter().find(|kind| kind.word() == word)
    }
}

/// Takes a literal apart; nothing where it is not JSON. `null` is none of them: it stays in the
/// shape.
pub(super) fn read(literal: &[u8]) -> Option<(Slot, Value<'_>)> {
    match literal {
        [b'"', inner @ .., b'"'] => read_string(literal, inner),
        b"true" => Some((Slot::Bool, Value::Bool(true))),
        b"false" => Some((Slot::Bool, Value::Bool(false))),
        [b'-' | b'0'..=b'9', ..] => read_number(literal),
        [b'{' | b'[', ..] => Some((Slot::Json, Value::Json(literal))),
        _ => None,
    }
}

fn read_string<'a>(literal: &'a [u8], inner: &'a [u8]) -> Option<(Slot, Value<'a>)> {
    if inner.iter().any(|byte| *byte < 0x20) {
        return None;
    }
    if let Some(id) = read_uuid(inner) {
        return Some((Slot::Uuid, Value::Uuid(id)));
    }
    if let Some((slot, micros)) = read_time(inner) {
        return Some((slot, Value::Time(micros)));
    }
    if !inner.contains(&b'\\') {
        return Some((Slot::Text, Value::Text(Cow::Borrowed(inner))));
    }
    let plain = unescape(inner)?;
    let mut again = Vec::with_capacity(literal.len());
    escape(&mut again, &plain);
    if again == inner {
        Some((Slot::Text, Value::Text(Cow::Owned(plain))))
    } else {
        Some((Slot::Json, Value::Json(literal)))
    }
}

fn read_number(literal: &[u8]) -> Option<(Slot, Value<'_>)> {
    let digits = literal.strip_prefix(b"-").unwrap_or(literal);
    let (whole, rest) = leading_digits(digits);
    if whole.is_empty() || (whole.len() > 1 && whole.first() == Some(&b'0')) {
        return None;
    }
    let text = std::str::from_utf8(literal).ok()?;
    if rest.is_empty() {
        return match text.parse() {
            Ok(number) if literal != b"-0" => Some((Slot::Int, Value::Int(number))),
            _ => Some((Slot::Json, Value::Json(literal))),
        };
    }
    let mut exponent = rest;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let (fraction, behind) = leading_digits(fraction);
        if fraction.is_empty() {
            return None;
        }
        if behind.is_empty() {
            let number: f64 = text.parse().ok()?;
            let mut again = Vec::with_capacity(literal.len());
            write_float(&mut again, number);
            return Some(if again == literal {
                (Slot::Float, Value::Float(number))
            } else {
                (Slot::Json, Value::Json(literal))
            });
        }
        exponent = behind;
    }
    let power = exponent.strip_prefix(b"e").or_else(|| exponent.strip_prefix(b"E"))?;
    let power = power.strip_prefix(b"+").or_else(|| power.strip_prefix(b"-")).unwrap_or(power);
    let (power, behind) = leading_digits(power);
    (!power.is_empty() && behind.is_empty()).then_some((Slot::Json, Value::Json(literal)))
}

fn leading_digits(text: &[u8]) -> (&[u8], &[u8]) {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    text.split_at(len)
}

impl Value<'_> {
    /// Writes the literal.
    pub(super) fn write(&self, out: &mut Vec<u8>, slot: Slot) {
        match self {
            Self::Text(text) => write_text(out, text),
            Self::Int(number) => write_int(out, *number),
            Self::Float(number) => write_float(out, *number),
            Self::Bool(value) => write_bool(out, *value),
            Self::Uuid(id) => write_uuid(out, *id),
            Self::Time(micros) => write_time(out, *micros, slot),
            Self::Json(text) => out.extend_from_slice(text),
            // Only its template knows how.
            Self::Table(_) => {}
        }
    }
}

pub(super) fn write_bool(out: &mut Vec<u8>, value: bool) {
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

pub(super) fn write_int(out: &mut Vec<u8>, number: i64) {
    let mut digits = [b'0'; 20];
    let mut rest = number.unsigned_abs();
    let mut len = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        len += 1;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(digits.get(20 - len..).unwrap_or_default());
}

/// The shortest decimal without exponent that reads back as the same number, with at least one
/// digit on both sides of the point.
pub(super) fn write_float(out: &mut Vec<u8>, number: f64) {
    let text = number.to_string();
    out.extend_from_slice(text.as_bytes());
    if !text.contains('.') {
        out.extend_from_slice(b".0");
    }
}

pub(super) fn write_uuid(out: &mut Vec<u8>, id: [u8; 16]) {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let text = uuid::Uuid::from_bytes(id).hyphenated().encode_lower(&mut text);
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

pub(super) fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    escape(out, text);
    out.push(b'"');
}

pub(super) fn write_time(out: &mut Vec<u8>, micros: i64, slot: Slot) {
    out.push(b'"');
    put_time(out, micros, slot);
    out.push(b'"');
}

/// 36 lower-case characters.
fn read_uuid(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != 36 || text.iter().any(u8::is_ascii_uppercase) {
        return None;
    }
    let id = uuid::Uuid::try_parse_ascii(text).ok()?;
    Some(id.into_bytes())
}

/// Only what [`put_time`] writes: years 1 to 9999, UTC, no leap second.
fn read_time(text: &[u8]) -> Option<(Slot, i64)> {
    let (slot, scale) = match text.len() {
        20 => (Slot::Time0, 0),
        24 => (Slot::Time3, 1_000),
        27 => (Slot::Time6, 1),
        _ => return None,
    };
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.iter().try_fold(0i64, |sum, byte| {
            byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'))
        })
    };
    let date = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let seconds = number(11, 13)? * 3_600 + number(14, 16)? * 60 + number(17, 19)?;
    let fraction = if scale == 0 { 0 } else { number(20, text.len() - 1)? * scale };
    let micros = (days(date) * 86_400 + seconds) * 1_000_000 + fraction;
    let mut again = Vec::with_capacity(text.len());
    put_time(&mut again, micros, slot);
    (again == text).then_some((slot, micros))
}

fn put_time(out: &mut Vec<u8>, micros: i64, slot: Slot) {
    let (second, fraction) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let (day, second) = (second.div_euclid(86_400), second.rem_euclid(86_400));
    let (year, month, day) = date(day);
    let mut put = |number: i64, width: u32, behind: u8| {
        for power in (0..width).rev() {
            out.push(b'0' + (number / 10i64.pow(power)).rem_euclid(10) as u8);
        }
        out.push(behind);
    };
    put(year, 4, b'-');
    put(month, 2, b'-');
    put(day, 2, b'T');
    put(second / 3_600, 2, b':');
    put(second / 60 % 60, 2, b':');
    match slot {
        Slot::Time3 => {
            put(second % 60, 2, b'.');
            put(fraction / 1_000, 3, b'Z');
        }
        Slot::Time6 => {
            put(second % 60, 2, b'.');
            put(fraction, 6, b'Z');
        }
        _ => put(second % 60, 2, b'Z'),
    }
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar.
///
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
fn days((year, month, day): (i64, i64, i64)) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a number of days since 1970-01-01: year, month, day.
///
/// Source: as [`days`], `civil_from_days`.
pub(super) fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// Writes text as the inside of a JSON string: only what has to be escaped is, in the short
/// form where there is one.
fn escape(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
        let (plain, special) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, behind)) = special.split_first() else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => out.extend_from_slice(format!("\\u{other:04x}").as_bytes()),
        }
        rest = behind;
    }
    out.extend_from_slice(rest);
}

/// The text of the inside of a JSON string. Only escapes that [`escape`] writes.
fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let (before, special) = rest.split_at(at);
        plain.extend_from_slice(before);
        let (code, mut behind) = special.get(1..)?.split_first()?;
        plain.push(match code {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (digits, more) = behind.split_at_checked(4)?;
                behind = more;
                let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
                // Any other one is not written like this by `escape`, so it will differ.
                u8::try_from(code).unwrap_or(b'?')
            }
            other => *other,
        });
        rest = behind;
    }
    plain.extend_from_slice(rest);
    Some(plain)
}
