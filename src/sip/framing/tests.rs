use proptest::prelude::*;

use super::*;

const INVITE: &str =
    "INVITE sip:x@192.0.2.1 SIP/2.0\r\nCall-ID: a\r\nContent-Length: 4\r\n\r\nv=0\n";
const BYE: &str = "BYE sip:x@192.0.2.1 SIP/2.0\r\nCall-ID: a\r\nl : 0\r\n\r\n";

/// Everything in a stream that comes in pieces of these lengths, over and over.
fn read(stream: &[u8], pieces: &[usize]) -> (Vec<Frame>, Option<FramingError>) {
    let mut framer = Framer::default();
    let (mut frames, mut rest) = (Vec::new(), stream);
    for piece in pieces.iter().cycle() {
        let (now, later) = rest.split_at((*piece).min(rest.len()));
        framer.push(now);
        rest = later;
        loop {
            match framer.poll() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
        if rest.is_empty() {
            break;
        }
    }
    (frames, None)
}

fn message(text: &str) -> Frame {
    Frame::Message(text.as_bytes().to_vec())
}

#[test]
fn messages_follow_each_other_with_keep_alives_between() {
    let stream = format!("\r\n{INVITE}\r\n\r\n{BYE}\r\n{BYE}");
    let wanted = vec![message(INVITE), Frame::Ping, message(BYE), message(BYE)];
    assert_eq!(read(stream.as_bytes(), &[stream.len()]), (wanted, None));
}

#[test]
fn a_message_is_not_given_before_its_body_is_there() {
    let (all, _) = INVITE.split_at(INVITE.len() - 1);
    assert_eq!(read(all.as_bytes(), &[7]), (vec![], None));
}

#[test]
fn what_has_no_length_ends_the_stream() {
    for (headers, error) in [
        ("Call-ID: a\r\n", FramingError::NoLength),
        ("Content-Length: 0\r\nl: 5\r\n", FramingError::NoLength),
        ("Content-Length: -1\r\n", FramingError::NoLength),
        ("Content-Length:\r\n", FramingError::NoLength),
        ("Content-Length: 65537\r\n", FramingError::BodyTooLong),
        ("Content-Length: 99999999999999999999999\r\n", FramingError::BodyTooLong),
    ] {
        let stream = format!("{BYE}BYE sip:x SIP/2.0\r\n{headers}\r\n{BYE}");
        let (frames, broken) = read(stream.as_bytes(), &[stream.len()]);
        assert_eq!((frames.len(), broken), (1, Some(error)), "{headers}");
    }
}

#[test]
fn headers_without_end_are_not_kept() {
    let stream = vec![b'a'; HEAD_MAX + 1];
    assert_eq!(read(&stream, &[100]), (vec![], Some(FramingError::HeadTooLong)));
    let stream = format!("BYE sip:x SIP/2.0\r\nX: {}\r\nl: 0\r\n\r\n", "a".repeat(HEAD_MAX));
    let (_, error) = read(stream.as_bytes(), &[stream.len()]);
    assert_eq!(error, Some(FramingError::HeadTooLong), "nor where the end comes in the same piece");
}

proptest! {
    #[test]
    fn how_a_stream_is_cut_changes_nothing(
        parts in proptest::collection::vec(
            prop_oneof![Just(INVITE), Just(BYE), Just("\r\n\r\n"), Just("\r\n"), Just("x: y\r\n\r\n")],
            0..12,
        ),
        pieces in proptest::collection::vec(1_usize..40, 1..8),
    ) {
        let stream = parts.concat();
        let whole = read(stream.as_bytes(), &[stream.len().max(1)]);
        prop_assert_eq!(read(stream.as_bytes(), &pieces), whole);
    }

    #[test]
    fn arbitrary_bytes_are_read_alike_and_in_bounds(
        stream in proptest::collection::vec(
            prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'l'), Just(b':'), Just(b'1'), any::<u8>()],
            0..400,
        ),
        pieces in proptest::collection::vec(1_usize..9, 1..8),
    ) {
        let whole = read(&stream, &[stream.len().max(1)]);
        prop_assert_eq!(read(&stream, &pieces), whole);
    }
}
