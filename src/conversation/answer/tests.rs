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
    check(&[(300, 9_000)], (Machine, "answer.long_speech", 4_700));
    // A greeting with short breaths in it is still one run.
    check(&[(300, 1_500), (1_700, 5_000)], (Machine, "answer.long_speech", 4_700));
    check(&[(300, 3_900)], (Human, "answer.longer_greeting", 4_300));
    // A click is nothing; a late hello is waited for.
    check(&[(300, 400)], (Silence, "answer.silence", 2_000));
    check(&[(1_900, 2_600)], (Human, "answer.short_greeting", 3_000));
    check(&[(1_950, 2_050)], (Silence, "answer.silence", 2_050));
}

fn answered() -> AnswerClassifier {
    AnswerClassifier::new(ms(0))
}

/// Judged a person by a short greeting at 0.3 to 0.9 s.
fn greeted() -> AnswerClassifier {
    let mut classifier = answered();
    classifier.speech_started(ms(300));
    classifier.speech_ended(ms(900), Millis(600));
    let judged = classifier.handle_timeout(ms(1_300)).expect("a short greeting");
    assert_eq!(judged.verdict, AnswerVerdict::Human);
    classifier
}

#[test]
fn a_beep_corrects_the_verdict_once_and_only_early() {
    let mut classifier = answered();
    let first = classifier.handle_timeout(ms(2_000)).expect("silence");
    assert_eq!(first.verdict, AnswerVerdict::Silence);
    let second = classifier.tone_heard(ms(7_000), Tone::Beep).expect("a machine after all");
    assert_eq!((second.verdict, second.reason), (AnswerVerdict::Machine, "answer.tone"));
    assert_eq!(classifier.tone_heard(ms(7_500), Tone::Beep), None);

    let mut late = answered();
    assert_eq!(late.tone_heard(ms(8_001), Tone::Beep), None);
}

#[test]
fn a_beep_that_a_machine_would_not_make_leaves_a_person_a_person() {
    // The exchange beeps when it connects; what follows is judged as ever.
    let mut connecting = answered();
    assert_eq!(connecting.tone_heard(ms(300), Tone::Beep), None);
    assert_eq!(connecting.poll_timeout(), Some(ms(2_000)));
    // After a greeting a machine beeps soon, a kettle at any time.
    let soon = greeted().tone_heard(ms(3_000), Tone::Beep).expect("a machine");
    assert_eq!(soon.verdict, AnswerVerdict::Machine);
    assert_eq!(greeted().tone_heard(ms(5_500), Tone::Beep), None);
}

#[test]
fn faxes_and_announcements_are_final() {
    for (tone, verdict, reason) in [
        (Tone::FaxAnswer, AnswerVerdict::Fax, "answer.fax_answer_tone"),
        (Tone::FaxCalling, AnswerVerdict::Fax, "answer.fax_calling_tone"),
        (Tone::Sit, AnswerVerdict::Sit, "answer.special_tone"),
    ] {
        for mut classifier in [answered(), greeted()] {
            let judged = classifier.tone_heard(ms(4_000), tone).expect("a tone");
            assert_eq!((judged.verdict, judged.reason), (verdict, reason));
            assert!(judged.verdict.is_final());
            assert_eq!(classifier.tone_heard(ms(4_500), Tone::Beep), None);
            assert_eq!(classifier.poll_timeout(), None);
        }
    }
    // A fax may wait for a person to speak first.
    assert!(greeted().tone_heard(ms(15_000), Tone::FaxAnswer).is_some());
    assert_eq!(greeted().tone_heard(ms(15_000), Tone::Sit), None);
}

#[test]
fn a_busy_tone_after_the_answer_is_nobody_and_in_a_talk_is_nothing() {
    for (tone, reason) in
        [(Tone::Busy, "answer.busy_tone"), (Tone::Congestion, "answer.congestion_tone")]
    {
        let judged = answered().tone_heard(ms(1_200), tone).expect("nobody");
        assert_eq!((judged.verdict, judged.reason), (AnswerVerdict::Machine, reason));
        assert_eq!(greeted().tone_heard(ms(3_000), tone), None);
    }
}

#[test]
fn where_it_rings_on_whoever_answers_then_is_judged_then() {
    let ringing = || {
        let mut classifier = answered();
        classifier.speech_started(ms(560)); // the stroke, before it is known for one
        let judged = classifier.tone_heard(ms(1_260), Tone::Ringback).expect("it rings");
        assert_eq!((judged.verdict, judged.reason), (AnswerVerdict::Ringback, "answer.ringback"));
        assert_eq!(classifier.tone_heard(ms(6_000), Tone::Ringback), None, "known");
        classifier
    };
    let mut nobody = ringing();
    assert_eq!(nobody.poll_timeout(), Some(ms(31_260)));
    assert_eq!(nobody.handle_timeout(ms(31_260)).expect("silence").verdict, AnswerVerdict::Silence);

    let mut person = ringing();
    // Another stroke begins like speech, and is over at once.
    person.speech_started(ms(6_000));
    person.speech_ended(ms(6_600), Millis(200));
    assert_eq!(person.poll_timeout(), Some(ms(31_260)));
    person.speech_started(ms(9_000));
    person.speech_ended(ms(9_900), Millis(500));
    let judged = person.handle_timeout(ms(10_300)).expect("hello");
    assert_eq!((judged.verdict, judged.after), (AnswerVerdict::Human, Millis(10_300)));

    let mut machine = ringing();
    machine.speech_started(ms(20_000));
    machine.speech_ended(ms(21_400), Millis(1_000));
    let judged = machine.tone_heard(ms(22_000), Tone::Beep).expect("a short greeting");
    assert_eq!(judged.verdict, AnswerVerdict::Machine);
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

/// Words from..to, each known 60 ms after it began and 120 ms after its end, for as long as no
/// final verdict comes; every verdict with its rule and its time.
fn words(words: &[(u64, u64)]) -> Vec<(AnswerVerdict, &'static str, u64)> {
    let mut classifier = answered();
    let mut found = Vec::new();
    let last = words.last().map_or(0, |(_, to)| *to);
    for now in (0..last + 3_000).step_by(20) {
        for (from, to) in words {
            if now == from + 60 {
                classifier.word_started(ms(now), Millis(60));
            }
            if now == to + 120 {
                classifier.word_ended(ms(now), Millis(to - from), Millis(120));
            }
        }
        // Speech says nothing where words do.
        if now == 400 && words.iter().any(|(from, _)| *from < 400) {
            classifier.speech_started(ms(now));
        }
        let judged = classifier.handle_timeout(ms(now));
        found.extend(judged.map(|it| (it.verdict, it.reason, it.after.0)));
    }
    found
}

#[test]
fn a_short_word_is_answered_a_third_of_a_second_after_it() {
    use AnswerVerdict::{Human, Machine, Silence};
    assert_eq!(words(&[(300, 800)]), [(Human, "answer.short_greeting", 1_140)]);
    assert_eq!(words(&[(300, 500), (700, 1_400)]), [(Human, "answer.short_greeting", 1_800)]);
    assert_eq!(words(&[(300, 2_300)]), [(Human, "answer.longer_greeting", 2_860)]);
    assert_eq!(words(&[(300, 9_000)]), [(Machine, "answer.long_speech", 4_700)]);
    // A click is nothing, and what is said late is waited for.
    assert_eq!(words(&[(300, 360)]), [(Silence, "answer.silence", 2_000)]);
    assert_eq!(words(&[(1_900, 2_500)]), [(Human, "answer.short_greeting", 2_840)]);
}

#[test]
fn who_talks_on_after_a_short_greeting_is_a_machine_after_all() {
    use AnswerVerdict::{Human, Machine, Silence};
    let hi = words(&[(300, 700), (1_300, 4_000), (4_300, 9_000)]);
    assert_eq!(
        hi,
        [(Human, "answer.short_greeting", 1_040), (Machine, "answer.talks_on", 5_300)],
        "0.4 s, then 2.7 s and 0.3 s, then the rest of 4.4 s"
    );
    // A person who asks again later, or answers the robot, is none.
    let again = words(&[(300, 700), (3_000, 9_000)]);
    assert_eq!(again, [(Human, "answer.short_greeting", 1_040)]);
    let asks = words(&[(300, 700), (1_400, 4_000)]);
    assert_eq!(asks, [(Human, "answer.short_greeting", 1_040)]);
    let late = words(&[(4_100, 9_500)]);
    assert_eq!(late, [(Silence, "answer.silence", 2_000)]);
}

#[test]
fn a_beep_in_the_middle_of_a_word_is_a_voice() {
    let mut classifier = answered();
    classifier.word_started(ms(400), Millis(60));
    assert_eq!(classifier.tone_heard(ms(900), Tone::Beep), None);
    classifier.word_ended(ms(1_000), Millis(540), Millis(120));
    assert_eq!(classifier.tone_heard(ms(1_100), Tone::Beep), None, "too soon after it");
    assert!(classifier.tone_heard(ms(1_200), Tone::Beep).is_some());
}
