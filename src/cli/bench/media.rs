//! `ledgerline bench media`: calls with audio both ways, all at once.
//!
//! In: how many calls, and for how long. Out: how many packets were moved and lost, how far from
//! their 20 ms ours left, what the media threads took of the processors, and how soon after an
//! answer the first packet came. The other side is a plain peer in this process, which sends each
//! call a packet every 20 ms; when ours left is what the kernel wrote on them as they came there.

mod peer;
mod relay;

use std::net::{Ipv4Addr, SocketAddr};
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
use crate::runtime::wire::{MediaLeg, MediaNews, MediaOptions, MediaPriority, MediaThreads};
use peer::{Peer, Sockets, wall};
use relay::Relay;

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
    /// Joins calls in pairs, each hearing the other, in place of a clip.
    #[arg(long)]
    bridge: bool,
    /// Measures rtpengine instead, whose ng protocol is spoken here, with calls in pairs.
    #[arg(long, value_name = "ADDRESS:PORT", requires = "relay_pid")]
    relay: Option<SocketAddr>,
    /// Its process, whose time is taken.
    #[arg(long, value_name = "PID", default_value_t = 0)]
    relay_pid: u32,
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

/// What carries the calls.
enum Carried {
    /// Our threads, with the news of their legs.
    Ours { legs: Vec<MediaLeg>, news: mpsc::UnboundedReceiver<MediaNews>, threads: MediaThreads },
    /// Another program's process, and where it wants the audio of each leg.
    Other { ports: Vec<SocketAddr>, pid: u32 },
}

impl Carried {
    fn ours(args: &Args, rng: &mut Rng) -> anyhow::Result<Self> {
        let priority = if args.normal { MediaPriority::Normal } else { MediaPriority::Realtime };
        let options = MediaOptions { threads: args.threads, ports: None, priority };
        let clock = Arc::new(SystemClock::new());
        let threads = MediaThreads::start(Ipv4Addr::LOCALHOST.into(), options, clock, rng)?;
        let (sender, news) = mpsc::unbounded_channel();
        let mut legs = Vec::new();
        for number in 0..args.calls {
            let leg_id = LegId::generate(Timestamp::EPOCH, rng);
            let rng = rng.fork(&number.to_string());
            legs.push(threads.open(leg_id, MediaSettings::default(), rng, sender.clone())?);
        }
        Ok(Self::Ours { legs, news, threads })
    }

    fn other(relay: SocketAddr, pid: u32, remotes: &[SocketAddr]) -> anyhow::Result<Self> {
        let (mut relay, mut ports) = (Relay::connect(relay)?, Vec::new());
        let (sides, _) = remotes.as_chunks::<2>();
        for sides in sides {
            ports.extend(relay.open(*sides)?);
        }
        Ok(Self::Other { ports, pid })
    }

    fn ports(&self) -> Vec<SocketAddr> {
        match self {
            Self::Ours { legs, .. } => legs.iter().map(MediaLeg::local).collect(),
            Self::Other { ports, .. } => ports.clone(),
        }
    }

    /// Answers one leg after the other; says when each was.
    fn answer(&self, args: &Args, remotes: &[SocketAddr], taps: &Taps) -> Vec<i64> {
        let Self::Ours { legs, .. } = self else { return vec![wall(); remotes.len()] };
        let started = now();
        let mut answers = Vec::new();
        for ((number, leg), remote) in (0_u32..).zip(legs).zip(remotes) {
            let due = Duration::from_secs(1) * number / ANSWERS_PER_SECOND;
            std::thread::sleep(due.saturating_sub(started.elapsed()));
            if args.record {
                leg.record_to(Box::new(Counter { pairs: taps.pairs.clone(), kept: Vec::new() }));
            }
            match legs.get((number ^ 1) as usize) {
                Some(other) if args.bridge => leg.bridge_to(other),
                _ => leg.play(1, taps.clip.clone()),
            }
            answers.push(wall());
            leg.set_remote(Negotiated::plain(*remote, Codec::Pcmu));
        }
        answers
    }

    /// Processor time so far, in seconds.
    fn cpu(&self) -> anyhow::Result<f64> {
        match self {
            Self::Ours { .. } => media_cpu(),
            Self::Other { pid, .. } => {
                let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
                let stat = stat.with_context(|| format!("read the time of process {pid}"))?;
                Ok(seconds_of(stat.rsplit_once(')').map_or("", |(_, rest)| rest)))
            }
        }
    }

    /// Ends the legs; says how many packets they took, where that is known.
    fn end(self) -> Option<u64> {
        let Self::Ours { legs, mut news, threads } = self else { return None };
        let received = legs.iter().map(|leg| leg.statistics().packets_received).sum();
        drop((legs, threads));
        while news.try_recv().is_ok() {}
        Some(received)
    }
}

/// What is played, and what was recorded.
struct Taps {
    clip: Clip,
    pairs: Arc<AtomicU64>,
}

pub(crate) fn measure(args: &Args) -> anyhow::Result<Figures> {
    let is_paired = args.bridge || args.relay.is_some();
    anyhow::ensure!(!is_paired || args.calls.is_multiple_of(2), "--calls: wanted an even number");
    let mut rng = Rng::from_seed(1);
    let sockets = Sockets::open().context("open the peer's sockets")?;
    let remotes: Vec<SocketAddr> = (0..args.calls).map(|call| sockets.address(call)).collect();
    let carried = match args.relay {
        Some(relay) => Carried::other(relay, args.relay_pid, &remotes)?,
        None => Carried::ours(args, &mut rng)?,
    };
    let peer = Peer::start(sockets, &carried.ports(), args.relay.is_some());
    let peer = peer.context("start the peer")?;
    let taps = Taps { clip: noise(&mut rng), pairs: Arc::default() };
    let answers = carried.answer(args, &remotes, &taps);
    let (begun, cpu) = (now(), carried.cpu()?);
    peer.measure(true);
    std::thread::sleep(Duration::from_secs(args.seconds));
    peer.measure(false);
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), carried.cpu()? - cpu);
    let found = peer.stop(SETTLE)?;
    // What another relay took is what it sent.
    let received = carried.end().unwrap_or(found.sent);
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
        recorded_pairs: taps.pairs.load(Ordering::Relaxed),
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
    let mut seconds = 0.0;
    for task in std::fs::read_dir("/proc/self/task").context("list threads")? {
        let Ok(stat) = std::fs::read_to_string(task?.path().join("stat")) else { continue };
        let Some((name, rest)) = stat.rsplit_once(')') else { continue };
        if !name.contains("(media-") {
            continue;
        }
        seconds += seconds_of(rest);
    }
    Ok(seconds)
}

/// The time in what follows the name of a thread or process.
fn seconds_of(rest: &str) -> f64 {
    let field = |place: usize| rest.split_whitespace().nth(place)?.parse::<u64>().ok();
    let ticks = field(11).unwrap_or(0) + field(12).unwrap_or(0);
    // Linux counts in hundredths, whatever its own tick is.
    ticks as f64 / 100.0
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
