//! A script of checks by a client that others wrote.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::server::Server;
use crate::support::{Program, tree_file};

/// A script, ready to run.
pub(super) struct Peer(Command);

/// What a script found: the name of a check, and what was seen where it did not hold.
pub(super) type Found = (String, Option<String>);

impl Peer {
    /// `kurrentdbclient`.
    pub(super) fn python(server: &Server) -> Self {
        let connect = |user| server.connection("kurrentdb", user, "tlsCaFile");
        let mut command = Command::new(installed("python/bin/python"));
        command.arg(tree_file("tests/it/kurrentdb/peer.py")).arg(connect("admin"));
        command.arg(if server.has_users() { connect("board") } else { "-".to_owned() });
        // What it has not said before a kill would be lost.
        command.env("PYTHONUNBUFFERED", "1").env("PYTHONDONTWRITEBYTECODE", "1");
        Self(command)
    }

    /// One of two packages for Node.
    pub(super) fn node(server: &Server, package: &str) -> Self {
        let scheme = if package.contains("kurrent") { "kurrentdb" } else { "esdb" };
        let connect = |user| server.connection(scheme, user, "tlsCAFile");
        let mut command = Command::new("node");
        command.env("NODE_PATH", installed("node_modules"));
        command.arg(tree_file("tests/it/kurrentdb/peer.cjs")).arg(package).arg(connect("admin"));
        command.arg(if server.has_users() { connect("board") } else { "-".to_owned() });
        Self(command)
    }

    /// Runs it to its end, and does to the server what it asks for.
    pub(super) fn run(self, server: &mut Server) -> Vec<Found> {
        let mut program = Program::spawn(self.0);
        let mut found = Vec::new();
        while let Some(line) = program.line() {
            let said: Value =
                serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            match said["ask"].as_str() {
                Some("kill") => server.kill(),
                Some("stop") => server.restart(),
                Some(other) => panic!("a script asks for {other}"),
                None => {
                    let name = said["check"].as_str().expect("the name of a check").to_owned();
                    let seen = said["seen"].as_str().map(str::to_owned);
                    assert_eq!(said["ok"].as_bool(), Some(seen.is_none()), "{line}");
                    found.push((name, seen));
                }
            }
        }
        program.finish().expect_success();
        found
    }
}

/// Fails with what was seen where a check did not hold, or did not run.
pub(super) fn expect_checks(found: &[Found], wanted: &[&[&str]]) {
    let failed: Vec<_> = found
        .iter()
        .filter_map(|(name, seen)| Some(format!("{name}: {}", seen.as_ref()?)))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let ran: BTreeSet<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(ran.len(), found.len(), "a check ran twice");
    assert_eq!(ran, wanted.concat().into_iter().collect(), "other checks ran than were to run");
}

/// What `tools/setup.sh test` fetched.
fn installed(name: &str) -> PathBuf {
    let path = tree_file("target/peers").join(name);
    assert!(path.exists(), "{} is not there: run tools/setup.sh test", path.display());
    path
}
