use uuid::Uuid;

use super::*;
use crate::base::{CallId, MessageId};
use crate::event::{DoNotCallAdded, MessageChannel, MessageReceived, OptOutHeard};

const SUBJECT: SubjectId = SubjectId(Uuid::from_u128(1));
const OTHER: SubjectId = SubjectId(Uuid::from_u128(2));
const CALL: CallId = CallId(Uuid::from_u128(3));

/// Given these facts, which rules refuse this person?
fn check(given: &[Event], subject_id: SubjectId, phone_hash: &str, refused_by: &[&str]) {
    let mut state = Compliance::default();
    for event in given {
        state.apply(event);
    }
    let outcomes = state.check(&Person { subject_id, phone_hash });
    let got: Vec<&str> = outcomes
        .iter()
        .filter(|outcome| !outcome.is_allowed)
        .map(|outcome| outcome.rule_id.as_str())
        .collect();
    assert_eq!(got, refused_by);
    assert_eq!(is_allowed(&outcomes), refused_by.is_empty());
}

#[test]
fn nobody_is_refused_without_a_reason() {
    check(&[], SUBJECT, "aa", &[]);
}

#[test]
fn an_opt_out_counts_from_the_moment_it_was_heard() {
    let heard = OptOutHeard { call_id: CALL, subject_id: SUBJECT, turn: Some(1) }.into();
    check(std::slice::from_ref(&heard), SUBJECT, "aa", &["dnc.subject"]);
    check(&[heard], OTHER, "bb", &[]);
}

#[test]
fn an_opt_out_in_a_message_counts_as_well() {
    let wrote = |intent: &str| -> Event {
        MessageReceived {
            message_id: MessageId(Uuid::from_u128(4)),
            channel: MessageChannel::Sms,
            subject_id: SUBJECT,
            campaign_id: None,
            lead_id: None,
            call_id: None,
            in_reply_to: None,
            intent: Some(intent.to_owned()),
            intent_source: Some("keyword".to_owned()),
            units: 1,
            ciphertext: None,
        }
        .into()
    };
    check(&[wrote("affirm")], SUBJECT, "aa", &[]);
    check(&[wrote("opt_out")], SUBJECT, "aa", &["dnc.subject"]);
    check(&[wrote("opt_out")], OTHER, "bb", &[]);
}

#[test]
fn a_listed_number_is_refused_for_whoever_has_it() {
    let listed = DoNotCallAdded {
        phone_hash: "aa".to_owned(),
        subject_id: None,
        source: "list".to_owned(),
        call_id: None,
    };
    check(&[listed.clone().into()], SUBJECT, "aa", &["dnc.number"]);
    check(&[listed.into()], SUBJECT, "bb", &[]);
}
