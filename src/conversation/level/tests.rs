use super::*;
use crate::base::{Millis, Ppm};
use crate::conversation::{AnswerVerdict, NodeId, TagSource};

fn spoken(stage: Stage, completed: bool) -> ConversationFact {
    let (node, text) = (NodeId::new("n"), String::new());
    ConversationFact::TurnSpoken { turn: 0, node, stage, text, played: Millis(1), completed }
}

fn tag(turn: u32, intent: Intent) -> ConversationFact {
    object(turn, intent, None)
}

fn object(turn: u32, intent: Intent, objection: Option<Objection>) -> ConversationFact {
    let (confidence, source) = (Ppm::ONE, TagSource::Key);
    ConversationFact::IntentTagged { turn, intent, objection, confidence, source }
}

fn machine() -> ConversationFact {
    ConversationFact::AnswerJudged {
        verdict: AnswerVerdict::Machine,
        confidence: Ppm::ONE,
        reason: "answer.tone",
        after: Millis(1),
        greeting_ended: None,
    }
}

fn check(facts: &[ConversationFact], end: Option<EndReason>, level: &str, rule: &str) {
    let judged = judge(facts, end);
    assert_eq!((judged.level.name(), judged.rule), (level, rule), "{facts:?} {end:?}");
    let mut turned = facts.to_vec();
    turned.reverse();
    assert_eq!(judge(&turned, end), judged, "the order of facts must not matter: {facts:?}");
}

#[test]
fn each_level_has_its_rules() {
    use EndReason as End;
    use Intent as I;
    let hook = || spoken(Stage::Hook, true);
    let pitch = || spoken(Stage::Pitch, true);
    let hung = Some(End::HungUp);

    check(&[hook(), tag(1, I::OptOut)], Some(End::OptedOut), "X", "level.x.opted_out");
    check(&[tag(1, I::Appointment), tag(3, I::OptOut)], None, "X", "level.x.opted_out");
    check(&[tag(1, I::Complaint)], hung, "X", "level.x.complained");

    check(&[pitch(), tag(1, I::Appointment)], Some(End::Agreed), "A", "level.a.agreed");
    check(&[tag(1, I::Appointment)], hung, "A", "level.a.agreed");
    check(&[tag(1, I::NotInterested), tag(3, I::Appointment)], None, "A", "level.a.agreed");
    check(&[tag(1, I::Appointment), tag(3, I::NotInterested)], None, "D", "level.d.refused");

    check(&[pitch(), tag(1, I::AskPrice)], hung, "B", "level.b.asked");
    check(&[tag(1, I::AskProcess)], Some(End::Silent), "B", "level.b.asked");
    check(&[tag(1, I::AskPrice), tag(3, I::NotInterested)], None, "D", "level.d.refused");
    check(&[tag(1, I::TransferHuman)], Some(End::TransferFailed), "B", "level.b.wanted_person");

    check(&[pitch()], hung, "C", "level.c.heard_pitch");
    check(&[pitch(), tag(1, I::AskCompany)], hung, "C", "level.c.heard_pitch");
    check(&[tag(1, I::CallbackLater)], hung, "C", "level.c.later");
    check(&[object(1, I::Other, Some(Objection::Time))], hung, "C", "level.c.later");

    check(&[pitch()], Some(End::Declined), "D", "level.d.refused");
    check(&[object(1, I::Other, Some(Objection::Trust))], hung, "D", "level.d.objected");
    check(&[hook(), spoken(Stage::Pitch, false)], hung, "D", "level.d.hung_up_in_pitch");

    check(&[hook(), machine()], Some(End::Machine), "E", "level.e.machine");
    check(&[tag(1, I::WrongPerson)], None, "E", "level.e.wrong_person");
    check(&[spoken(Stage::Hook, false)], hung, "E", "level.e.silent");
    check(&[hook()], Some(End::Silent), "E", "level.e.silent");
    check(&[], None, "E", "level.e.silent");
}
