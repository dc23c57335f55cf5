use super::*;

fn said(value: &str) -> Option<(u64, Option<Role>)> {
    let message = Message::response(200).with("Session-Expires", value);
    SessionExpires::of(&message).map(|read| (read.interval.0 / 1_000, read.refresher))
}

#[test]
fn intervals_are_read() {
    assert_eq!(said("1800"), Some((1_800, None)));
    assert_eq!(said("90;refresher=uac"), Some((90, Some(Role::Uac))));
    assert_eq!(said(" 4000 ; x=y ; Refresher = UAS"), Some((4_000, Some(Role::Uas))));
    assert_eq!(said("4294967295;refresher=me"), Some((86_400, None)), "a day is the most");
    for bad in ["", "soon", "-1", "4294967296", ";refresher=uac"] {
        assert_eq!(said(bad), None, "{bad}");
    }
}

#[test]
fn refresh_comes_long_before_the_end() {
    let after = |secs: u64| {
        let session = SessionTimer { interval: Millis::from_secs(secs), is_ours: true };
        (session.refresh_after(), session.ends_after())
    };
    assert_eq!(after(90), (Millis::from_secs(45), Millis::from_secs(60)));
    assert_eq!(after(1_800), (Millis::from_secs(900), Millis::from_secs(1_768)));
}

#[test]
fn too_brief_is_below_ninety_seconds_for_who_understands() {
    let ask = |secs: &str, supported: &str| {
        let request = Message::request("INVITE", "sip:x@y").with("Session-Expires", secs);
        is_too_brief(&request.with("Supported", supported))
    };
    assert!(ask("89", "100rel, timer"));
    assert!(!ask("90", "timer") && !ask("89", "100rel"));
}
