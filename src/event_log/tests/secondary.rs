//! System streams, compared with rules written down once more over all events.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::disk::{Disk, Fault};
use super::*;

const STREAMS: &[&str] = &["call-1", "call-2", "lead-a-b", "plain", "-odd", "$own-1"];

/// Files of few events, over segments of about ten.
fn open_small(folder: &Path, seals: bool) -> EmbeddedLog {
    let seal_after_bytes = seals.then_some(0);
    let log = open(folder, LogOptions { segment_bytes: 1_500, seal_after_bytes, ..small() });
    log.shared.secondary.set_block_events(12);
    log
}

fn typed(number: u64, event_type: &str, data: &str) -> NewEvent {
    let event_type = event_type.to_owned();
    NewEvent { event_type, data: data.as_bytes().to_vec(), ..event(number) }
}

/// By system stream the position, type and data of each entry.
type Model = BTreeMap<String, Vec<(u64, &'static str, String)>>;

/// What system streams there are, by rules as a reader of the documentation would tell them.
fn model(events: &[Recorded]) -> Model {
    let mut model = Model::new();
    for event in events {
        let name = event.stream.as_str();
        let data = String::from_utf8(event.data.to_vec()).expect("text");
        let is_link = event.event_type == "$>";
        let is_tombstone = event.event_type == "$streamDeleted";
        let is_delete = event.event_type == "$metadata" && data.contains("9223372036854775807");
        let target = if is_link { data } else { format!("{}@{name}", event.revision) };
        let mut put = |system: String, event_type, data: &str| {
            let entries = model.entry(system).or_default();
            entries.push((event.position, event_type, data.to_owned()));
        };
        let category = |name: &str| match name.find('-') {
            Some(at) if at > 0 && !name.starts_with('$') => Some(name[..at].to_owned()),
            _ => None,
        };
        if event.revision == 0 && !is_tombstone {
            put("$streams".to_owned(), "$>", &format!("0@{name}"));
            if let Some(category) = category(name) {
                put(format!("$category-{category}"), "$@", name);
            }
        }
        if let Some(category) = category(if is_delete { &name[2..] } else { name }) {
            put(format!("$ce-{category}"), "$>", &target);
        }
        if is_delete || is_tombstone {
            put("$et-$deleted".to_owned(), "$>", &target);
        } else if !is_link {
            put(format!("$et-{}", event.event_type), "$>", &target);
        }
    }
    model
}

async fn entries(log: &EmbeddedLog, name: &str) -> Vec<Recorded> {
    let name = stream(name);
    let read = log.read_stream(&name, StreamRead::Start, Direction::Forwards, usize::MAX);
    read.await.expect("entries")
}

fn seen(entries: &[Recorded]) -> Vec<(u64, String, String)> {
    let data = |entry: &Recorded| String::from_utf8(entry.data.to_vec()).expect("text");
    entries.iter().map(|entry| (entry.position, entry.event_type.clone(), data(entry))).collect()
}

/// Compares every system stream in every way to read it.
async fn compare(log: &EmbeddedLog) {
    let events = all(log).await;
    let mut model = model(&events);
    for nothing in ["$ce-none", "$et-none", "$category-plain", "$ce-$own"] {
        model.entry(nothing.to_owned()).or_default();
    }
    for (name, wanted) in model {
        let wanted: Vec<_> = wanted
            .into_iter()
            .map(|(at, event_type, data)| (at, event_type.to_owned(), data))
            .collect();
        let found = entries(log, &name).await;
        assert_eq!(seen(&found), wanted, "{name}");
        assert!(found.iter().zip(0..).all(|(entry, at)| entry.revision == at), "{name}");
        let stream = stream(&name);
        let info = log.stream(&stream).await.expect("what is known");
        assert_eq!(info.last_revision, (found.len() as u64).checked_sub(1), "{name}");
        assert_eq!(info.exists(), !found.is_empty(), "{name}");
        let mut turned = found.clone();
        turned.reverse();
        let end = StreamRead::End;
        let read = log.read_stream(&stream, end, Direction::Backwards, usize::MAX).await;
        assert_eq!(read.expect("entries"), turned, "{name}");
        for from in (0..found.len() as u64 + 2).step_by(3) {
            let at = usize::try_from(from).expect("small");
            let from = StreamRead::Revision(from);
            let read = log.read_stream(&stream, from, Direction::Forwards, 5).await;
            let rest = found.get(at..).unwrap_or_default();
            assert_eq!(read.expect("entries"), &rest[..rest.len().min(5)], "{name} {at}");
            let read = log.read_stream(&stream, from, Direction::Backwards, 2).await;
            let before = &found[..found.len().min(at + 1)];
            let mut last = before[before.len().saturating_sub(2)..].to_vec();
            last.reverse();
            assert_eq!(read.expect("entries"), last, "{name} {at}");
        }
    }
}

/// The files behind system streams.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("index")).expect("an index");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().contains("secondary"))
        })
        .collect();
    files.sort();
    files
}

#[derive(Clone, Debug)]
enum Op {
    Append {
        stream: usize,
        event_type: usize,
        count: u64,
    },
    Link {
        stream: usize,
        to: usize,
    },
    Delete(usize),
    Tombstone(usize),
    Compare,
    Reopen,
    DropIndex,
    /// One byte of one file, while the log is open or while it is closed.
    Damage {
        file: usize,
        at: usize,
        open: bool,
    },
    Remove {
        file: usize,
        open: bool,
    },
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let stream = 0..STREAMS.len();
    let op = prop_oneof![
        12 => (stream.clone(), 0..4usize, 1..30u64)
            .prop_map(|(stream, event_type, count)| Op::Append { stream, event_type, count }),
        2 => (stream.clone(), stream.clone()).prop_map(|(stream, to)| Op::Link { stream, to }),
        1 => stream.clone().prop_map(Op::Delete),
        1 => (3..STREAMS.len()).prop_map(Op::Tombstone),
        3 => Just(Op::Compare),
        2 => Just(Op::Reopen),
        1 => Just(Op::DropIndex),
        3 => (any::<usize>(), any::<usize>(), any::<bool>())
            .prop_map(|(file, at, open)| Op::Damage { file, at, open }),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(file, open)| Op::Remove { file, open }),
    ];
    prop::collection::vec(op, 1..40)
}

/// Flips one byte.
fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).expect("a file");
    let at = at % bytes.len();
    bytes[at] ^= 1 << (at % 8);
    std::fs::write(path, bytes).expect("a file");
}

struct World {
    folder: tempfile::TempDir,
    seals: bool,
    log: Option<EmbeddedLog>,
    number: u64,
}

impl World {
    fn log(&mut self) -> &EmbeddedLog {
        let (folder, seals) = (self.folder.path(), self.seals);
        self.log.get_or_insert_with(|| open_small(folder, seals))
    }

    fn file(&self, number: usize) -> Option<PathBuf> {
        let files = files(self.folder.path());
        files.get(number.checked_rem(files.len())?).cloned()
    }

    async fn put(&mut self, stream: usize, events: Vec<NewEvent>) {
        self.number += events.len() as u64;
        let name = super::stream(STREAMS[stream]);
        match self.log().append(name, ExpectedRevision::Any, events).await {
            Ok(_) | Err(AppendError::StreamDeleted { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    async fn apply(&mut self, op: Op) {
        match op {
            Op::Append { stream, event_type, count } => {
                let event_type = ["CallEnded", "LegEnded", "$kept", "x"][event_type];
                let numbers = self.number..self.number + count;
                self.put(stream, numbers.map(|n| typed(n, event_type, "{}")).collect()).await;
            }
            Op::Link { stream, to } => {
                let link = typed(self.number, "$>", &format!("3@{}", STREAMS[to]));
                self.put(stream, vec![link]).await;
            }
            Op::Delete(stream) => {
                let name = super::stream(STREAMS[stream]);
                drop(self.log().delete(name, ExpectedRevision::Any).await);
            }
            Op::Tombstone(stream) => {
                let name = super::stream(STREAMS[stream]);
                drop(self.log().tombstone(name, ExpectedRevision::Any).await);
            }
            Op::Compare => {
                compare(self.log()).await;
                // A reader beside it, which takes what files there are.
                let reader = EmbeddedLog::open_read_only(self.folder.path()).expect("a reader").0;
                reader.shared.secondary.set_block_events(7);
                compare(&reader).await;
            }
            Op::Reopen => self.log = None,
            Op::DropIndex => {
                self.log = None;
                drop(std::fs::remove_dir_all(self.folder.path().join("index")));
            }
            Op::Damage { file, at, open } => {
                if !open {
                    self.log = None;
                }
                self.log();
                if let Some(path) = self.file(file) {
                    flip(&path, at);
                }
            }
            Op::Remove { file, open } => {
                if !open {
                    self.log = None;
                }
                self.log();
                if let Some(path) = self.file(file) {
                    std::fs::remove_file(path).expect("a removal");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn system_streams_are_what_the_rules_say(ops in ops(), seals in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let folder = tempfile::tempdir().expect("a folder");
            let mut world = World { folder, seals, log: None, number: 0 };
            for op in ops {
                world.apply(op).await;
            }
            world.apply(Op::Compare).await;
        });
    }
}

/// A log of `count` events in calls of four, in segments of about ten.
async fn filled(folder: &Path, count: u64) -> EmbeddedLog {
    let log = open_small(folder, false);
    for number in 0..count {
        append(&log, &format!("call-{}", number / 4), number..number + 1).await;
    }
    log
}

#[tokio::test]
async fn nothing_is_made_before_a_system_stream_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = filled(folder.path(), 100).await;
    entries(&log, "call-3").await;
    all(&log).await;
    assert_eq!((log.shared.secondary.blocks(), files(folder.path()).len()), ((0, 0), 0));
    assert_eq!(entries(&log, "$ce-call").await.len(), 100);
    let (blocks, held) = log.shared.secondary.blocks();
    assert!(blocks > 3 && held == 0, "{blocks} {held}");
    assert_eq!(files(folder.path()).len(), blocks);
}

#[tokio::test]
async fn files_are_taken_over_and_what_is_wrong_with_them_is_mended() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = filled(folder.path(), 100).await;
    let wanted = entries(&log, "$ce-call").await;
    let blocks = log.shared.secondary.blocks().0;
    drop(log);
    let made =
        |path: &PathBuf| std::fs::metadata(path).expect("a file").modified().expect("a time");
    let before: Vec<_> = files(folder.path()).iter().map(made).collect();
    let log = open_small(folder.path(), false);
    assert_eq!(entries(&log, "$ce-call").await, wanted, "ids and all");
    assert_eq!(log.shared.secondary.blocks(), (blocks, 0));
    let after: Vec<_> = files(folder.path()).iter().map(made).collect();
    assert_eq!(before, after, "no file was made again");
    // Behind its header a file is believed until it is read.
    for (number, path) in files(folder.path()).iter().enumerate() {
        flip(path, if number == 1 { 100 } else { usize::MAX / 2 });
    }
    std::fs::remove_file(&files(folder.path())[2]).expect("a removal");
    let reader = EmbeddedLog::open_read_only(folder.path()).expect("a reader").0;
    reader.shared.secondary.set_block_events(12);
    compare(&reader).await;
    compare(&log).await;
    drop(log);
    let log = open_small(folder.path(), false);
    compare(&log).await;
    assert_eq!(log.shared.secondary.blocks(), (blocks, 0), "all files can be read again");
}

#[tokio::test]
async fn files_of_another_log_are_not_used() {
    let (one, other) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("other"));
    let log = filled(one.path(), 60).await;
    entries(&log, "$streams").await;
    let files_of_one = files(one.path());
    let log = open_small(other.path(), false);
    for number in 0..60 {
        append(&log, "lead-1", number..number + 1).await;
    }
    drop(log);
    for file in files_of_one {
        let name = file.file_name().expect("a name");
        std::fs::copy(&file, other.path().join("index").join(name)).expect("a copy");
    }
    let log = open_small(other.path(), false);
    assert_eq!(entries(&log, "$ce-call").await, []);
    compare(&log).await;
}

#[tokio::test]
async fn a_reader_beside_a_writer_follows() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open_small(folder.path(), true);
    append(&log, "call-1", 0..1).await;
    let reader = EmbeddedLog::open_read_only(folder.path()).expect("a reader").0;
    reader.shared.secondary.set_block_events(9);
    for round in 1..30 {
        append(&log, &format!("call-{}", round % 5), round * 7..round * 7 + 7).await;
        reader.refresh().expect("what is new");
        assert_eq!(entries(&reader, "$ce-call").await.len() as u64, 1 + round * 7);
        if round % 4 == 0 {
            assert_eq!(entries(&log, "$ce-call").await, entries(&reader, "$ce-call").await);
        }
    }
    compare(&reader).await;
    assert!(reader.shared.secondary.blocks().0 > 3, "what is finished is packed");
}

#[tokio::test]
async fn system_streams_cannot_be_written_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = filled(folder.path(), 4).await;
    let names = ["$ce-call", "$et-type_1", "$streams", "$category-call", "$ce-none", "$$$ce-call"];
    for name in names {
        let (name, any) = (stream(name), ExpectedRevision::Any);
        let answers = [
            log.append(name.clone(), any, vec![event(9)]).await.map(drop),
            log.check(name.clone(), any).await.map(drop),
            log.delete(name.clone(), any).await.map(drop),
            log.tombstone(name.clone(), any).await.map(drop),
        ];
        for answer in answers {
            assert!(matches!(answer, Err(AppendError::InvalidStream { .. })), "{name} {answer:?}");
        }
    }
    for name in ["$ce-", "$et-", "$et", "$category", "$streams2", "$cecall"] {
        append(&log, name, 20..21).await;
        assert_eq!(entries(&log, name).await.len(), 1, "{name} is a stream as any other");
    }
    assert_eq!(all(&log).await.len(), 10);
}

#[tokio::test]
async fn a_link_stays_when_its_event_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = filled(folder.path(), 12).await;
    let before = entries(&log, "$ce-call").await;
    let any = ExpectedRevision::Any;
    log.delete(stream("call-0"), any).await.expect("a delete");
    log.tombstone(stream("call-1"), any).await.expect("a tombstone");
    let after = entries(&log, "$ce-call").await;
    assert_eq!(after.get(..12), Some(before.as_slice()));
    let new: Vec<_> = seen(&after).into_iter().skip(12).map(|(_, _, data)| data).collect();
    assert_eq!(new, ["0@$$call-0", "4@call-1"]);
    assert_eq!(entries(&log, "$et-$deleted").await.len(), 2);
    assert_eq!(entries(&log, "$et-$metadata").await, []);
}

#[tokio::test]
async fn a_file_takes_a_few_bytes_an_event() {
    const EVENTS: u64 = 40_000;
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), LogOptions { segment_bytes: 1 << 20, ..LogOptions::default() });
    // Calls of twelve events of some types, many of them at once.
    let mut number = 0;
    while number < EVENTS {
        let mut batch = BTreeMap::<_, Vec<_>>::new();
        for event in number..number + 600 {
            let name = stream(&format!("call-{}", event / 600 * 50 + event % 50));
            let event_type = format!("Call{}", (event / 50 + event % 50 / 7) % 17);
            batch.entry(name).or_default().push(typed(event, &event_type, "{}"));
        }
        let part =
            |(stream, events)| StreamAppend { stream, expected: ExpectedRevision::Any, events };
        log.append_many(batch.into_iter().map(part).collect()).await.expect("appended");
        number += 600;
    }
    log.shared.secondary.set_block_events(8_000);
    assert_eq!(entries(&log, "$ce-call").await.len() as u64, number);
    let files = files(folder.path());
    let bytes: u64 = files.iter().map(|path| std::fs::metadata(path).expect("a file").len()).sum();
    let name = files.last().expect("a file").file_stem().expect("a name").to_string_lossy();
    let covered: u64 = name.rsplit('-').next().expect("a position").parse().expect("a number");
    assert!(covered > EVENTS / 2, "{covered}");
    assert!(bytes < 5 * covered, "{bytes} bytes for {covered} events");
}

fn open_on(disk: &Disk) -> EmbeddedLog {
    let options = LogOptions { segment_bytes: 1_500, ..small() };
    let storage = Arc::new(disk.started());
    let log = EmbeddedLog::open_with(storage, options, clock()).expect("a log").0;
    log.shared.secondary.set_block_events(12);
    log
}

/// What cannot be written stays in memory, and a half file is none.
#[tokio::test]
async fn a_failing_disk_costs_no_entry() {
    use Fault::{Crash, Full, ShortWrite, SyncError, TornWrite, WriteError};
    let mut held = 0;
    for fault in [WriteError, Full, ShortWrite, TornWrite, SyncError, Crash] {
        for after in 0..8 {
            let disk = Disk::new(after);
            let log = open_on(&disk);
            for number in 0..90 {
                append(&log, &format!("call-{}", number / 4), number..number + 1).await;
            }
            disk.arm(fault, after);
            let name = stream("$ce-call");
            let read = log.read_stream(&name, StreamRead::Start, Direction::Forwards, 100).await;
            if fault != Crash {
                assert_eq!(read.expect("entries").len(), 90, "{fault:?} {after}");
                compare(&log).await;
                held += log.shared.secondary.blocks().1;
            }
            disk.disarm();
            drop(log);
            disk.crash();
            let log = open_on(&disk);
            compare(&log).await;
            assert_eq!(log.shared.secondary.blocks().1, 0, "{fault:?} {after}: all are files");
        }
    }
    assert!(held > 0, "no fault struck a file");
}
