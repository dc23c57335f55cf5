use proptest::prelude::*;

use super::*;
use crate::base::Rng;

/// A zone, written as text: `name NAPTR order preference flags service replacement`,
/// `name SRV priority weight port target`, `name A address`.
fn zone(text: &str) -> Known {
    let mut known = Known::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let name = fields[0].to_owned();
        let number = |place: usize| fields[place].parse().expect("a number");
        let dotless = |place: usize| fields[place].trim_end_matches('.').to_owned();
        let (question, record) = match fields[1] {
            "NAPTR" => {
                let record = Naptr {
                    order: number(2),
                    preference: number(3),
                    flags: fields[4].to_owned(),
                    service: fields[5].to_owned(),
                    replacement: dotless(6),
                };
                (Question::Services(name), Records::Services(vec![record]))
            }
            "SRV" => {
                let (priority, weight, port) = (number(2), number(3), number(4));
                let record = Srv { priority, weight, port, target: dotless(5) };
                (Question::Servers(name), Records::Servers(vec![record]))
            }
            "A" => {
                let address = fields[2].parse().expect("an address");
                (Question::Addresses(name), Records::Addresses(vec![address]))
            }
            other => panic!("{other}"),
        };
        let Some(before) = known.get_mut(&question) else {
            known.insert(question, record);
            continue;
        };
        match (before, record) {
            (Records::Services(all), Records::Services(more)) => all.extend(more),
            (Records::Servers(all), Records::Servers(more)) => all.extend(more),
            (Records::Addresses(all), Records::Addresses(more)) => all.extend(more),
            _ => unreachable!("records of one kind"),
        }
    }
    known
}

/// What a zone says where nothing stands in it.
fn nothing(question: &Question) -> Records {
    match question {
        Question::Services(_) => Records::Services(Vec::new()),
        Question::Servers(_) => Records::Servers(Vec::new()),
        Question::Addresses(_) => Records::Addresses(Vec::new()),
    }
}

/// Asks a zone until there is an answer; with how many questions, and in how many rounds.
fn search(wanted: &Wanted, zone: &Known) -> (Located, usize, usize) {
    let mut known = Known::new();
    for round in 0..=STEPS_MAX {
        match locate(wanted, &known) {
            Step::Found(located) => return (located, known.len(), round),
            Step::Ask(questions) => {
                assert!(!questions.is_empty(), "nothing to ask, and no answer");
                for question in questions {
                    let records = zone.get(&question).cloned();
                    let records = records.unwrap_or_else(|| nothing(&question));
                    assert!(known.insert(question, records).is_none(), "asked twice");
                }
            }
        }
    }
    panic!("no end after {STEPS_MAX} rounds");
}

fn wanted(address: &str, transport: Option<Transport>) -> Wanted {
    let authority = address.parse().expect("an address");
    Wanted { authority, transport, can_tls: true }
}

/// Every hop in one possible order, as text.
fn order(address: &str, transport: Option<Transport>, records: &str) -> Vec<String> {
    let (located, ..) = search(&wanted(address, transport), &zone(records));
    located.order(&mut Rng::from_seed(1)).iter().map(ToString::to_string).collect()
}

const CARRIER: &str = "
    voip.example NAPTR 20 10 s SIP+D2T _sip._tcp.voip.example.
    voip.example NAPTR 10 10 S sip+d2u _sip._udp.voip.example.
    voip.example NAPTR 10 5 s SIPS+D2T _sips._tcp.voip.example.
    voip.example NAPTR 1 1 s SIP+D2S _sip._sctp.voip.example.
    voip.example NAPTR 1 1 u E2U+sip .
    _sips._tcp.voip.example SRV 1 0 5061 a.voip.example.
    _sip._udp.voip.example SRV 2 0 5070 B.voip.example.
    _sip._udp.voip.example SRV 1 0 5060 a.voip.example.
    _sip._tcp.voip.example SRV 1 0 5080 b.voip.example.
    a.voip.example A 203.0.113.1
    b.voip.example A 203.0.113.2
    b.voip.example A 203.0.113.3
    voip.example A 203.0.113.9
";

#[test]
fn a_number_is_where_it_says() {
    assert_eq!(order("192.0.2.1", None, ""), ["192.0.2.1:5060"]);
    assert_eq!(order("192.0.2.1:5070", None, ""), ["192.0.2.1:5070"]);
    let tls = order("[2001:db8::1]", Some(Transport::Tls), "");
    assert_eq!(tls, ["[2001:db8::1]:5061;transport=tls"]);
}

#[test]
fn naptr_chooses_the_transport_and_srv_the_order() {
    assert_eq!(order("voip.example", None, CARRIER), ["203.0.113.1:5061;transport=tls"]);
    let plain = Wanted { can_tls: false, ..wanted("voip.example", None) };
    let (located, questions, rounds) = search(&plain, &zone(CARRIER));
    let hops: Vec<_> = located.order(&mut Rng::from_seed(1));
    let hops: Vec<_> = hops.iter().map(ToString::to_string).collect();
    assert_eq!(hops, ["203.0.113.1:5060", "203.0.113.2:5070", "203.0.113.3:5070"]);
    // NAPTR, SRV of one service, two servers at once.
    assert_eq!((questions, rounds), (4, 3));
}

#[test]
fn a_transport_that_is_said_and_a_port_are_kept_to() {
    let tcp = order("voip.example", Some(Transport::Tcp), CARRIER);
    assert_eq!(tcp, ["203.0.113.2:5080;transport=tcp", "203.0.113.3:5080;transport=tcp"]);
    assert_eq!(order("voip.example:5099", None, CARRIER), ["203.0.113.9:5099"]);
    let tls = order("voip.example:5099", Some(Transport::Tls), CARRIER);
    assert_eq!(tls, ["203.0.113.9:5099;transport=tls"]);
}

#[test]
fn without_naptr_the_services_are_tried_and_then_the_name_itself() {
    let tcp = "_sip._tcp.a.example SRV 0 0 5060 s.a.example.\n s.a.example A 203.0.113.4";
    assert_eq!(order("a.example", None, tcp), ["203.0.113.4:5060;transport=tcp"]);
    assert_eq!(order("a.example", None, "a.example A 203.0.113.5"), ["203.0.113.5:5060"]);
    let tls = order("a.example", Some(Transport::Tls), "a.example A 203.0.113.5");
    assert_eq!(tls, ["203.0.113.5:5061;transport=tls"]);
    assert_eq!(order("a.example", None, ""), [""; 0]);
}

#[test]
fn a_service_that_is_decidedly_not_there_is_not_made_up() {
    let none = "_sip._udp.a.example SRV 0 0 0 .\n a.example A 203.0.113.5";
    assert_eq!(order("a.example", Some(Transport::Udp), none), [""; 0]);
    assert_eq!(order("a.example", None, none), [""; 0]);
    let tcp = format!("{none}\n_sip._tcp.a.example SRV 0 0 5060 a.example.");
    assert_eq!(order("a.example", None, &tcp), ["203.0.113.5:5060;transport=tcp"]);
}

#[test]
fn a_service_that_leads_nowhere_gives_way_to_the_next() {
    let zone = "
        a.example NAPTR 1 1 s SIP+D2U _sip._udp.gone.example.
        a.example NAPTR 2 1 s SIP+D2T _sip._tcp.b.example.
        _sip._udp.gone.example SRV 0 0 5060 gone.example.
        _sip._tcp.b.example SRV 0 0 5060 b.example.
        b.example A 203.0.113.6";
    assert_eq!(order("a.example", None, zone), ["203.0.113.6:5060;transport=tcp"]);
}

#[test]
fn servers_are_drawn_by_their_weights() {
    let records = "
        _sip._udp.a.example SRV 1 60 5060 one.a.example.
        _sip._udp.a.example SRV 1 30 5060 two.a.example.
        _sip._udp.a.example SRV 1 10 5060 three.a.example.
        _sip._udp.a.example SRV 1 0 5060 none.a.example.
        _sip._udp.a.example SRV 9 99 5060 last.a.example.
        one.a.example A 203.0.113.1
        two.a.example A 203.0.113.2
        three.a.example A 203.0.113.3
        none.a.example A 203.0.113.4
        last.a.example A 203.0.113.5";
    let (located, ..) = search(&wanted("a.example", Some(Transport::Udp)), &zone(records));
    let mut rng = Rng::from_seed(7);
    let mut firsts = BTreeMap::<String, u32>::new();
    for _ in 0..10_000 {
        let order = located.order(&mut rng);
        assert_eq!(order.len(), 5);
        assert_eq!(order[4].address.to_string(), "203.0.113.5:5060");
        *firsts.entry(order[0].address.ip().to_string()).or_default() += 1;
    }
    let share = |last: u8| firsts.get(&format!("203.0.113.{last}")).copied().unwrap_or_default();
    let wanted = [(1, 6_000), (2, 3_000), (3, 1_000), (4, 100)];
    for (last, wanted) in wanted {
        assert!(share(last).abs_diff(wanted) < 200, "{firsts:?}");
    }
}

#[test]
fn servers_of_no_weight_share_alike() {
    let records = "
        _sip._udp.a.example SRV 1 0 5060 one.a.example.
        _sip._udp.a.example SRV 1 0 5060 two.a.example.
        one.a.example A 203.0.113.1
        two.a.example A 203.0.113.2";
    let (located, ..) = search(&wanted("a.example", Some(Transport::Udp)), &zone(records));
    let mut rng = Rng::from_seed(7);
    let ones = (0..1_000).filter(|_| located.order(&mut rng)[0].to_string().contains("113.1:"));
    assert!((400..600).contains(&ones.count()));
}

/// Names that point at one another, so that zones lead in circles as well.
fn any_name() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "a.example",
        "b.example",
        "_sip._udp.a.example",
        "_sip._tcp.a.example",
        "_sips._tcp.a.example",
        "_sip._udp.b.example",
        "",
    ])
    .prop_map(str::to_owned)
}

fn any_question() -> impl Strategy<Value = Question> {
    (any_name(), 0..3).prop_map(|(name, kind)| match kind {
        0 => Question::Services(name),
        1 => Question::Servers(name),
        _ => Question::Addresses(name),
    })
}

fn any_records() -> impl Strategy<Value = Records> {
    let flags = prop::sample::select(vec!["s", "S", "u", "a", ""]);
    let service = prop::sample::select(vec!["SIP+D2U", "sip+d2t", "SIPS+D2T", "E2U+sip", ""]);
    let naptr = (0..3_u16, 0..3_u16, flags, service, any_name()).prop_map(
        |(order, preference, flags, service, replacement)| Naptr {
            order,
            preference,
            flags: flags.to_owned(),
            service: service.to_owned(),
            replacement,
        },
    );
    let srv = (0..3_u16, 0..3_u16, 0..3_u16, any_name())
        .prop_map(|(priority, weight, port, target)| Srv { priority, weight, port, target });
    prop_oneof![
        prop::collection::vec(naptr, 0..30).prop_map(Records::Services),
        prop::collection::vec(srv, 0..30).prop_map(Records::Servers),
        prop::collection::vec(any::<IpAddr>(), 0..30).prop_map(Records::Addresses),
    ]
}

proptest! {
    /// Whatever a zone says, also where the kinds of records are mixed up.
    #[test]
    fn a_search_ends_and_its_order_is_whole(
        zone in prop::collection::btree_map(any_question(), any_records(), 0..20),
        port in prop::option::of(1..9_u16),
        transport in prop::option::of(prop::sample::select(vec![Transport::Udp, Transport::Tcp, Transport::Tls])),
        can_tls: bool,
        seed: u64,
    ) {
        let authority = Authority { host: Host::Name("a.example".to_owned()), port };
        let wanted = Wanted { authority, transport, can_tls };
        let (located, ..) = search(&wanted, &zone);
        let order = located.order(&mut Rng::from_seed(seed));
        let all: BTreeSet<Hop> = order.iter().copied().collect();
        prop_assert_eq!(all.len(), order.len());
        prop_assert_eq!(&all, &located.hops());
        prop_assert_eq!(located.is_nowhere(), order.is_empty());
        prop_assert!(order.len() <= ADDRESSES_MAX);
        for hop in &order {
            prop_assert!(hop.address.port() != 0 && !hop.address.ip().is_unspecified());
            prop_assert!(can_tls || transport.is_some() || hop.transport != Transport::Tls);
            prop_assert!(transport.is_none_or(|one| one == hop.transport));
        }
        let rank = |hop: &Hop| located.servers.iter()
            .filter(|one| one.hops().any(|other| other == *hop)).map(|one| one.priority).min();
        prop_assert!(order.is_sorted_by_key(rank));
    }
}
