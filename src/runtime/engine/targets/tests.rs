use super::*;
use crate::sip::{Question, Records, Srv, Wanted};

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn hop(last: u8) -> Hop {
    SocketAddr::from(([203, 0, 113, last], 5060)).into()
}

/// A carrier whose targets are 1 and 2, in that order.
fn two() -> (CarrierId, Targets) {
    let service = "_sip._udp.voip.example".to_owned();
    let name = |last: u8| format!("s{last}.voip.example");
    let server =
        |last: u8| Srv { priority: last.into(), weight: 0, port: 5060, target: name(last) };
    let address = |last: u8| {
        let records = Records::Addresses(vec![hop(last).address.ip()]);
        (Question::Addresses(name(last)), records)
    };
    let servers = Records::Servers(vec![server(2), server(1)]);
    let known = Known::from([(Question::Servers(service), servers), address(1), address(2)]);
    let authority = "voip.example".parse().expect("a host");
    let wanted = Wanted { authority, transport: Some(Transport::Udp), can_tls: false };
    let Step::Found(located) = locate(&wanted, &known) else { panic!("questions are left") };
    let id = CarrierId::new("north").expect("an id");
    let mut targets = Targets::new(Rng::from_seed(1));
    targets.places.insert(id.clone(), Place { located, ..Place::default() });
    (id, targets)
}

#[test]
fn a_target_that_failed_comes_after_the_others_for_a_while() {
    let (id, mut targets) = two();
    assert_eq!(targets.order(&id, NOW), [hop(1), hop(2)]);
    targets.put_aside(hop(1), NOW.plus(ASIDE), true);
    assert_eq!(targets.order(&id, NOW), [hop(2), hop(1)]);
    // All of them failed: as if none had.
    targets.put_aside(hop(2), NOW.plus(ASIDE), true);
    assert_eq!(targets.order(&id, NOW), [hop(1), hop(2)]);
    assert_eq!(targets.order(&id, NOW.plus(ASIDE)), [hop(1), hop(2)]);
    assert!(targets.aside.is_empty(), "nothing is kept");
}

#[test]
fn an_answer_to_a_probe_mends_what_probes_found_and_no_more() {
    let (id, mut targets) = two();
    targets.put_aside(hop(1), NOW.plus(ASIDE), false);
    assert_eq!(targets.order(&id, NOW)[0], hop(2));
    targets.answered(hop(1));
    assert_eq!(targets.order(&id, NOW)[0], hop(1));
    targets.put_aside(hop(1), NOW.plus(ASIDE), false);
    targets.put_aside(hop(1), NOW.plus(ASIDE), true);
    targets.answered(hop(1));
    assert_eq!(targets.order(&id, NOW)[0], hop(2), "it answers OPTIONS and takes no calls");
}

#[test]
fn all_addresses_are_the_carriers() {
    let (id, targets) = two();
    assert!(targets.has(&id, hop(1)) && targets.has(&id, hop(2)) && !targets.has(&id, hop(3)));
    assert!(targets.has_any(hop(2)) && !targets.has_any(hop(3)));
    let nobody = CarrierId::new("south").expect("an id");
    assert!(!targets.has(&nobody, hop(1)) && targets.of(&nobody).is_empty());
}
