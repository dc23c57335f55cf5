//! The facts.
//!
//! In: nothing. Out: one struct per fact, grouped in one file per stream family; the
//! [`Event`] enum over all of them with a stable name and a schema version each; the
//! [`Recorded`] envelope as the log gives it back; upcasters that lift old records.
//! Invariants: a name, once written, never changes its meaning; a field is only ever added as
//! an option or with a new schema version and an upcaster; no field holds a phone number or a
//! person's name in clear, only a [`crate::base::SubjectId`] and ciphertext.
//! Deliberately absent: deciding anything, and folding anything.

mod agent;
mod call;
mod campaign;
mod carrier;
mod catalog;
mod compliance;
mod configuration;
mod conversation;
mod cost;
mod decision;
mod envelope;
mod example;
mod lead;
mod leg;
mod message;
mod recording;
mod reference;
mod report;
mod transfer;
mod upcast;

pub use agent::{
    AgentSignedIn, AgentSignedOut, AgentState, AgentStateChanged, PhoneRegistered,
    PhoneUnregistered,
};
pub use call::{
    AnswerClassified, AnswerReviewed, AnswerVerdict, AttemptEnded, AttemptStarted, CallAnswered,
    CallBridged, CallEnded, Disposition, HangUpParty, PartyIdentified, VoicemailLeft,
};
pub use campaign::{
    CampaignCompleted, CampaignCreated, CampaignPaused, CampaignResumed, CampaignSettings,
    CampaignStarted, CampaignStateName, DialingMode, RetryRule, RoutingWeights,
};
pub use carrier::{
    CarrierAdded, CarrierFailed, CarrierRecovered, CarrierRegistered, CarrierRegistrationLost,
    CarrierSuspended, LineSampled, SimCardAdded, SimCardRested, SimCardSampled,
};
pub use catalog::{CATALOG, Event, EventType, Family};
pub use compliance::{ComplianceChecked, DialRefused, DoNotCallAdded, RuleOutcome};
pub use configuration::{ConfigurationLoaded, PlatformStarted, PlatformStopped};
pub use conversation::{
    CommitmentMade, HeardKind, IntentTagged, IntentionLevel, IntentionLevelSet, OptOutHeard,
    TransferRequested, TurnHeard, TurnSpoken,
};
pub use cost::{CostBooked, CostKind};
pub use decision::{
    CarrierCandidate, CarrierChosen, DialCapacity, DialDecided, Handler, HandlerCandidate,
    HandlerChosen, RoutePurpose, ScoreTerms, SimCandidate, Veto,
};
pub use envelope::{
    Actor, ContentType, ExpectedRevision, NewEvent, Recorded, StreamName, StreamNameError,
};
pub use example::examples;
pub use lead::{
    LeadImported, LeadOffered, LeadRowRejected, LeadsImported, OfferOutcome, Portrait,
    SubjectRegistered,
};
pub use leg::{
    LegAnswered, LegEnded, LegKind, LegProgressed, LegQualitySampled, LegReleased, LegStarted,
};
pub use message::{MessageChannel, MessageDelivered, MessageFailed, MessageReceived, MessageSent};
pub use recording::{
    RecordingDeleted, RecordingDeletion, RecordingExported, RecordingFailed, RecordingPlayed,
    RecordingStarted, RecordingStored,
};
pub use reference::markdown;
pub use report::{
    ReportKind, ReportMade, ReportSendFailed, ReportSendUnknown, ReportSending, ReportSent,
};
pub use transfer::{
    LegHeld, LegResumed, SupervisionEnded, SupervisionMode, SupervisionModeChanged,
    SupervisionStarted, TransferCompleted, TransferFailed, TransferKind, TransferStarted,
};
pub use upcast::{DecodeError, Upcaster, upcast};

#[cfg(test)]
mod tests;
