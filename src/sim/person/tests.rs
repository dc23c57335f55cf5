use super::*;

const START: Timestamp = Timestamp::from_micros(1_000_000_000);

/// A talk with somebody who speaks for two seconds, pauses until answered, and goes on.
fn talk(temper: Temper, seed: u64) -> Vec<(u64, PersonOutput)> {
    let mut person = Person::new(temper, Keys::default(), Rng::from_seed(seed));
    let mut now = START;
    let mut done = Vec::new();
    person.handle(now, PersonInput::Answered);
    for step in 0..400 {
        let input = match step % 40 {
            5 => Some(PersonInput::OtherSpeaks),
            15 => Some(PersonInput::OtherPauses),
            _ => None,
        };
        if let Some(input) = input {
            person.handle(now, input);
        }
        now = now.plus(Millis(200));
        person.handle_timeout(now);
        while let Some(output) = person.poll_output() {
            done.push((now.since(START).0, output));
        }
    }
    done
}

fn deeds(temper: Temper, seed: u64) -> Vec<PersonOutput> {
    talk(temper, seed).into_iter().map(|(_, deed)| deed).collect()
}

#[test]
fn the_eager_say_yes_and_leave() {
    let deeds = deeds(Temper::Eager, 1);
    assert!(deeds.contains(&PersonOutput::Press('1')));
    assert_eq!(deeds.last(), Some(&PersonOutput::HangUp));
}

#[test]
fn the_annoyed_cut_in_and_opt_out() {
    let talk = talk(Temper::Annoyed, 2);
    let pressed = talk.iter().find(|(_, deed)| *deed == PersonOutput::Press('9'));
    let (at, _) = pressed.expect("they press 9");
    assert!(*at < 9_000, "before the second pause: {at} ms");
}

#[test]
fn the_silent_do_nothing() {
    assert_eq!(deeds(Temper::Silent, 3), []);
}

#[test]
fn nobody_presses_a_key_while_the_other_side_talks_unless_they_cut_in() {
    for seed in 0..50 {
        for temper in [Temper::Eager, Temper::Curious, Temper::Hesitant, Temper::WantsPerson] {
            for (at, deed) in talk(temper, seed) {
                // In each eight seconds the other side talks from 1.0 to 3.0.
                let phase = at % 8_000;
                let is_talking = (1_200..=3_000).contains(&phase);
                let is_key = matches!(deed, PersonOutput::Press(_));
                assert!(!(is_key && is_talking), "{temper:?} pressed at {at} ms");
            }
        }
    }
}

#[test]
fn the_same_seed_does_the_same_at_the_same_time() {
    for seed in 0..20 {
        assert_eq!(talk(Temper::Curious, seed), talk(Temper::Curious, seed));
    }
}

#[test]
fn everybody_leaves_in_the_end_and_does_nothing_after() {
    let mut person = Person::new(Temper::Silent, Keys::default(), Rng::from_seed(1));
    person.handle(START, PersonInput::Answered);
    person.handle_timeout(START.plus(PATIENCE));
    assert_eq!(person.poll_output(), Some(PersonOutput::HangUp));
    person.handle(START.plus(PATIENCE), PersonInput::OtherPauses);
    assert_eq!(person.poll_timeout(), None);
    assert_eq!(person.poll_output(), None);
}
