use super::*;
use crate::event_log::frame::{self, FRAME_HEADER, SEGMENT_HEADER};

/// The bytes of each frame of a segment, as offsets.
pub(super) fn frames(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut at = SEGMENT_HEADER;
    while let Ok(frame) = frame::decode(&bytes[at..]) {
        found.push(at..at + frame.bytes.len());
        at += frame.bytes.len();
    }
    found
}

/// A folder whose only segment has `count` frames of one append each, and its bytes.
async fn one_segment(count: u64) -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().expect("a folder");
    let options = LogOptions { zero_ahead_bytes: 4_096, ..LogOptions::default() };
    let log = open(folder.path(), options);
    for number in 0..count {
        append(&log, "a", number * 2..number * 2 + 2).await;
    }
    drop(log);
    let file = segment_files(folder.path()).remove(0);
    let bytes = std::fs::read(&file).expect("a segment");
    assert_eq!(frames(&bytes).len() as u64, count);
    (folder, file, bytes)
}

fn try_open(folder: &Path) -> Result<(EmbeddedLog, OpenReport), OpenError> {
    EmbeddedLog::open(folder, LogOptions { zero_ahead_bytes: 0, ..LogOptions::default() }, clock())
}

fn damage(folder: &Path) -> Damage {
    match try_open(folder) {
        Err(OpenError::Corrupt(damage)) => damage,
        Err(other) => panic!("another error: {other}"),
        Ok((_, report)) => panic!("opened with {report:?}"),
    }
}

#[tokio::test]
async fn a_reopened_log_gives_equal_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut before = Vec::new();
    for life in 0..4 {
        let (log, report) =
            EmbeddedLog::open(folder.path(), small(), clock()).expect("the log again");
        assert_eq!((report.events, report.torn_tail_bytes), (life * 20, 0));
        assert_eq!(all(&log).await, before, "event for event, field for field");
        for number in life * 20..life * 20 + 20 {
            append(&log, &format!("s-{}", number % 3), number..number + 1).await;
        }
        before = all(&log).await;
    }
    let files = segment_files(folder.path());
    assert!(files.len() > 3, "{} segments", files.len());
    let sizes: Vec<_> = files.iter().map(|file| file.metadata().expect("a size").len()).collect();
    let bytes: Vec<_> = files.iter().map(|file| std::fs::read(file).expect("bytes")).collect();
    let (reader, _) = EmbeddedLog::open_read_only(folder.path()).expect("a reader");
    assert_eq!(all(&reader).await, before);
    let report = verify(folder.path()).expect("a whole log");
    assert_eq!((report.events, report.segments), (80, sizes.len() as u64));
    for (file, bytes) in files.iter().zip(bytes) {
        assert_eq!(std::fs::read(file).expect("bytes"), bytes, "a reader changes nothing");
    }
}

/// Cut at every byte, and zeroed or overwritten from every byte on: what a crash in the middle
/// of the last write leaves.
#[tokio::test]
async fn a_torn_tail_of_every_length_is_cut_and_reported() {
    let (folder, file, bytes) = one_segment(3).await;
    let frames = frames(&bytes);
    let last = frames[2].clone();
    let kept = (0..4).map(event).collect::<Vec<_>>();
    for cut in last.clone() {
        let mut zeroed = bytes.clone();
        zeroed[cut..].fill(0);
        let mut garbage = bytes[..cut].to_vec();
        garbage.resize(last.end, 0xa5);
        for (kind, torn) in [("cut", bytes[..cut].to_vec()), ("zeroed", zeroed), ("old", garbage)] {
            let nonzero = torn.iter().rposition(|byte| *byte != 0).expect("a header") + 1;
            if torn.get(last.clone()) == bytes.get(last.clone()) {
                continue; // The padding at the end is zeros anyway.
            }
            std::fs::write(&file, &torn).expect("a write");
            unmark(folder.path());
            let (log, report) = try_open(folder.path()).expect("a torn tail is no damage");
            let want = nonzero.saturating_sub(last.start) as u64;
            assert_eq!((report.events, report.torn_tail_bytes), (4, want), "{kind} at {cut}");
            assert!(all(&log).await.iter().map(as_new).eq(kept.iter().cloned()));
            drop(log);
            let (log, report) = try_open(folder.path()).expect("a second time");
            assert_eq!((report.events, report.torn_tail_bytes), (4, 0), "{kind} at {cut}");
            let next = append(&log, "a", 4..6).await;
            assert_eq!((next.first_position, next.is_repeat), (4, false), "{kind} at {cut}");
            drop(log);
            let (log, report) = try_open(folder.path()).expect("whole again");
            assert_eq!((report.events, report.torn_tail_bytes), (6, 0), "{kind} at {cut}");
            drop(log);
        }
    }
}

/// Every byte of every frame that another frame follows.
#[tokio::test]
async fn a_flipped_bit_in_the_middle_is_refused_with_file_offset_and_position() {
    let (folder, file, bytes) = one_segment(3).await;
    let frames = frames(&bytes);
    for (number, frame) in frames[..2].iter().enumerate() {
        for at in frame.clone() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            std::fs::write(&file, &flipped).expect("a write");
            let found = damage(folder.path());
            let base = number as u64 * 2;
            assert_eq!(found.path, file.display().to_string());
            assert!(frame.contains(&usize::try_from(found.offset).expect("small")), "{found}");
            assert!((base..base + 2).contains(&found.position), "{found} for a flip at {at}");
            assert!(found.offset <= at as u64, "{found} for a flip at {at}");
            assert_eq!(std::fs::read(&file).expect("bytes"), flipped, "nothing was cut");
        }
    }
    // In the second record of the first frame: the record itself is named.
    let needle = b"{\"number\":1}";
    let at = bytes.windows(needle.len()).position(|window| window == needle).expect("event 1");
    let mut flipped = bytes.clone();
    flipped[at] ^= 4;
    std::fs::write(&file, &flipped).expect("a write");
    let found = damage(folder.path());
    assert_eq!(found.position, 1, "{found}");
    assert!(found.offset as usize > frames[0].start + FRAME_HEADER, "{found}");
    let refused = verify(folder.path()).expect_err("damage");
    assert!(refused.to_string().contains(&format!("byte {}", found.offset)), "{refused}");
    let Err(refused) = try_open(folder.path()) else { panic!("opened") };
    for part in [file.to_str().expect("a path"), "position 1", "restore this file"] {
        assert!(refused.to_string().contains(part), "{refused}");
    }
}

#[tokio::test]
async fn a_flipped_bit_in_a_segment_header_is_refused() {
    let (folder, file, bytes) = one_segment(1).await;
    for at in 0..SEGMENT_HEADER {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        std::fs::write(&file, &flipped).expect("a write");
        assert_eq!(damage(folder.path()).offset, 0, "a flip at {at}");
    }
}

#[tokio::test]
async fn segments_that_are_missing_or_changed_places_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), LogOptions { segment_bytes: 600, ..small() });
    for number in 0..12 {
        append(&log, "a", number..number + 1).await;
    }
    drop(log);
    let files = segment_files(folder.path());
    assert!(files.len() >= 4);
    let hidden = folder.path().join("hidden");
    for file in &files[..files.len() - 1] {
        std::fs::rename(file, &hidden).expect("a rename");
        damage(folder.path());
        std::fs::rename(&hidden, file).expect("a rename");
    }
    // Every segment in the middle, cut anywhere: not a torn tail, since a segment follows.
    let whole = std::fs::read(&files[1]).expect("bytes");
    for len in 0..whole.len() {
        std::fs::write(&files[1], &whole[..len]).expect("a write");
        damage(folder.path());
    }
    std::fs::write(&files[1], &whole).expect("a write");
    // A whole, valid file from elsewhere.
    let other = std::fs::read(&files[2]).expect("bytes");
    std::fs::write(&files[1], &other).expect("a write");
    damage(folder.path());
    std::fs::write(&files[1], &whole).expect("a write");
    assert_eq!(try_open(folder.path()).expect("whole").1.events, 12);
}

/// A crash between making a segment's file and making its header durable.
#[tokio::test]
async fn a_segment_that_was_never_born_is_made_again() {
    let (folder, file, bytes) = one_segment(2).await;
    let end = frames(&bytes)[1].end;
    std::fs::write(&file, &bytes[..end]).expect("a write");
    let newborn = folder.path().join("segment-00000000000000000004.log");
    for len in [0, 1, 60, SEGMENT_HEADER - 1] {
        std::fs::write(&newborn, &bytes[..len]).expect("a write");
        unmark(folder.path());
        let (log, report) = try_open(folder.path()).expect("a log");
        assert_eq!((report.events, report.segments), (4, 2));
        assert_eq!(append(&log, "b", 4..5).await.first_position, 4);
        drop(log);
        assert_eq!(verify(folder.path()).expect("whole").events, 5);
    }
}

#[tokio::test]
async fn a_second_open_of_one_folder_is_refused_naming_the_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), small());
    let Err(refused) = try_open(folder.path()) else { panic!("opened twice") };
    let text = refused.to_string();
    assert!(matches!(refused, OpenError::Locked { .. }));
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    assert!(text.contains("lock"), "{text}");
    log.close().await;
    assert!(try_open(folder.path()).is_ok(), "closing frees the folder");
    assert!(try_open(folder.path()).is_ok(), "dropping frees the folder");
}

#[tokio::test]
async fn a_reader_beside_a_writer_sees_new_events_after_a_refresh() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), small());
    let (reader, report) = EmbeddedLog::open_read_only(folder.path()).expect("a reader");
    assert_eq!((report.events, reader.head()), (0, None));
    let mut subscription = reader.subscribe_all(None);
    for number in 0..30 {
        append(&log, "a", number..number + 1).await;
        assert_eq!(reader.head(), number.checked_sub(1), "nothing is seen unasked");
        assert_eq!(reader.refresh().expect("what is new"), Some(number));
        assert_eq!(subscription.next_event().await.expect("an event").position, number);
    }
    reader.refresh().expect("what is new");
    assert_eq!(all(&reader).await, all(&log).await);
    let refused = reader.append(stream("a"), ExpectedRevision::Any, vec![event(99)]).await;
    assert!(matches!(refused, Err(AppendError::ReadOnly)));
}
