//! Two sessions and the network between them, on a clock of its own.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use rtp::packet::Packet;

use crate::base::{Millis, Ppm, Rng, Timestamp};
use crate::media::{
    Codec, Direction, Frame, MediaEvent, MediaOutput, MediaSession, MediaSettings, Negotiated,
    read_packet,
};

/// What the network does to packets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weather {
    pub(super) loss: Ppm,
    pub(super) copies: Ppm,
    /// Delays lie between 5 ms and this much more; more than 20 ms changes the order.
    pub(super) jitter: Millis,
}

/// One end, and what came out of it.
#[derive(Debug)]
pub(super) struct End {
    pub(super) session: MediaSession,
    pub(super) events: Vec<MediaEvent>,
    pub(super) frames: Vec<Frame>,
    /// What it sent, before the network.
    pub(super) sent: Vec<(Timestamp, Packet)>,
    /// Datagrams that reached it.
    pub(super) reached: u64,
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) now: Timestamp,
    pub(super) ends: [End; 2],
    weather: Weather,
    rng: Rng,
    /// By arrival, in microseconds, and order of sending.
    flying: BTreeMap<(i64, u64), (usize, Vec<u8>)>,
    count: u64,
}

pub(super) fn address(number: u16) -> SocketAddr {
    (Ipv4Addr::new(192, 0, 2, 1), 4_000 + 2 * number).into()
}

/// What is agreed with the other side at an address.
pub(super) fn agreed(remote: SocketAddr, direction: Direction) -> Negotiated {
    Negotiated {
        remote,
        codec: Codec::Pcmu,
        telephone_event: Some(101),
        direction,
        ptime: Millis(20),
    }
}

impl Line {
    /// Two ends that have agreed to talk.
    pub(super) fn new(seed: u64, weather: Weather) -> Self {
        let rng = Rng::from_seed(seed);
        let now = Timestamp::from_micros(1_000_000_000);
        let ends = [0, 1].map(|number: u16| {
            let rng = rng.fork(&format!("end {number}"));
            let mut session = MediaSession::new(MediaSettings::default(), rng);
            session.set_remote(now, &agreed(address(1 - number), Direction::SendRecv));
            End { session, events: vec![], frames: vec![], sent: vec![], reached: 0 }
        });
        Self { now, ends, weather, rng, flying: BTreeMap::new(), count: 0 }
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, span: Millis) {
        let until = self.now.plus(span);
        loop {
            self.collect();
            let wakes = self.ends.iter().filter_map(|end| end.session.poll_timeout());
            let arrival = self.flying.keys().next().map(|(at, _)| Timestamp::from_micros(*at));
            let next = wakes.chain(arrival).min().filter(|next| *next <= until);
            let Some(next) = next else { break };
            self.now = self.now.max(next);
            self.deliver();
            for end in &mut self.ends {
                if end.session.poll_timeout().is_some_and(|at| at <= self.now) {
                    end.session.handle_timeout(self.now);
                    let wake = end.session.poll_timeout();
                    assert!(wake.is_none_or(|at| at > self.now), "a timeout leads on");
                }
            }
        }
        self.now = until;
    }

    fn deliver(&mut self) {
        while let Some(first) = self.flying.first_entry() {
            if first.key().0 > self.now.as_micros() {
                return;
            }
            let (to, bytes) = first.remove();
            let end = &mut self.ends[to];
            end.reached += 1;
            end.session.receive(self.now, address(1 - to as u16), &bytes);
        }
    }

    fn collect(&mut self) {
        for number in 0..2 {
            while let Some(output) = self.ends[number].session.poll_output() {
                match output {
                    MediaOutput::Event(event) => self.ends[number].events.push(event),
                    MediaOutput::Frame(frame) => self.ends[number].frames.push(frame),
                    MediaOutput::Transmit { to, bytes } => {
                        assert_eq!(to, address(1 - number as u16));
                        let packet = read_packet(&bytes).expect("what is sent is RTP");
                        self.ends[number].sent.push((self.now, packet));
                        self.fly(1 - number, bytes);
                    }
                }
            }
        }
    }

    fn fly(&mut self, to: usize, bytes: Vec<u8>) {
        if self.rng.chance(self.weather.loss) {
            return;
        }
        let copies = if self.rng.chance(self.weather.copies) { 2 } else { 1 };
        for _ in 0..copies {
            let delay = 5_000 + self.rng.below(self.weather.jitter.0 * 1_000);
            self.count += 1;
            let at = self.now.as_micros() + delay as i64;
            self.flying.insert((at, self.count), (to, bytes.clone()));
        }
    }
}
