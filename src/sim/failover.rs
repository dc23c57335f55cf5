//! The platform's cores against carriers that die, refuse and swallow calls, in virtual time.
//!
//! In: a seed. Out: how often each number rang, and how long it took until a carrier took the
//! call after another had failed it. Invariants: the dialer, the calls and the user agents are the
//! ones that work in the platform; a carrier's mood is fixed for a call once it has seen it.
//! Deliberately absent: sockets, media, the log: facts go straight into the fold.

mod carrier;
mod platform;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::SocketAddr;

use self::carrier::{Mood, SimulatedCarrier};
use self::platform::Platform;
use crate::base::{Millis, Ppm, Rng, Timestamp};

/// One way through the network. Units: ms.
const LATENCY_MS: (u64, u64) = (10, 60);
/// How long a carrier keeps a mood. Units: ms.
const MOOD_MS: u64 = 45_000;

/// What came of it.
#[derive(Debug, Default)]
struct Outcome {
    /// Attempts that are over.
    attempts: u64,
    /// Numbers that rang, each with the carriers it rang over.
    rang: BTreeMap<String, BTreeSet<usize>>,
    /// Of attempts whose first carrier failed: from the first INVITE to the first provisional of
    /// the carrier that took the call. Units: ms.
    waits: Vec<u64>,
    /// Attempts that no carrier took.
    without_carrier: u64,
    /// How legs ended that were failed by their carrier.
    failures: BTreeMap<String, u64>,
    /// Transactions and dialogs that are left once everything is over.
    left_over: usize,
    took: Millis,
}

impl Outcome {
    fn rang_twice(&self) -> usize {
        self.rang.values().filter(|carriers| carriers.len() > 1).count()
    }

    /// The wait that `part` of a thousand do not exceed.
    fn quantile(&self, part: usize) -> u64 {
        let mut waits = self.waits.clone();
        waits.sort_unstable();
        let place = (waits.len() * part).div_ceil(1_000).saturating_sub(1);
        waits.get(place).copied().unwrap_or_default()
    }
}

/// A datagram on its way.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Datagram {
    at: Timestamp,
    /// Keeps the order of those that arrive together.
    number: u64,
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

/// Takes datagrams and brings most of them somewhere, each after its own time.
struct Network {
    under_way: BinaryHeap<Reverse<Datagram>>,
    rng: Rng,
    loss: Ppm,
    sent: u64,
}

impl Network {
    fn send(&mut self, now: Timestamp, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        self.sent += 1;
        if self.rng.chance(self.loss) {
            return;
        }
        let at = now.plus(Millis(self.rng.between(LATENCY_MS.0, LATENCY_MS.1)));
        self.under_way.push(Reverse(Datagram { at, number: self.sent, from, to, bytes }));
    }

    fn next(&self) -> Option<Timestamp> {
        self.under_way.peek().map(|Reverse(first)| first.at)
    }

    fn arrived(&mut self, now: Timestamp) -> Option<Datagram> {
        self.next().filter(|at| *at <= now)?;
        self.under_way.pop().map(|Reverse(first)| first)
    }
}

/// Calls every number of a list once: two carriers that work and four of changing moods.
fn run(seed: u64, calls: u64, loss: Ppm) -> Outcome {
    let start = Timestamp::from_micros(1_795_244_400_000_000);
    let rng = Rng::from_seed(seed);
    let address = |host: u8| SocketAddr::from(([10, 0, 0, host], 5060));
    let home = address(1);
    let mut network =
        Network { under_way: BinaryHeap::new(), rng: rng.fork("network"), loss, sent: 0 };
    let mut carriers: Vec<SimulatedCarrier> = (0..6_u8)
        .map(|number| SimulatedCarrier::new(address(10 + number), rng.fork(&number.to_string())))
        .collect();
    let addresses: Vec<_> = carriers.iter().map(SimulatedCarrier::address).collect();
    let mut platform = Platform::new(start, home, &addresses, calls, rng.fork("platform"));
    let mut moods = rng.fork("moods");
    let mut moods_due = start;
    let mut now = start;
    let mut outcome = Outcome::default();
    loop {
        if moods_due <= now {
            moods_due = now.plus(Millis(MOOD_MS));
            for carrier in carriers.iter_mut().skip(2) {
                carrier.mood = Mood::draw(&mut moods);
            }
        }
        while let Some(datagram) = network.arrived(now) {
            if datagram.to == home {
                platform.receive(now, datagram.from, &datagram.bytes);
            } else if let Some(one) = carriers.iter_mut().find(|one| one.address() == datagram.to) {
                one.receive(now, datagram.from, &datagram.bytes);
            }
        }
        platform.work(now, &mut outcome);
        for (to, bytes) in platform.sent.drain(..) {
            network.send(now, home, to, bytes);
        }
        for (place, carrier) in carriers.iter_mut().enumerate() {
            carrier.work(now);
            let from = carrier.address();
            for (to, bytes) in carrier.sent.drain(..) {
                network.send(now, from, to, bytes);
            }
            for number in carrier.rang.drain(..) {
                outcome.rang.entry(number).or_default().insert(place);
            }
        }
        let times = carriers.iter().filter_map(SimulatedCarrier::due);
        let due = times.chain(network.next()).chain(platform.due()).min();
        // A second for each call is much more than 40 lines need: something is stuck.
        let is_stuck = now.since(start) > Millis(600_000 + calls * 1_000);
        let Some(due) = due.filter(|_| !is_stuck && !platform.is_finished()) else { break };
        now = now.max(due).min(moods_due.max(now));
    }
    outcome.took = now.since(start);
    outcome.left_over = platform.left_over();
    outcome
}

/// Calls of the long run; `LEDGERLINE_FAILOVER_CALLS=10000` gives the figures.
const CALLS: u64 = 2_000;

#[test]
fn calls_reach_nobody_twice_and_the_next_carrier_in_time() {
    let wanted = std::env::var("LEDGERLINE_FAILOVER_CALLS").ok();
    let calls = wanted.map_or(CALLS, |calls| calls.parse().expect("a number of calls"));
    let outcome = run(7, calls, Ppm(0));
    let (half, most) = (outcome.quantile(500), outcome.quantile(990));
    println!(
        "failover: {} of {} attempts, median {half} ms, p99 {most} ms, worst {} ms; {:?}; {} s",
        outcome.waits.len(),
        outcome.attempts,
        outcome.quantile(1_000),
        outcome.failures,
        outcome.took.0 / 1_000,
    );
    assert_eq!(outcome.attempts, calls, "every attempt ends");
    assert_eq!(outcome.rang_twice(), 0);
    assert_eq!(outcome.without_carrier, 0, "two of six work: {:?}", outcome.failures);
    assert!(outcome.waits.len() >= 20, "{} attempts met a bad carrier", outcome.waits.len());
    for failure in ["no_provisional", "sip_503"] {
        assert!(outcome.failures[failure] >= 10, "{failure}: {:?}", outcome.failures);
    }
    assert!(most < 3_000, "p99 {most} ms");
    assert_eq!(outcome.left_over, 0, "transactions and dialogs");
}

#[test]
fn the_same_seed_gives_the_same_calls() {
    let (one, two) = (run(3, 60, Ppm(0)), run(3, 60, Ppm(0)));
    assert_eq!((one.attempts, one.rang_twice()), (60, 0));
    assert_eq!((one.waits, one.rang, one.took), (two.waits, two.rang, two.took));
}

#[test]
fn lost_datagrams_leave_no_attempt_open() {
    let outcome = run(11, 500, Ppm(10_000));
    assert_eq!(outcome.attempts, 500);
    println!("with 1 % lost: {} rang twice, {:?}", outcome.rang_twice(), outcome.failures);
    // The only 180 may be lost, or the 100 and every copy of it, while the phone begins to ring:
    // nothing but a reliable provisional (RFC 3262) can tell. It must stay rare.
    assert!(outcome.rang_twice() <= 5, "{} rang twice", outcome.rang_twice());
}
