//! `ledgerline bench seal`: simulated calls as a raw log, then as Parquet, and back.
//!
//! The raw log is written first, then its finished segments are sealed one by one, and both are
//! read from position 0; every event from Parquet is compared with the raw one afterwards, out of
//! the time measured.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

use super::calls::Calls;
use super::log::now;
use crate::base::Timestamp;
use crate::cli::{Common, Format, output};
use crate::event::Recorded;
use crate::event_log::{
    AllRead, Direction, DiskStorage, EmbeddedLog, EventLog as _, LogOptions, RawSegment,
    SealOptions, SealedPart, SealedStore, Storage, seal,
};
use crate::runtime::clock::SystemClock;

/// Events of one read.
const PAGE: u64 = 4_096;
/// Readings, of which the median counts.
const READINGS: usize = 5;
/// 2026-11-21T00:00:00Z.
const MIDNIGHT: i64 = 1_795_219_200_000_000;

/// How `bench seal` measures.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Events to seal, about.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    events: u64,
    /// A folder on the disk to measure; what is written there is removed afterwards. The data
    /// folder where it is not given.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Figures {
    build: &'static str,
    events: u64,
    raw_bytes: u64,
    sealed_bytes: u64,
    /// Sealed by raw.
    ratio: f64,
    raw_bytes_per_event: f64,
    sealed_bytes_per_event: f64,
    /// Proof included: each segment is rebuilt and compared before it counts as sealed.
    seal_bytes_per_second: f64,
    seal_events_per_second: f64,
    raw_read_events_per_second: f64,
    sealed_read_events_per_second: f64,
    /// The lowest and the highest of the readings from Parquet.
    sealed_read_lowest: f64,
    sealed_read_highest: f64,
    verify_bytes_per_second: f64,
    /// Events that came back other than they were.
    different: u64,
}

/// Runs `ledgerline bench seal`.
///
/// # Errors
/// Where the disk fails or is full.
pub(crate) fn run(common: &Common, args: &Args) -> anyhow::Result<ExitCode> {
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => common.load()?.data_dir,
    };
    let folder = dir.join(format!("bench-seal-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let measured = measure(&folder, args.events);
    let removed = std::fs::remove_dir_all(&folder);
    let figures = measured?;
    removed.with_context(|| format!("remove {}", folder.display()))?;
    match common.format {
        Format::Text => output::text(text(&figures))?,
        Format::Json => output::json(&figures)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(folder: &Path, wanted: u64) -> anyhow::Result<Figures> {
    let log_folder = folder.join("log");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let log = runtime.block_on(write(&log_folder, wanted))?;

    let storage: Arc<dyn Storage> = Arc::new(DiskStorage::new(&log_folder));
    let mut names: Vec<_> =
        storage.list()?.into_iter().filter(|name| name.starts_with("segment-")).collect();
    names.sort_unstable();
    // The last one is not finished.
    names.pop();
    anyhow::ensure!(!names.is_empty(), "too few events for one segment; ask for more");
    let store = SealedStore::new(storage.folder("bench")?);
    let (mut raw_bytes, mut sealed_bytes, mut sealing) = (0, 0, Duration::ZERO);
    let mut parts = Vec::new();
    for name in &names {
        let started = now();
        let segment = RawSegment::read(&storage, name)?;
        raw_bytes += segment.bytes.len() as u64;
        let record = seal(&store, &[segment], &SealOptions::default())?;
        sealing += started.elapsed();
        sealed_bytes += record.files.iter().map(|file| file.bytes).sum::<u64>();
        parts.push(SealedPart::open(record, store.clone()));
    }
    let events = parts.last().map_or(0, SealedPart::end);

    let mut rates = Vec::new();
    for _ in 0..READINGS {
        let started = now();
        read_parts(&parts, &mut |_| Ok(()))?;
        rates.push(rate(events, started.elapsed()));
    }
    rates.sort_unstable_by(f64::total_cmp);
    let started = now();
    runtime.block_on(read_raw(&log, events, &mut |_| ()))?;
    let raw_read = started.elapsed();
    let started = now();
    let mut previous = [0; 32];
    for part in &parts {
        previous = part.verify(previous).map_err(|damage| anyhow::anyhow!("{damage}"))?;
    }
    let verified = started.elapsed();
    let different = runtime.block_on(compare(&log, &parts))?;
    let at = |place: usize| rates.get(place).copied().unwrap_or_default();
    Ok(Figures {
        build: if cfg!(debug_assertions) { "debug" } else { "release" },
        events,
        raw_bytes,
        sealed_bytes,
        ratio: sealed_bytes as f64 / raw_bytes.max(1) as f64,
        raw_bytes_per_event: raw_bytes as f64 / events.max(1) as f64,
        sealed_bytes_per_event: sealed_bytes as f64 / events.max(1) as f64,
        seal_bytes_per_second: rate(raw_bytes, sealing),
        seal_events_per_second: rate(events, sealing),
        raw_read_events_per_second: rate(events, raw_read),
        sealed_read_events_per_second: at(READINGS / 2),
        sealed_read_lowest: at(0),
        sealed_read_highest: at(READINGS - 1),
        verify_bytes_per_second: rate(raw_bytes, verified),
        different,
    })
}

/// Appends calls until there are enough events and one segment more.
async fn write(folder: &Path, wanted: u64) -> anyhow::Result<EmbeddedLog> {
    let clock = Arc::new(SystemClock::new());
    let (log, _) = EmbeddedLog::open(folder, LogOptions::default(), clock)?;
    let mut calls = Calls::new(1);
    let mut at = Timestamp::from_micros(MIDNIGHT);
    let mut flying = Vec::new();
    let segments = || {
        std::fs::read_dir(folder).map_or(0, |entries| {
            let is_segment = |name: &str| name.starts_with("segment-");
            entries
                .flatten()
                .filter(|entry| is_segment(&entry.file_name().to_string_lossy()))
                .count()
        })
    };
    while log.head().is_none_or(|head| head < wanted) || segments() < 2 {
        for _ in 0..256 {
            let (batch, next) = calls.next(at);
            at = next;
            flying.push(log.submit(batch).await?);
        }
        for answer in flying.drain(..) {
            answer.await?;
        }
    }
    Ok(log)
}

fn read_parts(
    parts: &[SealedPart],
    each: &mut dyn FnMut(&[Recorded]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut events = Vec::new();
    for part in parts {
        let mut next = part.base();
        while next < part.end() {
            let end = part.end().min(next + PAGE);
            events.clear();
            part.read_range(next..end, &mut events)?;
            anyhow::ensure!(events.len() as u64 == end - next, "events are missing at {next}");
            each(&events)?;
            next = end;
        }
    }
    Ok(())
}

async fn read_raw(
    log: &EmbeddedLog,
    events: u64,
    each: &mut dyn FnMut(Vec<Recorded>),
) -> anyhow::Result<()> {
    let mut next = 0;
    while next < events {
        let max = usize::try_from(PAGE.min(events - next))?;
        let page = log.read_all(AllRead::Position(next), Direction::Forwards, max).await?;
        anyhow::ensure!(!page.is_empty(), "events are missing at {next}");
        next += page.len() as u64;
        each(page);
    }
    Ok(())
}

/// How many events are not what they were.
async fn compare(log: &EmbeddedLog, parts: &[SealedPart]) -> anyhow::Result<u64> {
    let mut different = 0;
    for part in parts {
        let mut next = part.base();
        let mut sealed = Vec::new();
        while next < part.end() {
            let end = part.end().min(next + PAGE);
            sealed.clear();
            part.read_range(next..end, &mut sealed)?;
            let max = usize::try_from(end - next)?;
            let raw = log.read_all(AllRead::Position(next), Direction::Forwards, max).await?;
            different += sealed.iter().zip(&raw).filter(|(one, two)| one != two).count() as u64;
            different += sealed.len().abs_diff(raw.len()) as u64;
            next = end;
        }
    }
    Ok(different)
}

fn rate(count: u64, span: Duration) -> f64 {
    count as f64 / span.as_secs_f64().max(f64::MIN_POSITIVE)
}

fn text(figures: &Figures) -> String {
    format!(
        "seal, {} build: {} events of simulated calls\n\
         raw        {:>12} bytes      {:.1} an event\n\
         sealed     {:>12} bytes      {:.1} an event; {:.3} of raw\n\
         sealing    {:>12.0} events/s   ({:.1} MB/s of raw, proof included)\n\
         read raw   {:>12.0} events/s\n\
         read back  {:>12.0} events/s   from Parquet, median of {READINGS} ({:.0} to {:.0})\n\
         verify     {:>12.1} MB/s of raw\n\
         different  {:>12}\n",
        figures.build,
        figures.events,
        figures.raw_bytes,
        figures.raw_bytes_per_event,
        figures.sealed_bytes,
        figures.sealed_bytes_per_event,
        figures.ratio,
        figures.seal_events_per_second,
        figures.seal_bytes_per_second / 1e6,
        figures.raw_read_events_per_second,
        figures.sealed_read_events_per_second,
        figures.sealed_read_lowest,
        figures.sealed_read_highest,
        figures.verify_bytes_per_second / 1e6,
        figures.different,
    )
}
