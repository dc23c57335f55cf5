use proptest::prelude::*;

use super::*;

fn local() -> SocketAddr {
    "192.0.2.7:40000".parse().expect("an address")
}

/// A description of one audio line, with more lines after it.
fn audio(media: &str, more: &str) -> String {
    format!(
        "v=0\r\no=x 1 1 IN IP4 198.51.100.2\r\ns=-\r\nc=IN IP4 198.51.100.2\r\nt=0 0\r\n{media}\r\n{more}"
    )
}

#[test]
fn our_offer_is_as_the_standard_says() {
    assert_eq!(
        offer(local(), 42),
        "v=0\r\no=- 42 0 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
         m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    );
}

#[test]
fn two_of_us_agree_over_both_families() {
    for (caller, callee) in
        [("192.0.2.7:40000", "198.51.100.2:5000"), ("[2001:db8::7]:40000", "[2001:db8::2]:5000")]
    {
        let caller: SocketAddr = caller.parse().expect("an address");
        let callee: SocketAddr = callee.parse().expect("an address");
        let offered = offer(caller, 1);
        let (answered, theirs) = answer(&offered, callee, 2).expect("an offer of ours");
        let ours = accept(&answered, &offered).expect("an answer of ours");
        assert_eq!((ours.remote, theirs.remote), (callee, caller));
        let want = Negotiated {
            remote: callee,
            codec: Codec::Pcmu,
            telephone_event: Some(101),
            direction: Direction::SendRecv,
            ptime: Millis(20),
        };
        assert_eq!(ours, want);
        assert_eq!(theirs, Negotiated { remote: caller, ..want });
    }
}

#[test]
fn the_offerers_preferences_and_numbers_are_followed() {
    let offered = audio(
        "m=audio 6000 RTP/AVP 18 8 0 96 97",
        "a=rtpmap:18 G729/8000\na=rtpmap:96 telephone-event/48000\n\
         a=rtpmap:97 Telephone-Event/8000\na=fmtp:97 0-16\na=ptime:30\na=recvonly\n\n",
    );
    let (text, agreed) = answer(&offered, local(), 5).expect("a good offer");
    assert_eq!(agreed.codec, Codec::Pcma);
    assert_eq!(agreed.telephone_event, Some(97));
    assert_eq!(agreed.direction, Direction::SendOnly);
    assert_eq!(agreed.ptime, Millis(30));
    assert!(text.contains("m=audio 40000 RTP/AVP 8 97\r\n"), "{text}");
    assert!(text.contains("a=sendonly\r\n"), "{text}");
    let (text, agreed) = answer(&audio("m=audio 6000 RTP/AVP 0", ""), local(), 5).expect("bare");
    assert_eq!((agreed.codec, agreed.telephone_event), (Codec::Pcmu, None));
    assert!(text.contains("m=audio 40000 RTP/AVP 0\r\n"), "{text}");
}

#[test]
fn other_media_are_refused_line_by_line() {
    let offered = audio(
        "m=audio 7000 RTP/SAVP 0",
        "m=video 7002/2 RTP/AVP 31 99\r\nm=audio 7004 RTP/AVP 0\r\nc=IN IP4 198.51.100.9\r\n",
    );
    let (text, agreed) = answer(&offered, local(), 5).expect("the second audio line");
    let media: Vec<&str> = text.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        media,
        ["m=audio 0 RTP/SAVP 0", "m=video 0 RTP/AVP 31 99", "m=audio 40000 RTP/AVP 0"]
    );
    assert_eq!(agreed.remote, "198.51.100.9:7004".parse().expect("an address"));
}

#[test]
fn hold_is_understood() {
    let check = |media: &str, more: &str, want: Direction| {
        let (_, agreed) = answer(&audio(media, more), local(), 5).expect("a hold");
        assert_eq!(agreed.direction, want, "{more}");
    };
    let media = "m=audio 6000 RTP/AVP 0";
    check(media, "a=sendonly", Direction::RecvOnly);
    check(media, "a=inactive", Direction::Inactive);
    check(media, "a=recvonly", Direction::SendOnly);
    let held = offer_again(local(), 1, 2, Direction::SendOnly);
    assert!(held.contains("o=- 1 2 IN") && held.contains("a=sendonly"), "{held}");
    let (answered, theirs) = answer(&held, local(), 9).expect("our hold");
    assert_eq!(theirs.direction, Direction::RecvOnly);
    assert_eq!(accept(&answered, &held).expect("their answer").direction, Direction::SendOnly);
}

#[test]
fn audio_goes_to_no_address_that_is_not_a_hosts() {
    let offered = offer(local(), 1);
    for (connection, found) in [
        ("IP4 0.0.0.0", "0.0.0.0"),
        ("IP4 0.1.2.3", "0.1.2.3"),
        ("IP6 ::", "::"),
        ("IP6 ::ffff:0.0.0.0", "::ffff:0.0.0.0"),
        ("IP4 255.255.255.255", "255.255.255.255"),
        ("IP4 224.2.1.1/127", "224.2.1.1"),
        ("IP6 ff15::101/3", "ff15::101"),
    ] {
        let text = audio("m=audio 6000 RTP/AVP 0", &format!("c=IN {connection}"));
        let want = SdpError::Address { line: 6, found: found.parse().expect("an address") };
        assert_eq!(answer(&text, local(), 1), Err(want.clone()), "offered {connection}");
        assert_eq!(accept(&text, &offered), Err(want), "answered {connection}");
    }
    // What a medium that is refused anyway says does not matter.
    let video = "m=audio 6000 RTP/AVP 0\r\nm=video 7000 RTP/AVP 31";
    assert!(answer(&audio(video, "c=IN IP4 224.2.1.1/127"), local(), 1).is_ok());
}

#[test]
fn each_fault_names_its_line_and_what_was_wanted() {
    let check = |text: &str, want: &str| {
        let error = answer(text, local(), 1).expect_err(text);
        assert_eq!(error.to_string(), want);
    };
    check("", "read session description: no v=0 line");
    check("o=x", "read session description line 1: \"o=x\", wanted v=0");
    check(
        "v=0\nhello",
        "read session description line 2: \"hello\", wanted a letter and =, such as v=0",
    );
    check("v=0", "read session description: no m=audio line");
    check(
        "v=0\nm=audio 5000 RTP/AVP 0",
        "read session description: no c= line for the audio, such as c=IN IP4 192.0.2.1",
    );
    check(
        "v=0\no=- 1 1 IN",
        "read session description line 2: \"o=- 1 1 IN\", wanted six fields, such as o=- 1 1 IN IP4 192.0.2.1",
    );
    let media = "read session description line 6: ";
    for (line, wanted) in [
        ("m=audio", "m=, kind, port, protocol, formats"),
        ("m=audio 70000 RTP/AVP 0", "a port from 0 to 65535"),
        ("m=audio 5000/0 RTP/AVP 0", "a port from 0 to 65535"),
        ("m=audio 5000 RTP/AVP", "at least one format after the protocol"),
        ("c=IN IP4 example.com", "IN, IP4 or IP6, and one address"),
        ("c=IN IP4 192.0.2.1/127", "IN, IP4 or IP6, and one address"),
        ("a=ptime:0", "milliseconds from 1 to 1000"),
        ("a=rtpmap:128 PCMU/8000", "a payload type, an encoding and a rate, such as 0 PCMU/8000"),
    ] {
        check(&audio(line, ""), &format!("{media}{line:?}, wanted {wanted}"));
    }
    let agree = "agree on media line 6: ";
    check(&audio("m=audio 0 RTP/AVP 0", ""), &format!("{agree}refused with port 0"));
    for line in ["m=audio 5000 RTP/AVP 18", "m=audio 5000 RTP/SAVP 0", "m=audio 5000 RTP/AVP x 300"]
    {
        check(&audio(line, ""), &format!("{agree}{line:?}, wanted PCMU or PCMA over RTP/AVP"));
    }
    check(
        &audio("m=audio 5000 RTP/AVP 0", "a=rtpmap:0 PCMU/16000"),
        &format!("{agree}\"m=audio 5000 RTP/AVP 0\", wanted PCMU or PCMA over RTP/AVP"),
    );
    check(&"x".repeat(70_000), "read session description: 70000 bytes, wanted at most 65536");
}

#[test]
fn an_answer_must_match_its_offer() {
    let offered = offer(local(), 1);
    let check = |text: &str, want: SdpError| assert_eq!(accept(text, &offered), Err(want));
    check("v=0\r\n", SdpError::MediaCount { found: 0, wanted: 1 });
    check(&audio("m=audio 0 RTP/AVP 0", ""), SdpError::Refused { line: 6 });
    for line in ["m=audio 5000 RTP/AVP 9", "m=video 5000 RTP/AVP 0"] {
        let found = line.to_owned();
        check(&audio(line, ""), SdpError::NothingInCommon { line: 6, found });
    }
    let only_pcma = offered.replace("RTP/AVP 0 8 101", "RTP/AVP 8");
    let error = accept(&audio("m=audio 5000 RTP/AVP 0", ""), &only_pcma);
    assert!(matches!(error, Err(SdpError::NothingInCommon { .. })), "{error:?}");
    let several = audio("m=audio 5000 RTP/AVP 8 0 101", "a=rtpmap:101 telephone-event/8000\r\n");
    assert_eq!(accept(&several, &offered).expect("a long answer").codec, Codec::Pcma);
}

#[test]
fn a_later_offer_is_answered_with_the_next_version_and_hold_both_ways() {
    let check = |theirs: &str, ours: Direction, written: &str| {
        let offered = audio("m=audio 5000 RTP/AVP 8 0", &format!("a={theirs}\r\n"));
        let (text, agreed) = answer_again(&offered, local(), 7, 3).expect("an offer");
        assert_eq!((agreed.direction, agreed.codec), (ours, Codec::Pcma));
        assert!(text.contains("o=- 7 3 IN ") && text.contains(written), "{text}");
    };
    check("sendonly", Direction::RecvOnly, "a=recvonly\r\n");
    check("recvonly", Direction::SendOnly, "a=sendonly\r\n");
    check("inactive", Direction::Inactive, "a=inactive\r\n");
    check("sendrecv", Direction::SendRecv, "a=sendrecv\r\n");
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}", lines in prop::collection::vec("[vomcas]=[ -~]{0,40}", 0..20)) {
        drop(answer(&text, local(), 1));
        drop(answer(&format!("v=0\n{}", lines.join("\n")), local(), 1));
        drop(accept(&text, &offer(local(), 1)));
    }

    #[test]
    fn mutated_offers_never_panic_and_answers_to_them_can_be_read(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut bytes = offer(local(), 1).into_bytes();
        for (place, value) in flips {
            let at = place.index(bytes.len());
            bytes[at] = value;
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Ok((answered, theirs)) = answer(&text, local(), 2) {
            let ours = accept(&answered, &text).expect("our own answer");
            prop_assert_eq!(ours.codec, theirs.codec);
            prop_assert_eq!(ours.telephone_event, theirs.telephone_event);
        }
    }

    #[test]
    fn every_address_and_port_survives(ip in any::<IpAddr>(), port in 1_u16..) {
        prop_assume!(is_of_a_host(ip));
        let caller = SocketAddr::new(ip, port);
        let (_, theirs) = answer(&offer(caller, 1), local(), 2).expect("an offer of ours");
        prop_assert_eq!(theirs.remote, caller);
    }
}
