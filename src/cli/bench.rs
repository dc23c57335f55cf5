//! `ledgerline bench`: measure a part of the platform on this machine.
//!
//! In: how long, and where. Out: figures with what they were measured against in the same run.
//! Deliberately absent: judging them.

mod answers;
mod appends;
mod call_rate;
mod calls;
mod disk;
#[cfg(feature = "analytics")]
mod fresh;
mod log;
mod media;
mod messages;
mod parse;
#[cfg(feature = "analytics")]
mod queries;
mod seal;
mod soak;
#[cfg(feature = "analytics")]
mod views;

use std::process::ExitCode;

use super::Common;

/// Measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Append to, read and open an event log, next to bare writes and syncs on the same disk.
    Log(log::Args),
    /// Judge who answered, from recordings of which it is known.
    Answers(answers::Args),
    /// Read SIP messages on one core, beside rsip.
    SipParse(parse::Args),
    /// Place calls over one line to a carrier that answers them all, such as SIPp.
    CallRate(call_rate::Args),
    /// Append to the KurrentDB server that --log names.
    Appends(appends::Args),
    /// Ask the eleven questions of analysts, of Parquet files of dial attempts.
    #[cfg(feature = "analytics")]
    Queries(queries::Args),
    /// Seal simulated calls into Parquet and read them back.
    Seal(seal::Args),
    /// Append at a steady rate and ask, to see how old what questions see is.
    #[cfg(feature = "analytics")]
    Fresh(fresh::Args),
    /// Talk on many calls at once, and measure what is lost and late.
    Media(media::Args),
    /// Fill a log with a day of calls, kill the process, and open what is left.
    Soak(soak::Args),
    /// Make every view of a simulated history, and bring them up after calls that come late.
    #[cfg(feature = "analytics")]
    Views(views::Args),
}

/// Runs `ledgerline bench`.
///
/// # Errors
/// Where the disk fails or is full.
pub(crate) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Log(args) => log::run(common, &args),
        Command::CallRate(args) => call_rate::run(common, &args),
        Command::SipParse(args) => parse::run(common, &args),
        Command::Answers(args) => answers::run(common, &args),
        Command::Appends(args) => appends::run(common, &args),
        #[cfg(feature = "analytics")]
        Command::Queries(args) => queries::run(common, &args),
        Command::Seal(args) => seal::run(common, &args),
        #[cfg(feature = "analytics")]
        Command::Fresh(args) => fresh::run(common, &args),
        Command::Media(args) => media::run(common, &args),
        Command::Soak(args) => soak::run(common, &args),
        #[cfg(feature = "analytics")]
        Command::Views(args) => views::run(common, &args),
    }
}
