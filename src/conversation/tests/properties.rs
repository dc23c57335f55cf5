//! What holds whatever comes in, in whatever order, at whatever time.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::line::{Language, Line, ms};
use crate::base::Millis;
use crate::conversation::{
    Conversation, ConversationFact, EndReason, GRACE, Input, Output, PromptId, Stage, Tone,
};

/// Of the shipped scripts.
const MAX_MS: u64 = 120_000;

fn inputs() -> impl Strategy<Value = Vec<(u64, Input)>> {
    let prompt = (0u64..40).prop_map(PromptId);
    let input = prop_oneof![
        1 => Just(Input::Answered),
        2 => prompt.clone().prop_map(|prompt| Input::PromptStarted { prompt }),
        8 => (prompt, 0u64..9_000, any::<bool>()).prop_map(|(prompt, played, completed)| {
            Input::PromptEnded { prompt, played: Millis(played), completed }
        }),
        8 => prop::sample::select(vec!['0', '1', '2', '3', '4', '7', '*', '#']).prop_map(Input::Key),
        4 => Just(Input::SpeechStarted),
        4 => (0u64..20_000).prop_map(|it| Input::SpeechEnded { duration: Millis(it) }),
        4 => (0u64..200).prop_map(|it| Input::WordStarted { ago: Millis(it) }),
        4 => (0u64..5_000, 0u64..400).prop_map(|(duration, ago)| Input::WordEnded {
            duration: Millis(duration),
            ago: Millis(ago),
        }),
        1 => prop::sample::select(vec![Tone::Beep, Tone::Ringback, Tone::Busy, Tone::FaxAnswer])
            .prop_map(|tone| Input::ToneHeard { tone }),
        2 => Just(Input::TransferFailed),
    ];
    prop::collection::vec((0u64..6_000, input), 0..80)
}

/// Hands in every input at its time, with the timers in between, and takes what comes out with
/// the time it came.
fn run(inputs: &[(u64, Input)]) -> Vec<(u64, Output)> {
    let mut conversation = Conversation::new(Language::En.script(), BTreeMap::new());
    let mut out = Vec::new();
    let mut now = 0;
    conversation.handle(ms(0), Input::Answered);
    let drain = |conversation: &mut Conversation, now: u64, out: &mut Vec<(u64, Output)>| {
        out.extend(std::iter::from_fn(|| conversation.poll_output()).map(|output| (now, output)));
    };
    let catch_up = |conversation: &mut Conversation, until: u64, out: &mut Vec<(u64, Output)>| {
        while let Some(due) = conversation.poll_timeout().filter(|due| *due <= ms(until)) {
            conversation.handle_timeout(due);
            assert!(conversation.poll_timeout().is_none_or(|next| next > due), "no progress");
            drain(conversation, due.since(ms(0)).0, out);
        }
    };
    for (pause, input) in inputs {
        now += pause;
        catch_up(&mut conversation, now, &mut out);
        conversation.handle(ms(now), input.clone());
        drain(&mut conversation, now, &mut out);
    }
    catch_up(&mut conversation, now + MAX_MS + GRACE.0 + 1, &mut out);
    assert_eq!(conversation.poll_timeout(), None);
    out
}

fn ends(out: &[(u64, Output)]) -> Vec<u64> {
    out.iter().filter(|(_, it)| matches!(it, Output::End(_))).map(|(at, _)| *at).collect()
}

fn opt_outs(out: &[(u64, Output)]) -> usize {
    let is = |it: &Output| matches!(it, Output::Fact(ConversationFact::OptOutRequested { .. }));
    out.iter().filter(|(_, it)| is(it)).count()
}

/// Prompts begin and end one at a time, each has one record, and turns have numbers of their own.
fn check_records(out: &[(u64, Output)]) {
    let mut playing = None;
    let (mut said, mut recorded, mut turns) = (Vec::new(), Vec::new(), Vec::new());
    for (_, output) in out {
        match output {
            Output::Say { prompt, text } => {
                said.push(text.clone());
                playing = Some(*prompt);
            }
            Output::StopSaying { prompt } => assert_eq!(playing.take(), Some(*prompt)),
            Output::Fact(ConversationFact::TurnSpoken { turn, text, .. }) => {
                recorded.push(text.clone());
                turns.push(*turn);
            }
            Output::Fact(ConversationFact::TurnHeard { turn, .. }) => turns.push(*turn),
            _ => {}
        }
    }
    said.sort();
    recorded.sort();
    assert_eq!(said, recorded, "what was said is what is recorded");
    turns.sort_unstable();
    let count = u32::try_from(turns.len()).expect("few turns");
    assert_eq!(turns, (0..count).collect::<Vec<_>>(), "turn numbers have no gaps");
    assert!(count <= 30 + 4, "more turns than the script allows: {count}");
    let script = Language::En.script();
    let texts = script.texts();
    assert!(said.iter().all(|text| texts.contains(text.as_str())), "words of its own: {said:?}");
}

proptest! {
    #[test]
    fn it_ends_in_time_once_and_for_all(inputs in inputs()) {
        let out = run(&inputs);
        prop_assert_eq!(ends(&out).len(), 1);
        prop_assert!(matches!(out.last(), Some((at, Output::End(_))) if *at <= MAX_MS + GRACE.0));
        prop_assert_eq!(opt_outs(&out), 0);
        check_records(&out);
        prop_assert_eq!(out, run(&inputs), "the same inputs give the same talk");
    }

    #[test]
    fn hanging_up_ends_it_at_once(inputs in inputs(), at in 0usize..80) {
        let mut inputs = inputs;
        inputs.insert(at.min(inputs.len()), (0, Input::HungUp));
        let total = inputs.iter().take(at + 1).map(|(pause, _)| pause).sum::<u64>();
        let ends = ends(&run(&inputs));
        prop_assert_eq!(ends.len(), 1);
        prop_assert!(ends.iter().all(|end| *end <= total));
    }

    #[test]
    fn nine_leaves_exactly_one_opt_out(inputs in inputs(), nines in prop::collection::vec((0usize..80, 0u64..400), 1..6)) {
        let mut inputs = inputs;
        for (at, pause) in nines {
            inputs.insert(at.min(inputs.len()), (pause, Input::Key('9')));
        }
        let before = inputs.iter().position(|(_, it)| *it == Input::Key('9')).expect("inserted");
        let pressed = inputs.iter().take(before + 1).map(|(pause, _)| pause).sum::<u64>();
        let out = run(&inputs);
        let ended = ends(&out);
        prop_assert_eq!(ended.len(), 1);
        let was_over = ends(&run(inputs.get(..before).expect("a prefix"))).iter().any(|at| *at <= pressed);
        prop_assert_eq!(opt_outs(&out), usize::from(!was_over));
        check_records(&out);
    }

    #[test]
    fn once_a_person_has_it_the_robot_is_silent(inputs in inputs(), at in 0usize..80) {
        let at = at.min(inputs.len());
        let (before, after) = inputs.split_at(at);
        let silent_before = before.iter().map(|(pause, _)| pause).sum::<u64>();
        let mut all = before.to_vec();
        all.push((0, Input::Transferred));
        all.extend_from_slice(after);
        all.push((1, Input::HungUp));
        let out = run(&all);
        let count = |out: &[(u64, Output)]| out.iter().filter(|(_, it)| matches!(it, Output::Say { .. })).count();
        let until: Vec<_> = run(before).into_iter().filter(|(at, _)| *at <= silent_before).collect();
        prop_assert_eq!(count(&out), count(&until));
        prop_assert_eq!(ends(&out).len(), 1);
    }
}

#[test]
fn the_stage_follows_the_talk() {
    let mut line = Line::new(Language::Zh);
    assert_eq!(line.conversation.stage(), Stage::Hook);
    line.run_until(3_000);
    line.input(Input::Key('2'));
    assert_eq!(line.conversation.stage(), Stage::Question);
    line.input(Input::Key('0'));
    assert_eq!(line.conversation.stage(), Stage::Transfer);
    line.input(Input::Key('9'));
    assert_eq!(line.conversation.stage(), Stage::Farewell);
}

#[test]
fn prompts_that_never_end_are_cut_off_at_the_time_limit() {
    let out = run(&[]);
    let script = Language::En.script();
    let at_limit = script.node(&script.globals().at_limit).expect("there");
    let said = out.iter().find(|(at, it)| {
        *at == MAX_MS && matches!(it, Output::Say { text, .. } if *text == at_limit.say)
    });
    assert!(said.is_some(), "{out:#?}");
    assert_eq!(out.last(), Some(&(MAX_MS + GRACE.0, Output::End(EndReason::TimeLimit))));
}
