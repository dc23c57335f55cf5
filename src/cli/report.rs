//! `ledgerline report`: reports for people, and what became of those that are made by themselves.

mod desk;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::ValueEnum;
use serde_json::json;

pub(crate) use self::desk::{Making, Plans};
use super::{Common, Format, output, sql};
use crate::base::{Clock as _, ReportPlanId, Timestamp};
use crate::event::ReportKind;
use crate::query::AsOf;
use crate::report::{Form, Language, Period, Report, Width, list, print_pdf};
use crate::runtime::clock::SystemClock;

/// What `report` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// One hour, and the day up to its end.
    Hourly(Hourly),
    /// One day: headline figures, funnel, campaigns, hours, carriers, agents, levels.
    Daily(Daily),
    /// What stands out in one day against the week before, and what could be done about it.
    Review(Daily),
    /// Every report of the plans: made, sent, not sent, or nobody knows.
    List,
    /// Make and mail what is due by the plans, once; a running platform does so by itself.
    Due(Due),
    /// Mail one report of a plan, made before or not.
    Send(Send),
}

#[derive(Debug, clap::Args)]
struct Hourly {
    /// The hour in the site's time; without it the last hour with a dial.
    #[arg(long, value_name = "YYYY-MM-DDTHH")]
    hour: Option<String>,
    #[command(flatten)]
    page: Page,
}

#[derive(Debug, clap::Args)]
struct Daily {
    /// The day in the site's time; without it the last day with a dial.
    #[arg(long, alias = "date", value_name = "YYYY-MM-DD")]
    day: Option<String>,
    #[command(flatten)]
    page: Page,
}

#[derive(Debug, clap::Args)]
struct Page {
    /// As of this moment of the log.
    #[arg(long, value_name = "POSITION|TIME", default_value_t = AsOf::Head)]
    as_of: AsOf,
    /// How it is written; Markdown, and with `--format json` JSON.
    #[arg(long = "as", value_enum)]
    form: Option<As>,
    /// The language of headings and notes; by default that of `reports.language`.
    #[arg(long, value_enum)]
    language: Option<In>,
    /// Write to this file and not to standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Due {
    /// As if it were this moment.
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
}

#[derive(Debug, clap::Args)]
struct Send {
    /// The plan.
    plan: ReportPlanId,
    /// The hour or day, such as 2026-11-21.
    period: String,
    /// Also where it was sent, or may have been.
    #[arg(long)]
    again: bool,
    /// As if it were this moment.
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum As {
    /// Markdown.
    Markdown,
    /// One HTML page that needs nothing else.
    Html,
    /// Figures with units, questions and the position.
    Json,
    /// The page printed, by chromium.
    Pdf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum In {
    /// English.
    En,
    /// Chinese.
    Zh,
}

pub(crate) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Hourly(args) => {
            let hour = args.hour.as_deref();
            make(common, ReportKind::Hourly, hour, args.page)
        }
        Command::Daily(args) => make(common, ReportKind::Daily, args.day.as_deref(), args.page),
        Command::Review(args) => make(common, ReportKind::Review, args.day.as_deref(), args.page),
        Command::List => print_list(common),
        Command::Due(args) => desk::due(common, args.now),
        Command::Send(args) => desk::send(common, &args.plan, &args.period, args.again, args.now),
    }
}

fn make(
    common: &Common,
    kind: ReportKind,
    period: Option<&str>,
    page: Page,
) -> anyhow::Result<ExitCode> {
    let form = match (page.form, common.format) {
        (Some(As::Markdown), _) | (None, Format::Text) => Form::Markdown,
        (Some(As::Html), _) => Form::Html,
        (Some(As::Json), _) | (None, Format::Json) => Form::Json,
        (Some(As::Pdf), _) => Form::Pdf,
    };
    let config = common.load()?;
    let language = match page.language {
        Some(In::En) => Language::English,
        Some(In::Zh) => Language::Chinese,
        None => desk::language(config.reports.language),
    };
    let offset = config.reports.utc_offset;
    // A wrong period is said before the log is read.
    let period = period.map(|text| Period::parse(Width::of(kind), offset, text)).transpose()?;
    let thresholds = desk::thresholds(&config.reports.review);
    let (report, bytes) = sql::runtime()?.block_on(async {
        let engine = Arc::new(sql::engine(&config).await?);
        let report = match period {
            Some(period) => {
                Box::pin(Report::make(engine, page.as_of, kind, period, thresholds)).await
            }
            None => Box::pin(Report::make_last(engine, page.as_of, kind, offset, thresholds)).await,
        }?;
        let bytes = match form {
            Form::Markdown => report.markdown(language).into_bytes(),
            Form::Html => report.html(language).into_bytes(),
            Form::Json => serde_json::to_vec_pretty(&report.json())?,
            Form::Pdf => print_pdf(&report.html(language)).await?,
        };
        anyhow::Ok((report, bytes))
    })?;
    let title = report.title(language);
    match (&page.out, common.format) {
        (Some(path), _) => {
            std::fs::write(path, &bytes)
                .with_context(|| format!("write report {}", path.display()))?;
            match common.format {
                Format::Text => output::line(format!("wrote {}", path.display()))?,
                Format::Json => output::json(&json!({
                    "path": path,
                    "title": title,
                    "position": report.position(),
                }))?,
            }
        }
        (None, Format::Text) => raw(&bytes)?,
        (None, Format::Json) => match form {
            Form::Json => output::json(&report.json())?,
            Form::Pdf => anyhow::bail!("print PDF: it is no JSON; give --out FILE"),
            Form::Markdown | Form::Html => {
                let page = String::from_utf8_lossy(&bytes);
                output::json(&json!({"title": title, "page": page}))?;
            }
        },
    }
    Ok(ExitCode::SUCCESS)
}

/// Bytes as they are: a PDF is no text.
fn raw(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    if !bytes.ends_with(b"\n") && !bytes.starts_with(b"%PDF-") {
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}

fn print_list(common: &Common) -> anyhow::Result<ExitCode> {
    let config = common.load()?;
    let reports = sql::runtime()?.block_on(async {
        let engine = sql::engine(&config).await?;
        anyhow::Ok(Box::pin(list(&engine, SystemClock::new().now())).await?)
    })?;
    match common.format {
        Format::Json => output::json(&reports)?,
        Format::Text if reports.is_empty() => output::line("no reports yet")?,
        Format::Text => {
            for report in &reports {
                let position = report.position.map_or_else(|| "–".to_owned(), |at| at.to_string());
                let reason =
                    report.reason.as_deref().map_or_else(String::new, |why| format!(": {why}"));
                output::line(format!(
                    "{:<16} {:<13} {:<7} position {position}  {}{reason}",
                    report.plan, report.period, report.kind, report.state
                ))?;
                if let ("unknown", Some(id)) = (report.state, &report.message_id) {
                    output::line(format!(
                        "  it is not sent again by itself; the mail server's log tells by {id}, \
                         and `ledgerline report send {} {} --again` sends it once more",
                        report.plan, report.period
                    ))?;
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
