//! A history to work on: what a platform would have recorded over some days, made in virtual
//! time.
//!
//! In: an empty log, its clock, keys, options with a seed. Out: facts in the log, appended in
//! the order and in the event streams in which the running platform appends them. The decisions
//! in it (whom to dial, over which carrier, who talks, what the rules say, the intention level)
//! are taken by the platform's own cores on folds of the very facts appended before; calls are
//! the platform's own [`crate::call::Call`], told by a simulated world what came in. So an
//! audit agrees with every one of them.
//! Invariants: the same options give the same bytes, ids and moments included, where the key
//! folder was empty; nobody in it exists.
//! Deliberately absent: SIP and RTP on a wire, and real time.

mod calendar;
mod calls;
mod clock;
mod disorder;
mod draw;
mod feed;
mod journal;
mod lines;
mod messages;
mod offers;
mod outcomes;
mod queue;
mod shifts;
mod stage;
mod talk;
mod world;

pub use clock::VirtualClock;
pub use outcomes::{Outcomes, OutcomesError, Stratum};

use self::stage::Stage;
use crate::base::{IdError, PhoneNumberError, Ppm, Rng, Timestamp};
use crate::conversation::ScriptError;
use crate::event_log::{AppendError, EmbeddedLog, EventLog as _};
use crate::privacy::{Vault, VaultError};
use crate::projection::live::OutOfOrder;

/// What a history is like.
#[derive(Clone, Debug)]
pub struct HistoryOptions {
    /// Days of calls.
    pub days: u32,
    /// Attempts in all, exactly.
    pub calls: u64,
    /// What everything follows from.
    pub seed: u64,
    /// The first day: the UTC day this moment falls in.
    pub start: Timestamp,
    /// Campaigns; English and Chinese ones take turns.
    pub campaigns: u32,
    /// Human agents.
    pub agents: u32,
    /// Carriers.
    pub carriers: u32,
    /// Calls whose talk is recorded late, and line samples that are.
    pub late: Ppm,
    /// Facts of talks that are recorded twice.
    pub duplicates: Ppm,
    /// What came of real calls.
    pub outcomes: Outcomes,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Attempts begun.
    pub calls: u64,
    /// Facts appended.
    pub events: u64,
    /// The moment it is in the history.
    pub at: Timestamp,
}

/// What was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct HistoryReport {
    /// Facts in the log.
    pub events: u64,
    /// Attempts.
    pub calls: u64,
    /// People.
    pub subjects: u64,
    /// Leads on lists.
    pub leads: u64,
    /// Attempts a person answered.
    pub contacts: u64,
    /// Meetings agreed to.
    pub appointments: u64,
    /// Meetings that became sales.
    pub sales: u64,
    /// Messages people were sent.
    pub messages: u64,
    /// People who do not want to be called again.
    pub opt_outs: u64,
    /// Dials that a rule forbade.
    pub refusals: u64,
    /// Times a carrier was taken out.
    pub carrier_failures: u64,
    /// Facts that were recorded late.
    pub late: u64,
    /// Facts that were recorded twice.
    pub duplicates: u64,
    /// When the log took the last fact.
    pub ended_at: Timestamp,
}

/// A history cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// It would mix with what is there.
    #[error(
        "make a history: the log has events up to position {0}; a history needs an empty one, so name another folder with --data-dir"
    )]
    NotEmpty(u64),
    /// Options that make no sense.
    #[error("make a history: {0}")]
    Options(&'static str),
    /// The log took nothing.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Somebody else writes to the log.
    #[error("make a history: foretold position {foretold}, the log gave {got:?}")]
    Position {
        /// Where the fact should stand.
        foretold: u64,
        /// Where it stands.
        got: Option<u64>,
    },
    /// Keys could not be kept.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A script that comes with the program is wrong.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// Our own mistake.
    #[error(transparent)]
    OutOfOrder(#[from] OutOfOrder),
    /// An id that is none.
    #[error(transparent)]
    Id(#[from] IdError),
    /// More people than there are fictional numbers.
    #[error("make a phone number: it {0}")]
    Phone(#[from] PhoneNumberError),
}

/// Makes a history in an empty log. `clock` is the one the log was opened with.
///
/// # Errors
/// See [`HistoryError`].
pub async fn simulate(
    log: &EmbeddedLog,
    clock: &VirtualClock,
    vault: &mut Vault,
    options: &HistoryOptions,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<HistoryReport, HistoryError> {
    if let Some(head) = log.head() {
        return Err(HistoryError::NotEmpty(head));
    }
    check(options)?;
    let stage = Stage::build((log, clock), vault, options, Rng::from_seed(options.seed))?;
    Box::pin(stage.run(progress)).await
}

const fn check(options: &HistoryOptions) -> Result<(), HistoryError> {
    let wrong = if options.days == 0 || options.days > 3_660 {
        "--days must be 1 to 3660"
    } else if options.calls == 0 || options.calls > 100_000_000 {
        "--calls must be 1 to 100000000"
    } else if options.campaigns == 0 || options.campaigns > 100 {
        "--campaigns must be 1 to 100"
    } else if options.agents > 1_000 {
        "--agents must be at most 1000"
    } else if options.carriers == 0 || options.carriers > 100 {
        "--carriers must be 1 to 100"
    } else if options.late.0 > Ppm::ONE.0 || options.duplicates.0 > Ppm::ONE.0 {
        "--late-ppm and --duplicate-ppm must be at most 1000000"
    } else {
        return Ok(());
    };
    Err(HistoryError::Options(wrong))
}

#[cfg(test)]
mod tests;
