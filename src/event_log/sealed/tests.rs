//! Literals and shapes: what becomes typed comes back byte for byte.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::derived::{Causes, Counted, RuleSearch};
use super::literal::{self, Slot};
use super::shape::{self, Known, Shape};
use super::table::{self, Table};

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
    if !shape::split(text.as_bytes(), Known::default(), &mut shape, &mut fields) {
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

/// The shape of a text of which the lists in `a` are turned, where it has one.
fn turned(text: &str) -> Option<String> {
    let (mut shape, mut fields) = (String::new(), Vec::new());
    let tables = BTreeSet::from(["a".to_owned()]);
    let known = Known { tables: Some(&tables), ..Known::default() };
    if !shape::split(text.as_bytes(), known, &mut shape, &mut fields) {
        return None;
    }
    let mut again = Vec::new();
    assert!(Shape::parse(&shape).expect("a shape").fill(&fields, &mut again), "{shape}");
    assert_eq!(String::from_utf8_lossy(&again), text);
    Some(shape)
}

#[test]
fn lists_of_objects_that_are_alike_are_turned() {
    let check = |list: &str, shape: &str| {
        let text = format!("{{\"a\":{list},\"b\":1}}");
        let wanted = format!("{{\"a\":{shape},\"b\":$int}}");
        assert_eq!(turned(&text), Some(wanted), "{list}");
    };
    check("[{\"x\":1},{\"x\":null}]", "$table[{\"x\":$list}]");
    check("[{ \"x\" : [1,2] , \"y\":\"},]\" }]", "$table[{ \"x\" : $list , \"y\":$list }]");
    check(
        "[{\"x\":{\"y\":1,\"z\":true}},{\"x\":{\"y\":{},\"z\":\"s\"}}]",
        "$table[{\"x\":{\"y\":$list,\"z\":$list}}]",
    );
    check("[{\"x\":{\"y\":1}},{\"x\":\"s\"}]", "$table[{\"x\":$list}]");
    // Not alike, not tight, no objects, or keys that a path cannot say.
    for list in [
        "[{\"x\":1},{\"y\":1}]",
        "[{\"x\":1}, {\"x\":1}]",
        "[{\"x\":1},{\"x\" :1}]",
        "[{\"x\":1},2]",
        "[{\"x.y\":1}]",
        "[{\"x\":1,\"x\":2}]",
        "[{\"\":1}]",
        "[{}]",
        "[]",
        "[ {\"x\":1}]",
        "{\"x\":1}",
    ] {
        check(list, "$json");
    }
}

#[test]
fn lists_of_other_lengths_do_not_make_objects() {
    let mut template = String::new();
    let lists = table::turn("a", "[{\"x\":1,\"y\":2},{\"x\":3,\"y\":4}]", &mut template);
    let lists = lists.expect("a table");
    assert_eq!(lists.iter().map(|list| &*list.path).collect::<Vec<_>>(), ["a.x", "a.y"]);
    let table = Table::parse("a", &template).expect("a template");
    let filled = |lists: &[&str]| {
        let lists: Vec<_> = lists.iter().map(|list| list.as_bytes()).collect();
        table.fill(&lists, &mut Vec::new()).is_some()
    };
    assert!(filled(&["[1,3]", "[2,4]"]));
    for wrong in [
        &["[1,3]", "[2]"][..],
        &["[1]", "[2,4]"],
        &["[1,3]"],
        &["[1,3]", "2,4"],
        &["[1,3", "[2,4]"],
        &["[1,,3]", "[2,4,5]"],
        &["[]", "[]"],
    ] {
        assert!(!filled(wrong), "{wrong:?}");
    }
}

fn id(number: u128) -> [u8; 16] {
    let (high, low) = (number >> 62, number & ((1 << 62) - 1));
    ((7 << 76) | (high << 64) | (2 << 62) | low).to_be_bytes()
}

#[test]
fn ids_count_over_every_boundary_of_a_uuid() {
    let first = |number| Counted { id: id(number), position: 10 };
    assert_eq!(first(5).next(12, 0), id(7));
    assert_eq!(first((1 << 62) - 1).next(11, 0), id(1 << 62));
    assert_eq!(first((1 << 74) - 1).next(11, 0), id(0));
    // Its own time, in whole milliseconds; none before 1970.
    assert_eq!(first(5).next(11, 1_999)[..6], [0, 0, 0, 0, 0, 1]);
    assert_eq!(first(5).next(11, -1), id(6));
}

#[test]
fn streams_are_named_after_the_id_that_most_of_them_have() {
    let ids = [id(1), id(2), id(3)];
    let name = |prefix: &str, id| format!("{prefix}{}", uuid::Uuid::from_bytes(id));
    let mut search = RuleSearch::default();
    search.add("call_id", ids[0], &name("call-", ids[0]), true);
    search.add("leg_id", ids[1], &name("call-", ids[0]), false);
    search.add("call_id", ids[2], &name("call-", ids[2]), false);
    search.add("call_id", ids[2], &name("call-", ids[2]), true);
    search.add("lead_id", ids[1], &name("lead-", ids[1]), false);
    let rule = search.rule().expect("a rule");
    assert_eq!((&*rule.field, &*rule.prefix, rule.is_correlation), ("call_id", "call-", true));
    assert_eq!(rule.stream(ids[1]), name("call-", ids[1]));
    assert!(rule.gives(&name("call-", ids[1]), ids[1]));
    assert!(!rule.gives(&name("call-", ids[1]).to_uppercase(), ids[1]));
    assert!(!rule.gives(&name("lead-", ids[1]), ids[1]));
    assert_eq!(RuleSearch::default().rule(), None);
}

#[test]
fn a_cause_is_the_nearest_event_of_its_stream_with_its_revision() {
    let mut causes = Causes::default();
    causes.add("a", 1, id(1));
    causes.add("a", 2, id(2));
    causes.add("b", 3, id(3));
    assert_eq!(causes.revision("a", id(1)), Some(1));
    assert_eq!(causes.revision("a", id(3)), None);
    // Another event with that revision is nearer.
    causes.add("a", 1, id(4));
    assert_eq!(causes.revision("a", id(1)), None);
    assert_eq!(causes.revision("a", id(4)), Some(1));
}

proptest! {
    #[test]
    fn arbitrary_lists_are_turned_and_come_back_or_are_left_alone(
        text in "[\\[\\]{}\",:xy1$ .]{0,40}",
        value in "(1|null|\"[,}\\]]\"|\\[1,2\\]|\\{\"z\":1\\})",
        count in 1usize..4,
    ) {
        turned(&format!("{{\"a\":{text}}}"));
        turned(&format!("{{\"a\":[{text}]}}"));
        turned(&format!("{{\"a\":[{{\"x\":{text}}}]}}"));
        drop(Table::parse("a", &text));
        let object = format!("{{\"x\":{value},\"y\":{{\"v\":0}}}}");
        let shape = turned(&format!("{{\"a\":[{}]}}", vec![object; count].join(",")));
        prop_assert!(shape.expect("a shape").contains("$table["));
    }

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
