//! Dialing: decisions become calls.

use super::slots::Slot;
use super::{Engine, EngineError};
use crate::base::{CallId, CampaignId, Timestamp};
use crate::call::{Call, CallInput, CallSetup};
use crate::dialing::{DialDecision, Wait, barred};
use crate::event::AttemptStarted;
use crate::privacy::VaultError;
use crate::runtime::journal::Draft;

impl Engine {
    /// Takes decisions until one begins a call, whose channel the next one has to know of, but no
    /// more than `left`; then it is due again at once. Whether anything was decided.
    pub(super) async fn dial(&mut self, left: &mut usize) -> Result<bool, EngineError> {
        self.dial_due = None;
        let mut decided_any = false;
        let ids: Vec<_> = self.parts.campaigns.iter().map(|campaign| campaign.id.clone()).collect();
        for campaign_id in ids {
            loop {
                if *left == 0 {
                    self.dial_due = Some(self.parts.journal.now());
                    return Ok(decided_any);
                }
                if !self.decide_dial(&campaign_id).await? {
                    break;
                }
                *left -= 1;
                decided_any = true;
                if !self.stirred.is_empty() {
                    return Ok(true);
                }
            }
        }
        Ok(decided_any)
    }

    /// Takes one decision. Whether another may follow.
    async fn decide_dial(&mut self, campaign_id: &CampaignId) -> Result<bool, EngineError> {
        if self.waits_for_recorder(campaign_id) {
            return Ok(false);
        }
        let journal = &mut self.parts.journal;
        let (now, position) = (journal.now(), journal.position());
        let mut call_ids = self.call_ids.clone();
        let call_id = CallId::next(now, &mut call_ids);
        let live = &journal.live;
        let decision =
            live.dialing.decide_dial(&live.compliance, campaign_id, call_id, now, position);
        match decision {
            DialDecision::Dial { decided, checked, started } => {
                self.call_ids = call_ids;
                let drafts = vec![
                    Draft::new(decided, now, "dialer"),
                    Draft::new(checked, now, "dialer"),
                    Draft::new(started.clone(), now, "dialer"),
                ];
                let ids = journal.append(drafts).await?;
                self.begin_call(campaign_id, &started, now, ids.first().copied());
                Ok(true)
            }
            DialDecision::Refuse(refused) => {
                journal.append(vec![Draft::new(refused, now, "dialer")]).await?;
                Ok(true)
            }
            DialDecision::Complete(completed) => {
                journal.append(vec![Draft::new(completed, now, "dialer")]).await?;
                Ok(false)
            }
            DialDecision::Wait(Wait::Until(due)) => {
                self.dial_due = self.dial_due.into_iter().chain([due]).min();
                Ok(false)
            }
            DialDecision::Wait(_) => Ok(false),
        }
    }

    fn begin_call(
        &mut self,
        campaign_id: &CampaignId,
        started: &AttemptStarted,
        now: Timestamp,
        cause: Option<crate::base::EventId>,
    ) {
        let Some(campaign) = self.parts.campaigns.iter().find(|one| one.id == *campaign_id) else {
            return;
        };
        let Some(script) = self.parts.scripts.get(campaign_id) else { return };
        let journal = &self.parts.journal;
        let lead = journal.live.dialing.leads().get(&started.lead_id);
        let sealed = journal.directory.ciphertext(started.subject_id);
        let opened = sealed.map(|sealed| self.parts.vault.open_sealed(started.subject_id, sealed));
        let (phone, reason) = match opened {
            // A number that came by another way than a list, or before the table knew it.
            Some(Ok((phone, _))) if barred(phone.reveal()).is_some() => (None, "number_barred"),
            Some(Ok((phone, _))) => (Some(phone), ""),
            Some(Err(VaultError::NoKey(_))) => (None, "subject_erased"),
            Some(Err(error)) => {
                tracing::warn!(call_id = %started.call_id, %error, "the number cannot be read");
                (None, "number_unreadable")
            }
            None => (None, "number_unreadable"),
        };
        let voice = (self.parts.voices)(&script);
        let setup = CallSetup {
            call_id: started.call_id,
            campaign_id: campaign_id.clone(),
            lead_id: started.lead_id,
            subject_id: started.subject_id,
            phone_hash: lead.map(|lead| lead.phone_hash.clone()).unwrap_or_default(),
            attempt_number: started.attempt_number,
            script,
            portrait: journal.directory.portrait(started.lead_id),
            ring_timeout: campaign.ring_timeout_ms,
            agent_ring: self.parts.sip.agent_ring_ms,
            wrap_up: self.parts.sip.wrap_up_ms,
            prices: self.parts.prices.clone(),
            post_dial_delays: self.parts.post_dial_delays.clone(),
        };
        let call_id = started.call_id;
        let is_reachable = phone.is_some();
        let call = Call::new(setup, now);
        self.calls.insert(call_id, Slot { call, phone, voice, cause });
        self.stirred.insert(call_id);
        if !is_reachable {
            self.give_call(call_id, CallInput::Stop { reason });
        }
    }
}
