//! The part of a file that a request wants.
//!
//! Several ranges at once are not given: the whole file is, as RFC 9110 §14.2 allows.
//! Source: RFC 9110 §14.

use std::ops::Range;

/// What to give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it: 200.
    Whole,
    /// These bytes: 206.
    Some(Range<usize>),
    /// Nothing is there: 416.
    Nothing,
}

/// Reads the header `range` for a file of this length.
pub(super) fn part(header: Option<&str>, length: usize) -> Part {
    let Some(wanted) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else {
        return Part::Whole;
    };
    let Some((first, last)) = wanted.trim().split_once('-') else { return Part::Whole };
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // One too large for us is larger than any file.
        is_number.then(|| text.parse().unwrap_or(usize::MAX))
    };
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first > last => Part::Whole,
        (Some(first), _) if first >= length && (last.is_empty() || number(last).is_some()) => {
            Part::Nothing
        }
        (Some(first), Some(last)) => Part::Some(first..last.saturating_add(1).min(length)),
        (Some(first), None) if last.is_empty() => Part::Some(first..length),
        (None, Some(0)) if first.is_empty() => Part::Nothing,
        (None, Some(last)) if first.is_empty() => Part::Some(length.saturating_sub(last)..length),
        _ => Part::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_given_and_what_is_no_range_is_the_whole() {
        let cases = [
            ("bytes=0-", Part::Some(0..100)),
            ("bytes=0-0", Part::Some(0..1)),
            ("bytes=10-19", Part::Some(10..20)),
            ("bytes=90-1000", Part::Some(90..100)),
            ("bytes=99-", Part::Some(99..100)),
            ("bytes=-1", Part::Some(99..100)),
            ("bytes=-1000", Part::Some(0..100)),
            ("bytes=0-18446744073709551615", Part::Some(0..100)),
            ("bytes=100-", Part::Nothing),
            ("bytes=100-200", Part::Nothing),
            ("bytes=99999999999999999999-", Part::Nothing),
            ("bytes=-0", Part::Nothing),
            ("bytes=5-4", Part::Whole),
            ("bytes=0-1,5-6", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=+1-5", Part::Whole),
            ("seconds=0-1", Part::Whole),
        ];
        for (header, wanted) in cases {
            assert_eq!(part(Some(header), 100), wanted, "{header}");
        }
        assert_eq!(part(None, 100), Part::Whole);
    }
}
