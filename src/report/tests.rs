use std::path::PathBuf;

use super::words::WORDS;
use super::*;
use crate::projection::history::{append, campaign};
use crate::query::Engine;

/// Compares with a file; `UPDATE_GOLDEN=1` writes it.
fn check_golden(name: &str, got: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/report").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("make the folder");
        std::fs::write(&path, got).expect("write the golden file");
    }
    let want = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE_GOLDEN=1 writes it", path.display()));
    assert!(got == want, "{} differs; UPDATE_GOLDEN=1 rewrites it, got\n{got}", path.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daily_report_reads_like_this() {
    let folder = tempfile::tempdir().expect("a folder");
    append(folder.path(), &campaign(42, 40)).await;
    let engine = Box::pin(Engine::open(folder.path())).await.expect("opens");
    let report = daily(&engine, Some("2026-11-21"), Language::English).await.expect("reports");
    check_golden("daily_en.md", &report.write(Kind::Markdown));
    check_golden("daily_en.html", &report.write(Kind::Html));
    let report = daily(&engine, None, Language::Chinese).await.expect("reports");
    assert_eq!(report.title, "外呼日报 2026-11-22");
    check_golden("daily_zh.md", &report.write(Kind::Markdown));
    // A day without a call is a report of noughts.
    let report = daily(&engine, Some("2030-01-01"), Language::English).await.expect("reports");
    let page = report.write(Kind::Markdown);
    assert!(page.contains("There is nothing to show."), "{page}");
    let error = daily(&engine, Some("yesterday"), Language::English).await.expect_err("no day");
    assert_eq!(error.to_string(), "read date \"yesterday\": it must be a day such as 2026-11-21");
}

#[test]
fn a_page_is_whole_and_escapes_what_it_shows() {
    let report = Document {
        title: "A & B".to_owned(),
        subtitle: String::new(),
        language: "en",
        blocks: vec![Block::Table {
            heads: vec!["name".to_owned()],
            rows: vec![vec!["<script>|".to_owned()]],
        }],
    };
    let page = report.write(Kind::Html);
    assert!(page.contains("<td>&lt;script&gt;|</td>") && page.contains("<h1>A &amp; B</h1>"));
    assert!(!page.contains("http://") && !page.contains("https://"));
    assert!(report.write(Kind::Markdown).contains("| <script>\\| |"));
}

#[test]
fn every_word_has_one_translation() {
    let mut words: Vec<&str> = WORDS.iter().map(|(english, _)| *english).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), WORDS.len());
}
