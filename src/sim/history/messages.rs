//! Messages: what people are sent after calls, whether it arrives, what they write back.
//!
//! In: facts of calls, draws of a generator of its own. Out: facts of messages; who writes that
//! they do not want to be called again is on the do-not-call list with the same append.
//! Invariants: nobody on that list is written to; what somebody answers comes after it arrived,
//! on the same channel. The shares below are chosen, not measured. Deliberately absent: words.

use super::HistoryError;
use super::draw::{span, weighted};
use super::stage::{Due, Stage};
use super::world::phone;
use crate::base::{CallId, EventId, LeadId, MessageId, Millis, SubjectId};
use crate::event::{
    AttemptEnded, CommitmentMade, Disposition, DoNotCallAdded, IntentionLevel, MessageChannel,
    MessageDelivered, MessageFailed, MessageReceived, MessageSent,
};
use crate::runtime::Draft;

/// From the call to the message. Units: ms.
const WRITTEN_AFTER_MS: [u64; 4] = [4_000, 15_000, 60_000, 240_000];
/// From the message to its arrival, by evenly spaced quantiles. Units: ms.
const ARRIVES_AFTER_MS: [u64; 6] = [600, 1_800, 3_500, 7_000, 20_000, 180_000];
/// From the message to the channel's giving up. Units: ms.
const FAILS_AFTER_MS: [u64; 4] = [800, 5_000, 60_000, 86_400_000];
/// From the arrival to an answer. Units: ms.
const ANSWER_AFTER_MS: [u64; 6] = [8_000, 45_000, 240_000, 1_800_000, 14_400_000, 72_000_000];
/// One message in so many does not arrive.
const FAILS_ONE_IN: u64 = 35;
/// Why, and how often relatively, with what the channel says.
const FAILURES: [(&str, &str, u64); 3] =
    [("unreachable", "30003", 6), ("address_unknown", "30005", 3), ("refused", "30007", 1)];
/// The dial after which somebody who never answers is written to.
const MISSED_ATTEMPT: u32 = 3;
/// One customer in so many who is interested is sent more about it.
const INFO_ONE_IN: u64 = 2;

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Template {
    Appointment,
    MissedCall,
    Information,
}

impl Template {
    const fn id(self) -> &'static str {
        match self {
            Self::Appointment => "appointment_details",
            Self::MissedCall => "missed_call",
            Self::Information => "product_information",
        }
    }

    /// What people write back, in thousandths of those it arrives at; the rest write nothing.
    const fn answers(self) -> &'static [(&'static str, u64)] {
        match self {
            Self::Appointment => {
                &[("affirm", 220), ("callback_later", 45), ("thanks", 30), ("opt_out", 5)]
            }
            Self::MissedCall => {
                &[("callback_later", 35), ("ask_company", 25), ("interested", 12), ("opt_out", 30)]
            }
            Self::Information => {
                &[("interested", 60), ("thanks", 40), ("ask_price", 30), ("opt_out", 12)]
            }
        }
    }
}

/// A message on its way.
#[derive(Clone, Debug)]
pub(super) struct Message {
    id: MessageId,
    template: Template,
    channel: MessageChannel,
    campaign: usize,
    lead_id: LeadId,
    subject_id: SubjectId,
    call_id: CallId,
    cause: Option<EventId>,
}

/// What happens to it.
#[derive(Clone, Copy, Debug)]
pub(super) enum MessageDue {
    Goes,
    Arrives(Millis),
    /// The place of the reason.
    Fails(usize),
    /// The person writes back.
    Answer(&'static str),
}

const fn parts(channel: MessageChannel, template: Template) -> u32 {
    match (channel, template) {
        (MessageChannel::Sms, Template::Appointment | Template::Information) => 2,
        _ => 1,
    }
}

impl Stage<'_> {
    /// A meeting is confirmed in writing.
    pub(super) fn confirms(&mut self, serial: u64, fact: &CommitmentMade) {
        self.writes(serial, (fact.call_id, fact.lead_id), Template::Appointment);
    }

    /// Some are written to after a call that ended so.
    pub(super) fn follows_up(&mut self, serial: u64, fact: &AttemptEnded) {
        let call = (fact.call_id, fact.lead_id);
        if fact.disposition == Disposition::NoAnswer && fact.attempt_number == MISSED_ATTEMPT {
            self.writes(serial, call, Template::MissedCall);
        } else if fact.level == Some(IntentionLevel::B) && self.message_rng.below(INFO_ONE_IN) == 0
        {
            self.writes(serial, call, Template::Information);
        }
    }

    fn writes(&mut self, serial: u64, (call_id, lead_id): (CallId, LeadId), template: Template) {
        const CHINA: [(MessageChannel, u64); 3] =
            [(MessageChannel::WeChat, 9), (MessageChannel::Sms, 10), (MessageChannel::AppPush, 1)];
        const ELSEWHERE: [(MessageChannel, u64); 3] =
            [(MessageChannel::Sms, 14), (MessageChannel::Email, 5), (MessageChannel::WebChat, 1)];
        let Some(campaign) = self.calls.get(&serial).map(|talking| talking.campaign) else {
            return;
        };
        let person = self.leads.get(&lead_id).and_then(|place| self.people.get(*place));
        let Some(subject_id) = person.map(|person| person.subject_id) else { return };
        let is_china = self.campaigns.get(campaign).is_some_and(|one| one.market.is_china);
        let channels = if is_china { &CHINA } else { &ELSEWHERE };
        let drawn = weighted(&mut self.message_rng, channels.iter().map(|(_, share)| *share));
        let channel = channels.get(drawn).map_or(MessageChannel::Sms, |(channel, _)| *channel);
        let at = self.now.plus(span(&mut self.message_rng, &WRITTEN_AFTER_MS));
        let id = MessageId::next(at, &mut self.message_ids);
        let cause = None;
        let message =
            Message { id, template, channel, campaign, lead_id, subject_id, call_id, cause };
        self.queue.put(at, Due::Message(Box::new(message), MessageDue::Goes));
    }

    /// Something happens to a message.
    pub(super) async fn message(
        &mut self,
        message: Box<Message>,
        due: MessageDue,
    ) -> Result<(), HistoryError> {
        match due {
            MessageDue::Goes => self.message_goes(message).await,
            MessageDue::Arrives(after_ms) => {
                let fact = MessageDelivered {
                    message_id: message.id,
                    subject_id: message.subject_id,
                    call_id: Some(message.call_id),
                    after_ms,
                };
                let draft = Draft::new(fact, self.now, "messaging").because_of(message.cause);
                self.say(vec![draft]).await?;
                self.may_answer(message);
                Ok(())
            }
            MessageDue::Fails(place) => {
                let (reason, code) = FAILURES
                    .get(place)
                    .map_or(("unreachable", ""), |(reason, code, _)| (*reason, *code));
                let fact = MessageFailed {
                    message_id: message.id,
                    subject_id: message.subject_id,
                    call_id: Some(message.call_id),
                    reason: reason.to_owned(),
                    provider_code: (!code.is_empty()).then(|| code.to_owned()),
                };
                let draft = Draft::new(fact, self.now, "messaging").because_of(message.cause);
                self.say(vec![draft]).await
            }
            MessageDue::Answer(intent) => self.message_comes(&message, intent).await,
        }
    }

    async fn message_goes(&mut self, mut message: Box<Message>) -> Result<(), HistoryError> {
        let Some(phone_hash) = self.phone_hash_of(message.lead_id)? else { return Ok(()) };
        if self.journal.live.compliance.has_number(&phone_hash) {
            return Ok(());
        }
        let Some(campaign) = self.campaigns.get(message.campaign) else { return Ok(()) };
        let language = campaign.market.language;
        let fact = MessageSent {
            message_id: message.id,
            channel: message.channel,
            subject_id: message.subject_id,
            campaign_id: Some(campaign.id.clone()),
            lead_id: Some(message.lead_id),
            call_id: Some(message.call_id),
            in_reply_to: None,
            template_id: Some(message.template.id().to_owned()),
            language: Some(language.name().to_owned()),
            units: parts(message.channel, message.template),
            ciphertext: None,
        };
        let now = self.now;
        let drafts = vec![Draft::new(fact, now, "messaging")];
        message.cause = self.journal.append(drafts, now).await?;
        self.report.messages += 1;
        let rng = &mut self.message_rng;
        let (after, due) = if rng.below(FAILS_ONE_IN) == 0 {
            let why = weighted(rng, FAILURES.iter().map(|(.., share)| *share));
            (span(rng, &FAILS_AFTER_MS), MessageDue::Fails(why))
        } else {
            let after = span(rng, &ARRIVES_AFTER_MS);
            (after, MessageDue::Arrives(after))
        };
        self.queue.put(now.plus(after), Due::Message(message, due));
        Ok(())
    }

    /// A message arrived: some write back, unless the channel knows no way back.
    fn may_answer(&mut self, message: Box<Message>) {
        let mut left = self.message_rng.below(1_000);
        for (intent, share) in message.template.answers() {
            if left < *share {
                let after = span(&mut self.message_rng, &ANSWER_AFTER_MS);
                if message.channel != MessageChannel::AppPush {
                    let due = MessageDue::Answer(intent);
                    self.queue.put(self.now.plus(after), Due::Message(message, due));
                }
                return;
            }
            left -= share;
        }
    }

    async fn message_comes(
        &mut self,
        message: &Message,
        intent: &'static str,
    ) -> Result<(), HistoryError> {
        let now = self.now;
        let Some(campaign) = self.campaigns.get(message.campaign) else { return Ok(()) };
        let is_keyword = matches!(intent, "opt_out" | "affirm");
        let fact = MessageReceived {
            message_id: MessageId::next(now, &mut self.message_ids),
            channel: message.channel,
            subject_id: message.subject_id,
            campaign_id: Some(campaign.id.clone()),
            lead_id: Some(message.lead_id),
            call_id: Some(message.call_id),
            in_reply_to: Some(message.id),
            intent: Some(intent.to_owned()),
            intent_source: Some(if is_keyword { "keyword" } else { "rule" }.to_owned()),
            units: 1,
            ciphertext: None,
        };
        let mut drafts = vec![Draft::new(fact, now, "messaging").because_of(message.cause)];
        if intent == "opt_out"
            && let Some(phone_hash) = self.phone_hash_of(message.lead_id)?
        {
            let subject_id = Some(message.subject_id);
            let source = "message".to_owned();
            let fact = DoNotCallAdded { phone_hash, subject_id, source, call_id: None };
            drafts.push(Draft::new(fact, now, "messaging").because_of(message.cause));
            self.report.opt_outs += 1;
        }
        self.say(drafts).await
    }

    fn phone_hash_of(&self, lead_id: LeadId) -> Result<Option<String>, HistoryError> {
        let Some(place) = self.leads.get(&lead_id) else { return Ok(None) };
        Ok(Some(self.vault.phone_hash(&phone(*place as u64)?)))
    }
}
