//! `ledgerline sql`: one question in SQL.

use std::io::Read as _;
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
carrier_states, line_samples; live.*; operational.*, funnel.*, strategic.*; system.projections, \
system.columns. docs/sql.md says what is in them.")]
pub(crate) struct Args {
    /// The question, or `-` to read it from standard input.
    #[arg(value_name = "SQL")]
    question: String,
    /// Answer as of this moment of the log; `as_of('attempts', '1200')` in the question does the
    /// same for one table.
    #[arg(long, value_name = "POSITION|TIME", default_value_t = AsOf::Head)]
    as_of: AsOf,
}

pub(crate) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    let question = if args.question == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("read SQL from standard input")?;
        text
    } else {
        args.question
    };
    let config = common.load()?;
    let answer = runtime()?.block_on(async {
        let engine = engine(&config).await?;
        anyhow::Ok(engine.ask_as_of(&question, args.as_of).await?)
    })?;
    print(common, &answer)?;
    Ok(ExitCode::SUCCESS)
}

/// The engine over the log that is configured.
pub(super) async fn engine(config: &Config) -> anyhow::Result<Engine> {
    Ok(Box::pin(Engine::over(reader(config).await?, &config.data_dir)).await?)
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
