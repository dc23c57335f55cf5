//! Rows on a terminal.

use crate::query::Answer;

/// One line for each value, as `\x` wants it.
pub(super) fn expanded(answer: &Answer) -> String {
    let width = answer.columns.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for row in 0..answer.rows.len() {
        text.push_str(&format!("-[ {} ]-\n", row + 1));
        for column in &answer.columns {
            let gap = " ".repeat(width.saturating_sub(column.chars().count()));
            let line = format!("{column}{gap} | {}", answer.text(row, column));
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text.push_str(&rows(answer.rows.len()));
    text
}

fn rows(count: usize) -> String {
    format!("({count} {})\n", if count == 1 { "row" } else { "rows" })
}

/// How long something took. Units: microseconds.
pub(super) fn time(micros: i64) -> String {
    format!("Time: {}.{:03} ms", micros / 1_000, micros % 1_000)
}
