//! A leg inside its thread: its session, its sockets, and where what it hears goes.
//!
//! In: datagrams, orders, steps of 20 ms, frames of other legs. Out: datagrams, news, and what is
//! carried to other legs. Invariants: nothing here waits or locks for long; a leg that is flooded
//! with keys holds [`UNREAD_MAX`] pieces of news at most.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc::UnboundedSender;

use super::media_leg::{LegKey, Listener, MediaNews, Order, Route};
use super::socket::Pair;
use super::thread::Carried;
use super::threads::Lease;
use crate::base::{LegId, Millis, Timestamp};
use crate::media::{
    self, Digit, DigitPath, Frame, MediaEvent, MediaPort, MediaSession, MediaSink, MediaStatistics,
    Tap,
};

/// News of keys and tones that may wait unread; nobody presses as many before they are read.
const UNREAD_MAX: usize = 256;
/// How long a key relayed over a bridge sounds.
const RELAYED_DIGIT: Millis = Millis(120);

/// A leg and its session.
#[derive(Debug)]
pub(super) struct Leg {
    session: MediaSession,
    shell: Shell,
    statistics: Arc<Mutex<MediaStatistics>>,
    /// Where it stands in its thread's wheel.
    pub(super) slot: usize,
}

/// What a session is connected to. It goes in this order: sockets, ports, and who is told.
struct Shell {
    leg_id: LegId,
    route: Route,
    pair: Pair,
    /// Gives the ports back.
    _lease: Lease,
    /// As many copies as news that nobody read yet.
    unread: Arc<()>,
    listeners: Vec<Listener>,
    tap: Option<Box<dyn Tap + Send>>,
    news: UnboundedSender<MediaNews>,
}

/// A leg to be.
pub(super) struct Plan {
    pub(super) leg_id: LegId,
    pub(super) route: Route,
    pub(super) pair: Pair,
    pub(super) lease: Lease,
    pub(super) news: UnboundedSender<MediaNews>,
    pub(super) statistics: Arc<Mutex<MediaStatistics>>,
}

/// What a leg's session does, and where it is carried to.
struct Sink<'a> {
    shell: &'a mut Shell,
    carried: &'a mut Vec<Carried>,
}

impl Leg {
    pub(super) fn new(session: MediaSession, plan: Plan) -> Self {
        let Plan { leg_id, route, pair, lease, news, statistics } = plan;
        let shell = Shell {
            leg_id,
            route,
            pair,
            _lease: lease,
            unread: Arc::new(()),
            listeners: Vec::new(),
            tap: None,
            news,
        };
        Self { session, shell, statistics, slot: 0 }
    }

    pub(super) fn key(&self) -> LegKey {
        self.shell.route.key
    }

    pub(super) fn leg_id(&self) -> LegId {
        self.shell.leg_id
    }

    pub(super) fn pair(&self) -> &Pair {
        &self.shell.pair
    }

    /// Takes a datagram.
    pub(super) fn receive(
        &mut self,
        now: Timestamp,
        port: MediaPort,
        from: SocketAddr,
        datagram: &mut [u8],
        carried: &mut Vec<Carried>,
    ) {
        let mut sink = Sink { shell: &mut self.shell, carried };
        self.session.receive(now, port, from, datagram, &mut sink);
    }

    /// Does what is due in this turn.
    pub(super) fn step(&mut self, now: Timestamp, carried: &mut Vec<Carried>) {
        if self.session.poll_timeout().is_some_and(|due| due <= now) {
            let mut sink = Sink { shell: &mut self.shell, carried };
            self.session.handle_timeout(now, &mut sink);
        }
        // Whoever reads them now reads those of the turn before.
        if let Ok(mut statistics) = self.statistics.try_lock() {
            *statistics = self.session.statistics();
        }
    }

    /// Takes what another leg of this or another thread sends over.
    pub(super) fn take(&mut self, port: usize, frame: &Frame) {
        self.session.feed_from(port, frame);
    }

    /// Does as told. `aligned` is the next time of this leg's slot.
    pub(super) fn obey(
        &mut self,
        now: Timestamp,
        aligned: Timestamp,
        order: Order,
        carried: &mut Vec<Carried>,
    ) {
        match order {
            Order::Remote(remote) => self.session.set_remote(aligned, &remote),
            Order::EarlyRemote(remote) => self.session.set_early_remote(aligned, &remote),
            Order::Play { id, clip } => {
                let mut sink = Sink { shell: &mut self.shell, carried };
                self.session.play(now, id, clip, &mut sink);
            }
            Order::StopPlaying => {
                let mut sink = Sink { shell: &mut self.shell, carried };
                self.session.stop_playing(now, &mut sink);
            }
            Order::SendDigit { digit, length } => self.session.send_digit(now, digit, length),
            Order::Speak(listeners) => {
                self.session.set_forwarding(!listeners.is_empty());
                self.shell.listeners = listeners;
            }
            Order::Record(tap) => {
                self.stop_recording();
                self.shell.tap = Some(tap);
                let mut sink = Sink { shell: &mut self.shell, carried };
                self.session.set_recording(true, &mut sink);
            }
            Order::StopRecording => self.stop_recording(),
            Order::Open(_) | Order::Close => {}
        }
    }

    /// Takes leave: of the peer, of whoever records, and with a last rating.
    pub(super) fn close(&mut self, now: Timestamp, carried: &mut Vec<Carried>) {
        self.stop_recording();
        let mut sink = Sink { shell: &mut self.shell, carried };
        self.session.finish(now, &mut sink);
    }

    /// Gives the tap what is still open.
    fn stop_recording(&mut self) {
        let mut nothing = Vec::new();
        let mut sink = Sink { shell: &mut self.shell, carried: &mut nothing };
        self.session.set_recording(false, &mut sink);
        self.shell.tap = None;
    }
}

impl Sink<'_> {
    /// Carries 20 ms over to a leg of this thread, or to another thread.
    fn carry(shell: &Shell, carried: &mut Vec<Carried>, listener: &Listener, frame: &Frame) {
        let Listener { route: to, port, .. } = listener;
        let frame = Carried { to: to.key, port: *port, frame: *frame };
        if to.thread == shell.route.thread {
            carried.push(frame);
        } else {
            // A thread that lags drops audio rather than delay it.
            let _ = to.carried.try_send(frame);
        }
    }

    /// Tones are heard with the audio they are in; keys go beside it.
    fn relay(&self, digit: Digit) {
        for listener in self.shell.listeners.iter().filter(|listener| listener.with_keys) {
            listener.route.tell(Order::SendDigit { digit, length: RELAYED_DIGIT });
        }
    }
}

impl MediaSink for Sink<'_> {
    fn transmit(&mut self, port: MediaPort, to: SocketAddr, packet: &[u8]) {
        let socket = match port {
            MediaPort::Rtp => &self.shell.pair.rtp,
            MediaPort::Rtcp => &self.shell.pair.rtcp,
        };
        // What cannot be sent now would be late: it is lost, as on any network.
        drop(socket.send_to(packet, to));
    }

    fn event(&mut self, event: MediaEvent) {
        let can_be_made_to_flood =
            matches!(event, MediaEvent::Digit { .. } | MediaEvent::ProgressHeard { .. });
        if can_be_made_to_flood && Arc::strong_count(&self.shell.unread) > UNREAD_MAX {
            return;
        }
        if let MediaEvent::Digit { digit, path: DigitPath::Event, .. } = &event {
            self.relay(*digit);
        }
        let (leg_id, unread) = (self.shell.leg_id, Some(self.shell.unread.clone()));
        // Nobody listens any more where the leg is about to end.
        drop(self.shell.news.send(MediaNews { leg_id, event, unread }));
    }

    fn frame(&mut self, frame: &Frame) {
        for listener in &self.shell.listeners {
            Self::carry(self.shell, self.carried, listener, frame);
        }
    }

    fn pair(&mut self, pair: &media::Pair) {
        if let Some(tap) = &mut self.shell.tap {
            tap.pair(pair);
        }
    }
}

impl std::fmt::Debug for Shell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shell").field("leg_id", &self.leg_id).finish_non_exhaustive()
    }
}
