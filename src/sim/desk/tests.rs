use super::*;

/// Runs a desk for a minute of its own time; gives what it did and when.
fn run(mut desk: Desk, keys: &[(u64, char)]) -> Vec<(u64, DeskOutput)> {
    let start = Timestamp::EPOCH;
    let mut done = Vec::new();
    desk.handle(start, DeskInput::PickedUp);
    for tick in 0..6_000 {
        let now = start.plus(Millis(tick * 10));
        for (_, key) in keys.iter().filter(|(at, _)| *at == tick * 10) {
            desk.handle(now, DeskInput::Key(*key));
        }
        desk.handle_timeout(now);
        while let Some(output) = desk.poll_output() {
            done.push((tick * 10, output));
        }
    }
    done
}

fn pressed(done: &[(u64, DeskOutput)]) -> String {
    done.iter()
        .filter_map(|(_, output)| match output {
            DeskOutput::Press(key) => Some(*key),
            _ => None,
        })
        .collect()
}

#[test]
fn a_yes_becomes_an_appointment() {
    let done = run(Desk::new(Rng::from_seed(1)), &[(4_000, '1')]);
    assert_eq!(pressed(&done), "1#");
    assert_eq!(done.last().map(|(_, output)| *output), Some(DeskOutput::HangUp));
}

#[test]
fn never_again_is_keyed_in() {
    let done = run(Desk::new(Rng::from_seed(2)), &[(4_000, '9')]);
    assert_eq!(pressed(&done), "9#");
}

#[test]
fn a_question_is_answered_before_anything_is_keyed_in() {
    let done = run(Desk::new(Rng::from_seed(3)), &[(4_000, '2'), (9_000, '3')]);
    assert_eq!(pressed(&done), "2#");
}

#[test]
fn a_call_that_goes_nowhere_ends_as_a_callback() {
    let done = run(Desk::new(Rng::from_seed(4)), &[]);
    assert_eq!(pressed(&done), "3#");
    let hung_up = done.iter().filter(|(_, output)| *output == DeskOutput::HangUp).count();
    assert_eq!(hung_up, 1);
}
