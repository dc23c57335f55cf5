//! RTCP and quality over a whole session.

use super::line::{Line, Probe, Weather, address, agreed};
use super::*;
use crate::media::rtcp::{self, RtcpPacket};

fn intervals(end: &End) -> Vec<QualityInterval> {
    let intervals = end.events.iter().filter_map(|event| match event {
        MediaEvent::QualityInterval(interval) => Some(*interval),
        _ => None,
    });
    intervals.collect()
}

#[test]
fn both_ends_report_and_learn_the_round_trip() {
    let mut line = Line::new(1, Weather::default());
    let start = line.now;
    line.run(Millis(60_000));
    for end in &line.ends {
        assert_eq!(end.session.statistics().peer_lost, Some(0));
        // 5 ms each way; the clock of reports has steps of 1/65,536 s.
        let trip = end.session.statistics().round_trip_ms.expect("reports were answered").0;
        assert!((9..=11).contains(&trip), "{trip} ms");
        assert!((9..=24).contains(&end.reports.len()), "{} reports in a minute", end.reports.len());
        for (_, bytes) in &end.reports {
            assert!(rtcp::read(bytes).is_ok());
        }
    }
    let cuts = intervals(&line.ends[0]);
    assert_eq!(cuts.len(), 12);
    assert_eq!(cuts[0].from, start);
    assert!(cuts.windows(2).all(|pair| pair[0].to == pair[1].from));
    let good = cuts[11].quality.expect("packets came");
    assert!(good.r_milli > 90_000 && good.mos_milli > 4_300, "{good:?}");
}

#[test]
fn a_bad_line_shows_in_its_intervals_and_in_the_reports_of_the_other_side() {
    let mut line = Line::new(2, BAD);
    line.run(Millis(60_000));
    let statistics = line.ends[0].session.statistics();
    assert!(statistics.loss_runs > 100, "{statistics:?}");
    let worst = intervals(&line.ends[0]).into_iter().filter_map(|cut| cut.quality);
    let worst = worst.map(|quality| quality.r_milli).min().expect("packets came");
    assert!(worst < 75_000, "a tenth is lost: {worst}");
    let lost = line.ends[1].reports.iter().filter_map(|(_, bytes)| {
        match rtcp::read(bytes).ok()?.packets().next()? {
            RtcpPacket::SenderReport { mut blocks, .. } => blocks.next(),
            _ => None,
        }
    });
    let fractions: Vec<u8> = lost.map(|block| block.fraction_lost).collect();
    assert!(fractions.iter().any(|fraction| (13..40).contains(fraction)), "{fractions:?}");
}

#[test]
fn the_end_is_told() {
    let mut line = Line::new(3, Weather::default());
    line.run(Millis(7_000));
    let now = line.now;
    line.ends[0].session.finish(now);
    line.run(Millis(100));
    let (_, last) = line.ends[0].reports.last().expect("a report");
    let packets: Vec<_> = rtcp::read(last).expect("a report").packets().collect();
    assert!(matches!(packets[..], [_, _, RtcpPacket::Goodbye(_)]), "{packets:?}");
    let cuts = intervals(&line.ends[0]);
    assert_eq!((cuts.len(), cuts.last().map(|cut| cut.to)), (2, Some(now)));
}

#[test]
fn reports_of_strangers_are_refused() {
    let (mut session, start) =
        (Probe::new(MediaSettings::default(), Rng::from_seed(1)), Timestamp::from_micros(0));
    let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
    let stranger: SocketAddr = "203.0.113.5:4003".parse().expect("an address");
    session.set_remote(start, &agreed(address(1), Direction::SendRecv));
    session.receive_at(MediaPort::Rtcp, start, stranger, &report);
    assert_eq!(session.statistics().strangers, 1);
    let peer = SocketAddr::new(address(1).ip(), 9_999);
    session.receive_at(MediaPort::Rtcp, start, peer, &report);
    session.receive_at(MediaPort::Rtcp, start, peer, b"nonsense");
    let statistics = session.statistics();
    assert_eq!((statistics.strangers, statistics.malformed), (1, 1));
    // From now on reports go where the peer's come from.
    let to = std::iter::from_fn(|| {
        let due = session.poll_timeout()?;
        session.handle_timeout(due);
        Some(std::iter::from_fn(|| session.poll_output()).collect::<Vec<_>>())
    })
    .take(1_000)
    .flatten()
    .find_map(|output| match output {
        MediaOutput::Transmit { port: MediaPort::Rtcp, to, .. } => Some(to),
        _ => None,
    });
    assert_eq!(to, Some(peer));
}

#[test]
fn both_share_a_port_where_that_is_agreed_and_only_there() {
    let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
    for rtcp_mux in [false, true] {
        let mut session = Probe::new(MediaSettings::default(), Rng::from_seed(1));
        let start = Timestamp::from_micros(0);
        let negotiated = Negotiated { rtcp_mux, ..agreed(address(1), Direction::SendRecv) };
        session.set_remote(start, &negotiated);
        session.receive(start, address(1), &report[..7]);
        assert_eq!(session.statistics().malformed, u64::from(rtcp_mux));
        let ports = std::iter::from_fn(|| {
            let due = session.poll_timeout()?;
            session.handle_timeout(due);
            Some(std::iter::from_fn(|| session.poll_output()).collect::<Vec<_>>())
        })
        .take(1_000)
        .flatten()
        .filter_map(|output| match output {
            MediaOutput::Transmit { port, bytes, .. } if rtcp::read(&bytes).is_ok() => Some(port),
            _ => None,
        });
        let ports: Vec<_> = ports.collect();
        let want = if rtcp_mux { MediaPort::Rtp } else { MediaPort::Rtcp };
        assert!(!ports.is_empty() && ports.iter().all(|port| *port == want), "{ports:?}");
    }
}

#[test]
fn a_bridge_gets_even_frames_from_an_uneven_line() {
    let weather = Weather { loss: Ppm(20_000), jitter: Millis(40), ..Weather::default() };
    let mut line = Line::new(4, weather);
    line.ends[1].session.set_forwarding(true);
    line.run(Millis(2_000));
    line.ends[0].session.play(line.now, 1, voice(Millis(10_000)));
    let before = line.ends[1].frames.len();
    line.run(Millis(10_000));
    let frames = line.ends[1].frames.len() - before;
    assert!((495..=505).contains(&frames), "{frames}");
    let statistics = line.ends[1].session.statistics();
    assert!(statistics.concealed > 0, "{statistics:?}");
    let delay = statistics.playout_ms.expect("there is a bridge").0;
    assert!((40..=80).contains(&delay), "{delay} ms");
}
