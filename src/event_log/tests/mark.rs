//! What a flipped bit does, with the mark of a log that was closed and without; what a mark that
//! is torn, old or gone does.

use super::disk::Disk;
use super::reopen::frames;
use super::*;
use crate::event_log::mark::{MARK, Mark};

/// A file of a disk, as it reads.
fn bytes_of(disk: &Disk, name: &str) -> Vec<u8> {
    let file = disk.open(name, false).expect("a file");
    let mut bytes = vec![0; usize::try_from(file.size().expect("a size")).expect("small")];
    file.read_at(&mut bytes, 0).expect("bytes");
    bytes
}

fn write(disk: &Disk, name: &str, bytes: &[u8]) {
    let file = disk.open(name, true).or_else(|_| disk.create(name)).expect("a file");
    file.set_size(bytes.len() as u64).expect("a size");
    file.write_at(bytes, 0).expect("a write");
}

fn segments(disk: &Disk) -> Vec<String> {
    let mut names = disk.list().expect("names");
    names.retain(|name| name.starts_with("segment-"));
    names
}

fn try_open(disk: &Disk, options: LogOptions) -> Result<(EmbeddedLog, OpenReport), OpenError> {
    EmbeddedLog::open_with(Arc::new(disk.clone()), options, clock())
}

/// A log of five frames of two events each in at least two segments, closed: the disk, the name
/// of the last segment and its bytes.
async fn closed() -> (Disk, String, Vec<u8>) {
    let disk = Disk::new(1);
    let options = LogOptions { segment_bytes: 700, ..small() };
    let (log, _) = try_open(&disk, options).expect("a log");
    for number in 0..5 {
        append(&log, "a", number * 2..number * 2 + 2).await;
    }
    drop(log);
    let names = segments(&disk);
    assert!(names.len() > 1, "{names:?}");
    let last = names.last().expect("a segment").clone();
    let bytes = bytes_of(&disk, &last);
    assert!(frames(&bytes).len() > 1);
    (disk, last, bytes)
}

/// Every bit of a frame, header, records and padding.
fn flips(bytes: &[u8], frame: &std::ops::Range<usize>) -> impl Iterator<Item = Vec<u8>> {
    frame.clone().flat_map(|at| (0..8).map(move |bit| (at, bit))).map(|(at, bit)| {
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 1 << bit;
        flipped
    })
}

fn is_in(frame: &std::ops::Range<usize>, found: &Damage) -> bool {
    frame.contains(&usize::try_from(found.offset).expect("small"))
}

#[tokio::test]
async fn every_flipped_bit_of_the_last_frame_of_a_closed_log_is_refused_and_nothing_is_cut() {
    let (disk, last, bytes) = closed().await;
    let frame = frames(&bytes).pop().expect("a frame");
    let mark = bytes_of(&disk, MARK);
    for flipped in flips(&bytes, &frame) {
        write(&disk, &last, &flipped);
        let refused = try_open(&disk, small()).map(|(_, report)| report);
        let Err(OpenError::BehindMark { damage, durable, .. }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!((durable, damage.path.clone()), (10, format!("/disk/{last}")));
        assert!(is_in(&frame, &damage) && (8..10).contains(&damage.position), "{damage}");
        assert_eq!(bytes_of(&disk, &last), flipped, "nothing was cut");
        assert_eq!(bytes_of(&disk, MARK), mark);
    }
    write(&disk, &last, &bytes);
    assert_eq!(try_open(&disk, small()).expect("whole again").1.events, 10);
}

/// Without a mark the last frame looks like a torn tail: it goes, and nothing else.
#[tokio::test]
async fn every_flipped_bit_of_a_last_frame_without_a_mark_costs_that_frame_at_most() {
    let (disk, last, bytes) = closed().await;
    let frame = frames(&bytes).pop().expect("a frame");
    let kept: Vec<_> = (0..8).map(event).collect();
    for flipped in flips(&bytes, &frame) {
        drop(disk.remove(MARK));
        write(&disk, &last, &flipped);
        let (log, report) = match try_open(&disk, small()) {
            Ok(opened) => opened,
            Err(refused) => panic!("{refused}"),
        };
        assert_eq!(report.events, 8);
        assert!(report.torn_tail_bytes > 0);
        assert!(all(&log).await.iter().map(as_new).eq(kept.iter().cloned()));
    }
}

#[tokio::test]
async fn every_flipped_bit_of_a_frame_in_the_middle_is_refused_with_or_without_a_mark() {
    let (disk, last, bytes) = closed().await;
    let first = segments(&disk).remove(0);
    let first_bytes = bytes_of(&disk, &first);
    let mark = bytes_of(&disk, MARK);
    // Of a finished segment nothing but its ends is read where the index has the rest.
    for name in disk.folder("index").expect("a folder").list().expect("names") {
        disk.folder("index").expect("a folder").remove(&name).expect("a removal");
    }
    let inner = frames(&bytes).first().expect("a frame").clone();
    let older = frames(&first_bytes).last().expect("a frame").clone();
    for (name, bytes, frame) in [(last, bytes, inner), (first, first_bytes, older)] {
        for (number, flipped) in flips(&bytes, &frame).enumerate() {
            match number % 2 {
                0 => drop(disk.remove(MARK)),
                _ => write(&disk, MARK, &mark),
            }
            write(&disk, &name, &flipped);
            let refused = try_open(&disk, small()).map(|(_, report)| report);
            let Err(OpenError::Corrupt(damage)) = refused else { panic!("{refused:?}") };
            assert_eq!(damage.path, format!("/disk/{name}"));
            assert!(is_in(&frame, &damage), "{damage}");
            assert!(damage.position < 10, "{damage}");
            assert_eq!(bytes_of(&disk, &name), flipped, "nothing was cut");
        }
        write(&disk, &name, &bytes);
    }
}

#[tokio::test]
async fn a_mark_that_is_torn_anywhere_says_what_the_one_before_said() {
    let (disk, last, bytes) = closed().await;
    let (log, _) = try_open(&disk, small()).expect("a log");
    append(&log, "b", 10..11).await;
    drop(log);
    let whole = bytes_of(&disk, MARK);
    let newest = Mark::read(&disk).expect("a mark");
    let slot = [0, 4_096].into_iter().find(|at| Mark::decode(&whole[*at..]) == Some(newest));
    let slot = slot.expect("the newest one");
    let other = Mark::decode(&whole[4_096 - slot..]).expect("the one before");
    assert_eq!((newest.next, other.next), (11, 10));
    for at in (slot..slot + 128).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut torn = whole.clone();
        torn[at.0] ^= 1 << at.1;
        write(&disk, MARK, &torn);
        assert_eq!(Mark::read(&disk), Some(other));
    }
    for cut in 0..whole.len() {
        write(&disk, MARK, &whole[..cut]);
        let left = Mark::read(&disk);
        assert!(left.is_none_or(|left| left == other || left == newest), "cut at {cut}");
    }
    // A torn one is no reason to refuse, and the next one is written whole.
    write(&disk, MARK, &[7; 5_000]);
    let (log, report) = try_open(&disk, small()).expect("a log");
    assert_eq!(report.events, 11);
    drop(log);
    assert_eq!(Mark::read(&disk), Some(newest));
    // An old one is true, and says less.
    let mut old = vec![0; 8_192];
    old[..128].copy_from_slice(&other.encode());
    write(&disk, MARK, &old);
    assert_eq!(try_open(&disk, small()).expect("a log").1.events, 11);
    // Without the event behind it, too.
    write(&disk, MARK, &old);
    write(&disk, &last, &bytes);
    assert_eq!(try_open(&disk, small()).expect("a log").1.events, 10);
}

#[tokio::test]
async fn whole_frames_and_segments_that_are_gone_from_the_end_are_missed() {
    let (disk, last, bytes) = closed().await;
    let frame = frames(&bytes).pop().expect("a frame");
    let refused = |what: &str| match try_open(&disk, small()).map(|(_, report)| report) {
        Err(OpenError::BehindMark { damage, .. }) => assert_eq!(damage.what, what, "{damage}"),
        other => panic!("{other:?}"),
    };
    write(&disk, &last, &bytes[..frame.start]);
    refused("the frame is gone");
    let mut blank = bytes.clone();
    blank[frame.start..].fill(0);
    write(&disk, &last, &blank);
    refused("the frame is gone");
    write(&disk, &last, &bytes[..20]);
    refused("segment header");
    disk.remove(&last).expect("a removal");
    refused("segment file is gone");
    // Who knows better says so.
    disk.remove(MARK).expect("a removal");
    let events = try_open(&disk, small()).expect("a shorter log").1.events;
    assert!(events < 8, "{events}");
}

#[tokio::test]
async fn a_mark_is_written_while_nothing_is_appended_and_when_a_segment_is_finished() {
    let disk = Disk::new(1);
    let (log, _) = try_open(&disk, small()).expect("a log");
    for number in 0..40 {
        append(&log, "a", number..number + 1).await;
        if number % 10 == 0 {
            while Mark::read(&disk).is_none_or(|mark| mark.next <= number) {
                tokio::task::yield_now().await;
            }
        }
    }
    // The machine stops; nothing of it was closed.
    disk.crash();
    let left = Mark::read(&disk).expect("a mark");
    assert!(left.next > 30, "{left:?}");
    assert!(try_open(&disk, small()).expect("a log").1.events >= left.next);
    drop(log);
}

#[tokio::test]
async fn readers_walks_heads_and_backups_miss_what_the_mark_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), small());
    append(&log, "a", 0..2).await;
    append(&log, "a", 2..4).await;
    drop(log);
    let place = FolderPlace::write_to(&elsewhere.path().join("backup")).expect("a place");
    backup(folder.path(), &place, None, &*clock(), &mut |_, _| {}).expect("a backup");
    let file = segment_files(folder.path()).remove(0);
    let bytes = std::fs::read(&file).expect("bytes");
    let frame = frames(&bytes).pop().expect("a frame");
    let mut flipped = bytes.clone();
    flipped[frame.end - 20] ^= 1;
    std::fs::write(&file, &flipped).expect("a write");
    let Err(refused) = EmbeddedLog::open_read_only(folder.path()) else { panic!("opened") };
    let text = refused.to_string();
    for part in [file.to_str().expect("a path"), "position 3", "before position 4", "delete"] {
        assert!(text.contains(part), "{text}");
    }
    let Err(VerifyError::Damaged(damage)) = verify(folder.path()) else { panic!("verified") };
    assert_eq!(damage.position, 3);
    let key = HeadKey::open_or_make(&elsewhere.path().join("head.key")).expect("a key");
    assert!(key.head(folder.path(), &*clock(), &mut |_| {}).is_err());
    let more = FolderPlace::write_to(&elsewhere.path().join("more")).expect("a place");
    assert!(backup(folder.path(), &more, None, &*clock(), &mut |_, _| {}).is_err());
    // What is brought back has no mark yet, also where it is shorter than what was marked.
    let short = elsewhere.path().join("short");
    restore(&place, &short, Some(Until::Position(2)), &mut |_, _| {}).expect("a restore");
    assert!(!short.join("log").join(MARK).exists());
    let (log, report) =
        EmbeddedLog::open(&short.join("log"), small(), clock()).expect("the log again");
    assert_eq!((report.events, report.torn_tail_bytes), (3, 0));
    append(&log, "a", 7..8).await;
    drop(log);
    assert_eq!(verify(&short.join("log")).expect("whole").events, 4);
}

#[test]
fn a_mark_is_as_documented() {
    let mark = Mark {
        segment: Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff),
        base: 1,
        end: 320,
        next: 2,
        hash: [0x22; 32],
    };
    let bytes = mark.encode();
    let said = [
        b"LGLOGMRK".as_slice(),
        &[1, 0, 0, 0, 128, 0, 0, 0],
        mark.segment.as_bytes(),
        &[1, 0, 0, 0, 0, 0, 0, 0],
        &[0x40, 1, 0, 0, 0, 0, 0, 0],
        &[2, 0, 0, 0, 0, 0, 0, 0],
        &[0x22; 32],
        &[0; 36],
    ]
    .concat();
    assert_eq!(bytes[..124], said);
    assert_eq!(bytes[124..], crc32c::crc32c(&said).to_le_bytes());
    assert_eq!(Mark::decode(&bytes), Some(mark));
    // A later version is none that this program knows.
    let mut later = bytes;
    later[8] = 2;
    let crc = crc32c::crc32c(&later[..124]).to_le_bytes();
    later[124..].copy_from_slice(&crc);
    assert_eq!(Mark::decode(&later), None);
}
