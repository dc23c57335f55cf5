//! `ledgerline log`: look into the event log, prove it, copy it away and bring it back.
//!
//! In: the folder `log` under the data folder, opened for reading only, also while the platform
//! writes to it. Out: figures, events one per line, verdicts, backups. Invariants: nothing here
//! changes a log that is there; a restore writes to a new folder only. Deliberately absent:
//! repairing, and understanding what an event says.

mod backup;
mod head;
mod point;
mod read;
#[cfg(feature = "kurrentdb")]
mod serve;
mod stats;
mod verify;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use super::{Common, Format, output};
use crate::event_log::{EventLog, LogFolder};
use crate::runtime::{log_folder, read_log};

/// Look into the event log, prove it, back it up.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Events, segments, bytes, first and last time, events by type and category, the biggest
    /// streams.
    Stats(stats::Args),
    /// Print events, one per line.
    Read(Box<read::Args>),
    /// Compare every checksum and every link of the chain; fail where one does not hold. With
    /// `--head`, also prove that nothing changed since that head was signed.
    Verify(verify::Args),
    /// Print the signed head, for an auditor to keep elsewhere.
    Head(head::Args),
    /// Copy what is new to a folder or bucket, also while the platform runs.
    Backup(backup::BackupArgs),
    /// Serve it to clients of KurrentDB, over gRPC; nobody else may write meanwhile.
    #[cfg(feature = "kurrentdb")]
    Serve(serve::Args),
    /// Bring a backup back into a new data folder, up to any position or time.
    Restore(backup::RestoreArgs),
}

/// Runs `ledgerline log`.
///
/// # Errors
/// Where there is no log, or it cannot be read.
pub(crate) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Stats(args) => stats::run(common, args),
        Command::Read(args) => read::run(common, &args),
        Command::Verify(args) => verify::run(common, args),
        Command::Head(args) => head::run(common, args),
        Command::Backup(args) => backup::run_backup(common, &args),
        Command::Restore(args) => backup::run_restore(common, &args),
        #[cfg(feature = "kurrentdb")]
        Command::Serve(args) => serve::run(common, args),
    }
}

/// The log that is configured, for reading.
async fn open(common: &Common) -> anyhow::Result<Arc<dyn EventLog>> {
    let config = common.load()?;
    if config.log.is_none() {
        // Says more than that a folder is missing.
        folders(common)?;
    }
    Ok(read_log(&config).await?)
}

/// The folder of the log, which must have one, and the data folder it is in.
fn folders(common: &Common) -> anyhow::Result<(LogFolder, PathBuf)> {
    let config = common.load()?;
    let folder = config.data_dir.join("log");
    if !has_log(&folder) {
        anyhow::bail!(
            "read log: there is no event log in {}; name the data folder with --data-dir, such as demo-data after `ledgerline demo`",
            folder.display()
        );
    }
    Ok((log_folder(&config)?, config.data_dir))
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

/// A bar for work over so many bytes of the log, on standard error; hidden where nobody looks or
/// the wait is short.
fn progress(folder: &Path, what: &'static str) -> indicatif::ProgressBar {
    use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
    /// Units: bytes.
    const LONG: u64 = 256 << 20;
    let lengths = std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| {
        let entry = entry.ok()?;
        let is_segment = entry.file_name().to_string_lossy().starts_with("segment-");
        if is_segment { Some(entry.metadata().ok()?.len()) } else { None }
    });
    let bytes: u64 = lengths.sum();
    if bytes < LONG || !std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
    let template = "{msg} {wide_bar} {binary_bytes_per_sec} {percent} % {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_message(what)
}

#[cfg(test)]
mod tests;
