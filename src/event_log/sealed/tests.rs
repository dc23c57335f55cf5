//! Literals and shapes: what becomes typed comes back byte for byte.

use proptest::prelude::*;

use super::literal::{self, Slot};
use super::shape::{self, Shape};

fn slot_of(literal: &str) -> Option<Slot> {
    let (slot, value) = literal::read(literal.as_bytes())?;
    let mut again = Vec::new();
    value.write(&mut again, slot);
    assert_eq!(again, literal.as_bytes(), "{slot:?}");
    Some(slot)
}

#[test]
fn literals_become_typed_only_where_they_come_back() {
    let check = |literal: &str, slot: Option<Slot>| assert_eq!(slot_of(literal), slot, "{literal}");
    check("0", Some(Slot::Int));
    check("-9223372036854775808", Some(Slot::Int));
    check("9223372036854775807", Some(Slot::Int));
    check("9223372036854775808", Some(Slot::Json));
    check("-0", Some(Slot::Json));
    check("01", None);
    check("1.", None);
    check("+1", None);
    check("1.5", Some(Slot::Float));
    check("-0.0", Some(Slot::Float));
    check("1.50", Some(Slot::Json));
    check("0.1", Some(Slot::Float));
    check("1e400", Some(Slot::Json));
    check("1E-7", Some(Slot::Json));
    check("1e", None);
    check("123456789012345678901234567890.5", Some(Slot::Json));
    check("true", Some(Slot::Bool));
    check("True", None);
    check("null", None);
    check("\"\"", Some(Slot::Text));
    check("\"plain\"", Some(Slot::Text));
    check("\"caf\u{e9} \u{1f600}\"", Some(Slot::Text));
    check("\"a\\nb\\\"c\\\\\\u0001\"", Some(Slot::Text));
    check("\"a\\/b\"", Some(Slot::Json));
    check("\"\\u00e9\"", Some(Slot::Json));
    check("\"\\u000A\"", Some(Slot::Json));
    check("\"\\ud83d\\ude00\"", Some(Slot::Json));
    check("\"a\nb\"", None);
    check("\"0198aaaa-0000-7000-8000-000000000001\"", Some(Slot::Uuid));
    check("\"0198AAAA-0000-7000-8000-000000000001\"", Some(Slot::Text));
    check("\"0198aaaa00007000800000000000000-0001\"", Some(Slot::Text));
    check("\"2026-11-21T09:30:00Z\"", Some(Slot::Time0));
    check("\"2024-02-29T23:59:59.999Z\"", Some(Slot::Time3));
    check("\"0000-02-29T23:59:59.999999Z\"", Some(Slot::Time6));
    check("\"2023-02-29T23:59:59.999Z\"", Some(Slot::Text));
    check("\"2026-11-21T09:30:60Z\"", Some(Slot::Text));
    check("\"2026-11-21T09:30:00z\"", Some(Slot::Text));
    check("\"2026-11-21 09:30:00Z\"", Some(Slot::Text));
    check("[1, 2]", Some(Slot::Json));
    check("{\"a\":1}", Some(Slot::Json));
    check("", None);
    check("$int", None);
}

/// The shape of a text, where it has one and gives back the text.
fn shape_of(text: &str) -> Option<String> {
    let (mut shape, mut fields) = (String::new(), Vec::new());
    if !shape::split(text.as_bytes(), &mut shape, &mut fields) {
        return None;
    }
    let mut again = Vec::new();
    assert!(Shape::parse(&shape).expect("a shape").fill(&fields, &mut again), "{shape}");
    assert_eq!(String::from_utf8_lossy(&again), text);
    Some(shape)
}

#[test]
fn shapes_keep_everything_but_the_values() {
    let check = |text: &str, shape: Option<&str>| {
        assert_eq!(shape_of(text).as_deref(), shape, "{text}");
    };
    check("{}", Some("{}"));
    check(" { } \n", Some(" { } \n"));
    check("{\"a\":1,\"b\":\"x\"}", Some("{\"a\":$int,\"b\":$text}"));
    check("{ \"a\" : [1,\"}\"] , \"b\":null }", Some("{ \"a\" : $json , \"b\":null }"));
    check("{\"$int\":\"$text\"}", Some("{\"$int\":$text}"));
    check("{\"a\":1,\"a\":2}", None);
    check("{\"a\":1,}", None);
    check("{\"a\\u0041\":1}", None);
    check("{\"\":1}", None);
    check("{\"a.b\":1}", None);
    check("{\"a\":$int}", None);
    check("{\"a\":1}{", None);
    check("{\"a\":1", None);
    check("{\"a\":[}", None);
    check("{\"a\":\"", None);
    check("[1]", None);
    check("1", None);
    check("", None);
    check(&format!("{{\"{}\":1}}", "k".repeat(65)), None);
}

proptest! {
    #[test]
    fn arbitrary_text_is_taken_apart_and_put_together_or_left_alone(text in ".{0,60}") {
        shape_of(&text);
        shape_of(&format!("{{\"a\":{text},\"b\":1}}"));
        shape_of(&format!("{{\"a\":\"{text}\"}}"));
        shape_of(&format!("{{\"{text}\":1}}"));
        drop(Shape::parse(&text));
        slot_of(&text);
    }

    #[test]
    fn numbers_of_any_form_come_back(number in "-?[0-9]{1,22}(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?") {
        slot_of(&number);
        shape_of(&format!("{{\"n\":{number}}}"));
    }

    #[test]
    fn any_moment_comes_back(micros in -62_000_000_000_000_000i64..250_000_000_000_000_000) {
        for slot in [Slot::Time0, Slot::Time3, Slot::Time6] {
            let mut text = Vec::new();
            literal::write_time(&mut text, micros, slot);
            prop_assert_eq!(slot_of(&String::from_utf8_lossy(&text)), Some(slot));
        }
    }

    #[test]
    fn any_float_of_few_digits_is_typed(whole in -1_000_000i64..1_000_000, part in 0u32..1_000) {
        let text = format!("{whole}.{part}");
        let canonical = !text.ends_with('0') || part == 0;
        prop_assert_eq!(slot_of(&text) == Some(Slot::Float), canonical, "{}", text);
    }
}
