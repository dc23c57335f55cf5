//! The lake in an object store: a real server (s3s-fs) on loopback.

use std::path::Path;

use super::expect_script;
use super::platform::Platform;
use crate::lake::{KEY, SECRET, serve};

#[tokio::test(flavor = "multi_thread")]
async fn duckdb_and_polars_read_the_lake_in_a_store_as_sql_does() {
    let bucket = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(bucket.path().join("lake")).expect("a bucket");
    let server = serve(bucket.path()).await;
    let (url, endpoint) = ("s3://lake/ledgerline/log", server.endpoint.clone());
    let checking = tokio::task::spawn_blocking(move || {
        let sealing = format!("[sealing]\nstore = \"{url}\"\nendpoint = \"{endpoint}\"\n");
        let keys = [("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET)];
        let platform = Platform::with("--calls=500", &sealing, &keys);
        let events = platform.events.to_string();
        let args = [&events, url, &endpoint, KEY, SECRET].map(Path::new);
        expect_script(&platform, "tests/it/notebooks/lake_checks.py", &args)
    });
    let said = checking.await.expect("no panic");
    assert!(said.contains("sealed events agree"), "{said}");
}
