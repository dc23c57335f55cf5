use super::*;

#[test]
fn phone_numbers_are_checked_and_print_masked() {
    let check = |text: &str, want: Result<&str, PhoneNumberError>| {
        let got = text.parse::<PhoneNumber>();
        assert_eq!(got.as_ref().map(PhoneNumber::reveal).map_err(|error| *error), want, "{text:?}");
    };
    check("+1 202-555-0123", Ok("+12025550123"));
    check("+44 7700 900 001", Ok("+447700900001"));
    check("", Err(PhoneNumberError::Empty));
    check("2025550123", Err(PhoneNumberError::NoPlus));
    check("+1202555o123", Err(PhoneNumberError::NotDigit(9)));
    check("+12", Err(PhoneNumberError::Length(2)));
    let number: PhoneNumber = "+12025550123".parse().expect("a good number");
    assert_eq!(format!("{number} {number:?}"), "+…23 +…23");
    assert_eq!(format!("{:?}", PersonName::new("Ada")), "‹name›");
}

#[test]
fn ids_carry_the_time_they_were_made() {
    let now = Timestamp::from_micros(1_795_244_400_123_000);
    let id = CallId::generate(now, &mut Rng::from_seed(1));
    assert_eq!(id.made_at(), Some(now));
    assert_eq!(id.to_string().parse(), Ok(id));
    assert!(CampaignId::new("loans-2026").is_ok());
    assert!(CampaignId::new("Loans 2026").is_err());
}

#[test]
fn ids_of_a_sequence_differ_by_one_step_and_carry_their_time() {
    let now = Timestamp::from_micros(1_795_244_400_123_000);
    let mut ids = IdSequence::new(&mut Rng::from_seed(1));
    let (one, two) = (EventId::next(now, &mut ids), EventId::next(now, &mut ids));
    assert_eq!(two.0.as_u128() - one.0.as_u128(), 1);
    let later = EventId::next(now.plus(Millis(5)), &mut ids);
    assert_eq!(later.made_at(), Some(now.plus(Millis(5))));
    assert_eq!(later.0.as_u128() - two.0.as_u128(), (5 << 80) + 1);
    for id in [one, two, later] {
        assert_eq!(id.0.get_version_num(), 7);
        assert_eq!(id.0.get_variant(), uuid::Variant::RFC4122);
    }
    let other = EventId::next(now, &mut IdSequence::new(&mut Rng::from_seed(2)));
    assert!(other.0.as_u128().abs_diff(one.0.as_u128()) > 1 << 32, "starts are drawn");
}

#[test]
fn a_sequence_goes_round_without_touching_version_and_variant() {
    let now = Timestamp::from_micros(1_795_244_400_123_000);
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let mut ids = IdSequence::with_room(&mut Rng::from_seed(seed), u32::MAX);
        for _ in 0..50 {
            let id = EventId::next(now, &mut ids);
            assert_eq!((id.0.get_version_num(), id.made_at()), (7, Some(now)));
            assert_eq!(id.0.get_variant(), uuid::Variant::RFC4122);
            assert!(seen.insert(id));
        }
    }
}

#[test]
fn legs_have_ids_in_the_room_of_their_call() {
    let now = Timestamp::from_micros(1_795_244_400_123_000);
    let mut ids = IdSequence::with_room(&mut Rng::from_seed(1), 63);
    let calls = [CallId::next(now, &mut ids), CallId::next(now, &mut ids)];
    let mut seen = std::collections::BTreeSet::new();
    for call in calls {
        assert!(seen.insert(call.0));
        for leg in 1..=63 {
            assert!(seen.insert(LegId::of_call(now, call, leg).0));
        }
    }
    let late = LegId::of_call(now.plus(Millis(9)), calls[0], 1);
    assert_eq!(late.made_at(), Some(now.plus(Millis(9))));
}

#[test]
fn the_same_seed_gives_the_same_draws() {
    let draw = |seed| {
        let mut rng = Rng::from_seed(seed);
        (0..8).map(|_| rng.below(100)).collect::<Vec<_>>()
    };
    assert_eq!(draw(7), draw(7));
    assert_ne!(draw(7), draw(8));
    let rng = Rng::from_seed(7);
    assert_ne!(rng.fork("a").bits(), rng.fork("b").bits());
}

#[test]
fn time_prints_and_reads_as_rfc_3339() {
    let text = "2026-11-21T09:30:00.000250Z";
    let moment: Timestamp = text.parse().expect("a good time");
    assert_eq!(moment.to_string(), text);
    assert_eq!(moment.plus(Millis(1_500)).since(moment), Millis(1_500));
    assert_eq!(moment.since(moment.plus(Millis(1))), Millis(0));
    assert!("yesterday".parse::<Timestamp>().is_err());
}

#[test]
fn shares_are_exact() {
    assert_eq!(Ppm::ratio(1, 3), Ppm(333_333));
    assert_eq!(Ppm::ratio(1, 0), Ppm(0));
    assert_eq!(Ppm(123_456).to_string(), "12.34 %");
}

#[test]
fn hexadecimal_reads_back_and_nothing_else_reads() {
    assert_eq!(hex(&[0, 0x0F, 0xA5, 0xFF]), "000fa5ff");
    assert_eq!(unhex("000fA5ff"), Some(vec![0, 0x0F, 0xA5, 0xFF]));
    assert_eq!(unhex(""), Some(Vec::new()));
    for wrong in ["0", "0g", "+f", " 1", "é"] {
        assert_eq!(unhex(wrong), None, "{wrong:?}");
    }
    // The empty text's digest, FIPS 180-4.
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(sha256_hex(b""), empty);
}
