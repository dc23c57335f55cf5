//! What the log knows of reports: all that were ever made by a plan, whether it still exists or
//! not.
//!
//! In: an engine, the time. Out: one entry for each report, in the order they were made.
//! Deliberately absent: changing anything.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Error;
use super::schedule::{Delivery, SENDING_MAX, Standing};
use crate::base::Timestamp;
use crate::event::upcast;
use crate::query::Engine;

/// The saved question that gives the facts.
const QUESTION: &str = "report_facts";

/// One report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its plan.
    pub plan: String,
    /// The hour or day in the site's time.
    pub period: String,
    /// What it is about.
    pub kind: &'static str,
    /// The log position its figures are true at.
    pub position: Option<u64>,
    /// `made`, `sending`, `sent`, `failed` or `unknown`.
    pub state: &'static str,
    /// Why it was not sent, or what is not known.
    pub reason: Option<String>,
    /// How many people it goes to; nothing where it was never sent.
    pub recipients: Option<u32>,
    /// The message's `Message-ID`; nothing where it was never sent.
    pub message_id: Option<String>,
}

/// All reports of a log.
///
/// # Errors
/// Where the question is not answered.
pub async fn list(engine: &Engine, now: Timestamp) -> Result<Vec<Listed>, Error> {
    let answer = Box::pin(engine.saved(QUESTION, &[])).await?;
    let mut streams = Vec::new();
    let mut deliveries: BTreeMap<String, Delivery> = BTreeMap::new();
    for row in 0..answer.rows.len() {
        let text = |column| answer.value(row, column).as_str();
        let version = answer.count(row, "schema_version").try_into().unwrap_or(u16::MAX);
        let (Some(stream), Some(name), Some(data)) = (text("stream"), text("type"), text("data"))
        else {
            continue;
        };
        let at: Option<Timestamp> = text("occurred_at").and_then(|at| at.parse().ok());
        let fields = serde_json::from_str(data).unwrap_or_default();
        // A fact of a newer program: what is known without it is told.
        let (Ok(event), Some(at)) = (upcast(name, version, fields), at) else { continue };
        if !deliveries.contains_key(stream) {
            streams.push(stream.to_owned());
        }
        let revision = answer.count(row, "revision").try_into().unwrap_or(0);
        deliveries.entry(stream.to_owned()).or_default().apply(&event, at, revision);
    }
    let known = streams.iter().filter_map(|stream| deliveries.get(stream));
    Ok(known.filter_map(|delivery| listed(delivery, now)).collect())
}

fn listed(delivery: &Delivery, now: Timestamp) -> Option<Listed> {
    let made = delivery.made.as_ref()?;
    let (state, reason) = match &delivery.standing {
        Standing::NotMade | Standing::Made => ("made", None),
        Standing::Sending(since) if now < since.plus(SENDING_MAX) => ("sending", None),
        Standing::Sending(_) => {
            ("unknown", Some("the process ended before the mail server's reply".to_owned()))
        }
        Standing::Sent => ("sent", None),
        Standing::Failed(..) => ("failed", delivery.reason.clone()),
        Standing::Unknown => ("unknown", delivery.reason.clone()),
    };
    let sending = delivery.sending.as_ref();
    Some(Listed {
        plan: made.plan.to_string(),
        period: made.period.clone(),
        kind: made.kind.as_str(),
        position: made.as_of,
        state,
        reason,
        recipients: sending.map(|sending| sending.recipients),
        message_id: sending.map(|sending| sending.message_id.clone()),
    })
}
