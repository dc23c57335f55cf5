//! How small a history becomes.

use super::*;
use crate::event_log::{DiskStorage, RawSegment, SealOptions, SealedStore, Storage, seal};

/// Seals a whole history; events and bytes.
fn sealed(options: &HistoryOptions, folder: &std::path::Path) -> (u64, u64) {
    let clock = Arc::new(VirtualClock::at(Timestamp::EPOCH));
    let log_folder = folder.join("log");
    let opened = EmbeddedLog::open(log_folder.as_path(), LogOptions::default(), clock.clone());
    let (log, _) = opened.expect("open the log");
    let mut keys = Rng::from_seed(options.seed).fork("keys");
    let keys = &mut |buffer: &mut [u8]| keys.fill(buffer);
    let mut vault = Vault::open(&folder.join("keys"), keys).expect("keys");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let made = runtime.block_on(async {
        let made = simulate(&log, &clock, &mut vault, options, &mut |_| {}).await;
        log.close().await;
        made.expect("a history")
    });
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage::new(&log_folder));
    let mut names = storage.list().expect("a folder");
    names.retain(|name| name.starts_with("segment-"));
    names.sort_unstable();
    let segments = names.iter().map(|name| RawSegment::read(&storage, name).expect("whole"));
    let segments: Vec<_> = segments.collect();
    let store = SealedStore::new(storage.folder("tried").expect("a folder"));
    let record = seal(&store, &segments, &SealOptions::default()).expect("sealed");
    (made.events, record.files.iter().map(|file| file.bytes).sum())
}

/// Half of a small history is hashes, ciphertext and footers, which larger ones have less of:
/// 5,000 calls take 29 bytes for each event.
#[test]
fn a_history_is_sealed_in_few_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (events, bytes) = sealed(&options(3, 2, 1_500), folder.path());
    let each = bytes / events;
    assert!(each <= 36, "{each} bytes for each of {events} events");
}
