//! The threads that move media, and the ports they move it through.
//!
//! In: how many threads, which ports. Out: legs, each in the thread that has the fewest.
//! Invariants: a thread ends once its last leg and this handle are gone; the two ports of a leg
//! go back to the pool when they are closed.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;

use nix::sys::epoll::{Epoll, EpollCreateFlags};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::sync::mpsc::UnboundedSender;

use super::ListenError;
use super::leg::{Leg, Plan};
use super::media_leg::{LegKey, MediaLeg, MediaNews, Order, Route};
use super::port::{PortPool, PortRange};
use super::priority::MediaPriority;
use super::socket::Pair;
use super::thread::{Carried, Thread};
use crate::base::{Clock, LegId, Rng};
use crate::media::dtls::Handshakes;
use crate::media::{MediaSession, MediaSettings, MediaStatistics};

/// Frames that may be on their way to a thread: two legs' 20 ms each of a thousand.
const CARRIED_MAX: usize = 2_048;

/// Threads and ports for media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediaOptions {
    /// How many threads; one for two processors where it is not said.
    pub threads: Option<NonZeroUsize>,
    /// Which ports; any free ones where it is not said.
    pub ports: Option<PortRange>,
    /// How urgent they are.
    pub priority: MediaPriority,
}

/// The threads. Dropping this ends them with their last leg.
pub struct MediaThreads {
    address: IpAddr,
    clock: Arc<dyn Clock>,
    threads: Vec<Handle>,
    ports: Option<Ports>,
    handshakes: Option<Arc<dyn Handshakes>>,
    next_key: AtomicU64,
}

/// How a thread is reached.
struct Handle {
    id: ThreadId,
    orders: Sender<(LegKey, Order)>,
    carried: SyncSender<Carried>,
    /// As many copies as legs in it, and one.
    legs: Arc<()>,
}

#[derive(Clone)]
struct Ports {
    pool: Arc<Mutex<PortPool>>,
    range: PortRange,
}

/// What a leg takes up, given back when it is dropped.
pub(super) struct Lease {
    clock: Arc<dyn Clock>,
    ports: Option<(Arc<Mutex<PortPool>>, u16)>,
    _leg: Arc<()>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some((pool, port)) = &self.ports {
            let now = self.clock.now();
            pool.lock().unwrap_or_else(PoisonError::into_inner).give_back(now, *port);
        }
    }
}

/// A port of a pool.
type Taken = (Arc<Mutex<PortPool>>, u16);

impl MediaThreads {
    /// Starts them.
    ///
    /// # Errors
    /// [`ListenError`] where the system gives no thread.
    pub fn start(
        address: IpAddr,
        options: MediaOptions,
        clock: Arc<dyn Clock>,
        rng: &mut Rng,
    ) -> Result<Self, ListenError> {
        allow_open_files();
        let count = options.threads.map_or_else(default_threads, NonZeroUsize::get);
        let failed = |source| {
            let address = SocketAddr::new(address, 0);
            ListenError { protocol: "RTP udp", address, source }
        };
        let threads = (0..count)
            .map(|number| start_one(number, options.priority, clock.clone()))
            .collect::<std::io::Result<Vec<_>>>()
            .map_err(failed)?;
        let ports = options
            .ports
            .map(|range| Ports { pool: Arc::new(Mutex::new(PortPool::new(range, rng))), range });
        Ok(Self { address, clock, threads, ports, handshakes: None, next_key: AtomicU64::new(0) })
    }

    /// Lets legs agree on keys by DTLS, where their session descriptions say so.
    #[must_use]
    pub fn with_handshakes(self, handshakes: Arc<dyn Handshakes>) -> Self {
        Self { handshakes: Some(handshakes), ..self }
    }

    /// Opens two ports and begins a leg.
    ///
    /// # Errors
    /// [`ListenError`] where no ports are free.
    pub fn open(
        &self,
        leg_id: LegId,
        settings: MediaSettings,
        rng: Rng,
        news: UnboundedSender<MediaNews>,
    ) -> Result<MediaLeg, ListenError> {
        let (pair, port) = self.take_ports()?;
        let local = pair.local;
        let fewest = self.threads.iter().min_by_key(|handle| Arc::strong_count(&handle.legs));
        let Some(handle) = fewest else {
            let source = std::io::ErrorKind::NotFound.into();
            return Err(ListenError { protocol: "RTP udp", address: local, source });
        };
        let lease = Lease { clock: self.clock.clone(), ports: port, _leg: handle.legs.clone() };
        let route = Route {
            key: LegKey(self.next_key.fetch_add(1, Ordering::Relaxed)),
            thread: handle.id,
            orders: handle.orders.clone(),
            carried: handle.carried.clone(),
        };
        let statistics = Arc::new(Mutex::new(MediaStatistics::default()));
        let plan = Plan {
            leg_id,
            route: route.clone(),
            pair,
            lease,
            news,
            statistics: statistics.clone(),
        };
        let mut session = MediaSession::new(settings, rng);
        if let Some(handshakes) = &self.handshakes {
            session.set_handshakes(handshakes.clone());
        }
        let leg = Leg::new(session, plan);
        route.tell(Order::Open(Box::new(leg)));
        Ok(MediaLeg { route, statistics, local })
    }

    /// Sockets, and the port of the pool that they stand for.
    fn take_ports(&self) -> Result<(Pair, Option<Taken>), ListenError> {
        let Some(Ports { pool, range }) = &self.ports else {
            return Ok((Pair::open_any(self.address)?, None));
        };
        let mut last = None;
        for _ in 0..range.pairs() {
            let taken = pool.lock().unwrap_or_else(PoisonError::into_inner).take(self.clock.now());
            let Some(port) = taken else { break };
            match Pair::open(self.address, port) {
                Ok(pair) => return Ok((pair, Some((pool.clone(), port)))),
                Err(error) => {
                    let now = self.clock.now();
                    pool.lock().unwrap_or_else(PoisonError::into_inner).give_back(now, port);
                    if error.source.kind() != std::io::ErrorKind::AddrInUse {
                        return Err(error);
                    }
                    last = Some(error);
                }
            }
        }
        Err(last.unwrap_or_else(|| ListenError {
            protocol: "RTP udp",
            address: SocketAddr::new(self.address, 0),
            source: std::io::Error::other(format!(
                "all {} pairs of ports in {range} are taken; give media.ports more of them",
                range.pairs()
            )),
        }))
    }
}

fn start_one(
    number: usize,
    priority: MediaPriority,
    clock: Arc<dyn Clock>,
) -> std::io::Result<Handle> {
    let (orders, order_queue) = channel();
    let (carried, carried_queue) = sync_channel(CARRIED_MAX);
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    // It ends by itself.
    let spawned = std::thread::Builder::new().name(format!("media-{number}")).spawn(move || {
        priority.take();
        Thread::new(clock, epoll, order_queue, carried_queue).run();
    })?;
    let id = spawned.thread().id();
    Ok(Handle { id, orders, carried, legs: Arc::new(()) })
}

/// Lets this process have as many descriptors as it may: two for each leg, where many systems
/// begin at 1,024.
fn allow_open_files() {
    let wanted = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(error) = wanted {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

/// Half of the processors: the other half is for everything else.
fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |count| (count.get() / 2).max(1))
}

impl std::fmt::Debug for MediaThreads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MediaThreads").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
