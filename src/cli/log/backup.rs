//! `ledgerline log backup` and `ledgerline log restore`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use super::point::Point;
use super::{Common, Format, folders, output};
use crate::event_log::{BackupPlace, FolderPlace, HeadKey, RestoreReport, Until, backup, restore};
use crate::runtime::clock::SystemClock;

/// Where a backup goes.
#[derive(Debug, clap::Args)]
pub(super) struct BackupArgs {
    /// A folder, or `s3://bucket/prefix`: new, empty, or with a backup of this log.
    #[arg(value_name = "DEST")]
    to: String,
    /// Sign the head in the manifest with this key. [default: keys/head.key in the data folder,
    /// where there is one]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    store: Store,
}

/// From where to where a backup is brought back.
#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// A folder with a backup, or `s3://bucket/prefix`.
    #[arg(value_name = "SRC")]
    from: String,
    /// The data folder to restore to, new or empty; the log goes to `log` in it.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Leave out what comes after this position, or what was recorded after this time.
    #[arg(long, value_name = "POSITION|TIME", value_parser = until)]
    until: Option<Until>,
    #[command(flatten)]
    store: Store,
}

/// How an S3-compatible store is reached; who asks is said by `AWS_ACCESS_KEY_ID`,
/// `AWS_SECRET_ACCESS_KEY` and `AWS_REGION`.
#[derive(Debug, clap::Args)]
struct Store {
    /// Address of the S3-compatible store, where it is not that of AWS.
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT")]
    s3_endpoint: Option<String>,
}

fn until(text: &str) -> Result<Until, String> {
    match text.parse()? {
        Point::Position(position) => Ok(Until::Position(position)),
        Point::Time(time) => Ok(Until::Time(time)),
        Point::Start | Point::End => {
            Err("want a position such as 1200, or a time such as 2026-11-21T09:30:00Z".to_owned())
        }
    }
}

fn is_bucket(name: &str) -> bool {
    name.starts_with("s3://")
}

#[cfg(feature = "s3")]
fn bucket(url: &str, store: &Store) -> anyhow::Result<Box<dyn BackupPlace>> {
    let endpoint = store.s3_endpoint.as_deref();
    Ok(Box::new(crate::event_log::ObjectPlace::open(url, endpoint)?))
}

#[cfg(not(feature = "s3"))]
fn bucket(url: &str, store: &Store) -> anyhow::Result<Box<dyn BackupPlace>> {
    let _ = &store.s3_endpoint;
    anyhow::bail!("open {url}: this program was built without the feature s3")
}

/// Runs `ledgerline log backup`.
pub(super) fn run_backup(common: &Common, args: &BackupArgs) -> anyhow::Result<ExitCode> {
    let (folder, data_dir) = folders(common)?;
    let key = match &args.key {
        Some(path) => Some(HeadKey::open(path)?),
        None => {
            let path = data_dir.join("keys").join("head.key");
            if path.exists() { Some(HeadKey::open(&path)?) } else { None }
        }
    };
    let place: Box<dyn BackupPlace> = if is_bucket(&args.to) {
        bucket(&args.to, &args.store)?
    } else {
        let to = Path::new(&args.to);
        // A backup in the log's own folder would be copied by the next one, or mistaken for it.
        if is_within(to, folder.path()) {
            anyhow::bail!("back up to {}: it is in the log's own folder", to.display());
        }
        Box::new(FolderPlace::write_to(to)?)
    };
    let bar = bar("copying");
    let done = backup(&folder, &*place, key.as_ref(), &SystemClock::new(), &mut |bytes, of| {
        bar.set_length(of);
        bar.set_position(bytes);
    });
    bar.finish_and_clear();
    let done = done?;
    let kept = done.manifest.bytes();
    match common.format {
        Format::Json => output::json(&json!({
            "place": place.path(""),
            "events": done.manifest.events,
            "added_events": done.added_events,
            "written_files": done.written_files,
            "written_bytes": done.written_bytes,
            "bytes": kept,
            "head_hash": done.manifest.head_hash,
            "recorded_at": done.manifest.recorded_at,
            "is_signed": done.manifest.head.is_some(),
            "are_keys_included": false,
        }))?,
        Format::Text => {
            output::line(format!(
                "{}: {} events up to {}, {} of them new; wrote {} bytes in {} file(s), {kept} bytes in all; head hash {}{}",
                place.path(""),
                done.manifest.events,
                done.manifest.recorded_at,
                done.added_events,
                done.written_bytes,
                done.written_files,
                done.manifest.head_hash,
                if done.manifest.head.is_some() { ", signed" } else { ", not signed" },
            ))?;
            output::line(
                "the keys are not in it, so that an erased person stays erased: back up keys/ apart from it",
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `ledgerline log restore`.
pub(super) fn run_restore(common: &Common, args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    let place: Box<dyn BackupPlace> = if is_bucket(&args.from) {
        bucket(&args.from, &args.store)?
    } else {
        Box::new(FolderPlace::read_from(Path::new(&args.from)))
    };
    let bar = bar("restoring");
    let done = restore(&*place, &args.to, args.until, &mut |bytes, of| {
        bar.set_length(of);
        bar.set_position(bytes);
    });
    bar.finish_and_clear();
    let done = done?;
    match common.format {
        Format::Json => output::json(&json!({
            "folder": done.folder,
            "events": done.events,
            "bytes": done.bytes,
            "segments": done.segments,
            "head_hash": done.head_hash,
            "recorded_at": done.recorded_at.to_string(),
            "left_out": done.left_out,
            "is_frame_shortened": done.is_frame_shortened,
            "are_keys_included": false,
        }))?,
        Format::Text => tell(&done)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(done: &RestoreReport) -> anyhow::Result<()> {
    let left_out = match done.left_out {
        0 => String::new(),
        events => format!(", {events} left out"),
    };
    output::line(format!(
        "{}: {} events up to {}{left_out}; {} bytes in {} segment(s), every hash and link compared; head hash {}",
        done.folder.display(),
        done.events,
        done.recorded_at,
        done.bytes,
        done.segments,
        done.head_hash,
    ))?;
    if done.is_frame_shortened {
        output::line(
            "the cut went through a group of events that were written together, so its frame was made anew with fewer: its hash, the head hash above, is not one that the original had",
        )?;
    }
    output::line("the keys are not in a backup: put keys/ beside it before the platform starts")
}

fn is_within(path: &Path, folder: &Path) -> bool {
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    whole(path).starts_with(whole(folder))
}

fn bar(what: &'static str) -> indicatif::ProgressBar {
    use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
    if !std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    let template = "{msg} {wide_bar} {binary_bytes_per_sec} {percent} % {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_message(what)
}
