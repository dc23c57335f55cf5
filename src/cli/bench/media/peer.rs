//! The other side of `bench media`: sends each call a packet every 20 ms, and notes when ours came.
//!
//! Few sockets stand for all calls: calls are told apart by the ports they come from.

use std::collections::BTreeMap;
use std::io::IoSliceMut;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt, sockopt};

use super::now;
use crate::media::read_packet;

/// Sockets of the peer; each takes what a few dozen calls send.
const SOCKETS: u32 = 64;
/// Bytes that may wait at one.
const BUFFER: usize = 4 << 20;
/// One frame, in microseconds.
const FRAME_US: i64 = 20_000;

/// Microseconds since 1970, on the clock that the kernel stamps packets by.
#[expect(clippy::disallowed_methods, reason = "a bench measures the machine's own time")]
pub(super) fn wall() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(0))
}

/// The peer's sockets before anybody talks.
pub(super) struct Sockets {
    sockets: Vec<UdpSocket>,
    addresses: Vec<SocketAddr>,
}

pub(super) struct Peer {
    is_measuring: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
    /// No more is sent, but what comes is still taken.
    is_quiet: Arc<AtomicBool>,
    thread: JoinHandle<Found>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Packets the peer sent, and those of them while it was measured.
    pub(super) sent: u64,
    pub(super) sent_measured: u64,
    /// Packets of ours that came, those of them while it was measured, and those expected by
    /// their numbers.
    pub(super) received: u64,
    pub(super) measured: u64,
    pub(super) expected: u64,
    /// When each call was first heard.
    pub(super) first_at: Vec<Option<i64>>,
    /// How late each packet was, in microseconds, against the earliest of its call.
    pub(super) jitter: Vec<i64>,
}

/// One call, as the peer hears it.
#[derive(Clone, Debug, Default)]
struct Heard {
    first_at: Option<i64>,
    first: u16,
    highest: u64,
    received: u64,
    /// Against a grid of 20 ms from the first packet on.
    late: Vec<i64>,
}

impl Heard {
    fn take(&mut self, at: i64, number: u16, is_measured: bool) {
        let first_at = *self.first_at.get_or_insert_with(|| {
            self.first = number;
            at
        });
        self.received += 1;
        // A turn of the counter is 22 minutes.
        let steps = (self.highest as u16).wrapping_sub(number.wrapping_sub(self.first)) as i16;
        let place = i64::try_from(self.highest).unwrap_or(0) - i64::from(steps);
        self.highest = self.highest.max(u64::try_from(place).unwrap_or(0));
        if is_measured {
            self.late.push(at - first_at - place * FRAME_US);
        }
    }
}

struct Worker {
    sockets: Vec<UdpSocket>,
    talks_first: bool,
    calls: Vec<SocketAddr>,
    by_port: BTreeMap<u16, usize>,
    heard: Vec<Heard>,
    found: Found,
    /// Of the next packet of each call.
    numbers: Vec<u16>,
    is_measuring: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
    is_quiet: Arc<AtomicBool>,
}

impl Sockets {
    pub(super) fn open() -> anyhow::Result<Self> {
        let sockets = (0..SOCKETS).map(|_| open()).collect::<anyhow::Result<Vec<_>>>()?;
        let addresses = sockets.iter().map(UdpSocket::local_addr).collect::<Result<_, _>>()?;
        Ok(Self { sockets, addresses })
    }

    /// Where a call's audio is to go.
    pub(super) fn address(&self, call: u32) -> SocketAddr {
        let place = (call % SOCKETS) as usize;
        self.addresses.get(place).copied().unwrap_or((Ipv4Addr::LOCALHOST, 9).into())
    }
}

impl Peer {
    /// Begins to talk to the calls that are heard, or to all at once.
    pub(super) fn start(
        Sockets { sockets, .. }: Sockets,
        calls: &[SocketAddr],
        talks_first: bool,
    ) -> anyhow::Result<Self> {
        let flag = || Arc::new(AtomicBool::new(false));
        let (is_measuring, is_over, is_quiet) = (flag(), flag(), flag());
        let worker = Worker {
            sockets,
            talks_first,
            by_port: calls.iter().enumerate().map(|(call, leg)| (leg.port(), call)).collect(),
            heard: vec![Heard::default(); calls.len()],
            numbers: vec![0; calls.len()],
            calls: calls.to_vec(),
            found: Found::default(),
            is_measuring: is_measuring.clone(),
            is_over: is_over.clone(),
            is_quiet: is_quiet.clone(),
        };
        let thread = std::thread::Builder::new().name("peer".to_owned()).spawn(|| worker.run())?;
        Ok(Self { is_measuring, is_over, is_quiet, thread })
    }

    pub(super) fn measure(&self, on: bool) {
        self.is_measuring.store(on, Ordering::Relaxed);
    }

    pub(super) fn stop(self, settle: Duration) -> anyhow::Result<Found> {
        self.is_quiet.store(true, Ordering::Relaxed);
        std::thread::sleep(settle);
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow::anyhow!("the peer ended by a panic"))
    }
}

fn open() -> anyhow::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("bind")?;
    socket.set_nonblocking(true)?;
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true).context("ask for times of arrival")?;
    // As much as is allowed; as the superuser, more.
    if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).is_err() {
        setsockopt(&socket, sockopt::RcvBuf, &BUFFER).context("ask for a buffer")?;
    }
    Ok(socket)
}

impl Worker {
    fn run(mut self) -> Found {
        let begun = now();
        let mut ticks = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            let due = Duration::from_millis(ticks);
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
            if !self.is_quiet.load(Ordering::Relaxed) {
                self.send(usize::try_from(ticks % 20).unwrap_or(0));
            }
            self.receive();
            ticks += 1;
        }
        for heard in self.heard {
            self.found.received += heard.received;
            self.found.expected += if heard.received > 0 { heard.highest + 1 } else { 0 };
            self.found.first_at.push(heard.first_at);
            let earliest = heard.late.iter().min().copied().unwrap_or(0);
            self.found.jitter.extend(heard.late.iter().map(|late| late - earliest));
        }
        self.found
    }

    /// Sends to the calls of one slot, those that were answered.
    fn send(&mut self, slot: usize) {
        let is_measured = self.is_measuring.load(Ordering::Relaxed);
        let mut packet = [0; 172];
        for call in (slot..self.calls.len()).step_by(20) {
            let (Some(heard), Some(number)) = (self.heard.get(call), self.numbers.get_mut(call))
            else {
                continue;
            };
            if heard.first_at.is_none() && !self.talks_first {
                continue;
            }
            let timestamp = u32::from(*number).wrapping_mul(160);
            let head = [0x8000_u16.to_be_bytes(), number.to_be_bytes()].concat();
            let head =
                [head, timestamp.to_be_bytes().to_vec(), (call as u32).to_be_bytes().to_vec()];
            let noise = (0_u8..160).map(|place| place.wrapping_mul(37) ^ (*number as u8));
            let bytes = head.concat().into_iter().chain(noise);
            packet.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = byte);
            *number = number.wrapping_add(1);
            let socket = self.sockets.get(call % SOCKETS as usize);
            if let (Some(socket), Some(to)) = (socket, self.calls.get(call))
                && socket.send_to(&packet, to).is_ok()
            {
                self.found.sent += 1;
                self.found.sent_measured += u64::from(is_measured);
            }
        }
    }

    /// Takes what came, with the time the kernel wrote on it.
    fn receive(&mut self) {
        let is_measured = self.is_measuring.load(Ordering::Relaxed);
        let mut buffer = [0; 2_048];
        let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec);
        for socket in &self.sockets {
            loop {
                let mut slices = [IoSliceMut::new(&mut buffer)];
                let flags = MsgFlags::MSG_DONTWAIT;
                let fd = socket.as_raw_fd();
                let taken = recvmsg::<SockaddrIn>(fd, &mut slices, Some(&mut control), flags);
                let Ok(taken) = taken else { break };
                let length = taken.bytes;
                let port = taken.address.map_or(0, |address| address.port());
                let stamp = taken.cmsgs().ok().into_iter().flatten().find_map(|message| {
                    let ControlMessageOwned::ScmTimestampns(at) = message else { return None };
                    Some(at.tv_sec() * 1_000_000 + at.tv_nsec() / 1_000)
                });
                let packet = buffer.get(..length).map(read_packet);
                let call = self.by_port.get(&port).and_then(|call| self.heard.get_mut(*call));
                if let (Some(Ok(packet)), Some(heard), Some(at)) = (packet, call, stamp) {
                    heard.take(at, packet.header.sequence_number, is_measured);
                    self.found.measured += u64::from(is_measured);
                }
            }
        }
    }
}
