//! Walks and signed heads: what they find, and what they must not let pass.

use super::*;
use crate::event_log::frame;

/// A log of 40 events in several segments, closed, and its head.
async fn forty(folder: &Path) -> (HeadKey, SignedHead) {
    let log = open(folder, small());
    for number in 0..20 {
        append(&log, "a", 2 * number..2 * number + 2).await;
    }
    drop(log);
    assert!(segment_files(folder).len() > 2);
    let key = HeadKey::open_or_make(&folder.join("keys/head.key")).expect("a key");
    let head = take(&key, folder);
    (key, head)
}

fn take(key: &HeadKey, folder: &Path) -> SignedHead {
    key.head(folder, &*clock(), &mut |_| {}).expect("a head")
}

fn check(folder: &Path, head: &SignedHead) -> HeadVerdict {
    verify_head(folder, head, &mut |_| {}).expect("a walk").verdict
}

/// Changes a byte of a file.
fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).expect("a file");
    bytes[at] ^= 1;
    std::fs::write(path, bytes).expect("a write");
}

#[tokio::test]
async fn a_head_holds_while_the_log_grows_and_after_a_crash() {
    let folder = tempfile::tempdir().expect("a folder");
    let (key, head) = forty(folder.path()).await;
    assert_eq!((head.events, check(folder.path(), &head)), (40, HeadVerdict::Whole));
    let log = open(folder.path(), small());
    append(&log, "b", 40..50).await;
    // Beside the writer.
    assert_eq!(check(folder.path(), &head), HeadVerdict::Whole);
    let later = take(&key, folder.path());
    assert_eq!((later.events, later.log), (50, head.log));
    drop(log);
    // A group that a crash cut short is not a part of the log.
    let last = segment_files(folder.path()).pop().expect("a segment");
    let mut bytes = std::fs::read(&last).expect("a segment");
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("a byte") + 1;
    bytes.truncate(end.next_multiple_of(frame::ALIGN));
    bytes.extend_from_slice(&[7; 33]);
    std::fs::write(&last, bytes).expect("a write");
    let found = verify_head(folder.path(), &later, &mut |_| {}).expect("a walk");
    assert_eq!(found.verdict, HeadVerdict::Whole);
    assert_eq!(found.log.expect("whole").torn_tail_bytes, 33);
}

#[tokio::test]
async fn a_head_of_an_empty_log_holds_and_tells_logs_apart() {
    let (one, two) = (tempfile::tempdir().expect("a"), tempfile::tempdir().expect("b"));
    drop((open(one.path(), small()), open(two.path(), small())));
    let key = HeadKey::open_or_make(&one.path().join("head.key")).expect("a key");
    let head = take(&key, one.path());
    assert_eq!((head.events, head.log), (0, head.head_hash));
    assert_eq!(check(one.path(), &head), HeadVerdict::Whole);
    assert!(matches!(check(two.path(), &head), HeadVerdict::AnotherLog { .. }));
    let log = open(one.path(), small());
    append(&log, "a", 0..1).await;
    assert_eq!(check(one.path(), &head), HeadVerdict::Whole);
    assert!(matches!(
        key.head(Path::new("/nowhere"), &*clock(), &mut |_| {}),
        Err(HeadError::Log(_))
    ));
    let empty = tempfile::tempdir().expect("a folder");
    assert!(matches!(key.head(empty.path(), &*clock(), &mut |_| {}), Err(HeadError::NoLog(_))));
}

#[tokio::test]
async fn every_changed_byte_before_the_head_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, head) = forty(folder.path()).await;
    let files = segment_files(folder.path());
    for file in &files {
        let is_last = Some(file) == files.last();
        let len = std::fs::metadata(file).expect("a file").len();
        let used = if is_last { 128 + 96 } else { usize::try_from(len).expect("short") };
        for at in (0..used).step_by(13) {
            flip(file, at);
            match check(folder.path(), &head) {
                HeadVerdict::Changed { damage: Some(damage), .. } => {
                    assert_eq!(damage.path, file.display().to_string(), "byte {at}");
                    assert!(damage.offset <= at as u64, "byte {at}: {damage}");
                }
                // Where nothing whole follows, it looks like a torn tail; the head knows better.
                HeadVerdict::Shorter { .. } if is_last => {}
                verdict => panic!("{file:?} at {at}: {verdict:?}"),
            }
            flip(file, at);
        }
    }
    assert_eq!(check(folder.path(), &head), HeadVerdict::Whole);
}

#[tokio::test]
async fn damage_behind_the_head_leaves_the_head_whole_and_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, head) = forty(folder.path()).await;
    let log = open(folder.path(), small());
    for number in 40..60 {
        append(&log, "a", number..number + 1).await;
    }
    drop(log);
    let files = segment_files(folder.path());
    flip(&files[files.len() - 2], 140);
    let found = verify_head(folder.path(), &head, &mut |_| {}).expect("a walk");
    assert_eq!(found.verdict, HeadVerdict::Whole);
    assert!(found.log.expect_err("damage").position >= 40);
}

#[tokio::test]
async fn a_log_cut_at_any_frame_is_named_shorter_with_what_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_, head) = forty(folder.path()).await;
    let mut files = segment_files(folder.path());
    unmark(folder.path());
    let mut events = 40;
    while let Some(last) = files.pop() {
        let whole = verify(folder.path()).expect("whole");
        assert_eq!(whole.events, events);
        std::fs::remove_file(last).expect("a file goes");
        let rest = verify(folder.path()).expect("whole without it").events;
        assert!(rest < events);
        events = rest;
        assert_eq!(
            check(folder.path(), &head),
            HeadVerdict::Shorter { events, missing: 40 - events }
        );
    }
}

/// Somebody changes an event and computes every checksum and link after it anew.
#[tokio::test]
async fn a_history_written_again_is_found_by_the_head_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), LogOptions::default());
    for number in 0..5 {
        append(&log, "a", number..number + 1).await;
    }
    drop(log);
    let key = HeadKey::open_or_make(&folder.path().join("head.key")).expect("a key");
    let head = take(&key, folder.path());
    let file = segment_files(folder.path()).pop().expect("a segment");
    let bytes = std::fs::read(&file).expect("a segment");
    let (header, mut rest) = bytes.split_at(frame::SEGMENT_HEADER);
    let mut written = header.to_vec();
    let mut previous = frame::hash(header);
    for number in 0..5 {
        let found = frame::decode(rest).expect("a frame");
        rest = &rest[found.bytes.len()..];
        let mut again = Vec::new();
        frame::begin(&mut again);
        let stamp = record::Stamp { position: number, recorded_at: found.header.recorded_at };
        let mut changed = event(number);
        if number == 2 {
            changed.data = b"{\"number\":7}".to_vec();
        }
        record::encode(&mut again, stamp, "a", number, &changed);
        let header = frame::FrameHeader { previous, ..found.header };
        previous = frame::finish(&mut again, &header);
        written.extend(again);
    }
    std::fs::write(&file, written).expect("a write");
    assert!(verify(folder.path()).is_err(), "the mark is from before");
    unmark(folder.path());
    assert_eq!(verify(folder.path()).expect("it verifies in itself").events, 5);
    match check(folder.path(), &head) {
        HeadVerdict::Changed { damage: None, found: Some(found) } => {
            assert_eq!(found, crate::base::hex(&previous));
        }
        verdict => panic!("{verdict:?}"),
    }
}

#[tokio::test]
async fn a_document_that_was_changed_or_signed_by_another_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (key, head) = forty(folder.path()).await;
    let text = head.to_json();
    let read = SignedHead::from_json(&text).expect("a head");
    assert_eq!(read, head);
    let own = public_key(&key.public_key()).expect("a key");
    read.check(Some(&own)).expect("the signature fits");
    read.check(None).expect("the signature fits");
    let other = HeadKey::open_or_make(&folder.path().join("other.key")).expect("a key");
    let other = public_key(&other.public_key()).expect("a key");
    assert!(matches!(read.check(Some(&other)), Err(HeadError::AnotherKey { .. })));
    // Every field is under the signature.
    let changes: [fn(&mut SignedHead); 6] = [
        |head| head.log[0] ^= 1,
        |head| head.events -= 1,
        |head| head.head_hash[31] ^= 1,
        |head| head.recorded_at = Timestamp::EPOCH,
        |head| head.signed_at = Timestamp::EPOCH,
        |head| head.signature[5] ^= 1,
    ];
    for change in changes {
        let mut changed = head.clone();
        change(&mut changed);
        assert!(matches!(changed.check(None), Err(HeadError::Signature)), "{changed:?}");
    }
    let mut forged = head.clone();
    forged.public_key = other;
    assert!(matches!(forged.check(None), Err(HeadError::Signature)));
    for bad in [
        "",
        "{}",
        "[]",
        &text.replace("head-1", "head-2"),
        &text.replace("\"position\": 39", "\"position\": 38"),
        &text.replace("\"events\"", "\"extra\": 1, \"events\""),
        &text.replace("\"log\": \"", "\"log\": \"00"),
        &text.replace("\"recorded_at\": \"", "\"recorded_at\": \"x"),
    ] {
        let error = SignedHead::from_json(bad).expect_err("refused").to_string();
        assert!(error.starts_with("read head: "), "{error}");
    }
}

#[test]
fn the_signed_bytes_are_as_documented() {
    let mut head = SignedHead {
        log: [0x11; 32],
        events: 0x0102_0304,
        head_hash: [0x22; 32],
        recorded_at: Timestamp::from_micros(1_795_262_400_000_000),
        signed_at: Timestamp::from_micros(-1),
        public_key: [0; 32],
        signature: [0; 64],
    };
    // The key of RFC 8032 §7.1, test 1.
    let secret = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rfc.key");
    std::fs::write(&path, crate::base::unhex(secret).expect("hexadecimal")).expect("a write");
    let key = HeadKey::open(&path).expect("a key");
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    assert_eq!(key.public_key(), public);
    head.public_key = public_key(public).expect("a key");
    let bytes = [
        b"LGHEAD01".as_slice(),
        &[0x11; 32],
        &[4, 3, 2, 1, 0, 0, 0, 0],
        &[0x22; 32],
        &1_795_262_400_000_000_i64.to_le_bytes(),
        &[0xff; 8],
        &head.public_key,
    ]
    .concat();
    assert_eq!(head.signed_bytes().as_slice(), bytes);
}

#[test]
fn a_signing_key_is_made_once_and_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys/head.key");
    assert!(matches!(HeadKey::open(&path), Err(HeadError::Key { .. })));
    let made = HeadKey::open_or_make(&path).expect("a key");
    let found = HeadKey::open_or_make(&path).expect("a key");
    assert!(made.is_new && !found.is_new);
    assert_eq!(made.public_key(), found.public_key());
    let mode = std::fs::metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path().join("keys")).expect("a folder").count(), 1);
    std::fs::write(&path, [1; 31]).expect("a write");
    let error = HeadKey::open_or_make(&path).expect_err("no key").to_string();
    assert!(error.contains("head.key") && error.contains("32 bytes"), "{error}");
    for bad in ["", "00", "zz", &"0".repeat(63), &"é".repeat(32)] {
        assert!(public_key(bad).is_err(), "{bad:?}");
    }
}
