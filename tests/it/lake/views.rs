//! Copies of the views in an S3 store, by the program alone: a store that is not there, kills
//! while it is filled, and objects that somebody changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{KEY, SECRET, files_of, serve_at};
use crate::support::{Finished, Program, data_folder, number};

/// How often the program is killed while it fills the store.
const KILLS: usize = 4;

/// A data folder with a history, and a configuration with a store for its views.
struct Home {
    folder: tempfile::TempDir,
    /// Where the objects are files.
    bucket: tempfile::TempDir,
}

impl Home {
    fn new(endpoint: &str) -> Self {
        let (folder, bucket) = (data_folder(), tempfile::tempdir().expect("a folder"));
        std::fs::create_dir(bucket.path().join("lake")).expect("a bucket");
        let store = "s3://lake/ledgerline/views";
        let text = format!(
            "data_dir = \"data\"\n[projections]\nstore = \"{store}\"\nendpoint = \"{endpoint}\"\n"
        );
        std::fs::write(folder.path().join("ledgerline.toml"), text).expect("written");
        let home = Self { folder, bucket };
        let history = ["sim", "history", "--days=5", "--calls=300", "--seed=5"];
        drop(home.run(&history).expect_success());
        home
    }

    fn start(&self, args: &[&str]) -> Program {
        self.start_with(SECRET, args)
    }

    fn start_with(&self, secret: &str, args: &[&str]) -> Program {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ledgerline"));
        command.args(args).arg("--format=json");
        command.arg("--config").arg(self.folder.path().join("ledgerline.toml"));
        command.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", secret);
        Program::spawn(command)
    }

    fn run(&self, args: &[&str]) -> Finished {
        self.start(args).finish()
    }

    /// What `projections status` says, by name of the view.
    fn status(&self) -> BTreeMap<String, Value> {
        let status = self.run(&["projections", "status"]).expect_success().json();
        let views = status.as_array().expect("views").iter();
        views
            .map(|view| (view["name"].as_str().expect("a name").to_owned(), view.clone()))
            .collect()
    }

    fn disk(&self) -> PathBuf {
        self.folder.path().join("data/projections")
    }

    fn objects(&self) -> PathBuf {
        self.bucket.path().join("lake/ledgerline/views")
    }

    /// Manifests in the store; fails where one names what is not there as it is on the disk.
    fn whole(&self) -> usize {
        let objects = self.objects();
        let manifests: Vec<_> =
            files_of(&objects).filter(|path| path.ends_with("manifest.json")).collect();
        for path in &manifests {
            let text = std::fs::read(objects.join(path)).expect("read");
            let manifest: Value = serde_json::from_slice(&text).expect("JSON");
            for file in manifest["files"].as_object().expect("files").values() {
                let name = Path::new(path).with_file_name(file["file"].as_str().expect("a name"));
                let stored = std::fs::read(objects.join(&name)).expect("what is named is there");
                assert_eq!(stored, std::fs::read(self.disk().join(&name)).expect("read"));
            }
        }
        manifests.len()
    }
}

/// An address where nobody listens yet.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn views_are_copied_into_a_store_whatever_happens_on_the_way() {
    let address = nobody();
    let home = Home::new(&format!("http://{address}"));

    // Given a store that does not answer
    let failed = home.run(&["projections", "upload"]);
    assert!(!failed.status.success());
    let said = failed.json();
    let error = said["errors"][0]["error"].as_str().expect("an error");
    let place = format!("s3://lake/ledgerline/views at http://{address} cannot list");
    assert!(error.starts_with(&place) && error.contains("tried again"), "{error}");
    assert!(!error.contains(KEY) && !error.contains(SECRET), "{error}");
    // Then the views are there all the same, and say so
    for (name, view) in home.status() {
        assert_eq!((&view["state"], number(&view, "lag")), (&"serving".into(), 0), "{name}");
        assert_eq!((&view["store_error"], &view["stored_at"]), (&error.into(), &Value::Null));
    }

    // Given one that answers, and credentials that it does not take
    let server = serve_at(home.bucket.path(), &address).await;
    let wrong = "another-secret-that-must-not-be-seen";
    let failed = home.start_with(wrong, &["projections", "upload"]).finish();
    assert!(!failed.status.success());
    let error = failed.json()["errors"][0]["error"].as_str().expect("an error").to_owned();
    // Then they are named, without a secret, and nothing is stored
    assert!(error.starts_with("s3://lake/ledgerline/views at"), "{error}");
    assert!(error.contains("credentials"), "{error}");
    let said = format!("{} {} {}", failed.stdout, failed.stderr, home.status()["calls_hourly"]);
    assert!(!said.contains(wrong) && !said.contains(KEY), "{said}");
    assert_eq!(files_of(&home.objects()).count(), 0);

    // Given the right ones, and that the program is killed again and again while it fills it
    for kill in 1..=KILLS {
        let mut program = home.start(&["projections", "upload"]);
        while files_of(&home.objects()).count() < kill * 4 && !program.is_over() {
            std::thread::yield_now();
        }
        program.kill();
        home.whole();
    }
    // Then the store has what the disk has, and nothing is stored twice
    let views = home.status().len();
    let done = home.run(&["projections", "upload"]).expect_success().json();
    assert_eq!((home.whole(), number(&done, "views")), (views, views as u64), "{done}");
    let again = home.run(&["projections", "upload"]).expect_success().json();
    assert_eq!((number(&again, "stored_objects"), number(&again, "stored_bytes")), (0, 0));
    for (name, view) in home.status() {
        assert_eq!(view["store_error"], Value::Null, "{name}");
        assert_eq!(number(&view, "stored_at") + 1, number(&view, "upper"), "{name}");
    }

    // Given an object that was cut short, one that is gone, and a manifest that is none
    let wanted: Vec<String> = files_of(&home.objects()).collect();
    let of =
        |view: &str| wanted.iter().find(|path| path.contains(view) && path.ends_with("parquet"));
    let (cut, gone) = (of("calls_hourly").expect("a file"), of("campaigns_daily").expect("a file"));
    let bytes = std::fs::read(home.objects().join(cut)).expect("read");
    std::fs::write(home.objects().join(cut), &bytes[..bytes.len() / 2]).expect("written");
    std::fs::remove_file(home.objects().join(gone)).expect("removed");
    let foreign = home.objects().join("funnel/campaigns_daily/manifest.json");
    std::fs::write(foreign, "{}").expect("written");
    // Then each is named and stored again
    let done = home.run(&["projections", "upload"]).expect_success().json();
    assert_eq!((number(&done, "stored_objects"), home.whole()), (3, views), "{done}");
    let status = home.status();
    let note = status["calls_hourly"]["note"].as_str().expect("a note");
    assert!(note.contains(&format!("s3://lake/ledgerline/views/{cut}: it had")), "{note}");
    let note = status["campaigns_daily"]["note"].as_str().expect("a note");
    assert!(note.contains(&format!("s3://lake/ledgerline/views/{gone}: it was gone")), "{note}");
    assert!(note.contains("manifest.json: it was no manifest of a view; stored again"), "{note}");
    drop(server);
}

#[test]
fn without_a_store_there_is_nothing_to_upload_to() {
    let folder = data_folder();
    let args = crate::support::json_args(folder.path(), &["projections", "upload"]);
    let failed = crate::support::run_to_end(&args);
    assert!(!failed.status.success());
    assert!(
        failed.stderr.contains("set `store` in [projections] to s3://bucket/prefix"),
        "{failed:?}"
    );
}
