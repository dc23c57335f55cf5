//! Examples of hold, transfer and supervision.

use super::{AGENT_LEG, CALL, agent, slug};
use crate::base::{AgentId, LegId, Millis};
use crate::event::{
    Event, LegHeld, LegKind, LegResumed, SupervisionEnded, SupervisionMode, SupervisionModeChanged,
    SupervisionStarted, TransferCompleted, TransferFailed, TransferKind, TransferStarted,
};

const SUPERVISOR_LEG: LegId =
    LegId(uuid::Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0008));

pub(super) fn transfers() -> Vec<Event> {
    let (call_id, leg_id, agent_id, kind) = (CALL, AGENT_LEG, agent(), TransferKind::Blind);
    let (target, supervisor): (AgentId, AgentId) = (slug("kim"), slug("sam"));
    let held = LegKind::Agent(agent());
    let (watching, mode) = (SUPERVISOR_LEG, SupervisionMode::Listen);
    vec![
        LegHeld { call_id, leg_id, kind: held.clone() }.into(),
        LegResumed { call_id, leg_id, kind: held, held_ms: Millis(12_000) }.into(),
        TransferStarted {
            call_id,
            leg_id,
            agent_id: agent_id.clone(),
            kind,
            target: Some(target.clone()),
        }
        .into(),
        TransferCompleted {
            call_id,
            leg_id,
            agent_id: agent_id.clone(),
            kind,
            target,
            after_ms: Millis(4_200),
        }
        .into(),
        TransferFailed {
            call_id,
            leg_id,
            agent_id,
            kind: TransferKind::Attended,
            target: None,
            sip_status: 480,
            after_ms: Millis(0),
        }
        .into(),
        SupervisionStarted { call_id, leg_id: watching, agent_id: supervisor.clone(), mode }.into(),
        SupervisionModeChanged {
            call_id,
            leg_id: watching,
            agent_id: supervisor.clone(),
            mode: SupervisionMode::Whisper,
        }
        .into(),
        SupervisionEnded {
            call_id,
            leg_id: watching,
            agent_id: supervisor,
            after_ms: Millis(61_000),
        }
        .into(),
    ]
}
