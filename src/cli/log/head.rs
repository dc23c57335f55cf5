//! `ledgerline log head`: the signed head.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use super::{Common, folders, output, progress};
use crate::event_log::HeadKey;
use crate::runtime::clock::SystemClock;

/// Which key signs, and where the document goes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The signing key, 32 bytes. [default: keys/head.key in the data folder, made at first use]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Make the key of `--key` where there is none.
    #[arg(long)]
    new_key: bool,
    /// Write the document to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs `ledgerline log head`.
pub(super) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    let (folder, data_dir) = folders(common)?;
    let key = key(args.key.as_deref(), args.new_key, &data_dir)?;
    let bar = progress(folder.path(), "comparing");
    let head = key.head(&folder, &SystemClock::new(), &mut |bytes| bar.set_position(bytes));
    bar.finish_and_clear();
    let text = head?.to_json();
    match args.out {
        Some(path) => replace(&path, &text)
            .with_context(|| format!("write the head to {}", path.display()))?,
        None => output::text(text)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The signing key that was named, or the one of the data folder, which is made where missing.
pub(super) fn key(
    named: Option<&Path>,
    may_make: bool,
    data_dir: &Path,
) -> anyhow::Result<HeadKey> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => data_dir.join("keys").join("head.key"),
    };
    if named.is_some() && !may_make {
        return HeadKey::open(&path).context("--new-key makes a key where there is none");
    }
    let key = HeadKey::open_or_make(&path)?;
    if key.is_new {
        // Beside the document, which may be going to a file or a pipe.
        drop(writeln!(
            std::io::stderr().lock(),
            "made a signing key, {}; let the auditor note its public key: {}",
            path.display(),
            key.public_key(),
        ));
    }
    Ok(key)
}

/// Writes a file whole or not at all: under another name first, then over the old one. What is
/// no file, such as a pipe or a device, is written to as it is.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        return std::fs::OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes());
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = path.with_file_name(name);
    let mut file = std::fs::File::create(&fresh)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&fresh, path));
    if written.is_err() {
        // The first failure is the one to tell.
        drop(std::fs::remove_file(&fresh));
    }
    written
}
