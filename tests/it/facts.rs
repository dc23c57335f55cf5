//! Base tables on disk beside a platform that is killed, told to stop, and finds its files
//! damaged: they are what the log says, and nothing is there twice.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use ledgerline::base::Rng;
use tempfile::TempDir;

use crate::support::{Program, data_folder, facts, json_args, number, run_to_end, sql};

/// How often the platform is killed.
const KILLS: u64 = 7;
/// Seeds the moments.
const SEED: u64 = 20_261_122;
/// What tells the rows of some tables apart.
const KEYS: [(&str, &str); 6] = [
    ("events", "position"),
    ("campaigns", "campaign_id"),
    ("leads", "lead_id"),
    ("attempts", "call_id"),
    ("legs", "leg_id"),
    ("calls", "call_id"),
];

/// A folder with a configuration that puts base tables on disk often.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = data_folder();
        let text = "data_dir = \"data\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
                    [sql]\ncheckpoint_events = 20\n";
        std::fs::write(home.path().join("ledgerline.toml"), text).expect("written");
        Self(home)
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn facts(&self) -> PathBuf {
        self.data().join("facts")
    }

    /// A campaign on this machine; each start goes on where the one before ended.
    fn start(&self) -> Program {
        let config = self.0.path().join("ledgerline.toml").display().to_string();
        let mut args = vec!["demo", "--config", &config, "--leads", "12", "--exit"];
        args.extend(["--robot-channels", "4", "--agents", "2"]);
        Program::start(&args)
    }

    /// The position that base tables are on disk at; nothing where they are not.
    fn seen(&self) -> Option<u64> {
        let text = std::fs::read(self.facts().join("manifest.json")).ok()?;
        let manifest = serde_json::from_slice(&text).expect("a whole manifest");
        Some(number(&manifest, "seen"))
    }

    /// Files of base tables, half written ones included.
    fn files(&self) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        let mut folders = vec![self.facts()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                match entry.path().is_dir() {
                    true => folders.push(entry.path()),
                    false => drop(found.insert(entry.path())),
                }
            }
        }
        found
    }

    /// What is on disk, table by table, against a fold from position zero.
    fn checked(&self) -> Vec<serde_json::Value> {
        let found = run_to_end(&json_args(&self.data(), &["projections", "verify"])).json();
        let all = found.as_array().expect("views and tables").iter();
        let is_table = |it: &&serde_json::Value| {
            it["view"].as_str().is_some_and(|name| name.starts_with("public."))
        };
        all.filter(is_table).cloned().collect()
    }
}

/// Every base table.
fn tables(data: &Path) -> Vec<String> {
    let question = "select table_name from information_schema.tables where table_schema = 'public'";
    let rows = sql(data, question);
    let name = |row: &serde_json::Value| row["table_name"].as_str().expect("a name").to_owned();
    rows.iter().map(name).collect()
}

/// Everything that every base table says.
fn contents(data: &Path) -> String {
    let mut statements = String::new();
    for table in tables(data) {
        statements.push_str(&format!("select * from {table};\n"));
    }
    for (table, key) in KEYS {
        let twice = format!("select count(*) - count(distinct {key}) twice from {table};\n");
        statements.push_str(&twice);
    }
    let questions = data.join("questions.sql");
    std::fs::write(&questions, statements).expect("written");
    let data = data.display();
    let program = env!("CARGO_BIN_EXE_ledgerline");
    let mut command = Command::new("sh");
    let line = format!(
        "exec '{program}' sql --data-dir '{data}' --format json - < '{}'",
        questions.display()
    );
    command.args(["-c", &line]);
    Program::spawn(command).finish().expect_success().stdout
}

/// The same from the log alone.
fn folded(data: &Path) -> String {
    let copy = data_folder();
    let (from, to) = (data.join("log"), copy.path().join("log"));
    let copied = Command::new("cp").arg("-r").args([&from, &to]).status().expect("the program cp");
    assert!(copied.success());
    contents(copy.path())
}

#[test]
fn base_tables_survive_kills_and_equal_a_fold_from_zero() {
    let home = Home::new();
    let mut rng = Rng::from_seed(SEED);
    let (mut found_on_disk, mut half_written) = (0, 0);
    for kill in 1..=KILLS {
        let mut platform = home.start();
        platform.line_with("data ");
        // Somewhere in the middle: a checkpoint writes some forty names, half of them for a
        // moment.
        let wanted = 1 + rng.below(60) as usize;
        let there = home.files();
        let mut new = BTreeSet::new();
        while new.len() < wanted && !platform.is_over() {
            new.extend(home.files().difference(&there).cloned());
            std::thread::yield_now();
        }
        platform.kill();
        let is_half = |path: &&PathBuf| path.extension().is_some_and(|end| end == "tmp");
        half_written += home.files().iter().filter(is_half).count();
        if home.seen().is_some() {
            found_on_disk += 1;
            let checked = home.checked();
            assert_eq!(checked.len(), tables(&home.data()).len(), "kill {kill}");
            for table in checked {
                assert_eq!(table["is_equal"], true, "kill {kill}: {table}");
            }
        }
        let (got, want) = (contents(&home.data()), folded(&home.data()));
        assert!(got == want, "kill {kill}: base tables differ from a fold from zero");
        assert!(got.contains("\"twice\":0") || got.contains("\"twice\": 0"), "{got}");
        assert!(!got.contains("\"twice\":1") && !got.contains("\"twice\": 1"), "kill {kill}");
    }
    assert!(found_on_disk >= 4, "{found_on_disk} of {KILLS} kills found tables on disk");
    println!(
        "{KILLS} kills, {found_on_disk} with tables on disk, {half_written} files half written"
    );
}

#[test]
fn a_platform_that_stops_leaves_nothing_to_fold_and_mends_what_is_damaged() {
    let home = Home::new();
    let stop = |platform: Program| {
        let stopped = Command::new("kill").args(["-TERM", &platform.id().to_string()]).status();
        assert!(stopped.expect("the program kill").success());
        platform.finish()
    };
    let mut platform = home.start();
    platform.line_with("data ");
    drop(stop(platform));
    let last = facts(&home.data()).last().map(crate::support::Fact::position);
    assert!(last.is_some());
    assert_eq!(home.seen(), last, "all that is in the log is on disk");

    // One file cut, one swapped, and one that is nobody's.
    let manifest = std::fs::read(home.facts().join("manifest.json")).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
    let of = |table: &str| {
        let file = manifest["tables"][table][0]["file"].as_str().expect("a file");
        home.facts().join(file)
    };
    let (cut, swapped) = (of("events"), of("leads"));
    let bytes = std::fs::read(&cut).expect("reads");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).expect("written");
    std::fs::copy(of("campaigns"), &swapped).expect("copied");
    std::fs::write(home.facts().join("events/mine.parquet"), b"mine").expect("written");
    let mut platform = home.start();
    platform.line_with("data ");
    let finished = stop(platform);
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    for part in [&name(&cut), &name(&swapped), "mine.parquet", "set aside"] {
        assert!(finished.stderr.contains(part), "{part}: {}", finished.stderr);
    }
    let aside = home.facts().join("aside");
    for file in [format!("events-{}", name(&cut)), format!("leads-{}", name(&swapped))] {
        assert!(aside.join(&file).exists(), "{file}");
    }
    assert_eq!(std::fs::read(aside.join("events-mine.parquet")).expect("kept"), b"mine");
    // Written anew, with what came since.
    let last = facts(&home.data()).last().map(crate::support::Fact::position);
    assert_eq!(home.seen(), last);
    let checked = home.checked();
    assert_eq!(checked.len(), tables(&home.data()).len());
    assert!(checked.iter().all(|table| table["is_equal"] == true), "{checked:#?}");
    assert!(contents(&home.data()) == folded(&home.data()));
}
