use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::upcast::lift;
use super::*;

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Compares with a file; `UPDATE_GOLDEN=1` writes it.
fn check_golden(path: &Path, got: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().expect("golden files lie in a folder"))
            .expect("make the folder");
        std::fs::write(path, got).expect("write the golden file");
    }
    let want = std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE_GOLDEN=1 writes it", path.display()));
    assert!(got == want, "{} is stale; UPDATE_GOLDEN=1 rewrites it", path.display());
}

#[test]
fn every_fact_has_one_name_and_one_example() {
    let names: BTreeSet<_> = CATALOG.iter().map(|entry| entry.name).collect();
    assert_eq!(names.len(), CATALOG.len(), "a name stands twice");
    let shown: BTreeSet<_> = examples().iter().map(Event::name).collect();
    assert_eq!(shown, names, "examples and catalogue differ");
}

#[test]
fn golden_records_of_every_version_still_read() {
    let folder = project().join("tests/golden/events");
    for event in examples() {
        let path = folder.join(format!("{}.v{}.json", event.name(), event.version()));
        let fields: Value = serde_json::from_slice(&event.encode()).expect("fields are JSON");
        let text = serde_json::to_string_pretty(&fields).expect("JSON prints") + "\n";
        check_golden(&path, &text);
    }
    let mut read = 0;
    for entry in std::fs::read_dir(&folder).expect("golden folder") {
        let path = entry.expect("golden entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a UTF-8 name");
        let (event_type, rest) = name.split_once(".v").expect("Type.vN.json");
        let version = rest.trim_end_matches(".json").parse().expect("a version");
        let fields = serde_json::from_slice(&std::fs::read(&path).expect("read")).expect("JSON");
        let event = upcast(event_type, version, fields)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(event.name(), event_type);
        read += 1;
    }
    assert!(read >= CATALOG.len());
}

#[test]
fn the_reference_is_fresh() {
    check_golden(&project().join("docs/events.md"), &markdown());
}

#[test]
fn a_reader_survives_fields_it_does_not_know() {
    let fields = json!({"campaign_id": "demo", "added_later": 1});
    assert_eq!(upcast("CampaignStarted", 1, fields).expect("read").name(), "CampaignStarted");
}

#[test]
fn upcasters_run_one_after_the_other() {
    const LADDER: &[Upcaster] = &[
        Upcaster {
            event_type: "CampaignPaused",
            from: 1,
            lift: |mut fields| {
                fields["reason"] = json!("unknown");
                fields
            },
        },
        Upcaster {
            event_type: "CampaignPaused",
            from: 2,
            lift: |mut fields| {
                fields["reason"] = json!(format!("{}!", fields["reason"].as_str().unwrap_or("")));
                fields
            },
        },
    ];
    let lifted = lift(LADDER, "CampaignPaused", 1, 3, json!({})).expect("lift");
    assert_eq!(lifted, json!({"reason": "unknown!"}));
    assert!(matches!(
        lift(LADDER, "CampaignPaused", 4, 3, json!({})),
        Err(DecodeError::NewerVersion { version: 4, known: 3, .. })
    ));
    assert!(matches!(
        lift(LADDER, "CallEnded", 1, 2, json!({})),
        Err(DecodeError::NoUpcaster { version: 1, .. })
    ));
    assert!(matches!(upcast("Nothing", 1, json!({})), Err(DecodeError::UnknownType(_))));
    assert!(matches!(upcast("CallEnded", 1, json!({})), Err(DecodeError::Fields { .. })));
}

#[test]
fn stream_names_have_a_category() {
    assert_eq!(StreamName::of("call", &7).category(), "call");
    assert!(StreamName::new("").is_err());
    assert!(StreamName::new("a\nb").is_err());
}
