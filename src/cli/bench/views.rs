//! `ledgerline bench views`: from a sealed log to every view, and what one late call costs.
//!
//! A simulated history is made and sealed. Then, each timed by itself: the log is folded into
//! the base tables, every view is made of them, views are brought up after a call that comes
//! late into one hour, and the live state takes the same facts in and chooses who talks.

use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

use super::calls::Calls;
use super::log::{Timed, now};
use super::soak::peak_resident_bytes;
use crate::base::{Clock as _, Millis, Ppm, Rng, Timestamp};
use crate::cli::{Common, Format, output};
use crate::event::{Recorded, RoutePurpose};
use crate::event_log::{
    AllRead, Direction, DiskStorage, EmbeddedLog, EventLog, LogOptions, SealedStore, Storage,
};
use crate::privacy::Vault;
use crate::projection::live::LiveState;
use crate::projection::sql::{LogReader, Pace, fold_into_files, refresh_all, views};
use crate::projection::store::Store;
use crate::projection::tables::{Kept, Tables};
use crate::query::Engine;
use crate::runtime::clock::SystemClock;
use crate::sim::history::{HistoryOptions, Outcomes, VirtualClock, simulate};

/// The first day of the history: 2026-09-07.
const START: Timestamp = Timestamp::from_micros(1_788_739_200_000_000);
/// Facts that the live state takes in: as many as memory holds decoded without pain.
const LIVE: usize = 1_000_000;
/// Choices of who talks.
const CHOICES: usize = 100_000;
const HOUR: Millis = Millis(3_600_000);

/// How `bench views` measures.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Dial attempts; each leaves about sixteen events.
    #[arg(long, value_name = "N", default_value_t = 62_500)]
    calls: u64,
    /// Days they are spread over.
    #[arg(long, value_name = "N", default_value_t = 10)]
    days: u32,
    /// Calls that come late, each into an hour of its own.
    #[arg(long, value_name = "N", default_value_t = 20)]
    late: u32,
}

/// What was measured.
#[derive(Debug, Default, Serialize)]
struct Figures {
    /// `debug` figures say nothing about the product.
    build: &'static str,
    cpus: usize,
    events: u64,
    attempts: u64,
    made_events_per_second: f64,
    sealed_bytes_per_event: f64,
    /// From sealed events to base tables.
    folded_events_per_second: f64,
    folded_peak_mb: f64,
    /// From base tables to all views.
    views: usize,
    views_seconds: f64,
    views_events_per_second: f64,
    /// One way through the facts for one view, made alone: the mean of all.
    pass_events_per_second: f64,
    /// The slowest, each made alone.
    slowest: Vec<(String, f64)>,
    views_peak_mb: f64,
    late_p50_ms: f64,
    late_p99_ms: f64,
    /// Windows that one late call made dirty, of all views.
    late_windows: f64,
    live_events: usize,
    live_events_per_second: f64,
    live_decoding_events_per_second: f64,
    choice_micros: f64,
    agents: usize,
}

/// Runs `ledgerline bench views`.
///
/// # Errors
/// Where the disk fails or is full.
pub(super) fn run(common: &Common, args: &Args) -> anyhow::Result<ExitCode> {
    let folder = common.load()?.data_dir.join(format!("bench-views-{}", std::process::id()));
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
    let mut figures = Figures {
        build: if cfg!(debug_assertions) { "debug" } else { "release" },
        cpus: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        ..Figures::default()
    };
    eprintln!("bench: making {} calls", args.calls);
    history(folder, args, &mut figures).await?;
    let log = sealed(folder, &mut figures).await?;
    let reader = LogReader::over(log.clone());
    eprintln!("bench: folding {} events", figures.events);
    // As a rebuild does: no view reads the table of all events, and rows that rest lie in files.
    let mut tables = Tables::without_events([]);
    let files = Kept::below(&folder.join("fold"));
    let started = now();
    Box::pin(fold_into_files(&reader, &mut tables, None, &files, Pace::USUAL)).await?;
    figures.folded_events_per_second = per_second(figures.events, started.elapsed());
    figures.folded_peak_mb = peak_resident_bytes() as f64 / 1e6;
    eprintln!("bench: making views");
    Box::pin(make_views(folder, &mut tables, &mut figures)).await?;
    drop(tables);
    eprintln!("bench: folding into the live state");
    live(&log, &mut figures).await?;
    eprintln!("bench: bringing views up after {} late calls", args.late);
    Box::pin(late(folder, log, args, &mut figures)).await?;
    Ok(figures)
}

/// A history in raw segments.
async fn history(folder: &Path, args: &Args, figures: &mut Figures) -> anyhow::Result<()> {
    let clock = Arc::new(VirtualClock::at(Timestamp::EPOCH));
    let (log, _) = EmbeddedLog::open(&folder.join("log"), LogOptions::default(), clock.clone())?;
    let mut keys = Rng::from_seed(1).fork("keys");
    let mut vault = Vault::open(&folder.join("keys"), &mut |buffer| keys.fill(buffer))?;
    let options = HistoryOptions {
        days: args.days,
        calls: args.calls,
        seed: 1,
        start: START,
        campaigns: 4,
        agents: 12,
        carriers: 3,
        late: Ppm(5_000),
        duplicates: Ppm(1_000),
        outcomes: Outcomes::shipped()?,
    };
    let started = now();
    let report = Box::pin(simulate(&log, &clock, &mut vault, &options, &mut |_| {})).await?;
    log.close().await;
    figures.attempts = report.calls;
    figures.events = report.events;
    figures.made_events_per_second = per_second(report.events, started.elapsed());
    Ok(())
}

/// The same log, once everything that can be sealed is, as a platform does it: every segment of
/// 64 MiB becomes a part of its own, and only parts of quiet days are merged, which these are not.
async fn sealed(folder: &Path, figures: &mut Figures) -> anyhow::Result<Arc<EmbeddedLog>> {
    let options = LogOptions { seal_after_bytes: Some(0), ..LogOptions::default() };
    let folder = folder.join("log");
    let (log, _) = EmbeddedLog::open(&folder, options, Arc::new(SystemClock::new()))?;
    loop {
        let names = std::fs::read_dir(&folder)?.flatten();
        let raw = names.filter(|it| it.file_name().to_string_lossy().starts_with("segment-"));
        if raw.count() <= 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // The last segment is never sealed, and its events do not count. Nor does a file that no
    // record names: a merge may be about to remove it.
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage::new(&folder));
    let records = SealedStore::new(storage.folder("sealed")?).records()?;
    let events: u64 = records.iter().map(|record| record.end - record.base).sum();
    let files = records.iter().flat_map(|record| &record.files);
    let mut bytes: u64 = files.map(|file| file.bytes).sum();
    for record in &records {
        bytes += std::fs::metadata(folder.join("sealed").join(record.name()))?.len();
    }
    if events > 0 {
        figures.sealed_bytes_per_event = bytes as f64 / events as f64;
    }
    Ok(Arc::new(log))
}

async fn make_views(
    folder: &Path,
    tables: &mut Tables,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let (store, views) = (Store::below(folder), views());
    let lock = store.lock().await?.context("the folder is read-only")?;
    let started = now();
    let all = Box::pin(refresh_all(&lock, &store, &views, &[], tables)).await?;
    let span = started.elapsed();
    for view in &all {
        anyhow::ensure!(view.error.is_none(), "{}: {:?}", view.view, view.error);
    }
    figures.views = all.len();
    figures.views_seconds = span.as_secs_f64();
    figures.views_events_per_second = per_second(figures.events, span);
    for view in &views {
        let started = now();
        let anew = std::slice::from_ref(view);
        drop(Box::pin(refresh_all(&lock, &store, &views, anew, tables)).await?);
        figures.slowest.push((view.table(), started.elapsed().as_secs_f64()));
    }
    let alone: f64 = figures.slowest.iter().map(|(_, seconds)| seconds).sum();
    let alone = Duration::from_secs_f64(alone / views.len().max(1) as f64);
    figures.pass_events_per_second = per_second(figures.events, alone);
    figures.slowest.sort_by(|one, two| two.1.total_cmp(&one.1));
    figures.slowest.truncate(5);
    figures.views_peak_mb = peak_resident_bytes() as f64 / 1e6;
    Ok(())
}

/// The live state, of facts that are in memory.
async fn live(log: &EmbeddedLog, figures: &mut Figures) -> anyhow::Result<()> {
    let mut recorded: Vec<Recorded> = Vec::new();
    while recorded.len() < LIVE {
        let from = AllRead::Position(recorded.len() as u64);
        let page = log.read_all(from, Direction::Forwards, 4_096).await?;
        if page.is_empty() {
            break;
        }
        recorded.extend(page);
    }
    let events: Vec<_> = recorded.iter().map(|it| it.event().ok()).collect();
    let mut live = LiveState::default();
    let started = now();
    for (place, event) in recorded.iter().zip(&events) {
        if let Some(event) = event {
            live.take(place.position, place.recorded_at, place.occurred_at, event)?;
        }
    }
    figures.live_events = recorded.len();
    figures.live_events_per_second = per_second(recorded.len() as u64, started.elapsed());
    let mut decoding = LiveState::default();
    let started = now();
    for place in &recorded {
        drop(decoding.apply(place)?);
    }
    let decoded = per_second(recorded.len() as u64, started.elapsed());
    figures.live_decoding_events_per_second = decoded;
    let calls: Vec<_> = events.iter().flatten().filter_map(|event| event.call_id()).collect();
    let at = SystemClock::new().now();
    let started = now();
    for call in calls.iter().cycle().take(CHOICES) {
        black_box(live.routing.choose_handler(*call, RoutePurpose::Answer, at, 7));
    }
    figures.choice_micros = started.elapsed().as_secs_f64() * 1e6 / CHOICES as f64;
    figures.agents = live.routing.agents().len();
    Ok(())
}

/// Calls that come late, one after the other, and the views after each.
async fn late(
    folder: &Path,
    log: Arc<EmbeddedLog>,
    args: &Args,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let engine = Box::pin(Engine::over(LogReader::over(log.clone()), folder)).await?;
    let (mut calls, mut waits, mut windows) = (Calls::new(2), Timed::default(), 0);
    for number in 0..args.late {
        let hours = u64::from(number) * 7 % (u64::from(args.days) * 24);
        let (parts, _) = calls.next(START.plus(Millis(HOUR.0 * hours + 1_000)));
        log.append_many(parts).await?;
        let started = now();
        let refreshed = Box::pin(engine.refresh()).await?;
        waits.waits.push(started.elapsed());
        windows += refreshed.iter().map(|view| view.computed).sum::<usize>();
    }
    figures.late_p50_ms = waits.percentile_ms(50);
    figures.late_p99_ms = waits.percentile_ms(99);
    figures.late_windows = windows as f64 / f64::from(args.late.max(1));
    Ok(())
}

fn per_second(count: u64, span: Duration) -> f64 {
    count as f64 / span.as_secs_f64().max(f64::MIN_POSITIVE)
}

fn text(figures: &Figures) -> String {
    let slowest: Vec<_> =
        figures.slowest.iter().map(|(view, seconds)| format!("{view} {seconds:.2} s")).collect();
    format!(
        "{} events of {} attempts ({} build, {} processors)\n\
         made         {:>12.0} events/s\n\
         sealed       {:>12.1} bytes an event\n\
         folded       {:>12.0} events/s, {:.0} MB at most\n\
         {} views     {:>12.0} events/s ({:.1} s), {:.0} MB at most\n\
         one view     {:>12.0} events/s; slowest {}\n\
         a late call  p50 {:.1} ms, p99 {:.1} ms for {:.1} windows\n\
         live state   {:>12.0} events/s of {}, {:.0} with decoding\n\
         who talks    {:>12.2} µs among {} agents and the robot\n",
        figures.events,
        figures.attempts,
        figures.build,
        figures.cpus,
        figures.made_events_per_second,
        figures.sealed_bytes_per_event,
        figures.folded_events_per_second,
        figures.folded_peak_mb,
        figures.views,
        figures.views_events_per_second,
        figures.views_seconds,
        figures.views_peak_mb,
        figures.pass_events_per_second,
        slowest.join(", "),
        figures.late_p50_ms,
        figures.late_p99_ms,
        figures.late_windows,
        figures.live_events_per_second,
        figures.live_events,
        figures.live_decoding_events_per_second,
        figures.choice_micros,
        figures.agents
    )
}
