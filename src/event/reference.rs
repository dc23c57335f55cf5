//! `docs/events.md`, made from the catalogue and the examples.

use std::fmt::Write as _;

use serde_json::Value;

use super::{CATALOG, Event, examples};

/// The reference as Markdown.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Events\n\n\
         Generated from `src/event/catalog.rs`; `UPDATE_GOLDEN=1 cargo test` rewrites it.\n\
         Every fact of the platform, the event stream it is written to, and its fields with an example value.\n\
         Around each stand event id, stream, revision, position, type, schema version, occurred at, recorded at, correlation, causation and actor (`src/event/envelope.rs`).\n",
    );
    let mut family = "";
    for event in examples() {
        let Some(entry) = CATALOG.iter().find(|entry| entry.name == event.name()) else { continue };
        if entry.family.stream() != family {
            family = entry.family.stream();
            let _ = write!(page, "\n## `{family}`\n");
        }
        let _ =
            write!(page, "\n### {} (version {})\n\n{}\n", entry.name, entry.version, entry.summary);
        page.push_str(&fields(&event));
    }
    page
}

fn fields(event: &Event) -> String {
    let mut table = String::from("\n| field | example |\n| --- | --- |\n");
    let value: Value = serde_json::from_slice(&event.encode()).unwrap_or(Value::Null);
    if let Value::Object(fields) = value {
        for (name, example) in fields {
            let _ = writeln!(table, "| `{name}` | `{}` |", example.to_string().replace('|', "\\|"));
        }
    }
    table
}
