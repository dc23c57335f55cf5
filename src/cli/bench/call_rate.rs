//! `ledgerline bench call-rate`: calls a second over one line, to a carrier that answers them all.
//!
//! In: the carrier, such as `sipp -sn uas -i 127.0.0.1 -p 5070`; how many calls a second, for how
//! long, and how long each is held. Out: calls set up and torn down, failed and lost, how long
//! the 200 took, the memory that a call under way takes, and the memory and open files of the
//! process at each tenth of the time, which do not grow where nothing stays behind. The line is the platform's own; who
//! decides about calls, the log and media are not there.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;

use super::log::now;
use super::soak::resident_bytes;
use crate::base::{Clock, LegId, Millis, Rng};
use crate::cli::{Common, Format, output};
use crate::media;
use crate::runtime::clock::{SystemClock, system_rng};
use crate::runtime::line::{Line, Streams};
use crate::sip::{Identity, Invite, Timers, UaCommand, UaEvent, UserAgent, UserAgentConfig};

/// How long calls may take to end after the last was placed, beside their own time.
const GRACE: Duration = Duration::from_secs(40);

/// Where to, and how many.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The carrier's SIP address.
    #[arg(value_name = "ADDRESS:PORT")]
    carrier: SocketAddr,
    /// Calls placed each second.
    #[arg(long, value_name = "N", default_value_t = 300)]
    rate: u64,
    /// For how long.
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    seconds: u64,
    /// How long each is held.
    #[arg(long, value_name = "MS", default_value_t = 1_000)]
    hold_ms: u64,
}

#[derive(Debug, Default, Serialize)]
struct Figures {
    calls: u64,
    answered: u64,
    /// Refused, or ended other than by us.
    failed: u64,
    /// Without any end.
    lost: u64,
    /// From the first INVITE to the last answer to a BYE.
    seconds: f64,
    calls_per_second: f64,
    /// From the command to the 200.
    answer_median_ms: f64,
    answer_p99_ms: f64,
    most_at_once: usize,
    /// What the process grew by until then, for each of those.
    bytes_per_call: u64,
    /// Of the process, at the end of each tenth of the time that calls are placed.
    resident_bytes: Vec<u64>,
    open_files: Vec<usize>,
}

/// Parts of a run after which memory and files are counted.
const PARTS: usize = 10;

/// Runs `ledgerline bench call-rate`.
///
/// # Errors
/// Where no socket can be had.
pub(crate) fn run(common: &Common, args: &Args) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(args.rate > 0, "--rate 0: wanted at least 1 call a second");
    let figures = crate::cli::runtime()?.block_on(Calls::measure(args))?;
    match common.format {
        Format::Text => output::text(text(&figures))?,
        Format::Json => output::json(&figures)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Calls under way.
struct Calls<'a> {
    args: &'a Args,
    line: Line,
    clock: Arc<dyn Clock>,
    rng: Rng,
    offer: String,
    placed: BTreeMap<LegId, Instant>,
    /// Answered, to be hung up from then on, in order.
    held: VecDeque<(Instant, LegId)>,
    /// How many took so many tenths of a millisecond to their 200.
    answers: BTreeMap<u64, u64>,
    last_end: Instant,
    resident_before: u64,
    figures: Figures,
}

impl<'a> Calls<'a> {
    async fn measure(args: &'a Args) -> anyhow::Result<Figures> {
        let local: SocketAddr = (args.carrier.ip(), 0).into();
        let socket = tokio::net::UdpSocket::bind(local).await;
        let socket = socket.with_context(|| format!("bind {local} for SIP"))?;
        let local = socket.local_addr().context("read the address of SIP")?;
        let config = UserAgentConfig {
            local,
            product: concat!("Ledgerline/", env!("CARGO_PKG_VERSION")).to_owned(),
            timers: Timers::default(),
            challenge: None,
            refuse_calls: Some(403),
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let user_agent = UserAgent::new(config, system_rng());
        let calls = Self {
            args,
            line: Line::open(socket, Streams::default(), user_agent, clock.clone()),
            clock,
            // SIPp remembers the calls of an earlier run.
            rng: system_rng(),
            offer: media::offer((local.ip(), 40_000).into(), 1),
            placed: BTreeMap::new(),
            held: VecDeque::new(),
            answers: BTreeMap::new(),
            last_end: now(),
            resident_before: resident_bytes(),
            figures: Figures::default(),
        };
        Ok(calls.run().await)
    }

    async fn run(mut self) -> Figures {
        let start = now();
        let wanted = self.args.rate * self.args.seconds;
        let hold = Duration::from_millis(self.args.hold_ms);
        let deadline = Duration::from_secs(self.args.seconds) + hold + GRACE;
        let mut tick = tokio::time::interval(Duration::from_millis(2));
        while start.elapsed() < deadline && (self.figures.calls < wanted || !self.placed.is_empty())
        {
            tokio::select! {
                _ = tick.tick() => {}
                event = self.line.next() => match event {
                    Some(event) => self.happened(&event),
                    None => break,
                },
            }
            while let Some(event) = self.line.try_next() {
                self.happened(&event);
            }
            let due = (start.elapsed().as_secs_f64() * self.args.rate as f64) as u64 + 1;
            while self.figures.calls < due.min(wanted) {
                self.place();
            }
            self.count_rest(start.elapsed());
            while self.held.front().is_some_and(|(at, _)| *at <= now()) {
                let Some((_, leg)) = self.held.pop_front() else { break };
                self.line.hang_up(leg, None);
            }
        }
        self.finish(start)
    }

    fn place(&mut self) {
        let leg = LegId::generate(self.clock.now(), &mut self.rng);
        let invite = Invite {
            leg,
            to: self.args.carrier.into(),
            others: Vec::new(),
            host: None,
            called: "+12025550123".to_owned(),
            identity: Identity::of("+12025550100"),
            credentials: None,
            sdp: self.offer.clone(),
            ring_timeout: Millis::from_secs(30),
        };
        self.line.send(UaCommand::Invite { invite: Box::new(invite), headers: Vec::new() });
        self.placed.insert(leg, now());
        self.figures.calls += 1;
        if self.placed.len() > self.figures.most_at_once {
            self.figures.most_at_once = self.placed.len();
        }
    }

    fn happened(&mut self, event: &UaEvent) {
        match event {
            UaEvent::Answered { leg, .. } => {
                self.figures.answered += 1;
                if let Some(since) = self.placed.get(leg) {
                    let tenths = since.elapsed().as_micros() / 100;
                    *self.answers.entry(u64::try_from(tenths).unwrap_or(u64::MAX)).or_default() +=
                        1;
                }
                let hold = Duration::from_millis(self.args.hold_ms);
                self.held.push_back((now() + hold, *leg));
                self.weigh();
            }
            UaEvent::Released { leg, status, .. } => {
                self.figures.failed += u64::from(*status != Some(200));
                self.placed.remove(leg);
                self.last_end = now();
            }
            UaEvent::Refused { leg, .. }
            | UaEvent::Failed { leg, .. }
            | UaEvent::Cancelled { leg, .. } => {
                self.figures.failed += u64::from(self.placed.remove(leg).is_some());
                self.last_end = now();
            }
            _ => {}
        }
    }

    /// Takes the memory and the open files of the process at the end of each part.
    fn count_rest(&mut self, elapsed: Duration) {
        let part = Duration::from_secs(self.args.seconds) / PARTS as u32;
        let taken = self.figures.resident_bytes.len();
        if taken < PARTS && elapsed >= part * (taken as u32 + 1) {
            self.figures.resident_bytes.push(resident_bytes());
            let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
            self.figures.open_files.push(files);
        }
    }

    /// Takes the memory while most calls are under way.
    fn weigh(&mut self) {
        let count = self.placed.len();
        if count >= 100
            && count == self.figures.most_at_once
            && self.figures.answered.is_multiple_of(50)
        {
            let grown = resident_bytes().saturating_sub(self.resident_before);
            self.figures.bytes_per_call = grown / count as u64;
        }
    }

    fn finish(self, start: Instant) -> Figures {
        let mut figures = self.figures;
        figures.lost = self.placed.len() as u64;
        figures.seconds = self.last_end.saturating_duration_since(start).as_secs_f64();
        let ended = figures.calls - figures.lost;
        let hold = self.args.hold_ms as f64 / 1e3;
        figures.calls_per_second = ended as f64 / (figures.seconds - hold).max(1e-3);
        let at = |share: u64| {
            let mut before = figures.answered * share / 100;
            let found = self.answers.iter().find(|(_, count)| {
                let is_here = before < **count;
                before = before.saturating_sub(**count);
                is_here
            });
            found.map_or(0.0, |(tenths, _)| *tenths as f64 / 10.0)
        };
        (figures.answer_median_ms, figures.answer_p99_ms) = (at(50), at(99));
        figures
    }
}

fn text(figures: &Figures) -> String {
    let mebibytes: Vec<u64> = figures.resident_bytes.iter().map(|bytes| bytes >> 20).collect();
    format!(
        "{} calls, {} answered, {} failed, {} lost, in {:.1} s: {:.0} set up and torn down a \
         second\n200 after {:.1} ms in the middle, {:.1} ms at p99\n{} at once, {} bytes each\n\
         by tenths of the time: MiB resident {mebibytes:?}, open files {:?}\n",
        figures.calls,
        figures.answered,
        figures.failed,
        figures.lost,
        figures.seconds,
        figures.calls_per_second,
        figures.answer_median_ms,
        figures.answer_p99_ms,
        figures.most_at_once,
        figures.bytes_per_call,
        figures.open_files,
    )
}
