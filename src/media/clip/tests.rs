use proptest::prelude::*;

use super::*;

/// A good file of four samples with some bytes replaced.
fn wav_with(offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut wav = Clip::new([1, -1, i16::MAX, i16::MIN]).to_wav();
    wav[offset..offset + bytes.len()].copy_from_slice(bytes);
    wav
}

#[test]
fn each_wrong_file_says_what_it_is() {
    let check = |bytes: &[u8], want: ClipProblem| {
        let error = Clip::from_wav("hello.wav", bytes).expect_err("a wrong file");
        assert_eq!(error.problem, want);
        assert!(error.to_string().starts_with("read audio hello.wav: "), "{error}");
    };
    check(b"", ClipProblem::NotWav);
    check(b"ID3\x04 an mp3 file", ClipProblem::NotWav);
    check(&wav_with(0, b"")[..20], ClipProblem::Cut { offset: 12, size: 16, left: 0 });
    check(&wav_with(0, b"")[..36], ClipProblem::NoData);
    check(&wav_with(12, b"junk"), ClipProblem::NoFormat);
    check(&wav_with(0, b"")[..50], ClipProblem::Cut { offset: 36, size: 8, left: 6 });
    check(&wav_with(20, &[3, 0]), ClipProblem::Coding(3));
    check(&wav_with(22, &[2, 0]), ClipProblem::Channels(2));
    check(&wav_with(24, &44_100_u32.to_le_bytes()), ClipProblem::Rate(44_100));
    check(&wav_with(34, &[8, 0]), ClipProblem::Bits(8));
    check(&wav_with(40, &[7, 0, 0, 0]), ClipProblem::Odd(7));
    let error = Clip::from_wav("a.wav", &wav_with(24, &16_000_u32.to_le_bytes()));
    assert_eq!(
        error.expect_err("another rate").to_string(),
        "read audio a.wav: 16000 samples a second, wanted 8000"
    );
}

#[test]
fn other_chunks_and_unknown_sizes_are_read_over() {
    let clip = Clip::new([1, 2, 3, 4]);
    let plain = clip.to_wav();
    let mut listed = plain[..36].to_vec();
    listed.extend(b"LIST\x03\0\0\0abc\0");
    listed.extend(&plain[36..]);
    assert_eq!(Clip::from_wav("a", &listed), Ok(clip.clone()));
    // espeak-ng and ffmpeg write such sizes into a pipe.
    for size in [0x7FFF_F000_u32, u32::MAX] {
        let mut piped = plain.clone();
        piped[40..44].copy_from_slice(&size.to_le_bytes());
        assert_eq!(Clip::from_wav("a", &piped), Ok(clip.clone()));
    }
}

#[test]
fn lengths_and_joins() {
    assert_eq!(Clip::new([]).duration(), Millis(0));
    assert_eq!(Clip::new([0; 9]).duration(), Millis(2));
    let beep = Clip::tone(1_000, Millis(10), 1_000);
    assert_eq!(&beep.samples()[..5], [0, 707, 1_000, 707, 0]);
    let both = Clip::silence(Millis(20)).followed_by(&beep);
    assert_eq!(both.duration(), Millis(30));
    assert_eq!(&both.samples()[160..], beep.samples());
    assert_eq!(format!("{both:?}"), "Clip(240 samples)");
}

proptest! {
    #[test]
    fn wav_files_round_trip(samples in prop::collection::vec(any::<i16>(), 0..400)) {
        let clip = Clip::new(samples);
        prop_assert_eq!(Clip::from_wav("a", &clip.to_wav()), Ok(clip));
    }

    #[test]
    fn raw_mu_law_round_trips(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let clip = Clip::from_ulaw(&bytes);
        prop_assert_eq!(clip.samples().len(), bytes.len());
        prop_assert_eq!(Clip::from_ulaw(&clip.to_ulaw()), clip);
    }

    #[test]
    fn arbitrary_and_mutated_files_never_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..100),
        at in 0_usize..50,
        value in any::<u8>(),
        cut in 0_usize..53,
    ) {
        drop(Clip::from_wav("a", &bytes));
        let mut wav = wav_with(at, &[value]);
        wav.truncate(cut);
        drop(Clip::from_wav("a", &wav));
    }
}
