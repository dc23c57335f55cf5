//! `ledgerline bench appends`: single appends to the log that `--log` names, so many at a time.
//!
//! The client is the one the platform itself uses for a KurrentDB server. `benches/log-peers.py`
//! runs it beside the clients of other logs.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::log::{Timed, now};
use crate::base::{EventId, Timestamp};
use crate::cli::{Common, Format, output};
use crate::event::{Actor, ContentType, ExpectedRevision, NewEvent, StreamName};
use crate::event_log::EventLog;
use crate::runtime::{clock::system_rng, read_log};

const DATA_BYTES: usize = 300;

/// How `bench appends` measures.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Appends in the air at a time, each of one event to a stream of its own task.
    #[arg(long, value_name = "N", default_value_t = 16)]
    outstanding: usize,
    /// How long.
    #[arg(long, value_name = "S", default_value_t = 3.0)]
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct Figures {
    outstanding: usize,
    events: usize,
    events_per_second: f64,
    ack_p50_ms: f64,
    ack_p99_ms: f64,
}

/// Runs `ledgerline bench appends`.
///
/// # Errors
/// Where `--log` names no server, or the server refuses.
pub(crate) fn run(common: &Common, args: &Args) -> anyhow::Result<ExitCode> {
    let config = common.load()?;
    anyhow::ensure!(config.log.is_some(), "bench appends: name a server with --log esdb://…");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let span = Duration::from_secs_f64(args.seconds.clamp(0.1, 600.0));
    let mut timed = runtime.block_on(async {
        let log = read_log(&config).await?;
        let mut tasks = tokio::task::JoinSet::new();
        let started = now();
        for _ in 0..args.outstanding.max(1) {
            tasks.spawn(append(log.clone(), span));
        }
        let mut waits = Vec::new();
        while let Some(done) = tasks.join_next().await {
            waits.extend(done??);
        }
        anyhow::Ok(Timed { span: started.elapsed(), waits })
    })?;
    let figures = Figures {
        outstanding: args.outstanding,
        events: timed.waits.len(),
        events_per_second: timed.per_second(),
        ack_p50_ms: timed.percentile_ms(50),
        ack_p99_ms: timed.percentile_ms(99),
    };
    match common.format {
        Format::Text => output::line(format!(
            "{} outstanding: {:.0} events/s, ack p50 {:.2} ms, p99 {:.2} ms",
            figures.outstanding, figures.events_per_second, figures.ack_p50_ms, figures.ack_p99_ms
        ))?,
        Format::Json => output::json(&figures)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// One append after the other, until the time is up. How long each took.
async fn append(log: Arc<dyn EventLog>, span: Duration) -> anyhow::Result<Vec<Duration>> {
    let mut rng = system_rng();
    let stream = StreamName::of("bench", &EventId::generate(Timestamp::EPOCH, &mut rng));
    let mut data = b"{\"text\":\"".to_vec();
    data.resize(DATA_BYTES - 2, b'x');
    data.extend_from_slice(b"\"}");
    let mut waits = Vec::new();
    let started = now();
    while started.elapsed() < span {
        let event = NewEvent {
            event_id: EventId::generate(Timestamp::EPOCH, &mut rng),
            event_type: "bench_event".to_owned(),
            schema_version: 1,
            occurred_at: Timestamp::EPOCH,
            correlation_id: None,
            causation_id: None,
            actor: Actor::part("bench"),
            data: data.clone(),
            content_type: ContentType::Json,
            metadata: Vec::new(),
        };
        let sent = now();
        log.append(stream.clone(), ExpectedRevision::Any, vec![event]).await?;
        waits.push(sent.elapsed());
    }
    Ok(waits)
}
