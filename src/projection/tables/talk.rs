//! What was said, what it meant and what came of it.

use crate::base::Timestamp;
use crate::event::{CommitmentMade, IntentTagged, TurnHeard, TurnSpoken};
use crate::projection::table::{int, row};

row! {
    /// One thing said by the robot or heard from the customer.
    Turn = "turns" {
        /// The call.
        call_id: String,
        /// The campaign.
        campaign_id: Option<String>,
        /// Its number in the call, from 0.
        turn: i64,
        /// `robot` or `customer`.
        speaker: &'static str,
        /// The script's node.
        node: String,
        /// The script's stage.
        stage: Option<String>,
        /// What the robot said.
        text: Option<String>,
        /// What was heard: `key`, `speech`, `silence`.
        heard_kind: Option<&'static str>,
        /// The keys that were pressed.
        digits: Option<String>,
        /// How long it took to say, in ms.
        spoken_ms: i64,
        /// From the end of the robot's turn to the customer's, in ms.
        reaction_ms: Option<i64>,
        /// Whether the robot could finish.
        is_completed: Option<bool>,
        /// When.
        occurred_at: Timestamp,
        /// The event.
        last_position: i64,
    }
}

row! {
    /// One meaning found in what the customer said or pressed.
    IntentTag = "intent_tags" {
        /// The call.
        call_id: String,
        /// The campaign.
        campaign_id: Option<String>,
        /// The customer's turn.
        turn: i64,
        /// The script's stage.
        stage: Option<String>,
        /// What the customer wants.
        intent: String,
        /// What holds the customer back.
        objection: Option<String>,
        /// How sure, in parts per million.
        confidence_ppm: i64,
        /// What found it: `key`, a rule, a model.
        source: String,
        /// The version of what found it: of the script, of a model.
        model_version: Option<String>,
        /// When.
        occurred_at: Timestamp,
        /// The event.
        last_position: i64,
    }
}

row! {
    /// One thing a customer agreed to.
    Commitment = "commitments" {
        /// The call.
        call_id: String,
        /// The campaign.
        campaign_id: String,
        /// The lead.
        lead_id: String,
        /// What, such as `appointment`.
        kind: String,
        /// With whom: `robot` or an agent's id.
        made_with: String,
        /// `robot` or `agent`.
        made_with_kind: &'static str,
        /// What a sale is worth, in the currency's minor units, where it was said.
        amount_minor: Option<i64>,
        /// The currency, by ISO 4217.
        currency: Option<String>,
        /// When the lead came in.
        lead_imported_at: Option<Timestamp>,
        /// When.
        made_at: Timestamp,
        /// The event.
        last_position: i64,
    }
}

/// Where a turn belongs.
pub(super) struct Place {
    pub(super) campaign_id: Option<String>,
    pub(super) stage: Option<String>,
    pub(super) at: Timestamp,
    pub(super) position: i64,
}

impl Turn {
    pub(super) fn spoken(fact: &TurnSpoken, place: Place) -> Self {
        Self {
            call_id: fact.call_id.to_string(),
            campaign_id: place.campaign_id,
            turn: i64::from(fact.turn),
            speaker: "robot",
            node: fact.node.clone(),
            stage: Some(fact.stage.clone()),
            text: Some(fact.text.clone()),
            heard_kind: None,
            digits: None,
            spoken_ms: int(fact.played_ms.0),
            reaction_ms: None,
            is_completed: Some(fact.is_completed),
            occurred_at: place.at,
            last_position: place.position,
        }
    }

    pub(super) fn heard(fact: &TurnHeard, place: Place) -> Self {
        Self {
            call_id: fact.call_id.to_string(),
            campaign_id: place.campaign_id,
            turn: i64::from(fact.turn),
            speaker: "customer",
            node: fact.node.clone(),
            stage: place.stage,
            text: None,
            heard_kind: Some(fact.kind.as_str()),
            digits: fact.digits.clone(),
            spoken_ms: fact.speech_ms.map_or(0, |span| int(span.0)),
            reaction_ms: fact.reaction_ms.map(|span| int(span.0)),
            is_completed: None,
            occurred_at: place.at,
            last_position: place.position,
        }
    }
}

impl IntentTag {
    pub(super) fn of(fact: &IntentTagged, place: Place) -> Self {
        Self {
            call_id: fact.call_id.to_string(),
            campaign_id: place.campaign_id,
            turn: i64::from(fact.turn),
            stage: place.stage,
            intent: fact.intent.clone(),
            objection: fact.objection.clone(),
            confidence_ppm: i64::from(fact.confidence_ppm.0),
            source: fact.source.clone(),
            model_version: fact.model_version.clone(),
            occurred_at: place.at,
            last_position: place.position,
        }
    }
}

impl Commitment {
    pub(super) fn of(
        fact: &CommitmentMade,
        lead_imported_at: Option<Timestamp>,
        at: Timestamp,
        position: i64,
    ) -> Self {
        Self {
            call_id: fact.call_id.to_string(),
            campaign_id: fact.campaign_id.to_string(),
            lead_id: fact.lead_id.to_string(),
            kind: fact.kind.clone(),
            made_with: fact.made_with.clone(),
            made_with_kind: if fact.made_with == "robot" { "robot" } else { "agent" },
            amount_minor: fact.amount_minor.map(int),
            currency: fact.currency.clone(),
            lead_imported_at,
            made_at: at,
            last_position: position,
        }
    }
}
