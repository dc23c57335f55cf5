use proptest::prelude::*;

use super::{Message, ReadError, StartLine};

fn read(text: &str) -> Message {
    Message::read(text.replace('\n', "\r\n").as_bytes()).unwrap()
}

fn fault(text: &str) -> Option<&'static str> {
    read(text).fault
}

#[test]
fn reads_compact_and_folded_headers() {
    let message = read(
        "INVITE sip:a@192.0.2.1 SIP/2.0\nv: SIP/2.0/UDP 192.0.2.2\nf:<sip:b@x>;tag=1\n\
         Subject: one\n\ttwo\nl: 3\n\nabcdef",
    );
    assert_eq!(message.header("via"), Some("SIP/2.0/UDP 192.0.2.2"));
    assert_eq!(message.header("From"), Some("<sip:b@x>;tag=1"));
    assert_eq!(message.header("Subject"), Some("one two"));
    assert_eq!(message.body, b"abc");
    assert_eq!(message.fault, None);
}

#[test]
fn reads_unknown_methods_and_ipv6() {
    let message = read("NEWMETHOD sip:a@[2001:db8::1]:5070 SIP/2.0\nX: y\n\n");
    assert_eq!((message.method(), message.uri()), ("NEWMETHOD", "sip:a@[2001:db8::1]:5070"));
}

#[test]
fn reads_a_status_line_without_phrase() {
    for line in ["SIP/2.0 200 OK", "SIP/2.0 200 ", "SIP/2.0 200", "sip/2.0 200 OK"] {
        let message = read(&format!("{line}\nl: 0\n\n"));
        assert!(matches!(message.start, StartLine::Response { status: 200, .. }), "{line}");
    }
}

#[test]
fn names_what_cannot_be_answered() {
    let error = |text: &str| Message::read(text.as_bytes()).err();
    assert_eq!(error("\r\n\r\n"), Some(ReadError::KeepAlive));
    assert_eq!(error(""), Some(ReadError::KeepAlive));
    assert_eq!(error("INVITE sip:a SIP/2.0\r\nA: b\r\n"), Some(ReadError::Endless));
    assert_eq!(error("GET / HTTP/1.1\r\n\r\n"), Some(ReadError::StartLine));
    assert_eq!(error("hello\r\n\r\n"), Some(ReadError::StartLine));
    for line in ["SIP/2.0 99 x", "SIP/2.0 700 x", "SIP/2.0 2000 x", "SIP/3.0 200 x"] {
        let found = error(&format!("{line}\r\n\r\n"));
        assert!(matches!(found, Some(ReadError::Response(_))), "{line}: {found:?}");
    }
}

#[test]
fn notes_faults_that_can_be_answered() {
    let with = |header: &str| fault(&format!("BYE sip:a SIP/2.0\n{header}\n\nxy"));
    assert_eq!(with("l: 2"), None);
    assert!(with("l: 3").is_some());
    assert!(with("l: -1").is_some());
    assert!(with("l: 99999999999999999999999").is_some());
    assert!(with("l: 2\nContent-Length: 2").is_some());
    assert!(with("CSeq: 1 BYE\nCSeq: 2 BYE").is_some());
    assert!(with("no colon").is_some());
    assert!(with(" folded first").is_some());
    assert!(with("A: b\rc").is_some());
    assert!(fault("BYE <sip:a> SIP/2.0\n\n\n").is_some());
    assert!(fault("BYE sip:a b SIP/2.0\n\n\n").is_some());
}

#[test]
fn reason_phrases_read_like_words() {
    for (status, phrase) in [
        (100, "Trying"),
        (200, "OK"),
        (407, "Proxy Authentication Required"),
        (486, "Busy Here"),
        (481, "Call/Transaction Does Not Exist"),
        (505, "Version Not Supported"),
    ] {
        let bytes = Message::response(status).write();
        let line = format!("SIP/2.0 {status} {phrase}\r\n");
        assert!(bytes.starts_with(line.as_bytes()), "{}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn what_we_write_rsip_reads() {
    let message = Message::request("INVITE", "sip:15555550123@192.0.2.1")
        .with("Via", "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1;rport")
        .with("From", "<sip:a@192.0.2.9>;tag=1")
        .with("To", "<sip:b@192.0.2.1>")
        .with("Call-ID", "x")
        .with("CSeq", "1 INVITE")
        .with_sdp("v=0\r\n");
    let read = rsip::SipMessage::try_from(message.write()).unwrap();
    assert!(matches!(read, rsip::SipMessage::Request(request) if request.body == b"v=0\r\n"));
}

const VALID: &str = "INVITE sip:a@[2001:db8::1] SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
     From: \"a \\\" b\" <sip:a@b>;tag=x\r\nTo: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\
     Content-Length: 4\r\n\r\nbody";

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _message = Message::read(&bytes);
    }

    #[test]
    fn what_is_read_without_fault_survives_writing(
        at in 0..VALID.len(), byte in any::<u8>(), cut in 0..VALID.len(),
    ) {
        let mut bytes = VALID.as_bytes().to_vec();
        bytes[at] = byte;
        let _cut = Message::read(&bytes[..cut]);
        if let Ok(first) = Message::read(&bytes) && first.fault.is_none() {
            let again = Message::read(&first.write()).unwrap();
            prop_assert_eq!(again.write(), first.write());
        }
    }
}
