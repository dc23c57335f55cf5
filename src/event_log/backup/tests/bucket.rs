//! Backups in a bucket of an S3 server that others wrote.

use std::sync::Arc;

use object_store::aws::AmazonS3Builder;

use super::*;
use crate::event_log::bucket_server::{BucketServer, KEY_ID, SECRET};

fn place(server: &BucketServer, secret: &str) -> ObjectPlace {
    let store = AmazonS3Builder::new()
        .with_endpoint(&server.endpoint)
        .with_allow_http(true)
        .with_bucket_name("backups")
        .with_region("us-east-1")
        .with_access_key_id(KEY_ID)
        .with_secret_access_key(secret)
        .build()
        .expect("a client");
    ObjectPlace::with_store(Arc::new(store), "s3://backups/one/two", "one/two").expect("a place")
}

/// Runs what is asynchronous on a runtime that is gone afterwards, since the place has its own.
fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

#[test]
fn a_bucket_keeps_a_backup_like_a_folder_does() {
    let server = BucketServer::start("backups");
    let place = place(&server, SECRET);
    let (data, _, to) = folders();
    let log = open(data.path());
    wait(append(&log, 0..20));
    assert_eq!(take(data.path(), &place).expect("a backup").added_events, 20);
    wait(append(&log, 20..50));
    let done = take(data.path(), &place).expect("a backup");
    assert_eq!((done.manifest.events, done.added_events), (50, 30));
    assert_eq!(take(data.path(), &place).expect("a backup").written_files, 0);
    let names = place.list().expect("objects");
    assert_eq!(names.len(), done.manifest.files().count() + 1, "{names:?}");
    bring_back(&place, to.path(), None).expect("a restore");
    assert_eq!(wait(events(to.path())), wait(events(data.path())));
    // A byte changes in the store.
    let piece = &done.manifest.segments[1].pieces[0].file;
    let file = server.folder.path().join("backups/one/two").join(piece);
    let mut bytes = std::fs::read(&file).expect("an object");
    bytes[300] ^= 1;
    std::fs::write(&file, bytes).expect("a write");
    let fresh = tempfile::tempdir().expect("a folder");
    let error = bring_back(&place, fresh.path(), None).expect_err("damage").to_string();
    assert!(error.contains(piece) && error.contains("s3://backups/one/two"), "{error}");
    std::fs::remove_file(&file).expect("an object goes");
    let error = bring_back(&place, fresh.path(), None).expect_err("damage").to_string();
    assert!(error.contains(piece) && error.contains("missing"), "{error}");
}

#[test]
fn an_object_of_several_parts_comes_back_as_it_was() {
    let server = BucketServer::start("backups");
    let place = place(&server, SECRET);
    for len in [0, 1, (8 << 20) - 1, 8 << 20, (8 << 20) + 1, 20 << 20] {
        let bytes: Vec<u8> = (0..len).map(|at: u32| (at / 7) as u8).collect();
        place.write("log/segment-x", &mut bytes.as_slice()).expect("a write");
        let mut back = Vec::new();
        let mut file = place.read("log/segment-x").expect("an answer").expect("an object");
        file.read_to_end(&mut back).expect("bytes");
        assert!(back == bytes, "{len} bytes");
    }
    place.remove("log/segment-x").expect("gone");
    place.remove("log/segment-x").expect("gone already");
    assert!(place.read("log/segment-x").expect("an answer").is_none());
}

#[test]
fn a_store_that_refuses_is_named_without_the_credential() {
    let server = BucketServer::start("backups");
    let (data, _, _) = folders();
    let log = open(data.path());
    wait(append(&log, 0..2));
    let wrong = place(&server, "another-secret");
    let error = take(data.path(), &wrong).expect_err("refused");
    let told = format!("{error} {error:?}");
    assert!(told.contains("s3://backups/one/two/backup.json"), "{told}");
    assert!(!told.contains("another-secret") && !told.contains(KEY_ID), "{told}");
    for url in ["s3://", "s3:///x", "http://backups"] {
        assert!(ObjectPlace::open(url, None).is_err(), "{url}");
    }
}
