//! RTP and RTCP datagrams to a media session: none panics, and none makes it send elsewhere than
//! to the side that was agreed.
//!
//! An input is a few datagrams with four bytes 0xFF between them. The first byte of each says how
//! it comes: to which port, from whom, and how much later.

#![no_main]

use std::collections::VecDeque;
use std::net::SocketAddr;

use ledgerline::base::{Millis, Rng, Timestamp};
use ledgerline_fuzz::datagrams;
use ledgerline::media::{self, MediaOutput, MediaPort, MediaSession, MediaSettings};
use libfuzzer_sys::fuzz_target;

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\n\
    t=0 0\r\nm=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";

fuzz_target!(|input: &[u8]| {
    let local: SocketAddr = ([192, 0, 2, 10], 5_000).into();
    let Ok((_, agreed)) = media::answer(OFFER, local, 1) else { panic!("the offer is good") };
    let mut now = Timestamp::from_micros(1_700_000_000_000_000);
    let mut session = MediaSession::new(MediaSettings::default(), Rng::from_seed(1));
    let mut sink = VecDeque::new();
    session.set_remote(now, &agreed);
    session.set_forwarding(true);
    session.set_recording(true, &mut sink);
    for datagram in datagrams(input) {
        let Some((how, datagram)) = datagram.split_first() else { continue };
        let port = if how & 1 == 0 { MediaPort::Rtp } else { MediaPort::Rtcp };
        let from: SocketAddr = match how & 2 {
            0 => ([198, 51, 100, 7], 4_000).into(),
            _ => ([203, 0, 113, 9], 4_000).into(),
        };
        session.receive(now, port, from, &mut datagram.to_vec(), &mut sink);
        now = now.plus(Millis(u64::from(how >> 2)));
        while let Some(at) = session.poll_timeout().filter(|at| *at <= now) {
            session.handle_timeout(at, &mut sink);
        }
        for output in sink.drain(..) {
            if let MediaOutput::Transmit { to, .. } = output {
                assert_eq!(to.ip(), agreed.remote.ip(), "sent to a stranger");
            }
        }
    }
});
