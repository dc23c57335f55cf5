//! Facts about attempts and calls.

use serde::{Deserialize, Serialize};

use super::{Handler, IntentionLevel};
use crate::base::{CallId, CampaignId, LeadId, LegId, Millis, Ppm, SubjectId};

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// A person answered.
    AnsweredHuman,
    /// A machine answered.
    AnsweredMachine,
    /// A fax answered.
    AnsweredFax,
    /// It rang, nobody answered.
    NoAnswer,
    /// Busy.
    Busy,
    /// Declined.
    Rejected,
    /// No such number.
    InvalidNumber,
    /// The phone is off or out of reach.
    SwitchedOff,
    /// No circuit.
    Congestion,
    /// No carrier took the call.
    CarrierFailed,
    /// A rule forbade it.
    Blocked,
    /// We gave up.
    Cancelled,
    /// A person answered, nobody was there to talk in time.
    Abandoned,
}

impl Disposition {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::AnsweredHuman,
        Self::AnsweredMachine,
        Self::AnsweredFax,
        Self::NoAnswer,
        Self::Busy,
        Self::Rejected,
        Self::InvalidNumber,
        Self::SwitchedOff,
        Self::Congestion,
        Self::CarrierFailed,
        Self::Blocked,
        Self::Cancelled,
        Self::Abandoned,
    ];

    /// The name in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AnsweredHuman => "answered_human",
            Self::AnsweredMachine => "answered_machine",
            Self::AnsweredFax => "answered_fax",
            Self::NoAnswer => "no_answer",
            Self::Busy => "busy",
            Self::Rejected => "rejected",
            Self::InvalidNumber => "invalid_number",
            Self::SwitchedOff => "switched_off",
            Self::Congestion => "congestion",
            Self::CarrierFailed => "carrier_failed",
            Self::Blocked => "blocked",
            Self::Cancelled => "cancelled",
            Self::Abandoned => "abandoned",
        }
    }

    /// Whether a person answered: a contact.
    pub const fn is_contact(self) -> bool {
        matches!(self, Self::AnsweredHuman | Self::Abandoned)
    }

    /// Whether the customer's side was answered by anything.
    pub const fn is_answered(self) -> bool {
        matches!(
            self,
            Self::AnsweredHuman | Self::AnsweredMachine | Self::AnsweredFax | Self::Abandoned
        )
    }
}

/// Who hung up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HangUpParty {
    /// The customer.
    Customer,
    /// The robot or the platform.
    Platform,
    /// The agent.
    Agent,
    /// The carrier, or the leg was lost.
    Carrier,
}

impl HangUpParty {
    /// The name in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Platform => "platform",
            Self::Agent => "agent",
            Self::Carrier => "carrier",
        }
    }
}

/// One dial of one number began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptStarted {
    /// The call.
    pub call_id: CallId,
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The lead.
    pub lead_id: LeadId,
    /// The person.
    pub subject_id: SubjectId,
    /// 1 for the first dial of this lead.
    pub attempt_number: u32,
}

/// The customer's side was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallAnswered {
    /// The call.
    pub call_id: CallId,
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The answered leg.
    pub leg_id: LegId,
    /// From the first INVITE to the answer. Units: ms.
    pub ring_ms: Millis,
}

/// What answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerVerdict {
    /// A person.
    Human,
    /// A machine.
    Machine,
    /// Nothing was heard.
    Silence,
    /// A fax.
    Fax,
    /// The three tones before an announcement that the number cannot be reached.
    Sit,
    /// It rings on after the answer; a later verdict says who answered then.
    Ringback,
}

impl AnswerVerdict {
    /// The name in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Machine => "machine",
            Self::Silence => "silence",
            Self::Fax => "fax",
            Self::Sit => "sit",
            Self::Ringback => "ringback",
        }
    }
}

/// Person or machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerClassified {
    /// The call.
    pub call_id: CallId,
    /// What answered.
    pub verdict: AnswerVerdict,
    /// How sure the detector is.
    pub confidence_ppm: Ppm,
    /// The rule that decided, a stable name.
    pub reason: String,
    /// From the answer to the verdict. Units: ms.
    pub after_ms: Millis,
    /// From the answer to the end of the greeting, where one was heard. Units: ms.
    pub greeting_ended_after_ms: Option<Millis>,
}

/// A message was said to a voice mailbox after its beep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VoicemailLeft {
    /// The call.
    pub call_id: CallId,
    /// How much of it was said. Units: ms.
    pub played_ms: Millis,
    /// Whether it was said to its end.
    pub is_complete: bool,
}

/// Somebody listened to a call and says what answered: a sample that tells how often the
/// detector is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerReviewed {
    /// The call.
    pub call_id: CallId,
    /// The campaign.
    pub campaign_id: CampaignId,
    /// What really answered.
    pub answered_by: AnswerVerdict,
    /// Who listened: a stable name, never a person's.
    pub reviewed_by: String,
}

/// Whether the one who talks is the one who was called. A later one replaces an earlier one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartyIdentified {
    /// The call.
    pub call_id: CallId,
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The lead.
    pub lead_id: LeadId,
    /// Whether it is the right party.
    pub is_right_party: bool,
    /// How it is known: `key`, or `agent:` and the agent's id.
    pub source: String,
}

/// Customer and agent hear each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallBridged {
    /// The call.
    pub call_id: CallId,
    /// The customer's leg.
    pub customer_leg_id: LegId,
    /// The agent's leg.
    pub agent_leg_id: LegId,
    /// Who talks now.
    pub handler: Handler,
    /// From the routing decision to the bridge. Units: ms.
    pub wait_ms: Millis,
}

/// The answered call is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallEnded {
    /// The call.
    pub call_id: CallId,
    /// The campaign.
    pub campaign_id: CampaignId,
    /// Who talked last.
    pub handler: Option<Handler>,
    /// From the answer to the end. Units: ms.
    pub talk_ms: Millis,
    /// Who hung up.
    pub hung_up_by: HangUpParty,
    /// The script's stage at the end, where a robot talked.
    pub stage: Option<String>,
}

/// The attempt is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptEnded {
    /// The call.
    pub call_id: CallId,
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The lead.
    pub lead_id: LeadId,
    /// The person.
    pub subject_id: SubjectId,
    /// 1 for the first dial of this lead.
    pub attempt_number: u32,
    /// How it ended.
    pub disposition: Disposition,
    /// The last final SIP status of the customer's side.
    pub sip_status: Option<u16>,
    /// The Q.850 cause given or derived (RFC 3398 §8.2.6.1).
    pub q850_cause: Option<u8>,
    /// From the answer to the end; 0 where not answered. Units: ms.
    pub talk_ms: Millis,
    /// The call's intention level.
    pub level: Option<IntentionLevel>,
    /// What else there is to say, a stable name such as `process_restart`.
    pub reason: Option<String>,
}
