//! Two sessions and the network between them, on a clock of its own.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::{Deref, DerefMut};

use rtp::header::Header;

use crate::base::{Millis, Ppm, Rng, Timestamp};
use crate::media::{
    Clip, Codec, Direction, Frame, MediaEvent, MediaOutput, MediaPort, MediaSession, MediaSettings,
    Negotiated, Pair, TelephoneEvent, read_packet,
};

/// A session whose outputs wait in a queue.
#[derive(Debug)]
pub(super) struct Probe {
    session: MediaSession,
    outputs: VecDeque<MediaOutput>,
}

/// A packet that was sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) header: Header,
    pub(super) payload: Vec<u8>,
}

impl Sent {
    pub(super) fn read(bytes: &[u8]) -> Self {
        let packet = read_packet(bytes).expect("what is sent is RTP");
        Self { header: packet.header.clone(), payload: packet.payload.to_vec() }
    }
}

impl Probe {
    pub(super) fn new(settings: MediaSettings, rng: Rng) -> Self {
        Self { session: MediaSession::new(settings, rng), outputs: VecDeque::new() }
    }

    pub(super) fn receive(&mut self, now: Timestamp, from: SocketAddr, datagram: &[u8]) {
        self.receive_at(MediaPort::Rtp, now, from, datagram);
    }

    pub(super) fn receive_at(
        &mut self,
        port: MediaPort,
        now: Timestamp,
        from: SocketAddr,
        datagram: &[u8],
    ) {
        let mut datagram = datagram.to_vec();
        self.session.receive(now, port, from, &mut datagram, &mut self.outputs);
    }

    pub(super) fn finish(&mut self, now: Timestamp) {
        self.session.finish(now, &mut self.outputs);
    }

    pub(super) fn play(&mut self, now: Timestamp, id: u64, clip: Clip) {
        self.session.play(now, id, clip, &mut self.outputs);
    }

    pub(super) fn stop_playing(&mut self, now: Timestamp) {
        self.session.stop_playing(now, &mut self.outputs);
    }

    pub(super) fn set_recording(&mut self, on: bool) {
        self.session.set_recording(on, &mut self.outputs);
    }

    pub(super) fn handle_timeout(&mut self, now: Timestamp) {
        self.session.handle_timeout(now, &mut self.outputs);
    }

    pub(super) fn poll_output(&mut self) -> Option<MediaOutput> {
        self.outputs.pop_front()
    }
}

impl Deref for Probe {
    type Target = MediaSession;

    fn deref(&self) -> &MediaSession {
        &self.session
    }
}

impl DerefMut for Probe {
    fn deref_mut(&mut self) -> &mut MediaSession {
        &mut self.session
    }
}

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
    pub(super) session: Probe,
    pub(super) events: Vec<MediaEvent>,
    pub(super) frames: Vec<Frame>,
    pub(super) pairs: Vec<Pair>,
    /// What it sent, before the network.
    pub(super) sent: Vec<(Timestamp, Sent)>,
    /// RTCP it sent, as it went out.
    pub(super) reports: Vec<(Timestamp, Vec<u8>)>,
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
    flying: BTreeMap<(i64, u64), (usize, MediaPort, Vec<u8>)>,
    count: u64,
}

pub(super) fn address(number: u16) -> SocketAddr {
    (Ipv4Addr::new(192, 0, 2, 1), 4_000 + 2 * number).into()
}

fn at_port(rtp: SocketAddr, port: MediaPort) -> SocketAddr {
    SocketAddr::new(rtp.ip(), rtp.port() + u16::from(port == MediaPort::Rtcp))
}

/// What is agreed with the other side at an address.
pub(super) fn agreed(remote: SocketAddr, direction: Direction) -> Negotiated {
    let telephone_event = Some(TelephoneEvent { payload_type: 101, clock_rate: 8_000 });
    Negotiated { telephone_event, direction, ..Negotiated::plain(remote, Codec::Pcmu) }
}

impl Line {
    /// Two ends that have agreed to talk.
    pub(super) fn new(seed: u64, weather: Weather) -> Self {
        let rng = Rng::from_seed(seed);
        let now = Timestamp::from_micros(1_000_000_000);
        let ends = [0, 1].map(|number: u16| {
            let rng = rng.fork(&format!("end {number}"));
            let mut session = Probe::new(MediaSettings::default(), rng);
            session.set_remote(now, &agreed(address(1 - number), Direction::SendRecv));
            End {
                session,
                events: vec![],
                frames: vec![],
                pairs: vec![],
                sent: vec![],
                reports: vec![],
                reached: 0,
            }
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
            let (to, port, bytes) = first.remove();
            let end = &mut self.ends[to];
            end.reached += u64::from(port == MediaPort::Rtp);
            let from = at_port(address(1 - to as u16), port);
            end.session.receive_at(port, self.now, from, &bytes);
        }
    }

    fn collect(&mut self) {
        for number in 0..2 {
            while let Some(output) = self.ends[number].session.poll_output() {
                match output {
                    MediaOutput::Event(event) => self.ends[number].events.push(event),
                    MediaOutput::Frame(frame) => self.ends[number].frames.push(frame),
                    MediaOutput::Pair(pair) => self.ends[number].pairs.push(pair),
                    MediaOutput::Transmit { port, to, bytes } => {
                        assert_eq!(to, at_port(address(1 - number as u16), port));
                        if port == MediaPort::Rtcp {
                            self.ends[number].reports.push((self.now, bytes.clone()));
                        } else {
                            self.ends[number].sent.push((self.now, Sent::read(&bytes)));
                        }
                        self.fly(1 - number, port, bytes);
                    }
                }
            }
        }
    }

    fn fly(&mut self, to: usize, port: MediaPort, bytes: Vec<u8>) {
        if self.rng.chance(self.weather.loss) {
            return;
        }
        let copies = if self.rng.chance(self.weather.copies) { 2 } else { 1 };
        for _ in 0..copies {
            let delay = 5_000 + self.rng.below(self.weather.jitter.0 * 1_000);
            self.count += 1;
            let at = self.now.as_micros() + delay as i64;
            self.flying.insert((at, self.count), (to, port, bytes.clone()));
        }
    }
}
