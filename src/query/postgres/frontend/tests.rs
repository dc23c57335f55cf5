use proptest::prelude::*;

use super::*;

fn bytes(parts: &[&[u8]]) -> Bytes {
    parts.concat().into()
}

#[test]
fn first_packets_are_told_apart() {
    let first = |parts: &[&[u8]]| First::read(bytes(parts));
    assert_eq!(first(&[&80_877_103u32.to_be_bytes()]), Ok(First::Tls));
    assert_eq!(first(&[&80_877_104u32.to_be_bytes()]), Ok(First::Gss));
    let cancel = first(&[&80_877_102u32.to_be_bytes(), &7i32.to_be_bytes(), b"abcd"]);
    assert_eq!(cancel, Ok(First::Cancel { pid: 7, secret: Bytes::from_static(b"abcd") }));
    let options = vec![("user".to_owned(), "ann".to_owned())];
    let startup = first(&[&196_608u32.to_be_bytes(), b"user\0ann\0\0"]);
    assert_eq!(startup, Ok(First::Startup { minor: 0, options }));
    assert_eq!(first(&[&131_072u32.to_be_bytes()]), Err(Malformed::Version(2, 0)));
    assert_eq!(first(&[&196_608u32.to_be_bytes(), b"user"]), Err(Malformed::First));
    assert_eq!(first(&[b"GE"]), Err(Malformed::First));
}

#[test]
fn messages_are_read_whole_or_not_at_all() {
    let bind =
        bytes(&[b"p\0s\0", &[0, 1, 0, 1], &[0, 2, 255, 255, 255, 255, 0, 0, 0, 1, 65], &[0, 0]]);
    let read = Message::read(b'B', bind.clone()).expect("a message");
    let Message::Bind(read) = read else { panic!("{read:?}") };
    assert_eq!((read.portal.as_str(), read.statement.as_str()), ("p", "s"));
    assert_eq!(read.values, [None, Some(Bytes::from_static(b"A"))]);
    for end in 0..bind.len() {
        assert!(Message::read(b'B', bind.slice(..end)).is_err(), "{end}");
    }
    // A length that is not there takes no memory.
    let long = bytes(&[b"\0\0", &[0, 0], &[0, 1, 127, 255, 255, 255], &[0, 0]]);
    assert_eq!(Message::read(b'B', long), Err(Malformed::Content(b'B')));
    let execute = Message::read(b'E', bytes(&[b"\0", &(-5i32).to_be_bytes()]));
    assert_eq!(execute, Ok(Message::Execute { portal: String::new(), rows: 0 }));
    assert_eq!(Message::read(b'!', Bytes::new()), Err(Malformed::Unknown(b'!')));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(kind in any::<u8>(), body in prop::collection::vec(any::<u8>(), 0..80)) {
        let body = Bytes::from(body);
        drop(First::read(body.clone()));
        drop(Message::read(kind, body));
    }
}
