//! SRTP over a whole session.

use super::line::{Line, Weather, address, agreed};
use super::*;
use crate::media::rtcp;
use crate::media::srtp::{Crypto, MasterKey, Profile};

/// Lets both ends of a line encrypt.
fn secure(line: &mut Line, profile: Profile) {
    let keys = [1, 2].map(|byte| MasterKey::from_entropy(profile, &[byte; 30]));
    for number in 0..2 {
        let crypto = Some(Crypto { local: keys[number], remote: keys[1 - number] });
        let negotiated = agreed(address(1 - number as u16), Direction::SendRecv);
        let now = line.now;
        line.ends[number].session.set_remote(now, &Negotiated { crypto, ..negotiated });
    }
}

#[test]
fn encrypted_audio_digits_and_reports_arrive() {
    for profile in Profile::ALL {
        let mut line = Line::new(1, Weather::default());
        secure(&mut line, profile);
        line.ends[1].session.set_forwarding(true);
        line.run(Millis(200));
        line.ends[0].session.play(line.now, 1, voice(Millis(1_000)));
        line.run(Millis(1_100));
        press(&mut line, "42");
        line.run(Millis(20_000));
        assert_eq!(digits(&line.ends[1]), "42");
        assert_eq!(speech(&line.ends[1]).len(), 2, "{profile:?}");
        for end in &line.ends {
            let statistics = end.session.statistics();
            assert_eq!((statistics.unauthentic, statistics.malformed), (0, 0));
            assert!(statistics.round_trip_ms.is_some());
            // The audio's 160 bytes and their tag; and reports nobody can read.
            assert!(end.sent.iter().all(|(_, packet)| packet.payload.len() != 160));
            assert!(end.reports.iter().all(|(_, bytes)| rtcp::read(bytes).is_err()));
        }
    }
}

#[test]
fn what_is_not_genuine_is_not_heard_and_moves_nobody() {
    let mut line = Line::new(2, Weather::default());
    secure(&mut line, Profile::AesCm128HmacSha1_80);
    line.run(Millis(1_000));
    let before = line.ends[1].session.statistics();
    let now = line.now;
    // In the open, from the peer's own address, and from another port of it.
    for number in 0..50 {
        let plain = packet::write(0, false, number, 0, 77, &[0; 160]);
        line.ends[1].session.receive(now, address(0), &plain);
        line.ends[1].session.receive(now, address(9), &plain);
    }
    let after = line.ends[1].session.statistics();
    assert_eq!(after.packets_received, before.packets_received);
    assert_eq!(after.unauthentic, 100);
    assert!(speech(&line.ends[1]).is_empty());
    line.run(Millis(1_000));
    let going_on = line.ends[1].session.statistics();
    assert_eq!(going_on.packets_received, before.packets_received + 50);
}

#[test]
fn copies_are_taken_once() {
    let weather = Weather { copies: Ppm(1_000_000), ..Weather::default() };
    let mut line = Line::new(3, weather);
    secure(&mut line, Profile::AeadAes128Gcm);
    line.run(Millis(3_000));
    let statistics = line.ends[0].session.statistics();
    let (taken, refused) = (statistics.packets_received, statistics.unauthentic);
    assert!(taken > 140 && refused >= taken, "{statistics:?}");
    assert_eq!(statistics.packets_lost, 0);
}

#[test]
fn a_key_agreed_again_goes_on() {
    let mut line = Line::new(4, Weather::default());
    secure(&mut line, Profile::AesCm128HmacSha1_80);
    line.run(Millis(2_000));
    secure(&mut line, Profile::AesCm128HmacSha1_80);
    line.run(Millis(2_000));
    let statistics = line.ends[0].session.statistics();
    assert_eq!(statistics.unauthentic, 0);
    assert!(statistics.packets_received > 195, "{statistics:?}");
}
