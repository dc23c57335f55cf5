//! Leads that a client offers to a platform that runs, and to one that does not.

use std::path::Path;

use super::peer::{Peer, expect_checks};
use super::server::{Security, Server};
use crate::support::{Program, data_folder, json_args, run_to_end};

/// What is checked.
const CHECKS: &[&str] = &[
    "leads_of_three_kinds_come_in",
    "the_same_again_is_the_repeat_it_is",
    "one_lead_comes_in_at_a_revision",
    "what_cannot_be_a_lead_is_refused_and_said",
    "the_platform_alone_writes_its_facts",
    "leads_are_taken_once_across_a_kill",
    "leads_are_taken_once_across_a_stop",
];

/// What must be in no file but those of the keys, and in nothing that is said.
const SECRETS: &[&str] =
    &["2125550181", "555-0181", "2125550182", "2125550184", "Zebulon", "z@arch"];

/// All bytes of a folder's files, its subfolders' too.
fn bytes_below(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            bytes.extend(bytes_below(&path));
        } else {
            bytes.extend(std::fs::read(&path).expect("a file"));
        }
    }
    bytes
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn offer_leads(security: Security, checks: &[&[&str]]) {
    let mut server = Server::start_platform(security);
    let peer = Peer::python(&server, "intake.py");
    expect_checks(&peer.run(&mut server), checks);
    let said = server.stop();
    let data = server.folder().join("data");
    let bytes = bytes_below(&data);
    assert!(holds(&bytes, "LeadOffered"), "the right bytes are looked at");
    let read = json_args(&data, &["log", "read"]);
    let events = run_to_end(&read).expect_success().stdout;
    for secret in SECRETS {
        assert!(!holds(&bytes, secret), "{secret} lies in the data folder");
        assert!(!events.contains(secret), "{secret} is read from the log");
        assert!(!format!("{said:?}").contains(secret), "{secret} was said");
    }
}

#[test]
fn the_python_client_offers_leads_over_tls_with_users() {
    offer_leads(Security::Tls, &[CHECKS, &["a_reader_offers_nothing"]]);
}

#[test]
fn the_python_client_offers_leads_without_tls() {
    offer_leads(Security::None, &[CHECKS]);
}

#[test]
fn without_a_platform_no_lead_reaches_the_log() {
    let mut server = Server::start(Security::None);
    let peer = Peer::python(&server, "no_intake.py");
    expect_checks(&peer.run(&mut server), &[&["an_inbox_takes_nothing"]]);
    server.stop();
    let bytes = bytes_below(server.folder());
    assert!(!SECRETS.iter().any(|secret| holds(&bytes, secret)), "a lead lies in the log");
}

#[test]
fn a_port_that_is_taken_is_one_clear_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let folder = data_folder();
    let path = super::server::configure(folder.path(), Security::None, &address);
    let finished = run_to_end(&["run", "--config", &path]);
    finished.expect_failure(&["KurrentDB tcp", &address, "another program has this port"]);
    assert!(!folder.path().join("data/log").exists(), "said before the log is opened");
}

#[test]
fn a_platform_that_was_told_to_end_by_itself_lets_clients_go() {
    let folder = data_folder();
    let path = super::server::configure(folder.path(), Security::None, "127.0.0.1:0");
    let mut program = Program::start(&["run", "--until-complete", "--config", &path]);
    program.line_with("kurrentdb://");
    program.finish().expect_success();
}
