use super::*;

fn said(mechanism: &str, first: &str) -> Bytes {
    let length = u32::try_from(first.len()).expect("short").to_be_bytes();
    [mechanism.as_bytes(), b"\0", &length, first.as_bytes()].concat().into()
}

#[test]
fn what_a_client_says_of_its_channel_goes_with_its_choice() {
    let is_right =
        |mechanism, first, is_bindable| initial(said(mechanism, first), is_bindable).is_some();
    assert!(is_right(PLAIN, "n,,n=,r=abc", true));
    assert!(is_right(PLAIN, "y,,n=,r=abc", false));
    assert!(is_right(BOUND, "p=tls-server-end-point,,n=,r=abc", true));
    // Somebody on the way took the better mechanism out of the list.
    assert!(!is_right(PLAIN, "y,,n=,r=abc", true));
    assert!(!is_right(PLAIN, "p=tls-server-end-point,,n=,r=abc", true));
    assert!(!is_right(BOUND, "n,,n=,r=abc", true));
    assert!(!is_right(BOUND, "p=tls-unique,,n=,r=abc", true));
    assert!(!is_right(BOUND, "p=tls-server-end-point,,n=,r=abc", false));
    assert!(!is_right("OAUTHBEARER", "n,,", true));
}
