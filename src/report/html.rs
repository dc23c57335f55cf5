//! A report as one HTML page: no script, no font, no image from elsewhere.

use super::{Bar, Block, Document};

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5c6878;--line:#d9dfe7;--paper:#fff;\
--card:#f5f7fa;--bar:#a9c3e8;--part:#2f6fc4}\
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa7b8;--line:#333d4b;\
--paper:#12171e;--card:#1b222c;--bar:#2d4a73;--part:#6ea4ee}}\
body{font:15px/1.5 system-ui,'Noto Sans CJK SC','PingFang SC',sans-serif;color:var(--ink);\
background:var(--paper);max-width:68rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .6rem}\
.sub{color:var(--soft);margin:.2rem 0 0}\
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:.6rem}\
.figures div{background:var(--card);border-radius:.5rem;padding:.6rem .8rem}\
.figures b{display:block;font-size:1.45rem;font-variant-numeric:tabular-nums}\
.figures span{color:var(--soft);font-size:.85rem}\
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}\
th,td{padding:.3rem .5rem;border-bottom:1px solid var(--line);text-align:right;\
font-variant-numeric:tabular-nums;white-space:nowrap}\
th{color:var(--soft);font-weight:600}th:first-child,td:first-child{text-align:left}\
svg{width:100%;height:auto;display:block}svg text{fill:var(--ink);font-size:13px}\
svg .n{fill:var(--soft)}.b{fill:var(--bar)}.p{fill:var(--part)}\
ul{color:var(--soft);padding-left:1.2rem}";

/// Units of the drawing: its width, where bars begin, how long they may be, how high a row is.
const WIDTH: i64 = 900;
const BEGIN: i64 = 130;
const LENGTH: i64 = 540;
const ROW: i64 = 26;

pub(super) fn write(document: &Document) -> String {
    let title = escape(&document.title);
    let subtitle = escape(&document.subtitle);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>{title}</h1>\n<p class=\"sub\">{subtitle}</p>\n",
        document.language
    );
    for block in &document.blocks {
        match block {
            Block::Heading(text) => page.push_str(&format!("<h2>{}</h2>\n", escape(text))),
            Block::Figures(figures) => {
                page.push_str("<div class=\"figures\">\n");
                for figure in figures {
                    page.push_str(&format!(
                        "<div><span>{}</span><b>{}</b><span>{}</span></div>\n",
                        escape(&figure.label),
                        escape(&figure.value),
                        escape(&figure.note)
                    ));
                }
                page.push_str("</div>\n");
            }
            Block::Bars(bars) => draw(&mut page, bars),
            Block::Table { heads, rows } => table(&mut page, heads, rows),
            Block::Notes(notes) => {
                page.push_str("<ul>\n");
                for note in notes {
                    page.push_str(&format!("<li>{}</li>\n", escape(note)));
                }
                page.push_str("</ul>\n");
            }
            Block::Nothing(text) => {
                page.push_str(&format!("<p class=\"sub\">{}</p>\n", escape(text)));
            }
        }
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn draw(page: &mut String, bars: &[Bar]) {
    let longest = bars.iter().map(|bar| bar.count).max().unwrap_or(0).max(1);
    let height = ROW * i64::try_from(bars.len()).unwrap_or(0);
    page.push_str(&format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n"));
    let mut top = 0;
    for bar in bars {
        let whole = bar.count.max(0) * LENGTH / longest;
        let part = bar.part.clamp(0, bar.count.max(0)) * LENGTH / longest;
        let (text, high) = (top + 17, ROW - 8);
        let (label, note) = (escape(&bar.label), escape(&bar.note));
        page.push_str(&format!(
            "<text x=\"{}\" y=\"{text}\" text-anchor=\"end\">{label}</text>\
             <rect class=\"b\" x=\"{BEGIN}\" y=\"{}\" width=\"{whole}\" height=\"{high}\" rx=\"3\"/>\
             <rect class=\"p\" x=\"{BEGIN}\" y=\"{}\" width=\"{part}\" height=\"{high}\" rx=\"3\"/>\
             <text class=\"n\" x=\"{}\" y=\"{text}\">{note}</text>\n",
            BEGIN - 10,
            top + 4,
            top + 4,
            BEGIN + whole + 8,
        ));
        top += ROW;
    }
    page.push_str("</svg>\n");
}

fn table(page: &mut String, heads: &[String], rows: &[Vec<String>]) {
    page.push_str("<div class=\"wide\"><table>\n<tr>");
    for head in heads {
        page.push_str(&format!("<th>{}</th>", escape(head)));
    }
    page.push_str("</tr>\n");
    for row in rows {
        page.push_str("<tr>");
        for cell in row {
            page.push_str(&format!("<td>{}</td>", escape(cell)));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table></div>\n");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
