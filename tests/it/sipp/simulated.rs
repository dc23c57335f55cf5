//! Our own simulated world, as processes.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ledgerline::sim::{Population, Reach, Temper};
use serde_json::Value;

/// The seed its people follow from.
const SEED: u64 = 1;

/// `ledgerline sim carrier`.
pub(super) struct OurCarrier {
    child: Child,
    leads: PathBuf,
    /// Where it listens.
    pub(super) sip: SocketAddr,
}

impl OurCarrier {
    /// Starts it with the people of a lead file.
    pub(super) fn start(leads: &Path) -> Self {
        let seed = SEED.to_string();
        let path = leads.to_str().expect("a plain path");
        let (child, ready) = start(&["carrier", "--seed", &seed, "--leads", path]);
        Self { child, leads: leads.to_owned(), sip: address(&ready["sip"]) }
    }

    /// A number whose person takes the first call and does not hang up early.
    pub(super) fn who_answers(&self) -> String {
        let file = std::fs::read(&self.leads).expect("the leads");
        let people = Population::settle(&file, SEED).expect("people");
        let rows = ledgerline::dialing::lead_file::parse(&file).expect("rows").rows;
        let stays = |reach| {
            matches!(reach, Reach::Person(Temper::Eager | Temper::Hesitant | Temper::Curious))
        };
        let found = rows.iter().find(|row| stays(people.call(&row.phone, 0).reach));
        found.expect("somebody answers").phone.reveal().to_owned()
    }
}

/// `ledgerline sim agents` with one agent.
pub(super) struct OurAgent {
    child: Child,
    pub(super) phone: SocketAddr,
}

impl OurAgent {
    pub(super) fn start() -> Self {
        let (child, ready) = start(&["agents", "--count", "1"]);
        Self { child, phone: address(&ready["phones"][0]) }
    }
}

/// Starts a part of the simulated world and reads the line that says it is ready.
fn start(arguments: &[&str]) -> (Child, Value) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ledgerline"))
        .args(["sim", "--until-eof"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let output = child.stdout.take().expect("its output");
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).expect("its first line");
    (child, serde_json::from_str(&line).expect("JSON"))
}

fn address(text: &Value) -> SocketAddr {
    text.as_str().expect("an address").parse().expect("an address")
}

impl Drop for OurCarrier {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for OurAgent {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
