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
