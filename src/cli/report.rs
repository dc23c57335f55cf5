//! `ledgerline report`: reports for people.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::ValueEnum;
use serde_json::json;

use super::{Common, Format, output, sql};
use crate::report::{Kind, Language, daily};

/// What `report` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// One day: headline figures, funnel, campaigns, hours, carriers, agents, levels.
    Daily(Daily),
}

#[derive(Debug, clap::Args)]
struct Daily {
    /// The day, UTC; without it the last day with a dial.
    #[arg(long, value_name = "YYYY-MM-DD")]
    date: Option<String>,
    /// How it is written.
    #[arg(long = "as", value_enum, default_value_t = As::Markdown)]
    kind: As,
    /// The language of headings and notes.
    #[arg(long, value_enum, default_value_t = In::En)]
    language: In,
    /// Write to this file and not to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum As {
    /// Markdown.
    Markdown,
    /// One HTML page that needs nothing else.
    Html,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum In {
    /// English.
    En,
    /// Chinese.
    Zh,
}

pub(crate) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    let Command::Daily(args) = args.command;
    let kind = match args.kind {
        As::Markdown => Kind::Markdown,
        As::Html => Kind::Html,
    };
    let language = match args.language {
        In::En => Language::English,
        In::Zh => Language::Chinese,
    };
    let config = common.load()?;
    let report = sql::runtime()?.block_on(async {
        let engine = sql::engine(&config).await?;
        anyhow::Ok(Box::pin(daily(&engine, args.date.as_deref(), language)).await?)
    })?;
    let page = report.write(kind);
    match (&args.out, common.format) {
        (Some(path), _) => {
            std::fs::write(path, &page)
                .with_context(|| format!("write report {}", path.display()))?;
            match common.format {
                Format::Text => output::line(format!("wrote {}", path.display()))?,
                Format::Json => output::json(&json!({"path": path, "title": report.title}))?,
            }
        }
        (None, Format::Text) => output::text(page)?,
        (None, Format::Json) => {
            output::json(&json!({"title": report.title, "page": page}))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
