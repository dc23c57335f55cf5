//! A machine answers, and the script has a message for it.

use std::sync::Arc;

use super::stage::Stage;
use crate::call::CallInput;
use crate::conversation::{Input, Script, Tone};
use crate::event::{Disposition, Event};
use crate::sip::Party;

fn script() -> Arc<Script> {
    let shipped = include_str!("../../../scripts/business_loan_en.toml");
    let rule = "\"leave_message\"\nvoicemail_say = \"A robot of Harbour Street called.\"";
    let text = shipped.replace("\"hang_up\"", rule);
    Arc::new(Script::parse("leaves", &text).expect("a script that holds together"))
}

#[test]
fn a_message_after_the_beep_leaves_its_fact_and_the_machines_disposition() {
    // given: silence passed for a person, so the first prompt plays
    let (mut stage, leg_id) = Stage::robot_of(script());
    stage.says();
    // when
    stage.give(CallInput::Heard { leg_id, input: Input::ToneHeard { tone: Tone::Beep } });
    stage.stops_talking(leg_id);
    assert_eq!(stage.says_all(), "A robot of Harbour Street called.");
    assert_eq!(stage.hangs_up(), leg_id);
    stage.bye(leg_id, Party::Local);
    // then
    let left = stage.facts.iter().find_map(|fact| match fact {
        Event::VoicemailLeft(it) => Some((it.played_ms.0, it.is_complete)),
        _ => None,
    });
    assert_eq!(left, Some((3_000, true)));
    assert_eq!(stage.attempt().disposition, Disposition::AnsweredMachine);
    assert_eq!(stage.attempt().level, None);
}
