//! Disks: one that is full, and one that has changed a byte.

use std::path::PathBuf;
use std::process::Command;

use super::{configuration, nobody, with_config};
use crate::support::{
    Fact, Program, data_folder, facts, json, json_args, number, run_to_end, tree_file,
};

/// The program, with writes that fail instead of killing it once [`fill_up`] came.
fn with_disk_that_may_fill_up(args: &[&str]) -> Program {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_ledgerline")]);
    command.args(args);
    Program::spawn(command)
}

/// Stands in for a disk that is full from now on: a write beyond the first 4 KiB of a file is
/// refused with EFBIG, as one on a full disk with ENOSPC.
fn fill_up(process: u32) {
    let pid = process.to_string();
    let limited = Command::new("prlimit").args(["--pid", &pid, "--fsize=4096"]).status();
    assert!(limited.expect("the program `prlimit`").success());
}

#[test]
fn a_full_disk_stops_the_platform_with_one_line_and_loses_nothing_recorded() {
    let folder = data_folder();
    let folder = folder.path();
    let path = folder.display().to_string();
    let args = ["demo", "--data-dir", &path, "--leads", "8", "--exit", "--robot-channels", "8"];
    let mut demo = with_disk_that_may_fill_up(&args);
    demo.line_with("data ");
    let mut reader = Program::start(&json_args(folder, &["log", "read", "--follow"]));
    let mut seen = Vec::new();
    while seen.last().is_none_or(|fact: &Fact| fact.kind() != "CallAnswered") {
        seen.push(Fact::parse(&reader.line().expect("another event")));
    }
    fill_up(demo.id());
    // Where nothing was appended for a moment, the log's mark was refused first.
    let demo = demo.finish().without_warnings();
    demo.expect_failure(&["the log takes nothing more since it failed to write", ".log"]);
    seen.extend(reader.kill_and_drain());
    let now = facts(folder);
    assert_eq!(now[..seen.len()], seen[..], "what was readable is still there");

    // With room again it goes on.
    let mut again = Program::start(&args);
    let mut reader = Program::start(&json_args(folder, &["log", "read", "--follow"]));
    reader.line_with(&format!("\"position\":{},", now.len()));
    again.kill();
    assert_eq!(facts(folder)[..now.len()], now[..]);
}

#[test]
fn a_changed_byte_in_a_segment_is_refused_with_file_offset_and_position() {
    let folder = data_folder();
    let config = configuration(folder.path(), &nobody(), "127.0.0.1:0", "127.0.0.1:0");
    let file = tree_file("leads/broken.csv").display().to_string();
    let import = with_config(&config, &["leads", "import", &file, "--campaign", "test"]);
    for _ in 0..3 {
        run_to_end(&import).expect_success();
    }
    let data = folder.path().join("data");
    let whole: Vec<Fact> = facts(&data);
    let segment = only_segment(&data.join("log"));
    let mut bytes = std::fs::read(&segment).expect("the segment");
    // The file is longer than what is written in it.
    let written = number(&json(&data, &["log", "stats"]), "bytes");
    let middle = usize::try_from(written / 2).expect("a small file");
    bytes[middle] ^= 0x20;
    std::fs::write(&segment, &bytes).expect("change a byte");

    let segment = segment.display().to_string();
    for command in [&["run"][..], &["log", "stats"], &["log", "verify"], &["audit", "replay"]] {
        let refused = run_to_end(&with_config(&config, command));
        refused.expect_failure(&[&segment, "is damaged at byte", "where position"]);
        let told = |after: &str| -> usize {
            let rest = refused.stderr.split(after).nth(1).unwrap_or_default();
            let digits = rest.chars().take_while(char::is_ascii_digit).collect::<String>();
            digits.parse().unwrap_or_else(|_| panic!("{after}: {}", refused.stderr))
        };
        assert!(told("at byte ") <= middle, "{}", refused.stderr);
        assert!((1..whole.len()).contains(&told("where position ")), "{}", refused.stderr);
    }
    let now = std::fs::read(&segment).expect("the segment");
    assert_eq!(now, bytes, "nothing was cut or repaired");
}

fn only_segment(log: &std::path::Path) -> PathBuf {
    let entries = std::fs::read_dir(log).expect("the log's folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let segments: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|kind| kind == "log")).collect();
    let [segment] = segments.as_slice() else { panic!("{segments:?}") };
    segment.clone()
}
