use object_store::memory::InMemory;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::runtime::Runtime;

use super::disk::Disk;
use super::*;
use crate::event_log::{Objects, RemoteStorage};

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

    fn store(&self, cache_bytes: u64) -> SealedStore {
        let objects = Objects {
            place: "s3://a/b".to_owned(),
            name: "s3://a/b at the store".to_owned(),
            store: self.objects.clone(),
            prefix: Key::from("a/b"),
        };
        let local: Arc<dyn Storage> = Arc::new(self.disk.clone());
        let storage = RemoteStorage::new(local, objects, cache_bytes).expect("a thread");
        SealedStore::new(storage.folder("sealed").expect("a folder"))
    }

    fn keys(&self) -> Vec<String> {
        use futures::TryStreamExt as _;
        let listed = self.objects.list(None).map_ok(|meta| meta.location.to_string());
        let mut keys: Vec<String> = self.runtime.block_on(listed.try_collect()).expect("a list");
        keys.sort();
        keys
    }

    fn cache(&self) -> Arc<dyn Storage> {
        self.disk.folder("cache").expect("a folder")
    }

    fn empty_cache(&self) {
        let cache = self.cache();
        for name in cache.list().expect("names") {
            cache.remove(&name).expect("removed");
        }
    }

    fn cached_bytes(&self) -> u64 {
        let cache = self.cache();
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
    assert_eq!(record.store.as_deref(), Some("s3://a/b"));
    assert_eq!(record.format, SealRecord::FORMAT_STORE);
    let part = open_part(&store, record.clone());
    assert_eq!(read_all_of(&part).expect("events"), events);
    part.verify([0; 32]).expect("verified");
    store.remove(&record).expect("removed");
    assert_eq!(remote.keys(), [""; 0]);
    assert_eq!(store.records().expect("records"), []);
}

#[test]
fn the_cache_keeps_to_its_bound() {
    let remote = Remote::new();
    let (_, record, events) = sealed(&remote, 1 << 20);
    let largest = record.files.iter().map(|file| file.bytes).max().expect("files");
    assert!(remote.cached_bytes() > largest + 10);
    let store = remote.store(largest + 10);
    assert!(remote.cached_bytes() <= largest + 10, "cut when it was opened");
    let part = open_part(&store, record.clone());
    assert_eq!(read_all_of(&part).expect("events"), events);
    assert!(remote.cached_bytes() <= largest + 10);
}

#[test]
fn where_the_cache_cannot_be_written_files_are_read_all_the_same() {
    let remote = Remote::new();
    let (_, record, events) = sealed(&remote, 1 << 20);
    remote.empty_cache();
    let store = remote.store(1 << 20);
    remote.disk.strike_folders(true);
    remote.disk.arm(disk::Fault::Full, 0);
    assert_eq!(read_all_of(&open_part(&store, record)).expect("events"), events);
    assert_eq!(remote.cached_bytes(), 0);
}

#[test]
fn a_file_damaged_in_the_cache_is_fetched_again_and_one_damaged_in_the_store_is_named() {
    let remote = Remote::new();
    let (_, record, events) = sealed(&remote, 1 << 20);
    let cache = remote.cache();
    for name in cache.list().expect("names") {
        let file = cache.open(&name, true).expect("open");
        file.write_at(&[0; 50], 10).expect("written");
    }
    let part = open_part(&remote.store(1 << 20), record.clone());
    assert_eq!(read_all_of(&part).expect("fetched again"), events);

    let key = Key::from(format!("a/b/{}", record.files[0].path));
    let put = remote.objects.put(&key, Bytes::from_static(b"PAR1").into());
    remote.runtime.block_on(put).expect("put");
    remote.empty_cache();
    let part = open_part(&remote.store(1 << 20), record.clone());
    let refused = read_all_of(&part).expect_err("damaged").to_string();
    assert!(refused.contains(&record.files[0].path), "{refused}");
    assert!(part.verify([0; 32]).is_err());
    remote.empty_cache();
    remote.runtime.block_on(remote.objects.delete(&key)).expect("deleted");
    let part = open_part(&remote.store(1 << 20), record.clone());
    let gone = read_all_of(&part).expect_err("gone").to_string();
    assert!(gone.contains("no such object") && gone.contains(&record.files[0].path), "{gone}");
}

#[test]
fn a_record_of_a_store_lists_what_says_something_of_streams() {
    let remote = Remote::new();
    let (_, record, events) = sealed(&remote, 1 << 20);
    let says = |event: &Recorded| {
        event.stream.as_str().starts_with("$$") || event.event_type == "$streamDeleted"
    };
    for event in &events {
        let listed = record.stream_event(event.position).expect("listed");
        assert_eq!(listed.is_some(), says(event), "{}", event.position);
    }
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
            assert_eq!(read_all_of(&part).expect("events"), recorded(0, &frames));
        }
        seal(&store, std::slice::from_ref(&raw), &few()).expect("goes through");
        assert_eq!(store.records().expect("records").len(), 1);
    }
    assert!(crashes > 10, "{crashes}");
}
