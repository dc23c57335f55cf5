//! Views of a simulated history, through the program alone: killed while they are made, damaged
//! on disk, and still what the log says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::{Program, data_folder, json, json_args, number, run_to_end};

/// How often the program is killed while it makes views.
const KILLS: usize = 6;

fn history(folder: &Path, calls: &str, seed: &str) {
    let dir = folder.display().to_string();
    let args =
        ["sim", "history", "--data-dir", &dir, "--days", "5", "--calls", calls, "--seed", seed];
    let disorder = ["--late-ppm", "20000", "--duplicate-ppm", "5000"];
    drop(run_to_end(&[&args[..], &disorder[..]].concat()).expect_success());
}

fn text<'a>(value: &'a serde_json::Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}"))
}

/// Files below the views' folder whose names end so.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.join("projections")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// What `projections verify` says, whether it is equal or not.
fn verified(folder: &Path) -> Vec<serde_json::Value> {
    let finished = run_to_end(&json_args(folder, &["projections", "verify"]));
    finished.json().as_array().expect("a list of views").clone()
}

#[test]
fn views_of_a_history_survive_kills_and_equal_a_replay() {
    let folder = data_folder();
    let folder = folder.path();
    history(folder, "2000", "11");
    for kill in 1..=KILLS {
        let mut program = Program::start(&json_args(folder, &["projections", "rebuild"]));
        // Somewhere in the middle: once so many files were seen half written.
        let wanted = kill * kill;
        let mut seen = BTreeSet::new();
        while seen.len() < wanted && !program.is_over() {
            seen.extend(files(folder, ".tmp"));
            std::thread::yield_now();
        }
        program.kill();
        // Each view is whole, at some position, or was never made.
        for view in verified(folder) {
            let difference = view["difference"].as_str().unwrap_or_default();
            assert!(difference.is_empty() || difference.starts_with("it is not built"), "{view}");
        }
    }
    // What the kills left is removed by the next change of a view.
    drop(json(folder, &["projections", "rebuild"]));
    let status = json(folder, &["projections", "status"]);
    for view in status.as_array().expect("views") {
        assert_eq!((text(view, "state"), number(view, "lag")), ("serving", 0), "{view}");
        assert!(number(view, "rows") > 0 && number(view, "reduction_ppm") > 0, "{view}");
    }
    let views = json(folder, &["projections", "verify"]);
    let views = views.as_array().expect("views");
    assert!(views.iter().all(|view| view["is_equal"] == true), "{views:#?}");
    let compared: u64 = views.iter().map(|view| number(view, "files")).sum();
    assert_eq!(compared, files(folder, ".parquet").len() as u64 - strays(folder, views));
    assert_eq!(files(folder, ".tmp"), Vec::<PathBuf>::new());
    // What the files say of themselves holds.
    let tests = json(folder, &["projections", "test"]);
    for test in tests.as_array().expect("tests") {
        assert_eq!(test["holds"], true, "{test}");
    }
}

/// Files of manifests before, which stay for some changes more.
fn strays(folder: &Path, views: &[serde_json::Value]) -> u64 {
    let mut strays = 0;
    for view in views {
        let path = folder.join("projections").join(text(view, "view").replace('.', "/"));
        let manifest = std::fs::read(path.join("manifest.json")).expect("a manifest");
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
        let named: Vec<_> = manifest["files"]
            .as_object()
            .expect("files")
            .values()
            .map(|it| text(it, "file"))
            .collect();
        let previous: BTreeSet<&str> = manifest["previous"]
            .as_array()
            .expect("manifests before")
            .iter()
            .flat_map(|files| files.as_array().expect("files"))
            .filter_map(serde_json::Value::as_str)
            .collect();
        let is_stray = |file: &&&str| !named.contains(file) && path.join(file).exists();
        strays += previous.iter().filter(is_stray).count() as u64;
    }
    strays
}

#[test]
fn a_damaged_file_is_named_and_made_again() {
    let folder = data_folder();
    let folder = folder.path();
    history(folder, "300", "3");
    drop(json(folder, &["projections", "status"]));
    let broken = files(folder, ".parquet")
        .into_iter()
        .find(|path| path.to_string_lossy().contains("/calls_hourly/"))
        .expect("a file");
    let bytes = std::fs::read(&broken).expect("reads");
    std::fs::write(&broken, &bytes[..bytes.len() - 9]).expect("writes");
    let finished = run_to_end(&json_args(folder, &["projections", "verify"]));
    assert!(!finished.status.success());
    let wrong: Vec<_> = verified(folder).into_iter().filter(|it| it["is_equal"] == false).collect();
    let [wrong] = wrong.as_slice() else { panic!("{wrong:#?}") };
    let name = broken.file_name().expect("a name").to_string_lossy().into_owned();
    assert_eq!(text(wrong, "view"), "operational.calls_hourly");
    assert!(text(wrong, "difference").contains(&name), "{wrong}");
    // Any question makes it again; the broken one is kept for whoever asks why.
    let status = json(folder, &["projections", "status"]);
    let view = status.as_array().expect("views").iter().find(|it| it["name"] == "calls_hourly");
    let view = view.expect("the view");
    assert_eq!(text(view, "state"), "serving");
    assert!(
        text(view, "note").contains("was set aside as aside/operational.calls_hourly-"),
        "{view}"
    );
    assert!(broken.exists(), "the same rows give the same file");
    json(folder, &["projections", "verify"]);
}

#[test]
fn the_files_of_the_views_are_right() {
    let finished = run_to_end(&["projections", "check"]).expect_success();
    assert!(finished.stdout.trim_end().ends_with(" views, 0 refused"), "{}", finished.stdout);
}
