use super::*;

fn asked() -> Negotiation {
    Negotiation::Theirs(Asked { transaction: 1, request: Message::request("UPDATE", "sip:x@y") })
}

#[test]
fn one_offer_at_a_time() {
    let ours = || Negotiation::Ours { transaction: 7, offer: "v=0".to_owned() };
    let in_answer = || Negotiation::InAnswer { offer: "v=0".to_owned() };
    assert_eq!(Negotiation::Stable.clash(), None);
    assert_eq!(ours().clash(), Some(Clash::Glare));
    assert_eq!(in_answer().clash(), Some(Clash::Glare));
    assert_eq!(asked().clash(), Some(Clash::TooSoon));
    assert!(!ours().is_stable() && !in_answer().is_stable() && !asked().is_stable());
}

#[test]
fn what_is_taken_leaves_both_agreed() {
    let mut ours = Negotiation::Ours { transaction: 7, offer: "v=0".to_owned() };
    assert_eq!(ours.take_ours(8), None, "of another transaction");
    assert!(ours.take_asked().is_none() && ours.take_in_answer().is_none());
    assert_eq!(ours.take_ours(7).as_deref(), Some("v=0"));
    assert!(ours.is_stable());
    let mut theirs = asked();
    assert!(theirs.take_asked().is_some() && theirs.is_stable());
}

#[test]
fn the_two_sides_of_a_glare_do_not_meet_again() {
    let mut rng = Rng::from_seed(3);
    for _ in 0..200 {
        let (caller, called) = (back_off(true, &mut rng), back_off(false, &mut rng));
        assert!((2_100..=4_000).contains(&caller.0) && called.0 <= 2_000, "{caller} {called}");
        assert_eq!((caller.0 % 10, called.0 % 10), (0, 0));
    }
}
