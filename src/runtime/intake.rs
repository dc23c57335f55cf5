//! Leads that clients offer while the platform runs.
//!
//! In: offers to the inbox of a campaign, each what a client says of one person. Out: people in
//! the vault, and in one append the inbox's own events, references of people, leads, and the
//! campaign's new start where it was complete. Invariants: a subject's key is on disk before any
//! fact names the subject; a number stands on a campaign's list once; an offer with the same id
//! is taken once, for good; nothing that points to a person is in the log or in an error.
//! Deliberately absent: the wire, and columns, which are those of a lead file.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::{mpsc, oneshot};

use super::config::CampaignConfig;
use super::journal::{Draft, INBOX, Journal, JournalError};
use crate::base::{CampaignId, EventId, LeadId, SubjectId, Timestamp};
use crate::dialing::lead_file::{self, LeadRow, ObjectError, RowProblem};
use crate::event::{
    CampaignStarted, CampaignStateName, ExpectedRevision, LeadImported, LeadOffered, NewEvent,
    OfferOutcome, StreamName, SubjectRegistered,
};
use crate::event_log::{AppendError, Appended};
use crate::privacy::{Vault, VaultError};

/// Offers that wait for the platform; who has more waits.
const WAITING_MAX: usize = 64;

/// Leads were not taken in, none of them.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// No such campaign. What was named is not repeated.
    #[error("offer leads: no campaign has this inbox; those of {known} are there")]
    UnknownCampaign {
        /// The campaigns there are.
        known: String,
    },
    /// One is no lead at all.
    #[error("offer leads: {0}")]
    Object(#[from] ObjectError),
    /// The log took nothing.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Keys could not be kept.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The platform stops or has stopped.
    #[error("offer leads: the platform stops")]
    Stopping,
}

impl From<AppendError> for OfferError {
    fn from(error: AppendError) -> Self {
        Self::Journal(JournalError::Append(error))
    }
}

impl OfferError {
    /// Whether the platform cannot go on either: it is not the client's doing.
    fn is_fatal(&self) -> bool {
        let Self::Journal(error) = self else { return false };
        !matches!(
            error,
            JournalError::Append(
                AppendError::WrongExpectedRevision { .. }
                    | AppendError::PartlyRepeated { .. }
                    | AppendError::StreamDeleted { .. }
                    | AppendError::InvalidStream { .. }
                    | AppendError::TooLarge { .. }
                    | AppendError::NoEvents
            )
        )
    }
}

/// Leads for one inbox, and who waits for the answer. It does not print: it holds people.
pub(crate) struct Offer {
    stream: StreamName,
    expected: ExpectedRevision,
    offers: Vec<NewEvent>,
    answer: oneshot::Sender<Result<Appended, OfferError>>,
}

/// Where leads are offered to a platform that runs.
#[derive(Clone, Debug)]
pub struct Inbox(mpsc::Sender<Offer>);

impl Inbox {
    /// An inbox and what comes out of it.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Offer>) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        (Self(sender), receiver)
    }

    /// Offers leads, all or none; answered once they are durable. The data of each event are a
    /// JSON object whose fields are the columns of a lead file.
    ///
    /// # Errors
    /// See [`OfferError`].
    pub async fn offer(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
        offers: Vec<NewEvent>,
    ) -> Result<Appended, OfferError> {
        let (answer, answered) = oneshot::channel();
        let offer = Offer { stream, expected, offers, answer };
        self.0.send(offer).await.map_err(|_| OfferError::Stopping)?;
        answered.await.map_err(|_| OfferError::Stopping)?
    }
}

#[cfg(feature = "kurrentdb")]
impl crate::kurrentdb::intake::Intake for Inbox {
    fn offer(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
        offers: Vec<NewEvent>,
    ) -> crate::event_log::BoxFuture<'_, Result<Appended, crate::kurrentdb::intake::IntakeError>>
    {
        use crate::kurrentdb::intake::IntakeError;

        Box::pin(async move {
            Self::offer(self, stream, expected, offers).await.map_err(|error| match error {
                OfferError::UnknownCampaign { .. } | OfferError::Object(_) => {
                    IntakeError::Refused(error.to_string())
                }
                OfferError::Journal(JournalError::Append(error)) => IntakeError::Append(error),
                OfferError::Journal(_) | OfferError::Vault(_) | OfferError::Stopping => {
                    IntakeError::Unavailable
                }
            })
        })
    }
}

impl Offer {
    /// Says that nothing is taken in any more.
    pub(crate) fn refuse(self) {
        // Whoever went away needs no answer.
        drop(self.answer.send(Err(OfferError::Stopping)));
    }

    /// Takes the leads in and answers.
    ///
    /// # Errors
    /// [`JournalError`] where the platform cannot go on either.
    pub(crate) async fn take(
        self,
        journal: &mut Journal,
        vault: &mut Vault,
        campaigns: &[CampaignConfig],
        random: &mut (dyn FnMut(&mut [u8]) + Send),
    ) -> Result<(), JournalError> {
        let Self { stream, expected, offers, answer } = self;
        let taken = take_in(journal, vault, campaigns, (&stream, expected, offers), random).await;
        if let Err(OfferError::Vault(error)) = &taken {
            tracing::error!(%error, "leads were not taken in");
        }
        if taken.as_ref().is_err_and(OfferError::is_fatal) {
            // The client hears that the platform stops, and the platform why.
            let Err(OfferError::Journal(error)) = taken else { return Ok(()) };
            return Err(error);
        }
        drop(answer.send(taken));
        Ok(())
    }
}

async fn take_in(
    journal: &mut Journal,
    vault: &mut Vault,
    campaigns: &[CampaignConfig],
    (stream, expected, offers): (&StreamName, ExpectedRevision, Vec<NewEvent>),
    random: &mut (dyn FnMut(&mut [u8]) + Send),
) -> Result<Appended, OfferError> {
    let campaign_id = campaign_of(stream, journal, campaigns)?;
    if let Some(before) = repeated(journal, (stream, &campaign_id), expected, &offers).await? {
        return Ok(journal.repeat(stream, before, ids_only(offers)).await?);
    }
    let file = lead_file::parse_objects(offers.iter().map(|offer| offer.data.as_slice()))?;
    // No keys for leads that will not be taken.
    journal.check(stream, expected).await?;
    let now = journal.now();
    let mut list = List::new(journal, &campaign_id, now);
    let mut rows: BTreeMap<_, _> = file.rows.into_iter().map(|row| (row.line, row)).collect();
    let mut problems: BTreeMap<_, _> =
        file.problems.into_iter().map(|found| (found.line, found)).collect();
    let mut drafts = Vec::with_capacity(offers.len() * 3);
    for (place, offer) in (1..).zip(offers) {
        let fact = match rows.remove(&place) {
            Some(row) => list.take(journal, vault, offer.event_id, row),
            None => rejected(&campaign_id, problems.remove(&place)),
        };
        drafts.push(Draft {
            event: fact.into(),
            at: now,
            actor: offer.actor,
            cause: offer.causation_id,
            event_id: Some(offer.event_id),
            correlation: offer.correlation_id,
        });
    }
    vault.register(&list.strangers(), random)?;
    let has_new = !list.fresh.is_empty();
    list.write(vault, random, &mut drafts)?;
    let campaign = journal.live.dialing.campaigns().get(&campaign_id);
    if has_new && campaign.is_some_and(|one| one.state == CampaignStateName::Completed) {
        drafts.push(Draft::new(CampaignStarted { campaign_id }, now, "intake"));
    }
    Ok(journal.append_expecting(expected, drafts).await?)
}

/// The campaign whose inbox a stream is.
fn campaign_of(
    stream: &StreamName,
    journal: &Journal,
    campaigns: &[CampaignConfig],
) -> Result<CampaignId, OfferError> {
    let known = journal.live.dialing.campaigns();
    let mut there = campaigns.iter().map(|one| &one.id).filter(|id| known.contains_key(*id));
    match there.clone().find(|id| *stream == StreamName::of(INBOX, id)) {
        Some(id) => Ok(id.clone()),
        None => {
            let first = there.next().map(ToString::to_string).unwrap_or_default();
            let known = there.fold(first, |known, id| format!("{known}, {id}"));
            Err(OfferError::UnknownCampaign { known })
        }
    }
}

/// The revision before offers that were taken before; nothing where they are new.
///
/// # Errors
/// Where only some of them were, or they stand elsewhere than the client believes.
async fn repeated(
    journal: &mut Journal,
    (stream, campaign_id): (&StreamName, &CampaignId),
    expected: ExpectedRevision,
    offers: &[NewEvent],
) -> Result<Option<ExpectedRevision>, OfferError> {
    let Some(first) = offers.first() else { return Err(AppendError::NoEvents.into()) };
    if let Some(revision) = journal.directory.offer(campaign_id, first.event_id) {
        let before =
            revision.checked_sub(1).map_or(ExpectedRevision::NoStream, ExpectedRevision::Exact);
        let is_where_believed =
            matches!(expected, ExpectedRevision::Any | ExpectedRevision::StreamExists)
                || expected == before;
        if is_where_believed {
            return Ok(Some(before));
        }
        let actual = journal.check(stream, ExpectedRevision::Any).await?;
        let stream = stream.clone();
        return Err(AppendError::WrongExpectedRevision { stream, expected, actual }.into());
    }
    let mut seen = BTreeSet::new();
    let twice = offers.iter().map(|offer| offer.event_id).find(|event_id| {
        journal.directory.offer(campaign_id, *event_id).is_some() || !seen.insert(*event_id)
    });
    match twice {
        Some(event_id) => {
            Err(AppendError::PartlyRepeated { stream: stream.clone(), event_id }.into())
        }
        None => Ok(None),
    }
}

/// Offers without anything they say: the log compares ids.
fn ids_only(mut offers: Vec<NewEvent>) -> Vec<NewEvent> {
    for offer in &mut offers {
        offer.data = b"{}".to_vec();
    }
    offers
}

fn rejected(campaign_id: &CampaignId, found: Option<RowProblem>) -> LeadOffered {
    let found = found.map(|found| (found.column, found.reason));
    let (column, reason) = found.unwrap_or_default();
    LeadOffered {
        campaign_id: campaign_id.clone(),
        outcome: OfferOutcome::Rejected,
        lead_id: None,
        column: Some(column),
        reason: Some(reason),
    }
}

/// Leads that come onto a list together.
struct List {
    campaign_id: CampaignId,
    now: Timestamp,
    ids: crate::base::IdSequence,
    list_order: u64,
    fresh: BTreeMap<String, SubjectId>,
    leads: Vec<Fresh>,
}

/// A lead that was not on the list.
struct Fresh {
    lead_id: LeadId,
    subject_id: SubjectId,
    is_stranger: bool,
    phone_hash: String,
    offer: EventId,
    row: LeadRow,
}

impl List {
    fn new(journal: &mut Journal, campaign_id: &CampaignId, now: Timestamp) -> Self {
        let campaign = journal.live.dialing.campaigns().get(campaign_id);
        let list_order = campaign.map_or(0, |campaign| campaign.leads) + 1;
        let ids = crate::base::IdSequence::new(&mut journal.fork("intake"));
        let campaign_id = campaign_id.clone();
        Self { campaign_id, now, ids, list_order, fresh: BTreeMap::new(), leads: Vec::new() }
    }

    /// Decides on one lead.
    fn take(
        &mut self,
        journal: &Journal,
        vault: &Vault,
        offer: EventId,
        row: LeadRow,
    ) -> LeadOffered {
        let phone_hash = vault.phone_hash(&row.phone);
        let known = journal.directory.subject(&phone_hash);
        let is_listed =
            known.is_some_and(|known| journal.directory.is_listed(&self.campaign_id, known));
        let mut fact = LeadOffered {
            campaign_id: self.campaign_id.clone(),
            outcome: OfferOutcome::Duplicate,
            lead_id: None,
            column: None,
            reason: None,
        };
        if is_listed || self.fresh.contains_key(&phone_hash) {
            return fact;
        }
        let subject_id = known.unwrap_or_else(|| SubjectId::next(self.now, &mut self.ids));
        let lead_id = LeadId::next(self.now, &mut self.ids);
        self.fresh.insert(phone_hash.clone(), subject_id);
        let is_stranger = known.is_none();
        self.leads.push(Fresh { lead_id, subject_id, is_stranger, phone_hash, offer, row });
        fact.outcome = OfferOutcome::Accepted;
        fact.lead_id = Some(lead_id);
        fact
    }

    /// Those who need a key.
    fn strangers(&self) -> Vec<SubjectId> {
        self.leads.iter().filter(|lead| lead.is_stranger).map(|lead| lead.subject_id).collect()
    }

    /// What the log is told of them.
    fn write(
        self,
        vault: &Vault,
        random: &mut (dyn FnMut(&mut [u8]) + Send),
        drafts: &mut Vec<Draft>,
    ) -> Result<(), VaultError> {
        for (list_order, lead) in (self.list_order..).zip(self.leads) {
            let Fresh { lead_id, subject_id, is_stranger, phone_hash, offer, row } = lead;
            let mut tell = |event| {
                let draft = Draft::new(event, self.now, "intake").because_of(Some(offer));
                drafts.push(draft);
            };
            if is_stranger {
                let ciphertext = vault.seal(subject_id, &row.phone, &row.name, random)?;
                let phone_hash = phone_hash.clone();
                tell(crate::event::Event::from(SubjectRegistered {
                    subject_id,
                    phone_hash,
                    ciphertext,
                }));
            }
            tell(crate::event::Event::from(LeadImported {
                lead_id,
                campaign_id: self.campaign_id.clone(),
                subject_id,
                phone_hash,
                list_order,
                file_hash: String::new(),
                line: 0,
                portrait: row.portrait,
                value_ppm: row.value.0,
                list_id: None,
            }));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
