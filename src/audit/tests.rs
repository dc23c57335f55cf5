use super::*;
use crate::base::{CallId, CampaignId, LegId, Millis, Rng, Timestamp};
use crate::dialing::{CarrierPolicy, DialDecision};
use crate::event::{CampaignStarted, Event, HandlerChosen, Recorded, RoutePurpose, examples};
use crate::projection::live::LiveState;

/// A log written by taking decisions the way the runtime does: decide, append, apply.
struct Log {
    facts: Vec<Recorded>,
    state: LiveState,
}

impl Log {
    fn new() -> Self {
        let mut log = Self { facts: Vec::new(), state: LiveState::default() };
        for name in ["CampaignCreated", "CarrierAdded", "AgentSignedIn", "LeadImported"] {
            log.append(example(name));
        }
        let campaign_id = CampaignId::new("demo").expect("a slug");
        log.append(CampaignStarted { campaign_id }.into());
        log
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_795_244_400_000_000).plus(Millis(self.facts.len() as u64))
    }

    fn append(&mut self, event: Event) {
        let position = self.facts.len() as u64;
        let recorded = Recorded::example(position, &event, self.now());
        self.state.apply(&recorded).expect("in order");
        self.facts.push(recorded);
    }

    /// Dials, chooses a carrier and a handler.
    fn call(&mut self) {
        let mut rng = Rng::from_seed(1);
        let now = self.now();
        let call_id = CallId::generate(now, &mut rng);
        let campaign_id = CampaignId::new("demo").expect("a slug");
        let position = self.state.position().expect("facts");
        let decision = self.state.dialing.decide_dial(
            &self.state.compliance,
            &campaign_id,
            call_id,
            now,
            position,
        );
        let DialDecision::Dial { decided, checked, started } = decision else {
            panic!("{decision:?}")
        };
        self.append(decided.into());
        self.append(checked.into());
        self.append(started.into());
        let leg_id = LegId::generate(now, &mut rng);
        let position = self.state.position().expect("facts");
        let chosen = self.state.dialing.choose_carrier(call_id, leg_id, now, position);
        self.append(chosen.into());
        let position = self.state.position().expect("facts");
        let purpose = RoutePurpose::Answer;
        let chosen = self.state.routing.choose_handler(call_id, purpose, now, position);
        self.append(chosen.into());
    }
}

fn example(name: &str) -> Event {
    examples().into_iter().find(|event| event.name() == name).expect("an example")
}

fn replay(facts: &[Recorded]) -> Result<ReplayReport, ReplayError> {
    let mut replay = Replay::default();
    for recorded in facts {
        replay.collect(recorded)?;
    }
    for recorded in facts {
        replay.step(recorded)?;
    }
    Ok(replay.report())
}

/// Rewrites one decision in the log as if somebody had tampered with it.
fn tamper(facts: &mut [Recorded], change: impl Fn(&mut HandlerChosen)) -> u64 {
    for recorded in facts {
        if let Ok(Event::HandlerChosen(mut fact)) = recorded.event() {
            change(&mut fact);
            recorded.data = Event::from(fact).encode().into();
            return recorded.position;
        }
    }
    panic!("no handler decision in the log")
}

#[test]
fn every_decision_comes_out_the_same() {
    let mut log = Log::new();
    log.call();
    let report = replay(&log.facts).expect("a whole log");
    assert_eq!(report.disagreements, []);
    assert_eq!((report.taken(), report.agreed()), (4, 4));
    assert_eq!(report.decisions["HandlerChosen"], 1);
}

/// A log written by an older program, then by this one: what failed before counted otherwise.
#[test]
fn a_decision_is_taken_again_by_the_rules_it_was_taken_by() {
    let mut log = Log::new();
    log.call();
    let refused = |log: &mut Log, number: u128| {
        for name in ["LegStarted", "LegEnded"] {
            let mut event = example(name);
            let leg = LegId(uuid::Uuid::from_u128(number));
            match &mut event {
                Event::LegStarted(fact) => fact.leg_id = leg,
                Event::LegEnded(fact) => {
                    fact.leg_id = leg;
                    (fact.sip_status, fact.failure) = (Some(403), None);
                }
                _ => {}
            }
            log.append(event);
        }
    };
    let mut effective = Vec::new();
    for (number, policy) in [(1, CarrierPolicy::Swrr1), (2, CarrierPolicy::Swrr2)] {
        refused(&mut log, number);
        let position = log.state.position().expect("facts");
        let (call_id, leg_id) = (CallId(uuid::Uuid::from_u128(90)), LegId(uuid::Uuid::nil()));
        let dialing = &log.state.dialing;
        let chosen = dialing.choose_carrier_by(policy, call_id, leg_id, log.now(), position);
        effective.push(chosen.candidates[0].effective_weight);
        log.append(chosen.into());
    }
    assert!(effective[0] > effective[1], "{effective:?}: 403 was no failure once");
    let report = replay(&log.facts).expect("a whole log");
    assert_eq!(report.disagreements, []);
    assert_eq!(report.decisions["CarrierChosen"], 3);
}

#[test]
fn a_changed_decision_is_named_with_the_field() {
    let mut log = Log::new();
    log.call();
    let position = tamper(&mut log.facts, |fact| fact.chosen = None);
    let report = replay(&log.facts).expect("a whole log");
    let [found] = &report.disagreements[..] else { panic!("{report:?}") };
    assert_eq!((found.position, found.field.as_str()), (position, "chosen"));
    assert_eq!(report.agreed(), 3);
}

#[test]
fn a_changed_input_is_noticed_too() {
    let mut log = Log::new();
    log.call();
    let mut facts = log.facts.clone();
    for recorded in &mut facts {
        if let Ok(Event::LeadImported(mut fact)) = recorded.event() {
            fact.value_ppm = 990_000;
            recorded.data = Event::from(fact).encode().into();
        }
    }
    let report = replay(&facts).expect("a whole log");
    assert!(report.disagreements.iter().any(|found| found.event_type == "HandlerChosen"));
}

#[test]
fn a_fact_that_comes_twice_is_refused() {
    let mut log = Log::new();
    log.call();
    let again = log.facts[2].clone();
    log.facts.insert(3, again);
    assert!(matches!(replay(&log.facts), Err(ReplayError::OutOfOrder(_))));
}

#[test]
fn a_decision_cannot_know_the_future() {
    let mut log = Log::new();
    log.call();
    tamper(&mut log.facts, |fact| fact.position = 1_000);
    assert!(matches!(replay(&log.facts), Err(ReplayError::FromTheFuture { claimed: 1_000, .. })));
}

#[test]
fn an_explanation_names_every_term_and_veto() {
    let mut log = Log::new();
    log.call();
    let text = explain(&log.facts);
    for part in ["dnc.number", "north", "robot", "alex", "value × 0.400", "swrr-2", "score-1"] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
}
