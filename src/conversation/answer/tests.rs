use super::*;

fn ms(at: u64) -> Timestamp {
    Timestamp::EPOCH.plus(Millis(at))
}

/// Speech from..to, then whatever time brings; the verdict with its rule and its time.
fn check(speech: &[(u64, u64)], expected: (AnswerVerdict, &str, u64)) {
    let mut classifier = AnswerClassifier::new(ms(0));
    let mut edges: Vec<(u64, Option<u64>)> =
        speech.iter().flat_map(|(from, to)| [(*from, None), (*to, Some(to - from))]).collect();
    edges.reverse();
    let mut now = 0;
    let judgement = loop {
        let due = classifier.poll_timeout().expect("undecided, so time will tell");
        let Some((at, spoken)) = edges.pop_if(|(at, _)| ms(*at) < due) else {
            break classifier.handle_timeout(due.max(ms(now))).expect("due");
        };
        now = at;
        match spoken {
            None => classifier.speech_started(ms(at)),
            Some(spoken) => classifier.speech_ended(ms(at), Millis(spoken)),
        }
    };
    let (verdict, reason, after) = expected;
    let found = (judgement.verdict, judgement.reason, judgement.after);
    assert_eq!(found, (verdict, reason, Millis(after)), "speech {speech:?}");
    assert_eq!(classifier.poll_timeout(), None);
}

#[test]
fn judges_by_the_first_sounds() {
    use AnswerVerdict::{Human, Machine, Silence};
    check(&[], (Silence, "answer.silence", 2_000));
    check(&[(300, 900)], (Human, "answer.short_greeting", 1_300));
    check(&[(300, 600), (800, 1_400)], (Human, "answer.short_greeting", 1_800));
    check(&[(300, 2_300)], (Human, "answer.longer_greeting", 2_700));
    check(&[(300, 9_000)], (Machine, "answer.long_speech", 2_800));
    // A greeting with short breaths in it is still one run.
    check(&[(300, 1_500), (1_700, 4_000)], (Machine, "answer.long_speech", 2_800));
    // A click is nothing; a late hello is waited for.
    check(&[(300, 400)], (Silence, "answer.silence", 2_000));
    check(&[(1_900, 2_600)], (Human, "answer.short_greeting", 3_000));
    check(&[(1_950, 2_050)], (Silence, "answer.silence", 2_050));
}

#[test]
fn a_tone_corrects_the_verdict_once_and_only_early() {
    let mut classifier = AnswerClassifier::new(ms(0));
    let first = classifier.handle_timeout(ms(2_000)).expect("silence");
    assert_eq!(first.verdict, AnswerVerdict::Silence);
    let second = classifier.tone_heard(ms(7_000)).expect("a machine after all");
    assert_eq!((second.verdict, second.reason), (AnswerVerdict::Machine, "answer.tone"));
    assert_eq!(classifier.tone_heard(ms(7_500)), None);

    let mut late = AnswerClassifier::new(ms(0));
    assert_eq!(late.tone_heard(ms(8_001)), None);
}

#[test]
fn a_key_means_a_person() {
    let mut classifier = AnswerClassifier::new(ms(0));
    let judged = classifier.key_pressed(ms(500)).expect("first");
    assert_eq!((judged.verdict, judged.reason), (AnswerVerdict::Human, "answer.key"));
    assert_eq!(classifier.key_pressed(ms(700)), None);
}

#[test]
fn the_greeting_ends_with_its_last_word_and_not_when_the_pause_was_certain() {
    let mut classifier = AnswerClassifier::new(ms(0));
    classifier.speech_started(ms(500));
    classifier.speech_ended(ms(1_200), Millis(300));
    classifier.speech_started(ms(1_300));
    classifier.speech_ended(ms(2_100), Millis(450));
    let judged = classifier.handle_timeout(ms(2_500)).expect("paused for long enough");
    assert_eq!(judged.verdict, AnswerVerdict::Human);
    assert_eq!(judged.greeting_ended, Some(Millis(1_750)));
}

#[test]
fn nobody_who_says_nothing_has_greeted() {
    let mut classifier = AnswerClassifier::new(ms(0));
    assert_eq!(classifier.handle_timeout(ms(2_000)).expect("silence").greeting_ended, None);
    let mut talking = AnswerClassifier::new(ms(0));
    talking.speech_started(ms(300));
    assert_eq!(talking.key_pressed(ms(900)).expect("a key").greeting_ended, None);
}
