use proptest::prelude::*;

use super::*;

fn check(number: &str, want: Option<Barred>) {
    assert_eq!(barred(number), want, "{number}");
}

#[test]
fn emergency_codes_are_barred_however_they_are_written() {
    for number in ["112", "911", "999", "+44999", "+44 112", "+1911", "+19115550100", "+61000"] {
        check(number, Some(Barred::Emergency));
    }
    for number in ["+86110", "+86 120", "+49 0112", "+3315", "+81119", "+290112"] {
        check(number, Some(Barred::Emergency));
    }
}

#[test]
fn premium_numbers_are_barred() {
    for number in ["+19005550100", "+979123456789", "+449061234567", "+44 0 9061234567"] {
        check(number, Some(Barred::Premium));
    }
    for number in ["+33899123456", "+499001234567", "+883510000000000", "+88216123456"] {
        check(number, Some(Barred::Premium));
    }
}

#[test]
fn codes_and_numbers_of_no_plan_are_barred() {
    for number in ["+1411", "+14115550100", "+10115550100", "+4412345", "+0112345678", "10086"] {
        check(number, Some(Barred::ShortCode));
    }
    for number in ["+8610086", "+861100000", "+8695588", "", "+", "2025550100"] {
        check(number, Some(Barred::ShortCode));
    }
}

#[test]
fn subscribers_are_not() {
    // Numbers set aside for fiction and examples (NANPA 555-01XX; Ofcom and others' drama
    // ranges), and the beginnings of real areas that look like codes.
    for number in ["+12025550100", "+12015550100", "+18005550100", "+442079460123"] {
        check(number, None);
    }
    for number in ["+447700900123", "+33199001234", "+4930230001", "+61491570156"] {
        check(number, None);
    }
    // Turin, Beijing, Seoul, Niue.
    for number in ["+390115550100", "+861055500100", "+82255500100", "+6834001"] {
        check(number, None);
    }
}

#[test]
fn no_row_is_hidden_by_another_and_each_can_be_met() {
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
    fn an_emergency_code_behind_any_country_code_is_barred(country in 2usize..1_000) {
        for code in ["112", "911", "999"] {
            let is_code = |digits: &str| country_digits(&format!("{digits}{code}")) == digits.len();
            let digits = country.to_string();
            if is_code(&digits) {
                let number = format!("+{}{}", digits, code);
                prop_assert!(barred(&number).is_some());
            }
        }
    }
}
