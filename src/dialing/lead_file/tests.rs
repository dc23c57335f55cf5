use proptest::prelude::*;

use super::*;

fn demo(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("leads").join(name);
    std::fs::read(path).expect("a lead file of the project")
}

#[test]
fn the_demo_files_are_clean_and_every_number_is_fictional() {
    for (name, rows) in [("business_loan.csv", 400), ("business_loan_zh.csv", 100)] {
        let file = parse(&demo(name)).expect("a header");
        assert_eq!(file.problems, []);
        assert_eq!(file.rows.len(), rows);
        for row in &file.rows {
            assert_eq!(&row.phone.reveal()[5..10], "55501", "line {}", row.line);
            assert!(!row.portrait.contains_key(OUTCOME_COLUMN));
            assert!(!row.portrait.contains_key("name") && !row.portrait.contains_key("phone"));
        }
        let high = file.rows.iter().filter(|row| row.value > Ppm(600_000)).count();
        assert!(high * 20 > rows, "some customers are of high value: {high} of {rows}");
    }
}

#[test]
fn good_rows_go_in_and_each_bad_one_is_listed() {
    let file = parse(&demo("broken.csv")).expect("a header");
    assert_eq!(file.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 10]);
    let got: Vec<_> = file
        .problems
        .iter()
        .map(|found| format!("{} {} {}", found.line, found.column, found.reason))
        .collect();
    assert_eq!(
        got,
        [
            "3 phone does not start with +; wanted international form such as +12025550123",
            "4 age is not an age; wanted a whole number from 18 to 120",
            "5 phone the number stands in line 2 already; wanted each number once",
            "6  has 4 fields; the header has 12",
            "7 phone is empty; wanted + and 7 to 15 digits",
            "8 name is not UTF-8; save the file as UTF-8",
            "9 age is not an age; wanted a whole number from 18 to 120",
        ]
    );
}

#[test]
fn a_header_that_cannot_be_used_is_named() {
    assert_eq!(parse(b""), Err(LeadFileError::Empty));
    assert_eq!(
        parse(b"name,age\nAda,3\n"),
        Err(LeadFileError::NoPhoneColumn { found: vec!["name".into(), "age".into()] })
    );
    assert_eq!(parse(b"phone,a,a\n"), Err(LeadFileError::ColumnTwice("a".into())));
}

#[test]
fn column_order_case_and_byte_order_mark_do_not_matter() {
    let file = parse("\u{feff}Age,PHONE\n30,+1 202 555 0101\n".as_bytes()).expect("a header");
    assert_eq!(file.rows.len(), 1);
    assert_eq!(file.rows[0].portrait["age"], "30");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        drop(parse(&bytes));
        let mut file = b"phone,name\n".to_vec();
        file.extend(bytes);
        drop(parse(&file));
    }
}
