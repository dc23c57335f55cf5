//! Erases a person: the key goes, and with it number and name wherever they were written.
//!
//! In: a number. Out: the reference whose data nobody can open any more. Invariants: the
//! log holds only ciphertext and a keyed hash, so that nothing in it has to change; recordings of
//! the person are deleted, and that is appended; the number is in no output and
//! no error; it works alone on the log, so that no platform dials from a vault in memory.
//! Deliberately absent: the portrait, which names nobody and stays.

use std::path::PathBuf;
use std::sync::Arc;

use super::clock::{SystemClock, system_rng};
use super::config::Config;
use super::journal::{Journal, JournalError};
use super::log::open_log;
use super::platform::{StartError, open_vault};
use super::recorder::forget_person;
use crate::base::{Clock, PhoneNumber, SubjectId};
use crate::dialing::LeadState;
use crate::privacy::VaultError;

/// A person cannot be erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// No log there: the wrong folder, most likely.
    #[error("erase: there is no log in {0}; name the folder with --config or --data-dir")]
    NoLog(PathBuf),
    /// Nobody has the number.
    #[error("erase: nobody in {0} has this number; wanted it as in the lead file")]
    Unknown(PathBuf),
    /// The log or the keys cannot be opened.
    #[error(transparent)]
    Open(#[from] StartError),
    /// The key could not be destroyed.
    #[error("erase: {0}; try again, the key may still be on disk")]
    Vault(#[from] VaultError),
    /// The key is destroyed, but the end of recordings cannot be recorded.
    #[error("erase: the key is destroyed; record that recordings are deleted: {0}; run it again")]
    Journal(JournalError),
}

/// What an erasure did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Erased {
    /// The person, by reference.
    pub subject_id: SubjectId,
    /// Whether there was a key; not where the person was erased before.
    pub had_key: bool,
    /// Leads of the person that are still to be dialled: the next run closes them without a call.
    pub open_leads: u64,
    /// Recordings of the person that were deleted. Nobody could open them any more.
    pub recordings: u64,
    /// Recordings that the store did not delete yet: the next run does.
    pub recordings_left: u64,
}

/// Destroys the key of whoever has a number.
///
/// # Errors
/// See [`EraseError`]; the log must not be open elsewhere.
pub async fn erase(config: &Config, phone: &PhoneNumber) -> Result<Erased, EraseError> {
    let folder = config.data_dir.join("log");
    if config.log.is_none() && !folder.is_dir() {
        return Err(EraseError::NoLog(folder));
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let opened = open_log(config, clock.clone()).await.map_err(StartError::from)?;
    let log = opened.log.clone();
    let mut journal = Journal::open(log.clone(), clock, system_rng(), config.node.clone())
        .await
        .map_err(StartError::from)?;
    let mut vault = open_vault(config, &journal)?;
    let erased = match journal.directory.subject(&vault.phone_hash(phone)) {
        Some(subject_id) => {
            let leads = journal.live.dialing.leads().values();
            let open = leads
                .filter(|lead| lead.subject_id == subject_id && lead.state != LeadState::Closed);
            let open_leads = open.count() as u64;
            let had_key = vault.destroy(subject_id)?;
            // The key is gone already; what nobody can open any more is deleted as well.
            forget_person(config, &mut journal, subject_id)
                .await
                .map(|(recordings, recordings_left)| Erased {
                    subject_id,
                    had_key,
                    open_leads,
                    recordings,
                    recordings_left,
                })
                .map_err(EraseError::Journal)
        }
        None => Err(EraseError::Unknown(config.data_dir.clone())),
    };
    log.close().await;
    erased
}
