//! The command line.
//!
//! In: arguments, the environment, a configuration file. Out: text or JSON on standard output,
//! diagnostics on standard error, an exit status. Invariants: a failure is one clear line that
//! names what was read and what would be right, and the status is not 0; what `--format json`
//! prints is one JSON document, or one per line where results have no end. Deliberately absent:
//! anything that another edge would need too.

mod audit;
mod bench;
mod config;
mod demo;
mod leads;
mod log;
mod output;
#[cfg(feature = "analytics")]
mod projections;
#[cfg(feature = "analytics")]
mod query;
mod recording;
#[cfg(feature = "analytics")]
mod report;
mod run;
mod serve;
mod sim;
mod speech;
#[cfg(feature = "analytics")]
mod sql;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::runtime::Config;
use crate::runtime::config::{LogAddress, Secret};

/// Outbound calls on an append-only event log.
#[derive(Debug, Parser)]
#[command(name = "ledgerline", version, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// Configuration file (TOML); defaults apply where there is none.
    #[arg(long, global = true, value_name = "FILE", env = "LEDGERLINE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Folder for log, keys and projections; wins over the configuration. Without either it is
    /// `data`, for `demo` it is `demo-data`.
    #[arg(long, global = true, value_name = "DIR", env = "LEDGERLINE_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// A KurrentDB server that keeps the log, such as esdb://localhost:2113?tls=false; wins over
    /// the configuration. With a password it is better kept in LEDGERLINE_LOG, out of sight of
    /// other users of the machine.
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS",
        env = "LEDGERLINE_LOG",
        hide_env_values = true
    )]
    pub(crate) log: Option<Secret>,
    /// How results are printed.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

impl Common {
    /// The configuration with `--data-dir` and `--log` applied.
    ///
    /// # Errors
    /// When the file cannot be used; see [`crate::runtime::ConfigError`].
    pub(crate) fn load(&self) -> anyhow::Result<Config> {
        let mut config = match &self.config {
            Some(path) => Config::load(path)?,
            None => Config::default(),
        };
        if let Some(folder) = &self.data_dir {
            config.data_dir.clone_from(folder);
        }
        if let Some(log) = &self.log {
            // Not read by clap, which repeats what it refuses.
            config.log = Some(LogAddress::parse(log.reveal()).context("--log")?);
        }
        Ok(config)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a whole campaign on this machine with simulated carriers, customers and agents.
    Demo(demo::Args),
    /// Run the platform with a configuration.
    Run(run::Args),
    /// Ask a question in SQL of events, live state and views.
    #[cfg(feature = "analytics")]
    Sql(sql::Args),
    /// Run a saved question from `queries/`, or list them.
    #[cfg(feature = "analytics")]
    Query(query::Args),
    /// List, rebuild or verify projections.
    #[cfg(feature = "analytics")]
    Projections(projections::Args),
    /// Write a report.
    #[cfg(feature = "analytics")]
    Report(report::Args),
    /// Explain a call's decisions, or take them all again from the log.
    Audit(audit::Args),
    /// Look into the event log.
    Log(log::Args),
    /// Import or check lead files, or erase a person.
    Leads(leads::Args),
    /// List, check, play, copy or delete recordings of calls.
    Recording(recording::Args),
    /// Check or print the configuration.
    Config(config::Args),
    /// The simulated world on the other side of the wire.
    Sim(sim::Args),
    /// Render prompts.
    Speech(speech::Args),
    /// Measure.
    Bench(bench::Args),
}

/// What is said without `RUST_LOG`. The client of KurrentDB calls each try in vain an error; what
/// comes of them is said by whoever tried.
const DIAGNOSTICS: &str = "warn,eventstore=off";

/// Runs the command line and gives the exit status.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // Diagnostics, not results: `RUST_LOG=info` shows more, as `ledgerline=debug` does.
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(DIAGNOSTICS)),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false)
        .init();
    match dispatch(cli) {
        Ok(code) => code,
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}

/// Tasks and timers for a command.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| anyhow::anyhow!("start the runtime: {error}"))
}

fn dispatch(cli: Cli) -> anyhow::Result<ExitCode> {
    let common = cli.common;
    match cli.command {
        Command::Demo(args) => demo::run(&common, args),
        Command::Run(args) => run::run(&common, args),
        #[cfg(feature = "analytics")]
        Command::Sql(args) => sql::run(&common, args),
        #[cfg(feature = "analytics")]
        Command::Query(args) => query::run(&common, args),
        #[cfg(feature = "analytics")]
        Command::Projections(args) => projections::run(&common, args),
        #[cfg(feature = "analytics")]
        Command::Report(args) => report::run(&common, args),
        Command::Audit(args) => audit::run(&common, args),
        Command::Log(args) => log::run(&common, args),
        Command::Leads(args) => leads::run(&common, args),
        Command::Recording(args) => recording::run(&common, args),
        Command::Config(args) => config::run(&common, args),
        Command::Sim(args) => sim::run(&common, args),
        Command::Speech(args) => speech::run(&common, args),
        Command::Bench(args) => bench::run(&common, args),
    }
}
