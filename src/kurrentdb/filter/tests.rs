use super::*;
use crate::base::Timestamp;
use crate::event::{Event, examples};
use crate::kurrentdb::messages::Empty;

fn options(filter: Filter) -> FilterOptions {
    FilterOptions {
        filter: Some(filter),
        window: Some(Window::Count(Empty {})),
        checkpoint_interval_multiplier: 0,
    }
}

fn regex(regex: &str) -> Expression {
    Expression { regex: regex.to_owned(), prefix: Vec::new() }
}

fn prefixes(prefixes: &[&str]) -> Expression {
    let prefix = prefixes.iter().map(|&prefix| prefix.to_owned()).collect();
    Expression { regex: String::new(), prefix }
}

fn event(event_type: &str) -> Recorded {
    let fact: Event = examples().into_iter().next().expect("an example");
    let mut event = Recorded::example(1, &fact, Timestamp::EPOCH);
    event.event_type = event_type.to_owned();
    event
}

fn check(expression: Expression, wanted: &[&str], unwanted: &[&str]) {
    let filter = EventFilter::of(&options(Filter::EventType(expression))).expect("a filter");
    for (names, want) in [(wanted, true), (unwanted, false)] {
        for name in names {
            assert_eq!(filter.wants(&event(name)).expect("decided"), want, "{name}");
        }
    }
}

#[test]
fn beginnings_and_expressions_decide() {
    check(prefixes(&["Order", "Inv"]), &["OrderCreated", "Inv"], &["AnOrder", "In", ""]);
    check(prefixes(&[]), &[], &["OrderCreated"]);
    check(regex("Created$"), &["OrderCreated"], &["OrderCreatedLater"]);
    check(regex(r"^[^\$].*"), &["a"], &["$metadata", ""]);
}

#[test]
fn look_ahead_as_the_python_client_sends_it() {
    let exclude = r"^(?!(\$.+$|PersistentConfig\d+$|Result$))";
    check(regex(exclude), &["Resulting", "order"], &["$metadata", "PersistentConfig1", "Result"]);
}

#[test]
fn streams_are_looked_at_where_streams_are_named() {
    let of = |prefix| EventFilter::of(&options(Filter::StreamIdentifier(prefixes(&[prefix]))));
    assert!(of("test-").is_ok_and(|filter| filter.wants(&event("x")).is_ok_and(|yes| yes)));
    assert!(of("call-").is_ok_and(|filter| filter.wants(&event("x")).is_ok_and(|yes| !yes)));
}

#[test]
fn a_filter_that_cannot_be_used_says_why() {
    let of = |expression| EventFilter::of(&options(Filter::EventType(expression)));
    assert!(matches!(of(regex("(")), Err(FilterError::Expression(_))));
    assert!(matches!(of(regex(&"a".repeat(20_000))), Err(FilterError::TooLong(20_000))));
    let none = FilterOptions { filter: None, ..options(Filter::EventType(regex("a"))) };
    assert!(matches!(EventFilter::of(&none), Err(FilterError::Nothing)));
}

#[test]
fn an_expression_that_never_ends_is_stopped() {
    // Back references need steps without end on this.
    let costly = options(Filter::EventType(regex(r"^(a|aa|aaa)+(b|\1c)+$")));
    let filter = EventFilter::of(&costly).expect("a filter");
    let event = event(&"a".repeat(250));
    assert!(matches!(filter.wants(&event), Err(FilterError::TooCostly { .. })));
}

#[test]
fn a_checkpoint_interval_is_never_zero() {
    let interval = |window, multiplier| {
        let options = FilterOptions {
            filter: Some(Filter::EventType(prefixes(&["a"]))),
            window,
            checkpoint_interval_multiplier: multiplier,
        };
        EventFilter::of(&options).expect("a filter").checkpoint_interval
    };
    assert_eq!(interval(Some(Window::Max(5)), 3), 15);
    assert_eq!(interval(Some(Window::Max(0)), 0), 32);
    assert_eq!(interval(None, 2), 64);
    let most = u64::from(u32::MAX);
    assert_eq!(interval(Some(Window::Max(u32::MAX)), u32::MAX), most * most);
}
