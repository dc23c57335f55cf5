//! `ledgerline bench media`: calls with audio both ways, all at once.
//!
//! In: how many calls, and for how long. Out: how many packets were moved and lost, how far from
//! their 20 ms ours left, what the media threads took of the processors, and how soon after an
//! answer the first packet came. The other side is a plain peer in this process, which sends each
//! call a packet every 20 ms; when ours left is what the kernel wrote on them as they came there.

mod peer;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use tokio::sync::mpsc;

use super::log::now;
use crate::base::{LegId, Rng, Timestamp};
use crate::cli::{Common, Format, output};
use crate::media::{Clip, Codec, MediaSettings, Negotiated, Pair, Tap};
use crate::runtime::clock::SystemClock;
use crate::runtime::wire::{MediaLeg, MediaOptions, MediaPriority, MediaThreads};
use peer::{Peer, wall};

/// Answers in a second, while calls are set up.
const ANSWERS_PER_SECOND: u32 = 250;
/// What still flies at the end.
const SETTLE: Duration = Duration::from_millis(300);

/// What is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Calls at once.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    calls: u32,
    /// How long they last once all are up.
    #[arg(long, value_name = "S", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// Threads that move media; by default one for two processors.
    #[arg(long, value_name = "N")]
    threads: Option<std::num::NonZeroUsize>,
    /// Leaves those threads at normal priority.
    #[arg(long)]
    normal: bool,
    /// Gives both directions of every call to a tap, as a recording takes them.
    #[arg(long)]
    record: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    build: &'static str,
    calls: u32,
    seconds: f64,
    recorded_pairs: u64,
    /// Ours and the peer's.
    packets_per_second: f64,
    sent: u64,
    /// Of ours, on the way to the peer.
    lost_of_sent_ppm: u64,
    received: u64,
    /// Of the peer's, on the way to us.
    lost_of_received_ppm: u64,
    /// How far behind its 20 ms a packet left, against the earliest of its call.
    send_jitter_p50_us: u64,
    send_jitter_p99_us: u64,
    send_jitter_max_us: u64,
    /// From the answer to the peer's first packet of ours.
    first_packet_p50_ms: f64,
    first_packet_p99_ms: f64,
    first_packet_max_ms: f64,
    /// Of the media threads alone, for each second of 1,000 calls.
    cpu_seconds_per_1000_calls: f64,
}

/// Runs `ledgerline bench media`.
///
/// # Errors
/// Where ports or threads cannot be had.
pub(crate) fn run(common: &Common, args: &Args) -> anyhow::Result<ExitCode> {
    let figures = measure(args)?;
    match common.format {
        Format::Text => output::text(text(&figures))?,
        Format::Json => output::json(&figures)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Counts what it is given, and keeps the last second of it.
struct Counter {
    pairs: Arc<AtomicU64>,
    kept: Vec<Pair>,
}

impl Tap for Counter {
    fn pair(&mut self, pair: &Pair) {
        if self.kept.len() >= 50 {
            self.kept.clear();
        }
        self.kept.push(*pair);
        self.pairs.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) fn measure(args: &Args) -> anyhow::Result<Figures> {
    let mut rng = Rng::from_seed(1);
    let priority = if args.normal { MediaPriority::Normal } else { MediaPriority::Realtime };
    let options = MediaOptions { threads: args.threads, ports: None, priority };
    let clock = Arc::new(SystemClock::new());
    let address = std::net::Ipv4Addr::LOCALHOST.into();
    let threads = MediaThreads::start(address, options, clock, &mut rng)?;
    let (news, mut heard) = mpsc::unbounded_channel();
    let mut legs = Vec::new();
    for number in 0..args.calls {
        let leg_id = LegId::generate(Timestamp::EPOCH, &mut rng);
        let rng = rng.fork(&number.to_string());
        legs.push(threads.open(leg_id, MediaSettings::default(), rng, news.clone())?);
    }
    let ports: Vec<_> = legs.iter().map(MediaLeg::local).collect();
    let span = Duration::from_secs(args.seconds);
    let peer = Peer::start(&ports).context("start the peer")?;
    let pairs = Arc::new(AtomicU64::new(0));
    let clip = noise(&mut rng);
    let started = now();
    let mut answers = Vec::new();
    for (number, leg) in (0_u32..).zip(&legs) {
        let due = Duration::from_secs(1) * number / ANSWERS_PER_SECOND;
        std::thread::sleep(due.saturating_sub(started.elapsed()));
        if args.record {
            leg.record_to(Box::new(Counter { pairs: pairs.clone(), kept: Vec::new() }));
        }
        leg.play(1, clip.clone());
        answers.push(wall());
        leg.set_remote(Negotiated::plain(peer.address(number), Codec::Pcmu));
    }
    let (begun, cpu) = (now(), media_cpu()?);
    peer.measure(true);
    std::thread::sleep(span);
    peer.measure(false);
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), media_cpu()? - cpu);
    let found = peer.stop(SETTLE)?;
    let received = legs.iter().map(|leg| leg.statistics().packets_received).sum::<u64>();
    drop(legs);
    while heard.try_recv().is_ok() {}
    let mut first: Vec<i64> =
        found.first_at.iter().zip(&answers).filter_map(|(at, from)| Some((*at)? - from)).collect();
    anyhow::ensure!(
        first.len() == answers.len(),
        "{} calls were never heard",
        answers.len() - first.len()
    );
    first.sort_unstable();
    let mut jitter = found.jitter;
    jitter.sort_unstable();
    let ppm = |lost: u64, of: u64| lost * 1_000_000 / of.max(1);
    let moved = found.measured + found.sent_measured;
    Ok(Figures {
        build: if cfg!(debug_assertions) { "debug" } else { "release" },
        calls: args.calls,
        seconds,
        recorded_pairs: pairs.load(Ordering::Relaxed),
        packets_per_second: moved as f64 / seconds,
        sent: found.expected,
        lost_of_sent_ppm: ppm(found.expected - found.received.min(found.expected), found.expected),
        received,
        lost_of_received_ppm: ppm(found.sent - received.min(found.sent), found.sent),
        send_jitter_p50_us: at(&jitter, 500),
        send_jitter_p99_us: at(&jitter, 990),
        send_jitter_max_us: at(&jitter, 1_000),
        first_packet_p50_ms: at(&first, 500) as f64 / 1_000.0,
        first_packet_p99_ms: at(&first, 990) as f64 / 1_000.0,
        first_packet_max_ms: at(&first, 1_000) as f64 / 1_000.0,
        cpu_seconds_per_1000_calls: cpu / seconds * 1_000.0 / f64::from(args.calls),
    })
}

/// A value of sorted ones, by thousandths.
fn at(sorted: &[i64], permille: usize) -> u64 {
    let place = (sorted.len() * permille / 1_000).min(sorted.len().saturating_sub(1));
    sorted.get(place).map_or(0, |value| u64::try_from(*value).unwrap_or(0))
}

/// Two minutes of something like speech: noise whose loudness changes.
fn noise(rng: &mut Rng) -> Clip {
    let sample = |number: i64| {
        let loudness = 400 + 40 * ((number / 1_600) % 50);
        let noise = rng.below(2_000) as i64 - 1_000;
        (noise * loudness / 1_000) as i16
    };
    Clip::new((0..120 * 8_000).map(sample).collect::<Vec<i16>>())
}

/// Processor time of the media threads so far, in seconds. Source: proc(5), fields 14 and 15.
fn media_cpu() -> anyhow::Result<f64> {
    let mut ticks = 0;
    for task in std::fs::read_dir("/proc/self/task").context("list threads")? {
        let Ok(stat) = std::fs::read_to_string(task?.path().join("stat")) else { continue };
        let Some((name, rest)) = stat.rsplit_once(')') else { continue };
        if !name.contains("(media-") {
            continue;
        }
        let field = |place: usize| rest.split_whitespace().nth(place)?.parse::<u64>().ok();
        ticks += field(11).unwrap_or(0) + field(12).unwrap_or(0);
    }
    // Linux counts in hundredths, whatever its own tick is.
    Ok(ticks as f64 / 100.0)
}

fn text(figures: &Figures) -> String {
    let percent = |ppm: u64| ppm as f64 / 10_000.0;
    format!(
        "{} calls for {:.0} s ({}): {:.0} packets/s both ways, lost {:.3} % sent, {:.3} % received\n\
         send jitter p50 {} µs, p99 {} µs, max {} µs; answer to first packet p50 {:.1} ms, \
         p99 {:.1} ms, max {:.1} ms\n\
         media threads: {:.3} s of a processor for a second of 1,000 calls; {} pairs recorded\n",
        figures.calls,
        figures.seconds,
        figures.build,
        figures.packets_per_second,
        percent(figures.lost_of_sent_ppm),
        percent(figures.lost_of_received_ppm),
        figures.send_jitter_p50_us,
        figures.send_jitter_p99_us,
        figures.send_jitter_max_us,
        figures.first_packet_p50_ms,
        figures.first_packet_p99_ms,
        figures.first_packet_max_ms,
        figures.cpu_seconds_per_1000_calls,
        figures.recorded_pairs,
    )
}
