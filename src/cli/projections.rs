//! `ledgerline projections`: how far the views are, made again, compared with the log.

use std::process::ExitCode;

#[cfg(feature = "s3")]
use anyhow::Context as _;
use serde_json::{Value, json};

use super::{Common, Format, output, sql};
use crate::projection::sql::{self as views, Refreshed, VerifyReport};
use crate::query::check_queries;
use crate::runtime::Config;
#[cfg(feature = "s3")]
use crate::runtime::clock::SystemClock;

/// What `projections` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Bring every view up to the log's head and say how far each is. Ends with a status other
    /// than 0 where one is refused or fails.
    #[command(alias = "list")]
    Status,
    /// Read the files of views and saved questions and plan each, without a log: every mistake
    /// with file and line.
    Check,
    /// Ask what the files of views and saved questions say must hold for their rows.
    Test {
        /// One view, by `name` or `layer.name`, or one saved question; without it all.
        name: Option<String>,
    },
    /// Make views again from position zero.
    Rebuild {
        /// One view, by `name` or `layer.name`; without it all.
        name: Option<String>,
    },
    /// Bring every view up to the log's head, and its copy in `projections.store` up to it. A
    /// platform that runs does so by itself.
    #[cfg(feature = "s3")]
    Upload,
    /// Make every view, and every base table that is on disk, again in memory and compare with
    /// what is stored, byte by byte.
    Verify,
}

pub(crate) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    if let Command::Check = args.command {
        return check(common);
    }
    let config = common.load()?;
    let runtime = sql::runtime()?;
    let data_dir = &config.data_dir;
    match args.command {
        Command::Check => check(common),
        Command::Status => runtime.block_on(status(common, &config)),
        #[cfg(feature = "s3")]
        Command::Upload => runtime.block_on(upload(common, &config)),
        Command::Test { name } => runtime.block_on(test(common, &config, name.as_deref())),
        Command::Rebuild { name } => {
            let reader = runtime.block_on(sql::reader(&config))?;
            let refreshed = views::rebuild(&reader, data_dir, name.as_deref());
            rebuilt(common, &runtime.block_on(refreshed)?)
        }
        Command::Verify => {
            let reader = runtime.block_on(sql::reader(&config))?;
            let report = runtime.block_on(views::verify(&reader, data_dir))?;
            verified(common, &report)
        }
    }
}

const fn code(is_right: bool) -> ExitCode {
    if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn status(common: &Common, config: &Config) -> anyhow::Result<ExitCode> {
    let engine = sql::engine(config).await?;
    let answer = engine
        .ask(
            "select layer, name, state, since, upper, lag, windows, dirty_windows, files, rows, \
             rows_in, reduction_ppm, bytes, final_until, provisional_windows, last_error, note, \
             stored_at, store_error \
             from system.projections order by layer, name",
        )
        .await?;
    sql::print(common, &answer)?;
    let wrong = "select name from system.projections where state in ('refused', 'failed')";
    Ok(code(engine.ask(wrong).await?.rows.is_empty()))
}

/// Every mistake of every file.
fn check(common: &Common) -> anyhow::Result<ExitCode> {
    let views = views::views();
    let mut refused: Vec<_> = views.iter().filter_map(views::View::refused).collect();
    let refused_views = refused.len();
    let (questions, wrong) = check_queries();
    let wrong_questions = wrong.len();
    refused.extend(wrong);
    if common.format == Format::Json {
        let mistakes = refused.iter().flat_map(|refused| {
            refused.mistakes.iter().map(|mistake| {
                json!({
                    "file": refused.file,
                    "line": mistake.line,
                    "problem": mistake.problem,
                })
            })
        });
        output::json(&mistakes.collect::<Vec<Value>>())?;
    } else {
        for refused in &refused {
            for mistake in &refused.mistakes {
                output::line(format!("{}:{}: {}", refused.file, mistake.line, mistake.problem))?;
            }
        }
        output::line(format!("{questions} saved questions, {wrong_questions} wrong"))?;
        output::line(format!("{} views, {refused_views} refused", views.len()))?;
    }
    Ok(code(refused.is_empty()))
}

async fn test(common: &Common, config: &Config, name: Option<&str>) -> anyhow::Result<ExitCode> {
    let engine = sql::engine(config).await?;
    let mut outcomes = engine.test_views(name).await?;
    outcomes.extend(engine.test_queries(name).await?);
    if common.format == Format::Json {
        let outcomes = outcomes.iter().map(|outcome| {
            json!({
                "view": outcome.view,
                "file": outcome.file,
                "line": outcome.line,
                "test": outcome.test,
                "holds": outcome.holds(),
                "offending": outcome.offending,
                "error": outcome.error,
            })
        });
        output::json(&outcomes.collect::<Vec<Value>>())?;
    } else {
        for outcome in outcomes.iter().filter(|outcome| !outcome.holds()) {
            let (file, line, test) = (&outcome.file, outcome.line, &outcome.test);
            output::line(format!("{file}:{line}: {test} does not hold"))?;
            let why = outcome.offending.as_ref().or(outcome.error.as_ref());
            output::line(why.map_or("", String::as_str))?;
        }
        let wrong = outcomes.iter().filter(|outcome| !outcome.holds()).count();
        output::line(format!("{} tests, {wrong} do not hold", outcomes.len()))?;
    }
    Ok(code(outcomes.iter().all(views_hold)))
}

const fn views_hold(outcome: &crate::query::DataTestOutcome) -> bool {
    outcome.holds()
}

#[cfg(feature = "s3")]
async fn upload(common: &Common, config: &Config) -> anyhow::Result<ExitCode> {
    let place = config.projections.place().context(
        "find the store: there is none; set `store` in [projections] to s3://bucket/prefix",
    )?;
    let objects = place.objects().context("use projections.store")?;
    let store = objects.name.clone();
    let engine = sql::engine(config).await?;
    let uploaded = engine.upload(objects, &SystemClock::new()).await?;
    if common.format == Format::Json {
        let errors =
            uploaded.errors.iter().map(|(view, error)| json!({"view": view, "error": error}));
        output::json(&json!({
            "store": store,
            "views": uploaded.current,
            "stored_objects": uploaded.stored,
            "stored_bytes": uploaded.bytes,
            "removed_objects": uploaded.removed,
            "errors": errors.collect::<Vec<Value>>(),
        }))?;
    } else {
        for (view, error) in &uploaded.errors {
            output::line(format!("{view}: {error}"))?;
        }
        output::line(format!(
            "{} views are in {store}; {} objects of {} bytes stored, {} removed",
            uploaded.current, uploaded.stored, uploaded.bytes, uploaded.removed
        ))?;
    }
    Ok(code(uploaded.errors.is_empty()))
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
    Ok(code(refreshed.iter().all(|view| view.error.is_none())))
}

fn verified(common: &Common, report: &VerifyReport) -> anyhow::Result<ExitCode> {
    if common.format == Format::Json {
        let views = report.views.iter().map(|view| {
            json!({
                "view": view.view,
                "position": view.position,
                "windows": view.windows,
                "rows": view.rows,
                "files": view.files,
                "is_equal": view.difference.is_none(),
                "difference": view.difference,
            })
        });
        let facts = report.facts.iter().map(|table| {
            json!({
                "view": format!("public.{}", table.table),
                "position": table.position,
                "rows": table.rows,
                "files": table.files,
                "content": table.content,
                "is_equal": table.difference.is_none(),
                "difference": table.difference,
            })
        });
        output::json(&views.chain(facts).collect::<Vec<Value>>())?;
    } else {
        for view in &report.views {
            let at = view.position.map_or_else(|| "none".to_owned(), |it| it.to_string());
            let what = view.difference.as_ref().map_or_else(
                || {
                    let (rows, windows, files) = (view.rows, view.windows, view.files);
                    format!("equal: {rows} rows in {windows} windows, {files} files")
                },
                |difference| format!("different: {difference}"),
            );
            output::line(format!("{:<32} at position {at}: {what}", view.view))?;
        }
        for table in &report.facts {
            let what = table.difference.as_ref().map_or_else(
                || format!("equal: {} rows, {} files", table.rows, table.files),
                |difference| format!("different: {difference}"),
            );
            let name = format!("public.{}", table.table);
            output::line(format!("{name:<32} at position {}: {what}", table.position))?;
        }
    }
    Ok(code(report.is_equal()))
}
