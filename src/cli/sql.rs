//! `ledgerline sql`: one question in SQL.

use std::io::Read as _;
use std::process::ExitCode;

use anyhow::Context as _;

use super::{Common, Format, output};
use crate::query::{Answer, Engine};

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
}

pub(crate) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    let question = if args.question == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("read SQL from standard input")?;
        text
    } else {
        args.question
    };
    let data_dir = common.load()?.data_dir;
    let answer = runtime()?.block_on(async {
        let engine = Engine::open(&data_dir).await?;
        engine.ask(&question).await
    })?;
    print(common, &answer)?;
    Ok(ExitCode::SUCCESS)
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
