//! English text to the phonemes that Kokoro was trained on.
//!
//! espeak-ng gives the International Phonetic Alphabet; the model's own alphabet writes
//! diphthongs and affricates as one letter. Punctuation is kept: the model makes pauses of it.
//!
//! Source: the table of `misaki` 0.9 (Apache-2.0), American half.

use crate::speech::{EspeakNg, SynthesisError};

/// What is replaced, in order: longer sequences stand before what they contain.
const REPLACED: &[(&str, &str)] = &[
    ("ʔˌn\u{329}", "tn"),
    ("ʔn\u{329}", "tn"),
    ("a^ɪ", "I"),
    ("a^ʊ", "W"),
    ("d^ʒ", "ʤ"),
    ("e^ɪ", "A"),
    ("t^ʃ", "ʧ"),
    ("ɔ^ɪ", "Y"),
    ("ə^l", "ᵊl"),
    ("o^ʊ", "O"),
    ("n\u{329}", "ᵊn"),
    ("l\u{329}", "ᵊl"),
    ("ʲo", "jo"),
    ("ʲə", "jə"),
    ("ɪ^ə", "iə"),
    ("ɪə", "iə"),
    ("ɜːɹ", "ɜɹ"),
    ("ɜː", "ɜɹ"),
    ("ʔ", "t"),
    ("e", "A"),
    ("ɚ", "əɹ"),
    ("r", "ɹ"),
    ("x", "k"),
    ("ç", "k"),
    ("ɐ", "ə"),
    ("ɬ", "l"),
    ("ɾ", "T"),
    ("ʲ", ""),
    ("\u{303}", ""),
    ("\u{329}", ""),
    ("ː", ""),
    ("^", ""),
];

/// The phonemes of a text, with its punctuation.
///
/// # Errors
/// When espeak-ng is missing or fails.
pub(super) fn phonemes(espeak: &EspeakNg, text: &str) -> Result<String, SynthesisError> {
    let mut result = String::new();
    for (clause, mark) in clauses(text) {
        if clause.chars().any(char::is_alphanumeric) {
            result.push_str(&to_model(&espeak.phonemes(clause)?));
        }
        if let Some(mark) = mark {
            result.push(mark);
            result.push(' ');
        }
    }
    Ok(result.trim().to_owned())
}

/// Clauses, each with the mark that ends it.
pub(super) fn clauses(text: &str) -> Vec<(&str, Option<char>)> {
    let mut result = Vec::new();
    let mut start = 0;
    for (at, mark) in text.char_indices() {
        if !matches!(mark, ',' | '.' | '!' | '?' | ';' | ':' | '—' | '…') {
            continue;
        }
        let after = &text[at + mark.len_utf8()..];
        // The point in 3.5, the comma in 1,000 and the colon in 10:30 end nothing.
        if after.chars().next().is_some_and(char::is_alphanumeric) {
            continue;
        }
        result.push((text[start..at].trim(), Some(mark)));
        start = at + mark.len_utf8();
    }
    result.push((text[start..].trim(), None));
    result.retain(|(clause, mark)| !clause.is_empty() || mark.is_some());
    result
}

/// From espeak-ng's alphabet to the model's.
pub(super) fn to_model(ipa: &str) -> String {
    let text = REPLACED.iter().fold(ipa.to_owned(), |text, (from, to)| text.replace(from, to));
    // Without a stress the model swallows the pronoun where a sentence begins with it.
    let words = text.split(' ').map(|word| match word {
        "I" | "Iəm" => format!("ˌ{word}"),
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}
