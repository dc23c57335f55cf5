use super::*;

#[test]
fn an_outage_is_said_once_and_so_is_its_end() {
    let mut outage = Outage::default();
    let looks = [
        // Up, down without leads, down with leads, still down, the leads are gone, up, up, down.
        ((true, true), None),
        ((false, false), None),
        ((false, true), Some(Word::NoneLeft)),
        ((false, true), None),
        ((false, false), None),
        ((false, true), None),
        ((true, true), Some(Word::OneIsBack)),
        ((true, true), None),
        ((false, true), Some(Word::NoneLeft)),
    ];
    for (index, ((is_any_up, do_leads_wait), said)) in looks.into_iter().enumerate() {
        assert_eq!(outage.look(is_any_up, do_leads_wait), said, "look {index}");
    }
}
