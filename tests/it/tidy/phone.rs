//! No number that could ring at somebody's home.
//!
//! A number in international form has to lie in a range kept free for fiction: +1 NXX 555-01XX
//! (North American Numbering Plan) or the British 07700 900XXX with +44 (Ofcom). Other countries keep no such range.

use super::{Finding, TextFile, expect_none, text_files};

/// The numbers of a line: `+`, then 8 to 15 digits with at most one separator between two.
fn numbers(line: &str) -> Vec<String> {
    let text: Vec<char> = line.chars().collect();
    let mut found = Vec::new();
    for (at, _) in text.iter().enumerate().filter(|(_, character)| **character == '+') {
        if at > 0 && text.get(at - 1).is_some_and(|before| before.is_alphanumeric()) {
            continue;
        }
        let (mut digits, mut gap) = (String::new(), 1);
        for character in text.iter().skip(at + 1) {
            match character {
                '0'..='9' => {
                    digits.push(*character);
                    gap = 0;
                }
                ' ' | '-' | '.' | '(' | ')' if gap < 2 && !digits.is_empty() => gap += 1,
                _ => break,
            }
        }
        if (8..=15).contains(&digits.len()) {
            found.push(digits);
        }
    }
    found
}

fn is_reserved(digits: &str) -> bool {
    let american = digits.len() == 11
        && digits.starts_with('1')
        && digits.get(4..9).is_some_and(|middle| middle == "55501");
    let british = digits.len() == 12 && digits.starts_with("447700900");
    american || british
}

/// The Chinese mobile numbers of a line, which are written without `+`: 11 digits from 13 to 19.
fn mobiles(line: &str) -> Vec<&str> {
    let words =
        line.split(|character: char| !character.is_ascii_alphanumeric() && character != '.');
    words.filter(|word| is_mobile(word) && !is_reserved(word)).collect()
}

fn is_mobile(word: &str) -> bool {
    let start = word.get(..2).unwrap_or_default();
    word.len() == 11 && word.chars().all(|c| c.is_ascii_digit()) && ("13"..="19").contains(&start)
}

fn check(file: &TextFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        for digits in numbers(line).iter().filter(|digits| !is_reserved(digits)) {
            let shown = digits.get(..4).unwrap_or_default();
            let problem = format!("+{shown}… is no reserved number; use +1 NXX 555 01XX");
            findings.push(Finding::new(&file.path, at + 1, problem));
        }
        for digits in mobiles(line) {
            let shown = digits.get(..3).unwrap_or_default();
            let problem = format!("{shown}… looks like a Chinese mobile; use +1 NXX 555 01XX");
            findings.push(Finding::new(&file.path, at + 1, problem));
        }
    }
    findings
}

#[test]
fn numbers_come_from_reserved_ranges() {
    let endings = [
        ".rs", ".md", ".toml", ".json", ".jsonl", ".csv", ".xml", ".sql", ".yaml", ".yml", ".ts",
        ".svelte", ".html", ".txt", ".sh", ".py",
    ];
    let mut files = text_files("", &endings);
    // Hashes of packages, not text of ours.
    files.retain(|file| file.path != "web/package-lock.json");
    assert!(files.iter().any(|file| file.path == "src/base/personal.rs"), "the walk lost src/");
    expect_none(files.iter().flat_map(check).collect());
}

#[test]
fn a_private_number_is_found() {
    let check_line = |line: &str, want: usize| {
        let file = TextFile { path: "a.md".to_owned(), text: line.to_owned() };
        assert_eq!(check(&file).len(), want, "{line}");
    };
    check_line("call +1 202 555 0123 or +12025550199, +1 (202) 555-0100.", 0);
    check_line("+44 7700 900 001", 0);
    // Made of pieces, so that this file keeps its own rule.
    check_line(&format!("sip:+1{}@host", "2125551212"), 1);
    check_line(&format!("+1-{}", "(202) 456 1111"), 1);
    check_line(&format!("+86{}{} and +44{}", "1380013", "8000", "2079460000"), 2);
    check_line(&format!("拨打{}{}。", "1380013", "8000"), 1);
    check_line("13125550199", 0);
    check_line("12345678901, a13800138, 0.13800138, 1380013800, 138001", 0);
    check_line("+08:00, +1.5, a+12345678901, 1 + 12345678901, +1234567", 0);
}
