//! `ledgerline bench log`.
//!
//! The log and the bare disk take turns, so that both meet the same neighbours: a round of one,
//! a round of the other, twice over. A bare block has the size of the log's average group.

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;
use uuid::Uuid;

use super::disk::Bare;
use crate::base::{EventId, Timestamp};
use crate::cli::{Common, Format, output};
use crate::event::{Actor, ContentType, ExpectedRevision, NewEvent, StreamName};
use crate::event_log::{
    AllRead, Direction, EmbeddedLog, EventLog as _, LogOptions, StreamAppend, verify,
};
use crate::runtime::clock::SystemClock;

const OUTSTANDING: usize = 4_096;
const DATA_BYTES: usize = 300;
const STREAMS: u64 = 256;
const ROUNDS: u32 = 2;
const BARE_BYTES: u64 = 64 << 20;
const SMALL_BLOCK: usize = 4_096;
const PAGE: usize = 4_096;

/// How `bench log` measures.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long each of four measurements runs.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// A folder on the disk to measure; what is written there is removed afterwards. The data
    /// folder where it is not given.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// The present moment, for spans only.
#[expect(clippy::disallowed_methods, reason = "a bench measures the machine's own time")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Figures {
    /// `debug` figures say nothing about the product.
    build: &'static str,
    cpus: usize,
    /// Of the machine, over the last minute, at the end.
    load_average: Option<f64>,
    seconds: f64,
    data_bytes_per_event: usize,
    log_bytes_per_event: f64,
    many: Many,
    one: One,
    read: Reading,
    open: Opening,
}

/// Many appends in the air, next to bare blocks of the same size as a group.
#[derive(Debug, Serialize)]
struct Many {
    outstanding: usize,
    events: u64,
    groups: u64,
    events_per_second: f64,
    bytes_per_second: f64,
    ack_p50_ms: f64,
    ack_p99_ms: f64,
    bare_block_bytes: usize,
    bare_bytes_per_second: f64,
    /// As many events as fit into the bare bytes.
    bare_events_per_second: f64,
    ratio: f64,
}

/// One append in the air, next to bare blocks of 4 KiB.
#[derive(Debug, Serialize)]
struct One {
    events_per_second: f64,
    ack_p50_ms: f64,
    ack_p99_ms: f64,
    bare_syncs_per_second: f64,
    ratio: f64,
}

/// From position 0 to the end, each record's checksum compared.
#[derive(Debug, Serialize)]
struct Reading {
    events: u64,
    verified_events_per_second: f64,
    /// As `ledgerline log verify` does it: every frame, record and link.
    walk_events_per_second: f64,
    walk_bytes_per_second: f64,
}

#[derive(Debug, Serialize)]
struct Opening {
    events: u64,
    bytes: u64,
    milliseconds: f64,
}

/// Events and how long each waited.
#[derive(Default)]
pub(super) struct Timed {
    pub(super) span: Duration,
    pub(super) waits: Vec<Duration>,
}

impl Timed {
    pub(super) fn per_second(&self) -> f64 {
        per_second(self.waits.len() as u64, self.span)
    }

    /// The wait that this share of all did not exceed.
    pub(super) fn percentile_ms(&mut self, percent: usize) -> f64 {
        self.waits.sort_unstable();
        let at = (self.waits.len() * percent).div_ceil(100).saturating_sub(1);
        self.waits.get(at).map_or(0.0, |wait| wait.as_secs_f64() * 1_000.0)
    }
}

/// Bare blocks and how long they took.
#[derive(Default)]
struct Blocks {
    count: u64,
    span: Duration,
}

/// Runs `ledgerline bench log`.
///
/// # Errors
/// Where the disk fails or is full.
pub(super) fn run(common: &Common, args: &Args) -> anyhow::Result<ExitCode> {
    let parent = match &args.dir {
        Some(folder) => folder.clone(),
        None => common.load()?.data_dir,
    };
    let folder = parent.join(format!("bench-log-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let measured = measure(&folder, Duration::from_secs(args.seconds));
    let removed = std::fs::remove_dir_all(&folder);
    let figures = measured?;
    removed.with_context(|| format!("remove {}", folder.display()))?;
    match common.format {
        Format::Text => output::text(text(&figures))?,
        Format::Json => output::json(&figures)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(folder: &Path, whole: Duration) -> anyhow::Result<Figures> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let log_folder = folder.join("log");
    let clock = Arc::new(SystemClock::new());
    let open = || EmbeddedLog::open(&log_folder, LogOptions::default(), clock.clone());
    let span = whole / ROUNDS;
    let mut bare = Bare::new(&folder.join("bare"), BARE_BYTES)?;
    let mut source = Source(0);

    let (mut many, mut blocks) = (Timed::default(), Blocks::default());
    let (mut groups, mut bytes, mut block) = (0, 0, 0);
    for _ in 0..ROUNDS {
        let (log, _) = open()?;
        runtime.block_on(append_many(&log, &mut source, span, &mut many))?;
        drop(log);
        let found = verify(&log_folder)?;
        (groups, bytes) = (found.frames, found.bytes);
        block = usize::try_from(found.bytes / found.frames.max(1)).unwrap_or(usize::MAX);
        let (count, took) = bare.write_and_sync(block.min(8 << 20), span)?;
        blocks.count += count * block.min(8 << 20) as u64;
        blocks.span += took;
    }
    let events = many.waits.len() as u64;
    let log_bytes_per_event = bytes as f64 / events.max(1) as f64;
    let bare_bytes_per_second = per_second(blocks.count, blocks.span);
    let bare_events_per_second = bare_bytes_per_second / log_bytes_per_event.max(1.0);
    let many = Many {
        outstanding: OUTSTANDING,
        events,
        groups,
        events_per_second: many.per_second(),
        bytes_per_second: many.per_second() * log_bytes_per_event,
        ack_p50_ms: many.percentile_ms(50),
        ack_p99_ms: many.percentile_ms(99),
        bare_block_bytes: block,
        bare_bytes_per_second,
        bare_events_per_second,
        ratio: many.per_second() / bare_events_per_second.max(1.0),
    };
    let (log, _) = open()?;
    let one = measure_one(&runtime, &log, &mut source, &mut bare, span)?;
    drop(log);

    let started = now();
    let (log, report) = open()?;
    let opened = started.elapsed();
    let read = measure_reading(&runtime, &log, &log_folder)?;
    anyhow::ensure!(read.events == source.0, "read {} of {} events", read.events, source.0);
    Ok(Figures {
        build: if cfg!(debug_assertions) { "debug" } else { "release" },
        cpus: std::thread::available_parallelism().map_or(0, usize::from),
        load_average: load_average(),
        seconds: whole.as_secs_f64(),
        data_bytes_per_event: DATA_BYTES,
        log_bytes_per_event,
        many,
        one,
        read,
        open: Opening {
            events: report.events,
            bytes: report.bytes,
            milliseconds: opened.as_secs_f64() * 1_000.0,
        },
    })
}

/// Gives events that are all different, in streams taken in turn.
struct Source(u64);

impl Source {
    fn next(&mut self) -> anyhow::Result<StreamAppend> {
        let number = self.0;
        self.0 += 1;
        let mut data = Vec::with_capacity(DATA_BYTES);
        write!(data, "{{\"number\":{number},\"text\":\"")?;
        data.resize(DATA_BYTES - 2, b'x');
        data.extend_from_slice(b"\"}");
        let event = NewEvent {
            event_id: EventId(Uuid::from_u128(u128::from(number))),
            event_type: "bench_event".to_owned(),
            schema_version: 1,
            occurred_at: Timestamp::EPOCH,
            correlation_id: Some(Uuid::from_u128(1)),
            causation_id: None,
            actor: Actor::part("bench"),
            data,
            content_type: ContentType::Json,
            metadata: Vec::new(),
        };
        Ok(StreamAppend {
            stream: StreamName::new(format!("bench-{}", number % STREAMS))?,
            expected: ExpectedRevision::Any,
            events: vec![event],
        })
    }
}

/// Keeps 4,096 appends in the air for a while, then waits for the last.
async fn append_many(
    log: &EmbeddedLog,
    source: &mut Source,
    span: Duration,
    timed: &mut Timed,
) -> anyhow::Result<()> {
    let mut flying = VecDeque::with_capacity(OUTSTANDING);
    let started = now();
    // The clock is asked once an event; an append counts from when the one before was answered,
    // so what the making of its event takes is in its wait.
    let mut at = started;
    loop {
        let is_time_left = at.duration_since(started) < span;
        while is_time_left && flying.len() < OUTSTANDING {
            let batch = vec![source.next()?];
            flying.push_back((at, log.submit(batch).await?));
        }
        let Some((sent, answer)) = flying.pop_front() else { break };
        answer.await?;
        at = now();
        timed.waits.push(at.duration_since(sent));
    }
    timed.span += started.elapsed();
    Ok(())
}

fn measure_one(
    runtime: &tokio::runtime::Runtime,
    log: &EmbeddedLog,
    source: &mut Source,
    bare: &mut Bare,
    span: Duration,
) -> anyhow::Result<One> {
    let (mut timed, mut blocks) = (Timed::default(), Blocks::default());
    for _ in 0..ROUNDS {
        let started = now();
        runtime.block_on(async {
            while started.elapsed() < span {
                let batch = vec![source.next()?];
                let sent = now();
                log.append_many(batch).await?;
                timed.waits.push(sent.elapsed());
            }
            anyhow::Ok(())
        })?;
        timed.span += started.elapsed();
        let (count, took) = bare.write_and_sync(SMALL_BLOCK, span)?;
        blocks.count += count;
        blocks.span += took;
    }
    let bare_syncs_per_second = per_second(blocks.count, blocks.span);
    Ok(One {
        events_per_second: timed.per_second(),
        ack_p50_ms: timed.percentile_ms(50),
        ack_p99_ms: timed.percentile_ms(99),
        bare_syncs_per_second,
        ratio: timed.per_second() / bare_syncs_per_second.max(1.0),
    })
}

fn measure_reading(
    runtime: &tokio::runtime::Runtime,
    log: &EmbeddedLog,
    folder: &Path,
) -> anyhow::Result<Reading> {
    let started = now();
    let events = runtime.block_on(async {
        let mut next = 0;
        loop {
            let page = log.read_all(AllRead::Position(next), Direction::Forwards, PAGE).await?;
            if page.is_empty() {
                return anyhow::Ok(next);
            }
            next += page.len() as u64;
        }
    })?;
    let read = started.elapsed();
    let started = now();
    let found = verify(folder)?;
    let walked = started.elapsed();
    Ok(Reading {
        events,
        verified_events_per_second: per_second(events, read),
        walk_events_per_second: per_second(found.events, walked),
        walk_bytes_per_second: per_second(found.bytes, walked),
    })
}

fn per_second(count: u64, span: Duration) -> f64 {
    count as f64 / span.as_secs_f64().max(f64::MIN_POSITIVE)
}

fn load_average() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

fn text(figures: &Figures) -> String {
    let Figures { many, one, read, open, .. } = figures;
    let load = figures.load_average.map_or_else(|| "-".to_owned(), |load| format!("{load:.2}"));
    format!(
        "event log, {} build, {} processors, load {load}, {} bytes of data an event ({:.0} in the log)\n\
         {} outstanding   {:>10.0} events/s   ack p50 {:.2} ms, p99 {:.2} ms\n\
         \x20 bare disk        {:>10.0} events/s   ({:.1} MB/s in blocks of {} bytes)   ratio {:.2}\n\
         1 outstanding      {:>10.0} events/s   ack p50 {:.2} ms, p99 {:.2} ms\n\
         \x20 bare disk        {:>10.0} syncs/s    (blocks of 4096 bytes)   ratio {:.2}\n\
         read from zero     {:>10.0} events/s   each record's checksum compared\n\
         verify             {:>10.0} events/s   ({:.1} MB/s, every frame and link)\n\
         open               {:>10.1} ms         {} events, {} bytes\n",
        figures.build,
        figures.cpus,
        figures.data_bytes_per_event,
        figures.log_bytes_per_event,
        many.outstanding,
        many.events_per_second,
        many.ack_p50_ms,
        many.ack_p99_ms,
        many.bare_events_per_second,
        many.bare_bytes_per_second / 1e6,
        many.bare_block_bytes,
        many.ratio,
        one.events_per_second,
        one.ack_p50_ms,
        one.ack_p99_ms,
        one.bare_syncs_per_second,
        one.ratio,
        read.verified_events_per_second,
        read.walk_events_per_second,
        read.walk_bytes_per_second / 1e6,
        open.milliseconds,
        open.events,
        open.bytes,
    )
}

#[cfg(test)]
mod tests;
