//! Carriers come and go: what probes and failed calls say of them.

use super::{Engine, EngineError};
use crate::base::Millis;
use crate::dialing::{OPTIONS_TIMEOUT, Trust};
use crate::event::{CampaignStateName, CarrierFailed, CarrierRecovered};
use crate::runtime::journal::Draft;
use crate::sip::Hop;

/// A carrier that failed calls rests this long, even where it answers probes.
const REST: Millis = Millis(10_000);

/// Whether it was said that no carrier is left: once when the last one goes while leads wait,
/// once when one is back.
#[derive(Debug, Default)]
pub(super) struct Outage {
    is_said: bool,
}

/// What there is to say of all carriers together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    NoneLeft,
    OneIsBack,
}

impl Outage {
    fn look(&mut self, is_any_up: bool, do_leads_wait: bool) -> Option<Word> {
        match (self.is_said, is_any_up) {
            (false, false) if do_leads_wait => {
                self.is_said = true;
                Some(Word::NoneLeft)
            }
            (true, true) => {
                self.is_said = false;
                Some(Word::OneIsBack)
            }
            _ => None,
        }
    }
}

impl Engine {
    /// Says it where leads wait for a carrier and none is left, and when one is back.
    pub(super) fn watch_lines(&mut self) {
        let dialing = &self.parts.journal.live.dialing;
        let is_up = |id| dialing.carriers().get(id).is_some_and(|carrier| carrier.is_up);
        let is_any_up = self.parts.carriers.iter().any(|carrier| is_up(&carrier.id));
        let is_waiting = |id| {
            dialing.campaigns().get(id).is_some_and(|campaign| {
                campaign.state == CampaignStateName::Running
                    && campaign.closed_leads < campaign.leads
            })
        };
        let do_leads_wait = self.parts.campaigns.iter().any(|campaign| is_waiting(&campaign.id));
        match self.outage.look(is_any_up, do_leads_wait) {
            Some(Word::NoneLeft) => tracing::warn!(
                carriers = self.parts.carriers.len(),
                "no carrier is left: leads wait until one answers again"
            ),
            Some(Word::OneIsBack) => tracing::info!("a carrier is back: dialing goes on"),
            None => {}
        }
    }

    /// Takes out carriers that fail calls. Whether any was.
    pub(super) async fn judge_carriers(&mut self) -> Result<bool, EngineError> {
        let journal = &mut self.parts.journal;
        let failed = journal.live.dialing.judge_carriers();
        let now = journal.now();
        let rested = journal.live.dialing.judge_sims(now).into_iter();
        let rested = rested.map(|fact| Draft::new(fact, now, "dialer"));
        let mut drafts: Vec<_> = failed
            .into_iter()
            .filter(|fact| {
                journal.live.dialing.carriers().get(&fact.carrier_id).is_some_and(|one| one.is_up)
            })
            .map(|fact| {
                tracing::warn!(carrier = %fact.carrier_id, reason = fact.reason, "carrier taken out");
                Draft::new(fact, now, "dialer")
            })
            .collect();
        drafts.extend(rested);
        let is_any = !drafts.is_empty();
        for draft in &drafts {
            if let crate::event::Event::CarrierFailed(fact) = &draft.event {
                self.rests.insert(fact.carrier_id.clone(), now.plus(REST));
            }
        }
        journal.append(drafts).await?;
        Ok(is_any)
    }

    pub(super) fn probe_answered(&mut self, from: Hop, status: u16) {
        if status >= 500 && status != 501 {
            self.probe_missed(from);
            return;
        }
        self.probes.answered(from);
        self.target_answered(from);
        let now = self.parts.journal.now();
        for carrier in self.parts.carriers.iter() {
            if !self.targets.has(&carrier.id, from) {
                continue;
            }
            let known = self.parts.journal.live.dialing.carriers().get(&carrier.id);
            let is_down = known.is_some_and(|known| !known.is_up);
            let is_new = known.is_some_and(|known| known.is_up && known.trust == Trust::Unproven);
            let is_resting = self.rests.get(&carrier.id).is_some_and(|until| *until > now);
            if is_new || is_down && !is_resting {
                tracing::info!(carrier = %carrier.id, "carrier answers");
                let fact = CarrierRecovered { carrier_id: carrier.id.clone() };
                self.drafts.push(Draft::new(fact, now, "dialer"));
            }
        }
        self.phone_answered(from);
    }

    pub(super) fn probe_missed(&mut self, to: Hop) {
        if !self.probes.missed(to) {
            return;
        }
        self.target_missed(to);
        let now = self.parts.journal.now();
        for carrier in self.parts.carriers.iter() {
            let targets = self.targets.of(&carrier.id);
            if !targets.contains(&to) || !targets.iter().all(|target| self.probes.is_gone(*target))
            {
                continue;
            }
            let known = self.parts.journal.live.dialing.carriers().get(&carrier.id);
            if known.is_some_and(|known| known.is_up) {
                tracing::warn!(carrier = %carrier.id, "carrier does not answer");
                let reason = OPTIONS_TIMEOUT.to_owned();
                let fact = CarrierFailed { carrier_id: carrier.id.clone(), reason };
                self.drafts.push(Draft::new(fact, now, "dialer"));
            }
        }
        self.phone_gone(to);
    }
}

#[cfg(test)]
mod tests;
