//! The Replaces header: a call that takes the place of another one (RFC 3891).
//!
//! In: the header's value, in an INVITE or inside a Refer-To. Out: the leg it names, or the
//! status that says why it names none. Invariant: a dialog is found by all three of Call-ID and
//! both tags, or not at all. Deliberately absent: Join (RFC 3911) and RFC 2543 peers without tags.

use super::agent::UserAgent;
use super::call::{Answering, Progress, Side};
use super::header::{self, Params};
use super::message::Message;
use crate::base::LegId;

/// What a Replaces header names, as the one who is asked sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Replaces {
    call_id: String,
    /// Our tag.
    to_tag: String,
    /// The peer's tag.
    from_tag: String,
    /// Only a dialog that is not answered yet may be replaced.
    early_only: bool,
}

impl Replaces {
    /// Reads a header's value (§6.1).
    pub(super) fn read(value: &str) -> Option<Self> {
        let (call_id, params) = value.trim().split_once(';')?;
        let params = Params::read(params);
        let tag = |name: &str| params.get(name).filter(|tag| header::is_token(tag));
        let call_id = call_id.trim();
        if call_id.is_empty() || call_id.contains([' ', '\t']) {
            return None;
        }
        Some(Self {
            call_id: call_id.to_owned(),
            to_tag: tag("to-tag")?.to_owned(),
            from_tag: tag("from-tag")?.to_owned(),
            early_only: params.get("early-only").is_some(),
        })
    }

    /// The header's value for a dialog, as its other end is to read it.
    pub(super) fn write(call_id: &str, their_tag: &str, our_tag: &str) -> String {
        format!("{call_id};to-tag={their_tag};from-tag={our_tag}")
    }
}

impl UserAgent {
    /// The leg an INVITE wants to replace; nothing where it wants none (§3).
    ///
    /// # Errors
    /// The status to refuse it with: 400 malformed, 481 no such dialog, 486 answered already,
    /// 603 over already.
    pub(super) fn replaced_by(&self, invite: &Message) -> Result<Option<LegId>, u16> {
        let mut values = invite.all("Replaces");
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() || invite.header("Join").is_some() {
            return Err(400);
        }
        self.leg_of(&Replaces::read(value).ok_or(400_u16)?).map(Some)
    }

    /// The leg of a dialog that may be replaced.
    ///
    /// # Errors
    /// As [`Self::replaced_by`].
    pub(super) fn leg_of(&self, wanted: &Replaces) -> Result<LegId, u16> {
        let leg = self.legs.get(&wanted.to_tag).copied().ok_or(481_u16)?;
        let call = self.calls.get(&leg).ok_or(481_u16)?;
        let Some(dialog) = &call.dialog else {
            return match &call.side {
                // An early dialog of a call we make.
                Side::Outgoing(out) if out.is_early(&wanted.call_id, &wanted.from_tag) => {
                    let is_over = call.is_over || out.progress != Progress::Proceeding;
                    if is_over { Err(603) } else { Ok(leg) }
                }
                _ => Err(481),
            };
        };
        if dialog.call_id != wanted.call_id || dialog.remote_tag != wanted.from_tag {
            return Err(481);
        }
        if call.is_over {
            return Err(603);
        }
        match &call.side {
            // Only who called may have an early dialog replaced.
            Side::Incoming(one) if one.progress == Answering::Pending => Err(481),
            _ if wanted.early_only => Err(486),
            _ => Ok(leg),
        }
    }
}
