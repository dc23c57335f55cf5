//! A report as Markdown.

use super::document::{Bar, Block, Document, Heat, Lines, Tone};
use super::number::{count, percent};

/// Columns of the longest bar.
const BAR: i64 = 30;

pub(super) fn write(document: &Document) -> String {
    let mut page = format!("# {}\n\n{}\n", escape(&document.title), document.subtitle);
    for block in &document.blocks {
        page.push('\n');
        match block {
            Block::Heading(text) => page.push_str(&format!("## {text}\n")),
            Block::Tiles(tiles) => {
                page.push_str("| | | | | |\n| --- | ---: | --- | --- | --- |\n");
                for tile in tiles {
                    let change = |place: usize| {
                        tile.changes.get(place).map_or("", |(change, _)| change.as_str())
                    };
                    page.push_str(&format!(
                        "| {} | {} | {} | {} | {} |\n",
                        escape(&tile.label),
                        tile.value,
                        tile.note,
                        change(0),
                        change(1)
                    ));
                }
            }
            Block::Bars(bars) | Block::Funnel(bars) => write_bars(&mut page, bars),
            Block::Lines(lines) => write_lines(&mut page, lines),
            Block::Heat(heat) => write_heat(&mut page, heat),
            Block::Table { heads, rows } => table(&mut page, heads, rows),
            Block::Findings(remarks) => {
                for (place, remark) in remarks.iter().enumerate() {
                    let mark = match remark.tone {
                        Tone::Good => "▲",
                        Tone::Bad => "▼",
                        Tone::Neutral => "●",
                    };
                    page.push_str(&format!(
                        "{}. {mark} **{}**\n   {}\n   `{}`\n",
                        place + 1,
                        escape(&remark.sentence),
                        escape(&remark.advice),
                        remark.command.replace('`', "'")
                    ));
                }
            }
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

fn write_bars(page: &mut String, bars: &[Bar]) {
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

fn length(count: i64) -> usize {
    usize::try_from(count).unwrap_or(0)
}

/// The places where any course has a value.
fn write_lines(page: &mut String, lines: &Lines) {
    let mut heads = vec![String::new()];
    heads.extend(lines.courses.iter().map(|course| course.label.clone()));
    let mut rows = Vec::new();
    for (place, name) in lines.places.iter().enumerate() {
        let values: Vec<Option<i64>> = lines
            .courses
            .iter()
            .map(|course| course.values.get(place).copied().flatten())
            .collect();
        // No dial is nothing to tell, a share of nought is.
        let is_told = |value: &Option<i64>| value.is_some_and(|it| lines.is_share || it != 0);
        if !values.iter().any(is_told) {
            continue;
        }
        let mut row = vec![name.clone()];
        row.extend(values.iter().map(|value| match lines.is_share {
            true => percent(&(*value).into()),
            false => count(&(*value).into()),
        }));
        rows.push(row);
    }
    table(page, &heads, &rows);
}

fn write_heat(page: &mut String, heat: &Heat) {
    let is_used = |place: &usize| {
        heat.rows.iter().any(|(_, values)| values.get(*place).copied().flatten().is_some())
    };
    let places: Vec<usize> = (0..heat.columns.len()).filter(is_used).collect();
    let mut heads = vec![String::new()];
    heads.extend(places.iter().filter_map(|place| heat.columns.get(*place).cloned()));
    let row = |(label, values): &(String, Vec<Option<i64>>)| {
        let cell = |place: &usize| {
            let value = values.get(*place).copied().flatten();
            value.map_or_else(String::new, |value| ((value + 5_000) / 10_000).to_string())
        };
        let mut row = vec![label.clone()];
        row.extend(places.iter().map(cell));
        row
    };
    let rows: Vec<_> = heat.rows.iter().map(row).collect();
    table(page, &heads, &rows);
    page.push_str(&format!("\n{}\n", heat.legend));
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
