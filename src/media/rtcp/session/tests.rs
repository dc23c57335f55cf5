use super::*;
use crate::media::rtcp::{COMPOUND_MAX, read};

const OURS: u32 = 0x0A0A_0A0A;
const THEIRS: u32 = 0x0B0B_0B0B;

fn at(millis: u64) -> Timestamp {
    // 2026-11-22, so that the NTP times are those of our day.
    Timestamp::from_micros(1_795_305_600_000_000 + i64::try_from(millis * 1_000).expect("small"))
}

fn sent(ssrc: u32, packets: u64) -> Sent {
    Sent { ssrc, packets, octets: packets * 160, rtp: packets as u32 * 160 }
}

fn heard(ssrc: u32, expected: u64, received: u64) -> Heard {
    Heard { ssrc, expected, received, highest: expected as u32, jitter: 8 }
}

/// The report an end writes once its time has come, and when that was.
fn report(end: &mut RtcpSession, from: u64, sent: Sent, heard: Option<Heard>) -> (u64, Vec<u8>) {
    let mut buffer = [0; COMPOUND_MAX];
    for now in from..from + 20_000 {
        let length = end.handle_timeout(at(now), sent, heard, &mut buffer);
        if length > 0 {
            return (now, buffer[..length].to_vec());
        }
    }
    panic!("no report in 20 s");
}

fn block(bytes: &[u8]) -> Option<ReportBlock> {
    match read(bytes).expect("our own").packets().next()? {
        RtcpPacket::SenderReport { mut blocks, .. }
        | RtcpPacket::ReceiverReport { mut blocks, .. } => blocks.next(),
        _ => None,
    }
}

#[test]
fn two_ends_learn_the_round_trip() {
    let (mut here, mut there) =
        (RtcpSession::new(at(0), Rng::from_seed(1)), RtcpSession::new(at(0), Rng::from_seed(2)));
    let ours = sent(OURS, 100);
    let (left, bytes) = report(&mut here, 0, ours, Some(heard(THEIRS, 100, 100)));
    assert_eq!(here.round_trip(), None);
    // 40 ms there, some seconds until the answer, 60 ms back.
    there.receive(at(left + 40), THEIRS, &bytes).expect("a report");
    let (answered, bytes) =
        report(&mut there, left + 41, sent(THEIRS, 200), Some(heard(OURS, 200, 198)));
    here.receive(at(answered + 60), OURS, &bytes).expect("a report");
    let trip = here.round_trip().expect("known").0;
    assert!((99..=101).contains(&trip), "{trip} ms");
    let remote = here.remote().expect("they reported");
    assert_eq!((remote.cumulative_lost, remote.ssrc), (2, OURS));
}

#[test]
fn a_report_that_answers_none_of_ours_gives_no_round_trip() {
    let mut here = RtcpSession::new(at(0), Rng::from_seed(1));
    let (left, _) = report(&mut here, 0, sent(OURS, 100), None);
    let made_up = ReportBlock { ssrc: OURS, last_report: 77, delay: 1, ..ReportBlock::default() };
    for block in [made_up, ReportBlock { last_report: 0, ..made_up }] {
        let mut buffer = [0; COMPOUND_MAX];
        let mut writer = Writer::new(&mut buffer);
        writer.report(THEIRS, None, Some(block));
        let length = writer.length();
        here.receive(at(left + 100), OURS, &buffer[..length]).expect("a report");
        assert_eq!(here.round_trip(), None);
    }
}

#[test]
fn a_report_counts_loss_since_the_one_before_and_at_all() {
    let mut here = RtcpSession::new(at(0), Rng::from_seed(1));
    let (first, bytes) = report(&mut here, 0, sent(OURS, 1), Some(heard(THEIRS, 100, 100)));
    assert_eq!(
        block(&bytes).map(|block| (block.fraction_lost, block.cumulative_lost)),
        Some((0, 0))
    );
    let (second, bytes) = report(&mut here, first, sent(OURS, 2), Some(heard(THEIRS, 200, 150)));
    // 50 of 100: 128 of 256.
    assert_eq!(block(&bytes).map(|b| (b.fraction_lost, b.cumulative_lost)), Some((128, 50)));
    // Copies make up for more than was lost.
    let (_, bytes) = report(&mut here, second, sent(OURS, 3), Some(heard(THEIRS, 300, 310)));
    assert_eq!(block(&bytes).map(|b| (b.fraction_lost, b.cumulative_lost)), Some((0, -10)));
}

#[test]
fn an_end_that_stops_sending_reports_as_a_receiver() {
    let mut here = RtcpSession::new(at(0), Rng::from_seed(1));
    let mut from = 0;
    let mut kinds = Vec::new();
    for packets in [100, 200, 200, 200, 300] {
        let (now, bytes) = report(&mut here, from, sent(OURS, packets), None);
        from = now;
        kinds.push(bytes[1]);
    }
    // Two reports after the last packet it is none any more.
    assert_eq!(kinds, [200, 200, 200, 201, 200]);
}

#[test]
fn names_differ_from_leg_to_leg_and_say_nothing() {
    let name = |seed| RtcpSession::new(at(0), Rng::from_seed(seed)).cname;
    assert_ne!(name(1), name(2));
    assert!(name(1).iter().all(|byte| BASE64.contains(byte)));
}

#[test]
fn a_goodbye_is_written_and_heard() {
    let (mut here, mut there) =
        (RtcpSession::new(at(0), Rng::from_seed(1)), RtcpSession::new(at(0), Rng::from_seed(2)));
    let mut buffer = [0; COMPOUND_MAX];
    assert_eq!(here.goodbye(at(5), sent(OURS, 0), None, &mut buffer), 0, "nobody knows us");
    let length = here.goodbye(at(10), sent(OURS, 5), Some(heard(THEIRS, 5, 5)), &mut buffer);
    let before = there.poll_timeout();
    there.receive(at(20), THEIRS, &buffer[..length]).expect("a report");
    assert!(there.poll_timeout() < before, "alone, there is less to wait for");
    assert!(length <= COMPOUND_MAX);
}

#[test]
fn ntp_counts_from_1900() {
    // 2026-11-22 00:00:00 UTC is 4,004,294,400 s after 1900-01-01.
    assert_eq!(ntp(at(0)) >> 32, 4_004_294_400);
    assert_eq!(ntp(at(500)) & 0xFFFF_FFFF, 1 << 31);
}
