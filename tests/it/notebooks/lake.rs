//! The lake in an object store: a real server (s3s-fs) on loopback, read by DuckDB and polars.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;

use super::platform::{Platform, python};
use super::{expect_script, snippets};
use crate::lake::{KEY, SECRET, serve, serve_at};
use crate::support::{Program, tree_file};

/// A Python of which the DuckDB has the extension that reads stores.
fn python_with_httpfs() -> PathBuf {
    let path = tree_file("target/peers/duckdb/bin/python");
    assert!(path.exists(), "{} is not there: run tools/setup.sh test", path.display());
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn duckdb_and_polars_read_the_lake_in_a_store_as_sql_does() {
    let bucket = tempfile::tempdir().expect("a folder");
    fs::create_dir(bucket.path().join("lake")).expect("a bucket");
    let server = serve(bucket.path()).await;
    // Given a platform that seals into a store, and another store for its views that is not there
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address").to_string();
    drop(free);
    let (events, views) = ("s3://lake/ledgerline/log", "s3://lake/ledgerline/views");
    let sealing = server.endpoint.clone();
    let told = address.clone();
    let starting = spawn_blocking(move || {
        let more = format!(
            "[sealing]\nstore = \"{events}\"\nendpoint = \"{sealing}\"\n\
             [projections]\nstore = \"{views}\"\nendpoint = \"http://{told}\"\nupload_every_s = 1\n"
        );
        let keys = [("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET)];
        let platform = Platform::with("--calls=500", &more, &keys);
        let place = format!("{views} at http://{told}");
        let said =
            expect_script(&platform, "tests/it/notebooks/store_down.py", &[Path::new(&place)]);
        (platform, said)
    });
    let (platform, said) = starting.await.expect("no panic");
    assert!(said.contains("the store is down, and the views answer"), "{said}");

    // When it is there, both read from it what SQL says
    let views_server = serve_at(bucket.path(), &address).await;
    let endpoint = views_server.endpoint.clone();
    let checking = spawn_blocking(move || {
        let with_httpfs = python_with_httpfs().display().to_string();
        let count = platform.events.to_string();
        let args = [&count, events, views, &endpoint, KEY, SECRET, &with_httpfs].map(Path::new);
        let script = tree_file("tests/it/notebooks/lake_checks.py");
        let said = said_in_store(python(), &platform, &endpoint, |command| {
            command.arg(script).args(args);
        });
        assert!(said.contains("sealed events agree") && said.contains("views agree"), "{said}");
        assert!(said.contains("duckdb reads the store itself"), "{said}");

        // And so do the snippets of the page, word for word
        let page = fs::read_to_string(tree_file("docs/lake.md")).expect("the page");
        let [by_polars, by_duckdb] = snippets(&page, "py")[..] else { panic!("two snippets") };
        let by_polars = said_in_store(python(), &platform, &endpoint, |command| {
            command.arg("-c").arg(by_polars);
        });
        assert!(by_polars.ends_with("\n500 attempts"), "{by_polars}");
        let duckdb = std::process::Command::new(with_httpfs);
        let by_duckdb = said_in_store(duckdb, &platform, &endpoint, |command| {
            command.arg("-c").arg(by_duckdb);
        });
        assert!(by_duckdb.ends_with("\n500 attempts"), "{by_duckdb}");
    });
    checking.await.expect("no panic");
}

/// Runs a Python to its end that knows the platform and the store.
fn said_in_store(
    mut command: std::process::Command,
    platform: &Platform,
    endpoint: &str,
    arguments: impl FnOnce(&mut std::process::Command),
) -> String {
    arguments(&mut command);
    platform.told_to(&mut command);
    // DuckDB keeps its extensions below the home folder.
    command.current_dir(platform.home()).env("HOME", platform.home());
    command.env("AWS_ENDPOINT_URL", endpoint);
    command.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", SECRET);
    Program::spawn(command).finish().expect_success().stdout
}
