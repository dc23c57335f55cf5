//! Where statements end.
//!
//! In: a text. Out: the statements that `;` ends, and what is left. Invariant: a `;` in quotes or
//! in a comment ends nothing.

/// Statements, without their `;`, and the text after the last one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Split {
    /// The statements; none is empty.
    pub(super) whole: Vec<String>,
    /// What may become a statement. Empty where there is nothing but spaces and comments.
    pub(super) rest: String,
}

/// What a letter stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    Text,
    /// Until the same letter again; a doubled one is two ends of two texts.
    Quotes(char),
    Line,
    /// Comments may stand in each other.
    Comment(u32),
}

/// Takes a text apart.
pub(super) fn split(text: &str) -> Split {
    let mut split = Split::default();
    let (mut current, mut has_code) = (String::new(), false);
    let mut within = Within::Text;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied();
        let mut is_pair = false;
        within = match (within, letter, next) {
            (Within::Text, '\'' | '"', _) => Within::Quotes(letter),
            (Within::Text, '-', Some('-')) => Within::Line,
            (Within::Text, '/', Some('*')) => {
                is_pair = true;
                Within::Comment(1)
            }
            (Within::Text, ';', _) => {
                if has_code {
                    split.whole.push(current.trim().to_owned());
                }
                current.clear();
                has_code = false;
                continue;
            }
            (Within::Quotes(quote), _, _) if letter == quote => Within::Text,
            (Within::Line, '\n', _) => Within::Text,
            (Within::Comment(depth), '/', Some('*')) => {
                is_pair = true;
                Within::Comment(depth + 1)
            }
            (Within::Comment(depth), '*', Some('/')) => {
                is_pair = true;
                if depth == 1 { Within::Text } else { Within::Comment(depth - 1) }
            }
            (same, _, _) => same,
        };
        let is_code = matches!(within, Within::Text | Within::Quotes(_)) && !is_pair;
        has_code |= is_code && !letter.is_whitespace();
        current.push(letter);
        if is_pair && let Some(second) = letters.next() {
            current.push(second);
        }
    }
    if has_code || !matches!(within, Within::Text | Within::Line) {
        split.rest = current;
    }
    split
}
