//! `ledgerline projections`: how far the views are, made again, compared with the log.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Common, Format, output, sql};
use crate::projection::sql::{self as views, Refreshed, VerifyReport};
use crate::runtime::Config;

/// What `projections` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Bring every view up to the log's head and say how far each is.
    List,
    /// Make views again from position zero.
    Rebuild {
        /// One view, by `name` or `layer.name`; without it all.
        name: Option<String>,
    },
    /// Make every view again in memory and compare with what is stored, row by row.
    Verify,
}

pub(crate) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    let config = common.load()?;
    let runtime = sql::runtime()?;
    if let Command::List = args.command {
        return runtime.block_on(list(common, &config));
    }
    let reader = runtime.block_on(sql::reader(&config))?;
    let data_dir = &config.data_dir;
    match args.command {
        Command::Rebuild { name } => {
            let refreshed = views::rebuild(&reader, data_dir, name.as_deref());
            rebuilt(common, &runtime.block_on(refreshed)?)
        }
        Command::List | Command::Verify => {
            let report = runtime.block_on(views::verify(&reader, data_dir))?;
            verified(common, &report)
        }
    }
}

async fn list(common: &Common, config: &Config) -> anyhow::Result<ExitCode> {
    let engine = sql::engine(config).await?;
    let answer = engine
        .ask(
            "select layer, name, position, head, lag, windows, dirty_windows, files, rows, \
             bytes, last_error from system.projections order by layer, name",
        )
        .await?;
    sql::print(common, &answer)?;
    Ok(ExitCode::SUCCESS)
}

fn rebuilt(common: &Common, refreshed: &[Refreshed]) -> anyhow::Result<ExitCode> {
    if common.format == Format::Json {
        let views = refreshed.iter().map(|view| {
            json!({
                "view": view.view,
                "position": view.position,
                "is_rebuilt": view.is_rebuilt,
                "computed_windows": view.computed,
                "windows": view.windows,
                "error": view.error,
            })
        });
        output::json(&views.collect::<Vec<Value>>())?;
    } else {
        for view in refreshed {
            let what = match (&view.error, view.is_rebuilt) {
                (Some(error), _) => error.clone(),
                (None, true) => format!("made again, {} windows", view.windows),
                (None, false) => {
                    format!("refreshed, {} of {} windows", view.computed, view.windows)
                }
            };
            output::line(format!("{:<32} {what}", view.view))?;
        }
    }
    let is_failed = refreshed.iter().any(|view| view.error.is_some());
    Ok(if is_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn verified(common: &Common, report: &VerifyReport) -> anyhow::Result<ExitCode> {
    if common.format == Format::Json {
        let views = report.views.iter().map(|view| {
            json!({
                "view": view.view,
                "position": view.position,
                "windows": view.windows,
                "rows": view.rows,
                "is_equal": view.difference.is_none(),
                "difference": view.difference,
            })
        });
        output::json(&views.collect::<Vec<Value>>())?;
    } else {
        for view in &report.views {
            let at = view.position.map_or_else(|| "none".to_owned(), |it| it.to_string());
            let what = view.difference.as_ref().map_or_else(
                || format!("equal: {} rows in {} windows", view.rows, view.windows),
                |difference| format!("different: {difference}"),
            );
            output::line(format!("{:<32} at position {at}: {what}", view.view))?;
        }
    }
    Ok(if report.is_equal() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
