//! Which report is due, and what became of those that were.
//!
//! In: plans, the time, the facts of each report's stream. Out: what to do next, in order of the
//! periods. Invariants: pure; a period is made once; a report is handed to the mail server only
//! from a state in which it is certain that it was not sent; what may have been sent is never
//! sent again by itself. Deliberately absent: doing any of it.

use std::collections::BTreeMap;

use super::period::{Period, Width};
use crate::base::{Millis, ReportPlanId, Timestamp, UtcOffset};
use crate::event::{Event, ReportKind, ReportMade, ReportSending};

/// How long handing over a message may take at most; after that it was broken off.
pub(super) const SENDING_MAX: Millis = Millis(2 * 60_000);
/// The wait after the first failure; it doubles with each.
const RETRY_FIRST: Millis = Millis(60_000);
/// The longest wait between tries.
const RETRY_LAST: Millis = Millis(3_600_000);
/// What one look at the time gives at most, so that a long absence is caught up in pieces.
const TASKS_MAX: usize = 64;

/// A report that is made again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its name.
    pub id: ReportPlanId,
    /// What it is about.
    pub kind: ReportKind,
    /// The site's offset from UTC.
    pub offset: UtcOffset,
    /// How long after a period's end it is made, for what comes late.
    pub delay: Millis,
    /// Whether it is mailed to somebody.
    pub is_mailed: bool,
    /// A period that ended longer ago is made only, and not mailed any more.
    pub catch_up: Millis,
}

impl Plan {
    /// The last period it is time for.
    pub const fn last(&self, now: Timestamp) -> Period {
        let micros = self.delay.0.saturating_mul(1_000).cast_signed();
        let then = Timestamp::from_micros(now.as_micros().saturating_sub(micros));
        Period::ended_by(Width::of(self.kind), self.offset, then)
    }

    /// When it is time for the next one.
    pub fn next_at(&self, now: Timestamp) -> Timestamp {
        self.last(now).later(1).until().plus(self.delay)
    }

    /// Whether a report will still be mailed, or may be under way.
    fn waits(&self, period: Period, delivery: &Delivery, now: Timestamp) -> bool {
        let is_open = matches!(delivery.standing, Standing::Sending(_) | Standing::Failed(..));
        is_open && self.is_mailed && !self.is_too_old(period, now)
    }

    /// Whether it is too late to mail a period.
    pub fn is_too_old(&self, period: Period, now: Timestamp) -> bool {
        now.since(period.until()) > self.catch_up
    }
}

/// Where one report stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Standing {
    /// There is none.
    #[default]
    NotMade,
    /// Made, and not yet on its way.
    Made,
    /// On its way since.
    Sending(Timestamp),
    /// The mail server took it.
    Sent,
    /// Certainly not sent, so many times, and last then.
    Failed(u32, Timestamp),
    /// Nobody knows.
    Unknown,
}

/// What is known of one report, folded from its stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Delivery {
    /// Where it stands.
    pub(super) standing: Standing,
    /// How it was made.
    pub(super) made: Option<ReportMade>,
    /// How it was last sent.
    pub(super) sending: Option<ReportSending>,
    /// Why it was not sent, or what is not known.
    pub(super) reason: Option<String>,
    /// The last revision of its stream.
    pub(super) revision: Option<u64>,
    failures: u32,
}

impl Delivery {
    /// Takes in the next fact of the stream.
    pub(super) fn apply(&mut self, event: &Event, at: Timestamp, revision: u64) {
        self.revision = Some(revision);
        match event {
            Event::ReportMade(fact) => {
                self.made = Some(fact.clone());
                self.standing = Standing::Made;
            }
            Event::ReportSending(fact) => {
                self.sending = Some(fact.clone());
                self.reason = None;
                self.standing = Standing::Sending(at);
            }
            Event::ReportSent(_) => self.standing = Standing::Sent,
            Event::ReportSendFailed(fact) => {
                self.failures += 1;
                self.reason = Some(fact.reason.clone());
                self.standing = Standing::Failed(self.failures, at);
            }
            Event::ReportSendUnknown(fact) => {
                self.reason = Some(fact.reason.clone());
                self.standing = Standing::Unknown;
            }
            // No other fact belongs to such a stream.
            _ => {}
        }
    }

    /// Whether it has come to an end that nothing follows by itself.
    const fn is_settled(&self) -> bool {
        matches!(self.standing, Standing::Sent | Standing::Unknown)
    }
}

/// What is to be done for one report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Say that nobody knows whether it was sent.
    Settle,
    /// Make it, and mail it after that where its plan says so.
    Make,
    /// Mail it.
    Send,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Task {
    /// The place of its plan.
    pub(super) plan: usize,
    /// Of which period.
    pub(super) period: Period,
    /// What.
    pub(super) step: Step,
}

/// Everything known of the reports of each plan, by the number of the period.
pub(super) type Known = BTreeMap<(ReportPlanId, i64), Delivery>;

/// What is to be done now, oldest periods first.
pub(super) fn due(now: Timestamp, plans: &[Plan], known: &Known) -> Vec<Task> {
    let mut tasks = Vec::new();
    for (place, plan) in plans.iter().enumerate() {
        let last = plan.last(now);
        let range = (plan.id.clone(), i64::MIN)..=(plan.id.clone(), i64::MAX);
        let mut newest = None;
        let mut is_held = false;
        for ((_, number), delivery) in known.range(range) {
            let period = last.later(number.saturating_sub(last.number()));
            if delivery.made.is_some() {
                newest = Some(*number);
            }
            match unfinished(plan, period, delivery, now) {
                // An older one that still waits goes first.
                Some(Step::Send) if is_held => {}
                Some(step) => tasks.push(Task { plan: place, period, step }),
                None => is_held |= plan.waits(period, delivery, now),
            }
        }
        // A plan that never made one begins with the last period and not with all of history.
        let first = newest.map_or(last.number(), |newest| newest.saturating_add(1));
        let missing = usize::try_from(last.number().saturating_sub(first).saturating_add(1));
        for number in (first..=last.number()).take(missing.unwrap_or(0).min(TASKS_MAX)) {
            let period = last.earlier(last.number().saturating_sub(number));
            tasks.push(Task { plan: place, period, step: Step::Make });
        }
    }
    tasks.sort_by_key(|task| (task.period.until(), task.plan));
    tasks.truncate(TASKS_MAX);
    tasks
}

/// What is left to do for a report that is there.
fn unfinished(plan: &Plan, period: Period, delivery: &Delivery, now: Timestamp) -> Option<Step> {
    if delivery.is_settled() {
        return None;
    }
    match delivery.standing {
        Standing::Sending(since) => (now >= since.plus(SENDING_MAX)).then_some(Step::Settle),
        _ if !plan.is_mailed || plan.is_too_old(period, now) => None,
        Standing::Made => Some(Step::Send),
        Standing::Failed(times, at) => (now >= at.plus(wait_after(times))).then_some(Step::Send),
        Standing::NotMade | Standing::Sent | Standing::Unknown => None,
    }
}

/// The wait after so many failures.
fn wait_after(failures: u32) -> Millis {
    let doubled = RETRY_FIRST.0.saturating_mul(1 << failures.saturating_sub(1).min(10));
    Millis(doubled.min(RETRY_LAST.0))
}

/// When to look again: at the next period's time, at the next try, at the end of the longest
/// hand-over; nothing where there are no plans.
pub(super) fn wake(now: Timestamp, plans: &[Plan], known: &Known) -> Option<Timestamp> {
    let periods = plans.iter().map(|plan| plan.next_at(now));
    let tries = known.iter().filter_map(|((id, _), delivery)| {
        let plan = plans.iter().find(|plan| plan.id == *id)?;
        match delivery.standing {
            Standing::Sending(since) => Some(since.plus(SENDING_MAX)),
            Standing::Failed(times, at) if plan.is_mailed => Some(at.plus(wait_after(times))),
            _ => None,
        }
    });
    // A try whose time is past fell out of what is still mailed.
    periods.chain(tries.filter(|at| *at > now)).min()
}

#[cfg(test)]
mod tests;
