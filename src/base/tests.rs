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
