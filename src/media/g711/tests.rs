use proptest::prelude::*;

use super::*;

const BOTH: [Law; 2] = [Law::Mu, Law::A];

#[test]
fn known_values_of_the_standard() {
    let check = |codec: Law, sample: i16, byte: u8, back: i16| {
        assert_eq!(codec.encode_sample(sample), byte, "{codec:?} {sample}");
        assert_eq!(codec.decode_sample(byte), back, "{codec:?} {byte:#x}");
    };
    check(Law::Mu, 0, 0xFF, 0);
    check(Law::Mu, i16::MAX, 0x80, 32_124);
    check(Law::Mu, i16::MIN, 0x00, -32_124);
    check(Law::Mu, 1_000, 0xCE, 988);
    check(Law::Mu, -1_000, 0x4E, -988);
    check(Law::A, 0, 0xD5, 8);
    check(Law::A, -1, 0x55, -8);
    check(Law::A, i16::MAX, 0xAA, 32_256);
    check(Law::A, i16::MIN, 0x2A, -32_256);
    check(Law::A, 1_000, 0xFA, 1_008);
}

#[test]
fn every_byte_survives_decoding_and_encoding() {
    for codec in BOTH {
        for byte in 0..=255 {
            let sample = codec.decode_sample(byte);
            let again = codec.decode_sample(codec.encode_sample(sample));
            assert_eq!(again, sample, "{codec:?} {byte:#x}");
        }
        assert!(codec.decode_sample(codec.encode_sample(0)).abs() <= 8);
    }
}

#[test]
fn encoding_picks_a_neighbouring_level() {
    for codec in BOTH {
        let mut levels: Vec<i32> =
            (0..=255).map(|byte| i32::from(codec.decode_sample(byte))).collect();
        levels.sort_unstable();
        levels.dedup();
        for sample in i16::MIN..=i16::MAX {
            let wide = i32::from(sample);
            let got = i32::from(codec.decode_sample(codec.encode_sample(sample)));
            let above = levels.partition_point(|level| *level < wide);
            let near = &levels[above.saturating_sub(1)..levels.len().min(above + 2)];
            assert!(near.contains(&got), "{codec:?} {sample}: {got} not among {near:?}");
        }
    }
}

proptest! {
    #[test]
    fn louder_never_sounds_softer(low in any::<i16>(), high in any::<i16>()) {
        let (low, high) = (low.min(high), low.max(high));
        for codec in BOTH {
            let heard = |sample| codec.decode_sample(codec.encode_sample(sample));
            prop_assert!(heard(low) <= heard(high));
        }
    }

    #[test]
    fn the_error_is_a_small_share_of_the_signal(sample in -32_000i16..=32_000) {
        for codec in BOTH {
            let heard = i32::from(codec.decode_sample(codec.encode_sample(sample)));
            let error = (heard - i32::from(sample)).abs();
            prop_assert!(error <= 8 + i32::from(sample.unsigned_abs().min(32_000) as i16) / 28);
        }
    }
}
