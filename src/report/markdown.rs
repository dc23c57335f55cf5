//! A report as Markdown.

use super::{Block, Document};

/// Columns of the longest bar.
const BAR: i64 = 30;

pub(super) fn write(document: &Document) -> String {
    let mut page = format!("# {}\n\n{}\n", document.title, document.subtitle);
    for block in &document.blocks {
        page.push('\n');
        match block {
            Block::Heading(text) => page.push_str(&format!("## {text}\n")),
            Block::Figures(figures) => {
                page.push_str("| | | |\n| --- | ---: | --- |\n");
                for figure in figures {
                    let label = escape(&figure.label);
                    page.push_str(&format!("| {label} | {} | {} |\n", figure.value, figure.note));
                }
            }
            Block::Bars(bars) => {
                let longest = bars.iter().map(|bar| bar.count).max().unwrap_or(0).max(1);
                page.push_str("| | | |\n| --- | ---: | --- |\n");
                for bar in bars {
                    let (count, part) = (bar.count.max(0), bar.part.clamp(0, bar.count.max(0)));
                    let whole = (count * BAR + longest - 1) / longest;
                    let dark = (part * BAR + longest - 1) / longest;
                    let drawn = "█".repeat(length(dark)) + &"░".repeat(length(whole - dark));
                    let label = escape(&bar.label);
                    page.push_str(&format!("| {label} | {} | {drawn} |\n", bar.note));
                }
            }
            Block::Table { heads, rows } => table(&mut page, heads, rows),
            Block::Notes(notes) => {
                for note in notes {
                    page.push_str(&format!("- {note}\n"));
                }
            }
            Block::Nothing(text) => page.push_str(&format!("{text}\n")),
        }
    }
    page
}

fn length(count: i64) -> usize {
    usize::try_from(count).unwrap_or(0)
}

fn table(page: &mut String, heads: &[String], rows: &[Vec<String>]) {
    let heads: Vec<String> = heads.iter().map(|head| escape(head)).collect();
    page.push_str(&format!("| {} |\n|", heads.join(" | ")));
    for column in 0..heads.len() {
        page.push_str(if column == 0 { " --- |" } else { " ---: |" });
    }
    page.push('\n');
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| escape(cell)).collect();
        page.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
