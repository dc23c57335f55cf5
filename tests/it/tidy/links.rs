//! Links in Markdown point at files that exist.

use super::{Finding, expect_none, root, text_files};

/// The targets of `[text](target)` outside code, with their lines.
fn targets(page: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut in_fence = false;
    for (at, line) in page.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_fence = !in_fence;
        }
        if in_fence {
            continue;
        }
        // Every second piece between backticks is code.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
        for rest in prose.split("](").skip(1) {
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            found.push((at + 1, target.trim_matches(['<', '>']).to_owned()));
        }
    }
    found
}

/// The file a target names, from the page's folder; `None` where it is elsewhere or this page.
fn file_of(page: &str, target: &str) -> Option<String> {
    let path = target.split('#').next().unwrap_or_default();
    if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
        return None;
    }
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    Some(if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") })
}

#[test]
fn links_point_at_files() {
    let mut findings = Vec::new();
    for page in text_files("", &[".md"]) {
        for (line, target) in targets(&page.text) {
            let Some(path) = file_of(&page.path, &target) else { continue };
            if !root().join(&path).exists() {
                findings.push(Finding::new(&page.path, line, format!("{target} does not exist")));
            }
        }
    }
    expect_none(findings);
}

#[test]
fn links_are_read_as_a_browser_would() {
    let page = "[a](b.md#c) and ![i](<d.png> \"t\")\n```\n[no](x)\n```\n`[no](y)` [z](#here)";
    let want = [(1, "b.md#c"), (1, "d.png"), (5, "#here")].map(|(line, to)| (line, to.to_owned()));
    assert_eq!(targets(page), want);
    assert_eq!(file_of("docs/a.md", "../b.md#c"), Some("docs/../b.md".to_owned()));
    assert_eq!(file_of("a.md", "docs/"), Some("docs/".to_owned()));
    assert_eq!(file_of("a.md", "#here"), None);
    assert_eq!(file_of("a.md", "https://example.org/x"), None);
}
