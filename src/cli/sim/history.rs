//! `ledgerline sim history`: days of calls in virtual time, into the log of the data folder.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::base::{Ppm, Rng, Timestamp};
use crate::cli::{Common, Format, output};
use crate::privacy::Vault;
use crate::runtime::open_embedded;
use crate::sim::history::{
    HistoryOptions, HistoryReport, Outcomes, Progress, VirtualClock, simulate,
};

/// What a history is like.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Days of calls.
    #[arg(long, default_value_t = 7)]
    days: u32,
    /// Attempts in all.
    #[arg(long, default_value_t = 10_000)]
    calls: u64,
    /// What everything follows from: the same seed and options give the same events.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The first day, such as 2026-09-07.
    #[arg(long, default_value = "2026-09-07", value_name = "DATE", value_parser = date)]
    start: Timestamp,
    /// Campaigns; English and Chinese ones take turns.
    #[arg(long, default_value_t = 4)]
    campaigns: u32,
    /// Human agents.
    #[arg(long, default_value_t = 12)]
    agents: u32,
    /// Carriers.
    #[arg(long, default_value_t = 3)]
    carriers: u32,
    /// Calls whose talk is recorded minutes to days late, of a million.
    #[arg(long, default_value_t = 5_000, value_name = "PPM")]
    late_ppm: u32,
    /// Facts of talks that are recorded twice, of a million.
    #[arg(long, default_value_t = 1_000, value_name = "PPM")]
    duplicate_ppm: u32,
}

/// Makes the history and prints what is in it.
pub(super) async fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    let config = common.load()?;
    if let Some(address) = &config.log {
        bail!(
            "make a history: the log is on {}, but a history is made on files; leave out --log",
            address.server()
        );
    }
    let options = HistoryOptions {
        days: args.days,
        calls: args.calls,
        seed: args.seed,
        start: args.start,
        campaigns: args.campaigns,
        agents: args.agents,
        carriers: args.carriers,
        late: Ppm(args.late_ppm),
        duplicates: Ppm(args.duplicate_ppm),
        outcomes: Outcomes::shipped()?,
    };
    let clock = Arc::new(VirtualClock::at(Timestamp::EPOCH));
    let (log, _) = open_embedded(&config, clock.clone()).await?;
    let mut keys = Rng::from_seed(options.seed).fork("keys");
    let folder = config.data_dir.join("keys");
    let mut vault = Vault::open(&folder, &mut |buffer| keys.fill(buffer))?;
    let bar = bar(options.calls);
    let show = |progress: Progress| {
        bar.set_position(progress.calls);
        bar.set_message(format!("{} events, {}", progress.events, day(progress.at)));
    };
    let made = Box::pin(simulate(&log, &clock, &mut vault, &options, &mut { show })).await;
    log.close().await;
    bar.finish_and_clear();
    print(common.format, &made?)?;
    Ok(ExitCode::SUCCESS)
}

fn date(text: &str) -> Result<Timestamp, String> {
    format!("{text}T00:00:00Z").parse().map_err(|_| "wanted a day such as 2026-09-07".to_owned())
}

/// The day of a moment, without its time.
fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

/// A bar on a terminal, nothing elsewhere.
fn bar(calls: u64) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(calls), target);
    let style = "{bar:30} {pos} of {len} calls, {msg}, {elapsed}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

fn print(format: Format, report: &HistoryReport) -> anyhow::Result<()> {
    if format == Format::Json {
        return output::json(report);
    }
    let HistoryReport { events, calls, subjects, leads, .. } = report;
    output::line(format!("{calls} calls of {leads} leads, {subjects} people: {events} events"))?;
    output::line(format!(
        "{} answered by a person, {} meetings agreed to, {} sales, {} messages, {} opted out, {} dials refused",
        report.contacts,
        report.appointments,
        report.sales,
        report.messages,
        report.opt_outs,
        report.refusals
    ))?;
    output::line(format!(
        "{} times a carrier taken out, {} facts late, {} twice; ends at {}",
        report.carrier_failures, report.late, report.duplicates, report.ended_at
    ))
    .context("print the report")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_date_and_nothing_else() {
        let monday = date("2026-09-07").expect("a date");
        assert_eq!(day(monday), "2026-09-07");
        assert!(date("2026-9-7").is_err());
        assert!(date("2026-09-07T10:00:00Z").is_err());
    }
}
