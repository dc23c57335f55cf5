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

/// Adds a field to every object in the fields, at any depth: what a later version may write
/// without a new schema version. Says how many. An object with one key may be a variant by its
/// name, which is not added to.
fn extend(fields: &mut Value) -> usize {
    match fields {
        Value::Object(object) => {
            let below: usize = object.values_mut().map(extend).sum();
            if object.len() < 2 {
                return below;
            }
            object.insert("added_later".to_owned(), json!({"anything": [1, "two", null]}));
            below + 1
        }
        Value::Array(items) => items.iter_mut().map(extend).sum(),
        _ => 0,
    }
}

#[test]
fn every_event_survives_fields_it_does_not_know() {
    for event in examples() {
        let mut fields: Value = serde_json::from_slice(&event.encode()).expect("fields are JSON");
        let plain = upcast(event.name(), event.version(), fields.clone()).expect("read");
        assert_eq!(plain, event);
        // At the top, which is where fields are added.
        let top = fields.as_object_mut().expect("fields are an object");
        top.insert("added_later".to_owned(), json!("2027"));
        let read = upcast(event.name(), event.version(), fields.clone())
            .unwrap_or_else(|error| panic!("{}: {error:?}", event.name()));
        assert_eq!(read, event, "{} changes by a field it does not know", event.name());
    }
}

/// Objects inside of the fields get new fields as well, unless their keys are data.
#[test]
fn objects_inside_an_event_survive_fields_they_do_not_know() {
    let mut inner = 0;
    for event in examples() {
        let fields: Value = serde_json::from_slice(&event.encode()).expect("fields are JSON");
        let mut later = fields.clone();
        for (name, field) in later.as_object_mut().expect("fields are an object") {
            let is_table = KEYS_ARE_DATA.contains(&(event.name(), name));
            if !is_table {
                inner += extend(field);
            }
        }
        let read = upcast(event.name(), event.version(), later)
            .unwrap_or_else(|error| panic!("{}: {error:?}", event.name()));
        assert_eq!(read, event, "{}", event.name());
    }
    assert!(inner >= 10, "{inner} objects inside of events");
}

/// Fields whose keys come from outside: an unknown key there is data, not a later version.
const KEYS_ARE_DATA: [(&str, &str); 1] = [("LeadImported", "portrait")];

#[test]
fn every_version_of_every_event_has_a_golden_record() {
    let folder = project().join("tests/golden/events");
    for entry in CATALOG {
        for version in 1..=entry.version {
            let path = folder.join(format!("{}.v{version}.json", entry.name));
            assert!(path.is_file(), "{} is missing", path.display());
        }
    }
}

/// Changes that need more than a default, as if today's `LineSampled` were version 3: version 1
/// called the carrier something else, and version 2 said both numbers in one text.
#[test]
fn an_old_record_becomes_the_present_event() {
    const LADDER: &[Upcaster] = &[
        Upcaster {
            event_type: "LineSampled",
            from: 1,
            lift: |mut fields| {
                let carrier = fields.as_object_mut().and_then(|object| object.remove("carrier"));
                fields["carrier_id"] = carrier.unwrap_or_default();
                fields
            },
        },
        Upcaster {
            event_type: "LineSampled",
            from: 2,
            lift: |mut fields| {
                let load = fields.as_object_mut().and_then(|object| object.remove("load"));
                let load = load.as_ref().and_then(Value::as_str).unwrap_or_default();
                let (busy, limit) = load.split_once('/').unwrap_or_default();
                fields["channels_in_use"] = json!(busy.parse::<u32>().ok());
                fields["channels"] = json!(limit.parse::<u32>().ok());
                fields
            },
        },
    ];
    let today = json!({"carrier_id": "north", "channels_in_use": 3, "channels": 8});
    for (version, old) in [
        (1, json!({"carrier": "north", "load": "3/8"})),
        (2, json!({"carrier_id": "north", "load": "3/8"})),
        (3, today.clone()),
    ] {
        let lifted = lift(LADDER, "LineSampled", version, 3, old).expect("lift");
        let event = Event::decode("LineSampled", lifted).expect("the present event");
        // What is lifted is what would be written today.
        let written: Value = serde_json::from_slice(&event.encode()).expect("fields are JSON");
        assert_eq!(written, today, "from version {version}");
    }
    // Without the upcaster it is an error with the event's name, never a half-read event.
    let old = json!({"carrier": "north", "load": "3/8"});
    let refused = lift(&LADDER[1..], "LineSampled", 1, 3, old.clone()).expect_err("no ladder");
    assert_eq!(refused.to_string(), "decode event: nothing lifts LineSampled from version 1");
    assert!(Event::decode("LineSampled", old).is_err());
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
