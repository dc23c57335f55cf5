use super::*;

#[test]
fn what_was_sealed_comes_back() {
    let opened = open(&object(4), &KEY).expect("whole");
    assert_eq!(opened.header, header(1));
    assert_eq!((opened.duration_ms, opened.is_cut), (Millis(2_000), false));
    let audio: Vec<u8> = (0..4).flat_map(|number| sound(number, 500).audio).collect();
    assert!(opened.audio == audio);
    let checked = check(&object(4)).expect("whole");
    assert_eq!((checked.duration_ms, checked.audio.len()), (Millis(2_000), 0));
}

#[test]
fn sound_is_not_readable_in_an_object() {
    let bytes = object(2);
    let audio = sound(0, 500).audio;
    assert!(!bytes.windows(16).any(|part| part == &audio[..16]));
}

#[test]
fn another_key_does_not_fit() {
    assert_eq!(open(&object(2), &[8; 32]), Err(ObjectError::WrongKey));
}

#[test]
fn an_end_that_is_missing_is_noticed() {
    let bytes = object(4);
    let header = header(1);
    let ends: Vec<usize> = chunks(&header, 4)
        .iter()
        .scan(Header::LEN, |end, chunk| {
            *end += chunk.encode().len();
            Some(*end)
        })
        .collect();
    for (half_seconds, end) in [0].into_iter().chain(ends).enumerate().take(4) {
        let end = end.max(Header::LEN);
        let second = half_seconds as u64 / 2;
        assert_eq!(open(&bytes[..end], &KEY), Err(ObjectError::NoEnd { second }));
        let torn = open(&bytes[..end + 5], &KEY);
        assert_eq!(torn, Err(ObjectError::Damaged { second }));
    }
    let mut longer = bytes;
    longer.push(0);
    assert_eq!(open(&longer, &KEY), Err(ObjectError::Trailing { bytes: 1 }));
}

#[test]
fn chunks_in_another_order_are_noticed() {
    let header = header(1);
    let chunks = chunks(&header, 6);
    let of = |order: &[usize]| {
        let mut bytes = header.encode().to_vec();
        order.iter().for_each(|place| bytes.extend(chunks[*place].encode()));
        open(&bytes, &KEY).map(|opened| opened.duration_ms)
    };
    assert_eq!(of(&[0, 1, 2, 3, 4, 5]), Ok(Millis(3_000)));
    assert_eq!(of(&[0, 1, 3, 2, 4, 5]), Err(ObjectError::Gap { second: 1 }));
    assert_eq!(of(&[0, 1, 2, 3, 5]), Err(ObjectError::Gap { second: 2 }));
    assert_eq!(of(&[0, 0, 1, 2, 3, 4, 5]), Err(ObjectError::Gap { second: 0 }));
}

#[test]
fn a_chunk_of_another_recording_does_not_open_here() {
    let (one, other) = (header(1), header(2));
    let mut bytes = one.encode().to_vec();
    bytes.extend(chunks(&one, 4)[0].encode());
    // Same key and number, so that only the header bound in can tell.
    bytes.extend(chunks(&other, 4)[1].encode());
    assert_eq!(open(&bytes, &KEY), Err(ObjectError::Damaged { second: 0 }));
}

#[test]
fn an_end_written_later_shares_no_nonce_with_a_chunk() {
    let sealer = Sealer::new(&KEY, &header(1));
    let chunk = sealer.seal(3, &Sound::default(), true).expect("sealed").encode();
    let end = sealer.seal_cut(3).expect("sealed").encode();
    // Number, flags and length apart, the same clear bytes are sealed to others.
    assert_ne!(chunk[9..13], end[9..13]);
}

proptest! {
    #[test]
    fn any_flipped_bit_is_noticed_and_placed(place in 0_usize..40_000, bit in 0_u8..8) {
        static WHOLE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| object(5));
        let bytes = &*WHOLE;
        let place = place % bytes.len();
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << bit;
        let error = open(&flipped, &KEY).expect_err("a flipped bit");
        if place < Header::LEN {
            prop_assert_eq!(error, ObjectError::NotRecording);
        } else {
            let chunk = (bytes.len() - Header::LEN) / 5;
            let second = ((place - Header::LEN) / chunk / 2) as u64;
            prop_assert_eq!(error, ObjectError::Damaged { second });
        }
        prop_assert!(check(&flipped).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_no_recording(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut some = header(1).encode().to_vec();
        some.extend(&bytes);
        prop_assert!(open(&some, &KEY).is_err());
        prop_assert!(open(&bytes, &KEY).is_err());
    }
}

#[test]
fn a_file_has_the_customer_left_and_our_side_right() {
    let audio: Vec<u8> = [(100, -100), (2_000, -2_000), (30_000, -30_000)]
        .iter()
        .flat_map(|(left, right)| [Coding::ALaw.encode(*left), Coding::ALaw.encode(*right)])
        .collect();
    let pcm = write_wav(&audio, Coding::ALaw, WavCoding::Pcm16);
    assert_eq!(pcm.len(), 44 + 12);
    assert_eq!(&pcm[20..24], [1, 0, 2, 0], "PCM, two channels");
    let moments: Vec<i16> =
        pcm[44..].chunks(2).map(|bytes| i16::from_le_bytes([bytes[0], bytes[1]])).collect();
    assert!(moments.chunks(2).all(|both| both[0] > 0 && both[1] < 0), "{moments:?}");
    let g711 = write_wav(&audio, Coding::ALaw, WavCoding::G711);
    assert_eq!((&g711[20..24], &g711[58..]), (&[6_u8, 0, 2, 0][..], &audio[..]));
    let size = u32::from_le_bytes([g711[4], g711[5], g711[6], g711[7]]);
    assert_eq!(size as usize + 8, g711.len());
}
