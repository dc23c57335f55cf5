//! Histories for tests: hand-made or drawn from a seed, and a log that holds them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use crate::base::*;
use crate::event::*;
use crate::event_log::{EmbeddedLog, EventLog as _, LogOptions};

/// 2026-11-21T09:00:00Z.
pub(crate) const START: i64 = 1_795_251_600_000_000;

/// A fact and when it happens, in ms after [`START`].
pub(crate) type Dated = (u64, Event);

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(START)
    }
}

pub(crate) fn moment(after_ms: u64) -> Timestamp {
    Timestamp::from_micros(START).plus(Millis(after_ms))
}

/// Appends facts to the log below a data folder, in the given order.
pub(crate) async fn append(data_dir: &Path, facts: &[Dated]) {
    let folder = data_dir.join("log");
    let (log, report) =
        EmbeddedLog::open(&folder, LogOptions::default(), Arc::new(Still)).expect("open the log");
    let events = facts.iter().zip(report.events..).map(|((at, event), position)| {
        let at = moment(*at);
        let id = EventId::generate(at, &mut Rng::from_seed(position));
        NewEvent::of(event, id, at, Actor::part("test"))
    });
    let events: Vec<NewEvent> = events.collect();
    if !events.is_empty() {
        let stream = StreamName::of("test", &1);
        log.append(stream, ExpectedRevision::Any, events).await.expect("append");
    }
    log.close().await;
}

pub(crate) fn campaign_id(name: &str) -> CampaignId {
    CampaignId::new(name).expect("a slug")
}

fn agent_id(name: &str) -> AgentId {
    AgentId::new(name).expect("a slug")
}

fn carrier_id(name: &str) -> CarrierId {
    CarrierId::new(name).expect("a slug")
}

fn uuid(kind: u128, number: u64) -> Uuid {
    Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0000 + (kind << 32) + u128::from(number))
}

/// A campaign of so many leads over two days, drawn from a seed: two carriers, of which one
/// fails for a while, two agents, and every kind of ending.
pub(crate) fn campaign(seed: u64, leads: u64) -> Vec<Dated> {
    let mut rng = Rng::from_seed(seed);
    let mut facts = beginning();
    for lead in 0..leads {
        facts.push((1_000, lead_imported(lead, &mut rng)));
    }
    let span = 30 * 3_600_000;
    for lead in 0..leads {
        let at = 10_000 + lead * span / leads.max(1);
        attempt(&mut facts, &mut rng, lead, 1, at);
        if rng.chance(Ppm(300_000)) {
            let again = at + rng.between(600_000, 4 * 3_600_000);
            attempt(&mut facts, &mut rng, lead, 2, again);
        }
    }
    shifts(&mut facts, &mut rng);
    messages(&mut facts);
    facts.sort_by_key(|(at, _)| *at);
    facts
}

fn beginning() -> Vec<Dated> {
    let created = examples().into_iter().find(|event| event.name() == "CampaignCreated");
    let carrier = |name, weight| CarrierAdded {
        carrier_id: carrier_id(name),
        weight,
        channels: 20,
        calls_per_second: None,
    };
    let agent = |name: &str, skill| AgentSignedIn {
        agent_id: agent_id(name),
        skill_ppm: Ppm(skill),
        phone: format!("sip:{name}@127.0.0.1:5074"),
    };
    let down = CarrierFailed { carrier_id: carrier_id("south"), reason: "sip_503".to_owned() };
    vec![
        (0, created.expect("an example")),
        (0, carrier("north", 2).into()),
        (0, carrier("south", 1).into()),
        (1, agent("alex", 700_000).into()),
        (1, agent("bo", 500_000).into()),
        (2_000, CampaignStarted { campaign_id: campaign_id("demo") }.into()),
        (3_700_000, down.into()),
        (9_000_000, CarrierRecovered { carrier_id: carrier_id("south") }.into()),
    ]
}

fn lead_imported(lead: u64, rng: &mut Rng) -> Event {
    let job = ["admin", "services", "technician"][rng.below(3) as usize];
    LeadImported {
        lead_id: LeadId(uuid(1, lead)),
        campaign_id: campaign_id("demo"),
        subject_id: SubjectId(uuid(2, lead)),
        phone_hash: format!("{lead:064x}"),
        list_order: lead + 1,
        file_hash: "ab".repeat(32),
        line: lead + 2,
        portrait: BTreeMap::from([
            ("age".to_owned(), rng.between(20, 70).to_string()),
            ("job".to_owned(), job.to_owned()),
            ("region".to_owned(), ["North", "South"][lead as usize % 2].to_owned()),
            ("industry".to_owned(), ["retail", "health", "catering"][lead as usize % 3].to_owned()),
        ]),
        value_ppm: rng.below(1_000_000) as u32,
        list_id: None,
    }
    .into()
}

fn attempt(facts: &mut Vec<Dated>, rng: &mut Rng, lead: u64, number: u32, at: u64) {
    let call_id = CallId(uuid(3, lead * 10 + u64::from(number)));
    let leg_id = LegId(uuid(4, lead * 10 + u64::from(number)));
    let (lead_id, subject_id) = (LeadId(uuid(1, lead)), SubjectId(uuid(2, lead)));
    let campaign_id = campaign_id("demo");
    let carrier = carrier_id(["north", "south"][rng.below(2) as usize]);
    let kind = LegKind::Customer(carrier);
    let rules =
        vec![RuleOutcome { rule_id: "dnc.internal".to_owned(), rule_version: 1, is_allowed: true }];
    let checked = ComplianceChecked { call_id, lead_id, subject_id, position: 1, rules };
    facts.push((at, checked.into()));
    let started = AttemptStarted {
        call_id,
        campaign_id: campaign_id.clone(),
        lead_id,
        subject_id,
        attempt_number: number,
    };
    facts.push((at, started.into()));
    facts.push((at + 5, LegStarted { call_id, leg_id, kind: kind.clone() }.into()));
    let rings = Millis(rng.between(20, 900));
    let progressed = LegProgressed { call_id, leg_id, sip_status: 180, after_ms: rings };
    facts.push((at + rings.0, progressed.into()));
    let ring = rng.between(1_000, 20_000);
    let is_answered = rng.chance(Ppm(550_000));
    let disposition = match (is_answered, rng.below(4)) {
        (true, 0) => Disposition::AnsweredMachine,
        (true, _) => Disposition::AnsweredHuman,
        (false, 0) => Disposition::Busy,
        (false, 1) => Disposition::CarrierFailed,
        (false, _) => Disposition::NoAnswer,
    };
    let mut ended_at = at + ring;
    let mut level = None;
    if is_answered {
        let codec = "PCMU".to_owned();
        let after_ms = Millis(ring);
        facts.push((at + ring, LegAnswered { call_id, leg_id, after_ms, codec }.into()));
        let ring_ms = Millis(ring);
        let answered = CallAnswered { call_id, campaign_id: campaign_id.clone(), leg_id, ring_ms };
        facts.push((at + ring, answered.into()));
        ended_at = at + ring + 3_000;
        if disposition == Disposition::AnsweredHuman {
            let fresh =
                [IntentionLevel::A, IntentionLevel::B, IntentionLevel::D][rng.below(3) as usize];
            level = Some(fresh);
            ended_at = talk(facts, rng, call_id, (lead_id, subject_id), fresh, at + ring);
        }
    }
    let talk_ms = Millis(if is_answered { ended_at - at - ring } else { 0 });
    let leg = (leg_id, kind);
    let ended = AttemptEnded {
        call_id,
        campaign_id,
        lead_id,
        subject_id,
        attempt_number: number,
        disposition,
        sip_status: None,
        q850_cause: None,
        talk_ms,
        level,
        reason: None,
    };
    ending(facts, leg, ended, ended_at);
}

fn ending(facts: &mut Vec<Dated>, leg: (LegId, LegKind), attempt: AttemptEnded, at: u64) {
    let (sip_status, q850_cause) = match attempt.disposition {
        Disposition::Busy => (486, 17),
        Disposition::NoAnswer => (487, 19),
        Disposition::CarrierFailed => (503, 41),
        _ => (200, 16),
    };
    let ended = LegEnded {
        call_id: attempt.call_id,
        leg_id: leg.0,
        kind: leg.1,
        sip_status: Some(sip_status),
        q850_cause: Some(q850_cause),
        failure: None,
        hung_up_by: attempt.disposition.is_answered().then_some(HangUpParty::Customer),
        packets_sent: 100,
        packets_received: 98,
        packets_lost: 2,
        jitter_us: 300,
        round_trip_ms: Some(Millis(80)),
        r_milli: Some(62_300),
        mos_milli: Some(3_218),
    };
    facts.push((at, ended.into()));
    let (sip_status, q850_cause) = (Some(sip_status), Some(q850_cause));
    facts.push((at, AttemptEnded { sip_status, q850_cause, ..attempt }.into()));
}

fn talk(
    facts: &mut Vec<Dated>,
    rng: &mut Rng,
    call_id: CallId,
    (lead_id, subject_id): (LeadId, SubjectId),
    level: IntentionLevel,
    at: u64,
) -> u64 {
    let stages = ["hook", "offer", "close"];
    let mut now = at + 500;
    for (turn, stage) in stages.iter().enumerate() {
        let turn = turn as u32 * 2;
        let (node, stage) = ((*stage).to_owned(), (*stage).to_owned());
        let played_ms = Millis(rng.between(800, 9_000));
        now += played_ms.0;
        let text = "Hello.".to_owned();
        let is_completed = rng.chance(Ppm(800_000));
        let spoken =
            TurnSpoken { call_id, turn, node: node.clone(), stage, text, played_ms, is_completed };
        facts.push((now, spoken.into()));
        let reaction = rng.between(200, 2_000);
        now += reaction;
        let heard = TurnHeard {
            call_id,
            turn: turn + 1,
            node,
            kind: HeardKind::Key,
            digits: Some("1".to_owned()),
            speech_ms: None,
            reaction_ms: Some(Millis(reaction)),
        };
        facts.push((now, heard.into()));
        let objection = rng.chance(Ppm(400_000)).then(|| "price".to_owned());
        let tagged = IntentTagged {
            call_id,
            turn: turn + 1,
            intent: if objection.is_some() { "objects" } else { "interested" }.to_owned(),
            objection,
            confidence_ppm: Ppm::ONE,
            source: "key".to_owned(),
            model_version: None,
        };
        facts.push((now, tagged.into()));
    }
    let campaign_id = campaign_id("demo");
    if level == IntentionLevel::A {
        let kind = "appointment".to_owned();
        let made_with = "robot".to_owned();
        let made = CommitmentMade {
            call_id,
            campaign_id: campaign_id.clone(),
            lead_id,
            kind,
            made_with,
            amount_minor: None,
            currency: None,
        };
        facts.push((now, made.into()));
    }
    if level == IntentionLevel::D && rng.chance(Ppm(300_000)) {
        facts.push((now, OptOutHeard { call_id, subject_id, turn: Some(5) }.into()));
    }
    let rule_id = "level.asked".to_owned();
    let set =
        IntentionLevelSet { call_id, campaign_id: campaign_id.clone(), lead_id, level, rule_id };
    facts.push((now, set.into()));
    let ended = CallEnded {
        call_id,
        campaign_id,
        handler: Some(Handler::Robot),
        talk_ms: Millis(now - at),
        hung_up_by: HangUpParty::Customer,
        stage: Some("close".to_owned()),
    };
    facts.push((now, ended.into()));
    now
}

fn shifts(facts: &mut Vec<Dated>, rng: &mut Rng) {
    let order =
        [AgentState::Available, AgentState::Ringing, AgentState::Talking, AgentState::WrapUp];
    for name in ["alex", "bo"] {
        let mut now = 5_000;
        for step in 0..40 {
            now += rng.between(30_000, 3_000_000);
            let changed = AgentStateChanged {
                agent_id: agent_id(name),
                from: order[step % 4],
                to: order[(step + 1) % 4],
                call_id: None,
                reason: None,
            };
            facts.push((now, changed.into()));
        }
        facts.push((now + 1, AgentSignedOut { agent_id: agent_id(name) }.into()));
    }
}

/// Who agreed is written to; every other one writes back, and one in seven does not get it.
fn messages(facts: &mut Vec<Dated>) {
    let agreed = facts.iter().filter_map(|(at, event)| match event {
        Event::CommitmentMade(fact) => Some((*at, fact.call_id, fact.lead_id)),
        _ => None,
    });
    for (number, (at, call_id, lead_id)) in agreed.collect::<Vec<_>>().into_iter().enumerate() {
        let number = number as u64;
        let (message_id, at) = (MessageId(uuid(5, number)), at + 20_000);
        let subject_id = SubjectId(uuid(2, lead_id.0.as_u128() as u64 & 0xffff_ffff));
        let (campaign_id, call_id, lead_id) =
            (Some(campaign_id("demo")), Some(call_id), Some(lead_id));
        let channel = [MessageChannel::Sms, MessageChannel::Email][number as usize % 2];
        let sent = MessageSent {
            message_id,
            channel,
            subject_id,
            campaign_id: campaign_id.clone(),
            lead_id,
            call_id,
            in_reply_to: None,
            template_id: Some("appointment_details".to_owned()),
            language: Some("en".to_owned()),
            units: 1,
            ciphertext: None,
        };
        facts.push((at, sent.into()));
        if number % 7 == 6 {
            let reason = "unreachable".to_owned();
            let failed =
                MessageFailed { message_id, subject_id, call_id, reason, provider_code: None };
            facts.push((at + 9_000, failed.into()));
            continue;
        }
        let after_ms = Millis(1_000 + number * 300);
        let delivered = MessageDelivered { message_id, subject_id, call_id, after_ms };
        facts.push((at + after_ms.0, delivered.into()));
        if number.is_multiple_of(2) {
            let received = MessageReceived {
                message_id: MessageId(uuid(6, number)),
                channel,
                subject_id,
                campaign_id,
                lead_id,
                call_id,
                in_reply_to: Some(message_id),
                intent: Some(
                    if number.is_multiple_of(4) { "affirm" } else { "callback_later" }.to_owned(),
                ),
                intent_source: Some("keyword".to_owned()),
                units: 1,
                ciphertext: None,
            };
            facts.push((at + 90_000, received.into()));
        }
    }
}
