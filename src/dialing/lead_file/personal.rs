//! Values that point to a person: telephone numbers and e-mail addresses.
//!
//! In: the text of a field. Out: what it looks like. Errs on the side of the person: a date or a
//! large amount counts as a number too, as no rule tells `20261121` from a telephone number.
//! Deliberately absent: names and postal addresses, which no rule tells from other words.

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A telephone number.
    Phone,
    /// An e-mail address.
    Email,
}

impl Kind {
    /// For people, with its article.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Phone => "a telephone number",
            Self::Email => "an e-mail address",
        }
    }
}

/// Digits of the shortest telephone number.
const DIGITS_MIN: usize = 7;

/// What a text looks like, or holds; nothing where it is harmless.
pub(super) fn kind_of(text: &str) -> Option<Kind> {
    if has_address(text) {
        return Some(Kind::Email);
    }
    // Only a letter ends a number: whatever else people put between digits separates them.
    let has_number = text
        .split(char::is_alphabetic)
        .any(|run| run.chars().filter(|character| character.is_numeric()).count() >= DIGITS_MIN);
    has_number.then_some(Kind::Phone)
}

/// An `@` with something on both sides, in either width.
fn has_address(text: &str) -> bool {
    let is_at = |character: char| matches!(character, '@' | '＠');
    text.split_whitespace().any(|word| {
        word.split_once(is_at).is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
    })
}
