//! What a thread of media asks of the allocator: nothing for a packet.

use std::sync::atomic::AtomicI64;

use super::*;

/// A clock that somebody sets.
#[derive(Debug, Default)]
struct Stepped(AtomicI64);

impl Clock for Stepped {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}

struct Counter(u64);

impl Tap for Counter {
    fn pair(&mut self, _pair: &TapPair) {
        self.0 += 1;
    }
}

/// A thread that runs when it is told to, in the thread of the test.
fn by_hand(clock: Arc<Stepped>) -> (MediaThreads, Thread) {
    let (orders, order_queue) = channel();
    let (carried, carried_queue) = sync_channel(CARRIED_MAX);
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("epoll");
    let thread = Thread::new(clock.clone(), epoll, order_queue, carried_queue);
    let id = std::thread::current().id();
    let threads = vec![Handle { id, orders, carried, legs: Arc::new(()) }];
    let next_key = AtomicU64::new(0);
    (
        MediaThreads { address: LOOPBACK, clock, threads, ports: None, handshakes: None, next_key },
        thread,
    )
}

#[test]
fn a_packet_costs_no_memory() {
    let clock = Arc::new(Stepped(AtomicI64::new(1_000_000)));
    let (threads, mut thread) = by_hand(clock.clone());
    let (news, mut heard) = unbounded_channel();
    // Two that talk to each other, one of them recorded, and one that hears a clip.
    let mut calls = [1, 2, 3].map(|seed| Call::new(&threads, seed, &news));
    let [one, other, robot] = &calls;
    one.leg.bridge_to(&other.leg);
    other.leg.bridge_to(&one.leg);
    one.leg.record_to(Box::new(Counter(0)));
    robot.leg.play(1, Clip::new(vec![4_000; 60 * 8_000]));
    let mut turns = |frames: u8| {
        let mut allocations = 0;
        for frame in 0..frames {
            calls.iter_mut().for_each(|call| call.say(0x10 + frame % 64));
            for _ in 0..20 {
                clock.0.fetch_add(1_000, Ordering::Relaxed);
                let turn = || assert!(thread.turn(), "somebody is left");
                allocations += allocation_counter::measure(turn).count_total;
            }
            for call in &calls {
                call.hear();
            }
        }
        while heard.try_recv().is_ok() {}
        allocations
    };
    // Buffers grow to their size.
    turns(50);
    let allocations = turns(240);
    // 4.8 s hold one report of RTCP for each leg, which has a buffer of its own.
    assert!(allocations <= 3 * 4, "{allocations} allocations for 1,440 packets");
    let statistics = calls[0].leg.statistics();
    assert!(statistics.packets_received >= 289 && statistics.packets_sent >= 289, "{statistics:?}");
}
