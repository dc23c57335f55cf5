//! The list of all facts: name, version, family, one line each. The enum over them follows
//! from this list, and so do `docs/events.md` and the golden records.

use serde_json::Value;

use super::{
    AgentSignedIn, AgentSignedOut, AgentStateChanged, AnswerClassified, AnswerReviewed,
    AttemptEnded, AttemptStarted, CallAnswered, CallBridged, CallEnded, CampaignCompleted,
    CampaignCreated, CampaignPaused, CampaignResumed, CampaignStarted, CarrierAdded, CarrierChosen,
    CarrierFailed, CarrierRecovered, CarrierRegistered, CarrierRegistrationLost, CarrierSuspended,
    CommitmentMade, ComplianceChecked, ConfigurationLoaded, CostBooked, DialDecided, DialRefused,
    DoNotCallAdded, HandlerChosen, IntentTagged, IntentionLevelSet, LeadImported, LeadOffered,
    LeadRowRejected, LeadsImported, LegAnswered, LegEnded, LegHeld, LegProgressed,
    LegQualitySampled, LegReleased, LegResumed, LegStarted, LineSampled, MessageDelivered,
    MessageFailed, MessageReceived, MessageSent, OptOutHeard, PartyIdentified, PhoneRegistered,
    PhoneUnregistered, PlatformStarted, PlatformStopped, RecordingDeleted, RecordingExported,
    RecordingFailed, RecordingPlayed, RecordingStarted, RecordingStored, ReportMade,
    ReportSendFailed, ReportSendUnknown, ReportSending, ReportSent, SimCardAdded, SimCardRested,
    SimCardSampled, SubjectRegistered, SupervisionEnded, SupervisionModeChanged,
    SupervisionStarted, TransferCompleted, TransferFailed, TransferRequested, TransferStarted,
    TurnHeard, TurnSpoken, VoicemailLeft,
};
use crate::base::CallId;

/// Which stream a fact is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `platform-<node>`
    Platform,
    /// `campaign-<campaign_id>`
    Campaign,
    /// `inbox-<campaign_id>`
    Inbox,
    /// `subject-<subject_id>`
    Subject,
    /// `lead-<lead_id>`
    Lead,
    /// `call-<call_id>`
    Call,
    /// `agent-<agent_id>`
    Agent,
    /// `carrier-<carrier_id>`
    Carrier,
    /// `compliance-<list>`
    Compliance,
    /// `report-<plan>-<period>`
    Report,
    /// `message-<message_id>`
    Message,
}

impl Family {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Platform,
        Self::Campaign,
        Self::Inbox,
        Self::Subject,
        Self::Lead,
        Self::Call,
        Self::Agent,
        Self::Carrier,
        Self::Compliance,
        Self::Report,
        Self::Message,
    ];

    /// The category of its streams: what stands before the first dash.
    pub fn category(self) -> &'static str {
        self.stream().split('-').next().unwrap_or_default()
    }

    /// How the stream's name is made.
    pub const fn stream(self) -> &'static str {
        match self {
            Self::Platform => "platform-<node>",
            Self::Campaign => "campaign-<campaign_id>",
            Self::Inbox => "inbox-<campaign_id>",
            Self::Subject => "subject-<subject_id>",
            Self::Lead => "lead-<lead_id>",
            Self::Call => "call-<call_id>",
            Self::Agent => "agent-<agent_id>",
            Self::Carrier => "carrier-<carrier_id>",
            Self::Compliance => "compliance-<list>",
            Self::Report => "report-<plan>-<period>",
            Self::Message => "message-<message_id>",
        }
    }
}

/// One row of the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct EventType {
    /// The stable name.
    pub name: &'static str,
    /// The version written today.
    pub version: u16,
    /// The stream it goes to.
    pub family: Family,
    /// What it says, in one line.
    pub summary: &'static str,
}

macro_rules! catalog {
    ($($variant:ident = $name:literal, $version:literal, $family:ident, $summary:literal;)*) => {
        /// Any fact.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Event {
            $(#[doc = $summary] $variant($variant),)*
        }

        /// Every fact there is.
        pub const CATALOG: &[EventType] = &[
            $(EventType { name: $name, version: $version, family: Family::$family, summary: $summary },)*
        ];

        impl Event {
            /// The stable name.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)* }
            }

            /// The version its fields are written in.
            pub const fn version(&self) -> u16 {
                match self { $(Self::$variant(_) => $version,)* }
            }

            /// The stream it goes to.
            pub const fn family(&self) -> Family {
                match self { $(Self::$variant(_) => Family::$family,)* }
            }

            /// Its fields as JSON.
            ///
            /// # Panics
            /// Never: the fields are plain values with text keys.
            pub fn encode(&self) -> Vec<u8> {
                match self { $(Self::$variant(fields) => serde_json::to_vec(fields),)* }
                    .expect("plain structs always serialise")
            }

            /// Reads the fields straight from JSON, where they are of the present version.
            pub(super) fn read(name: &str, version: u16, fields: &[u8]) -> Option<Self> {
                match (name, version) {
                    $(($name, $version) => {
                        serde_json::from_slice(fields).ok().map(Self::$variant)
                    })*
                    _ => None,
                }
            }

            /// Reads the fields of the present version.
            pub(super) fn decode(name: &str, fields: Value) -> Result<Self, serde_json::Error> {
                match name {
                    $($name => serde_json::from_value(fields).map(Self::$variant),)*
                    _ => Err(serde::de::Error::custom("not in the catalogue")),
                }
            }
        }

        $(impl From<$variant> for Event {
            fn from(fields: $variant) -> Self {
                Self::$variant(fields)
            }
        })*
    };
}

catalog! {
    PlatformStarted = "PlatformStarted", 1, Platform, "A node opened the log and began to work.";
    PlatformStopped = "PlatformStopped", 1, Platform, "A node ended in good order.";
    ConfigurationLoaded = "ConfigurationLoaded", 1, Platform, "A node read its configuration; secrets left out.";
    CampaignCreated = "CampaignCreated", 1, Campaign, "A campaign exists, with the settings it runs under.";
    CampaignStarted = "CampaignStarted", 1, Campaign, "Dialing may begin.";
    CampaignPaused = "CampaignPaused", 1, Campaign, "No new dials until it is resumed.";
    CampaignResumed = "CampaignResumed", 1, Campaign, "Dialing goes on.";
    CampaignCompleted = "CampaignCompleted", 1, Campaign, "Every lead is closed.";
    LeadsImported = "LeadsImported", 1, Campaign, "A lead file was read to its end.";
    LeadRowRejected = "LeadRowRejected", 1, Campaign, "One row of a lead file could not be used.";
    LeadOffered = "LeadOffered", 1, Inbox, "A client offered a lead, and what became of it; nothing of the person.";
    SubjectRegistered = "SubjectRegistered", 1, Subject, "A person is known, by keyed hash and ciphertext only.";
    LeadImported = "LeadImported", 1, Lead, "A subject is on a campaign's list, with a portrait.";
    DialRefused = "DialRefused", 1, Lead, "A rule forbade the dial.";
    DialDecided = "DialDecided", 1, Call, "The dialer chose this lead to be dialled now.";
    ComplianceChecked = "ComplianceChecked", 1, Call, "The rules that were asked before the dial, and what each said.";
    AttemptStarted = "AttemptStarted", 1, Call, "One dial of one number began.";
    CarrierChosen = "CarrierChosen", 1, Call, "The carrier for the next leg was chosen.";
    LegStarted = "LegStarted", 1, Call, "An INVITE is about to be sent.";
    LegProgressed = "LegProgressed", 1, Call, "A provisional answer came (18x).";
    LegAnswered = "LegAnswered", 1, Call, "A leg was answered (200) and acknowledged.";
    CallAnswered = "CallAnswered", 1, Call, "The customer's side was answered.";
    AnswerClassified = "AnswerClassified", 1, Call, "Person or machine, with the reason.";
    VoicemailLeft = "VoicemailLeft", 1, Call, "A message was said to a voice mailbox after its beep.";
    AnswerReviewed = "AnswerReviewed", 1, Call, "Somebody listened to a call and says what answered.";
    HandlerChosen = "HandlerChosen", 1, Call, "The router chose who talks, term by term.";
    CallBridged = "CallBridged", 1, Call, "Customer and agent hear each other.";
    TurnSpoken = "TurnSpoken", 1, Call, "The robot said something.";
    TurnHeard = "TurnHeard", 1, Call, "The customer pressed a key, spoke, or stayed silent.";
    IntentTagged = "IntentTagged", 1, Call, "A turn was given an intent.";
    PartyIdentified = "PartyIdentified", 1, Call, "Whether the one who talks is the one who was called.";
    TransferRequested = "TransferRequested", 1, Call, "The customer wants a person.";
    OptOutHeard = "OptOutHeard", 1, Call, "The customer does not want to be called again.";
    CommitmentMade = "CommitmentMade", 1, Call, "The customer agreed to a next step.";
    IntentionLevelSet = "IntentionLevelSet", 1, Call, "The call's intention level, with the rule that set it.";
    LegHeld = "LegHeld", 1, Call, "One end of a call holds it.";
    LegResumed = "LegResumed", 1, Call, "Who held a call is back, or gone.";
    TransferStarted = "TransferStarted", 1, Call, "An agent passes the call on.";
    TransferCompleted = "TransferCompleted", 1, Call, "The customer is joined with the next agent.";
    TransferFailed = "TransferFailed", 1, Call, "Nothing came of passing the call on, and why.";
    SupervisionStarted = "SupervisionStarted", 1, Call, "A supervisor was joined to a call.";
    SupervisionModeChanged = "SupervisionModeChanged", 1, Call, "A supervisor listens, whispers or barges in from now on.";
    SupervisionEnded = "SupervisionEnded", 1, Call, "A supervisor left a call.";
    RecordingStarted = "RecordingStarted", 1, Call, "A leg begins to be recorded.";
    RecordingStored = "RecordingStored", 1, Call, "A recording is whole and safe in the store.";
    RecordingFailed = "RecordingFailed", 1, Call, "A recording could not go on, or nothing of it was kept, and why.";
    RecordingDeleted = "RecordingDeleted", 1, Call, "A recording is not there any more, and why.";
    RecordingPlayed = "RecordingPlayed", 1, Call, "Somebody listened to a recording.";
    RecordingExported = "RecordingExported", 1, Call, "Somebody took a copy of a recording.";
    LegEnded = "LegEnded", 1, Call, "A leg is over, with its SIP and media figures.";
    LegQualitySampled = "LegQualitySampled", 1, Call, "How a leg sounded in the last half minute.";
    LegReleased = "LegReleased", 1, Call, "Our BYE got its final answer, or none in time.";
    CostBooked = "CostBooked", 1, Call, "Money was spent on the call: on a line or an agent.";
    CallEnded = "CallEnded", 1, Call, "The answered call is over.";
    AttemptEnded = "AttemptEnded", 1, Call, "The attempt is over, with its disposition.";
    AgentSignedIn = "AgentSignedIn", 1, Agent, "An agent came on shift.";
    AgentStateChanged = "AgentStateChanged", 1, Agent, "An agent went from one state to another.";
    AgentSignedOut = "AgentSignedOut", 1, Agent, "An agent left.";
    PhoneRegistered = "PhoneRegistered", 1, Agent, "An agent's phone registered.";
    PhoneUnregistered = "PhoneUnregistered", 1, Agent, "An agent's phone is not registered any more.";
    CarrierAdded = "CarrierAdded", 1, Carrier, "A carrier may be used, with its limits.";
    CarrierFailed = "CarrierFailed", 1, Carrier, "A carrier was taken out.";
    CarrierSuspended = "CarrierSuspended", 1, Carrier, "A carrier asked to be left alone for a while.";
    CarrierRecovered = "CarrierRecovered", 1, Carrier, "A carrier answers: for the first time since it was added, or again.";
    SimCardAdded = "SimCardAdded", 1, Carrier, "A SIM card of a carrier's gateway may be used, with its limits.";
    SimCardSampled = "SimCardSampled", 1, Carrier, "What is left on a SIM card, and its signal.";
    SimCardRested = "SimCardRested", 1, Carrier, "A SIM card gets no calls for a while.";
    CarrierRegistered = "CarrierRegistered", 1, Carrier, "A carrier took our registration.";
    CarrierRegistrationLost = "CarrierRegistrationLost", 1, Carrier, "A carrier has no registration of ours.";
    LineSampled = "LineSampled", 1, Carrier, "Channels in use on a carrier at a moment.";
    DoNotCallAdded = "DoNotCallAdded", 1, Compliance, "A number is never to be called again.";
    ReportMade = "ReportMade", 1, Report, "A report was made, true at a log position.";
    ReportSending = "ReportSending", 1, Report, "A report is about to be handed to the mail server.";
    ReportSent = "ReportSent", 1, Report, "The mail server took a report.";
    ReportSendFailed = "ReportSendFailed", 1, Report, "A report was certainly not sent, and why.";
    ReportSendUnknown = "ReportSendUnknown", 1, Report, "Nobody knows whether a report was sent; it is not sent again by itself.";
    MessageSent = "MessageSent", 1, Message, "A message was handed to its channel.";
    MessageDelivered = "MessageDelivered", 1, Message, "A message reached the person.";
    MessageFailed = "MessageFailed", 1, Message, "A message did not reach the person, and why.";
    MessageReceived = "MessageReceived", 1, Message, "A person wrote to us.";
}

impl Event {
    /// The call it belongs to, which is also its correlation id.
    #[expect(clippy::too_many_lines, reason = "an arm for each fact")]
    pub const fn call_id(&self) -> Option<CallId> {
        match self {
            Self::DialDecided(e) => Some(e.call_id),
            Self::ComplianceChecked(e) => Some(e.call_id),
            Self::AttemptStarted(e) => Some(e.call_id),
            Self::CarrierChosen(e) => Some(e.call_id),
            Self::LegStarted(e) => Some(e.call_id),
            Self::LegProgressed(e) => Some(e.call_id),
            Self::LegAnswered(e) => Some(e.call_id),
            Self::CallAnswered(e) => Some(e.call_id),
            Self::AnswerClassified(e) => Some(e.call_id),
            Self::VoicemailLeft(e) => Some(e.call_id),
            Self::AnswerReviewed(e) => Some(e.call_id),
            Self::HandlerChosen(e) => Some(e.call_id),
            Self::CallBridged(e) => Some(e.call_id),
            Self::TurnSpoken(e) => Some(e.call_id),
            Self::TurnHeard(e) => Some(e.call_id),
            Self::IntentTagged(e) => Some(e.call_id),
            Self::PartyIdentified(e) => Some(e.call_id),
            Self::TransferRequested(e) => Some(e.call_id),
            Self::OptOutHeard(e) => Some(e.call_id),
            Self::CommitmentMade(e) => Some(e.call_id),
            Self::IntentionLevelSet(e) => Some(e.call_id),
            Self::LegHeld(e) => Some(e.call_id),
            Self::LegResumed(e) => Some(e.call_id),
            Self::TransferStarted(e) => Some(e.call_id),
            Self::TransferCompleted(e) => Some(e.call_id),
            Self::TransferFailed(e) => Some(e.call_id),
            Self::SupervisionStarted(e) => Some(e.call_id),
            Self::SupervisionModeChanged(e) => Some(e.call_id),
            Self::SupervisionEnded(e) => Some(e.call_id),
            Self::LegEnded(e) => Some(e.call_id),
            Self::LegQualitySampled(e) => Some(e.call_id),
            Self::LegReleased(e) => Some(e.call_id),
            Self::RecordingStarted(e) => Some(e.call_id),
            Self::RecordingStored(e) => Some(e.call_id),
            Self::RecordingFailed(e) => Some(e.call_id),
            Self::RecordingDeleted(e) => Some(e.call_id),
            Self::RecordingPlayed(e) => Some(e.call_id),
            Self::RecordingExported(e) => Some(e.call_id),
            Self::CostBooked(e) => Some(e.call_id),
            Self::CallEnded(e) => Some(e.call_id),
            Self::AttemptEnded(e) => Some(e.call_id),
            Self::AgentStateChanged(e) => e.call_id,
            Self::DoNotCallAdded(e) => e.call_id,
            Self::MessageSent(e) => e.call_id,
            Self::MessageDelivered(e) => e.call_id,
            Self::MessageFailed(e) => e.call_id,
            Self::MessageReceived(e) => e.call_id,
            Self::PlatformStarted(_)
            | Self::PlatformStopped(_)
            | Self::ConfigurationLoaded(_)
            | Self::CampaignCreated(_)
            | Self::CampaignStarted(_)
            | Self::CampaignPaused(_)
            | Self::CampaignResumed(_)
            | Self::CampaignCompleted(_)
            | Self::LeadsImported(_)
            | Self::LeadRowRejected(_)
            | Self::LeadOffered(_)
            | Self::SubjectRegistered(_)
            | Self::LeadImported(_)
            | Self::DialRefused(_)
            | Self::AgentSignedIn(_)
            | Self::AgentSignedOut(_)
            | Self::CarrierAdded(_)
            | Self::CarrierFailed(_)
            | Self::CarrierRecovered(_)
            | Self::CarrierSuspended(_)
            | Self::SimCardAdded(_)
            | Self::SimCardSampled(_)
            | Self::SimCardRested(_)
            | Self::CarrierRegistered(_)
            | Self::CarrierRegistrationLost(_)
            | Self::PhoneRegistered(_)
            | Self::PhoneUnregistered(_)
            | Self::LineSampled(_)
            | Self::ReportMade(_)
            | Self::ReportSending(_)
            | Self::ReportSent(_)
            | Self::ReportSendFailed(_)
            | Self::ReportSendUnknown(_) => None,
        }
    }
}
