//! Facts about reports: made, on their way, sent. The stream of one report is that of its plan
//! and period, so of two processes that make or send it one is refused by the log. Whom it goes
//! to stands in the configuration only.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::{ReportPlanId, Timestamp};

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportKind {
    /// One hour, and the day up to its end.
    Hourly,
    /// One day.
    Daily,
    /// What stands out in one day, and what could be done about it.
    Review,
}

impl ReportKind {
    /// Its name in files and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Review => "review",
        }
    }
}

impl fmt::Display for ReportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A report was made, and its files are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportMade {
    /// The plan it was made by.
    pub plan: ReportPlanId,
    /// What it is about.
    pub kind: ReportKind,
    /// The hour or day in the site's time, such as `2026-11-21T09` or `2026-11-21`.
    pub period: String,
    /// The first moment that counts.
    pub from: Timestamp,
    /// The first moment that does not count any more.
    pub until: Timestamp,
    /// The log position its figures are true at; nothing where the log was empty.
    pub as_of: Option<u64>,
    /// BLAKE3 of its page, hexadecimal.
    pub body_hash: String,
}

/// A report is about to be handed to the mail server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportSending {
    /// The plan it was made by.
    pub plan: ReportPlanId,
    /// The hour or day in the site's time.
    pub period: String,
    /// The message's `Message-ID`; the same for every try.
    pub message_id: String,
    /// How many people it goes to.
    pub recipients: u32,
    /// BLAKE3 of the page that is sent, hexadecimal.
    pub body_hash: String,
}

/// The mail server took a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportSent {
    /// The plan it was made by.
    pub plan: ReportPlanId,
    /// The hour or day in the site's time.
    pub period: String,
    /// The message's `Message-ID`.
    pub message_id: String,
    /// The server's reply, RFC 5321 §4.2.
    pub reply_code: u16,
}

/// A report was certainly not sent: the mail server could not be reached, or refused it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportSendFailed {
    /// The plan it was made by.
    pub plan: ReportPlanId,
    /// The hour or day in the site's time.
    pub period: String,
    /// The message's `Message-ID`.
    pub message_id: String,
    /// What failed, without addresses.
    pub reason: String,
    /// The server's reply, where there was one, RFC 5321 §4.2.
    pub reply_code: Option<u16>,
}

/// Nobody knows whether the mail server took a report: the connection or the process ended
/// between the message's end and the reply. It is not sent again by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportSendUnknown {
    /// The plan it was made by.
    pub plan: ReportPlanId,
    /// The hour or day in the site's time.
    pub period: String,
    /// The message's `Message-ID`, by which the mail server's own log tells.
    pub message_id: String,
    /// What ended.
    pub reason: String,
}
