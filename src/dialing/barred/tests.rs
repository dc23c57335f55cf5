use proptest::prelude::*;

use super::*;

/// A country code and what follows it. Numbers are put together here, as many of these countries
/// keep none free for tests.
fn check(country: &str, rest: &str, want: Option<Barred>) {
    let number = format!("+{country}{rest}");
    assert_eq!(barred(&number), want, "{number}");
}

#[test]
fn emergency_codes_are_barred_however_they_are_written() {
    for number in ["112", "911", "999", "+44999", "+1911", "+61000", "+86110", "+3315", "+290112"] {
        assert_eq!(barred(number), Some(Barred::Emergency), "{number}");
    }
    for (country, rest) in [("1", "9115550100"), ("49", " 0112"), ("86", " 120"), ("81", "119")] {
        check(country, rest, Some(Barred::Emergency));
    }
}

#[test]
fn premium_numbers_are_barred() {
    for (country, rest) in [
        ("1", "9005550100"),
        ("979", "123456789"),
        ("44", "9061234567"),
        ("44", " 0 9061234567"),
        ("33", "899123456"),
        ("49", "9001234567"),
        ("883", "510000000000"),
        ("882", "16123456"),
        ("353", "1550123456"),
        ("82", "601234567"),
        ("852", "90012345"),
        // One digit too many rings all the same.
        ("44", "90612345678"),
    ] {
        check(country, rest, Some(Barred::Premium));
    }
}

#[test]
fn codes_and_numbers_of_no_plan_are_barred() {
    for number in ["+1411", "+4412345", "10086", "+8610086", "", "+", "2025550100"] {
        assert_eq!(barred(number), Some(Barred::ShortCode), "{number}");
    }
    for (country, rest) in [
        ("1", "4115550100"),
        ("1", "0115550100"),
        ("0", "112345678"),
        ("86", "1100000"),
        ("82", "21588"),
        ("86", "95588"),
    ] {
        check(country, rest, Some(Barred::ShortCode));
    }
}

#[test]
fn subscribers_are_not() {
    for number in ["+12025550100", "+12015550100", "+18005550100", "+447700900123"] {
        assert_eq!(barred(number), None, "{number}");
    }
    // London, Paris, Berlin, an Australian mobile; Turin, Beijing, Yinchuan, Seoul, Gouda, Niue,
    // whose beginnings look like codes.
    for (country, rest) in [
        ("44", "2079460123"),
        ("33", "199001234"),
        ("49", "30230001"),
        ("61", "491570156"),
        ("39", "0115550100"),
        ("86", "1055500100"),
        ("86", "9515550100"),
        ("82", "255500100"),
        ("31", "182555010"),
        ("683", "4001"),
        // Benin, Congo and the Ivory Coast, where the zero is part of the number.
        ("229", "0195550100"),
        ("242", "065550100"),
        ("225", "0155501000"),
    ] {
        check(country, rest, None);
    }
}

#[test]
fn the_files_of_plans_are_read_to_their_last_row() {
    let whole = |file: &str| file.lines().count() - 1;
    let premium: usize = PLANS.premium.values().map(Vec::len).sum();
    let emergency: usize = PLANS.emergency.values().map(BTreeSet::len).sum();
    assert_eq!(premium, whole(include_str!("premium.csv")));
    assert_eq!(emergency, whole(include_str!("emergency.csv")));
    assert_eq!(PLANS.lengths.len(), whole(include_str!("lengths.csv")));
    for (country, known) in &PLANS.premium {
        for (begins_with, digits) in known {
            assert!(!digits.is_empty(), "+{country} {begins_with} has no length");
            for length in digits {
                let number = format!("+{country}{begins_with:0<length$}");
                assert!(barred(&number).is_some(), "{number}");
            }
        }
    }
}

#[test]
fn each_row_can_be_met() {
    for row in ROWS {
        let number = format!("+{:0<13}", row.prefix);
        assert!(barred(&number).is_some(), "{number}");
        assert!(row.prefix.bytes().all(|byte| byte.is_ascii_digit()), "{}", row.prefix);
    }
}

proptest! {
    #[test]
    fn any_text_has_an_answer_and_punctuation_does_not_change_it(text in "\\+?[0-9 ().-]{0,20}") {
        let bare: String = text.chars().filter(|it| it.is_ascii_digit() || *it == '+').collect();
        prop_assert_eq!(barred(&text), barred(&bare));
    }

    #[test]
    fn an_emergency_code_behind_any_country_code_is_barred(country in 1usize..1_000) {
        for code in ["112", "911", "999"] {
            let digits = country.to_string();
            if country_digits(&format!("{digits}{code}")) == digits.len() {
                let number = format!("+{digits}{code}");
                prop_assert_eq!(barred(&number).is_some(), true, "{}", number);
            }
        }
    }
}
