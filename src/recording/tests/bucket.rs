//! Recordings in a bucket of an S3 server that others wrote.

use object_store::aws::AmazonS3Builder;

use super::recorder::{folder_of, record_and_end};
use super::*;
use crate::event_log::bucket_server::{BucketServer, KEY_ID, SECRET};
use crate::event_log::{Objects, S3Options};

fn store(server: &BucketServer, secret: &str) -> Store {
    let builder = AmazonS3Builder::new().with_access_key_id(KEY_ID).with_secret_access_key(secret);
    let options = S3Options {
        endpoint: Some(server.endpoint.clone()),
        region: Some("us-east-1".to_owned()),
        ..S3Options::parse("s3://calls/kept").expect("an address")
    };
    Store::objects(Objects::s3_with(builder, &options).expect("a client")).expect("a store")
}

#[test]
fn a_recording_goes_to_a_bucket_and_comes_back() {
    let server = BucketServer::start("calls");
    let folder = tempfile::tempdir().expect("a folder");
    let fact = record_and_end(folder.path(), store(&server, SECRET));
    assert_eq!(fact.location, format!("s3://calls/kept/{}", path_of(id(1))));
    let store = store(&server, SECRET);
    let path = store.path(&fact.location).expect("in this store").to_owned();
    let bytes = store.get(&path).expect("the object");
    assert_eq!(crate::base::sha256_hex(&bytes), fact.sha256);
    assert_eq!(open(&bytes, &KEY).expect("whole").duration_ms, fact.duration_ms);
    // A byte changes in the store.
    let file = server.folder.path().join("calls/kept").join(&path);
    let mut bytes = std::fs::read(&file).expect("a file");
    bytes[Header::LEN + 50] ^= 1;
    std::fs::write(&file, bytes).expect("written");
    let damaged = store.get(&path).expect("the object");
    assert_eq!(check(&damaged), Err(ObjectError::Damaged { second: 0 }));
    store.remove(&path).expect("gone");
    store.remove(&path).expect("gone already");
    assert!(store.get(&path).is_err());
    assert!(!folder_of(folder.path()).exists(), "nothing lies in the data folder");
}

#[test]
fn a_store_that_refuses_is_named_without_the_credential() {
    let server = BucketServer::start("calls");
    let error = store(&server, "another-secret").put("a.lrec", vec![1]).expect_err("refused");
    let text = error.to_string();
    assert!(text.contains("s3://calls/kept") && !text.contains("another-secret"), "{text}");
}
