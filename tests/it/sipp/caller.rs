//! Our user agent alone, as a caller that holds and resumes.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use ledgerline::base::{Clock as _, LegId, Millis, Rng};
use ledgerline::media::{self, Direction};
use ledgerline::runtime::clock::SystemClock;
use ledgerline::sip::{Identity, Invite, Output, Timers, UaEvent, UserAgent, UserAgentConfig};

/// How long it waits for a datagram at a time, and how often: 30 s.
const PAUSE: Duration = Duration::from_millis(10);
const PAUSES_MAX: u32 = 3_000;

/// A call that is held, resumed and hung up.
pub(super) struct Caller {
    socket: UdpSocket,
    user_agent: UserAgent,
    clock: SystemClock,
    leg: LegId,
    /// What both sides agreed on, one after the other.
    agreed: Vec<Direction>,
}

impl Caller {
    /// Calls a peer; gives back which way media went, by each agreement after the first.
    pub(super) fn hold_and_resume(peer: SocketAddr) -> Vec<Direction> {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(PAUSE)).expect("a timeout");
        let local = socket.local_addr().expect("an address");
        let config = UserAgentConfig {
            local,
            product: "Ledgerline-test".to_owned(),
            timers: Timers::default(),
            challenge: None,
            refuse_calls: Some(403),
        };
        let (clock, mut rng) = (SystemClock::new(), Rng::from_seed(1));
        let leg = LegId::generate(clock.now(), &mut rng);
        let user_agent = UserAgent::new(config, rng);
        let mut caller = Self { socket, user_agent, clock, leg, agreed: Vec::new() };
        let invite = Invite {
            leg,
            to: peer.into(),
            others: Vec::new(),
            host: None,
            called: "12025550110".to_owned(),
            identity: Identity::of("+12025550100".to_owned()),
            credentials: None,
            sdp: offer(local, 0, Direction::SendRecv),
            ring_timeout: Millis(20_000),
        };
        caller.user_agent.invite(caller.clock.now(), invite);
        caller.run(local);
        caller.agreed
    }

    fn run(&mut self, local: SocketAddr) {
        let mut buffer = [0; 4_096];
        for _ in 0..PAUSES_MAX {
            while let Some(output) = self.user_agent.poll_output() {
                match output {
                    Output::Transmit { to, bytes } => {
                        self.socket.send_to(&bytes, to.address).expect("sent");
                    }
                    Output::Event(UaEvent::Released { status, .. }) => {
                        assert_eq!(status, Some(200));
                        return;
                    }
                    Output::Event(event) => self.happened(local, &event),
                }
            }
            if let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
                self.user_agent.receive(self.clock.now(), from, &buffer[..length]);
            }
            self.user_agent.handle_timeout(self.clock.now());
        }
        panic!("the call does not end");
    }

    fn happened(&mut self, local: SocketAddr, event: &UaEvent) {
        let (leg, now) = (self.leg, self.clock.now());
        match event {
            UaEvent::Answered { .. } => {
                self.user_agent.offer(now, leg, offer(local, 1, Direction::SendOnly));
            }
            UaEvent::OfferAnswered { offer: offered, sdp, .. } => {
                self.agreed.push(media::accept(sdp, offered).expect("an answer").direction);
                if self.agreed.len() == 1 {
                    self.user_agent.offer(now, leg, offer(local, 2, Direction::SendRecv));
                } else {
                    self.user_agent.hang_up(now, leg, Some(16));
                }
            }
            UaEvent::Progress { .. } | UaEvent::EarlyMedia { .. } | UaEvent::Ended { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

fn offer(local: SocketAddr, version: u64, direction: Direction) -> String {
    media::offer_again(local, 7, version, direction)
}
