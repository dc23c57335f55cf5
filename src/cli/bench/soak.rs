//! `ledgerline bench soak`: a long day of calls, then a crash.
//!
//! A second process appends a day's calls to a log as fast as the disk takes them, on a clock
//! that runs as fast, while a subscriber follows; it reports its memory as it goes. It is killed
//! (SIGKILL) in the middle of its work. The first process then opens what is left, times that,
//! and counts that nothing acknowledged is missing. With `--kills` this is done again and again
//! on the same log, at moments drawn from a seed, and every link of the chain is compared.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::calls::Calls;
use super::log::now;
use crate::base::{Clock, Rng, Timestamp};
use crate::cli::{Common, Format, output};
use crate::event_log::{EmbeddedLog, EventLog as _, LogOptions, SubscriptionItem, verify};
use crate::runtime::clock::SystemClock;

/// Events in the air.
const OUTSTANDING: usize = 4_096;
/// Raw bytes that stay as they are where segments are sealed.
const SEAL_AFTER: u64 = 256 << 20;
/// Reports in one run.
const REPORTS: u64 = 50;
/// 2026-11-21T00:00:00Z.
const MIDNIGHT: i64 = 1_795_219_200_000_000;

/// How `bench soak` measures.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Events to append before the crash.
    #[arg(long, value_name = "N", default_value_t = 5_000_000)]
    events: u64,
    /// Kill the process this many times, each time somewhere in so many events; the last time is
    /// measured.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    kills: u32,
    /// Seal finished segments into Parquet while this goes on.
    #[arg(long)]
    seal: bool,
    /// What the moments of the kills are drawn from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// A folder on the disk to measure; what is written there is removed afterwards. The data
    /// folder where it is not given.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Writes into this folder until killed: what the bench starts as its second process.
    #[arg(long, value_name = "DIR", hide = true)]
    writer: Option<PathBuf>,
}

/// How far the second process is.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Progress {
    /// Acknowledged events.
    events: u64,
    /// Events that its subscriber has seen.
    seen: u64,
    seconds: f64,
    /// Bytes of names, ids and fields that were given to the log.
    payload_bytes: u64,
    /// Bytes of data alone.
    data_bytes: u64,
    resident_bytes: u64,
}

#[derive(Debug, Serialize)]
struct Figures {
    build: &'static str,
    events: u64,
    simulated_hours: f64,
    events_per_second: f64,
    /// Of the writing process, at each tenth of the run.
    resident_mb: Vec<f64>,
    resident_max_mb: f64,
    log_bytes: u64,
    log_bytes_per_event: f64,
    payload_bytes_per_event: f64,
    data_bytes_per_event: f64,
    /// After the kill, the first time, in a new process.
    open_ms: f64,
    open_resident_mb: f64,
    kills: u32,
    /// Events acknowledged, those counted that were found after an earlier kill.
    acknowledged: u64,
    found: u64,
    lost: u64,
}

/// A clock that the bench moves.
struct DayClock(AtomicI64);

impl Clock for DayClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}

/// Runs `ledgerline bench soak`.
///
/// # Errors
/// Where the disk fails or is full, or the second process ends by itself.
pub(crate) fn run(common: &Common, args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(folder) = &args.writer {
        return write(folder, args.events, args.seal);
    }
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => common.load()?.data_dir,
    };
    let folder = dir.join(format!("bench-soak-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let measured = measure(&folder, args);
    let removed = std::fs::remove_dir_all(&folder);
    let figures = measured?;
    removed.with_context(|| format!("remove {}", folder.display()))?;
    match common.format {
        Format::Text => output::text(text(&figures))?,
        Format::Json => output::json(&figures)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(folder: &Path, args: &Args) -> anyhow::Result<Figures> {
    let log_folder = folder.join("log");
    let mut rng = Rng::from_seed(args.seed);
    let mut before = 0;
    for kill in 1..args.kills {
        let reports = write_and_kill(&log_folder, args, rng.between(1, REPORTS - 1))?;
        let acknowledged = before + reports.last().map_or(0, |report| report.events);
        let clock = Arc::new(SystemClock::new());
        let (log, _) = EmbeddedLog::open(&log_folder, LogOptions::default(), clock)?;
        let found = log.head().map_or(0, |head| head + 1);
        drop(log);
        let whole = verify(&log_folder)?;
        anyhow::ensure!(
            found >= acknowledged && whole.events == found,
            "kill {kill}: {acknowledged} events were acknowledged, {found} are there, {} of them whole",
            whole.events
        );
        before = found;
    }
    let reports = write_and_kill(&log_folder, args, u64::MAX)?;
    let last = *reports.last().context("the writing process ended before its first report")?;

    let started = now();
    let clock = Arc::new(SystemClock::new());
    let (log, _) = EmbeddedLog::open(&log_folder, LogOptions::default(), clock)?;
    let opened = started.elapsed();
    let open_resident_mb = resident_bytes() as f64 / 1e6;
    let found = log.head().map_or(0, |head| head + 1);
    drop(log);
    let log_bytes = bytes_in(&log_folder)?;
    let tenth = |tenth: usize| reports.get((reports.len() * tenth / 10).saturating_sub(1));
    let resident = |report: &Progress| report.resident_bytes as f64 / 1e6;
    Ok(Figures {
        build: if cfg!(debug_assertions) { "debug" } else { "release" },
        events: last.events,
        simulated_hours: 24.0,
        events_per_second: last.events as f64 / last.seconds.max(f64::MIN_POSITIVE),
        resident_mb: (1..=10).filter_map(tenth).map(resident).collect(),
        resident_max_mb: reports.iter().map(resident).fold(0.0, f64::max),
        log_bytes,
        log_bytes_per_event: log_bytes as f64 / found.max(1) as f64,
        payload_bytes_per_event: last.payload_bytes as f64 / last.events.max(1) as f64,
        data_bytes_per_event: last.data_bytes as f64 / last.events.max(1) as f64,
        open_ms: opened.as_secs_f64() * 1_000.0,
        open_resident_mb,
        kills: args.kills,
        acknowledged: before + last.events,
        found,
        lost: (before + last.events).saturating_sub(found),
    })
}

/// Starts the second process and kills it after so many of its reports, or when it has written
/// enough.
fn write_and_kill(log_folder: &Path, args: &Args, after: u64) -> anyhow::Result<Vec<Progress>> {
    let events = args.events;
    let program = std::env::current_exe().context("find this program")?;
    let mut child = Command::new(program)
        .args(["bench", "soak", "--events", &events.to_string(), "--writer"])
        .arg(log_folder)
        .args(args.seal.then_some("--seal"))
        .stdout(Stdio::piped())
        .spawn()
        .context("start the writing process")?;
    let mut reports: Vec<Progress> = Vec::new();
    for line in BufReader::new(child.stdout.take().context("its output")?).lines() {
        let report: Progress = serde_json::from_str(&line?).context("a report of the writer")?;
        reports.push(report);
        if report.events >= events || reports.len() as u64 >= after {
            break;
        }
    }
    child.kill().context("kill the writing process")?;
    let status = child.wait()?;
    anyhow::ensure!(status.code().is_none(), "the writing process ended by itself: {status}");
    Ok(reports)
}

/// The second process: appends a day of calls, and goes on until it is killed.
fn write(folder: &Path, events: u64, seal: bool) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let clock = Arc::new(DayClock(AtomicI64::new(MIDNIGHT)));
    let seal_after_bytes = seal.then_some(SEAL_AFTER);
    let options = LogOptions { seal_after_bytes, ..LogOptions::default() };
    let (log, _) = EmbeddedLog::open(folder, options, clock.clone())?;
    let log = Arc::new(log);
    let seen = Arc::new(AtomicU64::new(0));
    let mut feed = log.subscribe_all(None);
    let counter = seen.clone();
    runtime.spawn(async move {
        while let Ok(item) = feed.next().await {
            if let SubscriptionItem::Event(_) = item {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let mut calls = Calls::new(log.head().map_or(0, |head| head + 1));
    let mut progress = Progress::default();
    let started = now();
    let mut flying: VecDeque<(u64, _)> = VecDeque::new();
    let mut in_the_air = 0;
    let mut at = Timestamp::from_micros(MIDNIGHT);
    let mut next_report = 0;
    runtime.block_on(async {
        loop {
            while in_the_air < OUTSTANDING as u64 {
                let (batch, _) = calls.next(at);
                let mut count = 0;
                for part in &batch {
                    count += part.events.len() as u64;
                    for event in &part.events {
                        let data = event.data.len() as u64;
                        let names = part.stream.as_str().len()
                            + event.event_type.len()
                            + event.actor.as_str().len();
                        progress.data_bytes += data;
                        // Event id, correlation id and causation id of 16 bytes each.
                        progress.payload_bytes += data + names as u64 + 48;
                    }
                }
                flying.push_back((count, log.submit(batch).await?));
                in_the_air += count;
            }
            let Some((count, answer)) = flying.pop_front() else { continue };
            answer.await?;
            in_the_air -= count;
            progress.events += count;
            // The day passes with the events.
            let day = 86_400_000_000_i128 * i128::from(progress.events) / i128::from(events.max(1));
            at = Timestamp::from_micros(MIDNIGHT + i64::try_from(day).unwrap_or(i64::MAX));
            clock.0.store(at.as_micros(), Ordering::Relaxed);
            if progress.events >= next_report {
                next_report = (progress.events + events.div_ceil(REPORTS))
                    .min(if progress.events < events { events } else { u64::MAX });
                progress.seconds = started.elapsed().as_secs_f64();
                progress.resident_bytes = resident_bytes();
                progress.seen = seen.load(Ordering::Relaxed);
                let mut out = std::io::stdout().lock();
                serde_json::to_writer(&mut out, &progress)?;
                out.write_all(b"\n")?;
                out.flush()?;
            }
        }
    })
}

/// What this process holds in memory.
pub(super) fn resident_bytes() -> u64 {
    bytes_of("VmRSS:")
}

/// The most that it held so far.
#[cfg(feature = "analytics")]
pub(super) fn peak_resident_bytes() -> u64 {
    bytes_of("VmHWM:")
}

fn bytes_of(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1_024
}

/// Bytes of all files below a folder.
pub(super) fn bytes_in(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        bytes += if about.is_dir() { bytes_in(&entry.path())? } else { about.len() };
    }
    Ok(bytes)
}

fn text(figures: &Figures) -> String {
    let resident: Vec<_> = figures.resident_mb.iter().map(|mb| format!("{mb:.0}")).collect();
    format!(
        "soak, {} build: {} events of simulated calls, {:.0} hours on their clock\n\
         append     {:>10.0} events/s   with a subscriber\n\
         memory     {:>10.0} MB at most; at each tenth: {}\n\
         bytes      {:>10.1} an event   ({:.1} of names, ids and data, {:.1} of data; {} in all)\n\
         open       {:>10.1} ms         after SIGKILL, {:.0} MB resident\n\
         lost       {:>10}            of {} acknowledged; {} found, {} kills\n",
        figures.build,
        figures.events,
        figures.simulated_hours,
        figures.events_per_second,
        figures.resident_max_mb,
        resident.join(" "),
        figures.log_bytes_per_event,
        figures.payload_bytes_per_event,
        figures.data_bytes_per_event,
        figures.log_bytes,
        figures.open_ms,
        figures.open_resident_mb,
        figures.lost,
        figures.acknowledged,
        figures.found,
        figures.kills,
    )
}
