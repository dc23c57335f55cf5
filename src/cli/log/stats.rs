//! `ledgerline log stats`: what there is.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use serde::Serialize;

use super::{Common, Format, folders, open, output};
use crate::event::StreamName;
use crate::event_log::{AllRead, Direction, EventLog, Survey, survey};

/// Events read at once.
const PAGE: usize = 1_024;
/// Streams named as the biggest.
const BIGGEST: usize = 10;

/// How much to look at.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Read the ends of the log only: every figure is exact, but nothing is said of streams,
    /// types and categories.
    #[arg(long)]
    quick: bool,
}

/// Runs `ledgerline log stats`.
pub(super) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (place, found, counts) = match common.load()?.log {
        Some(_) if args.quick => anyhow::bail!(
            "log stats --quick: a server has no files to look at; leave out --quick to count events"
        ),
        // Of its files a server says nothing: what is not counted is 0.
        Some(server) => {
            let (counts, found) = {
                let log = runtime.block_on(open(common))?;
                runtime.block_on(count(&*log))?
            };
            (PathBuf::from(server.server()), found, Some(counts))
        }
        None => {
            let (folder, _) = folders(common)?;
            let found = survey(&folder)?;
            let log = if args.quick { None } else { Some(runtime.block_on(open(common))?) };
            let counts = log.map(|log| runtime.block_on(count(&*log))).transpose()?;
            (folder.path().to_owned(), found, counts.map(|(counts, _)| counts))
        }
    };
    let stats = Stats::of(place, &found, counts);
    match common.format {
        Format::Text => output::text(table(&stats))?,
        Format::Json => output::json(&stats)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What `log stats` prints.
#[derive(Debug, Serialize)]
struct Stats {
    folder: PathBuf,
    events: u64,
    /// Raw segments.
    segments: u64,
    sealed: Sealed,
    /// Headers and frames.
    bytes: u64,
    /// Of the index, system streams included; a cache.
    index_bytes: u64,
    /// An unfinished group at the end; the next start of the platform cuts it.
    torn_tail_bytes: u64,
    first_recorded_at: Option<String>,
    last_recorded_at: Option<String>,
    /// From the first to the last, on average.
    events_per_second: Option<f64>,
    bytes_per_event: Option<f64>,
    #[serde(flatten)]
    counts: Option<Counts>,
}

/// What was sealed.
#[derive(Debug, Serialize)]
struct Sealed {
    parts: u64,
    segments: u64,
    events: u64,
    /// Of Parquet files.
    bytes: u64,
    /// Of the segments they were made of.
    raw_bytes: u64,
}

/// What only reading every event tells.
#[derive(Debug, Default, Serialize)]
struct Counts {
    streams: usize,
    by_type: BTreeMap<String, u64>,
    by_category: BTreeMap<String, Category>,
    biggest_streams: Vec<Stream>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Category {
    streams: u64,
    events: u64,
}

#[derive(Debug, Serialize)]
struct Stream {
    stream: StreamName,
    events: u64,
}

impl Stats {
    fn of(folder: PathBuf, found: &Survey, counts: Option<Counts>) -> Self {
        let seconds = match (found.first_recorded_at, found.last_recorded_at) {
            (Some(first), Some(last)) => {
                last.as_micros().saturating_sub(first.as_micros()).max(0) as f64 / 1e6
            }
            _ => 0.0,
        };
        let events = found.events as f64;
        Self {
            folder,
            events: found.events,
            segments: found.segments,
            sealed: Sealed {
                parts: found.sealed_parts,
                segments: found.sealed_segments,
                events: found.sealed_events,
                bytes: found.sealed_bytes,
                raw_bytes: found.sealed_raw_bytes,
            },
            bytes: found.bytes,
            index_bytes: found.index_bytes,
            torn_tail_bytes: found.torn_tail_bytes,
            first_recorded_at: found.first_recorded_at.map(|time| time.to_string()),
            last_recorded_at: found.last_recorded_at.map(|time| time.to_string()),
            events_per_second: (seconds > 0.0).then(|| events / seconds),
            bytes_per_event: (found.events > 0)
                .then(|| (found.bytes + found.sealed_bytes) as f64 / events),
            counts,
        }
    }
}

/// Reads every event once.
async fn count(log: &dyn EventLog) -> anyhow::Result<(Counts, Survey)> {
    let mut found = Survey::default();
    let mut counts = Counts::default();
    let mut streams: HashMap<StreamName, u64> = HashMap::new();
    let mut next = 0;
    loop {
        let from = AllRead::Position(next);
        let page = log.read_all(from, Direction::Forwards, PAGE).await?;
        let Some(last) = page.last() else { break };
        next = last.position.saturating_add(1);
        for event in page {
            found.events += 1;
            found.first_recorded_at = found.first_recorded_at.or(Some(event.recorded_at));
            found.last_recorded_at = Some(event.recorded_at);
            *counts.by_type.entry(event.event_type).or_default() += 1;
            *streams.entry(event.stream).or_default() += 1;
        }
    }
    counts.streams = streams.len();
    let mut biggest = Vec::with_capacity(streams.len());
    for (stream, events) in streams {
        let category = counts.by_category.entry(stream.category().to_owned()).or_default();
        category.streams += 1;
        category.events += events;
        biggest.push(Stream { stream, events });
    }
    biggest.sort_by(|one, two| two.events.cmp(&one.events).then(one.stream.cmp(&two.stream)));
    biggest.truncate(BIGGEST);
    counts.biggest_streams = biggest;
    Ok((counts, found))
}

/// The figures as a table; types by number, then by name.
fn table(stats: &Stats) -> String {
    let none = || "-".to_owned();
    let decimal = |value: Option<f64>| value.map_or_else(none, |value| format!("{value:.1}"));
    let unknown = || "not counted (--quick)".to_owned();
    let streams = stats.counts.as_ref().map_or_else(unknown, |counts| counts.streams.to_string());
    let rows = [
        ("folder", stats.folder.display().to_string()),
        ("events", stats.events.to_string()),
        ("streams", streams),
        ("segments", stats.segments.to_string()),
        ("bytes", stats.bytes.to_string()),
        ("sealed parts", sealed(&stats.sealed)),
        ("index bytes", stats.index_bytes.to_string()),
        ("torn tail bytes", stats.torn_tail_bytes.to_string()),
        ("first recorded", stats.first_recorded_at.clone().unwrap_or_else(none)),
        ("last recorded", stats.last_recorded_at.clone().unwrap_or_else(none)),
        ("events a second", decimal(stats.events_per_second)),
        ("bytes an event", decimal(stats.bytes_per_event)),
    ];
    let mut text = String::new();
    for (name, value) in rows {
        let _ = writeln!(text, "{name:<16} {value}");
    }
    let Some(counts) = &stats.counts else { return text };
    let mut types: Vec<_> =
        counts.by_type.iter().map(|(name, count)| (name.clone(), *count)).collect();
    types.sort_by(|one, two| two.1.cmp(&one.1).then(one.0.cmp(&two.0)));
    section(&mut text, "type", &types);
    let name = |(name, category): (&String, &Category)| {
        (format!("{name} ({} streams)", category.streams), category.events)
    };
    section(&mut text, "category", &counts.by_category.iter().map(name).collect::<Vec<_>>());
    let name = |stream: &Stream| (stream.stream.to_string(), stream.events);
    section(
        &mut text,
        "biggest streams",
        &counts.biggest_streams.iter().map(name).collect::<Vec<_>>(),
    );
    text
}

fn sealed(sealed: &Sealed) -> String {
    match sealed.parts {
        0 => "none".to_owned(),
        parts => format!(
            "{parts} with {} events of {} segments, {} bytes that were {}",
            sealed.events, sealed.segments, sealed.bytes, sealed.raw_bytes
        ),
    }
}

fn section(text: &mut String, title: &str, rows: &[(String, u64)]) {
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max(16);
    if !rows.is_empty() {
        let _ = writeln!(text, "\n{title:<width$} {:>10}", "events");
    }
    for (name, count) in rows {
        let _ = writeln!(text, "{name:<width$} {count:>10}");
    }
}

#[cfg(test)]
mod tests;
