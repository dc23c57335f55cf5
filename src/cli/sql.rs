//! `ledgerline sql`: one question in SQL, a file of them, or a shell.
//!
//! In: a question as an argument; without one, what is typed on a terminal, or statements from
//! standard input. Out: rows. Invariant: questions change nothing, and an error in the shell does
//! not end it. Deliberately absent: a connection to a platform that runs; its log is read beside
//! it.

mod batch;
mod command;
mod complete;
mod describe;
mod shell;
mod show;
mod statement;
mod work;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use anyhow::Context as _;

use super::{Common, Format, output};
use crate::projection::sql::LogReader;
use crate::query::{Answer, AsOf, Engine};
use crate::runtime::{Config, read_log};

/// What `sql` takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Tables: events, campaigns, leads, attempts, legs, turns, intent_tags, \
commitments, decisions, decision_candidates, compliance_checks, do_not_call, agent_states, \
carrier_states, line_samples, messages; live.*; operational.*, funnel.*, strategic.*; system.projections, \
system.columns. docs/sql.md says what is in them.")]
pub(crate) struct Args {
    /// The question, or `-` to read statements from standard input, each ended by `;`. Without
    /// it, a shell on a terminal; `\?` tells what that can do.
    #[arg(value_name = "SQL")]
    question: Option<String>,
    /// Answer as of this moment of the log; `as_of('attempts', '1200')` in the question does the
    /// same for one table.
    #[arg(long, value_name = "POSITION|TIME", default_value_t = AsOf::Head)]
    as_of: AsOf,
}

pub(crate) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    match args.question.as_deref() {
        None if std::io::stdin().is_terminal() => shell::run(common, args.as_of),
        None | Some("-") => {
            let text = std::io::read_to_string(std::io::stdin());
            batch::run(common, args.as_of, &text.context("read SQL from standard input")?)
        }
        Some(question) => {
            let config = common.load()?;
            let answer = runtime()?.block_on(async {
                let engine = engine(&config).await?;
                anyhow::Ok(engine.ask_as_of(question, args.as_of).await?)
            })?;
            print(common, &answer)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The engine over the log that is configured.
pub(super) async fn engine(config: &Config) -> anyhow::Result<Engine> {
    let engine = Box::pin(Engine::over(reader(config).await?, &config.data_dir)).await?;
    #[cfg(feature = "s3")]
    if let Some(place) = config.projections.place() {
        engine.expect_copies(&place.objects().context("use projections.store")?.place);
    }
    Ok(engine)
}

/// The log that is configured.
pub(super) async fn reader(config: &Config) -> anyhow::Result<LogReader> {
    Ok(LogReader::over(read_log(config).await?))
}

/// Where the engine runs.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("start the engine's threads")
}

/// A table for people, an array of objects for programs.
pub(super) fn print(common: &Common, answer: &Answer) -> anyhow::Result<()> {
    match common.format {
        Format::Text => output::text(answer.table()),
        Format::Json => output::json(&answer.objects()),
    }
}

#[cfg(test)]
mod tests;
