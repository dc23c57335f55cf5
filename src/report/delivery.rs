//! Makes what is due and mails it, at most once.
//!
//! In: plans, the log, an engine, the time. Out: files below `<data>/reports/`, mails, and the
//! facts of both. Invariants: the fact that a report goes out stands in the log before the mail
//! server hears of it, at the revision that was seen; so of two processes one is refused, and
//! after a crash in between nobody sends it again by himself. Addresses are in no fact, no error
//! and no diagnostic. Deliberately absent: when to look, which is whoever runs this.

mod done;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::done::{DeskError, Done, What};
pub use self::settings::Settings;
use super::files::Files;
use super::mail::{Addresses, Letter, message_id};
use super::period::Period;
use super::schedule::{self, Delivery, Known, Plan, Standing, Step};
use super::smtp::{Handed, hand_over};
use super::{Error, Form, Report, print_pdf};
use crate::base::{Clock, EventId, ReportPlanId, Rng, Timestamp};
use crate::event::{
    Actor, Event, ExpectedRevision, NewEvent, ReportMade, ReportSendFailed, ReportSendUnknown,
    ReportSending, ReportSent, StreamName,
};
use crate::event_log::{AppendError, BoxFuture, Direction, EventLog, StreamRead};
use crate::query::{self, AsOf, Engine};

/// Periods that are looked through for the last report of a plan.
const PERIODS_MAX: i64 = 1_000;
/// Facts of one report that are read at once.
const PAGE: usize = 1_000;
/// What process and connection can end with, in the words of the log.
const BROKEN_OFF: &str = "the process ended before the mail server's reply was recorded";

/// Gives an engine over the same log: the one that follows it, or a new one.
pub type OpenEngine =
    Box<dyn Fn() -> BoxFuture<'static, Result<Arc<Engine>, query::Error>> + Send + Sync>;

/// One report as it is kept.
struct Pages {
    html: Vec<u8>,
    markdown: Vec<u8>,
    pdf: Option<Vec<u8>>,
}

/// Makes reports and mails them.
pub struct Desk {
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    ids: Rng,
    settings: Settings,
    files: Files,
    open: OpenEngine,
    known: Known,
}

impl Desk {
    /// Reads what is known of the reports of each plan.
    ///
    /// # Errors
    /// [`DeskError::Read`] where the log cannot be read.
    pub async fn open(
        log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
        ids: Rng,
        settings: Settings,
        data_dir: &Path,
        open: OpenEngine,
    ) -> Result<Self, DeskError> {
        let files = Files::below(data_dir);
        let known = Known::new();
        let mut desk = Self { log, clock, ids, settings, files, open, known };
        let now = desk.clock.now();
        for place in 0..desk.settings.plans.len() {
            desk.recall(place, now).await?;
        }
        Ok(desk)
    }

    /// Reads the reports of one plan: all that may still be mailed, and back to the last one.
    async fn recall(&mut self, place: usize, now: Timestamp) -> Result<(), DeskError> {
        let Some(plan) = self.settings.plans.get(place).cloned() else { return Ok(()) };
        let mut period = plan.last(now);
        let mut is_found = false;
        for _ in 0..PERIODS_MAX {
            if is_found && plan.is_too_old(period, now) {
                break;
            }
            let delivery = self.read(&plan.id, period).await?;
            if delivery.revision.is_some() {
                is_found = true;
                self.known.insert((plan.id.clone(), period.number()), delivery);
            }
            period = period.earlier(1);
        }
        Ok(())
    }

    /// Where a report stands by its own stream.
    async fn read(&self, plan: &ReportPlanId, period: Period) -> Result<Delivery, DeskError> {
        let stream = StreamName::report(plan, &period.to_string());
        let mut delivery = Delivery::default();
        let mut from = 0;
        loop {
            let start = StreamRead::Revision(from);
            let page = self.log.read_stream(&stream, start, Direction::Forwards, PAGE).await?;
            for recorded in &page {
                match recorded.event() {
                    Ok(event) => delivery.apply(&event, recorded.occurred_at, recorded.revision),
                    // Not of this program: it still counts as a revision.
                    Err(_) => delivery.revision = Some(recorded.revision),
                }
                from = recorded.revision + 1;
            }
            if page.len() < PAGE {
                return Ok(delivery);
            }
        }
    }

    /// When to look again; nothing where there are no plans.
    pub fn wake(&self) -> Option<Timestamp> {
        schedule::wake(self.clock.now(), &self.settings.plans, &self.known)
    }

    /// Does everything that is due, oldest first. What cannot be made is told and does not stop
    /// the other plans.
    ///
    /// # Errors
    /// Where the log cannot be read or takes nothing.
    pub async fn step(&mut self) -> Result<Vec<Done>, DeskError> {
        let mut done = Vec::new();
        let mut stuck = BTreeSet::new();
        let mut engine = None;
        loop {
            let tasks = schedule::due(self.clock.now(), &self.settings.plans, &self.known);
            let Some(task) = tasks.into_iter().find(|task| !stuck.contains(&task.plan)) else {
                return Ok(done);
            };
            let Some(plan) = self.settings.plans.get(task.plan).cloned() else { continue };
            let result = match task.step {
                Step::Settle => self.settle(&plan, task.period).await,
                Step::Make => Box::pin(self.make(task.plan, task.period, &mut engine)).await,
                Step::Send => Box::pin(self.send_made(task.plan, task.period, &mut engine)).await,
            };
            let what = match result {
                Ok(what) => what,
                Err(error @ (DeskError::Append(_) | DeskError::Read(_))) => return Err(error),
                Err(error) => {
                    stuck.insert(task.plan);
                    Some(What::NotMade(error.to_string()))
                }
            };
            if let Some(what) = what {
                done.push(Done { plan: plan.id, period: task.period, what });
            }
        }
    }

    /// Makes one report where it is not there yet, and mails it.
    ///
    /// # Errors
    /// [`DeskError::Once`] where it was sent or may have been, unless it is to be sent `again`.
    pub async fn send(
        &mut self,
        plan: &ReportPlanId,
        period: Period,
        again: bool,
    ) -> Result<Done, DeskError> {
        let place = self.settings.plans.iter().position(|known| known.id == *plan);
        let place = place.ok_or_else(|| {
            let known = self.settings.plans.iter().map(|known| known.id.as_str());
            let known = known.collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { "none".to_owned() } else { known };
            DeskError::NoPlan { name: plan.clone(), known }
        })?;
        let mut engine = None;
        let delivery = self.read(plan, period).await?;
        let once = |why| Err(DeskError::Once { plan: plan.clone(), period, why });
        match delivery.standing {
            Standing::Sent if !again => return once("it was sent"),
            Standing::Unknown if !again => return once("it may have been sent"),
            Standing::Sending(since)
                if self.clock.now() < since.plus(schedule::SENDING_MAX) || !again =>
            {
                return once("it is on its way, or was broken off");
            }
            _ => {}
        }
        let is_made = delivery.made.is_some();
        self.known.insert((plan.clone(), period.number()), delivery);
        if !is_made {
            Box::pin(self.make(place, period, &mut engine)).await?;
        }
        let what = Box::pin(self.send_made(place, period, &mut engine)).await?;
        let elsewhere = || DeskError::Elsewhere { plan: plan.clone(), period };
        Ok(Done { plan: plan.clone(), period, what: what.ok_or_else(elsewhere)? })
    }

    /// Records a fact of a report at the revision that was seen. Nothing was recorded where the
    /// stream has gone on meanwhile; it is read anew then.
    async fn record(
        &mut self,
        plan: &ReportPlanId,
        period: Period,
        event: Event,
    ) -> Result<bool, DeskError> {
        let key = (plan.clone(), period.number());
        let seen = self.known.get(&key).and_then(|delivery| delivery.revision);
        let expected = seen.map_or(ExpectedRevision::NoStream, ExpectedRevision::Exact);
        let stream = StreamName::report(plan, &period.to_string());
        let now = self.clock.now();
        let id = EventId::generate(now, &mut self.ids);
        let new = NewEvent::of(&event, id, now, Actor::part("reports"));
        match self.log.append(stream, expected, vec![new]).await {
            // A repeat is not ours: each of our facts has an id of its own.
            Ok(appended) if !appended.is_repeat => {
                let delivery = self.known.entry(key).or_default();
                delivery.apply(&event, now, appended.last_revision);
                Ok(true)
            }
            Ok(_) | Err(AppendError::WrongExpectedRevision { .. }) => {
                let delivery = self.read(plan, period).await?;
                self.known.insert(key, delivery);
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn settle(&mut self, plan: &Plan, period: Period) -> Result<Option<What>, DeskError> {
        let Some(sending) = self.sending(plan, period) else { return Ok(None) };
        let fact = ReportSendUnknown {
            plan: plan.id.clone(),
            period: period.to_string(),
            message_id: sending.message_id,
            reason: BROKEN_OFF.to_owned(),
        };
        let is_recorded = self.record(&plan.id, period, fact.into()).await?;
        Ok(is_recorded.then(|| What::Unknown(BROKEN_OFF.to_owned())))
    }

    fn sending(&self, plan: &Plan, period: Period) -> Option<ReportSending> {
        self.known.get(&(plan.id.clone(), period.number()))?.sending.clone()
    }

    /// The engine of this step, opened for the first report that needs one.
    async fn engine(&self, engine: &mut Option<Arc<Engine>>) -> Result<Arc<Engine>, DeskError> {
        if let Some(engine) = engine {
            return Ok(engine.clone());
        }
        let opened = (self.open)().await?;
        Ok(engine.insert(opened).clone())
    }

    async fn make(
        &mut self,
        place: usize,
        period: Period,
        engine: &mut Option<Arc<Engine>>,
    ) -> Result<Option<What>, DeskError> {
        let Some(plan) = self.settings.plans.get(place).cloned() else { return Ok(None) };
        let engine = self.engine(engine).await?;
        let report = self.ask(engine, AsOf::Head, &plan, period).await?;
        let pages = Box::pin(self.write(place, &report)).await?;
        let fact = ReportMade {
            plan: plan.id.clone(),
            kind: plan.kind,
            period: period.to_string(),
            from: period.from(),
            until: period.until(),
            as_of: report.position(),
            body_hash: blake3::hash(&pages.html).to_hex().to_string(),
        };
        let is_recorded = self.record(&plan.id, period, fact.into()).await?;
        Ok(is_recorded.then(|| What::Made(report.position())))
    }

    async fn ask(
        &self,
        engine: Arc<Engine>,
        as_of: AsOf,
        plan: &Plan,
        period: Period,
    ) -> Result<Report, Error> {
        let thresholds = self.settings.thresholds.clone();
        Box::pin(Report::make(engine, as_of, plan.kind, period, thresholds)).await
    }

    /// Writes the files of a report.
    async fn write(&self, place: usize, report: &Report) -> Result<Pages, DeskError> {
        let plan = self.settings.plans.get(place);
        let forms = self.settings.planned.get(place).map(|planned| planned.forms.clone());
        let (Some(plan), Some(forms)) = (plan, forms) else {
            return Err(DeskError::Letter("there is no such plan".to_owned()));
        };
        let language = self.settings.language;
        let html = report.html(language);
        let pdf = match forms.contains(&Form::Pdf) {
            true => match print_pdf(&html).await {
                Ok(bytes) => Some(bytes),
                Err(error) => {
                    // The figures are more than their print.
                    tracing::warn!(plan = %plan.id, period = %report.period(), %error, "no PDF");
                    None
                }
            },
            false => None,
        };
        let pages = Pages {
            html: html.into_bytes(),
            markdown: report.markdown(language).into_bytes(),
            pdf,
        };
        let json = serde_json::to_vec_pretty(&report.json()).unwrap_or_default();
        // The page is always kept: it is what is mailed, and what the fact's hash is of.
        let mut files: BTreeMap<Form, &[u8]> = BTreeMap::from([(Form::Html, &pages.html[..])]);
        files.insert(Form::Markdown, &pages.markdown);
        if forms.contains(&Form::Json) {
            files.insert(Form::Json, &json);
        }
        if let Some(pdf) = &pages.pdf {
            files.insert(Form::Pdf, pdf);
        }
        for (form, bytes) in files {
            self.files.write(&plan.id, report.period(), form, bytes)?;
        }
        Ok(pages)
    }

    /// The files of a report that was made, as they were; made again as of the same position
    /// where they are gone or changed.
    async fn pages(
        &self,
        place: usize,
        made: &ReportMade,
        period: Period,
        engine: &mut Option<Arc<Engine>>,
    ) -> Result<Pages, DeskError> {
        let kept = |form| self.files.read(&made.plan, period, form);
        let is_it = |html: &Vec<u8>| blake3::hash(html).to_hex().as_str() == made.body_hash;
        if let (Some(html), Some(markdown)) =
            (kept(Form::Html)?.filter(is_it), kept(Form::Markdown)?)
        {
            return Ok(Pages { html, markdown, pdf: kept(Form::Pdf)? });
        }
        let engine = self.engine(engine).await?;
        let Some(plan) = self.settings.plans.get(place) else {
            return Err(DeskError::Letter("there is no such plan".to_owned()));
        };
        let as_of = made.as_of.map_or(AsOf::Head, AsOf::Position);
        let report = self.ask(engine, as_of, plan, period).await?;
        Box::pin(self.write(place, &report)).await
    }

    /// Mails a report that was made. Nothing was done where somebody else is at it.
    async fn send_made(
        &mut self,
        place: usize,
        period: Period,
        engine: &mut Option<Arc<Engine>>,
    ) -> Result<Option<What>, DeskError> {
        let Some(plan) = self.settings.plans.get(place).cloned() else { return Ok(None) };
        let nobody = || DeskError::Nobody(plan.id.clone());
        let made = self.known.get(&(plan.id.clone(), period.number()));
        let Some(made) = made.and_then(|delivery| delivery.made.clone()) else { return Ok(None) };
        let (server, from) = self.settings.server.clone().ok_or_else(nobody)?;
        let to = self.settings.planned.get(place).and_then(|planned| planned.to.clone());
        let to = to.ok_or_else(nobody)?;
        let pages = Box::pin(self.pages(place, &made, period, engine)).await?;
        let message_id = message_id(&made, &from);
        let letter = self.letter(&plan, period, &pages, [&from, &to], &message_id);
        let (envelope, message) =
            super::mail::write(letter).map_err(|error| DeskError::Letter(error.to_string()))?;
        let sending = ReportSending {
            plan: plan.id.clone(),
            period: period.to_string(),
            message_id: message_id.clone(),
            recipients: to.count(),
            body_hash: blake3::hash(&pages.html).to_hex().to_string(),
        };
        if !self.record(&plan.id, period, sending.into()).await? {
            return Ok(None);
        }
        let handed = hand_over(&server, &envelope, &message).await;
        let (event, what) = became(handed, plan.id.clone(), period.to_string(), message_id);
        self.record(&plan.id, period, event).await?;
        Ok(Some(what))
    }

    fn letter<'a>(
        &self,
        plan: &Plan,
        period: Period,
        pages: &'a Pages,
        [from, to]: [&'a Addresses; 2],
        message_id: &'a str,
    ) -> Letter<'a> {
        let (text, html) = (as_text(&pages.markdown), as_text(&pages.html));
        let name = |form: Form| format!("{}-{period}.{}", plan.id, form.extension());
        // Mail programs leave out drawings, so the page comes as a file, too.
        let mut files = vec![(name(Form::Html), "text/html; charset=utf-8", pages.html.clone())];
        if let Some(pdf) = &pages.pdf {
            files.push((name(Form::Pdf), "application/pdf", pdf.clone()));
        }
        // The title is the page's first line.
        let subject = text.lines().next().unwrap_or_default().trim_start_matches("# ");
        Letter { from, to, subject, at: self.clock.now(), message_id, text, html, files }
    }

    /// Where the page of a report lies.
    pub fn page(&self, plan: &ReportPlanId, period: Period) -> PathBuf {
        self.files.path(plan, period, Form::Html)
    }
}

/// What became of a message, as a fact and in words.
fn became(handed: Handed, plan: ReportPlanId, period: String, message_id: String) -> (Event, What) {
    match handed {
        Handed::Taken(reply_code) => {
            (ReportSent { plan, period, message_id, reply_code }.into(), What::Sent)
        }
        Handed::Refused { reason, code: reply_code } => {
            let what = What::NotSent(reason.clone());
            (ReportSendFailed { plan, period, message_id, reason, reply_code }.into(), what)
        }
        Handed::Unknown(reason) => {
            let (reason, what) = (reason.to_owned(), What::Unknown(reason.to_owned()));
            (ReportSendUnknown { plan, period, message_id, reason }.into(), what)
        }
    }
}

/// Pages are UTF-8; a file that somebody broke is shown as far as it goes.
fn as_text(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let (good, _) = bytes.split_at(error.valid_up_to());
            std::str::from_utf8(good).unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests;
