use super::*;

#[test]
fn what_clients_write_is_parsed_or_refused_in_their_codes() {
    let catalog = Catalog::new().expect("a catalogue");
    assert!(catalog.parse(" ; ").expect("nothing").is_empty());
    assert_eq!(catalog.parse("select 1; set a.b = 1").expect("two").len(), 2);
    assert_eq!(catalog.parse("selec 1").expect_err("nonsense").code, "42601");
}
