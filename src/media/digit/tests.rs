use proptest::prelude::*;

use super::*;

fn digit(key: char) -> Digit {
    Digit::try_from(key).expect("a key")
}

/// All packets for the keys, with the timestamps of the steps they go out at.
fn packets(keys: &str, held: Millis) -> Vec<DigitPacket> {
    let mut sender = DigitSender::default();
    for key in keys.chars() {
        sender.push(digit(key), held);
    }
    let mut sent = Vec::new();
    let mut timestamp = u32::MAX - 500; // the clock wraps on the way
    while !sender.is_idle() {
        sent.extend(sender.step(timestamp, 8_000));
        timestamp = timestamp.wrapping_add(160);
    }
    sent
}

fn hear<'a>(packets: impl IntoIterator<Item = &'a DigitPacket>) -> Vec<(Digit, Millis)> {
    let mut receiver = DigitReceiver::default();
    let mut heard = Vec::new();
    let mut now = Timestamp::EPOCH;
    for packet in packets {
        now = now.plus(Millis(20));
        receiver.receive(now, packet.timestamp, &packet.payload, &mut heard).expect("whole");
    }
    receiver.handle_timeout(now.plus(END_LOST_AFTER), &mut heard);
    heard
}

#[test]
fn keys_read_and_print() {
    for (key, code) in "0123456789*#ABCD".chars().zip(0..) {
        assert_eq!(digit(key).code(), code);
        assert_eq!(digit(key).to_string(), key.to_string());
        assert_eq!(key.to_string().parse(), Ok(digit(key)));
    }
    assert_eq!(Digit::try_from('d'), Ok(digit('D')));
    assert_eq!("E".parse::<Digit>(), Err(DigitError('E')));
    assert_eq!("12".parse::<Digit>(), Err(DigitError('2')));
    assert_eq!(Digit::from_code(16), None);
    assert_eq!(Digit::all().count(), 16);
}

#[test]
fn one_digit_is_sent_as_the_standard_says() {
    let sent = packets("5", Millis(100));
    let durations: Vec<u16> =
        sent.iter().map(|p| u16::from_be_bytes([p.payload[2], p.payload[3]])).collect();
    assert_eq!(durations, [160, 320, 480, 640, 800, 800, 800]);
    let ends: Vec<bool> = sent.iter().map(|p| p.payload[1] & 0x80 != 0).collect();
    assert_eq!(ends, [false, false, false, false, true, true, true]);
    assert!(sent.iter().all(|p| p.timestamp == sent[0].timestamp && p.payload[0] == 5));
    let markers: Vec<bool> = sent.iter().map(|p| p.marker).collect();
    assert_eq!(markers, [true, false, false, false, false, false, false]);
}

#[test]
fn a_digit_survives_the_loss_of_its_start_or_its_end() {
    let sent = packets("7", Millis(100));
    assert_eq!(hear(&sent), [(digit('7'), Millis(100))]);
    assert_eq!(hear(&sent[4..]), [(digit('7'), Millis(100))]);
    assert_eq!(hear(&sent[..4]), [(digit('7'), Millis(80))]);
    assert_eq!(hear(&sent[6..]), [(digit('7'), Millis(100))]);
    let repeated: Vec<DigitPacket> = sent.iter().chain(&sent).copied().collect();
    assert_eq!(hear(&repeated), [(digit('7'), Millis(100))]);
}

#[test]
fn the_next_digit_ends_one_whose_end_was_lost() {
    let sent = packets("11", Millis(60));
    let (first, second) = sent.split_at(sent.len() / 2);
    let kept: Vec<DigitPacket> = first[..2].iter().chain(second).copied().collect();
    assert_eq!(hear(&kept), [(digit('1'), Millis(40)), (digit('1'), Millis(60))]);
    // A late packet of the first digit does not bring it back.
    let late: Vec<DigitPacket> =
        first[..2].iter().chain(second).chain(&first[2..]).copied().collect();
    assert_eq!(hear(&late).len(), 2);
}

#[test]
fn a_long_press_in_segments_is_one_digit() {
    let event = |end: bool, duration: u16| {
        let [high, low] = duration.to_be_bytes();
        [9, if end { 0x8A } else { 0x0A }, high, low]
    };
    let segment = |timestamp, payload| DigitPacket { marker: false, timestamp, payload };
    let packets = [
        segment(1_000, event(false, 65_000)),
        segment(1_000, event(false, 65_535)),
        segment(66_535, event(false, 160)),
        segment(66_535, event(true, 800)),
    ];
    assert_eq!(hear(&packets), [(digit('9'), Millis(8_291))]);
}

#[test]
fn short_payloads_and_other_events() {
    let mut receiver = DigitReceiver::default();
    let mut heard = Vec::new();
    let now = Timestamp::EPOCH;
    assert_eq!(receiver.receive(now, 1, &[1, 2, 3], &mut heard), Err(ShortEvent));
    assert_eq!(receiver.receive(now, 1, &[36, 0x80, 0, 160], &mut heard), Ok(()));
    assert_eq!(heard, []);
}

proptest! {
    #[test]
    fn any_loss_that_leaves_one_packet_of_each_keeps_every_digit(
        keys in "[0-9*#A-D]{1,12}",
        held in 40_u64..400,
        drop in prop::collection::vec(any::<bool>(), 400),
        spared in 0_usize..6,
    ) {
        let sent = packets(&keys, Millis(held));
        let mut place = 0;
        let kept: Vec<DigitPacket> = sent.iter().zip(drop.iter().cycle()).filter(|(packet, drop)| {
            place = if packet.marker { 0 } else { place + 1 };
            !**drop || place == spared.min(4)
        }).map(|(packet, _)| *packet).collect();
        let heard: String = hear(&kept).iter().map(|(digit, _)| digit.as_char()).collect();
        prop_assert_eq!(heard, keys);
    }

    #[test]
    fn arbitrary_events_never_panic(
        events in prop::collection::vec((any::<u32>(), prop::collection::vec(any::<u8>(), 0..6)), 0..60),
    ) {
        let mut receiver = DigitReceiver::default();
        let mut heard = Vec::new();
        for (timestamp, payload) in events {
            let _ = receiver.receive(Timestamp::EPOCH, timestamp, &payload, &mut heard);
        }
        receiver.restart(&mut heard);
    }
}
