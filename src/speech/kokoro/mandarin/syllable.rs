//! One syllable of pinyin to sounds.

/// Consonants, the longer spelling first.
const INITIALS: &[(&str, &str)] = &[
    ("zh", "ꭧ"),
    ("ch", "ꭧʰ"),
    ("sh", "ʂ"),
    ("b", "p"),
    ("p", "pʰ"),
    ("m", "m"),
    ("f", "f"),
    ("d", "t"),
    ("t", "tʰ"),
    ("n", "n"),
    ("l", "l"),
    ("g", "k"),
    ("k", "kʰ"),
    ("h", "x"),
    ("j", "ʨ"),
    ("q", "ʨʰ"),
    ("x", "ɕ"),
    ("r", "ɻ"),
    ("z", "ʦ"),
    ("c", "ʦʰ"),
    ("s", "s"),
];

/// Vowels with what closes them: spelling, sound up to the tone, sound after it.
const FINALS: &[(&str, &str, &str)] = &[
    ("a", "a", ""),
    ("o", "wo", ""),
    ("e", "ɤ", ""),
    ("ai", "ai", ""),
    ("ei", "ei", ""),
    ("ao", "au", ""),
    ("ou", "ou", ""),
    ("an", "a", "n"),
    ("en", "ə", "n"),
    ("ang", "a", "ŋ"),
    ("eng", "ə", "ŋ"),
    ("ong", "ʊ", "ŋ"),
    ("er", "ɚ", ""),
    ("i", "i", ""),
    ("ia", "ja", ""),
    ("ie", "je", ""),
    ("iao", "jau", ""),
    ("iu", "jou", ""),
    ("iou", "jou", ""),
    ("ian", "jɛ", "n"),
    ("in", "i", "n"),
    ("iang", "ja", "ŋ"),
    ("ing", "i", "ŋ"),
    ("iong", "jʊ", "ŋ"),
    ("u", "u", ""),
    ("ua", "wa", ""),
    ("uo", "wo", ""),
    ("uai", "wai", ""),
    ("ui", "wei", ""),
    ("uei", "wei", ""),
    ("uan", "wa", "n"),
    ("un", "wə", "n"),
    ("uen", "wə", "n"),
    ("uang", "wa", "ŋ"),
    ("ueng", "wə", "ŋ"),
    ("ü", "y", ""),
    ("üe", "ɥe", ""),
    ("üan", "ɥɛ", "n"),
    ("ün", "y", "n"),
];

/// The sounds of a syllable such as `zhong1`; nothing for what is not one.
pub(super) fn sounds(syllable: &str) -> Option<String> {
    let plain = syllable.trim_end_matches(|last: char| last.is_ascii_digit());
    let tone = match syllable.get(plain.len()..)? {
        "1" => "→",
        "2" => "↗",
        "3" => "↓",
        "4" => "↘",
        _ => "",
    };
    if plain == "o" {
        return Some(format!("ɔ{tone}"));
    }
    let spelled = spell_out(&plain.replace('v', "ü"));
    let (initial, rest) = INITIALS
        .iter()
        .find_map(|(spelling, sound)| Some((*sound, spelled.strip_prefix(spelling)?)))
        .unwrap_or(("", &spelled));
    // After these the letter i is no vowel of its own but a buzz.
    if rest == "i" && matches!(initial, "ꭧ" | "ꭧʰ" | "ʂ" | "ɻ" | "ʦ" | "ʦʰ" | "s") {
        return Some(format!("{initial}ɨ{tone}"));
    }
    let rounded = matches!(initial, "ʨ" | "ʨʰ" | "ɕ") && rest.starts_with('u');
    let rest = if rounded { rest.replacen('u', "ü", 1) } else { rest.to_owned() };
    let (_, vowel, close) = FINALS.iter().find(|(spelling, ..)| *spelling == rest)?;
    Some(format!("{initial}{vowel}{tone}{close}"))
}

/// Undoes the spelling of syllables without a consonant: y and w stand for i, u and ü.
fn spell_out(plain: &str) -> String {
    if let Some(rest) = plain.strip_prefix("yu") {
        return format!("ü{rest}");
    }
    if plain == "you" {
        return "iu".to_owned();
    }
    if let Some(rest) = plain.strip_prefix('y') {
        return if rest.starts_with('i') { rest.to_owned() } else { format!("i{rest}") };
    }
    if let Some(rest) = plain.strip_prefix('w') {
        return if rest.starts_with('u') { rest.to_owned() } else { format!("u{rest}") };
    }
    plain.to_owned()
}
