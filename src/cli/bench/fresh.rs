//! `ledgerline bench fresh`: how old what questions see is, while events are appended.
//!
//! Calls are appended at a steady rate, and one session asks for the last position again and
//! again. An event counts as visible when the first answer with it in it has been read, so that
//! the time of the question is in the figure.

use std::collections::VecDeque;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;

use super::calls::Calls;
use super::log::{Timed, now};
use crate::base::Clock as _;
use crate::cli::{Common, Format, output};
use crate::event_log::{EmbeddedLog, EventLog, LogOptions};
use crate::query::{Engine, Limits, Params, Session};
use crate::runtime::clock::SystemClock;

/// The question.
const QUESTION: &str = "select max(position) as last from events";
/// From one append to the next.
const EVERY: Duration = Duration::from_millis(2);

/// How `bench fresh` measures.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Events that are in the log before.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    events: u64,
    /// Events that are appended each second.
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    rate: u64,
    /// How long.
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Figures {
    /// `debug` figures say nothing about the product.
    build: &'static str,
    cpus: usize,
    events_before: u64,
    events: usize,
    events_per_second: f64,
    questions: usize,
    question_p50_ms: f64,
    question_p99_ms: f64,
    visible_p50_ms: f64,
    visible_p99_ms: f64,
}

/// Last positions of appends, and when those began.
type Appends = Arc<Mutex<VecDeque<(u64, usize, Instant)>>>;

/// Runs `ledgerline bench fresh`.
///
/// # Errors
/// Where the disk fails or is full.
pub(super) fn run(common: &Common, args: &Args) -> anyhow::Result<ExitCode> {
    let folder = common.load()?.data_dir.join(format!("bench-fresh-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let measured = runtime.block_on(measure(&folder, args));
    let removed = std::fs::remove_dir_all(&folder);
    let figures = measured?;
    removed.with_context(|| format!("remove {}", folder.display()))?;
    match common.format {
        Format::Text => output::text(text(&figures))?,
        Format::Json => output::json(&figures)?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure(folder: &Path, args: &Args) -> anyhow::Result<Figures> {
    let clock = Arc::new(SystemClock::new());
    let (log, _) = EmbeddedLog::open(&folder.join("log"), LogOptions::default(), clock)?;
    let log: Arc<dyn EventLog> = Arc::new(log);
    let mut calls = Calls::new(1);
    let mut at = SystemClock::new().now();
    let mut before = 0;
    while before < args.events {
        let mut parts = Vec::new();
        while parts.len() < 64 {
            let (call, next) = calls.next(at);
            (parts, at) = ([parts, call].concat(), next);
        }
        before += parts.iter().map(|part| part.events.len() as u64).sum::<u64>();
        log.append_many(parts).await?;
    }
    let engine = Engine::follow(log.clone(), folder, Limits::default())?;
    let session = Session::new(engine.clone());
    let appends = Appends::default();
    // The first answer comes when everything before was taken in.
    ask(&session).await?;
    let span = Duration::from_secs(args.seconds);
    let appending = tokio::spawn(append(log, calls, args.rate, span, appends.clone()));
    let (mut questions, mut visible) = (Timed::default(), Timed::default());
    let started = now();
    while started.elapsed() < span {
        let asked = now();
        let last = ask(&session).await?;
        questions.waits.push(asked.elapsed());
        let mut appends = appends.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((_, count, began)) = appends.pop_front_if(|(at, ..)| *at <= last) {
            visible.waits.extend(std::iter::repeat_n(began.elapsed(), count));
        }
    }
    visible.span = started.elapsed();
    appending.await??;
    Ok(Figures {
        build: if cfg!(debug_assertions) { "debug" } else { "release" },
        cpus: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        events_before: before,
        events: visible.waits.len(),
        events_per_second: visible.per_second(),
        questions: questions.waits.len(),
        question_p50_ms: questions.percentile_ms(50),
        question_p99_ms: questions.percentile_ms(99),
        visible_p50_ms: visible.percentile_ms(50),
        visible_p99_ms: visible.percentile_ms(99),
    })
}

/// The last position that questions see.
async fn ask(session: &Session) -> anyhow::Result<u64> {
    let running = Box::pin(session.query(QUESTION, Params::default())).await?;
    let answer = running.collect().await?;
    Ok(u64::try_from(answer.count(0, "last")).unwrap_or(0))
}

/// Appends calls at a steady rate: as many as are due, every [`EVERY`].
async fn append(
    log: Arc<dyn EventLog>,
    mut calls: Calls,
    rate: u64,
    span: Duration,
    appends: Appends,
) -> anyhow::Result<()> {
    let mut tick = tokio::time::interval(EVERY);
    let started = now();
    let mut at = SystemClock::new().now();
    let mut appended = 0;
    while started.elapsed() < span {
        tick.tick().await;
        while appended < (started.elapsed().as_secs_f64() * rate as f64) as u64 {
            let (parts, next) = calls.next(at);
            at = next;
            let count = parts.iter().map(|part| part.events.len()).sum();
            let began = now();
            let places = log.append_many(parts).await?;
            let last = places.iter().map(|place| place.last_position).max().unwrap_or(0);
            appended += count as u64;
            let mut appends = appends.lock().unwrap_or_else(PoisonError::into_inner);
            appends.push_back((last, count, began));
        }
    }
    Ok(())
}

fn text(figures: &Figures) -> String {
    format!(
        "{} events before; {:.0} events/s for {} events ({} build, {} processors)\n\
         question     p50 {:.2} ms, p99 {:.2} ms, {} asked\n\
         visible in   p50 {:.2} ms, p99 {:.2} ms after its append began\n",
        figures.events_before,
        figures.events_per_second,
        figures.events,
        figures.build,
        figures.cpus,
        figures.question_p50_ms,
        figures.question_p99_ms,
        figures.questions,
        figures.visible_p50_ms,
        figures.visible_p99_ms
    )
}
