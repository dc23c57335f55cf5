use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        (-5_000i64..5_000).prop_map(|number| json!(number as f64 / 8.0)),
        any::<u128>().prop_map(|id| json!(Uuid::from_u128(id))),
        any::<u32>().prop_map(|at| json!(Timestamp::from_micros(i64::from(at)).to_string())),
        ".{0,20}".prop_map(Value::from),
        "[a-z]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-c]{1,2}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Objects of a few keys, so that one key has values of many kinds, and names of the envelope.
fn objects() -> impl Strategy<Value = Map<String, Value>> {
    let keys = prop_oneof![
        Just("a".to_owned()),
        Just("A".to_owned()),
        Just("a__int".to_owned()),
        Just("stream".to_owned()),
        Just("position".to_owned()),
        Just("caf\u{e9} au lait".to_owned()),
        ".{0,5}",
    ];
    proptest::collection::btree_map(keys, values(), 0..6).prop_map(|map| map.into_iter().collect())
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => objects().prop_map(|object| Value::Object(object).to_string().into_bytes()),
        2 => objects().prop_map(|object| {
            serde_json::to_vec_pretty(&Value::Object(object)).expect("JSON")
        }),
        1 => proptest::collection::vec(any::<u8>(), 0..60),
        1 => ".{0,30}".prop_map(|text| format!("{{\"a\":{text}}}").into_bytes()),
        1 => Just(b"{\"a\":1,\"a\":2}".to_vec()),
        1 => Just(b"{\"a\":1e400,\"A\":-0,\"b\":18446744073709551616}".to_vec()),
        1 => Just(Vec::new()),
    ]
}

fn placed() -> impl Strategy<Value = Placed> {
    (
        ("[^\\p{Cc}]{1,20}", any::<u64>(), any::<u8>()),
        ("(CallEnded|LeadImported|\\$x|.{0,10})", any::<u16>(), any::<i64>()),
        any::<(Option<u128>, Option<u8>, bool)>(),
        ".{0,10}",
        data(),
        proptest::collection::vec(any::<u8>(), 0..9),
    )
        .prop_map(
            |((stream, revision, id), (event_type, version, at), ids, actor, data, metadata)| {
                let (correlation, cause, json) = ids;
                let event = NewEvent {
                    event_id: EventId(Uuid::from_u128(u128::from(id))),
                    event_type,
                    schema_version: version,
                    occurred_at: Timestamp::from_micros(at),
                    correlation_id: correlation.map(Uuid::from_u128),
                    causation_id: cause.map(|id| EventId(Uuid::from_u128(u128::from(id)))),
                    actor: Actor::recorded(actor),
                    data,
                    content_type: if json { ContentType::Json } else { ContentType::Binary },
                    metadata,
                };
                (stream, revision, event)
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_event_comes_back_byte_for_byte(
        frames in proptest::collection::vec(
            (0..3i64, proptest::collection::vec(placed(), 1..6)), 1..8),
        base in 0..1_000_000u64,
        groups in 1..9usize,
    ) {
        let frames: Vec<_> = frames
            .into_iter()
            .map(|(day, events)| (1_795_244_400_000_000 + day * 86_400_000_000, events))
            .collect();
        let (raw, last) = raw_segment(base, [1; 32], &frames);
        let disk = disk::Disk::new(1);
        let store = SealedStore::new(Arc::new(disk));
        let options = SealOptions { row_group_events: groups, ..SealOptions::default() };
        let record = seal(&store, std::slice::from_ref(&raw), &options).expect("sealed");
        let part = open_part(&store, record);
        prop_assert_eq!(read_all_of(&part).expect("events"), recorded(base, &frames));
        prop_assert_eq!(part.rebuild_raw(0).expect("raw"), raw.bytes);
        prop_assert_eq!(part.verify([1; 32]).expect("verified"), last);
    }
}

#[test]
fn more_fields_than_columns_are_kept_as_they_are() {
    let wide = |from: u32| {
        let fields: Vec<_> = (from..from + 200).map(|n| format!("\"field_{n}\":{n}")).collect();
        format!("{{{}}}", fields.join(",")).into_bytes()
    };
    let events = [0, 100, 400]
        .map(|from| ("s".to_owned(), u64::from(from), NewEvent { data: wide(from), ..event(1) }));
    let frames = [(5, events.to_vec())];
    let (raw, _) = raw_segment(0, [0; 32], &frames);
    let store = SealedStore::new(Arc::new(disk::Disk::new(1)));
    let record = seal(&store, &[raw], &few()).expect("sealed");
    let part = open_part(&store, record);
    assert_eq!(read_all_of(&part).expect("events"), recorded(0, &frames));
}

/// Events of a few calls as the platform writes them: streams named after an id, ids that count,
/// causes in the stream, long lists of objects; and exceptions to all of it.
fn calls() -> impl Strategy<Value = Vec<Placed>> {
    let one = (0..3u128, 0..8u8, 0..4u64, any::<i32>(), proptest::option::of(0..40u64));
    proptest::collection::vec(one, 1..40).prop_map(|drawn| {
        let mut placed: Vec<Placed> = Vec::new();
        for (number, (call, odd, back, at, score)) in (0u128..).zip(drawn) {
            let id = Uuid::from_u128((7 << 76) | (2 << 62) | call);
            let millis = (1_795_244_400_000 + i64::from(at) / 1_000_000).unsigned_abs();
            let event_id = (u128::from(millis) << 80) | (7 << 76) | (2 << 62) | (900 + number);
            let stream = if odd == 1 { format!("other-{id}") } else { format!("call-{id}") };
            let revision = placed.iter().filter(|(name, ..)| *name == stream).count() as u64;
            let cause = placed.len().checked_sub(back as usize + 1).and_then(|at| placed.get(at));
            let list: Vec<_> = (0..score.unwrap_or(0))
                .map(|it| {
                    json!({"handler": if it == 0 { json!("robot") } else { json!({"agent": it}) },
                    "terms": {"value": 7 * it, "fit": number as u64}, "score": it * it})
                })
                .collect();
            let data = match odd {
                2 => json!({"turn": 1}),
                3 => json!({"leg_id": id, "kind": null}),
                _ => json!({"call_id": id, "candidates": list}),
            };
            let event = NewEvent {
                event_id: EventId(Uuid::from_u128(if odd == 4 { number } else { event_id })),
                event_type: if odd % 2 == 0 { "CallEnded" } else { "HandlerChosen" }.to_owned(),
                schema_version: 1,
                occurred_at: Timestamp::from_micros(millis.cast_signed() * 1_000 + 7),
                correlation_id: match odd {
                    5 => None,
                    6 => Some(Uuid::from_u128(1)),
                    _ => Some(id),
                },
                causation_id: cause.map(|(_, _, event)| event.event_id),
                actor: Actor::part("call"),
                data: data.to_string().into_bytes(),
                content_type: ContentType::Json,
                metadata: Vec::new(),
            };
            let revision = if odd == 7 { 0 } else { revision };
            placed.push((stream, revision, event));
        }
        placed
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_follows_from_something_else_comes_back(events in calls(), groups in 1..60usize) {
        let frames = [(1_795_244_400_000_000, events)];
        let (raw, last) = raw_segment(7, [1; 32], &frames);
        let store = SealedStore::new(Arc::new(disk::Disk::new(1)));
        let options = SealOptions { row_group_events: groups, ..SealOptions::default() };
        let record = seal(&store, std::slice::from_ref(&raw), &options).expect("sealed");
        let part = open_part(&store, record);
        let wanted = recorded(7, &frames);
        prop_assert_eq!(&read_all_of(&part).expect("events"), &wanted);
        let mut keys = Vec::new();
        part.keys(&mut |key| keys.push((key.stream.clone(), key.revision, key.event_id)))
            .expect("keys");
        let wanted: Vec<_> = wanted.into_iter().map(|e| (e.stream, e.revision, e.event_id)).collect();
        prop_assert_eq!(keys, wanted);
        prop_assert_eq!(part.rebuild_raw(0).expect("raw"), raw.bytes);
        prop_assert_eq!(part.verify([1; 32]).expect("verified"), last);
    }
}

/// Events that say again when they happened: always, mostly, seldom, or only where they say it.
fn decisions() -> impl Strategy<Value = Vec<Placed>> {
    let one = (0..5u8, 0..4u8, 0..3_000i64, any::<bool>());
    proptest::collection::vec(one, 1..60).prop_map(|drawn| {
        let place = |(number, (kind, odd, after, is_json)): (u64, (u8, u8, i64, bool))| {
            let at = 1_795_244_400_000_000 + after * 1_000 + i64::from(odd);
            let is_same = kind == 0 || (kind == 1) == (odd != 0);
            let decided_at = if is_same { at } else { at - after };
            let data = match (kind, odd) {
                (2, 0) => json!({"turn": at}),
                (3, 1) => json!({"decided_at": null, "turn": 1}),
                (3, 2) => json!({"decided_at": decided_at.to_string()}),
                (4, 3) => json!({"decided_at": at, "booked_at": at, "turn": at}),
                _ => json!({"decided_at": decided_at, "score": after, "position": number + 7 - u64::from(odd)}),
            };
            let event = NewEvent {
                event_type: format!("Decided{kind}"),
                occurred_at: Timestamp::from_micros(at),
                data: data.to_string().into_bytes(),
                content_type: if kind == 2 && !is_json {
                    ContentType::Binary
                } else {
                    ContentType::Json
                },
                ..event(number)
            };
            (format!("call-{}", number % 3), number / 3, event)
        };
        (0..).zip(drawn).map(place).collect()
    })
}

/// What the metadata of the first file say.
fn told(folder: &Path, record: &SealRecord, key: &str) -> Option<String> {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    let path = &record.files.first().expect("a file").path;
    let file = std::fs::File::open(folder.join(path)).expect("the file");
    let reader = SerializedFileReader::new(file).expect("Parquet");
    let entries = reader.metadata().file_metadata().key_value_metadata().expect("metadata");
    entries.iter().find(|entry| entry.key == key)?.value.clone()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn numbers_that_follow_from_the_envelope_come_back(events in decisions(), groups in 1..60usize) {
        let frames = [(1_795_244_500_000_000, events)];
        let (raw, last) = raw_segment(7, [1; 32], &frames);
        let folder = tempfile::tempdir().expect("a folder");
        let store = store_in(folder.path());
        let options = SealOptions { row_group_events: groups, ..SealOptions::default() };
        let record = seal(&store, std::slice::from_ref(&raw), &options).expect("sealed");
        let part = open_part(&store, record.clone());
        prop_assert_eq!(read_all_of(&part).expect("events"), recorded(7, &frames));
        prop_assert_eq!(part.rebuild_raw(0).expect("raw"), raw.bytes);
        prop_assert_eq!(part.verify([1; 32]).expect("verified"), last);
        // What is left out is said for exactly the types of which every event has the field.
        let follows = told(folder.path(), &record, "ledgerline.follows");
        let follows: Value = serde_json::from_str(follows.as_deref().unwrap_or("{}")).expect("JSON");
        let is_first = |(_, _, event): &Placed| event.event_type == "Decided0";
        let has_first = frames.iter().any(|(_, events)| events.iter().any(is_first));
        prop_assert_eq!(follows["Decided0"]["decided_at"] == "occurred_at", has_first);
        for (_, _, event) in frames.iter().flat_map(|(_, events)| events) {
            let fields: Value = serde_json::from_slice(&event.data).expect("JSON");
            for field in follows[&event.event_type].as_object().into_iter().flat_map(Map::keys) {
                prop_assert!(fields[field].is_i64(), "{}", fields);
            }
        }
    }
}

/// What version 0.2.0 sealed, when every value was written even where it follows from others;
/// and the same in format 2, in which fields were never left out.
#[test]
fn parts_of_earlier_versions_are_read() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/sealed");
    let mut all = Vec::new();
    for name in ["0.2.0", "format-2"] {
        let store = store_in(&golden.join(name));
        let records = store.records().expect("records");
        let [record] = &records[..] else { panic!("{} records", records.len()) };
        let part = open_part(&store, record.clone());
        let events = read_all_of(&part).expect("events");
        assert_eq!(events.len(), 175);
        assert!(events.iter().any(|event| event.causation_id.is_some()));
        assert!(
            events.iter().any(|event| event.data.windows(12).any(|at| at == b"\"candidates\""))
        );
        part.verify([0; 32]).expect("the raw segment comes back");
        all.push(events);
    }
    assert_eq!(all.first(), all.last());
}
