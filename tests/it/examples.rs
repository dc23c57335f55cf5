//! Files that are kept as examples: they can be used as they are, and leave nothing out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ledgerline::runtime::Config;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every key of a configuration as `table.key`, arrays of tables by their name.
fn keys(prefix: &str, value: &serde_json::Value, found: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                let path =
                    if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                keys(&path, value, found);
            }
        }
        serde_json::Value::Array(items) => {
            for item in items {
                keys(prefix, item, found);
            }
        }
        _ => {
            found.insert(prefix.to_owned());
        }
    }
}

/// Every key there can be: those of the example, with those that it only shows as comments.
fn every_key() -> BTreeSet<String> {
    let path = root().join("config/example.toml");
    let text = std::fs::read_to_string(&path).expect("the example");
    let text = text.replace("# user = \"ledgerline\"", "user = \"ledgerline\"");
    let text = text.replace("# password =", "password =");
    // The mail server stands below the plans.
    let text = with_table(&text, "[reports.plans]");
    let text = if cfg!(feature = "kurrentdb") { with_table(&text, "kurrentdb") } else { text };
    let config = Config::parse(&path, &text).expect("the example with its comments");
    let mut found = BTreeSet::new();
    keys("", &serde_json::to_value(&config).expect("JSON"), &mut found);
    found
}

/// The text with a table that it shows as a comment, but for what does not go with TLS.
fn with_table(text: &str, name: &str) -> String {
    let head = format!("# [{name}]");
    let mut is_inside = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        is_inside = line == head || (is_inside && line.starts_with("# "));
        let is_shown = is_inside && !line.starts_with("# insecure");
        lines.push(if is_shown { line.trim_start_matches("# ") } else { line });
    }
    lines.join("\n")
}

#[test]
fn the_example_configuration_can_be_used() {
    let config = Config::load(&root().join("config/example.toml")).expect("a good example");
    assert!(!config.carriers.is_empty() && !config.agents.is_empty());
    for campaign in &config.campaigns {
        let leads = campaign.leads.as_deref().expect("leads");
        assert!(leads.is_file(), "{}", leads.display());
    }
}

#[test]
fn the_example_configuration_sets_every_key() {
    let path = root().join("config/example.toml");
    let text = std::fs::read_to_string(&path).expect("the example");
    for key in every_key() {
        let name = key.rsplit('.').next().unwrap_or(&key);
        let is_set = text.lines().any(|line| {
            line.trim_start_matches("# ").split_once('=').is_some_and(|(k, _)| k.trim() == name)
        });
        assert!(is_set, "config/example.toml does not show {key}");
    }
}

/// The first cells of the rows of a page's tables, without backticks.
fn first_cells(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).map(str::to_owned).collect()
}

#[test]
fn the_operations_page_explains_every_key() {
    let page = std::fs::read_to_string(root().join("docs/operations.md")).expect("the page");
    let explained = first_cells(&page);
    let missing: Vec<_> = every_key().difference(&explained).cloned().collect();
    assert!(missing.is_empty(), "docs/operations.md lacks {missing:?}");
}

#[test]
fn keys_and_cells_are_read() {
    let mut found = BTreeSet::new();
    keys("", &serde_json::json!({"a": 1, "b": [{"c": {"d": "x"}}]}), &mut found);
    assert_eq!(found, BTreeSet::from(["a".to_owned(), "b.c.d".to_owned()]));
    assert_eq!(first_cells("| `a.b` | x |\n| c |\n"), BTreeSet::from(["a.b".to_owned()]));
    assert!(Config::parse(Path::new("x"), "nodes = 1").is_err());
}
