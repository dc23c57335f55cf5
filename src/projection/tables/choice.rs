//! Decisions with their candidates, and what the rules said.

use crate::base::Timestamp;
use crate::event::{
    CarrierChosen, DialDecided, DoNotCallAdded, HandlerChosen, RoutePurpose, RuleOutcome,
};
use crate::projection::table::{int, row};

row! {
    /// One decision: whom to dial, over which carrier, who talks.
    Decision = "decisions" {
        /// The event; the key.
        decision_position: i64,
        /// `dial`, `carrier` or `handler`.
        kind: &'static str,
        /// The call.
        call_id: String,
        /// The campaign.
        campaign_id: Option<String>,
        /// The lead of a dial.
        lead_id: Option<String>,
        /// The leg of a choice of carrier.
        leg_id: Option<String>,
        /// Why a handler was wanted: `answer` or `transfer`.
        purpose: Option<&'static str>,
        /// The log position whose state was decided on.
        state_position: i64,
        /// The moment it was decided with.
        decided_at: Timestamp,
        /// The policy's version.
        policy: String,
        /// Candidates there were.
        candidate_count: i64,
        /// Candidates that could not be chosen.
        veto_count: i64,
        /// What was chosen; nothing where every candidate was vetoed.
        chosen: Option<String>,
        /// The score of what was chosen, in parts per million.
        score: Option<i64>,
        /// The runner-up without a veto.
        runner_up: Option<String>,
        /// The runner-up's score, in parts per million.
        runner_up_score: Option<i64>,
        /// Why, in one line: what counted for a dial, the vetoes of a choice.
        reason: String,
        /// The last event that changed this row.
        last_position: i64,
    }
}

row! {
    /// One candidate of a choice of carrier or handler.
    Candidate = "decision_candidates" {
        /// The decision.
        decision_position: i64,
        /// `carrier` or `handler`.
        kind: &'static str,
        /// The call.
        call_id: String,
        /// A carrier's id, an agent's id or `robot`.
        candidate: String,
        /// Whether it was chosen.
        is_chosen: bool,
        /// Why it could not be chosen.
        veto: Option<String>,
        /// The weighted sum of a handler, in parts per million.
        score: Option<i64>,
        /// Customer value term, in parts per million.
        customer_value_ppm: Option<i64>,
        /// Robot fit term, in parts per million.
        robot_fit_ppm: Option<i64>,
        /// Skill term, in parts per million.
        agent_skill_ppm: Option<i64>,
        /// Line quality term, in parts per million.
        line_quality_ppm: Option<i64>,
        /// A carrier's weight.
        weight: Option<i64>,
        /// A carrier's weight times its health.
        effective_weight: Option<i64>,
        /// A carrier's credit before the choice.
        credit: Option<i64>,
        /// A carrier's calls at that moment.
        channels_in_use: Option<i64>,
        /// When.
        decided_at: Timestamp,
        /// The event.
        last_position: i64,
    }
}

row! {
    /// What one rule said before one dial.
    ComplianceCheck = "compliance_checks" {
        /// The call that was about to be made; nothing where the dial was refused.
        call_id: Option<String>,
        /// The campaign.
        campaign_id: Option<String>,
        /// The lead.
        lead_id: String,
        /// The person.
        subject_id: String,
        /// The rule, such as `dnc.number`.
        rule_id: String,
        /// The rule's version.
        rule_version: i64,
        /// Whether the rule allowed the dial.
        is_allowed: bool,
        /// Whether the dial was refused, by this rule or another.
        is_refused: bool,
        /// The log position whose state the rule was asked with.
        state_position: i64,
        /// When.
        checked_at: Timestamp,
        /// The event.
        last_position: i64,
    }
}

row! {
    /// One number that is never to be called again. The number itself is not here.
    DoNotCall = "do_not_call" {
        /// `key` where the customer pressed it, `agent` where an agent keyed it in.
        source: String,
        /// The person, where known.
        subject_id: Option<String>,
        /// The call it was heard in.
        call_id: Option<String>,
        /// When.
        added_at: Timestamp,
        /// The event.
        last_position: i64,
    }
}

const fn purpose(purpose: RoutePurpose) -> &'static str {
    match purpose {
        RoutePurpose::Answer => "answer",
        RoutePurpose::Transfer => "transfer",
    }
}

fn vetoes<'a>(vetoed: impl Iterator<Item = (String, &'a str)>) -> String {
    let vetoed: Vec<String> = vetoed.map(|(name, veto)| format!("{name}: {veto}")).collect();
    if vetoed.is_empty() { "no vetoes".to_owned() } else { vetoed.join("; ") }
}

impl Decision {
    pub(super) fn dial(fact: &DialDecided, position: i64) -> Self {
        let capacity = fact.capacity;
        Self {
            decision_position: position,
            kind: "dial",
            call_id: fact.call_id.to_string(),
            campaign_id: Some(fact.campaign_id.to_string()),
            lead_id: Some(fact.lead_id.to_string()),
            leg_id: None,
            purpose: None,
            state_position: int(fact.position),
            decided_at: fact.decided_at,
            policy: fact.policy.clone(),
            candidate_count: int(fact.candidates),
            veto_count: 0,
            chosen: Some(fact.lead_id.to_string()),
            score: None,
            runner_up: None,
            runner_up_score: None,
            reason: format!(
                "attempt {}; free: {} robot channels, {} agents, {} line channels; {} dials pending",
                fact.attempt_number,
                capacity.free_robot_channels,
                capacity.free_agents,
                capacity.free_line_channels,
                capacity.pending_dials
            ),
            last_position: position,
        }
    }

    pub(super) fn carrier(
        fact: &CarrierChosen,
        campaign_id: Option<String>,
        position: i64,
    ) -> Self {
        let vetoed = fact.candidates.iter().filter_map(|candidate| {
            Some((candidate.carrier_id.to_string(), candidate.veto.as_ref()?.0.as_str()))
        });
        Self {
            decision_position: position,
            kind: "carrier",
            call_id: fact.call_id.to_string(),
            campaign_id,
            lead_id: None,
            leg_id: Some(fact.leg_id.to_string()),
            purpose: None,
            state_position: int(fact.position),
            decided_at: fact.decided_at,
            policy: fact.policy.clone(),
            candidate_count: int(fact.candidates.len() as u64),
            veto_count: int(vetoed.clone().count() as u64),
            chosen: fact.chosen.as_ref().map(ToString::to_string),
            score: None,
            runner_up: None,
            runner_up_score: None,
            reason: vetoes(vetoed),
            last_position: position,
        }
    }

    pub(super) fn handler(
        fact: &HandlerChosen,
        campaign_id: Option<String>,
        position: i64,
    ) -> Self {
        let vetoed = fact.candidates.iter().filter_map(|candidate| {
            Some((candidate.handler.to_string(), candidate.veto.as_ref()?.0.as_str()))
        });
        let is_chosen = |handler| fact.chosen.as_ref() == Some(handler);
        let chosen = fact.candidates.iter().find(|candidate| is_chosen(&candidate.handler));
        let runner_up = fact
            .candidates
            .iter()
            .filter(|candidate| candidate.veto.is_none() && !is_chosen(&candidate.handler))
            .min_by_key(|candidate| (std::cmp::Reverse(candidate.score), &candidate.handler));
        Self {
            decision_position: position,
            kind: "handler",
            call_id: fact.call_id.to_string(),
            campaign_id,
            lead_id: None,
            leg_id: None,
            purpose: Some(purpose(fact.purpose)),
            state_position: int(fact.position),
            decided_at: fact.decided_at,
            policy: fact.policy.clone(),
            candidate_count: int(fact.candidates.len() as u64),
            veto_count: int(vetoed.clone().count() as u64),
            chosen: fact.chosen.as_ref().map(ToString::to_string),
            score: chosen.map(|candidate| i64::from(candidate.score)),
            runner_up: runner_up.map(|candidate| candidate.handler.to_string()),
            runner_up_score: runner_up.map(|candidate| i64::from(candidate.score)),
            reason: vetoes(vetoed),
            last_position: position,
        }
    }
}

impl Candidate {
    pub(super) fn carriers(fact: &CarrierChosen, position: i64) -> Vec<Self> {
        let row = |candidate: &crate::event::CarrierCandidate| Self {
            decision_position: position,
            kind: "carrier",
            call_id: fact.call_id.to_string(),
            candidate: candidate.carrier_id.to_string(),
            is_chosen: fact.chosen.as_ref() == Some(&candidate.carrier_id),
            veto: candidate.veto.as_ref().map(|veto| veto.0.clone()),
            score: None,
            customer_value_ppm: None,
            robot_fit_ppm: None,
            agent_skill_ppm: None,
            line_quality_ppm: None,
            weight: Some(i64::from(candidate.weight)),
            effective_weight: Some(candidate.effective_weight),
            credit: Some(candidate.credit),
            channels_in_use: Some(i64::from(candidate.channels_in_use)),
            decided_at: fact.decided_at,
            last_position: position,
        };
        fact.candidates.iter().map(row).collect()
    }

    pub(super) fn handlers(fact: &HandlerChosen, position: i64) -> Vec<Self> {
        let row = |candidate: &crate::event::HandlerCandidate| Self {
            decision_position: position,
            kind: "handler",
            call_id: fact.call_id.to_string(),
            candidate: candidate.handler.to_string(),
            is_chosen: fact.chosen.as_ref() == Some(&candidate.handler),
            veto: candidate.veto.as_ref().map(|veto| veto.0.clone()),
            score: Some(i64::from(candidate.score)),
            customer_value_ppm: Some(i64::from(candidate.terms.customer_value)),
            robot_fit_ppm: Some(i64::from(candidate.terms.robot_fit)),
            agent_skill_ppm: Some(i64::from(candidate.terms.agent_skill)),
            line_quality_ppm: Some(i64::from(candidate.terms.line_quality)),
            weight: None,
            effective_weight: None,
            credit: None,
            channels_in_use: None,
            decided_at: fact.decided_at,
            last_position: position,
        };
        fact.candidates.iter().map(row).collect()
    }
}

/// Whom rules were asked about.
pub(super) struct Asked {
    pub(super) call_id: Option<String>,
    pub(super) campaign_id: Option<String>,
    pub(super) lead_id: String,
    pub(super) subject_id: String,
    pub(super) state_position: u64,
    pub(super) at: Timestamp,
    pub(super) position: i64,
}

impl ComplianceCheck {
    pub(super) fn of(asked: &Asked, rules: &[RuleOutcome]) -> Vec<Self> {
        let row = |rule: &RuleOutcome| Self {
            call_id: asked.call_id.clone(),
            campaign_id: asked.campaign_id.clone(),
            lead_id: asked.lead_id.clone(),
            subject_id: asked.subject_id.clone(),
            rule_id: rule.rule_id.clone(),
            rule_version: i64::from(rule.rule_version),
            is_allowed: rule.is_allowed,
            is_refused: asked.call_id.is_none(),
            state_position: int(asked.state_position),
            checked_at: asked.at,
            last_position: asked.position,
        };
        rules.iter().map(row).collect()
    }
}

impl DoNotCall {
    pub(super) fn of(fact: &DoNotCallAdded, at: Timestamp, position: i64) -> Self {
        Self {
            source: fact.source.clone(),
            subject_id: fact.subject_id.map(|id| id.to_string()),
            call_id: fact.call_id.map(|id| id.to_string()),
            added_at: at,
            last_position: position,
        }
    }
}
