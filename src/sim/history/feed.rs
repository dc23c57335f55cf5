//! Lists come in, days begin and end, numbers are dialled.

use std::cmp::Reverse;

use super::HistoryError;
use super::calendar::SLOT;
use super::stage::{DIAL_MS, Due, Stage};
use super::world::{Person, name, phone, row_problem};
use crate::base::{CallId, CampaignId, EventId, LeadId, Millis, SubjectId, Timestamp, sha256_hex};
use crate::dialing::{DialDecision, LeadState, Wait};
use crate::event::{
    CampaignCompleted, CampaignPaused, CampaignResumed, CampaignStarted, CampaignStateName,
    LeadImported, LeadRowRejected, LeadsImported, SubjectRegistered,
};
use crate::runtime::Draft;

/// One lead in so many is somebody who came with another list before.
const KNOWN_ONE_IN: u64 = 8;
/// One list in so many has a row that cannot be used.
const BAD_ROW_ONE_IN: u64 = 12;
/// What a lead costs. Units: thousandths of a cent.
const LEAD_MILLI: u64 = 4_500;
const DAY_MS: u64 = 86_400_000;
/// Facts in one append of an import, as in the runtime: leads, twice as many facts.
const CHUNK: u64 = 500;

/// What the dialer decided.
enum Decided {
    /// A call begins: the next decision has to know of it.
    Call,
    /// Somebody must not be called: the next lead's turn.
    Refusal,
    Nothing,
}

impl Stage<'_> {
    /// A campaign's day begins.
    pub(super) async fn opens(&mut self, number: usize) -> Result<(), HistoryError> {
        let Some(campaign) = self.campaigns.get_mut(number) else { return Ok(()) };
        if self.attempts >= self.options.calls {
            return Ok(());
        }
        campaign.is_open = true;
        let campaign_id = campaign.id.clone();
        let known = self.journal.live.dialing.campaigns().get(&campaign_id);
        let now = self.now;
        let draft = match known.map(|known| known.state) {
            Some(CampaignStateName::Paused) => {
                Draft::new(CampaignResumed { campaign_id }, now, "runtime")
            }
            _ => Draft::new(CampaignStarted { campaign_id }, now, "runtime"),
        };
        self.say(vec![draft]).await?;
        self.want_dial(now);
        Ok(())
    }

    /// It ends. The last one of all stays open until every call was made.
    pub(super) async fn closes(&mut self, number: usize) -> Result<(), HistoryError> {
        if self.is_last_close() && self.attempts < self.options.calls {
            self.queue.put(self.now, Due::Overtime(number));
            return Ok(());
        }
        self.pause(number, "closing_time").await
    }

    async fn pause(&mut self, number: usize, reason: &str) -> Result<(), HistoryError> {
        let Some(campaign) = self.campaigns.get_mut(number).filter(|one| one.is_open) else {
            return Ok(());
        };
        campaign.is_open = false;
        let fact = CampaignPaused { campaign_id: campaign.id.clone(), reason: reason.to_owned() };
        self.say(vec![Draft::new(fact, self.now, "runtime")]).await
    }

    /// Leads for what is missing at the end, until it is not.
    pub(super) async fn overtime(&mut self, number: usize) -> Result<(), HistoryError> {
        let missing = self.options.calls.saturating_sub(self.attempts);
        if missing == 0 {
            return Ok(());
        }
        let waiting = self.campaigns.get(number).map_or(0, |one| one.new_waiting);
        self.import(number, missing.saturating_sub(waiting)).await?;
        self.queue.put(self.now.plus(SLOT), Due::Overtime(number));
        Ok(())
    }

    /// A campaign gets as many leads as it needs to make its calls until the slot's end.
    pub(super) async fn feed(&mut self, number: usize) -> Result<(), HistoryError> {
        let spread = Millis(self.people_rng.below(SLOT.0 / 2));
        let Some(campaign) = self.campaigns.get_mut(number) else { return Ok(()) };
        let Some(slot) = campaign.slots.get(campaign.next_slot).copied() else { return Ok(()) };
        campaign.next_slot += 1;
        if let Some(next) = campaign.slots.get(campaign.next_slot) {
            self.queue.put(next.from.plus(spread), Due::Feed(number));
        }
        let end = slot.from.plus(SLOT);
        while campaign.retries.peek().is_some_and(|Reverse(due)| *due <= end) {
            campaign.retries.pop();
            campaign.retries_waiting += 1;
        }
        let coming = campaign.attempts + campaign.new_waiting + campaign.retries_waiting;
        let leads = slot.wanted.saturating_sub(coming);
        self.import(number, leads).await
    }

    /// Imports a list, in the order in which the runtime does.
    async fn import(&mut self, number: usize, leads: u64) -> Result<(), HistoryError> {
        if leads == 0 || self.attempts >= self.options.calls {
            return Ok(());
        }
        let now = self.now;
        let Some(campaign) = self.campaigns.get_mut(number) else { return Ok(()) };
        let campaign_id = campaign.id.clone();
        campaign.new_waiting += leads;
        let serial = campaign.list_order;
        let file = format!("{campaign_id}-{serial}.csv");
        let file_hash = sha256_hex(file.as_bytes());
        let mut line = 1;
        let mut left = leads;
        while left > 0 {
            let chunk = left.min(CHUNK);
            left -= chunk;
            let mut drafts = Vec::new();
            for (place, is_known) in self.draw_people(number, chunk)? {
                if !is_known {
                    drafts.push(Draft::new(self.registered(place)?, now, "import"));
                }
                line += 1;
                let file = (file_hash.as_str(), line);
                drafts.push(Draft::new(self.listed(number, place, file)?, now, "import"));
            }
            self.say(drafts).await?;
        }
        self.record_file(number, (file, file_hash), leads, line).await?;
        self.want_dial(now);
        Ok(())
    }

    async fn record_file(
        &mut self,
        number: usize,
        (file, file_hash): (String, String),
        accepted: u64,
        line: u64,
    ) -> Result<(), HistoryError> {
        let Some(campaign) = self.campaigns.get(number) else { return Ok(()) };
        let mut drafts = Vec::new();
        let rejected = u64::from(self.people_rng.below(BAD_ROW_ONE_IN) == 0);
        if rejected > 0 {
            let (column, reason) = row_problem(&mut self.people_rng);
            let fact = LeadRowRejected {
                campaign_id: campaign.id.clone(),
                file_hash: file_hash.clone(),
                line: line + 1,
                column: column.to_owned(),
                reason: reason.to_owned(),
            };
            drafts.push(Draft::new(fact, self.now, "import"));
        }
        let fact = LeadsImported {
            campaign_id: campaign.id.clone(),
            file,
            file_hash,
            accepted,
            rejected,
            duplicates: 0,
            cost_milli: Some(LEAD_MILLI * accepted),
            currency: Some(self.prices.currency.clone()),
        };
        drafts.push(Draft::new(fact, self.now, "import"));
        self.say(drafts).await
    }

    /// The list of a day: its files come in pieces.
    fn list_id(&self, campaign_id: &CampaignId) -> String {
        let day = self.now.since(self.options.start).0 / DAY_MS + 1;
        format!("{campaign_id}-day-{day}")
    }

    /// People for a list: strangers, who get a key, and some who are known.
    fn draw_people(
        &mut self,
        number: usize,
        count: u64,
    ) -> Result<Vec<(usize, bool)>, HistoryError> {
        let mut drawn = Vec::new();
        let mut strangers = Vec::new();
        for _ in 0..count {
            if let Some(known) = self.draw_known(number) {
                drawn.push((known, true));
                continue;
            }
            let subject_id = SubjectId::next(self.now, &mut self.subject_ids);
            let outcomes = &self.options.outcomes;
            let person = Person::draw(subject_id, number, outcomes, &mut self.people_rng);
            strangers.push(subject_id);
            drawn.push((self.people.len(), false));
            self.people.push(person);
        }
        let rng = &mut self.people_rng;
        self.vault.register(&strangers, &mut |buffer| rng.fill(buffer))?;
        Ok(drawn)
    }

    /// Somebody of another campaign's list who is not on this one.
    fn draw_known(&mut self, number: usize) -> Option<usize> {
        if self.people.is_empty() || self.people_rng.below(KNOWN_ONE_IN) > 0 {
            return None;
        }
        let place = self.people_rng.below(self.people.len() as u64) as usize;
        let home = usize::from(self.people.get(place)?.home);
        let speaks = self.campaigns.get(home)?.market.language;
        let campaign = self.campaigns.get_mut(number)?;
        let fits = home != number && speaks == campaign.market.language;
        (fits && campaign.guests.insert(place)).then_some(place)
    }

    fn registered(&mut self, place: usize) -> Result<SubjectRegistered, HistoryError> {
        let number = phone(place as u64)?;
        let (subject_id, language) = match self.people.get(place) {
            Some(person) => {
                (person.subject_id, super::world::market(usize::from(person.home)).language)
            }
            None => return Err(HistoryError::Options("a person is missing")),
        };
        let rng = &mut self.people_rng;
        let random = &mut |buffer: &mut [u8]| rng.fill(buffer);
        let name = name(place as u64, language);
        let ciphertext = self.vault.seal(subject_id, &number, &name, random)?;
        Ok(SubjectRegistered { subject_id, phone_hash: self.vault.phone_hash(&number), ciphertext })
    }

    fn listed(
        &mut self,
        number: usize,
        place: usize,
        (file_hash, line): (&str, u64),
    ) -> Result<LeadImported, HistoryError> {
        let lead_id = LeadId::next(self.now, &mut self.lead_ids);
        self.leads.insert(lead_id, place);
        self.report.leads += 1;
        let list_id = self.campaigns.get(number).map(|campaign| self.list_id(&campaign.id));
        let (Some(person), Some(campaign)) =
            (self.people.get(place), self.campaigns.get_mut(number))
        else {
            return Err(HistoryError::Options("a person is missing"));
        };
        campaign.list_order += 1;
        Ok(LeadImported {
            lead_id,
            campaign_id: campaign.id.clone(),
            subject_id: person.subject_id,
            phone_hash: self.vault.phone_hash(&phone(place as u64)?),
            list_order: campaign.list_order,
            file_hash: file_hash.to_owned(),
            line,
            portrait: person.portrait(&self.options.outcomes),
            value_ppm: person.value_ppm,
            list_id,
        })
    }

    /// Asks the dialer at this moment, or sooner if somebody else wants it sooner.
    pub(super) fn want_dial(&mut self, at: Timestamp) {
        if self.dial_at.is_none_or(|due| at < due) {
            self.dial_at = Some(at);
            self.queue.put(at, Due::Dial);
        }
    }

    /// Asks the dialer until one call begins, or none does.
    pub(super) async fn dial(&mut self) -> Result<(), HistoryError> {
        if self.dial_at != Some(self.now) {
            return Ok(());
        }
        self.dial_at = None;
        for number in 0..self.campaigns.len() {
            loop {
                match self.decide_dial(number).await? {
                    Decided::Call => return Ok(()),
                    Decided::Refusal => {}
                    Decided::Nothing => break,
                }
            }
        }
        Ok(())
    }

    /// Takes one decision.
    async fn decide_dial(&mut self, number: usize) -> Result<Decided, HistoryError> {
        let Some(campaign) = self.campaigns.get(number).filter(|one| one.is_open) else {
            return Ok(Decided::Nothing);
        };
        if self.attempts >= self.options.calls {
            self.pause(number, "calls_made").await?;
            return Ok(Decided::Nothing);
        }
        let live = &self.journal.live;
        let known = live.dialing.campaigns().get(&campaign.id);
        if known.is_none_or(|known| known.closed_leads >= known.leads) {
            // More leads come: the list is not over.
            return Ok(Decided::Nothing);
        }
        let (now, position) = (self.now, self.journal.position());
        let mut call_ids = self.call_ids.clone();
        let call_id = CallId::next(now, &mut call_ids);
        let decision =
            live.dialing.decide_dial(&live.compliance, &campaign.id, call_id, now, position);
        match decision {
            DialDecision::Dial { decided, checked, started } => {
                self.call_ids = call_ids;
                self.journal.disorder.call_begins(call_id);
                let drafts = vec![
                    Draft::new(decided, now, "dialer"),
                    Draft::new(checked, now, "dialer"),
                    Draft::new(started.clone(), now, "dialer"),
                ];
                let cause: Option<EventId> = self.journal.append(drafts, now).await?;
                self.attempts += 1;
                if let Some(campaign) = self.campaigns.get_mut(number) {
                    campaign.attempts += 1;
                    campaign.dialled(started.attempt_number);
                }
                let pause = self.dial_rng.between(DIAL_MS.0, DIAL_MS.1);
                self.want_dial(now.plus(Millis(pause)));
                self.begin_call(number, &started, cause).await?;
                Ok(Decided::Call)
            }
            DialDecision::Refuse(refused) => {
                let lead = live.dialing.leads().get(&refused.lead_id);
                let attempt = lead.map_or(1, |lead| lead.attempts + 1);
                self.report.refusals += 1;
                self.say(vec![Draft::new(refused, now, "dialer")]).await?;
                if let Some(campaign) = self.campaigns.get_mut(number) {
                    campaign.dialled(attempt);
                }
                Ok(Decided::Refusal)
            }
            DialDecision::Complete(CampaignCompleted { .. }) => Ok(Decided::Nothing),
            DialDecision::Wait(Wait::Until(due)) => {
                self.want_dial(due);
                Ok(Decided::Nothing)
            }
            DialDecision::Wait(_) => Ok(Decided::Nothing),
        }
    }

    /// Notes when a lead whose attempt ended is dialled again.
    pub(super) fn attempt_over(&mut self, number: usize, lead_id: LeadId) {
        let lead = self.journal.live.dialing.leads().get(&lead_id);
        if let Some(LeadState::RetryAt(due)) = lead.map(|lead| lead.state)
            && let Some(campaign) = self.campaigns.get_mut(number)
        {
            campaign.retries.push(Reverse(due));
        }
    }
}

impl super::stage::Campaign {
    /// A lead that waited was dialled, or is never dialled.
    fn dialled(&mut self, attempt_number: u32) {
        if attempt_number <= 1 {
            self.new_waiting = self.new_waiting.saturating_sub(1);
        } else if self.retries_waiting > 0 {
            self.retries_waiting -= 1;
        } else {
            // Dialled before its slot looked for it.
            self.retries.pop();
        }
    }
}
