//! Given what a gateway's SIMs did, when a leg goes over it, then the least used one takes it.

use super::*;
use crate::base::{SimId, UtcOffset};

/// Noon in UTC of some day.
const NOON: Timestamp = Timestamp::from_micros(20_000 * 86_400_000_000 + 43_200_000_000);

fn sim(id: &str) -> SimId {
    SimId::new(id).expect("a slug")
}

fn card(id: &str) -> SimCardAdded {
    SimCardAdded {
        carrier_id: carrier("gsm"),
        sim_id: sim(id),
        calls_per_day: Some(4),
        seconds_per_day: Some(600),
        rest_ms: Millis(20_000),
        balance_min_milli: Some(100_000),
        signal_min_dbm: Some(-100),
        utc_offset: UtcOffset::UTC,
    }
}

/// A log and its fold.
struct Gateway {
    facts: Vec<(Event, Timestamp)>,
    state: Dialing,
    now: Timestamp,
    calls: u128,
}

impl Gateway {
    fn new(cards: impl IntoIterator<Item = SimCardAdded>) -> Self {
        let state = Dialing::default();
        let mut gateway = Self { facts: Vec::new(), state, now: NOON, calls: 0 };
        gateway.given(added("gsm", 1, 8));
        for card in cards {
            gateway.given(card.into());
        }
        gateway.given(CarrierRecovered { carrier_id: carrier("gsm") }.into());
        gateway
    }

    fn given(&mut self, event: Event) {
        self.state.apply(&event, self.now);
        self.facts.push((event, self.now));
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now.plus(Millis(seconds * 1_000));
    }

    fn choose(&self) -> CarrierChosen {
        let number = self.calls + 1;
        self.state.choose_carrier(call(number), leg(number), self.now, 7)
    }

    fn vetoes(&self) -> Vec<String> {
        let candidates = self.state.carriers()[&carrier("gsm")].sims.candidates(self.now);
        let veto = |it: SimCandidate| it.veto.map_or_else(String::new, |veto| veto.0);
        candidates.into_iter().map(veto).collect()
    }

    /// Begins a call and says over which SIM.
    fn begin(&mut self) -> Option<String> {
        let chosen = self.choose();
        self.calls += 1;
        let id = Uuid::from_u128(self.calls);
        let started = AttemptStarted {
            call_id: call(self.calls),
            campaign_id: campaign(),
            lead_id: LeadId(id),
            subject_id: SubjectId(id),
            attempt_number: 1,
        };
        self.given(started.into());
        let sim_id = chosen.sim.as_ref().map(ToString::to_string);
        let is_any = chosen.chosen.is_some();
        self.given(chosen.into());
        if is_any {
            let (call_id, leg_id) = (call(self.calls), leg(self.calls));
            let kind = LegKind::Customer(carrier("gsm"));
            self.given(LegStarted { call_id, leg_id, kind }.into());
            assert_eq!(self.state.sim_of(leg_id).map(ToString::to_string), sim_id);
        }
        sim_id
    }

    fn end(&mut self, number: u128, sip_status: Option<u16>, failure: Option<&str>) {
        self.given(carriers::end("gsm", number, sip_status, failure));
    }

    /// A call that is talked in for so long.
    fn talk(&mut self, seconds: u64) -> Option<String> {
        let sim_id = self.begin()?;
        self.given(carriers::answers(self.calls));
        self.wait(seconds);
        self.end(self.calls, Some(200), None);
        Some(sim_id)
    }
}

#[test]
fn the_least_used_share_takes_the_call() {
    let big = SimCardAdded { calls_per_day: Some(8), rest_ms: Millis(0), ..card("big") };
    let small = SimCardAdded { rest_ms: Millis(0), ..card("small") };
    let mut gateway = Gateway::new([big, small]);
    let order: Vec<_> = (0..6).map(|_| gateway.talk(1).expect("a SIM")).collect();
    assert_eq!(order, ["big", "small", "big", "big", "small", "big"]);
}

#[test]
fn a_sim_has_one_call_at_a_time_and_rests_after_it() {
    let mut gateway = Gateway::new([card("a"), card("b")]);
    assert_eq!(gateway.begin().as_deref(), Some("a"));
    assert_eq!(gateway.begin().as_deref(), Some("b"));
    assert_eq!(gateway.vetoes(), ["in_use", "in_use"]);
    let refused = gateway.choose();
    let veto = refused.candidates[0].veto.as_ref().map(|veto| veto.0.as_str());
    assert_eq!((veto, refused.sim), (Some("no_sim"), None));
    gateway.end(1, Some(486), None);
    assert_eq!(gateway.vetoes(), ["resting", "in_use"]);
    gateway.wait(20);
    assert_eq!(gateway.vetoes(), ["", "in_use"]);
}

#[test]
fn daily_caps_hold_until_midnight_of_the_sim() {
    let shanghai = "+08:00".parse().expect("an offset");
    let card = SimCardAdded { utc_offset: shanghai, rest_ms: Millis(0), ..card("a") };
    let mut gateway = Gateway::new([card.clone()]);
    for _ in 0..4 {
        assert!(gateway.talk(10).is_some());
    }
    assert_eq!(gateway.vetoes(), ["daily_calls"]);
    let midnight = NOON.plus(Millis(4 * 3_600_000));
    let free = gateway.state.carriers()[&carrier("gsm")].sims.free_from(gateway.now);
    assert_eq!(free, Some(midnight), "noon in UTC is eight in the evening there");
    gateway.now = midnight;
    assert_eq!(gateway.vetoes(), [""]);

    let mut gateway = Gateway::new([card]);
    gateway.talk(599);
    assert_eq!(gateway.vetoes(), [""]);
    gateway.talk(1);
    assert_eq!(gateway.vetoes(), ["daily_seconds"]);
}

/// The state is killed; the log is not.
#[test]
fn caps_survive_a_restart() {
    let cards = [card("a"), SimCardAdded { calls_per_day: Some(2), ..card("b") }];
    let mut gateway = Gateway::new(cards.clone());
    for _ in 0..3 {
        gateway.talk(200);
        gateway.wait(20);
    }
    gateway.begin();
    let before = gateway.vetoes();
    let mut again = Dialing::default();
    for (fact, at) in &gateway.facts {
        again.apply(fact, *at);
    }
    assert_eq!(again, gateway.state);
    // A restart tells carriers and SIMs anew; one is not configured any more.
    gateway.state = again;
    gateway.given(added("gsm", 1, 8));
    let [kept, _] = cards;
    gateway.given(kept.into());
    assert_eq!(gateway.vetoes(), [before[0].clone(), "not_configured".to_owned()]);
    let calls: Vec<_> = gateway.state.carriers()[&carrier("gsm")]
        .sims
        .iter()
        .map(|(_, sim)| (sim.day_calls, sim.day_talk.0 / 1_000))
        .collect();
    assert_eq!(calls, [(2, 400), (2, 200)]);
}

#[test]
fn balance_and_signal_hold_a_sim_back() {
    let mut gateway = Gateway::new([card("a")]);
    let sampled = |balance_milli, signal_dbm| {
        let (carrier_id, sim_id) = (carrier("gsm"), sim("a"));
        Event::from(SimCardSampled { carrier_id, sim_id, balance_milli, signal_dbm })
    };
    assert_eq!(gateway.vetoes(), [""], "what nobody knows holds nothing back");
    gateway.given(sampled(Some(99_999), Some(-70)));
    assert_eq!(gateway.vetoes(), ["low_balance"]);
    gateway.given(sampled(Some(100_000), None));
    assert_eq!(gateway.vetoes(), [""]);
    gateway.given(sampled(None, Some(-101)));
    assert_eq!(gateway.vetoes(), ["no_signal"]);
}

#[test]
fn a_sim_that_fails_three_calls_rests_and_the_others_go_on() {
    let fast = SimCardAdded { rest_ms: Millis(0), calls_per_day: None, ..card("a") };
    let mut gateway = Gateway::new([fast]);
    for number in 1..=3 {
        assert_eq!(gateway.state.judge_sims(gateway.now), []);
        gateway.begin();
        gateway.end(number, Some(503), None);
    }
    let verdict = gateway.state.judge_sims(gateway.now);
    let until = gateway.now.plus(Millis(900_000));
    let [rested] = &verdict[..] else { panic!("{verdict:?}") };
    assert_eq!((rested.sim_id.as_str(), rested.until), ("a", until));
    gateway.given(rested.clone().into());
    assert_eq!(gateway.state.judge_sims(gateway.now), []);
    assert_eq!(gateway.vetoes(), ["resting"]);
    gateway.wait(900);
    assert_eq!(gateway.vetoes(), [""]);
}
