//! Messages, and what an attempt keeps of its lead.

use super::*;
use crate::base::{MessageId, Millis, SubjectId};
use crate::event::{
    LeadImported, MessageChannel, MessageDelivered, MessageFailed, MessageReceived, MessageSent,
    examples,
};

fn example<T>(take: impl Fn(Event) -> Option<T>) -> T {
    examples().into_iter().find_map(take).expect("an example")
}

fn sent() -> MessageSent {
    example(|event| match event {
        Event::MessageSent(fact) => Some(fact),
        _ => None,
    })
}

fn received(intent: &str) -> Event {
    let fact = example(|event| match event {
        Event::MessageReceived(fact) => Some(fact),
        _ => None,
    });
    MessageReceived { intent: Some(intent.to_owned()), ..fact }.into()
}

fn delivered(after: u64) -> Event {
    let MessageSent { message_id, subject_id, call_id, .. } = sent();
    MessageDelivered { message_id, subject_id, call_id, after_ms: Millis(after) }.into()
}

fn failed() -> Event {
    let MessageSent { message_id, subject_id, call_id, .. } = sent();
    let reason = "unreachable".to_owned();
    MessageFailed { message_id, subject_id, call_id, reason, provider_code: None }.into()
}

fn lead(region: &str) -> LeadImported {
    let mut fact = example(|event| match event {
        Event::LeadImported(fact) => Some(fact),
        _ => None,
    });
    fact.portrait.insert("region".to_owned(), region.to_owned());
    fact
}

/// What became of the message these facts are about.
fn outcome(facts: &[(u64, Event)]) -> (&'static str, bool, bool) {
    let tables = fold(facts);
    let row = tables.messages.get(0).expect("a message");
    (row.outcome, row.delivered_at.is_some(), row.failure.is_some())
}

#[test]
fn a_message_goes_and_arrives_or_does_not() {
    let goes = (0, sent().into());
    assert_eq!(outcome(std::slice::from_ref(&goes)), ("sent", false, false));
    assert_eq!(outcome(&[goes.clone(), (900, delivered(900))]), ("delivered", true, false));
    assert_eq!(outcome(&[goes.clone(), (900, failed())]), ("failed", false, true));
    // Channels say both at times; what arrived has arrived.
    let both = [goes.clone(), (900, delivered(900)), (950, failed())];
    assert_eq!(outcome(&both), ("delivered", true, false));
    let other_way = [goes.clone(), (900, failed()), (950, delivered(950))];
    assert_eq!(outcome(&other_way).0, "delivered");
    // Something else said of it changes what it is, not what became of it.
    let email = MessageSent { channel: MessageChannel::Email, ..sent() };
    let again = [goes, (900, delivered(900)), (950, email.into())];
    let tables = fold(&again);
    assert_eq!(tables.messages.len(), 1);
    let row = tables.messages.get(0).expect("a message");
    assert_eq!((row.channel, row.outcome), ("email", "delivered"));
    assert_eq!(row.occurred_at, moment(0));
    // What nobody sent, as far as the log knows, cannot arrive.
    assert_eq!(fold(&[(900, delivered(900))]).messages.len(), 0);
}

#[test]
fn an_answer_is_a_message_of_its_own_and_marks_the_one_it_answers() {
    let facts = [(0, lead("North").into()), (1, sent().into()), (5_000, received("affirm"))];
    let tables = fold(&facts);
    let (out, back) = (tables.messages.get(0).expect("one"), tables.messages.get(1).expect("two"));
    assert_eq!((out.direction, out.answered_at), ("out", Some(moment(5_000))));
    assert_eq!((back.direction, back.outcome, back.is_opted_out), ("in", "received", false));
    assert_eq!(back.in_reply_to.as_ref(), Some(&out.message_id));
    assert_eq!(tables.leads.get(0).map(|row| row.is_opted_out), Some(false));
    // The first answer counts, also where it is recorded last.
    let late = MessageReceived {
        message_id: MessageId(uuid::Uuid::from_u128(9)),
        ..match received("thanks") {
            Event::MessageReceived(fact) => fact,
            _ => unreachable!("an answer"),
        }
    };
    let tables = fold(&[facts.as_slice(), &[(2_000, late.into())]].concat());
    assert_eq!(tables.messages.get(0).and_then(|row| row.answered_at), Some(moment(2_000)));
}

#[test]
fn who_writes_stop_has_opted_out() {
    let facts = [(0, lead("North").into()), (1, sent().into()), (5_000, received("opt_out"))];
    let tables = fold(&facts);
    assert_eq!(tables.messages.get(1).map(|row| row.is_opted_out), Some(true));
    assert_eq!(tables.leads.get(0).map(|row| row.is_opted_out), Some(true));
}

#[test]
fn an_attempt_keeps_what_the_list_said_when_it_began() {
    let started = |number: u128| {
        let fact = example(|event| match event {
            Event::AttemptStarted(fact) => Some(fact),
            _ => None,
        });
        AttemptStarted { call_id: CallId(uuid::Uuid::from_u128(number)), ..fact }
    };
    let tables = fold(&[
        (0, lead("North").into()),
        (1_000, started(1).into()),
        (2_000, lead("South").into()),
        (3_000, started(2).into()),
        // The same attempt once more, with another number in the list: no other region.
        (4_000, AttemptStarted { attempt_number: 7, ..started(1) }.into()),
        (5_000, AttemptStarted { lead_id: LeadId(uuid::Uuid::nil()), ..started(3) }.into()),
    ]);
    let kept: Vec<_> = (0..3).filter_map(|place| tables.attempts.get(place)).collect();
    let kept: Vec<_> =
        kept.iter().map(|row| (row.region.as_deref(), row.lead_imported_at)).collect();
    let came = Some(moment(0));
    assert_eq!(kept, [(Some("North"), came), (Some("South"), came), (None, None)]);
    assert_eq!(tables.attempts.get(0).map(|row| row.attempt_number), Some(7));
}

#[test]
fn a_message_belongs_to_whom_it_was_first_sent_to() {
    let other = MessageSent { subject_id: SubjectId(uuid::Uuid::from_u128(77)), ..sent() };
    let tables = fold(&[(0, sent().into()), (1, other.into())]);
    let subject = tables.messages.get(0).map(|row| row.subject_id.clone());
    assert_eq!(subject, Some(sent().subject_id.to_string()));
}
