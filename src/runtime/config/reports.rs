//! Which reports are made by themselves, and how they are mailed.
//!
//! In: settings of a file. Out: plans, thresholds, the mail server, or what is wrong with them.
//! Invariants: addresses and the password never print; without TLS mails go to this machine
//! only. Deliberately absent: whether an address exists.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Secret;
use crate::base::{Millis, ReportPlanId, UtcOffset};
use crate::event::ReportKind;

/// The variable of the environment with the mail server's password.
pub const SMTP_PASSWORD: &str = "LEDGERLINE_SMTP_PASSWORD";

/// Reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReportsConfig {
    /// Local time of the site minus UTC, whole hours: what a day or an hour is.
    pub utc_offset: UtcOffset,
    /// The language of reports that are made by themselves.
    pub language: ReportLanguage,
    /// What the daily review finds worth a sentence.
    pub review: ReviewConfig,
    /// Reports that are made by themselves while the platform runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plans: Vec<ReportPlanConfig>,
}

/// The language of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReportLanguage {
    /// English.
    #[default]
    #[serde(rename = "en")]
    English,
    /// Chinese, simplified.
    #[serde(rename = "zh")]
    Chinese,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportForm {
    /// One HTML page.
    Html,
    /// Markdown.
    Markdown,
    /// Figures with units.
    Json,
    /// The page printed, by chromium.
    Pdf,
}

/// A report that is made by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportPlanConfig {
    /// Its name in the log and below `reports/`.
    pub id: ReportPlanId,
    /// What it is about.
    pub kind: ReportKind,
    /// How long after the end of the hour or day it is made. Units: ms.
    #[serde(default = "default_delay")]
    pub delay_ms: Millis,
    /// How it is written; the page and its text are always kept.
    #[serde(default = "default_forms")]
    pub forms: Vec<ReportForm>,
    /// Whom it is mailed to.
    #[serde(default)]
    pub to: Vec<Secret>,
    /// A report of what ended longer ago is made and not mailed. Units: days.
    #[serde(default = "default_catch_up")]
    pub catch_up_days: u32,
}

const fn default_delay() -> Millis {
    Millis(10 * 60_000)
}

fn default_forms() -> Vec<ReportForm> {
    vec![ReportForm::Html, ReportForm::Json]
}

const fn default_catch_up() -> u32 {
    7
}

/// What the daily review finds worth a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReviewConfig {
    /// A change against the week before, of what it was then. Units: parts per million.
    pub change_ppm: u32,
    /// Fewer calls, contacts or seizures than this prove nothing.
    pub count_min: u32,
    /// The most contacts that may be abandoned. Units: parts per million.
    pub abandoned_max_ppm: u32,
    /// The least that a carrier should have answered of its seizures. Units: parts per million.
    pub asr_min_ppm: u32,
    /// The most of its seizures that a carrier may fail. Units: parts per million.
    pub failed_max_ppm: u32,
    /// The longest mean wrap-up of an agent. Units: ms.
    pub wrap_up_max_ms: u32,
    /// The most of the time that an agent should be busy. Units: parts per million.
    pub occupancy_max_ppm: u32,
    /// The most contacts that may have one objection. Units: parts per million.
    pub objection_max_ppm: u32,
}

impl Default for ReviewConfig {
    fn default() -> Self {
        Self {
            change_ppm: 200_000,
            count_min: 30,
            abandoned_max_ppm: 30_000,
            asr_min_ppm: 300_000,
            failed_max_ppm: 100_000,
            wrap_up_max_ms: 60_000,
            occupancy_max_ppm: 900_000,
            objection_max_ppm: 250_000,
        }
    }
}

/// How a connection to the mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpTls {
    /// TLS from a command of the server on, RFC 3207.
    #[default]
    Starttls,
    /// TLS from the first byte on, RFC 8314.
    Implicit,
    /// None: for a server on this machine.
    None,
}

/// The mail server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// Its name; an address where it has a certificate for that.
    pub host: String,
    /// Its port; by default 587, or 465 with implicit TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: SmtpTls,
    /// Certificates (PEM) that are trusted instead of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Whom mails come from.
    pub from: String,
    /// Who signs in; nobody does without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The file with the password; without one it stands in `LEDGERLINE_SMTP_PASSWORD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
}

impl SmtpConfig {
    /// The port, given or usual.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            SmtpTls::Implicit => 465,
            SmtpTls::Starttls | SmtpTls::None => 587,
        })
    }

    /// The rule that is broken: the key, and what would be right.
    pub(super) fn fault(&self) -> Option<(&'static str, &'static str)> {
        let is_host = !self.host.is_empty()
            && self
                .host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-:_".contains(&byte));
        if !is_host {
            return Some(("host", "wanted a name such as mail.example.com"));
        }
        let here = self.host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        if self.tls == SmtpTls::None && !here && self.host != "localhost" {
            return Some((
                "tls",
                "without TLS reports go to this machine only; wanted \"starttls\" or \"implicit\"",
            ));
        }
        if !is_address(&self.from) {
            return Some(("from", "wanted an address such as reports@example.com"));
        }
        if self.password_file.is_some() && self.user.is_none() {
            return Some(("password_file", "wanted with a user, or neither"));
        }
        None
    }

    /// Paths that are relative are below this folder.
    pub(super) fn move_to(&mut self, folder: &Path) {
        for path in [&mut self.ca_file, &mut self.password_file] {
            *path = path.take().map(|path| folder.join(path));
        }
    }
}

/// Whether a text may be an address; the mail program reads it more strictly.
fn is_address(text: &str) -> bool {
    let text = text.trim_end_matches('>');
    let is_word = |word: &str| !word.is_empty() && !word.contains(char::is_control);
    text.rsplit_once('@').is_some_and(|(who, host)| {
        is_word(who) && is_word(host) && !host.contains(|c: char| c.is_whitespace() || c == '@')
    })
}

impl ReportPlanConfig {
    /// The rule that is broken: the key, and what would be right.
    pub(super) fn fault(&self, has_smtp: bool) -> Option<(&'static str, String)> {
        // What is wrong is not repeated: it may be somebody's address.
        let place = self.to.iter().position(|to| !is_address(to.reveal()));
        if let Some(place) = place {
            let wanted = "wanted an address such as ada@example.com";
            return Some(("to", format!("number {}: {wanted}", place + 1)));
        }
        if !self.to.is_empty() && !has_smtp {
            return Some(("to", "wanted with [smtp], which says how mails are sent".to_owned()));
        }
        None
    }
}
