//! `ledgerline bench queries`: the questions of analysts, of Parquet files of dial attempts.
//!
//! The files come from `benches/analytics.py`, which asks other engines the same in the same run.
//! Beside the eleven questions: what a view saves, by asking windows that were computed before.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;

use super::log::now;
use crate::cli::{Common, Format, output};
use crate::query::ParquetFolders;

/// How `bench queries` measures.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder with the files of dial attempts; `benches/analytics.py` makes one.
    #[arg(long, value_name = "DIR")]
    parquet: PathBuf,
    /// How often each question is asked, after once that does not count.
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
    /// A setting of the engine to try, such as datafusion.execution.batch_size=16384.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Print the answers as well, to be compared.
    #[arg(long)]
    answers: bool,
}

/// What one question took.
#[derive(Debug, Serialize)]
struct Figure {
    question: &'static str,
    /// Units: ms, all readings, lowest first.
    wall_ms: Vec<f64>,
    /// Processor time over all threads. Units: ms, all readings, lowest first.
    cpu_ms: Vec<f64>,
    rows: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Vec<Vec<Value>>>,
}

#[derive(Debug, Serialize)]
struct Figures {
    build: &'static str,
    questions: Vec<Figure>,
}

const ANSWERED: &str = "disposition = 'ANSWERED'";

/// The eleven, in the order of `benches/analytics.py`. `{answered}` stands for the condition.
const QUESTIONS: &[(&str, &str)] = &[
    (
        "connect_rate_by_hour",
        "select date_trunc('hour', ts) as hour, count(*) as dials,
             count(*) filter (where {answered}) as answered, sum(talk_ms) as talk_ms
         from calls group by 1 order by 1",
    ),
    (
        "funnel_by_campaign",
        "select campaign_id, count(*) as dials, count(*) filter (where {answered}) as answered,
             count(*) filter (where {answered} and talk_ms >= 10000) as reached,
             count(*) filter (where intent in ('high', 'appointment', 'converted')) as interested,
             count(*) filter (where intent in ('appointment', 'converted')) as appointments,
             count(*) filter (where intent = 'converted') as converted
         from calls group by 1 order by 1",
    ),
    (
        "heat_region_industry",
        "select region, industry, count(*) as dials,
             count(*) filter (where {answered}) as answered,
             count(*) filter (where intent in ('high', 'appointment', 'converted')) as interested,
             avg(talk_ms) as talk_ms
         from calls group by 1, 2 order by 1, 2",
    ),
    (
        "ring_percentiles",
        "select line_id, percentile_cont(ring_ms, 0.5) as p50, percentile_cont(ring_ms, 0.95) as p95,
             percentile_cont(ring_ms, 0.99) as p99
         from calls group by 1 order by 1",
    ),
    (
        "ring_percentiles_about",
        "select line_id, approx_percentile_cont(ring_ms, 0.5) as p50,
             approx_percentile_cont(ring_ms, 0.95) as p95,
             approx_percentile_cont(ring_ms, 0.99) as p99
         from calls group by 1 order by 1",
    ),
    (
        "agent_occupancy",
        "select agent_id, date_bin(interval '5 minutes', ts) as five_minutes,
             sum(talk_ms + wrap_ms) as busy_ms, count(*) as calls
         from calls where {answered} group by 1, 2 order by busy_ms desc, agent_id, five_minutes
         limit 100",
    ),
    (
        "distinct_customers",
        "select campaign_id, count(distinct customer_id) as customers
         from calls where {answered} group by 1 order by 1",
    ),
    (
        "distinct_customers_about",
        "select campaign_id, approx_distinct(customer_id) as customers
         from calls where {answered} group by 1 order by 1",
    ),
    (
        "first_to_last",
        "select date_trunc('day', first) as day, avg(attempts) as attempts, avg(span) as span_us,
             count(*) as customers
         from (
             select customer_id, min(ts) as first, count(*) as attempts,
                 arrow_cast(max(ts), 'Int64') - arrow_cast(min(ts), 'Int64') as span
             from calls group by customer_id
             having max(case when intent = 'converted' then 1 else 0 end) = 1
         ) as customers
         group by 1 order by 1",
    ),
    (
        "failing_lines",
        "select line_id, count(*) as dials, count(*) filter (where disposition = 'FAILED') as failed,
             count(*) filter (where sip_code between 500 and 599) as server_errors
         from calls group by 1
         order by 1.0 * count(*) filter (where disposition = 'FAILED') / count(*) desc, line_id
         limit 10",
    ),
    (
        "last_hour",
        "select line_id, count(*) as dials, count(*) filter (where {answered}) as answered,
             avg(pdd_ms) as pdd_ms
         from calls where ts >= timestamp '2026-10-30 23:00:00'
         group by 1 order by dials desc, line_id limit 20",
    ),
];

/// Windows as views store them: hours of each line, days of each line and of each campaign.
const BY_HOUR: &str = "select date_trunc('hour', ts) as hour, line_id, count(*) as dials,
        count(*) filter (where {answered}) as answered, sum(talk_ms) as talk_ms
    from calls group by 1, 2 order by 1, 2";
const BY_LINE_DAY: &str = "select date_trunc('day', ts) as day, line_id,
        quantile_sketch(ring_ms) as ringing
    from calls group by 1, 2 order by 1, 2";
const BY_DAY: &str = "select date_trunc('day', ts) as day, campaign_id,
        hll_sketch(customer_id) filter (where {answered}) as customers
    from calls group by 1, 2 order by 1, 2";

/// Questions to windows, each beside one of the eleven.
const OF_WINDOWS: &[(&str, &str)] = &[
    (
        "ring_percentiles_of_sketches",
        "select line_id, quantile_of(sketch, 0.5) as p50, quantile_of(sketch, 0.95) as p95,
             quantile_of(sketch, 0.99) as p99
         from (select line_id, quantile_merge(ringing) as sketch from by_line_day group by 1) as merged
         order by 1",
    ),
    (
        "distinct_customers_of_sketches",
        "select campaign_id, distinct_of(hll_merge(customers)) as customers
         from by_day group by 1 order by 1",
    ),
    (
        "board_of_windows",
        "select line_id, sum(dials) as dials, sum(answered) as answered,
             sum(talk_ms) / nullif(sum(answered), 0) as talk_ms
         from by_hour group by 1 order by dials desc, line_id limit 20",
    ),
    (
        "one_dirty_hour",
        "select date_trunc('hour', ts) as hour, campaign_id, region, industry, count(*) as dials,
             count(*) filter (where {answered}) as answered,
             count(*) filter (where intent in ('appointment', 'converted')) as appointments
         from calls
         where ts >= timestamp '2026-10-15 10:00:00' and ts < timestamp '2026-10-15 11:00:00'
         group by 1, 2, 3, 4 order by 1, 2, 3, 4",
    ),
];

/// Rounds of questions to windows: they are short, and one wants to know the slowest of a hundred.
const OFTEN: usize = 100;

/// Runs `ledgerline bench queries`.
///
/// # Errors
/// Where the files cannot be read.
pub(crate) fn run(common: &Common, args: &Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let figures = runtime.block_on(measure(args))?;
    match common.format {
        Format::Json => output::json(&figures)?,
        Format::Text => {
            output::line(format!(
                "{:32} {:>10} {:>10} {:>8}",
                "question", "wall ms", "cpu ms", "rows"
            ))?;
            for figure in &figures.questions {
                let lowest = |readings: &[f64]| readings.first().copied().unwrap_or_default();
                output::line(format!(
                    "{:32} {:>10.1} {:>10.1} {:>8}",
                    figure.question,
                    lowest(&figure.wall_ms),
                    lowest(&figure.cpu_ms),
                    figure.rows
                ))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure(args: &Args) -> anyhow::Result<Figures> {
    let engine = ParquetFolders::new()?;
    for setting in &args.settings {
        engine.ask(&format!("set {setting}")).await.with_context(|| format!("set {setting}"))?;
    }
    let calls = args.parquet.join("calls");
    let missing = || format!("read {}: make it with benches/analytics.py", calls.display());
    anyhow::ensure!(calls.is_dir(), missing());
    engine.table("calls", &calls).await.with_context(missing)?;
    let mut questions = Vec::new();
    for (name, text) in QUESTIONS {
        questions.push(ask(&engine, name, text, args.rounds, args.answers).await?);
    }
    for (name, text) in [("by_hour", BY_HOUR), ("by_line_day", BY_LINE_DAY), ("by_day", BY_DAY)] {
        window(&engine, name, text, &args.parquet).await?;
    }
    for (name, text) in OF_WINDOWS {
        questions.push(ask(&engine, name, text, args.rounds.max(OFTEN), args.answers).await?);
    }
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    Ok(Figures { build, questions })
}

/// Computes windows, or takes those that are there.
async fn window(
    engine: &ParquetFolders,
    name: &str,
    text: &str,
    folder: &Path,
) -> anyhow::Result<()> {
    let folder = folder.join(name);
    match folder.is_dir() {
        true => engine.table(name, &folder).await?,
        false => engine.keep(name, &text.replace("{answered}", ANSWERED), &folder).await?,
    }
    Ok(())
}

async fn ask(
    engine: &ParquetFolders,
    question: &'static str,
    text: &str,
    rounds: usize,
    is_shown: bool,
) -> anyhow::Result<Figure> {
    let text = text.replace("{answered}", ANSWERED);
    let (mut wall_ms, mut cpu_ms) = (Vec::new(), Vec::new());
    let mut answer = engine.ask(&text).await.with_context(|| format!("ask {question}"))?;
    for _ in 0..rounds {
        let (began, used) = (now(), processor_time()?);
        answer = engine.ask(&text).await?;
        wall_ms.push(began.elapsed().as_secs_f64() * 1e3);
        cpu_ms.push(processor_time()?.saturating_sub(used).as_secs_f64() * 1e3);
    }
    wall_ms.sort_by(f64::total_cmp);
    cpu_ms.sort_by(f64::total_cmp);
    let rows = answer.rows.len();
    Ok(Figure { question, wall_ms, cpu_ms, rows, answer: is_shown.then_some(answer.rows) })
}

/// What the threads of this process have run so far, by the scheduler's own count: Linux's
/// `schedstat`, in ns.
fn processor_time() -> anyhow::Result<Duration> {
    let mut sum = 0;
    for thread in std::fs::read_dir("/proc/self/task").context("read /proc/self/task")? {
        let stat = std::fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
        let ran = stat.split_whitespace().next().and_then(|ns| ns.parse::<u64>().ok());
        sum += ran.unwrap_or(0);
    }
    Ok(Duration::from_nanos(sum))
}
