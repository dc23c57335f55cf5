//! Messages, both ways.

use crate::base::Timestamp;
use crate::event::{MessageDelivered, MessageFailed, MessageReceived, MessageSent};
use crate::projection::table::{int, row};

row! {
    /// One message to a person or from one. Its words are not here.
    Message = "messages" {
        /// The message; the key.
        message_id: String,
        /// `out` to the person, `in` from the person.
        direction: &'static str,
        /// `sms`, `email`, `app_push`, `web_chat` or `wechat`.
        channel: &'static str,
        /// The person.
        subject_id: String,
        /// The campaign, where it is about one.
        campaign_id: Option<String>,
        /// The lead, where it is about one.
        lead_id: Option<String>,
        /// The call it follows from.
        call_id: Option<String>,
        /// The message it answers.
        in_reply_to: Option<String>,
        /// The template its words come from.
        template_id: Option<String>,
        /// The language of its words: `en` or `zh`.
        language: Option<String>,
        /// What the channel charges for: parts of a short message, else 1.
        units: i64,
        /// When it was sent, or when it came.
        occurred_at: Timestamp,
        /// `sent`, `delivered` or `failed`; `received` from a person.
        outcome: &'static str,
        /// When it reached the person.
        delivered_at: Option<Timestamp>,
        /// From its sending, in ms.
        delivered_after_ms: Option<i64>,
        /// When it was known not to reach the person.
        failed_at: Option<Timestamp>,
        /// Why it did not.
        failure: Option<String>,
        /// When the person first answered it.
        answered_at: Option<Timestamp>,
        /// What a person's message means: an id of the taxonomy.
        intent: Option<String>,
        /// What found that: `keyword`, `rule`, `agent:` and the agent's id, or a model's name.
        intent_source: Option<String>,
        /// Whether the person asks in it never to be called again.
        is_opted_out: bool,
        /// The last event that changed this row.
        last_position: i64,
    }
}

impl Message {
    pub(super) fn sent(fact: &MessageSent, at: Timestamp, position: i64) -> Self {
        Self {
            message_id: fact.message_id.to_string(),
            direction: "out",
            channel: fact.channel.as_str(),
            subject_id: fact.subject_id.to_string(),
            campaign_id: fact.campaign_id.as_ref().map(ToString::to_string),
            lead_id: fact.lead_id.map(|id| id.to_string()),
            call_id: fact.call_id.map(|id| id.to_string()),
            in_reply_to: fact.in_reply_to.map(|id| id.to_string()),
            template_id: fact.template_id.clone(),
            language: fact.language.clone(),
            units: i64::from(fact.units),
            occurred_at: at,
            outcome: "sent",
            delivered_at: None,
            delivered_after_ms: None,
            failed_at: None,
            failure: None,
            answered_at: None,
            intent: None,
            intent_source: None,
            is_opted_out: false,
            last_position: position,
        }
    }

    pub(super) fn received(fact: &MessageReceived, at: Timestamp, position: i64) -> Self {
        Self {
            message_id: fact.message_id.to_string(),
            direction: "in",
            channel: fact.channel.as_str(),
            subject_id: fact.subject_id.to_string(),
            campaign_id: fact.campaign_id.as_ref().map(ToString::to_string),
            lead_id: fact.lead_id.map(|id| id.to_string()),
            call_id: fact.call_id.map(|id| id.to_string()),
            in_reply_to: fact.in_reply_to.map(|id| id.to_string()),
            template_id: None,
            language: None,
            units: i64::from(fact.units),
            occurred_at: at,
            outcome: "received",
            delivered_at: None,
            delivered_after_ms: None,
            failed_at: None,
            failure: None,
            answered_at: None,
            intent: fact.intent.clone(),
            intent_source: fact.intent_source.clone(),
            is_opted_out: fact.intent.as_deref() == Some("opt_out"),
            last_position: position,
        }
    }

    /// What is said now, with what came of it before. Whose it is and when it went stays.
    pub(super) fn instead_of(self, old: &Self) -> Self {
        Self {
            subject_id: old.subject_id.clone(),
            occurred_at: old.occurred_at,
            outcome: if self.outcome == "sent" { old.outcome } else { self.outcome },
            delivered_at: old.delivered_at,
            delivered_after_ms: old.delivered_after_ms,
            failed_at: old.failed_at,
            failure: old.failure.clone(),
            answered_at: old.answered_at,
            ..self
        }
    }

    pub(super) fn delivered(&mut self, fact: &MessageDelivered, at: Timestamp) {
        self.outcome = "delivered";
        self.delivered_at = Some(at);
        self.delivered_after_ms = Some(int(fact.after_ms.0));
    }

    /// A channel that gives up on a message that was delivered is mistaken.
    pub(super) fn failed(&mut self, fact: &MessageFailed, at: Timestamp) {
        if self.delivered_at.is_none() {
            self.outcome = "failed";
            self.failed_at = Some(at);
            self.failure = Some(fact.reason.clone());
        }
    }

    pub(super) fn answered(&mut self, at: Timestamp) {
        self.answered_at = Some(self.answered_at.map_or(at, |before| before.min(at)));
    }
}
