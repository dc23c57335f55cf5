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
        assert_eq!(file.left_out, [], "no column of ours is personal");
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
fn a_file_without_a_header_does_not_show_its_first_person() {
    for first in ["+12025550101,Ada,Ada\n", "Ada,(202) 555-0101,x\n", "phone,+1 202 555 0101\n"] {
        let error = parse(first.as_bytes()).expect_err("no header");
        assert_eq!(error, LeadFileError::NoHeader);
        assert!(!error.to_string().contains("555") && !error.to_string().contains("Ada"));
    }
}

#[test]
fn a_column_with_a_personal_value_is_left_out_of_every_row_and_named_once() {
    let text = "phone,age,second_phone,contact,note\n\
        +12025550101,30,,none,calm\n\
        +12025550102,31,(202) 555-0142,ada@archer.example,calm\n\
        +12025550103,32,2025550143,ben@baker.example,calm\n";
    let file = parse(text.as_bytes()).expect("a header");
    let columns: Vec<_> = file.left_out.iter().map(|one| one.column.as_str()).collect();
    assert_eq!(columns, ["contact", "second_phone"]);
    assert!(file.left_out[0].reason.contains("an e-mail address in line 3"));
    assert!(file.left_out[1].reason.contains("a telephone number in line 3"));
    for row in &file.rows {
        assert_eq!(row.portrait.keys().collect::<Vec<_>>(), ["age", "note"]);
    }
    let said = format!("{:?}", file.left_out);
    for value in ["0142", "0143", "ada@", "ben@"] {
        assert!(!said.contains(value), "{value} is somebody's");
    }
}

#[test]
fn the_value_follows_from_what_is_left_of_the_portrait() {
    let text = "phone,job\n+12025550101,management\n+12025550102,call 202 555 0142\n";
    let file = parse(text.as_bytes()).expect("a header");
    assert_eq!(file.rows[0].value, value::of(&Portrait::new()));
}

#[test]
fn personal_values_are_told_from_others() {
    use personal::{Kind, kind_of};
    for text in [
        "2025550142",
        "+1 (202) 555-0142",
        "202.555.0142",
        "202/555_0142",
        "call 202 555 0142 after six",
        "２０２５５５０１４２",
        "5550142",
    ] {
        assert_eq!(kind_of(text), Some(Kind::Phone), "{text}");
    }
    for text in ["ada@archer.example", "write to <ada@localhost>", "ada＠archer.example"] {
        assert_eq!(kind_of(text), Some(Kind::Email), "{text}");
    }
    for text in ["", "41", "555014", "university.degree", "2026-11", "a1b2c3d4e5f6g7", "@ 9"] {
        assert_eq!(kind_of(text), None, "{text}");
    }
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

fn objects(texts: &[&str]) -> Result<LeadFile, ObjectError> {
    parse_objects(texts.iter().map(|text| text.as_bytes()))
}

#[test]
fn an_object_is_a_row_by_the_same_rules() {
    let of_file = parse(b"phone,name,age,job\n+12025550123,Ada,33,services\n").expect("a header");
    let text = r#"{"phone":"+12025550123","name":"Ada","age":33,"job":"services"}"#;
    let [from_file] = &of_file.rows[..] else { panic!("a row") };
    let of_object = objects(&[text]).expect("an object");
    assert_eq!(of_object.rows, [LeadRow { line: 1, ..from_file.clone() }]);
}

#[test]
fn an_object_that_cannot_be_used_is_named_by_its_place_and_column() {
    let file = objects(&[
        "{}",
        r#"{"phone":12025550123}"#,
        r#"{"phone":"+12025550123","age":12.5}"#,
        r#"{"phone":"+12025550123","tags":["a"]}"#,
        r#"{"phone":"+12025550123","Phone":"+12025550124"}"#,
        r#"{"phone":"+12025550123","phone":"+12025550124"}"#,
        r#"{"phone":"+12025550123","+12025550124":"x"}"#,
        r#"{"phone":"+12025550123","ada@example.org":"x"}"#,
        r#"{"phone":"+12025550123"," ":"x"}"#,
    ])
    .expect("objects");
    let got: Vec<_> = file
        .problems
        .iter()
        .map(|found| format!("{} {} {}", found.line, found.column, found.reason))
        .collect();
    assert_eq!(
        got,
        [
            "1 phone is missing",
            "2 phone does not start with +; wanted international form such as +12025550123",
            "3 age is not an age; wanted a whole number from 18 to 120",
            "4 tags is a list or an object; wanted text, a number, true or false",
            "5 phone stands twice; wanted each field once",
            "6 phone stands twice; wanted each field once",
            "7  has a field whose name looks like a number or an address of somebody; wanted the name of a column",
            "8  has a field whose name looks like a number or an address of somebody; wanted the name of a column",
            "9  has a field without a name",
        ]
    );
    assert!(file.rows.is_empty());
    assert_eq!(objects(&["{}", "[1]"]), Err(ObjectError { place: 2 }));
}

#[test]
fn a_field_with_personal_values_in_any_object_stays_out_of_all() {
    let file = objects(&[
        r#"{"phone":"+12025550123","hint":"call 202 555 0125","job":"services"}"#,
        r#"{"phone":"+12025550124","hint":"ask for Bob","job":"admin"}"#,
    ])
    .expect("objects");
    for row in &file.rows {
        assert_eq!(row.portrait.keys().collect::<Vec<_>>(), ["job"]);
    }
    assert_eq!(file.left_out.len(), 1);
}
