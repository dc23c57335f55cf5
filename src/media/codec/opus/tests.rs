use proptest::prelude::*;

use super::*;

#[test]
fn the_first_byte_says_how_long_a_packet_plays() {
    let check =
        |packet: &[u8], want: Option<usize>| assert_eq!(samples_in(packet), want, "{packet:?}");
    check(&[], None);
    check(&[0 << 3], Some(80));
    check(&[1 << 3], Some(160));
    check(&[3 << 3], Some(480));
    check(&[(13 << 3) | 1], Some(320));
    check(&[16 << 3], Some(20));
    check(&[31 << 3], Some(160));
    check(&[(1 << 3) | 3, 6], Some(960));
    check(&[(1 << 3) | 3, 7], None);
    check(&[(1 << 3) | 3, 0], None);
    check(&[(1 << 3) | 3], None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_arrives_is_heard_as_something(
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..20),
    ) {
        let mut decoder = Decoder::new().expect("a decoder");
        let mut heard = Vec::new();
        for packet in &packets {
            heard.clear();
            decoder.decode(packet, 160, &mut heard);
            prop_assert!((1..=SAMPLES_MAX).contains(&heard.len()));
            heard.clear();
            decoder.repair(packet, 160, &mut heard);
            prop_assert_eq!(heard.len(), 160);
        }
    }
}
