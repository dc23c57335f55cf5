use super::*;

fn price(per_minute_milli: u64, billed_s: u64) -> LinePrice {
    LinePrice { per_minute_milli, billed_s }
}

#[test]
fn what_is_begun_is_paid_for() {
    // 1.2 cents a minute: 20 thousandths of a cent a second.
    for (length_ms, billed_s, cost) in [
        (0, 1, 0),
        (1, 1, 20),
        (1_000, 1, 20),
        (1_001, 1, 40),
        (61_000, 1, 1_220),
        (61_000, 6, 1_320),
        (61_000, 60, 2_400),
        (1_000, 0, 20),
    ] {
        assert_eq!(price(1_200, billed_s).of(Millis(length_ms)), cost, "{length_ms} {billed_s}");
    }
}

#[test]
fn the_smallest_price_is_rounded_up_and_the_largest_does_not_overflow() {
    assert_eq!(price(1, 1).of(Millis(1_000)), 1);
    assert!(price(u64::MAX, u64::MAX).of(Millis(u64::MAX)) > 0);
}

#[test]
fn only_what_has_a_price_costs() {
    let carrier = CarrierId::new("north").expect("a slug");
    let agent = AgentId::new("alex").expect("a slug");
    let mut prices = Prices { currency: "USD".to_owned(), ..Prices::default() };
    assert_eq!(prices.line(&carrier, Millis(60_000)), None);
    assert_eq!(prices.agent(&agent, Millis(60_000)), None);
    prices.lines.insert(carrier.clone(), price(1_200, 1));
    // 18 dollars an hour: 30 cents a minute.
    prices.agents.insert(agent.clone(), 1_800);
    assert_eq!(prices.line(&carrier, Millis(60_000)), Some(1_200));
    assert_eq!(prices.agent(&agent, Millis(60_000)), Some(30_000));
}

#[test]
fn whole_amounts_have_as_many_minor_units_as_iso_4217_says() {
    for (currency, minor) in [("USD", 1_200), ("CNY", 1_200), ("JPY", 12), ("KWD", 12_000)] {
        let prices = Prices { currency: currency.to_owned(), ..Prices::default() };
        assert_eq!(prices.minor(12), minor, "{currency}");
    }
}
