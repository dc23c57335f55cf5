//! Facts about the SIP sides of a call.

use serde::{Deserialize, Serialize};

use super::HangUpParty;
use crate::base::{AgentId, CallId, CarrierId, LegId, Millis};

/// Which side a leg is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegKind {
    /// The customer's side, over a carrier.
    Customer(CarrierId),
    /// An agent's phone.
    Agent(AgentId),
    /// The phone of a supervisor who joins a call.
    Supervisor(AgentId),
}

/// An INVITE is about to be sent, or an agent's phone sent one to consult another agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LegStarted {
    /// The call.
    pub call_id: CallId,
    /// The leg.
    pub leg_id: LegId,
    /// Which side.
    pub kind: LegKind,
}

/// A provisional answer came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LegProgressed {
    /// The call.
    pub call_id: CallId,
    /// The leg.
    pub leg_id: LegId,
    /// 180 to 189.
    pub sip_status: u16,
    /// From the INVITE to this answer: the post-dial delay. Units: ms.
    pub after_ms: Millis,
}

/// A leg was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LegAnswered {
    /// The call.
    pub call_id: CallId,
    /// The leg.
    pub leg_id: LegId,
    /// From the INVITE to the answer. Units: ms.
    pub after_ms: Millis,
    /// `PCMU` or `PCMA`.
    pub codec: String,
}

/// A leg is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LegEnded {
    /// The call.
    pub call_id: CallId,
    /// The leg.
    pub leg_id: LegId,
    /// Which side.
    pub kind: LegKind,
    /// The final SIP status: 200 where answered.
    pub sip_status: Option<u16>,
    /// The Q.850 cause.
    pub q850_cause: Option<u8>,
    /// Why it failed where no final status came: `no_provisional`, `timeout`, `transport`.
    pub failure: Option<String>,
    /// Who ended it.
    pub hung_up_by: Option<HangUpParty>,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP packets received.
    pub packets_received: u64,
    /// RTP packets lost on the way here (RFC 3550 §A.3).
    pub packets_lost: u64,
    /// Inter-arrival jitter (RFC 3550 §A.8). Units: µs.
    pub jitter_us: u64,
    /// Round trip of the media path (RFC 3550 §6.4.1), where the other side reports it.
    /// Units: ms.
    pub round_trip_ms: Option<Millis>,
    /// The E-model's rating R (ITU-T G.107) of what was heard, where packets came.
    /// Units: thousandths.
    pub r_milli: Option<u32>,
    /// The mean opinion score that R stands for. Units: thousandths.
    pub mos_milli: Option<u32>,
}

/// How a leg sounded in the last half minute. What is left at its end is in [`LegEnded`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LegQualitySampled {
    /// The call.
    pub call_id: CallId,
    /// The leg.
    pub leg_id: LegId,
    /// How long was listened to, up to this fact. Units: ms.
    pub span_ms: Millis,
    /// RTP packets received meanwhile.
    pub packets_received: u64,
    /// RTP packets lost meanwhile on the way here (RFC 3550 §A.3).
    pub packets_lost: u64,
    /// Inter-arrival jitter (RFC 3550 §A.8). Units: µs.
    pub jitter_us: u64,
    /// Round trip of the media path (RFC 3550 §6.4.1), where the other side reports it.
    /// Units: ms.
    pub round_trip_ms: Option<Millis>,
    /// The E-model's rating R (ITU-T G.107) of what was heard, where packets came.
    /// Units: thousandths.
    pub r_milli: Option<u32>,
    /// The mean opinion score that R stands for. Units: thousandths.
    pub mos_milli: Option<u32>,
}

/// Our BYE got its final answer, or none in time. It follows the end of the leg, which does
/// not wait for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LegReleased {
    /// The call.
    pub call_id: CallId,
    /// The leg.
    pub leg_id: LegId,
    /// The answer's SIP status; nothing where none came.
    pub sip_status: Option<u16>,
    /// From the BYE to its answer, or to giving up (RFC 6076 §4.4). Units: ms.
    pub after_ms: Millis,
}
