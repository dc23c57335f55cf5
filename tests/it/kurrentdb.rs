//! The log's server judged by clients of KurrentDB that others wrote.
//!
//! Each client is a script of checks, run against the real program over loopback; it prints one
//! line of JSON per check, and asks for the server to be killed or stopped in the middle. Needs
//! what `tools/setup.sh test` puts below `target/peers`.

mod backend;
mod groups;
mod intake;
mod peer;
mod server;
mod system;

use self::peer::{Peer, expect_checks};
use self::server::{Security, Server};
use crate::support::{data_folder, run_to_end};

/// What every client checks.
const COMMON: &[&str] = &[
    "append_to_no_stream",
    "append_at_a_revision",
    "append_to_anything_and_to_what_exists",
    "append_to_what_should_exist",
    "repeat_is_recorded_once",
    "half_a_repeat_is_a_conflict",
    "append_of_too_many_bytes",
    "read_a_stream_both_ways",
    "read_a_stream_that_is_not_there",
    "read_all_both_ways",
    "follow_a_stream_from_its_start_and_live",
    "follow_a_stream_after_a_revision_and_from_its_end",
    "delete_and_go_on",
    "tombstone_is_for_good",
    "discovery_finds_it",
    "nothing_is_lost_or_repeated_across_a_kill",
    "nothing_is_lost_or_repeated_across_a_stop",
];

/// What only the Python client checks.
const PYTHON: &[&str] = &[
    "conflict_with_no_stream_says_where_the_stream_is",
    "conflict_at_a_revision_says_where_the_stream_is",
    "append_of_one_event",
    "append_of_nothing_looks_at_the_revision",
    "append_of_a_thousand",
    "appends_at_once",
    "only_one_of_two_writers_wins",
    "json_and_binary_come_back_as_they_were",
    "metadata_come_back_byte_for_byte",
    "time_of_recording_is_given_and_never_goes_back",
    "names_of_any_letters",
    "read_a_long_stream_and_leave_early",
    "read_all_through_filters",
    "system_events_are_in_all",
    "follow_a_stream_that_is_still_to_come",
    "follow_all_from_a_position_and_live",
    "follow_all_from_the_end",
    "follow_all_through_a_filter_with_checkpoints",
    "follow_all_by_the_beginnings_of_streams",
    "twenty_follow_at_once",
    "stream_metadata",
    "max_count_and_truncate_before",
    "what_cannot_be_is_refused_and_said",
    "gossip_names_one_leader",
];

/// What only the Node clients check.
const NODE: &[&str] = &[
    "conflicts_say_what_was_expected_and_what_is",
    "a_conflict_can_be_an_answer",
    "append_of_a_thousand_in_parts",
    "many_appends_outstanding_keep_their_order",
    "a_conflict_among_outstanding_appends_harms_no_other",
    "json_binary_and_metadata_come_back_as_they_were",
    "read_a_long_stream",
    "follow_all_and_live",
    "follow_all_through_filters",
    "checkpoints_are_never_ahead",
    "system_events_can_be_left_out",
    "a_filter_that_is_none_is_refused",
    "stream_metadata_and_max_count",
];

/// What is checked where there are users.
const USERS: &[&str] = &["a_wrong_password_is_refused", "a_reader_reads_and_does_not_write"];

#[test]
fn the_python_client_over_tls_with_users() {
    let mut server = Server::start(Security::Tls);
    let peer = Peer::python(&server, "peer.py");
    expect_checks(&peer.run(&mut server), &[COMMON, PYTHON, USERS]);
}

#[test]
fn the_present_node_client_over_tls_with_users() {
    let mut server = Server::start(Security::Tls);
    let peer = Peer::node(&server, "@kurrent/kurrentdb-client", "peer.cjs");
    expect_checks(&peer.run(&mut server), &[COMMON, NODE, USERS]);
}

#[test]
fn the_former_node_client_without_tls() {
    let mut server = Server::start(Security::None);
    let peer = Peer::node(&server, "@eventstore/db-client", "peer.cjs");
    expect_checks(&peer.run(&mut server), &[COMMON, NODE]);
}

#[test]
fn a_log_is_served_once() {
    let mut server = Server::start(Security::None);
    let folder = server.folder().display().to_string();
    let second = ["log", "serve", "--insecure", "--listen", "127.0.0.1:0", "--data-dir", &folder];
    run_to_end(&second).expect_failure(&["lock", &folder]);
    server.stop();
}

#[test]
fn what_would_be_unsafe_is_refused() {
    let folder = data_folder();
    let path = folder.path().display().to_string();
    let users = folder.path().join("users");
    std::fs::write(&users, "ops:admin:changeit\n").expect("write users");
    let users = users.display().to_string();
    let refused = |args: &[&str], parts: &[&str]| {
        let common = ["log", "serve", "--data-dir", &path];
        let args: Vec<_> = common.iter().chain(args).copied().collect();
        let finished = run_to_end(&args);
        finished.expect_failure(parts);
        assert!(!finished.stderr.contains("changeit"), "{finished:?}");
    };
    refused(&[], &["--tls-cert", "--insecure"]);
    refused(&["--insecure", "--listen", "0.0.0.0:0"], &["0.0.0.0:0", "--insecure-anywhere"]);
    refused(&["--insecure", "--user-file", &users], &[&users, "chmod 600"]);
    let missing = folder.path().join("none.pem").display().to_string();
    refused(&["--tls-cert", &missing, "--tls-key", &missing], &[&missing, "PEM"]);
}
