//! What is written and said in KurrentDB's words.

use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::base::{Millis, Timestamp};
use crate::event::{Recorded, StreamName, examples};
use crate::kurrentdb::messages::streams::read_req::{Expression, Filter, FilterOptions};
use crate::kurrentdb::persistent::config::{Config, Entry, FilterEntry, place_of, place_text};
use crate::kurrentdb::persistent::records::{Names, is_own};
use crate::kurrentdb::persistent::refusal::Refusal;
use crate::kurrentdb::persistent::settings::{StartFrom, Strategy};

/// A document as KurrentDB 24.10 writes it.
fn document() -> Value {
    json!({
        "version": "2",
        "updated": "2026-11-21T09:30:00.1234567+01:00",
        "updatedBy": "admin",
        "entries": [{
            "stream": "orders",
            "group": "billing",
            "resolveLinkTos": false,
            "extraStatistics": true,
            "messageTimeout": 30_000,
            "startFrom": 7,
            "startPosition": "7",
            "liveBufferSize": 500,
            "historyBufferSize": 400,
            "maxRetryCount": 10,
            "readBatchSize": 20,
            "preferRoundRobin": false,
            "checkPointAfter": 1_000,
            "minCheckPointCount": 10,
            "maxCheckPointCount": 500,
            "maxSubscriberCount": 3,
            "namedConsumerStrategy": "Pinned",
            "indexName": "of a later version",
        }],
        "of a later version": [1],
    })
}

#[test]
fn a_document_of_kurrentdb_is_understood_and_written_back_whole() {
    let config: Config = serde_json::from_value(document()).expect("a document");
    assert_eq!(serde_json::to_value(&config).expect("JSON"), document());
    let settings = config.entries[0].settings().expect("settings");
    assert_eq!(settings.start_from, StartFrom::Place(7));
    assert_eq!(settings.strategy, Strategy::Pinned);
    assert_eq!(settings.checkpoint_after, Millis(1_000));
    assert_eq!((settings.live_buffer_size, settings.history_buffer_size), (500, 400));
    assert_eq!(settings.max_subscriber_count, 3);
}

#[test]
fn a_document_of_the_first_version_has_a_choice_of_two() {
    let mut document = document();
    document["entries"][0]["namedConsumerStrategy"] = json!("");
    document["entries"][0]["preferRoundRobin"] = json!(true);
    document["entries"][0].as_object_mut().expect("an entry").remove("startPosition");
    let config: Config = serde_json::from_value(document).expect("a document");
    let settings = config.entries[0].settings().expect("settings");
    assert_eq!(settings.strategy, Strategy::RoundRobin);
    assert_eq!(settings.start_from, StartFrom::Place(7));
}

#[test]
fn settings_that_cannot_be_say_why() {
    let entry = |change: fn(&mut Entry)| {
        let config: Config = serde_json::from_value(document()).expect("a document");
        let mut entry = config.entries[0].clone();
        change(&mut entry);
        entry.settings().expect_err("no settings").to_string()
    };
    let strategy = entry(|entry| entry.named_consumer_strategy = "Nobody".to_owned());
    assert!(strategy.contains("Nobody"), "{strategy}");
    let batch = entry(|entry| entry.read_batch_size = 400);
    assert!(batch.contains("readBatchSize"), "{batch}");
    let start = entry(|entry| entry.start_position = Some("-7".to_owned()));
    assert!(start.contains("-7"), "{start}");
}

#[test]
fn places_are_text() {
    assert_eq!(place_text("orders", 5), "5");
    assert_eq!(place_text("$all", 5), "C:5/P:5");
    assert_eq!(place_text("$all", -1), "C:-1/P:-1");
    for (text, want) in [
        ("5", Some(5)),
        ("C:5/P:5", Some(5)),
        ("C:-1/P:-1", Some(-1)),
        ("-2", None),
        ("", None),
        ("C:5", None),
        ("five", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(place_of(text), want, "{text:?}");
    }
}

#[test]
fn filters_are_kept_with_their_commas() {
    let expression = |regex: &str, prefix: &[&str]| Expression {
        regex: regex.to_owned(),
        prefix: prefix.iter().map(|&prefix| prefix.to_owned()).collect(),
    };
    let filter = |filter| {
        let options = FilterOptions { filter: Some(filter), ..FilterOptions::default() };
        let entry = FilterEntry::of(&options).expect("a filter");
        let kept = serde_json::to_string(&entry).expect("JSON");
        let entry = Entry {
            filter: Some(serde_json::from_str(&kept).expect("an entry")),
            ..Entry::default()
        };
        entry.event_filter().expect("a filter").expect("there is one")
    };
    let event = |stream: &str, kind: &str| Recorded {
        stream: StreamName::new(stream).expect("a name"),
        event_type: kind.to_owned(),
        ..Recorded::example(0, &examples()[0], Timestamp::EPOCH)
    };
    let of_type = filter(Filter::EventType(expression("", &["a,b", "c"])));
    for (kind, want) in [("a,bc", true), ("c", true), ("b", false), ("a", false)] {
        assert_eq!(of_type.wants(&event("s", kind)).ok(), Some(want), "{kind}");
    }
    let of_stream = filter(Filter::StreamIdentifier(expression("^call-[0-9],?$", &[])));
    assert_eq!(of_stream.wants(&event("call-7", "x")).ok(), Some(true));
    assert_eq!(of_stream.wants(&event("recall-7", "x")).ok(), Some(false));
}

#[test]
fn streams_of_groups_have_their_names() {
    let names = Names::of("orders::billing").expect("short names");
    let checkpoint = "$persistentsubscription-orders::billing-checkpoint";
    assert_eq!(names.checkpoint.as_str(), checkpoint);
    assert_eq!(names.parked.as_str(), "$persistentsubscription-orders::billing-parked");
    assert!(!is_own(checkpoint));
    assert!(is_own("$persistentsubscription-$all::billing-checkpoint"));
    assert!(is_own("$$$persistentsubscription-$all::billing-parked"));
    assert!(!is_own("$all::billing-parked"));
    assert!(Names::of(&"x".repeat(218)).is_ok());
    assert!(Names::of(&"x".repeat(219)).is_err());
}

#[test]
fn refusals_carry_what_clients_look_for() {
    let (stream, group) = ("orders".to_owned(), "billing".to_owned());
    let check = |refusal: Refusal, code: Code, exception: &str| {
        let status = Status::from(refusal);
        assert_eq!(status.code(), code);
        let trailer = |name| status.metadata().get(name).and_then(|value| value.to_str().ok());
        assert_eq!(trailer("exception"), Some(exception));
        if exception != "access-denied" {
            assert_eq!(trailer("stream-name"), Some("orders"));
            assert_eq!(trailer("group-name"), Some("billing"));
        }
    };
    check(
        Refusal::DoesNotExist { stream: stream.clone(), group: group.clone() },
        Code::NotFound,
        "persistent-subscription-does-not-exist",
    );
    check(
        Refusal::Exists { stream: stream.clone(), group: group.clone() },
        Code::AlreadyExists,
        "persistent-subscription-exists",
    );
    check(
        Refusal::Full { stream: stream.clone(), group: group.clone() },
        Code::FailedPrecondition,
        "maximum-subscribers-reached",
    );
    check(
        Refusal::Dropped { stream: stream.clone(), group: group.clone() },
        Code::Cancelled,
        "persistent-subscription-dropped",
    );
    check(
        Refusal::failed(&stream, &group, "why"),
        Code::Internal,
        "persistent-subscription-failed",
    );
    check(Refusal::AccessDenied, Code::PermissionDenied, "access-denied");
}
