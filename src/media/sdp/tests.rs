mod dtls;

use proptest::prelude::*;

use super::negotiated::is_of_a_host;
use super::*;
use crate::base::Millis;
use crate::media::Payload;
use crate::media::srtp::{SRTP_ENTROPY, SrtpKeys};

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
            telephone_event: Some(TelephoneEvent { payload_type: 101, clock_rate: 8_000 }),
            receive_types: ours.receive_types,
            ..Negotiated::plain(callee, Codec::Pcmu)
        };
        assert_eq!(ours, want);
        let remote_rtcp = SocketAddr::new(caller.ip(), 40_001);
        let receive_types = theirs.receive_types;
        assert_eq!(theirs, Negotiated { remote: caller, remote_rtcp, receive_types, ..want });
        for map in [ours.receive_types, theirs.receive_types] {
            assert_eq!(map.get(0), Some(Payload::Audio(Codec::Pcmu)));
            assert_eq!(map.get(101), Some(Payload::TelephoneEvent { clock_rate: 8_000 }));
        }
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
    assert_eq!(agreed.telephone_event.map(|event| event.payload_type), Some(97));
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
    assert_eq!(agreed.remote, "198.51.100.9:7004".parse::<SocketAddr>().expect("an address"));
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
    ] {
        check(&audio(line, ""), &format!("{media}{line:?}, wanted {wanted}"));
    }
    let media = "read session description line 7: ";
    for (line, wanted) in [
        ("a=rtpmap:128 PCMU/8000", "a payload type, an encoding and a rate, such as 0 PCMU/8000"),
        ("a=maxptime:x", "milliseconds from 1 to 1000"),
        ("a=rtcp:x", "a port, such as a=rtcp:5001"),
        ("a=rtcp:5001 IN IP4", "IN, IP4 or IP6, and one address"),
    ] {
        let text = audio("m=audio 5000 RTP/AVP 0", line);
        check(&text, &format!("{media}{line:?}, wanted {wanted}"));
    }
    let agree = "agree on media line 6: ";
    check(&audio("m=audio 0 RTP/AVP 0", ""), &format!("{agree}refused with port 0"));
    let no_key = "no a=crypto with AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32 or \
                  AEAD_AES_128_GCM that goes with ours";
    check(&audio("m=audio 5000 RTP/SAVP 0", ""), &format!("{agree}{no_key}"));
    for line in ["m=audio 5000 RTP/AVP 18", "m=audio 5000 RTP/AVP x 300"] {
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
        let wanted = "PCMU or PCMA".to_owned();
        check(&audio(line, ""), SdpError::NothingInCommon { line: 6, found, wanted });
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

fn all() -> Capabilities {
    let codecs = vec![Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus];
    Capabilities { codecs, comfort_noise: true, rtcp_mux: true, srtp: None, dtls: None }
}

#[test]
fn an_offer_of_everything_lists_it_in_order_with_its_clocks() {
    assert_eq!(
        all().offer(local(), 42),
        "v=0\r\no=- 42 0 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
         m=audio 40000 RTP/AVP 8 0 9 111 101 13 110\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:9 G722/8000\r\na=rtpmap:111 opus/48000/2\r\n\
         a=fmtp:111 maxplaybackrate=8000;sprop-maxcapturerate=8000;useinbandfec=1\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=rtpmap:13 CN/8000\r\n\
         a=rtpmap:110 telephone-event/48000\r\na=fmtp:110 0-15\r\n\
         a=ptime:20\r\na=rtcp-mux\r\na=sendrecv\r\n"
    );
}

#[test]
fn dynamic_numbers_are_followed_both_ways() {
    let offered = audio(
        "m=audio 6000 RTP/AVP 97 0 98 99 100",
        "a=rtpmap:97 opus/48000/2\r\na=fmtp:97 stereo=0; useinbandfec=1;maxaveragebitrate=16000\r\n\
         a=rtpmap:98 PCMA/8000\r\na=rtpmap:99 telephone-event/48000\r\n\
         a=rtpmap:100 telephone-event/8000\r\na=rtcp-mux\r\n",
    );
    let (text, agreed) = all().answer(&offered, local(), 5).expect("a good offer");
    assert_eq!((agreed.codec, agreed.payload_type), (Codec::Opus, 97));
    let event = TelephoneEvent { payload_type: 99, clock_rate: 48_000 };
    assert_eq!(agreed.telephone_event, Some(event));
    let opus = OpusFormat { use_inband_fec: true, max_average_bitrate: Some(16_000) };
    assert_eq!(agreed.opus, opus);
    assert_eq!(agreed.receive_types.get(98), Some(Payload::Audio(Codec::Pcma)));
    assert!(agreed.rtcp_mux && agreed.remote_rtcp == agreed.remote);
    assert!(text.contains("m=audio 40000 RTP/AVP 97 99\r\n"), "{text}");
    assert!(text.contains("a=rtpmap:97 opus/48000/2\r\n") && text.contains("a=rtcp-mux"), "{text}");

    let g711 = Capabilities { codecs: vec![Codec::Pcma], ..Capabilities::default() };
    let (text, agreed) = g711.answer(&offered, local(), 5).expect("A-law by a dynamic number");
    assert_eq!((agreed.codec, agreed.payload_type), (Codec::Pcma, 98));
    assert!(text.contains("m=audio 40000 RTP/AVP 98 100\r\n"), "{text}");
    assert!(!agreed.rtcp_mux && !text.contains("rtcp-mux"), "{text}");
}

#[test]
fn digits_beside_opus_may_have_the_old_clock() {
    let offered = audio(
        "m=audio 6000 RTP/AVP 96 101",
        "a=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n",
    );
    let (_, agreed) = all().answer(&offered, local(), 5).expect("a good offer");
    let event = TelephoneEvent { payload_type: 101, clock_rate: 8_000 };
    assert_eq!(agreed.telephone_event, Some(event));
}

#[test]
fn comfort_noise_is_agreed_only_where_both_take_it() {
    let offered = audio("m=audio 6000 RTP/AVP 0 13", "");
    let (text, agreed) = all().answer(&offered, local(), 5).expect("an offer");
    assert_eq!(agreed.comfort_noise, Some(13));
    assert!(text.contains("m=audio 40000 RTP/AVP 0 13\r\n"), "{text}");
    let (text, agreed) = answer(&offered, local(), 5).expect("an offer");
    assert_eq!(agreed.comfort_noise, None);
    assert!(text.contains("m=audio 40000 RTP/AVP 0\r\n"), "{text}");
    // It is understood all the same.
    assert_eq!(agreed.receive_types.get(13), Some(Payload::ComfortNoise));
}

#[test]
fn packets_are_as_long_as_the_other_side_asks() {
    let check = |codec: u8, more: &str, want: u64| {
        let media = format!("m=audio 6000 RTP/AVP {codec}");
        let more = format!("a=rtpmap:96 opus/48000/2\r\n{more}");
        let (_, agreed) = all().answer(&audio(&media, &more), local(), 5).expect("an offer");
        assert_eq!(agreed.ptime, Millis(want), "{codec} {more}");
    };
    check(0, "", 20);
    check(0, "a=ptime:10", 10);
    check(0, "a=ptime:30", 30);
    check(9, "a=ptime:60.0", 60);
    check(0, "a=ptime:5", 10);
    check(0, "a=ptime:25", 20);
    check(0, "a=ptime:200", 60);
    check(0, "a=ptime:60\r\na=maxptime:40", 40);
    check(0, "a=maxptime:10", 10);
    check(96, "a=ptime:30", 20);
    check(96, "a=ptime:50", 40);
}

#[test]
fn rtcp_goes_where_the_other_side_says() {
    let check = |more: &str, want: &str| {
        let offered = audio("m=audio 6000 RTP/AVP 0", more);
        let (_, agreed) = answer(&offered, local(), 5).expect("an offer");
        assert_eq!(agreed.remote_rtcp.to_string(), want, "{more}");
    };
    check("", "198.51.100.2:6001");
    check("a=rtcp:7001", "198.51.100.2:7001");
    check("a=rtcp:7001 IN IP4 198.51.100.9", "198.51.100.9:7001");
    check("a=rtcp:7001 IN IP4 0.0.0.0", "198.51.100.2:7001");
    check("a=rtcp:0", "198.51.100.2:6001");
    check("a=rtcp-mux", "198.51.100.2:6001");
}

#[test]
fn a_later_offer_of_no_address_holds_and_the_peer_stays_where_it_is() {
    let first = audio("m=audio 6000 RTP/AVP 0", "");
    let (_, kept) = answer(&first, local(), 5).expect("the first offer");
    let check = |connection: &str, direction: &str, want: Direction| {
        let text = audio("m=audio 6000 RTP/AVP 0", &format!("c=IN {connection}\r\n{direction}"));
        assert!(answer(&text, local(), 5).is_err(), "a first offer: {connection}");
        let capabilities = Capabilities::default();
        let (ours, agreed) =
            capabilities.answer_again(&text, local(), 5, 1, Some(&kept)).expect("a hold");
        assert_eq!((agreed.remote, agreed.remote_rtcp), (kept.remote, kept.remote_rtcp));
        assert_eq!(agreed.direction, want, "{connection} {direction}");
        assert!(ours.contains(&format!("a={}\r\n", want.attribute())), "{ours}");
        let offered = offer(local(), 1);
        assert_eq!(accept_again(&text, &offered, Some(&kept)).map(|a| a.direction), Ok(want));
    };
    check("IP4 0.0.0.0", "", Direction::RecvOnly);
    check("IP4 0.0.0.0", "a=sendonly", Direction::RecvOnly);
    check("IP4 0.0.0.0", "a=recvonly", Direction::Inactive);
    check("IP4 0.0.0.0", "a=inactive", Direction::Inactive);
    check("IP6 ::", "", Direction::RecvOnly);
    let multicast = audio("m=audio 6000 RTP/AVP 0", "c=IN IP4 224.2.1.1/127");
    let again = Capabilities::default().answer_again(&multicast, local(), 5, 1, Some(&kept));
    assert!(matches!(again, Err(SdpError::Address { .. })), "{again:?}");
}

#[test]
fn a_later_offer_of_ours_keeps_media_lines_and_numbers() {
    let offered = audio(
        "m=image 7000 udptl t38\r\nm=audio 6000 RTP/AVP 111 96 97",
        "a=rtpmap:111 PCMU/8000\r\na=rtpmap:96 telephone-event/8000\r\na=rtpmap:97 opus/48000/2\r\n\
         a=mid:1\r\nm=video 7002 RTP/AVP 31\r\n",
    )
    .replace("t=0 0", "t=0 0\r\na=group:BUNDLE 1 2");
    let (ours, agreed) = all().answer(&offered, local(), 5).expect("an offer");
    assert_eq!((agreed.codec, agreed.payload_type), (Codec::Pcmu, 111));
    assert!(!ours.contains("BUNDLE") && !ours.contains("mid"), "{ours}");
    let held = all().offer_again(local(), 5, 1, Direction::SendOnly, Some(&ours));
    let media: Vec<&str> = held.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        media,
        [
            "m=image 0 udptl t38",
            "m=audio 40000 RTP/AVP 8 111 9 97 96 13 110",
            "m=video 0 RTP/AVP 31"
        ]
    );
    assert!(held.contains("a=rtpmap:97 opus/48000/2\r\n"), "{held}");
    let answered = ours.replace("sendrecv", "recvonly");
    let agreed = accept(&answered, &held).expect("their answer");
    assert_eq!((agreed.codec, agreed.direction), (Codec::Pcmu, Direction::SendOnly));
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
    fn whoever_offers_what_they_can_the_answer_agrees_on_the_same(
        ours in prop::collection::vec(prop::sample::select(&Codec::ALL), 1..4),
        theirs in prop::collection::vec(prop::sample::select(&Codec::ALL), 1..4),
        noise in any::<(bool, bool)>(),
        mux in any::<(bool, bool)>(),
    ) {
        let able = |codecs: &[Codec], comfort_noise, rtcp_mux| {
            let mut known: Vec<Codec> = Vec::new();
            codecs.iter().for_each(|codec| if !known.contains(codec) { known.push(*codec) });
            Capabilities { codecs: known, comfort_noise, rtcp_mux, srtp: None, dtls: None }
        };
        let (ours, theirs) = (able(&ours, noise.0, mux.0), able(&theirs, noise.1, mux.1));
        let first = ours.codecs.iter().find(|codec| theirs.codecs.contains(codec)).copied();
        let offered = ours.offer(local(), 1);
        match (theirs.answer(&offered, local(), 2), first) {
            (Ok((answered, at_them)), Some(first)) => {
                let at_us = accept(&answered, &offered).expect("an answer to our offer");
                prop_assert_eq!(at_us.codec, first);
                prop_assert_eq!(at_us.payload_type, at_them.payload_type);
                prop_assert_eq!(at_us.telephone_event, at_them.telephone_event);
                prop_assert_eq!(at_us.comfort_noise, at_them.comfort_noise);
                prop_assert_eq!(at_us.rtcp_mux, at_them.rtcp_mux);
                prop_assert_eq!(at_us.receive_types.get(at_us.payload_type), Some(Payload::Audio(first)));
            }
            (Err(SdpError::NothingInCommon { .. }), None) => {}
            (other, first) => prop_assert!(false, "{:?} for {:?}", other, first),
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

fn with_keys(byte: u8, is_required: bool) -> Capabilities {
    let srtp = Some(SrtpKeys::from_entropy(is_required, &[byte; SRTP_ENTROPY]));
    Capabilities { srtp, ..Capabilities::default() }
}

#[test]
fn two_of_us_agree_on_keys_over_both_protocols() {
    for is_required in [false, true] {
        let (caller, callee) = (with_keys(1, is_required), with_keys(2, false));
        let offered = caller.offer(local(), 1);
        assert_eq!(offered.contains("RTP/SAVP "), is_required, "RFC 8643: else keys are a wish");
        assert_eq!(offered.matches("a=crypto:").count(), 3);
        let (answered, theirs) = callee.answer(&offered, local(), 2).expect("an offer of ours");
        assert_eq!(answered.contains("RTP/SAVP "), is_required);
        assert_eq!(answered.matches("a=crypto:1 AES_CM_128_HMAC_SHA1_80 ").count(), 1);
        let ours = accept(&answered, &offered).expect("an answer of ours");
        let (ours, theirs) = (ours.crypto.expect("keys"), theirs.crypto.expect("keys"));
        assert_eq!((ours.local, ours.remote), (theirs.remote, theirs.local));
        assert_ne!(ours.local, ours.remote);
        // A later offer shows the same keys: nothing is agreed anew.
        let again = caller.offer_again(local(), 1, 1, Direction::SendOnly, Some(&offered));
        let line = |text: &str| text.lines().find(|l| l.starts_with("a=crypto")).map(str::to_owned);
        assert_eq!(line(&again), line(&offered));
        assert_eq!(again.contains("RTP/SAVP "), is_required);
    }
}

#[test]
fn a_peer_without_keys_is_spoken_to_in_the_open_only_where_that_may_be() {
    let plain = Capabilities::default();
    let wish = with_keys(1, false).offer(local(), 1);
    let (answered, theirs) = plain.answer(&wish, local(), 2).expect("RTP/AVP will do");
    assert_eq!(theirs.crypto, None);
    assert_eq!(accept(&answered, &wish).expect("in the open").crypto, None);
    // Who insists is refused by who cannot, and refuses who does not.
    let demand = with_keys(1, true).offer(local(), 1);
    let refused = Err(SdpError::Srtp { line: 6 });
    assert_eq!(plain.answer(&demand, local(), 2).map(drop), refused);
    let open = plain.offer(local(), 1);
    assert_eq!(with_keys(1, true).answer(&open, local(), 2).map(drop), refused);
    assert!(with_keys(1, false).answer(&open, local(), 2).is_ok());
    // An answer without a key, or with another number, to a demand.
    for more in
        ["", "a=crypto:9 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"]
    {
        let answered = audio("m=audio 6000 RTP/SAVP 0", more);
        assert_eq!(accept(&answered, &demand).map(drop), refused);
    }
}

#[test]
fn an_encrypted_call_stays_encrypted() {
    let caller = with_keys(1, false);
    let offered = caller.offer(local(), 1);
    let (answered, kept) = with_keys(2, false).answer(&offered, local(), 2).expect("agreed");
    assert!(kept.crypto.is_some() && accept(&answered, &offered).is_ok());
    let open = Capabilities::default().offer(local(), 1);
    let again = with_keys(2, false).answer_again(&open, local(), 2, 1, Some(&kept));
    assert_eq!(again.map(drop), Err(SdpError::Srtp { line: 6 }));
    let in_the_open = audio("m=audio 6000 RTP/AVP 0", "a=sendrecv");
    let again = accept_again(&in_the_open, &offered, Some(&kept));
    assert_eq!(again.map(drop), Err(SdpError::Srtp { line: 6 }));
}

#[test]
fn the_first_key_we_can_take_is_taken_and_none_is_shown() {
    let inline = "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
    let more = format!(
        "a=crypto:1 AES_256_CM_HMAC_SHA1_80 {inline}\na=crypto:bad\n\
         a=crypto:3 AES_CM_128_HMAC_SHA1_32 {inline}|2^20\n\
         a=crypto:4 AES_CM_128_HMAC_SHA1_80 {inline}"
    );
    let offered = audio("m=audio 6000 RTP/SAVP 0", &more);
    let (answered, agreed) = with_keys(2, false).answer(&offered, local(), 2).expect("agreed");
    assert!(answered.contains("a=crypto:3 AES_CM_128_HMAC_SHA1_32 inline:"), "{answered}");
    assert!(!format!("{agreed:?}").contains("[119"), "{agreed:?}");
    let plain = Capabilities::default().answer(&offered, local(), 2).expect_err("keys are a must");
    assert!(!plain.to_string().contains("d0Rm"), "{plain}");
}
