//! One leg's media, as those who hold it see it: orders to the thread that moves its packets.

use std::net::SocketAddr;
use std::sync::mpsc::{Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;

use super::leg::Leg;
use super::thread::Carried;
use crate::base::{LegId, Millis};
use crate::media::{Clip, Digit, MediaEvent, MediaStatistics, Negotiated, Tap};

/// What a leg's media has to say.
#[derive(Clone, Debug)]
pub struct MediaNews {
    /// Which leg.
    pub leg_id: LegId,
    /// What.
    pub event: MediaEvent,
    /// Counts it as unread for as long as it lives.
    #[expect(dead_code, reason = "what counts is that it lives")]
    pub(super) unread: Option<Arc<()>>,
}

impl MediaNews {
    /// News that no thread of media brought.
    pub const fn new(leg_id: LegId, event: MediaEvent) -> Self {
        Self { leg_id, event, unread: None }
    }
}

/// What a leg is told from outside its thread.
pub(super) enum Order {
    Open(Box<Leg>),
    Close,
    Remote(Box<Negotiated>),
    /// The same before anybody answers.
    EarlyRemote(Box<Negotiated>),
    Play {
        id: u64,
        clip: Clip,
    },
    StopPlaying,
    SendDigit {
        digit: Digit,
        length: Millis,
    },
    /// To be heard by these and nobody else.
    Speak(Vec<Listener>),
    Record(Box<dyn Tap + Send>),
    StopRecording,
}

/// Tells the legs of one thread apart from those of all others in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LegKey(pub(super) u64);

/// Who hears a leg.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    pub(super) route: Route,
    /// Where it mixes this leg with others that it hears.
    pub(super) port: usize,
    /// Whether keys are passed on, too.
    pub(super) with_keys: bool,
}

/// How a leg is reached from anywhere.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) key: LegKey,
    /// Which thread has it.
    pub(super) thread: ThreadId,
    pub(super) orders: Sender<(LegKey, Order)>,
    /// What comes from other threads; what finds no room is dropped.
    pub(super) carried: SyncSender<Carried>,
}

impl Route {
    /// A leg that is gone needs nothing told.
    pub(super) fn tell(&self, order: Order) {
        drop(self.orders.send((self.key, order)));
    }
}

/// A leg's media. Dropping it ends it and frees its ports.
#[derive(Debug)]
pub struct MediaLeg {
    pub(super) route: Route,
    pub(super) statistics: Arc<Mutex<MediaStatistics>>,
    pub(super) local: SocketAddr,
}

impl Drop for MediaLeg {
    fn drop(&mut self) {
        self.route.tell(Order::Close);
    }
}

impl MediaLeg {
    /// Where this leg wants RTP; RTCP one port above.
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// What its media counted up to 20 ms ago.
    pub fn statistics(&self) -> MediaStatistics {
        *self.statistics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to send to the other side.
    pub fn set_remote(&self, remote: Negotiated) {
        self.route.tell(Order::Remote(Box::new(remote)));
    }

    /// Begins to hear the other side, before anybody answers.
    pub fn set_early_remote(&self, remote: Negotiated) {
        self.route.tell(Order::EarlyRemote(Box::new(remote)));
    }

    /// Plays a clip instead of what plays now.
    pub fn play(&self, id: u64, clip: Clip) {
        self.route.tell(Order::Play { id, clip });
    }

    /// Stops what plays.
    pub fn stop_playing(&self) {
        self.route.tell(Order::StopPlaying);
    }

    /// Presses a key.
    pub fn send_digit(&self, digit: Digit, length: Millis) {
        self.route.tell(Order::SendDigit { digit, length });
    }

    /// Sends what this leg hears to another one. Call it on both for a conversation.
    pub fn bridge_to(&self, other: &Self) {
        self.speak_to(&[(other, 0, true)]);
    }

    /// Sends what this leg hears to these and to nobody else: each with the port it is heard at
    /// there, below [`PORTS`](crate::media::PORTS), and whether keys are passed on, too.
    pub fn speak_to(&self, listeners: &[(&Self, usize, bool)]) {
        let listener = |(leg, port, with_keys): &(&Self, usize, bool)| Listener {
            route: leg.route.clone(),
            port: *port,
            with_keys: *with_keys,
        };
        self.route.tell(Order::Speak(listeners.iter().map(listener).collect()));
    }

    /// Gives every 20 ms of what is said and heard to a tap, in place of the one before.
    pub fn record_to(&self, tap: Box<dyn Tap + Send>) {
        self.route.tell(Order::Record(tap));
    }

    /// Drops the tap, where there is one.
    pub fn stop_recording(&self) {
        self.route.tell(Order::StopRecording);
    }
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Order")
    }
}
