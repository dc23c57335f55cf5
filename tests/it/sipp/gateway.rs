//! The carrier's media, made by hand: it sends tone-free audio and presses keys (RFC 4733).
//!
//! SIPp plays key presses from capture files only through raw sockets, which need root; its
//! session description names this socket instead. Everything happens by counting the packets
//! that come in, so that nothing depends on how fast the machine is.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ledgerline::media::Clip;

/// RTP's fixed header (RFC 3550 §5.1).
const HEADER: usize = 12;
/// µ-law silence.
const SILENCE: u8 = 0xff;
/// What the answer's session description calls telephone-event.
const TELEPHONE_EVENT: u8 = 101;
/// Packets from one key to the next: a second.
const BETWEEN_KEYS: usize = 50;

/// What came in.
#[derive(Default)]
struct Heard {
    /// Packets with sound.
    packets: usize,
    /// All of it, as µ-law.
    audio: Vec<u8>,
}

/// Whether keys may be pressed yet.
#[derive(Clone)]
pub(super) struct Permission(Arc<AtomicBool>);

impl Permission {
    pub(super) fn give(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A media port in a thread of its own.
pub(super) struct Gateway {
    pub(super) port: u16,
    may_press: Permission,
    socket: UdpSocket,
    thread: JoinHandle<Heard>,
}

impl Gateway {
    /// Sends silence for every packet it gets, and each of `keys` once the robot talks.
    pub(super) fn pressing(keys: &'static str) -> Self {
        let gateway = Self::waiting_to_press(keys);
        gateway.permission().give();
        gateway
    }

    /// The same, but presses nothing before it may.
    pub(super) fn waiting_to_press(keys: &'static str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a media port");
        let port = socket.local_addr().expect("an address").port();
        socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        let own = socket.try_clone().expect("the same socket");
        let may_press = Permission(Arc::default());
        let told = may_press.clone();
        let thread = std::thread::spawn(move || serve(&own, keys, &told));
        Self { port, may_press, socket, thread }
    }

    /// What lets it press.
    pub(super) fn permission(&self) -> Permission {
        self.may_press.clone()
    }

    /// Ends it. How many packets with sound it heard.
    pub(super) fn heard(self) -> usize {
        self.end().packets
    }

    /// Ends it. What it heard, from the first packet to the last.
    pub(super) fn audio(self) -> Clip {
        Clip::from_ulaw(&self.end().audio)
    }

    fn end(self) -> Heard {
        let here = self.socket.local_addr().expect("an address");
        self.socket.send_to(&[], here).expect("the end");
        self.thread.join().expect("the gateway")
    }
}

fn serve(socket: &UdpSocket, keys: &str, may_press: &Permission) -> Heard {
    let mut keys = keys.chars();
    let mut packet = [0; 2_048];
    let (mut sequence, mut timestamp, mut next_key) = (7_u16, 90_000_u32, 1);
    let mut heard = Heard::default();
    while let Ok((length @ 1.., from)) = socket.recv_from(&mut packet) {
        let payload = packet.get(HEADER..length).unwrap_or_default();
        heard.packets += usize::from(payload.iter().any(|byte| byte | 0x80 != SILENCE));
        // Keys that are passed on are no sound.
        heard.audio.extend(payload.iter().filter(|_| payload.len() == 160));
        let mut send = |kind: u8, timestamp: u32, payload: &[u8]| {
            let mut out = vec![0x80, kind];
            out.extend(sequence.to_be_bytes());
            out.extend(timestamp.to_be_bytes());
            out.extend(0x1234_5678_u32.to_be_bytes());
            out.extend(payload);
            sequence = sequence.wrapping_add(1);
            // Who has hung up meanwhile hears nothing.
            drop(socket.send_to(&out, from));
        };
        send(0, timestamp, &[SILENCE; 160]);
        timestamp = timestamp.wrapping_add(160);
        if heard.packets >= next_key
            && may_press.0.load(Ordering::Acquire)
            && let Some(key) = keys.next()
        {
            next_key = heard.packets + BETWEEN_KEYS;
            let event = match key {
                '*' => 10,
                '#' => 11,
                digit => u8::try_from(digit.to_digit(10).expect("a key")).expect("a digit"),
            };
            // 100 ms: five growing durations under one timestamp, the end three times.
            for step in 1..=7_u8 {
                let is_end = step >= 5;
                let duration = u16::from(step.min(5)) * 160;
                let [high, low] = duration.to_be_bytes();
                let marker = if step == 1 { 0x80 } else { 0 };
                let volume = if is_end { 0x8a } else { 0x0a };
                send(marker | TELEPHONE_EVENT, timestamp, &[event, volume, high, low]);
            }
            timestamp = timestamp.wrapping_add(800);
        }
    }
    heard
}
