//! Our media against baresip's SRTP and RTCP: audio is heard both ways, reports are answered.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use ledgerline::base::{Millis, Rng, Timestamp};
use ledgerline::media::srtp::{SRTP_ENTROPY, SrtpKeys};
use ledgerline::media::{
    Capabilities, Clip, Frame, MediaEvent, MediaPort, MediaSession, MediaSettings, MediaSink,
    MediaStatistics, Negotiated, Pair, accept,
};
use tempfile::TempDir;

use super::baresip::{Baresip, Traits};
use super::peer::now;

const USER: &str = "alice";
/// Longer than both ends take to report and to answer a report.
const TALK: Duration = Duration::from_secs(30);

/// One call of ours, by hand, so that nothing but the media is judged.
struct Caller {
    sip: UdpSocket,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    peer: SocketAddr,
    here: SocketAddr,
}

/// Sends from the sockets, and counts what was heard.
struct Sink<'a> {
    caller: &'a Caller,
    intervals: u32,
    frames: u32,
}

impl MediaSink for Sink<'_> {
    fn transmit(&mut self, port: MediaPort, to: SocketAddr, packet: &[u8]) {
        let socket = match port {
            MediaPort::Rtp => &self.caller.rtp,
            MediaPort::Rtcp => &self.caller.rtcp,
        };
        drop(socket.send_to(packet, to));
    }

    fn event(&mut self, event: MediaEvent) {
        self.intervals += u32::from(matches!(event, MediaEvent::QualityInterval(_)));
    }

    fn frame(&mut self, frame: &Frame) {
        // Its square wave has 6,000.
        self.frames += u32::from(frame.iter().any(|sample| sample.unsigned_abs() > 3_000));
    }

    fn pair(&mut self, _pair: &Pair) {}
}

impl Caller {
    fn new(peer: SocketAddr) -> Self {
        let bind = |port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port));
        let sip = bind(0).expect("a socket");
        sip.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        let pair = std::iter::repeat_with(|| {
            let rtp = bind(0).ok()?;
            let rtcp = bind(rtp.local_addr().ok()?.port() + 1).ok()?;
            Some((rtp, rtcp))
        });
        let (rtp, rtcp) = pair.flatten().next().expect("two ports in a row");
        rtp.set_read_timeout(Some(Duration::from_millis(5))).expect("a timeout");
        rtcp.set_nonblocking(true).expect("a socket that does not wait");
        let here = sip.local_addr().expect("an address");
        Self { sip, rtp, rtcp, peer, here }
    }

    fn request(&self, method: &str, number: u32, tag: &str, body: &str) -> String {
        let Self { here, peer, .. } = self;
        let length = body.len();
        format!(
            "{method} sip:{USER}@{peer} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK-{method}-\
             {number};rport\r\nMax-Forwards: 70\r\nFrom: <sip:us@{here}>;tag=1\r\n\
             To: <sip:{USER}@{peer}>{tag}\r\nCall-ID: 1@{here}\r\nCSeq: {number} {method}\r\n\
             Contact: <sip:us@{here}>\r\nContent-Type: application/sdp\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
    }

    /// Invites until it answers; gives the answer and the tag it has.
    fn invite(&self, offer: &str) -> (String, String) {
        let invite = self.request("INVITE", 1, "", offer);
        let mut buffer = [0; 4_096];
        for _ in 0..100 {
            drop(self.sip.send_to(invite.as_bytes(), self.peer));
            while let Ok((length, _)) = self.sip.recv_from(&mut buffer) {
                let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
                assert!(!message.starts_with("SIP/2.0 4"), "{message}");
                if !message.starts_with("SIP/2.0 200") {
                    continue;
                }
                let (head, body) = message.split_once("\r\n\r\n").expect("a body");
                let to = head.lines().find(|line| line.starts_with("To:")).expect("a To");
                let tag = to.split_once(";tag=").expect("its tag").1;
                let tag = format!(";tag={tag}");
                let ack = self.request("ACK", 1, &tag, "");
                drop(self.sip.send_to(ack.as_bytes(), self.peer));
                return (body.to_owned(), tag);
            }
        }
        panic!("nobody answers at {}", self.peer);
    }

    /// Talks until both ends have reported.
    fn talk(&self, negotiated: &Negotiated) -> (MediaStatistics, u32) {
        let began = now();
        let now =
            || Timestamp::from_micros(i64::try_from(began.elapsed().as_micros()).expect("soon"));
        let mut session = MediaSession::new(MediaSettings::default(), Rng::from_seed(1));
        let mut sink = Sink { caller: self, intervals: 0, frames: 0 };
        session.set_remote(now(), negotiated);
        session.set_forwarding(true);
        session.play(now(), 1, Clip::tone(500, Millis(30_000), 6_000), &mut sink);
        let mut buffer = [0; 2_048];
        while began.elapsed() < TALK {
            for (port, socket) in [(MediaPort::Rtp, &self.rtp), (MediaPort::Rtcp, &self.rtcp)] {
                match socket.recv_from(&mut buffer) {
                    Ok((length, from)) => {
                        session.receive(now(), port, from, &mut buffer[..length], &mut sink);
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => panic!("receive: {error}"),
                }
            }
            if session.poll_timeout().is_some_and(|due| due <= now()) {
                session.handle_timeout(now(), &mut sink);
            }
            let statistics = session.statistics();
            if statistics.round_trip_ms.is_some() && sink.intervals > 0 && sink.frames > 100 {
                break;
            }
        }
        session.finish(now(), &mut sink);
        (session.statistics(), sink.frames)
    }
}

fn check(encryption: &'static str, is_required: bool) {
    let folder = TempDir::new().expect("a folder");
    let traits = Traits { encryption: Some(encryption), ..Traits::default() };
    let phone = Baresip::called(folder.path(), USER, &traits);
    let caller = Caller::new(phone.sip);
    let keys = SrtpKeys::from_entropy(is_required, &[7; SRTP_ENTROPY]);
    let capabilities = Capabilities { srtp: Some(keys), ..Capabilities::default() };
    let offer = capabilities.offer(caller.rtp.local_addr().expect("an address"), 1);
    let (answer, tag) = caller.invite(&offer);
    let negotiated = accept(&answer, &offer).expect("an answer we can take");
    assert!(negotiated.crypto.is_some(), "{}", phone.log());
    let (statistics, frames) = caller.talk(&negotiated);
    let bye = caller.request("BYE", 2, &tag, "");
    drop(caller.sip.send_to(bye.as_bytes(), phone.sip));
    let log = phone.log();
    assert!(frames > 100, "its tone is heard: {statistics:?} {log}");
    assert_eq!(statistics.unauthentic, 0, "{statistics:?}");
    // Before it has keys it opens its way out by one APP in the open.
    assert!(statistics.malformed <= 1, "{statistics:?}");
    assert_eq!(statistics.peer_lost, Some(0), "it heard all of ours: {statistics:?}");
    // It answered a report of ours, so it opened one.
    assert!(statistics.round_trip_ms.is_some(), "{statistics:?} {log}");
    assert!(!log.contains("authentication failed") && !log.contains("SRTP: unprotect"), "{log}");
}

#[test]
fn a_phone_that_insists_on_srtp_is_heard_and_hears() {
    check("srtp-mand", true);
}

#[test]
fn a_phone_that_would_like_srtp_gets_it() {
    check("srtp", false);
}
