use super::*;
use crate::base::{Millis, Timestamp};
use crate::event::{Event, Recorded, examples};

const START: i64 = 1_795_244_400_000_000;

fn record(position: u64, event: &Event) -> Recorded {
    let at = Timestamp::from_micros(START).plus(Millis(position * 1_000));
    Recorded::example(position, event, at)
}

/// One of each fact, in an order that could happen.
fn story() -> Vec<Recorded> {
    let order = [
        "CampaignCreated",
        "CarrierAdded",
        "AgentSignedIn",
        "LeadImported",
        "CampaignStarted",
        "DialDecided",
        "ComplianceChecked",
        "AttemptStarted",
        "CarrierChosen",
        "LegStarted",
        "LegProgressed",
        "LegAnswered",
        "CallAnswered",
        "HandlerChosen",
        "AnswerClassified",
        "TurnSpoken",
        "TurnHeard",
        "IntentTagged",
        "IntentionLevelSet",
        "LegEnded",
        "CallEnded",
        "AttemptEnded",
    ];
    let examples = examples();
    let find = |name: &str| examples.iter().find(|event| event.name() == name).expect("a fact");
    order.iter().enumerate().map(|(index, name)| record(index as u64, find(name))).collect()
}

#[test]
fn the_board_counts_a_call_from_dial_to_ending() {
    let mut state = LiveState::default();
    let story = story();
    for recorded in &story[..14] {
        state.apply(recorded).expect("in order");
    }
    let call = state.board.calls.values().next().expect("a call in progress");
    assert_eq!(call.state, CurrentCallState::Robot);
    assert_eq!(call.carrier_id.as_ref().map(|id| id.as_str()), Some("north"));
    for recorded in &story[14..] {
        state.apply(recorded).expect("in order");
    }
    assert!(state.board.calls.is_empty());
    let campaign = state.board.campaigns.values().next().expect("a campaign");
    assert_eq!(
        (campaign.leads, campaign.dialled, campaign.attempts, campaign.in_progress),
        (1, 1, 1, 0)
    );
    assert_eq!((campaign.answered, campaign.contacts, campaign.reached.len()), (1, 1, 1));
    assert_eq!(campaign.talk, Millis(24_000));
    assert_eq!(state.board.recent.len(), 1);
    let sums = state.board.series.iter().fold((0, 0, 0), |sum, bucket| {
        (sum.0 + bucket.dials, sum.1 + bucket.answered, sum.2 + bucket.ended)
    });
    assert_eq!(sums, (1, 1, 1));
    assert_eq!(state.position(), Some(21));
}

#[test]
fn a_fact_out_of_order_is_refused() {
    let mut state = LiveState::default();
    let story = story();
    state.apply(&story[1]).expect("a log may begin anywhere");
    assert_eq!(state.apply(&story[1]), Err(OutOfOrder { last: 1, got: 1 }));
    assert_eq!(state.apply(&story[0]), Err(OutOfOrder { last: 1, got: 0 }));
    state.apply(&story[2]).expect("in order");
}

#[test]
fn positions_far_apart_give_the_same_state() {
    let story = story();
    let (mut dense, mut sparse) = (LiveState::default(), LiveState::default());
    for recorded in &story {
        dense.apply(recorded).expect("in order");
        let mut apart = recorded.clone();
        apart.position = recorded.position * 1_000 + 7;
        sparse.apply(&apart).expect("in order");
    }
    assert_eq!(sparse.position(), dense.position().map(|last| last * 1_000 + 7));
    assert_eq!((&sparse.dialing, &sparse.routing), (&dense.dialing, &dense.routing));
    assert_eq!((&sparse.compliance, &sparse.board), (&dense.compliance, &dense.board));
}

#[test]
fn a_system_event_moves_the_position_and_nothing_else() {
    let mut state = LiveState::default();
    let mut recorded = story().remove(0);
    recorded.event_type = "$metadata".to_owned();
    assert_eq!(state.apply(&recorded), Ok(None));
    assert_eq!((state.unreadable, state.position()), (0, Some(0)));
}

#[test]
fn a_fact_of_a_newer_program_is_counted_and_passed_over() {
    let mut state = LiveState::default();
    let mut recorded = story().remove(0);
    recorded.event_type = "CallDreamt".to_owned();
    assert_eq!(state.apply(&recorded), Ok(None));
    assert_eq!((state.unreadable, state.position()), (1, Some(0)));
}

#[test]
fn a_fold_in_one_go_equals_a_fold_in_chunks() {
    let story = story();
    let mut whole = LiveState::default();
    for recorded in &story {
        whole.apply(recorded).expect("in order");
    }
    for cut in 0..story.len() {
        let mut state = LiveState::default();
        for recorded in &story[..cut] {
            state.apply(recorded).expect("in order");
        }
        let mut resumed = state.clone();
        for recorded in &story[cut..] {
            resumed.apply(recorded).expect("in order");
        }
        assert_eq!(resumed, whole);
    }
}

#[test]
fn the_series_keeps_ten_minutes() {
    let mut board = Board::default();
    let started = examples().into_iter().find(|event| event.name() == "AttemptStarted");
    let started = started.expect("a fact");
    for second in 0..2_000 {
        board.apply(&started, Timestamp::from_micros(START + second * 1_000_000));
    }
    assert_eq!(board.series.len(), 60);
    assert!(board.series.iter().all(|bucket| bucket.dials == 10));
}
