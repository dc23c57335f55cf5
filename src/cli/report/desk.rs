//! Reports that are made by themselves: from the configuration, in a running platform or once.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;
use tokio::sync::oneshot;

use crate::base::{Clock, Millis, ReportPlanId, Timestamp};
use crate::cli::{Common, Format, output, sql};
use crate::event_log::{AppendError, BoxFuture, EventLog};
use crate::projection::sql::LogReader;
use crate::query::{self, Engine};
use crate::report::{
    Desk, DeskError, Done, Form, Language, OpenEngine, Period, Plan, Security, Server, Settings,
    Thresholds, What, Width,
};
use crate::runtime::Config;
use crate::runtime::clock::{SystemClock, system_rng};
use crate::runtime::config::{
    ReportForm, ReportLanguage, ReviewConfig, SMTP_PASSWORD, SmtpConfig, SmtpTls,
};
use crate::runtime::open_log;

/// The longest wait before the time is looked at again: a machine may have slept.
const NAP_MAX: Duration = Duration::from_secs(600);
/// The wait after the log failed.
const NAP_AFTER_ERROR: Duration = Duration::from_secs(60);
/// How long a platform that stops waits for a mail on its way.
const FAREWELL_MAX: Duration = Duration::from_secs(5);

pub(super) const fn language(language: ReportLanguage) -> Language {
    match language {
        ReportLanguage::English => Language::English,
        ReportLanguage::Chinese => Language::Chinese,
    }
}

pub(super) fn thresholds(review: &ReviewConfig) -> Thresholds {
    Thresholds {
        change_ppm: review.change_ppm,
        count_min: review.count_min,
        abandoned_max_ppm: review.abandoned_max_ppm,
        asr_min_ppm: review.asr_min_ppm,
        failed_max_ppm: review.failed_max_ppm,
        wrap_up_max_ms: review.wrap_up_max_ms,
        occupancy_max_ppm: review.occupancy_max_ppm,
        objection_max_ppm: review.objection_max_ppm,
    }
}

/// The plans of a configuration, and the mail server with its password.
fn settings(config: &Config) -> anyhow::Result<Settings> {
    let reports = &config.reports;
    let mut settings = Settings::new(language(reports.language), thresholds(&reports.review));
    if let Some(smtp) = &config.smtp {
        settings.mail_through(server(smtp)?, &smtp.from).context("smtp.from")?;
    }
    for plan in &reports.plans {
        let forms = plan.forms.iter().map(|form| match form {
            ReportForm::Html => Form::Html,
            ReportForm::Markdown => Form::Markdown,
            ReportForm::Json => Form::Json,
            ReportForm::Pdf => Form::Pdf,
        });
        let made = Plan {
            id: plan.id.clone(),
            kind: plan.kind,
            offset: reports.utc_offset,
            delay: plan.delay_ms,
            is_mailed: true,
            catch_up: Millis(u64::from(plan.catch_up_days) * 86_400_000),
        };
        let to = plan.to.iter().map(|to| to.reveal());
        settings.plan(made, forms, to).with_context(|| format!("reports.plans {}.to", plan.id))?;
    }
    Ok(settings)
}

fn server(smtp: &SmtpConfig) -> anyhow::Result<Server> {
    let security = match smtp.tls {
        SmtpTls::Starttls => Security::Starttls,
        SmtpTls::Implicit => Security::Implicit,
        SmtpTls::None => Security::None,
    };
    let mut server = Server::new(&smtp.host, smtp.port(), security)?;
    if let Some(path) = &smtp.ca_file {
        let pem =
            std::fs::read(path).with_context(|| format!("read smtp.ca_file {}", path.display()))?;
        server = server.with_roots(&pem)?;
    }
    let Some(user) = &smtp.user else { return Ok(server) };
    let password = match &smtp.password_file {
        Some(path) => std::fs::read_to_string(path)
            .with_context(|| format!("read smtp.password_file {}", path.display()))?,
        None => std::env::var(SMTP_PASSWORD).with_context(|| {
            format!("smtp.user {user}: set password_file, or {SMTP_PASSWORD} in the environment")
        })?,
    };
    Ok(server.with_login(user, password.trim_end_matches(['\r', '\n'])))
}

/// The engine that follows the log of a running platform: what is due costs no fold.
fn shared(engine: Arc<Engine>) -> OpenEngine {
    Box::new(move || -> BoxFuture<'static, Result<Arc<Engine>, query::Error>> {
        let engine = engine.clone();
        Box::pin(async move { Ok(engine) })
    })
}

/// Opens engines over a log that no platform follows, one for each time that something is due.
fn engines(log: Arc<dyn EventLog>, data_dir: PathBuf) -> OpenEngine {
    Box::new(move || -> BoxFuture<'static, Result<Arc<Engine>, query::Error>> {
        let (reader, data_dir) = (LogReader::over(log.clone()), data_dir.clone());
        Box::pin(async move { Ok(Arc::new(Box::pin(Engine::over(reader, &data_dir)).await?)) })
    })
}

/// Reports that are made while a platform runs.
pub(crate) struct Making {
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

/// What [`Making`] works by.
pub(crate) struct Plans {
    settings: Settings,
    data_dir: PathBuf,
}

impl Plans {
    /// Reads the plans and the mail server's files; nothing where there are no plans.
    ///
    /// # Errors
    /// Where the settings cannot be used: a file is missing, an address is none.
    pub(crate) fn of(config: &Config) -> anyhow::Result<Option<Self>> {
        if config.reports.plans.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { settings: settings(config)?, data_dir: config.data_dir.clone() }))
    }

    /// Begins to make reports, on a thread of their own: a page takes a while, and no call waits
    /// for it.
    ///
    /// # Errors
    /// Where there is no thread to be had.
    pub(crate) fn start(
        self,
        log: Arc<dyn EventLog>,
        engine: Arc<Engine>,
    ) -> anyhow::Result<Making> {
        let (stop, stopped) = oneshot::channel();
        let (done, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("start the thread of reports")?;
        let work = move || {
            runtime.block_on(work(log, shared(engine), self.settings, self.data_dir, stopped));
            // Whoever waited may be gone.
            let _ = done.send(());
        };
        let thread = std::thread::Builder::new().name("reports".to_owned()).spawn(work);
        // It ends with the process, or when it is told to.
        drop(thread.context("start the thread of reports")?);
        Ok(Making { stop, ended })
    }
}

impl Making {
    /// Ends once what is under way is recorded, or after some seconds.
    pub(crate) async fn stop(self) {
        // Whoever has ended needs not be told.
        let _ = self.stop.send(());
        if tokio::time::timeout(FAREWELL_MAX, self.ended).await.is_err() {
            tracing::warn!("a report was on its way; `ledgerline report list` tells of it");
        }
    }
}

async fn work(
    log: Arc<dyn EventLog>,
    engines: OpenEngine,
    settings: Settings,
    data_dir: PathBuf,
    mut stopped: oneshot::Receiver<()>,
) {
    let clock = Arc::new(SystemClock::new());
    let opened =
        Desk::open(log, clock.clone(), system_rng().fork("reports"), settings, &data_dir, engines);
    let mut desk = match opened.await {
        Ok(desk) => desk,
        Err(error) => {
            tracing::error!(%error, "no reports are made");
            return;
        }
    };
    loop {
        let nap = match Box::pin(desk.step()).await {
            Ok(done) => {
                done.iter().for_each(tell);
                let Some(wake) = desk.wake() else { return };
                Duration::from(wake.since(clock.now())).clamp(Duration::from_secs(1), NAP_MAX)
            }
            // The platform has ended, or says so itself.
            Err(DeskError::Append(AppendError::Closed | AppendError::WriterFailed(_))) => return,
            Err(error) => {
                tracing::warn!(%error, "reports wait");
                NAP_AFTER_ERROR
            }
        };
        tokio::select! {
            // A dropped sender means stop as well.
            _ = &mut stopped => return,
            () = tokio::time::sleep(nap) => {}
        }
    }
}

fn tell(done: &Done) {
    let Done { plan, period, what } = done;
    match what {
        What::Made(_) | What::Sent => tracing::info!(%plan, %period, %what, "report"),
        What::NotSent(_) | What::Unknown(_) | What::NotMade(_) => {
            tracing::warn!(%plan, %period, %what, "report");
        }
    }
}

/// A clock that stands still.
struct Still(Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn clock(now: Option<Timestamp>) -> Arc<dyn Clock> {
    match now {
        Some(now) => Arc::new(Still(now)),
        None => Arc::new(SystemClock::new()),
    }
}

/// `report due`.
pub(super) fn due(common: &Common, now: Option<Timestamp>) -> anyhow::Result<ExitCode> {
    with_desk(common, now, async |desk, _| {
        let done = Box::pin(desk.step()).await?;
        print(common, &done)?;
        let is_good = |done: &Done| matches!(done.what, What::Made(_) | What::Sent);
        Ok(if done.iter().all(is_good) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// `report send`.
pub(super) fn send(
    common: &Common,
    plan: &ReportPlanId,
    period: &str,
    again: bool,
    now: Option<Timestamp>,
) -> anyhow::Result<ExitCode> {
    with_desk(common, now, async |desk, config| {
        let known = config.reports.plans.iter().find(|known| known.id == *plan);
        let width = known.map_or(Width::Day, |known| Width::of(known.kind));
        let period = Period::parse(width, config.reports.utc_offset, period)?;
        let done = Box::pin(desk.send(plan, period, again)).await?;
        let is_sent = done.what == What::Sent;
        print(common, &[done])?;
        Ok(if is_sent { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// Works on the log of no running platform.
fn with_desk(
    common: &Common,
    now: Option<Timestamp>,
    work: impl AsyncFnOnce(&mut Desk, &Config) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let config = common.load()?;
    let settings = settings(&config)?;
    anyhow::ensure!(
        !settings.plans().is_empty(),
        "nothing to do: the configuration has no [[reports.plans]]; docs/reports.md shows one"
    );
    sql::runtime()?.block_on(async {
        let clock = clock(now);
        let opened = open_log(&config, clock.clone()).await?;
        let log = opened.log.clone();
        let engines = engines(log.clone(), config.data_dir.clone());
        let ids = system_rng().fork("reports");
        let mut desk =
            Desk::open(log.clone(), clock, ids, settings, &config.data_dir, engines).await?;
        let status = work(&mut desk, &config).await;
        log.close().await;
        status
    })
}

fn print(common: &Common, done: &[Done]) -> anyhow::Result<()> {
    match common.format {
        Format::Text if done.is_empty() => output::line("nothing is due"),
        Format::Text => done.iter().try_for_each(|done| {
            output::line(format!("{} {}: {}", done.plan, done.period, done.what))
        }),
        Format::Json => {
            let list = done.iter().map(|done| {
                json!({
                    "plan": done.plan,
                    "period": done.period.to_string(),
                    "what": done.what.to_string(),
                })
            });
            output::json(&list.collect::<Vec<_>>())
        }
    }
}
