//! Messages for a voice mailbox.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::{
    AnswerVerdict, Conversation, ConversationFact, EndReason, Input, Output, PromptId, Script, Tone,
};
use super::line::ms;
use crate::base::Millis;

const SHIPPED: &str = include_str!("../../../scripts/business_loan_en.toml");

fn script() -> Arc<Script> {
    let rule =
        "voicemail = \"leave_message\"\nvoicemail_say = \"A robot of Harbour Street called.\"";
    let text = SHIPPED.replace("voicemail = \"hang_up\"", rule);
    Arc::new(Script::parse("leaves", &text).expect("a script that holds together"))
}

fn answered() -> Conversation {
    let mut conversation = Conversation::new(script(), BTreeMap::new());
    conversation.handle(ms(0), Input::Answered);
    conversation
}

/// What came out, in short.
fn drain(conversation: &mut Conversation) -> Vec<String> {
    let short = |output| match output {
        Output::Say { text, .. } => format!("say {text}"),
        Output::StopSaying { .. } => "stop".to_owned(),
        Output::Fact(ConversationFact::AnswerJudged { verdict, .. }) => verdict.to_string(),
        Output::Fact(ConversationFact::VoicemailLeft { played, completed }) => {
            format!("left {played} {completed}")
        }
        Output::Fact(ConversationFact::TurnSpoken { node, .. }) => format!("spoke {node}"),
        Output::Fact(fact) => format!("{fact:?}"),
        Output::End(reason) => format!("end {reason}"),
    };
    std::iter::from_fn(|| conversation.poll_output()).map(short).collect()
}

/// A machine has talked for so long that it is known for one.
fn machine() -> Conversation {
    let mut conversation = answered();
    conversation.handle(ms(360), Input::WordStarted { ago: Millis(60) });
    conversation.handle_timeout(ms(4_700));
    assert_eq!(drain(&mut conversation), [AnswerVerdict::Machine.to_string()]);
    conversation
}

#[test]
fn a_message_waits_for_the_beep_is_said_and_then_it_hangs_up() {
    let mut conversation = machine();
    conversation.handle(ms(9_000), Input::WordEnded { duration: Millis(8_000), ago: Millis(120) });
    conversation.handle(ms(9_500), Input::Key('1'));
    assert_eq!(drain(&mut conversation), [] as [String; 0]);
    conversation.handle(ms(10_000), Input::ToneHeard { tone: Tone::Beep });
    assert_eq!(drain(&mut conversation), ["say A robot of Harbour Street called."]);
    let prompt = PromptId(0);
    conversation.handle(ms(10_020), Input::PromptStarted { prompt });
    let played = Millis(2_500);
    conversation.handle(ms(12_520), Input::PromptEnded { prompt, played, completed: true });
    assert_eq!(drain(&mut conversation), ["spoke voicemail", "left 2500 ms true", "end machine"]);
    assert_eq!(conversation.poll_timeout(), None);
}

#[test]
fn nine_counts_for_who_was_taken_for_a_machine() {
    let mut conversation = machine();
    conversation.handle(ms(5_000), Input::Key('9'));
    let found = drain(&mut conversation);
    assert!(found.iter().any(|it| it.starts_with("OptOutRequested")), "{found:?}");
}

#[test]
fn the_beep_may_be_what_tells_the_machine() {
    let mut conversation = answered();
    conversation.handle(ms(360), Input::WordStarted { ago: Millis(60) });
    conversation.handle(ms(1_000), Input::WordEnded { duration: Millis(580), ago: Millis(120) });
    conversation.handle_timeout(ms(1_220));
    assert_eq!(drain(&mut conversation).len(), 2, "a person, and the first prompt");
    conversation.handle(ms(2_500), Input::ToneHeard { tone: Tone::Beep });
    let found = drain(&mut conversation);
    assert_eq!(found, ["machine", "stop", "say A robot of Harbour Street called."]);
}

#[test]
fn without_a_beep_nothing_is_left() {
    let mut conversation = machine();
    let due = conversation.poll_timeout().expect("it waits");
    assert_eq!(due, ms(34_700));
    conversation.handle_timeout(due);
    assert_eq!(drain(&mut conversation), ["end machine"]);
}

#[test]
fn a_mailbox_that_hangs_up_has_half_a_message() {
    let mut conversation = machine();
    conversation.handle(ms(8_000), Input::ToneHeard { tone: Tone::Beep });
    conversation.handle(ms(8_020), Input::PromptStarted { prompt: PromptId(0) });
    conversation.handle(ms(9_000), Input::HungUp);
    let found = drain(&mut conversation);
    assert_eq!(found[2..], ["spoke voicemail", "left 980 ms false", "end machine"], "{found:?}");
}

#[test]
fn faxes_announcements_and_busy_lines_get_no_message() {
    for tone in [Tone::FaxAnswer, Tone::Sit, Tone::Busy] {
        let mut conversation = answered();
        conversation.handle(ms(1_000), Input::ToneHeard { tone });
        assert_eq!(drain(&mut conversation)[1..], [format!("end {}", EndReason::Machine)]);
    }
}

#[test]
fn a_script_that_leaves_a_message_has_to_have_one() {
    let missing = SHIPPED.replace("\"hang_up\"", "\"leave_message\"");
    let error = Script::parse("missing", &missing).expect_err("no words").to_string();
    assert!(error.contains("voicemail_say"), "{error}");
    let spare = SHIPPED.replace("\"hang_up\"", "\"hang_up\"\nvoicemail_say = \"Hello.\"");
    let error = Script::parse("spare", &spare).expect_err("never said").to_string();
    assert!(error.contains("voicemail_say") && error.contains("leave_message"), "{error}");
    assert!(script().texts().contains("A robot of Harbour Street called."), "rendered like others");
}
