//! Files that are damaged, of another log, in the way, gone, or in use elsewhere.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::disk::Disk;
use super::*;
use crate::event_log::storage::{DiskStorage, SegmentFile, read_to_end, write_full};

/// One run with all kinds of streams, and its bytes.
fn one_run(storage: &Arc<dyn Storage>) -> (Model, String, Vec<u8>) {
    let (mut model, mut hot) = (Model::default(), HotStreams::new(0));
    let runs = open(storage).0;
    for number in 0..1_100 {
        model.append(&mut hot, "long");
        if number % 10 == 0 {
            model.append(&mut hot, &format!("short-{}", number % 70));
        }
    }
    (0..70).for_each(|number| model.append(&mut hot, &format!("more-{number}")));
    hot.roll();
    add(&runs, &mut hot).expect("added");
    let name = storage.list().expect("names").pop().expect("a file");
    let bytes = read_to_end(&*storage.open(&name, false).expect("it"), 0).expect("bytes");
    (model, name, bytes)
}

#[test]
fn any_damaged_byte_is_refused_and_never_answered() {
    let storage: Arc<dyn Storage> = Arc::new(Disk::new(1));
    let (model, name, whole) = one_run(&storage);
    let file = storage.open(&name, true).expect("the file");
    let mut rng = Rng::from_seed(1);
    let mut at_open = 0;
    for (at, byte) in whole.iter().copied().enumerate() {
        let flip = 1 << rng.below(8);
        write_full(&*file, &[byte ^ flip], at as u64).expect("written");
        let (runs, unusable) = open(&storage);
        if unusable.is_empty() {
            let refused = model.compare(&runs.snapshot(), &mut rng).expect_err("damaged");
            let text = refused.to_string();
            assert!(text.contains("rebuild") && text.contains("/disk/streams-"), "{text}");
            runs.snapshot().check().expect_err("damaged");
        } else {
            assert_eq!((unusable.len(), runs.covered_until()), (1, 0));
            at_open += 1;
        }
        write_full(&*file, &[byte], at as u64).expect("written");
    }
    assert_eq!(at_open, 128 + 2 * 116, "header and fence are compared at once");
    model.expect(&open(&storage).0, &mut rng);
}

#[test]
fn a_file_of_another_length_is_refused() {
    let storage: Arc<dyn Storage> = Arc::new(Disk::new(1));
    let (_, name, whole) = one_run(&storage);
    let file = storage.open(&name, true).expect("the file");
    for len in (0..whole.len()).step_by(7).chain([whole.len() - 1, whole.len() + 1]) {
        file.set_size(len as u64).expect("cut");
        assert_eq!(open(&storage).0.covered_until(), 0, "{len}");
        file.set_size(0).expect("cut");
        write_full(&*file, &whole, 0).expect("written");
    }
    assert_ne!(open(&storage).0.covered_until(), 0);
}

#[test]
fn files_that_do_not_fit_are_listed_and_can_be_removed() {
    let storage: Arc<dyn Storage> = Arc::new(Disk::new(1));
    let mut rng = Rng::from_seed(3);
    let (_, model) = filled(&storage, &mut rng, 4);
    let names = storage.list().expect("names");
    // Another log, and the same log with other events after a while.
    let other = StreamRuns::open(storage.clone(), Uuid::from_u128(2), &belongs).expect("runs");
    assert_eq!((other.0.covered_until(), other.1.len()), (0, 4));
    assert!(other.1[0].why.contains("another log"), "{:?}", other.1);
    let end = storage_end(&names[1]);
    let cut = StreamRuns::open(storage.clone(), LOG, &|at, _| at <= end).expect("runs");
    assert_eq!((cut.0.covered_until(), cut.1.len()), (end, 2));
    assert!(cut.1[0].why.contains("other events"), "{:?}", cut.1);
    // A name that lies, a file that is missing, one that was not finished, and what is not ours.
    storage.rename(&names[2], "streams-2.idx").expect("renamed");
    for name in ["segment-00000000000000000000.idx", "streams-1-2.idx.tmp"] {
        storage.create(name).expect("created");
    }
    storage.create(&format!("{}.tmp", names[0])).expect("created");
    let (runs, unusable) = open(&storage);
    assert_eq!(runs.covered_until(), end);
    let listed: Vec<_> = unusable.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(listed, [&format!("{}.tmp", names[0]), &names[3]]);
    assert_eq!(unusable[1].why, format!("position {end} is missing before it"));
    runs.remove_unusable(&unusable).expect("removed");
    assert_eq!(open(&storage).1, []);
    model.until(end).expect(&runs, &mut rng);
    storage.rename(&names[0], &names[3]).expect("renamed");
    assert_eq!(open(&storage).0.covered_until(), 0);
}

fn storage_end(name: &str) -> u64 {
    name[29..49].parse().expect("a position")
}

/// A disk that counts how often it is read.
struct Counted(DiskStorage, Arc<AtomicU64>);
struct CountedFile(Arc<dyn SegmentFile>, Arc<AtomicU64>);

impl Storage for Counted {
    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }
    fn open(&self, name: &str, write: bool) -> io::Result<Arc<dyn SegmentFile>> {
        Ok(Arc::new(CountedFile(self.0.open(name, write)?, self.1.clone())))
    }
    fn create(&self, name: &str) -> io::Result<Arc<dyn SegmentFile>> {
        self.0.create(name)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }
    fn folder(&self, name: &str) -> io::Result<Arc<dyn Storage>> {
        self.0.folder(name)
    }
    fn sync_directory(&self) -> io::Result<()> {
        self.0.sync_directory()
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }
}

impl SegmentFile for CountedFile {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.read_at(buffer, offset)
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.0.write_at(bytes, offset)
    }
    fn set_size(&self, size: u64) -> io::Result<()> {
        self.0.set_size(size)
    }
    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
}

#[test]
fn an_absent_stream_costs_a_read_once_in_a_hundred_times_and_a_present_one_a_single_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let reads = Arc::new(AtomicU64::new(0));
    let storage: Arc<dyn Storage> =
        Arc::new(Counted(DiskStorage::new(folder.path()), reads.clone()));
    let runs = open(&storage).0;
    let mut hot = HotStreams::new(0);
    for number in 0..20_000 {
        hot.insert(StreamKey::of(&format!("call-{number}")), 0).expect("the first");
    }
    hot.roll();
    add(&runs, &mut hot).expect("added");
    let runs = open(&storage).0.snapshot();
    assert!(runs.memory() * 8 < 20_000 * 16, "{} bytes", runs.memory());
    reads.store(0, Ordering::Relaxed);
    for number in 0..100_000 {
        assert_eq!(runs.last(StreamKey::of(&format!("none-{number}"))).expect("read"), None);
    }
    let read = reads.swap(0, Ordering::Relaxed);
    assert!(read < 1_000, "{read} reads for 100,000 absent streams");
    for number in 0..20_000 {
        let last = runs.last(StreamKey::of(&format!("call-{number}"))).expect("read");
        assert_eq!(last, Some((0, number)));
    }
    assert_eq!(reads.load(Ordering::Relaxed), 20_000);
}

/// Threads and another process look things up while runs are added and merged under them.
#[test]
fn look_ups_and_other_processes_are_not_disturbed_by_merging() {
    let folder = tempfile::tempdir().expect("a folder");
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage::new(folder.path()));
    let other: Arc<dyn Storage> = Arc::new(DiskStorage::new(folder.path()));
    let runs = open(&storage).0;
    let done = AtomicBool::new(false);
    let segments = 80;
    let (mut full, mut hot) = (Model::default(), HotStreams::new(0));
    let mut rng = Rng::from_seed(5);
    (0..segments).for_each(|_| full.segment(&mut hot, &mut rng, 40));
    let look = |runs: &dyn Fn() -> Snapshot, seed| {
        let mut rng = Rng::from_seed(seed);
        let (mut looks, mut last) = (0, false);
        while !last {
            last = done.load(Ordering::Acquire);
            let snapshot = runs();
            let seen = full.until(snapshot.covered_until());
            seen.compare(&snapshot, &mut rng).expect("answers");
            looks += 1;
        }
        assert_eq!(runs().covered_until(), full.next);
        looks
    };
    std::thread::scope(|scope| {
        let here: Vec<_> = (0..2)
            .map(|seed| {
                let (look, runs) = (&look, &runs);
                scope.spawn(move || look(&|| runs.snapshot(), seed))
            })
            .collect();
        let there = scope.spawn(|| {
            let reader = open(&other).0;
            let old = reader.snapshot();
            let looks = look(
                &|| {
                    reader.refresh(&belongs).expect("refreshed");
                    reader.snapshot()
                },
                9,
            );
            full.until(old.covered_until()).compare(&old, &mut Rng::from_seed(1)).expect("old");
            looks
        });
        for _ in 0..segments {
            add(&runs, &mut hot).expect("added");
            merge_all(&runs).expect("merged");
        }
        done.store(true, Ordering::Release);
        assert!(here.into_iter().all(|thread| thread.join().expect("no panic") > 0));
        assert!(there.join().expect("no panic") > 0);
    });
    assert_eq!(runs.snapshot().len(), 3, "one of level 2 and two of level 1");
}

#[test]
fn a_merge_can_be_stopped() {
    let storage: Arc<dyn Storage> = Arc::new(Disk::new(1));
    let mut rng = Rng::from_seed(3);
    let (runs, model) = filled(&storage, &mut rng, 8);
    let refused = runs.merge(&AtomicBool::new(true)).expect_err("stopped");
    assert!(matches!(refused, IndexError::Stopped { .. }), "{refused}");
    assert_eq!(storage.list().expect("names").len(), 8, "nothing is left of it");
    model.expect(&runs, &mut rng);
    assert_eq!(merge_all(&runs).expect("merged"), 1);
    model.expect(&runs, &mut rng);
}
