use proptest::prelude::*;

use super::*;

/// A good file of four samples with some bytes replaced.
fn wav_with(offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut wav = write(&[1, -1, i16::MAX, i16::MIN]);
    wav[offset..offset + bytes.len()].copy_from_slice(bytes);
    wav
}

#[test]
fn each_wrong_file_says_what_it_is() {
    let check = |bytes: &[u8], want: WavError| assert_eq!(Wav::read(bytes), Err(want));
    check(b"", WavError::NotWav);
    check(b"ID3\x04 an mp3 file", WavError::NotWav);
    check(&wav_with(0, b"")[..20], WavError::Cut { offset: 12, size: 16, left: 0 });
    check(&wav_with(0, b"")[..36], WavError::NoData);
    check(&wav_with(12, b"junk"), WavError::NoFormat);
    check(&wav_with(0, b"")[..50], WavError::Cut { offset: 36, size: 8, left: 6 });
    check(&wav_with(20, &[3, 0]), WavError::Coding(3));
    check(&wav_with(22, &[2, 0]), WavError::Channels(2));
    check(&wav_with(34, &[8, 0]), WavError::Bits(8));
    check(&wav_with(40, &[7, 0, 0, 0]), WavError::Odd(7));
    assert_eq!(WavError::Channels(2).to_string(), "read WAV: 2 channels, wanted 1");
}

#[test]
fn the_rate_is_told() {
    let wav = Wav::read(&wav_with(24, &22_050_u32.to_le_bytes())).expect("another rate");
    assert_eq!((wav.samples.len(), wav.rate_hz), (4, 22_050));
}

#[test]
fn other_chunks_and_unknown_sizes_are_read_over() {
    let want = Wav { samples: vec![1, 2, 3, 4], rate_hz: SAMPLE_RATE };
    let plain = write(&want.samples);
    let mut listed = plain[..36].to_vec();
    listed.extend(b"LIST\x03\0\0\0abc\0");
    listed.extend(&plain[36..]);
    assert_eq!(Wav::read(&listed).as_ref(), Ok(&want));
    // espeak-ng and ffmpeg write such sizes into a pipe.
    for size in [0x7FFF_F000_u32, u32::MAX] {
        let mut piped = plain.clone();
        piped[40..44].copy_from_slice(&size.to_le_bytes());
        assert_eq!(Wav::read(&piped).as_ref(), Ok(&want));
    }
}

proptest! {
    #[test]
    fn files_round_trip(samples in prop::collection::vec(any::<i16>(), 0..400)) {
        let want = Wav { samples, rate_hz: SAMPLE_RATE };
        prop_assert_eq!(Wav::read(&write(&want.samples)), Ok(want));
    }

    #[test]
    fn arbitrary_and_mutated_files_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..100),
        at in 0_usize..50,
        value in any::<u8>(),
        cut in 0_usize..53,
    ) {
        drop(Wav::read(&bytes));
        let mut wav = wav_with(at, &[value]);
        wav.truncate(cut);
        drop(Wav::read(&wav));
    }
}
