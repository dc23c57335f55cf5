//! A thread that moves the packets of many legs.
//!
//! In: orders, datagrams, what other threads carry over, and the time. Out: datagrams, and news.
//! Each millisecond it obeys, lets the legs of one slot of the [`Wheel`] send, and reads what
//! came to any of them. Invariants: a leg sends every 20 ms, and not all at once; between legs
//! of one thread audio is handed over without a queue; once no leg is left it sleeps until told.
//! Deliberately absent: what packets say, and where ports come from.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags, EpollTimeout};

use super::leg::Leg;
use super::media_leg::{LegKey, Order};
use super::socket::Inbox;
use super::until;
use super::wheel::Wheel;
use crate::base::{Clock, Timestamp};
use crate::media::{Frame, MediaPort};

/// Sockets that are named as ready with one call.
const READY_MAX: usize = 512;
/// Ports with something to read are asked for again no more often than this in a millisecond, and
/// a flood at one port gets no more of it.
const READS_MAX: usize = 16;

/// 20 ms that one leg heard, on their way to another.
#[derive(Clone, Debug)]
pub(super) struct Carried {
    pub(super) to: LegKey,
    /// Where it is mixed in there.
    pub(super) port: usize,
    pub(super) frame: Frame,
}

/// The thread's own.
pub(super) struct Thread {
    clock: Arc<dyn Clock>,
    orders: Receiver<(LegKey, Order)>,
    from_others: Receiver<Carried>,
    epoll: Epoll,
    wheel: Wheel,
    legs: Vec<Option<Leg>>,
    by_key: BTreeMap<LegKey, usize>,
    free: Vec<usize>,
    inbox: Inbox,
    ready: Box<[EpollEvent; READY_MAX]>,
    due: Vec<usize>,
    carried: Vec<Carried>,
}

impl Thread {
    /// To be called on the thread itself.
    pub(super) fn new(
        clock: Arc<dyn Clock>,
        epoll: Epoll,
        orders: Receiver<(LegKey, Order)>,
        from_others: Receiver<Carried>,
    ) -> Self {
        let wheel = Wheel::new(clock.now());
        Self {
            clock,
            orders,
            from_others,
            epoll,
            wheel,
            legs: Vec::new(),
            by_key: BTreeMap::new(),
            free: Vec::new(),
            inbox: Inbox::new(),
            ready: Box::new([EpollEvent::empty(); READY_MAX]),
            due: Vec::new(),
            carried: Vec::new(),
        }
    }

    /// Works until nobody can order anything any more.
    pub(super) fn run(mut self) {
        loop {
            if self.by_key.is_empty() {
                match self.orders.recv() {
                    Ok((key, order)) => self.obey(key, order),
                    Err(_) => return,
                }
            }
            let wait = until(Some(self.wheel.next_at()), self.clock.now());
            if !wait.is_zero() {
                std::thread::sleep(wait);
            }
            if !self.turn() {
                return;
            }
        }
    }

    /// Does what is due now; false once nobody is left to order.
    pub(super) fn turn(&mut self) -> bool {
        let is_wanted = self.take_orders();
        if is_wanted {
            self.send();
            self.receive();
        }
        is_wanted
    }

    /// False once nobody is left to order.
    fn take_orders(&mut self) -> bool {
        loop {
            match self.orders.try_recv() {
                Ok((key, order)) => self.obey(key, order),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn obey(&mut self, key: LegKey, order: Order) {
        let place = self.by_key.get(&key).copied();
        match order {
            Order::Open(leg) => self.open(*leg),
            Order::Close => {
                if let Some(place) = place {
                    self.close(key, place);
                }
            }
            order => {
                let now = self.clock.now();
                let Some(leg) = place.and_then(|place| self.legs.get_mut(place)?.as_mut()) else {
                    return;
                };
                let aligned = self.wheel.next_of(leg.slot, now);
                leg.obey(now, aligned, order, &mut self.carried);
            }
        }
    }

    fn open(&mut self, mut leg: Leg) {
        let place = self.free.pop().unwrap_or(self.legs.len());
        let token = 2 * place as u64;
        let readable = |token| EpollEvent::new(EpollFlags::EPOLLIN, token);
        let pair = leg.pair();
        let added = self
            .epoll
            .add(&pair.rtp, readable(token))
            .and_then(|()| self.epoll.add(&pair.rtcp, readable(token + 1)));
        if let Err(error) = added {
            tracing::error!(leg_id = %leg.leg_id(), %error, "a leg that hears nothing");
        }
        leg.slot = self.wheel.insert(place);
        self.by_key.insert(leg.key(), place);
        match self.legs.get_mut(place) {
            Some(free) => *free = Some(leg),
            None => self.legs.push(Some(leg)),
        }
    }

    /// Its sockets leave epoll when they are closed.
    fn close(&mut self, key: LegKey, place: usize) {
        self.by_key.remove(&key);
        let Some(mut leg) = self.legs.get_mut(place).and_then(Option::take) else { return };
        self.wheel.remove(leg.slot, place);
        self.free.push(place);
        leg.close(self.clock.now(), &mut self.carried);
    }

    /// Lets the legs whose turn it is send.
    fn send(&mut self) {
        let now = self.clock.now();
        self.due.clear();
        self.wheel.turn(now, &mut self.due);
        for place in &self.due {
            if let Some(Some(leg)) = self.legs.get_mut(*place) {
                leg.step(now, &mut self.carried);
            }
        }
        self.hand_over();
    }

    /// Reads what came since the last time, for as long as more comes, within reason.
    fn receive(&mut self) {
        while let Ok(carried) = self.from_others.try_recv() {
            self.carried.push(carried);
        }
        self.hand_over();
        for _ in 0..READS_MAX {
            let found = self.epoll.wait(&mut self.ready[..], EpollTimeout::ZERO).unwrap_or(0);
            let now = self.clock.now();
            for place in 0..found {
                if let Some(token) = self.ready.get(place).map(EpollEvent::data) {
                    self.read(now, token);
                }
            }
            self.hand_over();
            if found == 0 {
                return;
            }
        }
    }

    fn read(&mut self, now: Timestamp, token: u64) {
        let place = usize::try_from(token / 2).unwrap_or(usize::MAX);
        let Some(Some(leg)) = self.legs.get_mut(place) else { return };
        let port = if token.is_multiple_of(2) { MediaPort::Rtp } else { MediaPort::Rtcp };
        let read = self.inbox.read(match port {
            MediaPort::Rtp => &leg.pair().rtp,
            MediaPort::Rtcp => &leg.pair().rtcp,
        });
        if let Some((from, datagram)) = read {
            leg.receive(now, port, from, datagram, &mut self.carried);
        }
    }

    /// Gives legs of this thread what others of them, or of other threads, heard.
    fn hand_over(&mut self) {
        for carried in self.carried.drain(..) {
            let place = self.by_key.get(&carried.to).copied();
            if let Some(leg) = place.and_then(|place| self.legs.get_mut(place)?.as_mut()) {
                leg.take(carried.port, &carried.frame);
            }
        }
    }
}
