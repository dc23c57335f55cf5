//! Strangers' bytes: nothing panics, nothing is left behind.

use proptest::prelude::*;

use super::*;

const INVITE: &str = "INVITE sip:15555550100@192.0.2.10 SIP/2.0\r\n\
    Via: SIP/2.0/UDP 203.0.113.9:5062;branch=z9hG4bKi1;rport\r\n\
    Record-Route: <sip:203.0.113.9:5062;lr>\r\nMax-Forwards: 70\r\n\
    From: \"A\" <sip:15555550123@203.0.113.8>;tag=ann\r\nTo: <sip:15555550100@192.0.2.10>\r\n\
    Call-ID: call-1\r\nCSeq: 10 INVITE\r\nContact: <sip:ann@203.0.113.8:5066>\r\n\
    Proxy-Authorization: Digest username=\"u\", nonce=\"0123456789abcdef0\", response=\"x\"\r\n\
    Reason: Q.850;cause=16\r\nContent-Type: application/sdp\r\nContent-Length: 3\r\n\r\nv=0";

/// Bytes with some changed, put in, taken out and doubled.
pub(super) fn mutate(bytes: &[u8], changes: &[(usize, u8, u8)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (at, kind, byte) in changes {
        if bytes.is_empty() {
            break;
        }
        let at = at % bytes.len();
        match kind % 4 {
            0 => bytes[at] = *byte,
            1 => bytes.insert(at, *byte),
            2 => drop(bytes.remove(at)),
            _ => {
                let end = (at + usize::from(*byte)).min(bytes.len());
                let piece: Vec<u8> = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_datagrams(datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..8)) {
        let mut bench = Bench::new();
        for datagram in datagrams {
            bench.ua.receive(bench.now, peer(), &datagram);
        }
        bench.assert_nothing_left();
    }

    #[test]
    fn mutated_requests_and_answers(
        changes in prop::collection::vec(any::<(usize, u8, u8)>(), 0..6),
        challenged in any::<bool>(),
    ) {
        let mut config = config();
        if challenged {
            config.challenge = Some(super::super::super::Challenge {
                realm: "r".to_owned(), user: "u".to_owned(), password: "p".to_owned(),
            });
        }
        let mut bench = Bench::with(config);
        bench.ua.receive(bench.now, peer(), &mutate(INVITE.as_bytes(), &changes));
        let (_, ours) = {
            bench.drain();
            bench.sent.clear();
            bench.call(None)
        };
        for status in ["183 Session Progress", "200 OK", "401 Unauthorized", "487 x"] {
            let text = answer(&ours, status, "Contact: <sip:x@203.0.113.5>\n", "v=0");
            bench.ua.receive(bench.now, peer(), &mutate(text.replace('\n', "\r\n").as_bytes(), &changes));
        }
        let legs: Vec<LegId> = bench.events().iter().filter_map(UaEvent::leg).collect();
        for leg in legs {
            bench.ua.answer(bench.now, leg, "v=1".to_owned());
            bench.ua.hang_up(bench.now, leg, None);
        }
        bench.assert_nothing_left();
    }
}
