//! Datagrams to a user agent that takes calls and registrations: none panics, none makes it send
//! more than it was sent, and nothing of it stays.
//!
//! An input is one datagram, or several with four bytes 0xFF between them.

#![no_main]

use std::net::SocketAddr;

use ledgerline::base::{LegId, Millis, Rng, Timestamp};
use ledgerline::sip::{
    Credentials, DigestHash, Identity, Invite, Output, Timers, UserAgent, UserAgentConfig,
};
use ledgerline_fuzz::datagrams;
use libfuzzer_sys::fuzz_target;

const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fuzz_target!(|input: &[u8]| {
    let peer: SocketAddr = ([198, 51, 100, 7], 5060).into();
    let mut agent = UserAgent::new(
        UserAgentConfig {
            local: ([192, 0, 2, 10], 5060).into(),
            product: "Ledgerline".to_owned(),
            timers: Timers::default(),
            challenge: None,
            refuse_calls: None,
        },
        Rng::from_seed(1),
    );
    let user = Credentials { user: "user".to_owned(), password: "secret".to_owned() };
    agent.admit_phones("example.com", &[DigestHash::Md5], vec![user.clone()]);
    let leg = LegId::generate(START, &mut Rng::from_seed(2));
    agent.invite(START, Invite {
        leg,
        to: peer.into(),
        others: Vec::new(),
        host: None,
        called: "bob".to_owned(),
        identity: Identity::of("ann"),
        credentials: Some(user),
        sdp: "v=0\r\n".to_owned(),
        ring_timeout: Millis(20_000),
    });
    while agent.poll_output().is_some() {}
    let mut legs = vec![leg];
    for datagram in datagrams(input) {
        agent.receive(START, peer, datagram);
        let mut sent = 0;
        while let Some(output) = agent.poll_output() {
            match output {
                Output::Transmit { bytes, .. } => {
                    assert!(bytes.len() < datagram.len() + 2_000, "answers grow");
                    sent += 1;
                }
                Output::Event(event) => legs.extend(event.leg()),
            }
        }
        assert!(sent <= 4, "{sent} datagrams for one");
    }
    for leg in legs {
        agent.answer(START, leg, "v=1\r\n".to_owned());
        agent.hang_up(START, leg, None);
    }
    let end = START.plus(Millis::from_secs(400));
    while let Some(at) = agent.poll_timeout().filter(|at| *at <= end) {
        agent.handle_timeout(at);
        while agent.poll_output().is_some() {}
    }
    assert_eq!((agent.live_transactions(), agent.live_dialogs()), (0, 0));
});
