//! One example of every fact: what the golden records and `docs/events.md` are made from.

mod recording;
mod transfers;

use std::collections::BTreeMap;

use uuid::Uuid;

use super::*;
use crate::base::{
    AgentId, CallId, CampaignId, CarrierId, LeadId, LegId, MessageId, Millis, Ppm, ReportPlanId,
    ScriptId, SimId, SubjectId, Timestamp, UtcOffset,
};

const CALL: CallId = CallId(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0001));
const LEG: LegId = LegId(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0002));
const AGENT_LEG: LegId = LegId(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0003));
const LEAD: LeadId = LeadId(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0004));
const SUBJECT: SubjectId = SubjectId(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0005));
const MESSAGE: MessageId = MessageId(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0006));
const ANSWER: MessageId = MessageId(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0007));
const AT: Timestamp = Timestamp::from_micros(1_795_244_400_000_000);
const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

#[expect(clippy::expect_used, reason = "the slugs below are constants")]
fn slug<T: TryFrom<String, Error = crate::base::IdError>>(text: &str) -> T {
    T::try_from(text.to_owned()).expect("the slugs below are constants")
}

fn campaign() -> CampaignId {
    slug("demo")
}

fn carrier() -> CarrierId {
    slug("north")
}

fn agent() -> AgentId {
    slug("alex")
}

fn rule(is_allowed: bool) -> RuleOutcome {
    RuleOutcome { rule_id: "dnc.internal".to_owned(), rule_version: 1, is_allowed }
}

/// One of each, in the catalogue's order.
pub fn examples() -> Vec<Event> {
    let mut all = platform_and_campaign();
    all.extend(lists());
    all.extend(numbers_and_costs());
    all.extend(decisions());
    all.extend(legs());
    all.extend(conversation());
    all.extend(endings());
    all.extend(agents_and_carriers());
    all.extend(sims());
    all.extend(reports());
    all.extend(messages());
    all.extend(recording::recordings());
    all.extend(transfers::transfers());
    all.sort_by_key(|event| CATALOG.iter().position(|entry| entry.name == event.name()));
    all
}

fn platform_and_campaign() -> Vec<Event> {
    let campaign_id = campaign();
    vec![
        PlatformStarted {
            node: "node-1".to_owned(),
            program_version: "0.1.0".to_owned(),
            torn_tail_bytes: 0,
            interrupted_attempts: 0,
        }
        .into(),
        PlatformStopped { node: "node-1".to_owned(), up_ms: Millis(60_000) }.into(),
        ConfigurationLoaded { hash: HASH.to_owned(), settings: "{}".to_owned() }.into(),
        CampaignCreated {
            campaign_id: campaign_id.clone(),
            name: "Business loan".to_owned(),
            script_id: slug::<ScriptId>("business-loan-en"),
            script_hash: HASH.to_owned(),
            language: "en".to_owned(),
            settings: CampaignSettings {
                mode: DialingMode::Progressive,
                robot_channels: 4,
                ring_timeout_ms: Millis(20_000),
                retry: RetryRule {
                    max_attempts: 2,
                    busy_after_ms: Millis(60_000),
                    no_answer_after_ms: Millis(120_000),
                    carrier_failed_after_ms: Millis(30_000),
                },
                weights: RoutingWeights::default(),
                seed: 42,
            },
        }
        .into(),
        CampaignStarted { campaign_id: campaign_id.clone() }.into(),
        CampaignPaused { campaign_id: campaign_id.clone(), reason: "operator".to_owned() }.into(),
        CampaignResumed { campaign_id: campaign_id.clone() }.into(),
        CampaignCompleted { campaign_id, leads: 60, attempts: 71 }.into(),
    ]
}

fn lists() -> Vec<Event> {
    vec![
        LeadsImported {
            campaign_id: campaign(),
            file: "leads.csv".to_owned(),
            file_hash: HASH.to_owned(),
            accepted: 60,
            rejected: 1,
            duplicates: 0,
            cost_milli: Some(270_000),
            currency: Some("USD".to_owned()),
        }
        .into(),
        LeadRowRejected {
            campaign_id: campaign(),
            file_hash: HASH.to_owned(),
            line: 7,
            column: "phone".to_owned(),
            reason: "does not start with +".to_owned(),
        }
        .into(),
        LeadOffered {
            campaign_id: campaign(),
            outcome: OfferOutcome::Rejected,
            lead_id: None,
            column: Some("phone".to_owned()),
            reason: Some("does not start with +".to_owned()),
        }
        .into(),
        SubjectRegistered {
            subject_id: SUBJECT,
            phone_hash: HASH.to_owned(),
            ciphertext: "00ff".to_owned(),
        }
        .into(),
        LeadImported {
            lead_id: LEAD,
            campaign_id: campaign(),
            subject_id: SUBJECT,
            phone_hash: HASH.to_owned(),
            list_order: 1,
            file_hash: HASH.to_owned(),
            line: 2,
            portrait: BTreeMap::from([("job".to_owned(), "services".to_owned())]),
            value_ppm: 400_000,
            list_id: Some("leads".to_owned()),
        }
        .into(),
    ]
}

fn numbers_and_costs() -> Vec<Event> {
    vec![
        CostBooked {
            campaign_id: campaign(),
            call_id: CALL,
            kind: CostKind::Line,
            payee: "north".to_owned(),
            amount_milli: 480,
            currency: "USD".to_owned(),
            incurred_at: AT,
        }
        .into(),
        DialRefused {
            lead_id: LEAD,
            campaign_id: campaign(),
            subject_id: SUBJECT,
            position: 120,
            rules: vec![rule(false)],
        }
        .into(),
        DoNotCallAdded {
            phone_hash: HASH.to_owned(),
            subject_id: Some(SUBJECT),
            source: "opt_out".to_owned(),
            call_id: Some(CALL),
        }
        .into(),
    ]
}

fn decisions() -> Vec<Event> {
    vec![
        DialDecided {
            call_id: CALL,
            campaign_id: campaign(),
            lead_id: LEAD,
            subject_id: SUBJECT,
            attempt_number: 1,
            position: 120,
            decided_at: AT,
            policy: "progressive-1".to_owned(),
            capacity: DialCapacity {
                free_robot_channels: 4,
                free_agents: 1,
                pending_dials: 0,
                free_line_channels: 20,
            },
            candidates: 60,
        }
        .into(),
        ComplianceChecked {
            call_id: CALL,
            lead_id: LEAD,
            subject_id: SUBJECT,
            position: 120,
            rules: vec![rule(true)],
        }
        .into(),
        CarrierChosen {
            call_id: CALL,
            leg_id: LEG,
            position: 123,
            decided_at: AT,
            policy: "swrr-1".to_owned(),
            candidates: vec![CarrierCandidate {
                carrier_id: carrier(),
                weight: 2,
                effective_weight: 2_000,
                credit: 0,
                channels_in_use: 0,
                veto: None,
            }],
            chosen: Some(carrier()),
            sims: vec![],
            sim: None,
        }
        .into(),
        HandlerChosen {
            call_id: CALL,
            purpose: RoutePurpose::Answer,
            position: 130,
            decided_at: AT,
            policy: "score-1".to_owned(),
            weights: RoutingWeights::default(),
            candidates: vec![HandlerCandidate {
                handler: Handler::Robot,
                terms: ScoreTerms {
                    customer_value: 600_000,
                    robot_fit: 500_000,
                    agent_skill: 400_000,
                    line_quality: 1_000_000,
                },
                score: 570_000,
                veto: None,
            }],
            seed: 42,
            chosen: Some(Handler::Robot),
        }
        .into(),
    ]
}

#[expect(clippy::too_many_lines, reason = "a list")]
fn legs() -> Vec<Event> {
    let kind = LegKind::Customer(carrier());
    vec![
        AttemptStarted {
            call_id: CALL,
            campaign_id: campaign(),
            lead_id: LEAD,
            subject_id: SUBJECT,
            attempt_number: 1,
        }
        .into(),
        LegStarted { call_id: CALL, leg_id: LEG, kind: kind.clone() }.into(),
        LegProgressed { call_id: CALL, leg_id: LEG, sip_status: 180, after_ms: Millis(40) }.into(),
        LegAnswered {
            call_id: CALL,
            leg_id: LEG,
            after_ms: Millis(2_400),
            codec: "PCMU".to_owned(),
        }
        .into(),
        LegEnded {
            call_id: CALL,
            leg_id: LEG,
            kind,
            sip_status: Some(200),
            q850_cause: Some(16),
            failure: None,
            hung_up_by: Some(HangUpParty::Customer),
            packets_sent: 900,
            packets_received: 890,
            packets_lost: 0,
            jitter_us: 120,
            round_trip_ms: Some(Millis(80)),
            r_milli: Some(93_206),
            mos_milli: Some(4_409),
        }
        .into(),
        LegQualitySampled {
            call_id: CALL,
            leg_id: LEG,
            span_ms: Millis(30_000),
            packets_received: 1_497,
            packets_lost: 3,
            jitter_us: 1_850,
            round_trip_ms: Some(Millis(80)),
            r_milli: Some(92_386),
            mos_milli: Some(4_396),
        }
        .into(),
        LegReleased { call_id: CALL, leg_id: LEG, sip_status: Some(200), after_ms: Millis(45) }
            .into(),
        CallAnswered {
            call_id: CALL,
            campaign_id: campaign(),
            leg_id: LEG,
            ring_ms: Millis(2_400),
        }
        .into(),
        AnswerClassified {
            call_id: CALL,
            verdict: AnswerVerdict::Human,
            confidence_ppm: Ppm(900_000),
            reason: "short_greeting".to_owned(),
            after_ms: Millis(1_800),
            greeting_ended_after_ms: Some(Millis(1_300)),
        }
        .into(),
        VoicemailLeft { call_id: CALL, played_ms: Millis(5_200), is_complete: true }.into(),
        AnswerReviewed {
            call_id: CALL,
            campaign_id: campaign(),
            answered_by: AnswerVerdict::Human,
            reviewed_by: "quality".to_owned(),
        }
        .into(),
        CallBridged {
            call_id: CALL,
            customer_leg_id: LEG,
            agent_leg_id: AGENT_LEG,
            handler: Handler::Agent(agent()),
            wait_ms: Millis(140),
        }
        .into(),
    ]
}

fn conversation() -> Vec<Event> {
    vec![
        TurnSpoken {
            call_id: CALL,
            turn: 0,
            node: "hook".to_owned(),
            stage: "hook".to_owned(),
            text: "Hello.".to_owned(),
            played_ms: Millis(900),
            is_completed: true,
        }
        .into(),
        TurnHeard {
            call_id: CALL,
            turn: 1,
            node: "hook".to_owned(),
            kind: HeardKind::Key,
            digits: Some("1".to_owned()),
            speech_ms: None,
            reaction_ms: Some(Millis(1_200)),
        }
        .into(),
        IntentTagged {
            call_id: CALL,
            turn: 1,
            intent: "interested".to_owned(),
            objection: None,
            confidence_ppm: Ppm::ONE,
            source: "key".to_owned(),
            model_version: Some("business-loan-en 1".to_owned()),
        }
        .into(),
        PartyIdentified {
            call_id: CALL,
            campaign_id: campaign(),
            lead_id: LEAD,
            is_right_party: true,
            source: "key".to_owned(),
        }
        .into(),
        TransferRequested { call_id: CALL, reason: "key".to_owned() }.into(),
        OptOutHeard { call_id: CALL, subject_id: SUBJECT, turn: Some(3) }.into(),
        CommitmentMade {
            call_id: CALL,
            campaign_id: campaign(),
            lead_id: LEAD,
            kind: "sale".to_owned(),
            made_with: "agent:alex".to_owned(),
            amount_minor: Some(120_000),
            currency: Some("USD".to_owned()),
        }
        .into(),
        IntentionLevelSet {
            call_id: CALL,
            campaign_id: campaign(),
            lead_id: LEAD,
            level: IntentionLevel::B,
            rule_id: "level.b.asked".to_owned(),
        }
        .into(),
    ]
}

fn endings() -> Vec<Event> {
    vec![
        CallEnded {
            call_id: CALL,
            campaign_id: campaign(),
            handler: Some(Handler::Robot),
            talk_ms: Millis(24_000),
            hung_up_by: HangUpParty::Customer,
            stage: Some("close".to_owned()),
        }
        .into(),
        AttemptEnded {
            call_id: CALL,
            campaign_id: campaign(),
            lead_id: LEAD,
            subject_id: SUBJECT,
            attempt_number: 1,
            disposition: Disposition::AnsweredHuman,
            sip_status: Some(200),
            q850_cause: Some(16),
            talk_ms: Millis(24_000),
            level: Some(IntentionLevel::B),
            reason: None,
        }
        .into(),
    ]
}

fn agents_and_carriers() -> Vec<Event> {
    vec![
        AgentSignedIn {
            agent_id: agent(),
            skill_ppm: Ppm(700_000),
            phone: "sip:alex@127.0.0.1:5074".to_owned(),
        }
        .into(),
        AgentStateChanged {
            agent_id: agent(),
            from: AgentState::Available,
            to: AgentState::Ringing,
            call_id: Some(CALL),
            reason: None,
        }
        .into(),
        AgentSignedOut { agent_id: agent() }.into(),
        PhoneRegistered {
            agent_id: agent(),
            phone: "127.0.0.1:5074".to_owned(),
            expires_ms: Millis(60_000),
        }
        .into(),
        PhoneUnregistered { agent_id: agent(), reason: "expired".to_owned() }.into(),
        CarrierAdded { carrier_id: carrier(), weight: 2, channels: 20, calls_per_second: Some(10) }
            .into(),
        CarrierFailed { carrier_id: carrier(), reason: "no_provisional".to_owned() }.into(),
        CarrierSuspended { carrier_id: carrier(), until: AT, reason: "retry_after".to_owned() }
            .into(),
        CarrierRecovered { carrier_id: carrier() }.into(),
        CarrierRegistered { carrier_id: carrier(), expires_ms: Millis(3_600_000) }.into(),
        CarrierRegistrationLost {
            carrier_id: carrier(),
            sip_status: Some(403),
            reason: "refused".to_owned(),
        }
        .into(),
        LineSampled { carrier_id: carrier(), channels_in_use: 3, channels: 20 }.into(),
    ]
}

fn sims() -> Vec<Event> {
    let (carrier_id, sim_id) = (carrier(), slug::<SimId>("sim-1"));
    vec![
        SimCardAdded {
            carrier_id: carrier_id.clone(),
            sim_id: sim_id.clone(),
            calls_per_day: Some(80),
            seconds_per_day: Some(6_000),
            rest_ms: Millis(20_000),
            balance_min_milli: Some(100_000),
            signal_min_dbm: Some(-100),
            utc_offset: UtcOffset::UTC,
        }
        .into(),
        SimCardSampled {
            carrier_id: carrier_id.clone(),
            sim_id: sim_id.clone(),
            balance_milli: Some(1_250_000),
            signal_dbm: Some(-71),
        }
        .into(),
        SimCardRested { carrier_id, sim_id, until: AT, reason: "failures".to_owned() }.into(),
    ]
}

fn reports() -> Vec<Event> {
    let plan: ReportPlanId = slug("daily");
    let (period, message_id) = (
        "2026-11-21".to_owned(),
        "<report.daily.2026-11-21.9f86d081884c7d65@example.com>".to_owned(),
    );
    vec![
        ReportMade {
            plan: plan.clone(),
            kind: ReportKind::Daily,
            period: period.clone(),
            from: AT,
            until: AT.plus(Millis(24 * 3_600_000)),
            as_of: Some(1_200),
            body_hash: HASH.to_owned(),
        }
        .into(),
        ReportSending {
            plan: plan.clone(),
            period: period.clone(),
            message_id: message_id.clone(),
            recipients: 2,
            body_hash: HASH.to_owned(),
        }
        .into(),
        ReportSent {
            plan: plan.clone(),
            period: period.clone(),
            message_id: message_id.clone(),
            reply_code: 250,
        }
        .into(),
        ReportSendFailed {
            plan: plan.clone(),
            period: period.clone(),
            message_id: message_id.clone(),
            reason: "recipient 2 of 2 was refused".to_owned(),
            reply_code: Some(550),
        }
        .into(),
        ReportSendUnknown {
            plan,
            period,
            message_id,
            reason: "the connection ended before the reply".to_owned(),
        }
        .into(),
    ]
}

fn messages() -> Vec<Event> {
    vec![
        MessageSent {
            message_id: MESSAGE,
            channel: MessageChannel::Sms,
            subject_id: SUBJECT,
            campaign_id: Some(campaign()),
            lead_id: Some(LEAD),
            call_id: Some(CALL),
            in_reply_to: None,
            template_id: Some("appointment_details".to_owned()),
            language: Some("en".to_owned()),
            units: 2,
            ciphertext: None,
        }
        .into(),
        MessageDelivered {
            message_id: MESSAGE,
            subject_id: SUBJECT,
            call_id: Some(CALL),
            after_ms: Millis(4_200),
        }
        .into(),
        MessageFailed {
            message_id: MESSAGE,
            subject_id: SUBJECT,
            call_id: Some(CALL),
            reason: "unreachable".to_owned(),
            provider_code: Some("30003".to_owned()),
        }
        .into(),
        MessageReceived {
            message_id: ANSWER,
            channel: MessageChannel::Sms,
            subject_id: SUBJECT,
            campaign_id: Some(campaign()),
            lead_id: Some(LEAD),
            call_id: Some(CALL),
            in_reply_to: Some(MESSAGE),
            intent: Some("opt_out".to_owned()),
            intent_source: Some("keyword".to_owned()),
            units: 1,
            ciphertext: Some("9f86d081884c7d65".to_owned()),
        }
        .into(),
    ]
}
