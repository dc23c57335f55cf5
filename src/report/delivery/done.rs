//! What was done for a report, and what cannot be done.

use crate::base::ReportPlanId;
use crate::event_log::{AppendError, ReadError};
use crate::query;
use crate::report::Error;
use crate::report::files::FileError;
use crate::report::period::Period;

/// Reports cannot be kept or recorded.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The log takes no facts.
    #[error("record a report: {0}")]
    Append(#[from] AppendError),
    /// The log gives no facts.
    #[error("look for reports: {0}")]
    Read(#[from] ReadError),
    /// A report cannot be made.
    #[error(transparent)]
    Make(#[from] Error),
    /// A file cannot be kept.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is no such plan.
    #[error("find report plan {name}: there are {known}")]
    NoPlan {
        /// What was asked for.
        name: ReportPlanId,
        /// What there is.
        known: String,
    },
    /// Nobody gets it, or there is no server.
    #[error("send report {0}: nobody to send it to; set `to` of the plan, and [smtp]")]
    Nobody(ReportPlanId),
    /// It was sent, or may have been.
    #[error("send report {plan} {period}: {why}; --again sends it once more")]
    Once {
        /// The plan.
        plan: ReportPlanId,
        /// The period.
        period: Period,
        /// What is known of it.
        why: &'static str,
    },
    /// Somebody else is at it.
    #[error("send report {plan} {period}: another process is at it")]
    Elsewhere {
        /// The plan.
        plan: ReportPlanId,
        /// The period.
        period: Period,
    },
    /// The message cannot be written.
    #[error("send report: {0}")]
    Letter(String),
}

impl From<query::Error> for DeskError {
    fn from(source: query::Error) -> Self {
        Self::Make(source.into())
    }
}

/// What was done for one report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The plan.
    pub plan: ReportPlanId,
    /// The period.
    pub period: Period,
    /// What.
    pub what: What,
}

/// What can be done for a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It was made, at a log position.
    Made(Option<u64>),
    /// The mail server took it.
    Sent,
    /// The mail server certainly did not take it.
    NotSent(String),
    /// Nobody knows.
    Unknown(String),
    /// It could not be made.
    NotMade(String),
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Made(Some(position)) => write!(f, "made, true at log position {position}"),
            Self::Made(None) => f.write_str("made from an empty log"),
            Self::Sent => f.write_str("sent"),
            Self::NotSent(why) => write!(f, "not sent: {why}"),
            Self::Unknown(why) => write!(f, "nobody knows whether it was sent: {why}"),
            Self::NotMade(why) => write!(f, "not made: {why}"),
        }
    }
}
