//! `ledgerline log verify`: is the log what was written?

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{Common, Format, LogFolder, folders, output, progress};
use crate::base::hex;
use crate::event_log::{
    Damage, HeadVerdict, SignedHead, VerifyError, VerifyReport, public_key, verify_head,
    verify_with,
};

/// What to compare the log with.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A head that `ledgerline log head` printed before; nothing up to it may have changed.
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
    /// The key that must have signed the head, as it was noted elsewhere: 64 hexadecimal digits.
    #[arg(long, value_name = "HEX", requires = "head")]
    public_key: Option<String>,
}

/// Runs `ledgerline log verify`.
pub(super) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    let (folder, _) = folders(common)?;
    match args.head {
        Some(head) => against(common.format, &folder, &head, args.public_key.as_deref()),
        None => alone(common.format, &folder),
    }
}

fn alone(format: Format, log: &LogFolder) -> anyhow::Result<ExitCode> {
    let folder = log.path();
    let bar = progress(folder, "comparing");
    let found = verify_with(log, &mut |bytes| bar.set_position(bytes));
    bar.finish_and_clear();
    match (found, format) {
        (Ok(found), Format::Text) => {
            output::line(format!("{}: {}", folder.display(), whole(&found)))?;
        }
        (Ok(found), Format::Json) => output::json(&document(folder, &Ok(found)))?,
        (Err(VerifyError::Damaged(damage)), Format::Json) => {
            output::json(&document(folder, &Err(damage)))?;
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

fn against(
    format: Format,
    log: &LogFolder,
    file: &Path,
    key: Option<&str>,
) -> anyhow::Result<ExitCode> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("read head {}", file.display()))?;
    let head = SignedHead::from_json(&text).with_context(|| file.display().to_string())?;
    let key = key.map(public_key).transpose()?;
    if let Err(error) = head.check(key.as_ref()) {
        if format == Format::Json {
            output::json(&json!({
                "is_whole": false, "verdict": "signature_wrong", "what": error.to_string(),
            }))?;
            return Ok(ExitCode::FAILURE);
        }
        return Err(error).with_context(|| file.display().to_string());
    }
    let folder = log.path();
    let bar = progress(folder, "comparing");
    let check = verify_head(log, &head, &mut |bytes| bar.set_position(bytes));
    bar.finish_and_clear();
    let check = check?;
    let is_whole = check.verdict == HeadVerdict::Whole && check.log.is_ok();
    match format {
        Format::Json => output::json(&json!({
            "is_whole": is_whole,
            "verdict": verdict_name(&check.verdict),
            "verdict_detail": detail(&check.verdict),
            "head": head,
            "is_key_given": key.is_some(),
            "log": document(folder, &check.log),
        }))?,
        Format::Text => {
            output::line(format!("{}: {}", file.display(), tell(&head, &check.verdict)))?;
            if key.is_none() {
                output::line(format!(
                    "the signature fits the key in the head itself, {}; pass the one you noted with --public-key",
                    hex(&head.public_key),
                ))?;
            }
            match &check.log {
                Ok(report) => output::line(format!("{}: {}", folder.display(), whole(report)))?,
                Err(damage) => output::line(format!("the log: {damage}"))?,
            }
        }
    }
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

const fn verdict_name(verdict: &HeadVerdict) -> &'static str {
    match verdict {
        HeadVerdict::Whole => "whole",
        HeadVerdict::AnotherLog { .. } => "another_log",
        HeadVerdict::Shorter { .. } => "shorter",
        HeadVerdict::Changed { .. } => "changed",
    }
}

fn detail(verdict: &HeadVerdict) -> Value {
    match verdict {
        HeadVerdict::Whole => Value::Null,
        HeadVerdict::AnotherLog { found } => json!({ "found": found }),
        HeadVerdict::Shorter { events, missing } => json!({ "events": events, "missing": missing }),
        HeadVerdict::Changed { damage, found } => json!({
            "found_hash": found,
            "damage": damage.as_ref().map(damage_document),
        }),
    }
}

/// The verdict in words.
fn tell(head: &SignedHead, verdict: &HeadVerdict) -> String {
    let events = head.events;
    match verdict {
        HeadVerdict::Whole => {
            format!("holds: none of the {events} events up to {} changed", head.recorded_at)
        }
        HeadVerdict::AnotherLog { found } => {
            format!("ANOTHER LOG: it was taken of the log {}, this is {found}", hex(&head.log))
        }
        HeadVerdict::Shorter { events: found, missing } => format!(
            "SHORTER: {missing} of its {events} events are missing, positions {found} to {}",
            events.saturating_sub(1)
        ),
        HeadVerdict::Changed { damage: Some(damage), .. } => {
            format!("CHANGED before position {events}: {damage}")
        }
        HeadVerdict::Changed { damage: None, found: Some(found) } => format!(
            "CHANGED before position {events}: all checksums and links fit, but they lead to {found} and not to {}, so this history was written anew",
            hex(&head.head_hash)
        ),
        HeadVerdict::Changed { damage: None, found: None } => format!(
            "CHANGED before position {events}: no frame ends there any more, so this history was written anew",
        ),
    }
}

fn whole(found: &VerifyReport) -> String {
    let torn = match found.torn_tail_bytes {
        0 => String::new(),
        bytes => {
            format!("; {bytes} bytes of an unfinished group at the end, which the next start cuts")
        }
    };
    let uncompared = match found.uncompared_revisions {
        0 => String::new(),
        events => format!(
            "; the revisions of {events} events were not compared, since their streams come after the first ten million"
        ),
    };
    format!(
        "whole: {} events in {} frames, {} segment(s), {} bytes; head hash {}{torn}{uncompared}",
        found.events, found.frames, found.segments, found.bytes, found.head_hash,
    )
}

fn document(folder: &Path, found: &Result<VerifyReport, Damage>) -> Value {
    match found {
        Ok(found) => json!({
            "is_whole": true,
            "folder": folder,
            "events": found.events,
            "frames": found.frames,
            "segments": found.segments,
            "bytes": found.bytes,
            "head_hash": found.head_hash,
            "torn_tail_bytes": found.torn_tail_bytes,
            "uncompared_revisions": found.uncompared_revisions,
        }),
        Err(damage) => {
            let mut document = damage_document(damage);
            if let Some(document) = document.as_object_mut() {
                document.insert("is_whole".to_owned(), false.into());
                document.insert("folder".to_owned(), json!(folder));
                document.insert("events_before".to_owned(), damage.position.into());
            }
            document
        }
    }
}

fn damage_document(damage: &Damage) -> Value {
    json!({
        "file": damage.path,
        "offset": damage.offset,
        "position": damage.position,
        "what": damage.what,
    })
}
