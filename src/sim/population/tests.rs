use super::*;

fn demo() -> (Vec<u8>, Population) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/leads/business_loan.csv");
    let bytes = std::fs::read(path).expect("the demo's lead file");
    let population = Population::settle(&bytes, 42).expect("a header");
    (bytes, population)
}

fn numbers(bytes: &[u8]) -> Vec<PhoneNumber> {
    let file = lead_file::parse(bytes).expect("a header");
    file.rows.into_iter().map(|row| row.phone).collect()
}

#[test]
fn about_half_of_all_dials_reach_a_person() {
    let (bytes, population) = demo();
    let mut counts = BTreeMap::new();
    for phone in numbers(&bytes) {
        let key = match population.call(&phone, 0).reach {
            Reach::Person(_) => "person",
            Reach::Voicemail => "voicemail",
            Reach::NoAnswer => "no_answer",
            Reach::Busy => "busy",
            Reach::Invalid => "invalid",
        };
        *counts.entry(key).or_insert(0) += 1;
    }
    assert_eq!(population.len(), 400);
    let within = |key: &str, low: i32, high: i32| {
        let count = counts.get(key).copied().unwrap_or(0);
        assert!((low..=high).contains(&count), "{key}: {count} in {counts:?}");
    };
    within("person", 180, 260);
    within("voicemail", 20, 65);
    within("no_answer", 70, 130);
    within("busy", 12, 40);
    within("invalid", 5, 30);
}

#[test]
fn the_same_seed_settles_the_same_people() {
    let (bytes, population) = demo();
    let again = Population::settle(&bytes, 42).expect("a header");
    let other = Population::settle(&bytes, 43).expect("a header");
    let mut differ = 0;
    for phone in numbers(&bytes) {
        let (one, two) = (population.call(&phone, 1), again.call(&phone, 1));
        assert_eq!((one.reach, one.ring), (two.reach, two.ring));
        differ += u32::from(other.call(&phone, 1).reach != one.reach);
    }
    assert!(differ > 50, "another seed is another town: {differ}");
}

#[test]
fn a_temper_stays_with_its_person() {
    let (bytes, population) = demo();
    for phone in numbers(&bytes) {
        let tempers: std::collections::BTreeSet<_> = (0..12)
            .filter_map(|nth| match population.call(&phone, nth).reach {
                Reach::Person(temper) => Some(temper),
                _ => None,
            })
            .collect();
        assert!(tempers.len() <= 1, "{tempers:?}");
    }
}

#[test]
fn a_stranger_s_number_is_invalid() {
    let (_, population) = demo();
    let phone = "+13125550199".parse().expect("a good number");
    assert_eq!(population.call(&phone, 0).reach, Reach::Invalid);
}
