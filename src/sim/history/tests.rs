use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::calendar::{CLOSE, OPEN, local_hour};
use super::world::market;
use super::*;
use crate::audit::Replay;
use crate::base::{CallId, LeadId, Millis};
use crate::event::{Disposition, Event, Portrait, Recorded};
use crate::event_log::{AllRead, Direction, LogOptions};
use crate::projection::live::LiveState;

/// 2026-09-07, a Monday.
const START: i64 = 1_788_739_200_000_000;

fn options(seed: u64, days: u32, calls: u64) -> HistoryOptions {
    HistoryOptions {
        days,
        calls,
        seed,
        start: Timestamp::from_micros(START),
        campaigns: 4,
        agents: 6,
        carriers: 3,
        late: Ppm(20_000),
        duplicates: Ppm(10_000),
        outcomes: Outcomes::shipped().expect("a good table"),
    }
}

/// Makes a history and reads it back.
fn made(options: &HistoryOptions) -> (HistoryReport, Vec<Recorded>) {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(VirtualClock::at(Timestamp::EPOCH));
    let opened = EmbeddedLog::open(
        folder.path().join("log").as_path(),
        LogOptions::default(),
        clock.clone(),
    );
    let (log, _) = opened.expect("open the log");
    let mut keys = Rng::from_seed(options.seed).fork("keys");
    let keys = &mut |buffer: &mut [u8]| keys.fill(buffer);
    let mut vault = Vault::open(&folder.path().join("keys"), keys).expect("keys");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let made = simulate(&log, &clock, &mut vault, options, &mut |_| {}).await;
        let report = made.expect("a history");
        let mut events: Vec<Recorded> = Vec::new();
        loop {
            let next = AllRead::Position(events.len() as u64);
            let chunk = log.read_all(next, Direction::Forwards, 4_096).await.expect("read");
            if chunk.is_empty() {
                break;
            }
            events.extend(chunk);
        }
        log.close().await;
        (report, events)
    })
}

/// Every byte of every event, in order.
fn hash(events: &[Recorded]) -> blake3::Hash {
    let mut hash = blake3::Hasher::new();
    for event in events {
        hash.update(format!("{event:?}").as_bytes());
    }
    hash.finalize()
}

/// Facts with their envelopes.
fn facts(events: &[Recorded]) -> impl Iterator<Item = (&Recorded, Event)> {
    events.iter().map(|recorded| (recorded, recorded.event().expect("a known fact")))
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let (report, first) = made(&options(7, 1, 150));
    let (_, second) = made(&options(7, 1, 150));
    assert_eq!(hash(&first), hash(&second));
    assert_eq!((report.calls, report.events), (150, first.len() as u64));
    let (_, other) = made(&options(8, 1, 150));
    assert_ne!(hash(&first), hash(&other));
}

#[test]
fn an_audit_agrees_and_every_fold_is_at_rest_at_the_end() {
    let (report, events) = made(&options(3, 3, 2_000));
    let mut replay = Replay::default();
    for recorded in &events {
        replay.collect(recorded).expect("no decision knows the future");
    }
    for recorded in &events {
        replay.step(recorded).expect("in order");
    }
    let found = replay.report();
    assert_eq!(found.disagreements, []);
    for decision in ["DialDecided", "ComplianceChecked", "CarrierChosen", "HandlerChosen"] {
        assert!(found.decisions[decision] > 500, "{found:?}");
    }
    let mut live = LiveState::default();
    for recorded in &events {
        live.apply(recorded).expect("in order");
    }
    assert_eq!(live.unreadable, 0);
    assert!(live.dialing.open_attempts().is_empty());
    assert!(live.dialing.carriers().values().all(|carrier| carrier.channels_in_use == 0));
    let attempts: u64 = live.dialing.campaigns().values().map(|campaign| campaign.attempts).sum();
    assert_eq!((attempts, report.calls), (2_000, 2_000));
    calls_are_whole(&events);
    people_behave(&report, &events);
    hours_and_regions_are_as_planned(&events);
}

/// Each attempt begins once and ends once, after its legs; an answer has a verdict on who talks.
fn calls_are_whole(events: &[Recorded]) {
    let mut open = BTreeMap::new();
    let mut over = BTreeSet::new();
    let mut legs = BTreeSet::new();
    for (_, event) in facts(events) {
        match event {
            Event::AttemptStarted(fact) => {
                assert_eq!(open.insert(fact.call_id, fact.lead_id), None);
            }
            Event::LegStarted(fact) => assert!(legs.insert(fact.leg_id)),
            Event::LegEnded(fact) => assert!(legs.remove(&fact.leg_id)),
            Event::AttemptEnded(fact) => {
                assert_eq!(open.remove(&fact.call_id), Some(fact.lead_id));
                assert!(over.insert(fact.call_id));
            }
            _ => {}
        }
    }
    assert!(open.is_empty() && legs.is_empty());
    assert_eq!(over.len(), 2_000);
}

/// Every kind of thing happens that a report asks for.
fn people_behave(report: &HistoryReport, events: &[Recorded]) {
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let mut count = |what: String| *seen.entry(what).or_default() += 1;
    for (_, event) in facts(events) {
        count(event.name().to_owned());
        match event {
            Event::AttemptEnded(fact) => count(fact.disposition.as_str().to_owned()),
            Event::IntentTagged(fact) => {
                count(format!("intent {}", fact.intent));
                if let Some(objection) = fact.objection {
                    count(format!("objection {objection}"));
                }
            }
            Event::AgentStateChanged(fact) => count(format!("agent {}", fact.to.as_str())),
            Event::CampaignCreated(fact) => count(format!("language {}", fact.language)),
            Event::CommitmentMade(fact) => count(format!("commitment {}", fact.kind)),
            Event::IntentionLevelSet(fact) => count(format!("level {}", fact.level.as_str())),
            _ => {}
        }
    }
    for what in [
        "CarrierFailed",
        "CarrierRecovered",
        "CallBridged",
        "LineSampled",
        "LeadRowRejected",
        "TransferRequested",
        "DoNotCallAdded",
        "MessageSent",
        "MessageDelivered",
        "MessageFailed",
        "MessageReceived",
        "CampaignPaused",
        "CampaignResumed",
        "AgentSignedOut",
        "answered_human",
        "answered_machine",
        "no_answer",
        "busy",
        "rejected",
        "switched_off",
        "invalid_number",
        "intent interested",
        "intent ask_price",
        "intent callback_later",
        "intent wrong_person",
        "intent opt_out",
        "objection price",
        "objection need",
        "objection time",
        "agent break",
        "agent wrap_up",
        "language en",
        "language zh",
        "commitment appointment",
        "commitment sale",
        "level A",
        "level B",
        "level C",
        "level D",
        "level E",
        "level X",
    ] {
        assert!(seen.get(what).is_some_and(|many| *many > 0), "no {what} in {seen:?}");
    }
    assert_eq!(report.contacts, seen["answered_human"]);
    let share = report.contacts * 100 / report.calls;
    assert!((22..42).contains(&share), "{share} % answered by a person");
}

fn hours_and_regions_are_as_planned(events: &[Recorded]) {
    let mut homes = BTreeMap::new();
    let mut regions: BTreeMap<String, u64> = BTreeMap::new();
    let mut hours: BTreeMap<i64, u64> = BTreeMap::new();
    for (_, event) in facts(events) {
        match event {
            Event::CampaignCreated(fact) => {
                homes.insert(fact.campaign_id, market(homes.len()));
            }
            Event::LeadImported(fact) => {
                *regions.entry(fact.portrait["region"].clone()).or_default() += 1;
            }
            Event::DialDecided(fact) => {
                let hour = local_hour(fact.decided_at, homes[&fact.campaign_id]);
                *hours.entry(hour).or_default() += 1;
            }
            _ => {}
        }
    }
    let within: u64 = hours.range(OPEN..CLOSE).map(|(_, many)| *many).sum();
    assert!(within > 1_950, "dialled out of hours: {hours:?}");
    assert!(hours[&16] > hours[&12], "{hours:?}");
    assert!(hours[&11] > hours[&19], "{hours:?}");
    // Two Chinese campaigns share 643 parts of regions, of which these have 126 and 25.
    let (big, small) = (regions["广东"], regions["上海"]);
    assert!((3..=9).contains(&(big / small.max(1))), "{regions:?}");
}

#[test]
fn late_facts_keep_their_moment_and_repeated_ones_their_words() {
    let (report, events) = made(&options(5, 2, 800));
    let (on_time, late_at_least) = (Millis(60_000), Millis(300_000));
    let mut late = 0;
    let mut seen: BTreeMap<(String, String, Vec<u8>, Timestamp), u64> = BTreeMap::new();
    for (recorded, event) in facts(&events) {
        let waited = recorded.recorded_at.since(recorded.occurred_at);
        let data = recorded.data.to_vec();
        let stream = recorded.stream.to_string();
        let again =
            seen.entry((stream, event.name().to_owned(), data, recorded.occurred_at)).or_default();
        *again += 1;
        if waited >= late_at_least && *again == 1 {
            late += 1;
        } else {
            assert!(*again > 1 || waited <= on_time, "{event:?} waited {waited}");
        }
    }
    let twice: u64 = seen.values().map(|times| times - 1).sum();
    assert_eq!((late, twice), (report.late, report.duplicates));
    assert!(late > 0 && twice > 0, "{report:?}");
    // Of 800 calls, 20,000 of a million are cut off, half of whom anybody answers.
    assert!(late < 800, "{report:?}");
    let ids: BTreeSet<_> = events.iter().map(|recorded| recorded.event_id).collect();
    assert_eq!(ids.len(), events.len());
}

/// Half the width of the 95 % interval of a share, times a factor. Units: parts per million.
fn interval(share: u32, of: u64, factor: f64) -> f64 {
    let share = f64::from(share) / 1e6;
    1.96 * factor * (share * (1.0 - share) / of as f64).sqrt() * 1e6
}

#[test]
fn whoever_is_drawn_buys_as_often_as_the_data_say() {
    let outcomes = Outcomes::shipped().expect("a good table");
    let mut rng = Rng::from_seed(11);
    let draws = 40_000;
    let mut inside = 0;
    for (number, stratum) in outcomes.strata().iter().enumerate() {
        let sold = (0..draws).filter(|_| outcomes.buys(number, &mut rng).1).count();
        let off = (sold as f64 * 1e6 / draws as f64 - f64::from(stratum.sale.0)).abs();
        assert!(off <= interval(stratum.sale.0, draws, 2.0), "{stratum:?}: {sold} of {draws}");
        inside += usize::from(off <= interval(stratum.sale.0, draws, 1.0));
    }
    assert!(inside * 100 >= outcomes.strata().len() * 88, "{inside} inside");
}

#[test]
fn strata_and_small_ones_lean_on_the_data() {
    let outcomes = Outcomes::shipped().expect("a good table");
    let find = |job: &str, outcome: &str, phone: &str| {
        let mut all = outcomes.strata().iter();
        all.find(|it| it.job == job && it.previous_outcome == outcome && it.contact_type == phone)
            .expect("a stratum")
    };
    let contacts: u64 = outcomes.strata().iter().map(|stratum| stratum.contacts).sum();
    assert_eq!(contacts, 32_950);
    // 389 of 4,541 are 8.57 %; fifty more contacts at 8.02 % move that by little.
    let admin = find("admin.", "nonexistent", "cellular");
    assert!((85_000..86_500).contains(&admin.sale.0), "{admin:?}");
    let success = find("admin.", "success", "cellular");
    assert!(success.sale > Ppm(250_000) && success.appointment > success.sale, "{success:?}");
    assert_eq!(
        Outcomes::parse("head\na,b,c,1,2\n").map_err(|error| error.to_string()),
        Err("outcomes.csv:2: more sales than contacts; wanted job,previous_outcome,contact_type,contacts,sales".to_owned())
    );
}

/// Contacts with the right person, meetings and sales, by kind of phone.
fn conversion(events: &[Recorded]) -> BTreeMap<String, [u64; 3]> {
    let mut portraits: BTreeMap<LeadId, Portrait> = BTreeMap::new();
    let mut wrong: BTreeSet<CallId> = BTreeSet::new();
    let mut contacts: BTreeMap<CallId, LeadId> = BTreeMap::new();
    let mut made: BTreeSet<(CallId, String)> = BTreeSet::new();
    for (_, event) in facts(events) {
        match event {
            Event::LeadImported(fact) => {
                portraits.insert(fact.lead_id, fact.portrait);
            }
            Event::IntentTagged(fact) if fact.intent == "wrong_person" => {
                wrong.insert(fact.call_id);
            }
            Event::AttemptEnded(fact)
                if fact.disposition == Disposition::AnsweredHuman && fact.level.is_some() =>
            {
                contacts.insert(fact.call_id, fact.lead_id);
            }
            Event::CommitmentMade(fact) => {
                made.insert((fact.call_id, fact.kind));
            }
            _ => {}
        }
    }
    let mut found: BTreeMap<String, [u64; 3]> = BTreeMap::new();
    for (call_id, lead_id) in contacts.iter().filter(|(call_id, _)| !wrong.contains(call_id)) {
        let counts = found.entry(portraits[lead_id]["contact_type"].clone()).or_default();
        counts[0] += 1;
        counts[1] += u64::from(made.contains(&(*call_id, "appointment".to_owned())));
        counts[2] += u64::from(made.contains(&(*call_id, "sale".to_owned())));
    }
    found
}

#[test]
fn conversion_in_the_log_is_that_of_the_data() {
    let (_, events) = made(&options(2, 2, 5_000));
    let outcomes = Outcomes::shipped().expect("a good table");
    let found = conversion(&events);
    assert_eq!(found.len(), 2, "{found:?}");
    for (phone, [contacts, meetings, sales]) in found {
        let alike = || outcomes.strata().iter().filter(|it| it.contact_type == phone);
        let all: u64 = alike().map(|it| it.contacts).sum();
        let mean = |share: fn(&Stratum) -> Ppm| -> u32 {
            let sum: u64 = alike().map(|it| it.contacts * u64::from(share(it).0)).sum();
            u32::try_from(sum / all).expect("a share")
        };
        for (what, counted, wanted) in [
            ("sales", sales, mean(|it| it.sale)),
            ("meetings", meetings, mean(|it| it.appointment)),
        ] {
            let off = (counted as f64 * 1e6 / contacts as f64 - f64::from(wanted)).abs();
            let allowed = interval(wanted, contacts, 1.0);
            assert!(off <= allowed, "{phone}: {counted} {what} of {contacts}, wanted {wanted} ppm");
        }
    }
}

#[test]
fn a_log_that_has_events_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(VirtualClock::at(Timestamp::EPOCH));
    let opened = EmbeddedLog::open(
        folder.path().join("log").as_path(),
        LogOptions::default(),
        clock.clone(),
    );
    let (log, _) = opened.expect("open the log");
    let mut rng = Rng::from_seed(1);
    let keys = &mut |buffer: &mut [u8]| rng.fill(buffer);
    let mut vault = Vault::open(&folder.path().join("keys"), keys).expect("keys");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let small = HistoryOptions { campaigns: 1, agents: 0, carriers: 1, ..options(1, 1, 5) };
        let first = simulate(&log, &clock, &mut vault, &small, &mut |_| {}).await;
        assert_eq!(first.expect("an empty log").calls, 5);
        let second = simulate(&log, &clock, &mut vault, &small, &mut |_| {}).await;
        assert!(matches!(second, Err(HistoryError::NotEmpty(_))), "{second:?}");
        let none = HistoryOptions { calls: 0, ..small };
        assert!(matches!(check(&none), Err(HistoryError::Options(_))));
        log.close().await;
    });
}

mod sealing;
