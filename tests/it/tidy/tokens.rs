//! Rust text to tokens: names, `::` and single characters, without comments and literals.

/// A name, `::`, or one other character, with its line counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
}

impl Token {
    pub(super) fn is_name(&self) -> bool {
        self.text.starts_with(is_name_character)
    }
}

fn is_name_character(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Reads a whole file. Comments, strings and character literals leave nothing behind.
pub(super) fn tokens(source: &str) -> Vec<Token> {
    let text: Vec<char> = source.chars().collect();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(&character) = text.get(at) {
        let end = match character {
            '/' if text.get(at + 1) == Some(&'/') => line_end(&text, at),
            '/' if text.get(at + 1) == Some(&'*') => comment_end(&text, at),
            '"' => string_end(&text, at),
            '\'' => quote_end(&text, at),
            _ if character.is_whitespace() => at + 1,
            _ if is_name_character(character) => {
                let end = name_end(&text, at);
                let name: String = text.get(at..end).unwrap_or_default().iter().collect();
                match raw_string_end(&text, &name, end) {
                    Some(end) => end,
                    None if name == "r" && text.get(end) == Some(&'#') => end + 1,
                    None => {
                        tokens.push(Token { text: name, line });
                        end
                    }
                }
            }
            ':' if text.get(at + 1) == Some(&':') => {
                tokens.push(Token { text: "::".to_owned(), line });
                at + 2
            }
            _ => {
                tokens.push(Token { text: character.to_string(), line });
                at + 1
            }
        };
        let end = end.clamp(at + 1, text.len());
        line += text.get(at..end).unwrap_or_default().iter().filter(|&&c| c == '\n').count();
        at = end;
    }
    tokens
}

fn line_end(text: &[char], from: usize) -> usize {
    text.iter().skip(from).position(|&c| c == '\n').map_or(text.len(), |length| from + length)
}

fn name_end(text: &[char], from: usize) -> usize {
    let length = text.iter().skip(from).take_while(|&&c| is_name_character(c)).count();
    from + length
}

/// Block comments nest.
fn comment_end(text: &[char], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0_usize);
    while at < text.len() {
        match (text.get(at), text.get(at + 1)) {
            (Some('/'), Some('*')) => (depth, at) = (depth + 1, at + 2),
            (Some('*'), Some('/')) => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    text.len()
}

fn string_end(text: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while let Some(character) = text.get(at) {
        match character {
            '"' => return at + 1,
            '\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

/// A character literal, or a lifetime, of which only the quote is taken.
fn quote_end(text: &[char], from: usize) -> usize {
    match (text.get(from + 1), text.get(from + 2)) {
        (Some('\\'), _) => {
            let close = text.iter().skip(from + 3).position(|&c| c == '\'');
            close.map_or(text.len(), |length| from + 3 + length + 1)
        }
        (Some(_), Some('\'')) => from + 3,
        _ => from + 1,
    }
}

/// The end of `r"…"`, `r#"…"#` and their byte and C kin, where `name` is such a prefix.
fn raw_string_end(text: &[char], name: &str, from: usize) -> Option<usize> {
    if !["r", "br", "cr"].contains(&name) {
        return None;
    }
    let hashes = text.iter().skip(from).take_while(|&&c| c == '#').count();
    if text.get(from + hashes) != Some(&'"') {
        return None;
    }
    let mut at = from + hashes + 1;
    while at < text.len() {
        let closes = text.get(at) == Some(&'"')
            && text.iter().skip(at + 1).take(hashes).filter(|&&c| c == '#').count() == hashes;
        if closes {
            return Some(at + 1 + hashes);
        }
        at += 1;
    }
    Some(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(source: &str, want: &str) {
        let got: Vec<_> = tokens(source).into_iter().map(|token| token.text).collect();
        assert_eq!(got.join(" "), want, "{source:?}");
    }

    #[test]
    fn comments_and_literals_leave_nothing() {
        check("a::b // crate::x\n c", "a :: b c");
        check("a /* crate /* nested */ :: x */ b", "a b");
        check(r#"f("crate::x \" y", b"z")"#, "f ( , b )");
        check(r###"r#"crate::x " y"# r"\" br##"a"# "## end"###, "end");
        check("r#type x", "type x");
    }

    #[test]
    fn quotes_are_characters_or_lifetimes() {
        check("'a' 'b", "b");
        check(r"'\'' x '\u{1f}' '\\' y", "x y");
        check("&'static str", "& static str");
    }

    #[test]
    fn lines_are_counted_through_comments_and_strings() {
        let got = tokens("/* \n */ \"\n\" a\n\nb");
        assert_eq!(got.iter().map(|token| token.line).collect::<Vec<_>>(), [3, 5]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(source in "[a-c:/*\"'#r\\\\\n{}]{0,60}") {
            let lines = source.matches('\n').count() + 1;
            prop_assert!(tokens(&source).iter().all(|token| token.line <= lines));
        }
    }
}
