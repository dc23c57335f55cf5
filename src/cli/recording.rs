//! `ledgerline recording`: list, check, play, copy and delete recordings of calls.
//!
//! What writes facts is asked of the platform where one runs on the data folder.

mod running;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::running::Running;
use super::{Common, Format, output};
use crate::base::CallId;
use crate::recording::WavCoding;
use crate::runtime::Config;
use crate::runtime::recorder::{Copied, Listed, Verified, Verifier, copy, delete, list};

/// List, check, play, copy or delete recordings of calls.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List recordings; also while a platform runs.
    List {
        /// Of this call only.
        #[arg(long)]
        call: Option<CallId>,
    },
    /// Write a recording to a WAV file: left the customer, right our side. Who does is recorded.
    /// Where a platform runs, it is asked, with the password in LEDGERLINE_PASSWORD.
    Export {
        /// The call, or one of its recordings.
        call: CallId,
        /// The file; it must not exist.
        #[arg(long)]
        to: PathBuf,
        /// Keep the bytes of G.711 instead of 16-bit PCM: half the size, fewer programs.
        #[arg(long)]
        g711: bool,
        #[command(flatten)]
        who: Who,
    },
    /// Give a recording to standard output as WAV, such as for `| aplay`. Who listens is recorded.
    /// Where a platform runs, it is asked, with the password in LEDGERLINE_PASSWORD.
    Play {
        /// The call, or one of its recordings.
        call: CallId,
        #[command(flatten)]
        who: Who,
    },
    /// Read recordings and compare them with the log; needs no key, and a platform may run.
    Verify {
        /// The call, or one of its recordings; all of them by default.
        call: Option<CallId>,
    },
    /// Delete a recording. Where a platform runs, it is asked, with the password in
    /// LEDGERLINE_PASSWORD.
    Delete {
        /// The call, or one of its recordings.
        call: CallId,
        /// Also before its days (`recording.days`) are over.
        #[arg(long)]
        early: bool,
        #[command(flatten)]
        who: Who,
    },
}

/// Who asks.
#[derive(Debug, clap::Args)]
struct Who {
    /// Who asks, for the log; by default the user of this system. Where a platform runs, one of
    /// its users (http.user_file).
    #[arg(long, env = "USER", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    by: String,
}

pub(crate) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::List { call } => list_all(common, call),
        Command::Export { call, to, g711, who } => export(common, call, &to, g711, &who.by),
        Command::Play { call, who } => play(common, call, &who.by),
        Command::Verify { call } => verify_all(common, call),
        Command::Delete { call, early, who } => delete_one(common, call, early, &who.by),
    }
}

/// The recordings that are of a call, or have its id; all where none is named.
fn rows(common: &Common, wanted: Option<CallId>) -> anyhow::Result<Vec<Listed>> {
    let config = common.load()?;
    let mut rows = super::runtime()?.block_on(list(&config))?;
    if let Some(wanted) = wanted {
        rows.retain(|row| row.call_id == wanted || row.recording_id.0 == wanted.0);
        if rows.is_empty() {
            return Err(crate::runtime::recorder::DeskError::Unknown(wanted).into());
        }
    }
    Ok(rows)
}

fn list_all(common: &Common, call: Option<CallId>) -> anyhow::Result<ExitCode> {
    let rows = rows(common, call)?;
    if common.format == Format::Json {
        output::json(&rows)?;
        return Ok(ExitCode::SUCCESS);
    }
    for row in &rows {
        let length = row.stored.as_ref().map_or_else(String::new, |stored| {
            let end = if stored.is_cut { ", its end is missing" } else { "" };
            format!("  {:.1} s, {} bytes{end}", stored.duration_ms.0 as f64 / 1e3, stored.bytes)
        });
        let reason = row.reason.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
        let state = row.state;
        let (call, id, at) = (row.call_id, row.recording_id, row.started_at);
        output::line(format!("{at}  call {call}  recording {id}  {state}{reason}{length}"))?;
    }
    if rows.is_empty() {
        output::line("no call was recorded; `record = true` in a campaign begins it")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn export(
    common: &Common,
    call: CallId,
    to: &std::path::Path,
    g711: bool,
    by: &str,
) -> anyhow::Result<ExitCode> {
    let config = common.load()?;
    let coding = if g711 { WavCoding::G711 } else { WavCoding::Pcm16 };
    // Taken first: a copy that cannot be written is not to be on record as one.
    let mut options = std::fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.write(true).create_new(true).open(to);
    let mut file = file.with_context(|| format!("create {}", to.display()))?;
    let copied = sound(common, &config, (call, coding, true), by);
    let written = copied.and_then(|copied| {
        file.write_all(&copied.wav).with_context(|| format!("write {}", to.display()))?;
        Ok(copied)
    });
    let copied = match written {
        Ok(copied) => copied,
        Err(error) => {
            // It has no sound, or half of it.
            drop(std::fs::remove_file(to));
            return Err(error);
        }
    };
    let seconds = copied.duration_ms.0 as f64 / 1e3;
    match common.format {
        Format::Text => {
            let end = if copied.is_cut { "; its end is missing" } else { "" };
            output::line(format!(
                "{}: {seconds:.1} s, left the customer, right our side{end}",
                to.display()
            ))?;
        }
        Format::Json => output::json(&serde_json::json!({
            "call_id": copied.call_id,
            "recording_id": copied.recording_id,
            "duration_ms": copied.duration_ms,
            "is_cut": copied.is_cut,
            "file": to,
        }))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The sound of a recording, to keep or not: from the platform where one runs.
fn sound(
    common: &Common,
    config: &Config,
    (call, coding, is_kept): (CallId, WavCoding, bool),
    by: &str,
) -> anyhow::Result<Copied> {
    match super::runtime()?.block_on(copy(config, call, coding, is_kept, by)) {
        Err(error) if error.is_in_use() => {}
        ended => return Ok(ended?),
    }
    let query = format!("copy={is_kept}&g711={}", coding == WavCoding::G711);
    let wav = Running::of(config, by)?.audio(call, &query)?;
    let rows = rows(common, Some(call))?;
    let stored = rows.iter().find_map(|row| Some((row, row.stored.as_ref()?)));
    let (row, stored) = stored.context("it was deleted meanwhile")?;
    let (recording_id, call_id) = (row.recording_id, row.call_id);
    let (duration_ms, is_cut) = (stored.duration_ms, stored.is_cut);
    Ok(Copied { recording_id, call_id, duration_ms, is_cut, wav })
}

fn play(common: &Common, call: CallId, by: &str) -> anyhow::Result<ExitCode> {
    if std::io::stdout().is_terminal() {
        anyhow::bail!("recording play: standard output is a terminal; pipe it, as to `aplay`");
    }
    let config = common.load()?;
    let copied = sound(common, &config, (call, WavCoding::Pcm16, false), by)?;
    std::io::stdout().lock().write_all(&copied.wav)?;
    Ok(ExitCode::SUCCESS)
}

fn verify_all(common: &Common, call: Option<CallId>) -> anyhow::Result<ExitCode> {
    let rows = rows(common, call)?;
    let verifier = Verifier::open(&common.load()?)?;
    let bar = ProgressBar::with_draw_target(Some(rows.len() as u64), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let mut found: Vec<Verified> = Vec::new();
    for row in &rows {
        found.extend(verifier.verify(row));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let damaged: Vec<_> = found.iter().filter(|one| one.problem.is_some()).collect();
    match common.format {
        Format::Text => {
            for one in &damaged {
                let problem = one.problem.as_deref().unwrap_or_default();
                output::line(format!("{} of {}: {problem}", one.recording_id, one.call_id))?;
            }
            output::line(format!(
                "{} recordings read, {} are not as they were stored",
                found.len(),
                damaged.len()
            ))?;
        }
        Format::Json => output::json(&serde_json::json!({
            "read": found.len(),
            "damaged": damaged,
        }))?,
    }
    Ok(if damaged.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn delete_one(common: &Common, call: CallId, early: bool, by: &str) -> anyhow::Result<ExitCode> {
    let config = common.load()?;
    let recording_id = match super::runtime()?.block_on(delete(&config, call, by, early)) {
        Err(error) if error.is_in_use() => Running::of(&config, by)?.delete(call, early)?,
        ended => ended?.to_string(),
    };
    match common.format {
        Format::Text => output::line(format!("{recording_id} is deleted"))?,
        Format::Json => output::json(&serde_json::json!({ "recording_id": recording_id }))?,
    }
    Ok(ExitCode::SUCCESS)
}
