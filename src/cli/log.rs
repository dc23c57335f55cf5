//! `ledgerline log`: look into the event log, also while the platform writes to it.
//!
//! In: the folder `log` under the data folder, opened for reading only. Out: figures, events
//! one per line, or what a walk over every checksum found. Invariant: nothing here changes a
//! file. Deliberately absent: writing, repairing, and understanding what an event says.

#[cfg(feature = "kurrentdb")]
mod serve;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Common, Format, output};
use crate::base::Timestamp;
use crate::event::{Recorded, StreamName};
use crate::event_log::{
    AllRead, Direction, EmbeddedLog, EventLog as _, OpenReport, ReadError, StreamRead, VerifyError,
    VerifyReport, verify,
};

/// Events read at once.
const PAGE: usize = 1_024;
/// How often `--follow` looks for new events.
const FOLLOW_EVERY: Duration = Duration::from_millis(200);

/// Look into the event log.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Events, segments, bytes, first and last time, and how many events of each type.
    Stats,
    /// Print events, one per line.
    Read(ReadArgs),
    /// Compare every checksum and every link of the chain; fail where one does not hold.
    Verify,
    /// Serve it to clients of KurrentDB, over gRPC; nobody else may write meanwhile.
    #[cfg(feature = "kurrentdb")]
    Serve(serve::Args),
}

#[derive(Debug, clap::Args)]
struct ReadArgs {
    /// The first position to print.
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    from: u64,
    /// Only events of this type, such as `CallEnded`.
    #[arg(long = "type", value_name = "NAME")]
    event_type: Option<String>,
    /// Only events of this stream, such as `campaign-demo`.
    #[arg(long, value_name = "NAME")]
    stream: Option<StreamName>,
    /// Print at most this many events.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Go on with new events as they are written.
    #[arg(long)]
    follow: bool,
}

/// Runs `ledgerline log`.
///
/// # Errors
/// Where there is no log, or it cannot be read.
pub(crate) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    #[cfg(feature = "kurrentdb")]
    let args = match args.command {
        Command::Serve(serve) => return serve::run(common, serve),
        command => Args { command },
    };
    let folder = common.load()?.data_dir.join("log");
    if !has_log(&folder) {
        anyhow::bail!(
            "read log: there is no event log in {}; name the data folder with --data-dir, such as demo-data after `ledgerline demo`",
            folder.display()
        );
    }
    if let Command::Verify = args.command {
        return show_verify(common.format, &folder);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (log, report) = EmbeddedLog::open_read_only(&folder)?;
    match args.command {
        Command::Stats | Command::Verify => {
            let stats = runtime.block_on(stats(&log, folder, report))?;
            match common.format {
                Format::Text => output::text(table(&stats))?,
                Format::Json => output::json(&stats)?,
            }
        }
        #[cfg(feature = "kurrentdb")]
        Command::Serve(_) => anyhow::bail!("served already"),
        Command::Read(read) => {
            let format = common.format;
            runtime.block_on(print(&log, &read, &mut |event| match format {
                Format::Text => output::line(text_line(event)),
                Format::Json => output::json(&json_line(event)),
            }))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether there is at least one segment.
fn has_log(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| {
        entries.any(|entry| {
            entry.is_ok_and(|entry| {
                Path::new(&entry.file_name()).extension().is_some_and(|kind| kind == "log")
            })
        })
    })
}

/// What `log stats` prints.
#[derive(Debug, Serialize)]
struct Stats {
    folder: PathBuf,
    events: u64,
    streams: usize,
    segments: u64,
    /// Headers and frames.
    bytes: u64,
    /// An unfinished group at the end; the next start of the platform cuts it.
    torn_tail_bytes: u64,
    first_recorded_at: Option<String>,
    last_recorded_at: Option<String>,
    by_type: BTreeMap<String, u64>,
}

async fn stats(log: &EmbeddedLog, folder: PathBuf, report: OpenReport) -> anyhow::Result<Stats> {
    let mut by_type: BTreeMap<String, u64> = BTreeMap::new();
    let mut streams = BTreeSet::new();
    let mut times: Option<(Timestamp, Timestamp)> = None;
    let mut cursor = Cursor::All(0);
    loop {
        let page = cursor.page(log).await?;
        if page.is_empty() {
            break;
        }
        for event in page {
            let first = times.map_or(event.recorded_at, |(first, _)| first);
            times = Some((first, event.recorded_at));
            *by_type.entry(event.event_type).or_default() += 1;
            streams.insert(event.stream);
        }
    }
    Ok(Stats {
        folder,
        events: report.events,
        streams: streams.len(),
        segments: report.segments,
        bytes: report.bytes,
        torn_tail_bytes: report.torn_tail_bytes,
        first_recorded_at: times.map(|(first, _)| first.to_string()),
        last_recorded_at: times.map(|(_, last)| last.to_string()),
        by_type,
    })
}

/// The figures as a table; types by number, then by name.
fn table(stats: &Stats) -> String {
    let none = || "-".to_owned();
    let rows = [
        ("folder", stats.folder.display().to_string()),
        ("events", stats.events.to_string()),
        ("streams", stats.streams.to_string()),
        ("segments", stats.segments.to_string()),
        ("bytes", stats.bytes.to_string()),
        ("torn tail bytes", stats.torn_tail_bytes.to_string()),
        ("first recorded", stats.first_recorded_at.clone().unwrap_or_else(none)),
        ("last recorded", stats.last_recorded_at.clone().unwrap_or_else(none)),
    ];
    let mut lines: Vec<_> =
        rows.into_iter().map(|(name, value)| format!("{name:<16} {value}\n")).collect();
    let mut types: Vec<_> = stats.by_type.iter().collect();
    types.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), *name));
    let width = types.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max(16);
    if !types.is_empty() {
        lines.push(format!("\n{:<width$} {:>10}\n", "type", "events"));
    }
    lines.extend(types.iter().map(|(name, count)| format!("{name:<width$} {count:>10}\n")));
    lines.concat()
}

/// Where a read goes on.
enum Cursor {
    All(u64),
    Stream(StreamName, u64),
}

impl Cursor {
    async fn page(&mut self, log: &EmbeddedLog) -> Result<Vec<Recorded>, ReadError> {
        let forwards = Direction::Forwards;
        match self {
            Self::All(next) => {
                let page = log.read_all(AllRead::Position(*next), forwards, PAGE).await?;
                if let Some(last) = page.last() {
                    *next = last.position.saturating_add(1);
                }
                Ok(page)
            }
            Self::Stream(stream, next) => {
                let from = StreamRead::Revision(*next);
                let page = log.read_stream(stream, from, forwards, PAGE).await?;
                if let Some(last) = page.last() {
                    *next = last.revision.saturating_add(1);
                }
                Ok(page)
            }
        }
    }
}

/// Shows what is asked for, event by event.
async fn print(
    log: &EmbeddedLog,
    wanted: &ReadArgs,
    show: &mut dyn FnMut(&Recorded) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut cursor = match &wanted.stream {
        Some(stream) => Cursor::Stream(stream.clone(), 0),
        None => Cursor::All(wanted.from),
    };
    let mut left = wanted.limit.unwrap_or(u64::MAX);
    while left > 0 {
        let page = cursor.page(log).await?;
        if page.is_empty() {
            if !wanted.follow {
                break;
            }
            tokio::time::sleep(FOLLOW_EVERY).await;
            log.refresh()?;
        }
        let is_wanted = |event: &&Recorded| {
            event.position >= wanted.from
                && wanted.event_type.as_ref().is_none_or(|name| *name == event.event_type)
        };
        for event in page.iter().filter(is_wanted).take(usize::try_from(left).unwrap_or(PAGE)) {
            show(event)?;
            left -= 1;
        }
    }
    Ok(())
}

/// Position, time, type, stream and revision, who, and the fields.
fn text_line(event: &Recorded) -> String {
    let mut line = format!(
        "{:>8}  {}  {:<24} {}@{} by {}  ",
        event.position,
        event.recorded_at,
        event.event_type,
        event.stream,
        event.revision,
        event.actor.as_str(),
    );
    // What could break the line, or move the cursor, is escaped.
    for letter in String::from_utf8_lossy(&event.data).chars() {
        if letter.is_control() {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line
}

fn json_line(event: &Recorded) -> Value {
    let data = serde_json::from_slice(&event.data)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&event.data).into_owned()));
    json!({
        "position": event.position,
        "stream": event.stream,
        "revision": event.revision,
        "event_id": event.event_id,
        "type": event.event_type,
        "schema_version": event.schema_version,
        "occurred_at": event.occurred_at.to_string(),
        "recorded_at": event.recorded_at.to_string(),
        "correlation_id": event.correlation_id,
        "causation_id": event.causation_id,
        "actor": event.actor,
        "data": data,
    })
}

fn show_verify(format: Format, folder: &Path) -> anyhow::Result<ExitCode> {
    match (verify(folder), format) {
        (Ok(found), Format::Text) => output::line(verified(folder, &found))?,
        (Ok(found), Format::Json) => output::json(&json!({
            "is_whole": true,
            "folder": folder,
            "events": found.events,
            "frames": found.frames,
            "segments": found.segments,
            "bytes": found.bytes,
            "head_hash": found.head_hash,
            "torn_tail_bytes": found.torn_tail_bytes,
        }))?,
        (Err(VerifyError::Damaged(damage)), Format::Json) => {
            output::json(&json!({
                "is_whole": false,
                "folder": folder,
                "events_before": damage.position,
                "file": damage.path,
                "offset": damage.offset,
                "position": damage.position,
                "what": damage.what,
            }))?;
            return Ok(ExitCode::FAILURE);
        }
        (Err(VerifyError::Damaged(damage)), Format::Text) => {
            let before = damage.position;
            return Err(VerifyError::Damaged(damage))
                .context(format!("{before} events are whole, then the log is not"));
        }
        (Err(other), _) => return Err(other.into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn verified(folder: &Path, found: &VerifyReport) -> String {
    let torn = match found.torn_tail_bytes {
        0 => String::new(),
        bytes => {
            format!("; {bytes} bytes of an unfinished group at the end, which the next start cuts")
        }
    };
    format!(
        "{}: whole: {} events in {} frames, {} segment(s), {} bytes; head hash {}{torn}",
        folder.display(),
        found.events,
        found.frames,
        found.segments,
        found.bytes,
        found.head_hash,
    )
}

#[cfg(test)]
mod tests;
