use object_store::memory::InMemory;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::runtime::{Handle, Runtime};

use super::disk::Disk;
use super::*;
use crate::event_log::{Objects, RemoteFiles};

struct Remote {
    runtime: Runtime,
    objects: Arc<InMemory>,
    disk: Disk,
}

impl Remote {
    fn new() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        Self { runtime, objects: Arc::new(InMemory::new()), disk: Disk::new(1) }
    }

    fn files(&self, cache_bytes: u64, handle: Handle) -> RemoteFiles {
        let objects = Objects {
            name: "the store".to_owned(),
            store: self.objects.clone(),
            prefix: Key::from("a/b"),
        };
        let cache = self.disk.folder("cache").expect("a folder");
        RemoteFiles::new(objects, cache, cache_bytes, handle).expect("listed")
    }

    fn store(&self, cache_bytes: u64) -> SealedStore {
        let folder = self.disk.folder("sealed").expect("a folder");
        SealedStore::remote(folder, self.files(cache_bytes, self.runtime.handle().clone()))
    }

    fn keys(&self) -> Vec<String> {
        use futures::TryStreamExt as _;
        let listed = self.objects.list(None).map_ok(|meta| meta.location.to_string());
        let mut keys: Vec<String> = self.runtime.block_on(listed.try_collect()).expect("a list");
        keys.sort();
        keys
    }

    fn cached_bytes(&self) -> u64 {
        let cache = self.disk.folder("cache").expect("a folder");
        let names = cache.list().expect("names");
        names.iter().map(|name| cache.open(name, false).expect("open").size().expect("size")).sum()
    }
}

fn sealed(remote: &Remote, cache_bytes: u64) -> (SealedStore, SealRecord, Vec<Recorded>) {
    let frames = frames(0, 60);
    let (raw, _) = raw_segment(0, [0; 32], &frames);
    let store = remote.store(cache_bytes);
    let record = seal(&store, &[raw], &few()).expect("sealed");
    (store, record, recorded(0, &frames))
}

#[test]
fn files_go_to_the_store_with_a_copy_of_the_record() {
    let remote = Remote::new();
    let (store, record, events) = sealed(&remote, 1 << 20);
    let mut wanted: Vec<_> = record.files.iter().map(|file| format!("a/b/{}", file.path)).collect();
    wanted.push(format!("a/b/{}", record.name()));
    wanted.sort();
    assert_eq!(remote.keys(), wanted);
    let names = remote.disk.folder("sealed").and_then(|it| it.list()).expect("names");
    assert_eq!(names, [record.name()], "only the record is local");
    let part = open_part(&store, record.clone());
    assert_eq!(read_all_of(&part).expect("events"), events);
    part.verify([0; 32]).expect("verified");
    store.remove(&record).expect("removed");
    assert_eq!(remote.keys(), [""; 0]);
    assert_eq!(store.records().expect("records"), []);
}

#[test]
fn the_cache_keeps_to_its_bound_and_what_is_held_stays_readable() {
    let remote = Remote::new();
    let (_, record, events) = sealed(&remote, 1 << 20);
    let largest = record.files.iter().map(|file| file.bytes).max().expect("files");
    let store = remote.store(largest + 10);
    assert!(remote.cached_bytes() <= largest + 10, "cut when it was opened");
    let part = open_part(&store, record.clone());
    let missing = read_all_of(&part).expect_err("not all of it is local");
    assert!(matches!(&missing, ReadError::Unavailable { server, .. } if server == "the store"));
    let held = remote.runtime.block_on(part.ensure_local(0..60)).expect("fetched");
    let read = read_all_of(&part);
    // The simulated disk has no file once its name is gone, so only what is cached is there.
    assert!(read.is_ok() || remote.cached_bytes() <= largest + 10);
    drop(held);
    assert!(remote.cached_bytes() <= largest + 10);
    for position in 0..60 {
        let wanted = position..position + 1;
        let _held = remote.runtime.block_on(part.ensure_local(wanted.clone())).expect("fetched");
        let mut one = Vec::new();
        match part.read_range(wanted, &mut one) {
            Ok(()) => assert_eq!(one, events[position as usize..=position as usize]),
            Err(error) => assert!(!matches!(error, ReadError::Corrupt { .. }), "{error}"),
        }
    }
}

#[test]
fn a_file_damaged_in_the_cache_is_fetched_again_and_one_damaged_in_the_store_is_named() {
    let remote = Remote::new();
    let (store, record, events) = sealed(&remote, 1 << 20);
    let cache = remote.disk.folder("cache").expect("a folder");
    for name in cache.list().expect("names") {
        let file = cache.open(&name, true).expect("open");
        file.write_at(&[0; 50], 10).expect("written");
    }
    let part = open_part(&store, record.clone());
    for _ in 0..2 * record.files.len() {
        let _held = part.fetch(0..60).expect("fetched");
        drop(read_all_of(&part));
    }
    let _held = part.fetch(0..60).expect("fetched");
    assert_eq!(read_all_of(&part).expect("fetched again"), events);

    let key = Key::from(format!("a/b/{}", record.files[0].path));
    let put = remote.objects.put(&key, Bytes::from_static(b"PAR1").into());
    remote.runtime.block_on(put).expect("put");
    let other = Remote { disk: Disk::new(2), ..remote };
    let part = open_part(&other.store(1 << 20), record.clone());
    let refused = part.fetch(0..60).map(drop).expect_err("damaged").to_string();
    assert!(refused.contains(&record.files[0].path), "{refused}");
    assert!(part.verify([0; 32]).is_err());
    other.runtime.block_on(other.objects.delete(&key)).expect("deleted");
    let gone = part.fetch(0..60).map(drop).expect_err("gone").to_string();
    assert!(gone.contains("no such object") && gone.contains(&record.files[0].path), "{gone}");
}

#[test]
fn a_crash_while_files_go_to_a_store_leaves_raw_or_sealed_whole() {
    let frames = frames(0, 12);
    let (raw, _) = raw_segment(0, [0; 32], &frames);
    let mut crashes = 0;
    for after in 0.. {
        let remote = Remote { disk: Disk::new(after), ..Remote::new() };
        let store = remote.store(1 << 20);
        remote.disk.arm(disk::Fault::Crash, after);
        let done = seal(&store, std::slice::from_ref(&raw), &few()).is_ok();
        if remote.disk.disarm() {
            assert!(done, "nothing went wrong");
            break;
        }
        crashes += 1;
        remote.disk.crash();
        let store = remote.store(1 << 20);
        store.clean().expect("cleaned");
        for record in store.records().expect("records") {
            let part = open_part(&store, record);
            let _held = part.fetch(0..60).expect("fetched");
            assert_eq!(read_all_of(&part).expect("events"), recorded(0, &frames));
        }
        seal(&store, std::slice::from_ref(&raw), &few()).expect("goes through");
        assert_eq!(store.records().expect("records").len(), 1);
    }
    assert!(crashes > 10, "{crashes}");
}
