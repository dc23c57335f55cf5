//! Leads come in: people into the vault, their references and portraits into the log.
//!
//! Invariants: a subject's key is on disk before any fact names the subject; a number stands on
//! a campaign's list once, and a bad row is recorded once, however often its file is read and
//! wherever an import was cut off.

use super::directory::listed;
use super::journal::{Draft, Journal, JournalError};
use crate::base::{CampaignId, IdSequence, LeadId, SubjectId, sha256_hex};
use crate::dialing::lead_file::{self, LeadFileError, LeadRow, LeftOut, RowProblem};
use crate::event::{LeadImported, LeadRowRejected, LeadsImported, SubjectRegistered};
use crate::privacy::{Vault, VaultError};

/// Facts in one append.
const CHUNK: usize = 500;

/// A lead file could not be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file has no usable header.
    #[error(transparent)]
    File(#[from] LeadFileError),
    /// Keys could not be kept.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The log took nothing.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ImportReport {
    /// Leads that are on the list now and were not before.
    pub accepted: u64,
    /// Rows that cannot be used.
    pub rejected: u64,
    /// Rows whose number is on the list already.
    pub duplicates: u64,
    /// Each row that cannot be used.
    pub problems: Vec<RowProblem>,
    /// Each column that portraits go without, as its values point to people.
    pub left_out: Vec<LeftOut>,
}

/// A lead file and where it goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Import<'a> {
    /// The campaign.
    pub(crate) campaign_id: &'a CampaignId,
    /// The file's name, for the record.
    pub(crate) file: &'a str,
    /// What is in it.
    pub(crate) bytes: &'a [u8],
    /// Take no more than so many rows.
    pub(crate) rows_max: Option<usize>,
    /// What a lead costs, in thousandths of the currency's minor unit, and the currency.
    pub(crate) price: Option<(u64, &'a str)>,
}

/// Imports a lead file. A second time it finds only duplicates and records nothing.
///
/// Facts are appended in groups: an import that is cut off is gone on with by the next one.
pub(crate) async fn import(
    journal: &mut Journal,
    vault: &mut Vault,
    import: Import<'_>,
    random: &mut (dyn FnMut(&mut [u8]) + Send),
) -> Result<ImportReport, ImportError> {
    let mut file = lead_file::parse(import.bytes)?;
    file.rows.truncate(import.rows_max.unwrap_or(usize::MAX));
    let file_hash = sha256_hex(import.bytes);
    let mut known = listed(&journal.live, import.campaign_id);
    let mut list_order = known.len() as u64 + 1;
    let mut report = ImportReport {
        rejected: file.problems.len() as u64,
        problems: file.problems,
        left_out: file.left_out,
        ..ImportReport::default()
    };
    let rows = file.rows.len();
    let fresh: Vec<_> = file
        .rows
        .into_iter()
        .map(|row| (vault.phone_hash(&row.phone), row))
        .filter(|(phone_hash, _)| known.insert(phone_hash.clone()))
        .collect();
    report.accepted = fresh.len() as u64;
    report.duplicates = (rows - fresh.len()) as u64;
    let mut ids = IdSequence::new(&mut journal.fork("leads"));
    for chunk in fresh.chunks(CHUNK) {
        let now = journal.now();
        let mut drafts = Vec::with_capacity(chunk.len() * 2);
        let people: Vec<_> = chunk
            .iter()
            .map(|(phone_hash, row)| {
                let known = journal.directory.subject(phone_hash);
                (known, known.unwrap_or_else(|| SubjectId::next(now, &mut ids)), row, phone_hash)
            })
            .collect();
        let strangers: Vec<_> = people
            .iter()
            .filter(|(known, ..)| known.is_none())
            .map(|(_, subject_id, ..)| *subject_id)
            .collect();
        vault.register(&strangers, random)?;
        for (known, subject_id, row, phone_hash) in people {
            if known.is_none() {
                let ciphertext = vault.seal(subject_id, &row.phone, &row.name, random)?;
                let phone_hash = phone_hash.clone();
                let fact = SubjectRegistered { subject_id, phone_hash, ciphertext };
                drafts.push(Draft::new(fact, now, "import"));
            }
            let lead_id = LeadId::next(now, &mut ids);
            let place = (lead_id, subject_id, list_order);
            drafts.push(Draft::new(
                lead(import, place, row, phone_hash, &file_hash),
                now,
                "import",
            ));
            list_order += 1;
        }
        journal.append(drafts).await?;
    }
    record_file(journal, import, &file_hash, &report).await?;
    Ok(report)
}

fn lead(
    import: Import<'_>,
    (lead_id, subject_id, list_order): (LeadId, SubjectId, u64),
    row: &LeadRow,
    phone_hash: &str,
    file_hash: &str,
) -> LeadImported {
    LeadImported {
        lead_id,
        campaign_id: import.campaign_id.clone(),
        subject_id,
        phone_hash: phone_hash.to_owned(),
        list_order,
        file_hash: file_hash.to_owned(),
        line: row.line,
        portrait: row.portrait.clone(),
        value_ppm: row.value.0,
        list_id: list_id(import.file),
    }
}

/// The list people know a file by: its name without its ending.
fn list_id(file: &str) -> Option<String> {
    let stem = std::path::Path::new(file).file_stem()?.to_str()?;
    Some(stem.to_owned())
}

/// Records the file where it brought leads or is not on record, as after an import that was cut
/// off before this; its bad rows the first time.
async fn record_file(
    journal: &mut Journal,
    import: Import<'_>,
    file_hash: &str,
    report: &ImportReport,
) -> Result<(), JournalError> {
    let is_recorded = journal.directory.has_file(import.campaign_id, file_hash);
    if report.accepted == 0 && is_recorded {
        return Ok(());
    }
    let now = journal.now();
    let problems = if is_recorded { &[][..] } else { &report.problems };
    let mut drafts: Vec<_> = problems
        .iter()
        .map(|problem| {
            let fact = LeadRowRejected {
                campaign_id: import.campaign_id.clone(),
                file_hash: file_hash.to_owned(),
                line: problem.line,
                column: problem.column.clone(),
                reason: problem.reason.clone(),
            };
            Draft::new(fact, now, "import")
        })
        .collect();
    let fact = LeadsImported {
        campaign_id: import.campaign_id.clone(),
        file: import.file.to_owned(),
        file_hash: file_hash.to_owned(),
        accepted: report.accepted,
        rejected: report.rejected,
        duplicates: report.duplicates,
        cost_milli: import.price.map(|(each, _)| each.saturating_mul(report.accepted)),
        currency: import.price.map(|(_, currency)| currency.to_owned()),
    };
    drafts.push(Draft::new(fact, now, "import"));
    journal.append(drafts).await?;
    Ok(())
}
