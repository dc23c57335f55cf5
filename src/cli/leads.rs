//! `ledgerline leads`: check and import lead files, erase people.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Subcommand;

use super::{Common, Format, output};
use crate::base::PhoneNumber;
use crate::dialing::lead_file;
use crate::runtime::{Erased, ImportReport, erase, import_only};

/// Import or check lead files, or erase a person.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read a file and list the rows that cannot be used; imports nothing.
    Check {
        /// The lead file (CSV with a header; `phone` is the only column it must have).
        file: PathBuf,
    },
    /// Put a file's good rows on a campaign's list, dialling nobody; no platform may run on the
    /// data folder.
    Import {
        /// The lead file.
        file: PathBuf,
        /// The campaign, as in the configuration.
        #[arg(long)]
        campaign: String,
    },
    /// Destroy a person's key: nobody can read or dial the number any more, anywhere.
    Erase {
        /// The number, such as +12025550123; `-` reads it from standard input, which keeps it
        /// out of the shell's history.
        #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
        phone: String,
    },
}

/// A number is no longer than this, white space included.
const NUMBER_MAX: u64 = 256;

pub(crate) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Check { file } => check(common, &file),
        Command::Import { file, campaign } => import(common, file, &campaign),
        Command::Erase { phone } => erase_person(common, phone),
    }
}

fn check(common: &Common, file: &std::path::Path) -> anyhow::Result<ExitCode> {
    let bytes =
        std::fs::read(file).with_context(|| format!("read lead file {}", file.display()))?;
    let read = lead_file::parse(&bytes).with_context(|| file.display().to_string())?;
    let is_clean = read.problems.is_empty();
    let report = ImportReport {
        accepted: read.rows.len() as u64,
        rejected: read.problems.len() as u64,
        duplicates: 0,
        problems: read.problems,
        left_out: read.left_out,
    };
    match common.format {
        Format::Text => print(&file.display().to_string(), &report)?,
        Format::Json => output::json(&report)?,
    }
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn import(common: &Common, file: PathBuf, campaign_id: &str) -> anyhow::Result<ExitCode> {
    let config = common.load()?;
    let known: Vec<_> = config.campaigns.iter().map(|campaign| campaign.id.as_str()).collect();
    let Some(campaign) = config.campaigns.iter().find(|one| one.id.as_str() == campaign_id) else {
        bail!("no campaign {campaign_id:?} in the configuration; there are {known:?}");
    };
    let mut campaign = campaign.clone();
    campaign.leads = Some(file);
    campaign.leads_max = None;
    let report = super::runtime()?.block_on(import_only(&config, &campaign))?;
    match common.format {
        Format::Text => print(campaign_id, &report)?,
        Format::Json => output::json(&report)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn erase_person(common: &Common, mut phone: String) -> anyhow::Result<ExitCode> {
    if phone == "-" {
        phone.clear();
        let mut input = std::io::stdin().lock().take(NUMBER_MAX);
        input.read_to_string(&mut phone).context("read the number from standard input")?;
    }
    // What was given is not repeated: it may be somebody's number.
    let phone: PhoneNumber = phone.parse().context("erase: the number")?;
    let config = common.load()?;
    let erased = super::runtime()?.block_on(erase(&config, &phone))?;
    match common.format {
        Format::Text if erased.had_key => output::line(format!(
            "{}: the key is destroyed; {} leads close without a call at the next run{}",
            erased.subject_id,
            erased.open_leads,
            recordings(&erased)
        ))?,
        Format::Text => output::line(format!(
            "{}: was erased before{}",
            erased.subject_id,
            recordings(&erased)
        ))?,
        Format::Json => output::json(&erased)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What became of recordings, where there were any.
fn recordings(erased: &Erased) -> String {
    let left = match erased.recordings_left {
        0 => String::new(),
        left => format!(", {left} more at the next run (the store does not delete them now)"),
    };
    match (erased.recordings, erased.recordings_left) {
        (0, 0) => String::new(),
        (gone, _) => format!("; {gone} recordings are deleted{left}"),
    }
}

/// What an import did, for people.
pub(crate) fn print(name: &str, report: &ImportReport) -> anyhow::Result<()> {
    output::line(format!(
        "{name}: {} leads, {} rows cannot be used, {} were there already",
        report.accepted, report.rejected, report.duplicates
    ))?;
    for left_out in &report.left_out {
        output::line(format!("  column {} is left out: it {}", left_out.column, left_out.reason))?;
    }
    for problem in &report.problems {
        let column = if problem.column.is_empty() {
            String::new()
        } else {
            format!(", column {}", problem.column)
        };
        output::line(format!("  line {}{column}: {}", problem.line, problem.reason))?;
    }
    Ok(())
}
