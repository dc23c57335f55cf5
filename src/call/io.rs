//! What goes into a call and what comes out.

use super::{Hearing, TransferTarget};
use crate::base::{AgentId, CarrierId, LegId, Millis, Timestamp};
use crate::conversation::{self, PromptId};
use crate::dialing::EarlyTone;
use crate::event::{Event, Handler, RoutePurpose, SupervisionMode};
use crate::media::MediaStatistics;
use crate::media::dtls::DtlsFailure;
use crate::sip::{FailureCause, Party};

/// How a leg ended, as SIP tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegOver {
    /// A final answer of 300 to 699.
    Refused {
        /// The SIP status.
        status: u16,
        /// The Q.850 cause from the Reason header.
        q850: Option<u8>,
        /// From the Retry-After header. Units: ms.
        retry_after: Option<Millis>,
    },
    /// No usable final answer.
    Failed {
        /// Why.
        cause: FailureCause,
    },
    /// BYE.
    Ended {
        /// Who sent it.
        by: Party,
        /// The Q.850 cause from the Reason header.
        q850: Option<u8>,
    },
    /// CANCEL took effect, by hand or because it rang for too long.
    Cancelled,
    /// It was not sent: the number must not be dialled.
    Barred,
    /// Answered with a session description that cannot be used.
    BadSession,
    /// It was up, and no packet came for too long.
    MediaTimeout,
    /// It was up, and keys for its media could not be agreed on.
    NoKeys(DtlsFailure),
}

impl LegOver {
    /// A final answer that does not say when to ask again.
    pub const fn refused(status: u16, q850: Option<u8>) -> Self {
        Self::Refused { status, q850, retry_after: None }
    }
}

/// What a call reacts to.
#[derive(Clone, Debug)]
pub enum CallInput {
    /// The carrier for a leg was chosen; nothing where none is left.
    CarrierChosen {
        /// The leg asked for.
        leg_id: LegId,
        /// Its carrier.
        carrier_id: Option<CarrierId>,
    },
    /// None of the carriers may begin a call at this moment, but one of them soon: ask again.
    CarrierWaits {
        /// The leg asked for.
        leg_id: LegId,
        /// When its turn comes.
        until: Timestamp,
    },
    /// Who talks was chosen; nothing where nobody is free.
    HandlerChosen {
        /// What was asked for.
        purpose: RoutePurpose,
        /// Who.
        handler: Option<Handler>,
    },
    /// A provisional answer.
    Progress {
        /// The leg.
        leg_id: LegId,
        /// 100 to 199.
        status: u16,
    },
    /// A leg was answered and its media flows.
    Answered {
        /// The leg.
        leg_id: LegId,
        /// The codec's name in SDP.
        codec: &'static str,
    },
    /// A leg is over.
    Over {
        /// The leg.
        leg_id: LegId,
        /// How.
        over: LegOver,
        /// What its media counted.
        statistics: MediaStatistics,
    },
    /// A key was pressed on a leg.
    Digit {
        /// The leg.
        leg_id: LegId,
        /// 0 to 9, `*`, `#`, A to D.
        digit: char,
    },
    /// Something else was heard on a leg, or a prompt began or ended there.
    Heard {
        /// The leg.
        leg_id: LegId,
        /// What.
        input: conversation::Input,
    },
    /// A tone of the network was heard on a leg that nobody answered.
    EarlyTone {
        /// The leg.
        leg_id: LegId,
        /// What it says.
        tone: EarlyTone,
    },
    /// The other end of a leg put it on hold.
    Held {
        /// The leg.
        leg_id: LegId,
    },
    /// And is back.
    Resumed {
        /// The leg.
        leg_id: LegId,
    },
    /// A phone asks to have the call passed on (REFER).
    Referred {
        /// Its leg.
        leg_id: LegId,
        /// To whom.
        target: TransferTarget,
    },
    /// An agent was asked for by name.
    AgentTaken {
        /// Who.
        agent_id: AgentId,
        /// The agent was free, and is marked as ringing now.
        is_free: bool,
    },
    /// The phone of the agent who talks calls another agent.
    Consult {
        /// The leg that came in.
        leg_id: LegId,
        /// Who calls.
        from: AgentId,
        /// Whom.
        to: AgentId,
    },
    /// A supervisor wants to be joined, or to do something else there.
    Supervise {
        /// Who.
        agent_id: AgentId,
        /// What for.
        mode: SupervisionMode,
    },
    /// The platform wants the call over.
    Stop {
        /// Why, a stable name.
        reason: &'static str,
    },
}

/// What a call wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallCommand {
    /// Choose a carrier and answer with [`CallInput::CarrierChosen`], or with
    /// [`CallInput::CarrierWaits`] where one has its turn in time.
    WantCarrier {
        /// For which leg.
        leg_id: LegId,
        /// Until when it may wait.
        wait_until: Timestamp,
    },
    /// Choose who talks and answer with [`CallInput::HandlerChosen`].
    WantHandler {
        /// What for.
        purpose: RoutePurpose,
    },
    /// Dial the customer.
    InviteCustomer {
        /// The leg.
        leg_id: LegId,
        /// Over which carrier.
        carrier_id: CarrierId,
        /// How long to let it ring.
        ring_timeout: Millis,
    },
    /// Dial an agent's phone.
    InviteAgent {
        /// The leg.
        leg_id: LegId,
        /// Whose phone.
        agent_id: AgentId,
        /// How long to let it ring.
        ring_timeout: Millis,
    },
    /// End a leg in whatever state it is.
    HangUp {
        /// The leg.
        leg_id: LegId,
    },
    /// Say something on a leg.
    Play {
        /// The leg.
        leg_id: LegId,
        /// Comes back when it begins and ends.
        prompt: PromptId,
        /// The words.
        text: String,
    },
    /// Stop saying it.
    StopPlaying {
        /// The leg.
        leg_id: LegId,
        /// Which.
        prompt: PromptId,
    },
    /// Join legs as said here, and no others.
    Connect {
        /// Who hears whom, in order.
        hears: Vec<Hearing>,
    },
    /// Play the tone of hold on a leg until told otherwise.
    PlayHold {
        /// The leg.
        leg_id: LegId,
    },
    /// Stop that tone.
    StopHold {
        /// The leg.
        leg_id: LegId,
    },
    /// Take an agent who is free and answer with [`CallInput::AgentTaken`].
    WantAgent {
        /// Who.
        agent_id: AgentId,
    },
    /// Say that it rings to a phone that called.
    RingPhone {
        /// Its leg.
        leg_id: LegId,
    },
    /// Accept the call of a phone.
    AnswerPhone {
        /// Its leg.
        leg_id: LegId,
    },
    /// Refuse the call of a phone.
    RejectPhone {
        /// Its leg.
        leg_id: LegId,
        /// 300 to 699.
        status: u16,
    },
    /// Agree to pass the call on.
    AcceptRefer {
        /// The leg it was asked on.
        leg_id: LegId,
    },
    /// Do not pass the call on.
    RefuseRefer {
        /// The leg it was asked on.
        leg_id: LegId,
        /// 300 to 699.
        status: u16,
    },
    /// Say what came of passing the call on.
    NotifyRefer {
        /// The leg it was asked on, also where that is over.
        leg_id: LegId,
        /// 200 to 699.
        status: u16,
    },
    /// The call is over and can be forgotten.
    Done,
}

/// What comes out of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum CallOutput {
    /// To be logged.
    Fact(Event),
    /// To be done once the facts before it are durable.
    Command(CallCommand),
}
