use proptest::prelude::*;

use super::*;
use crate::event::StreamName;

const AT: Timestamp = Timestamp::from_micros(1_795_262_400_000_000);

fn ours() -> NewEvent {
    NewEvent {
        event_id: EventId(Uuid::from_u128(1)),
        event_type: "CallAnswered".to_owned(),
        schema_version: 3,
        occurred_at: Timestamp::from_micros(1_795_262_399_123_456),
        correlation_id: Some(Uuid::from_u128(2)),
        causation_id: None,
        actor: Actor::part("dialer"),
        data: b"{\"a\":1}".to_vec(),
        content_type: ContentType::Json,
        metadata: Vec::new(),
    }
}

fn outside(event: &NewEvent) -> Outside {
    Outside {
        event_id: event.event_id,
        event_type: event.event_type.clone(),
        content_type: event.content_type,
        metadata: metadata_of(event),
        data: event.data.clone().into(),
    }
}

fn recorded(event: NewEvent) -> Recorded {
    Recorded {
        position: 7,
        stream: StreamName::of("call", &1),
        revision: 2,
        recorded_at: AT,
        event_id: event.event_id,
        event_type: event.event_type,
        schema_version: event.schema_version,
        occurred_at: event.occurred_at,
        correlation_id: event.correlation_id,
        causation_id: event.causation_id,
        actor: event.actor,
        data: event.data.into(),
        content_type: event.content_type,
        metadata: event.metadata.into(),
    }
}

/// What a client wrote beside an event comes back as it was.
fn check_kept(event_type: &str, metadata: &[u8]) -> NewEvent {
    let event = Outside {
        event_id: EventId(Uuid::from_u128(1)),
        event_type: event_type.to_owned(),
        content_type: ContentType::Binary,
        metadata: Bytes::copy_from_slice(metadata),
        data: Bytes::from_static(b"\x00\xff"),
    };
    let taken = from_outside(event.clone(), "ops", AT);
    assert_eq!(metadata_of(&taken), metadata, "{metadata:?}");
    assert_eq!(recorded_metadata(&recorded(taken.clone())), metadata);
    assert_eq!(outside(&taken), event);
    taken
}

#[test]
fn an_envelope_travels_as_metadata_in_words_that_others_know() {
    let text = String::from_utf8(metadata_of(&ours()).to_vec()).expect("UTF-8");
    assert_eq!(
        text,
        r#"{"$correlationId":"00000000-0000-0000-0000-000000000002","schemaVersion":3,"occurredAt":"2026-11-21T11:59:59.123456Z","actor":"dialer"}"#
    );
}

#[test]
fn an_event_of_ours_keeps_no_metadata_behind() {
    let taken = from_outside(outside(&ours()), "ops", AT);
    assert_eq!(taken, ours());
}

#[test]
fn an_event_without_metadata_comes_back_without() {
    let taken = check_kept("order", b"");
    assert_eq!(taken.actor.as_str(), "client:ops");
    assert_eq!((taken.schema_version, taken.occurred_at), (1, AT));
}

#[test]
fn what_is_understood_in_foreign_metadata_changes_no_byte_of_them() {
    let metadata = br#"{ "$correlationId":"00000000-0000-0000-0000-000000000009", "x":[1] }"#;
    let taken = check_kept("order", metadata);
    assert_eq!(taken.correlation_id, Some(Uuid::from_u128(9)));
    assert_eq!(taken.metadata, metadata);
}

#[test]
fn fields_of_the_wrong_kind_are_passed_over_one_by_one() {
    let metadata = br#"{"$correlationId":"order 7","$causationId":5,"schemaVersion":-1,"occurredAt":"2020-01-02T03:04:05Z","actor":"billing"}"#;
    let taken = check_kept("order", metadata);
    assert_eq!((taken.correlation_id, taken.causation_id), (None, None));
    assert_eq!(taken.schema_version, 1);
    assert_eq!(taken.occurred_at.to_string(), "2020-01-02T03:04:05.000000Z");
    assert_eq!(taken.actor.as_str(), "billing");
}

#[test]
fn who_says_to_be_a_client_gets_its_metadata_back() {
    check_kept(
        "order",
        br#"{"schemaVersion":1,"occurredAt":"2026-11-21T08:00:00.000000Z","actor":"client:x"}"#,
    );
    check_kept("$metadata", &metadata_of(&ours()));
}

#[test]
fn a_proposal_needs_id_type_and_content_type() {
    let whole = ProposedMessage {
        id: Some(uuid_to_wire(Uuid::from_u128(5), UuidForm::Text)),
        metadata: [(TYPE, "order"), (CONTENT_TYPE, JSON)]
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        custom_metadata: Bytes::new(),
        data: Bytes::from_static(b"{}"),
    };
    let check = |message: ProposedMessage| from_proposal(message, "ops", AT);
    assert!(check(whole.clone()).is_ok_and(|event| event.content_type == ContentType::Json));
    for key in [TYPE, CONTENT_TYPE] {
        let mut message = whole.clone();
        message.metadata.remove(key);
        assert_eq!(check(message), Err(ProposalError::MissingKey(key)));
    }
    let mut nameless = whole.clone();
    nameless.metadata.insert(TYPE.to_owned(), String::new());
    assert_eq!(check(nameless), Err(ProposalError::MissingKey(TYPE)));
    assert_eq!(check(ProposedMessage { id: None, ..whole }), Err(ProposalError::Id));
}

#[test]
fn a_reader_sees_one_position_twice_and_ticks() {
    let wire = recorded_to_wire(&recorded(ours()), UuidForm::Structured);
    assert_eq!((wire.commit_position, wire.prepare_position), (7, 7));
    assert_eq!(wire.metadata[CREATED], "17952624000000000");
    assert_eq!(wire.metadata[TYPE], "CallAnswered");
    assert_eq!(wire.metadata[CONTENT_TYPE], JSON);
}

#[test]
fn what_is_no_id_is_none() {
    assert_eq!(uuid_from_wire(&messages::Uuid { value: None }), None);
    let text = messages::uuid::Value::String("{5".to_owned());
    assert_eq!(uuid_from_wire(&messages::Uuid { value: Some(text) }), None);
}

prop_compose! {
    fn any_event()(
        ids in any::<(u128, Option<u128>, Option<u128>)>(),
        event_type in "\\$?[a-zA-Z]{1,12}",
        schema_version in any::<u16>(),
        // As far as RFC 3339 goes, years 1 to 9999.
        occurred_us in -62_135_596_800_000_000i64..253_402_300_799_999_999,
        actor in "(dialer|client|clients:a|agent:[a-z\"\\\\é]{1,8})",
        data in prop::collection::vec(any::<u8>(), 0..40),
        is_binary in any::<bool>(),
    ) -> NewEvent {
        NewEvent {
            event_id: EventId(Uuid::from_u128(ids.0)),
            event_type: event_type.trim_start_matches('$').to_owned(),
            schema_version,
            occurred_at: Timestamp::from_micros(occurred_us),
            correlation_id: ids.1.map(Uuid::from_u128),
            causation_id: ids.2.map(|id| EventId(Uuid::from_u128(id))),
            actor: Actor::recorded(actor),
            data,
            content_type: if is_binary { ContentType::Binary } else { ContentType::Json },
            metadata: Vec::new(),
        }
    }
}

proptest! {
    #[test]
    fn ours_come_back_equal(event in any_event()) {
        prop_assert_eq!(from_outside(outside(&event), "ops", AT), event);
    }

    #[test]
    fn theirs_come_back_equal(metadata in prop::collection::vec(any::<u8>(), 0..60)) {
        check_kept("order", &metadata);
    }

    #[test]
    fn their_json_comes_back_equal(
        metadata in r#"\{("(\$correlationId|\$causationId|schemaVersion|occurredAt|actor|x)":("[a-z0-9:-]{0,36}"|[0-9]{1,9}|null|\{\}),?){0,5}\}"#,
    ) {
        check_kept("order", metadata.as_bytes());
    }

    #[test]
    fn ids_come_back_equal(id in any::<u128>()) {
        for form in [UuidForm::Text, UuidForm::Structured] {
            let id = Uuid::from_u128(id);
            prop_assert_eq!(uuid_from_wire(&uuid_to_wire(id, form)), Some(id));
        }
    }
}
