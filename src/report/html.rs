//! A report as one HTML page: no script, no font, no image from elsewhere.

use super::chart;
use super::document::{Block, Document, Remark, Tile, Tone};

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5c6878;--line:#d9dfe7;--paper:#fff;\
--card:#f5f7fa;--bar:#a9c3e8;--part:#2f6fc4;--two:#c2701a;--three:#7a8698;\
--good:#1a7f45;--bad:#b3261e;--empty:#eef1f5;\
--h0:#eaf2fb;--h1:#cfe0f4;--h2:#abc8ea;--h3:#82acdd;--h4:#568dcb;--h5:#326fb3;--h6:#1c4f8a}\
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa7b8;--line:#333d4b;\
--paper:#12171e;--card:#1b222c;--bar:#2d4a73;--part:#6ea4ee;--two:#e8a35c;--three:#8794a7;\
--good:#5cc98b;--bad:#f08a80;--empty:#1b222c;\
--h0:#1b2c42;--h1:#23405f;--h2:#2b547d;--h3:#35699c;--h4:#5a94cf;--h5:#8bb8e6;--h6:#bfdaf5}}\
body{font:15px/1.5 system-ui,'Noto Sans CJK SC','PingFang SC',sans-serif;color:var(--ink);\
background:var(--paper);max-width:68rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .6rem;break-after:avoid}\
.sub{color:var(--soft);margin:.2rem 0 0}\
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(11rem,1fr));gap:.6rem}\
.figures div{background:var(--card);border-radius:.5rem;padding:.6rem .8rem;break-inside:avoid}\
.figures b{display:block;font-size:1.45rem;font-variant-numeric:tabular-nums}\
.figures span{color:var(--soft);font-size:.85rem}\
.figures i{display:block;font-style:normal;font-size:.8rem;color:var(--soft);\
font-variant-numeric:tabular-nums}\
.figures .good,.good b{color:var(--good)}.figures .bad,.bad b{color:var(--bad)}\
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}\
table{font-size:.88rem}th,td{padding:.3rem .4rem;border-bottom:1px solid var(--line);text-align:right;\
font-variant-numeric:tabular-nums;white-space:nowrap}tr{break-inside:avoid}th{white-space:normal;vertical-align:bottom}\
th{color:var(--soft);font-weight:600}th:first-child,td:first-child{text-align:left}\
svg{width:100%;height:auto;display:block;break-inside:avoid}\
svg text{fill:var(--ink);font-size:13px}\
svg .n{fill:var(--soft)}svg .s{font-size:11px}.b{fill:var(--bar)}.p{fill:var(--part)}\
.g{stroke:var(--line);fill:none}.l{fill:none;stroke-width:2;stroke-linejoin:round}\
.l0{stroke:var(--part);stroke-width:2.5}.l1{stroke:var(--two);stroke-dasharray:6 4}\
.l2{stroke:var(--three);stroke-dasharray:2 3}\
.d0{fill:var(--part)}.d1{fill:var(--two)}.d2{fill:var(--three)}\
.e{fill:var(--empty)}.h0{fill:var(--h0)}.h1{fill:var(--h1)}.h2{fill:var(--h2)}\
.h3{fill:var(--h3)}.h4{fill:var(--h4)}.h5{fill:var(--h5)}.h6{fill:var(--h6)}\
svg .t1{fill:var(--paper)}\
ul{color:var(--soft);padding-left:1.2rem}ol{padding-left:1.4rem}\
ol li{margin:0 0 .8rem;break-inside:avoid}ol span{display:block}ol code{font-size:.8rem;\
color:var(--soft);overflow-wrap:anywhere}\
@media print{body{margin:0;max-width:none}.wide{overflow:visible}table{font-size:.72rem}\
th,td{padding:.2rem .25rem}}@page{size:A4;margin:14mm}";

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
            Block::Tiles(tiles) => {
                page.push_str("<div class=\"figures\">\n");
                tiles.iter().for_each(|tile| write_tile(&mut page, tile));
                page.push_str("</div>\n");
            }
            Block::Bars(bars) => chart::bars(&mut page, bars),
            Block::Funnel(steps) => chart::funnel(&mut page, steps),
            Block::Lines(lines) => chart::lines(&mut page, lines),
            Block::Heat(heat) => chart::heat(&mut page, heat),
            Block::Table { heads, rows } => table(&mut page, heads, rows),
            Block::Findings(remarks) => {
                page.push_str("<ol>\n");
                remarks.iter().for_each(|remark| write_remark(&mut page, remark));
                page.push_str("</ol>\n");
            }
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

const fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Neutral => "same",
    }
}

fn write_tile(page: &mut String, tile: &Tile) {
    page.push_str(&format!(
        "<div><span>{}</span><b>{}</b><span>{}</span>",
        escape(&tile.label),
        escape(&tile.value),
        escape(&tile.note)
    ));
    for (change, tone) in &tile.changes {
        page.push_str(&format!("<i class=\"{}\">{}</i>", class(*tone), escape(change)));
    }
    page.push_str("</div>\n");
}

fn write_remark(page: &mut String, remark: &Remark) {
    page.push_str(&format!(
        "<li class=\"{}\"><b>{}</b><span>{}</span><code>{}</code></li>\n",
        class(remark.tone),
        escape(&remark.sentence),
        escape(&remark.advice),
        escape(&remark.command)
    ));
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

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
