//! What a crash left open is closed before anything new begins.
//!
//! A dialog that was up when the process died cannot be taken up again: its keys are gone. The
//! attempt ends as cancelled and is not repeated, because the phone may have rung.

use super::journal::{Draft, Journal, JournalError};
use crate::base::Millis;
use crate::event::{AgentSignedOut, AttemptEnded, Disposition, LegEnded, PlatformStarted};

/// What opening found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Bytes of an unfinished group that were cut off the log.
    pub torn_tail_bytes: u64,
    /// Attempts that were open.
    pub interrupted_attempts: u32,
}

/// Closes what is open and records that the platform works.
pub(crate) async fn recover(
    journal: &mut Journal,
    node: &str,
    torn_tail_bytes: u64,
) -> Result<Recovered, JournalError> {
    let now = journal.now();
    let mut drafts = Vec::new();
    for (leg_id, call_id, kind) in journal.directory.open_legs() {
        drafts.push(Draft::new(
            LegEnded {
                call_id,
                leg_id,
                kind: kind.clone(),
                sip_status: None,
                q850_cause: None,
                failure: None,
                hung_up_by: None,
                packets_sent: 0,
                packets_received: 0,
                packets_lost: 0,
                jitter_us: 0,
                round_trip_ms: None,
                r_milli: None,
                mos_milli: None,
            },
            now,
            "recovery",
        ));
    }
    let mut interrupted_attempts = 0;
    for attempt in journal.directory.open_attempts() {
        interrupted_attempts += 1;
        drafts.push(Draft::new(
            AttemptEnded {
                call_id: attempt.call_id,
                campaign_id: attempt.campaign_id.clone(),
                lead_id: attempt.lead_id,
                subject_id: attempt.subject_id,
                attempt_number: attempt.attempt_number,
                disposition: Disposition::Cancelled,
                sip_status: None,
                q850_cause: None,
                talk_ms: Millis(0),
                level: None,
                reason: Some("process_restart".to_owned()),
            },
            now,
            "recovery",
        ));
    }
    for agent_id in journal.directory.agents().keys() {
        drafts.push(Draft::new(AgentSignedOut { agent_id: agent_id.clone() }, now, "recovery"));
    }
    drafts.push(Draft::new(
        PlatformStarted {
            node: node.to_owned(),
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            torn_tail_bytes,
            interrupted_attempts,
        },
        now,
        "runtime",
    ));
    journal.append(drafts).await?;
    Ok(Recovered { torn_tail_bytes, interrupted_attempts })
}
