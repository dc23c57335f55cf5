//! `ledgerline audit`: why a call went where it went, and every decision taken again.
//!
//! In: the log, opened for reading; it may be in use by a running platform. Out: a call's story,
//! or what a replay found. Invariants: nothing is written; a replay stops at the position that
//! was the last one when it began; a decision that does not come out the same gives status 1.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::{Common, Format, output};
use crate::audit::{Replay, ReplayReport, explain};
use crate::base::CallId;
use crate::event::{Recorded, StreamName};
use crate::event_log::{AllRead, Direction, EventLog, StreamRead};
use crate::runtime::read_log;

/// Events read at a time.
const CHUNK: usize = 4_096;
/// Characters that a part of an id must have.
const PART_MIN: usize = 8;
/// A log of so many positions is worth a progress bar.
const LONG_LOG: u64 = 20_000;

/// What to audit.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print every decision of one call: candidates, terms, vetoes, policies, seeds.
    Explain {
        /// The call's id, or its last 8 characters or more. The first ones are a time, which calls
        /// that began together share.
        call: String,
    },
    /// Take every decision again from the log and compare; status 1 where one differs.
    Replay {
        /// Print no more disagreements than this; they are all counted.
        #[arg(long, value_name = "N", default_value_t = 20)]
        show: usize,
    },
}

pub(crate) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    let config = common.load()?;
    let runtime = super::runtime()?;
    let log = runtime.block_on(read_log(&config))?;
    match args.action {
        Action::Explain { call } => {
            let facts = runtime.block_on(facts_of(&*log, &call))?;
            print_story(common.format, &facts)?;
            Ok(ExitCode::SUCCESS)
        }
        Action::Replay { show } => {
            let found = runtime.block_on(replay(&*log))?;
            print_report(common.format, &found, show)?;
            let agreed = found.report.disagreements.is_empty();
            Ok(if agreed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// The facts of the one call that is meant.
async fn facts_of(log: &dyn EventLog, call: &str) -> anyhow::Result<Vec<Recorded>> {
    let stream = match call.parse::<CallId>() {
        Ok(id) => StreamName::call(id),
        Err(_) => find_call(log, call).await?,
    };
    let mut facts = Vec::new();
    loop {
        let next = facts.last().map_or(0, |last: &Recorded| last.revision.saturating_add(1));
        let from = StreamRead::Revision(next);
        let chunk = log.read_stream(&stream, from, Direction::Forwards, CHUNK).await?;
        if chunk.is_empty() {
            break;
        }
        facts.extend(chunk);
    }
    if facts.is_empty() {
        bail!("explain call {call}: the log has no such call");
    }
    Ok(facts)
}

/// The stream of the only call whose id begins or ends so.
async fn find_call(log: &dyn EventLog, part: &str) -> anyhow::Result<StreamName> {
    let part = part.to_ascii_lowercase();
    if part.len() < PART_MIN {
        bail!("explain call {part}: give the whole id, or {PART_MIN} or more of its characters");
    }
    let mut found = Vec::new();
    walk(log, |recorded| {
        // A call's stream begins once: revision 0.
        let id = recorded.stream.as_str().strip_prefix("call-").unwrap_or_default();
        if recorded.revision == 0 && (id.starts_with(&part) || id.ends_with(&part)) {
            found.push(recorded.stream.clone());
        }
        Ok(())
    })
    .await?;
    match found.as_slice() {
        [] => bail!("explain call {part}: the log has no such call"),
        [stream] => Ok(stream.clone()),
        [first, second, ..] => bail!(
            "explain call {part}: {} calls have these characters, such as {} and {}; give more",
            found.len(),
            first.as_str().trim_start_matches("call-"),
            second.as_str().trim_start_matches("call-"),
        ),
    }
}

/// Every event from the first to the one that is the last now.
async fn walk(
    log: &dyn EventLog,
    mut take: impl FnMut(&Recorded) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let Some(last) = log.head() else { return Ok(()) };
    let mut next = 0;
    while next <= last {
        let chunk = log.read_all(AllRead::Position(next), Direction::Forwards, CHUNK).await?;
        let Some(end) = chunk.last().map(|recorded| recorded.position) else {
            bail!("read the log: position {next} is missing, the last one is {last}");
        };
        for recorded in chunk.iter().take_while(|recorded| recorded.position <= last) {
            take(recorded)?;
        }
        next = end.saturating_add(1);
    }
    Ok(())
}

/// What a replay found.
struct Found {
    report: ReplayReport,
    /// Facts of a kind or version that this program does not know.
    unreadable: u64,
}

async fn replay(log: &dyn EventLog) -> anyhow::Result<Found> {
    let end = log.head().map_or(0, |last| last.saturating_add(1));
    let bar = progress(end);
    let mut replay = Replay::default();
    let mut unreadable = 0;
    walk(log, |recorded| {
        bar.set_position(recorded.position);
        unreadable += u64::from(!recorded.is_system() && recorded.event().is_err());
        replay.collect(recorded).context("replay the log")
    })
    .await?;
    bar.set_message("taking decisions again");
    walk(log, |recorded| {
        bar.set_position(end.saturating_add(recorded.position));
        replay.step(recorded).context("replay the log")
    })
    .await?;
    bar.finish_and_clear();
    Ok(Found { report: replay.report(), unreadable })
}

/// Twice from the first position to the last; hidden where nobody looks or the wait is short.
fn progress(end: u64) -> ProgressBar {
    if end < LONG_LOG || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar =
        ProgressBar::with_draw_target(Some(end.saturating_mul(2)), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent} % {eta}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.with_message("collecting decisions")
}

fn print_story(format: Format, facts: &[Recorded]) -> anyhow::Result<()> {
    let story = explain(facts);
    let stream = facts.first().map_or("", |fact| fact.stream.as_str());
    let call_id = stream.trim_start_matches("call-");
    match format {
        Format::Text => output::text(format!("# Call {call_id}\n\n{story}")),
        Format::Json => {
            let facts: Vec<_> = facts
                .iter()
                .map(|fact| {
                    let data: serde_json::Value =
                        serde_json::from_slice(&fact.data).unwrap_or_default();
                    json!({
                        "position": fact.position,
                        "revision": fact.revision,
                        "event_type": fact.event_type,
                        "schema_version": fact.schema_version,
                        "occurred_at": fact.occurred_at.to_string(),
                        "actor": fact.actor.as_str(),
                        "data": data,
                    })
                })
                .collect();
            output::json(&json!({ "call_id": call_id, "explanation": story, "facts": facts }))
        }
    }
}

fn print_report(format: Format, found: &Found, show: usize) -> anyhow::Result<()> {
    match format {
        Format::Text => output::text(report_text(found, show)),
        Format::Json => output::json(&report_json(found, show)),
    }
}

/// How many decisions of a kind differ.
fn differing(report: &ReplayReport, event_type: &str) -> u64 {
    report.disagreements.iter().filter(|found| found.event_type == event_type).count() as u64
}

fn report_text(found: &Found, show: usize) -> String {
    use std::fmt::Write as _;
    let report = &found.report;
    let mut text = format!("{:<20} {:>9} {:>9} {:>9}\n", "decision", "taken", "agreed", "differ");
    let mut row = |name: &str, taken: u64, differ: u64| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<20} {taken:>9} {:>9} {differ:>9}", taken - differ);
    };
    for (event_type, taken) in &report.decisions {
        row(event_type, *taken, differing(report, event_type));
    }
    row("all", report.taken(), report.disagreements.len() as u64);
    for found in report.disagreements.iter().take(show) {
        let _ = writeln!(
            text,
            "position {}, {}, field {}: recorded {}, now {}",
            found.position, found.event_type, found.field, found.recorded, found.replayed
        );
    }
    let hidden = report.disagreements.len().saturating_sub(show);
    if hidden > 0 {
        let _ = writeln!(text, "and {hidden} more; see them with --show");
    }
    if found.unreadable > 0 {
        let _ = writeln!(
            text,
            "{} events are of a kind or version this program does not know; they were passed over",
            found.unreadable
        );
    }
    let verdict = match (report.taken(), report.disagreements.len()) {
        (0, _) => "no decisions in the log".to_owned(),
        (_, 0) => "every decision came out the same".to_owned(),
        (_, differ) => format!("{differ} decisions came out differently"),
    };
    let _ = writeln!(text, "{} events replayed: {verdict}", report.events);
    text
}

fn report_json(found: &Found, show: usize) -> serde_json::Value {
    let report = &found.report;
    let decisions: serde_json::Map<_, _> = report
        .decisions
        .iter()
        .map(|(event_type, taken)| {
            let agreed = taken - differing(report, event_type);
            ((*event_type).to_owned(), json!({ "taken": taken, "agreed": agreed }))
        })
        .collect();
    let disagreements: Vec<_> = report
        .disagreements
        .iter()
        .take(show)
        .map(|found| {
            json!({
                "position": found.position,
                "event_type": found.event_type,
                "field": found.field,
                "recorded": found.recorded,
                "replayed": found.replayed,
            })
        })
        .collect();
    json!({
        "events": report.events,
        "unreadable": found.unreadable,
        "decisions": decisions,
        "taken": report.taken(),
        "agreed": report.agreed(),
        "differ": report.disagreements.len(),
        "disagreements": disagreements,
    })
}

#[cfg(test)]
mod tests;
