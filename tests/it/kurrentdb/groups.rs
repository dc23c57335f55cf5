//! Persistent subscriptions, by the same clients.

use super::peer::{Peer, expect_checks};
use super::server::{Security, Server};

/// What every client checks.
const COMMON: &[&str] = &[
    "a_group_is_made_once",
    "a_group_that_is_not_there_is_not_found",
    "events_come_from_the_start_and_live",
    "a_group_starts_where_it_is_told",
    "parked_events_are_kept_and_given_again",
    "an_event_without_an_answer_comes_again_and_is_parked",
    "consumers_share_in_turn",
    "what_a_consumer_leaves_goes_to_another",
    "only_so_many_consumers",
    "all_streams_through_a_filter",
    "a_change_lets_consumers_go_and_keeps_the_place",
    "groups_are_listed",
    "a_group_tells_of_itself",
    "nothing_is_lost_across_a_kill",
    "what_is_done_stays_done_across_a_stop",
];

/// What only the Python client checks.
const PYTHON: &[&str] = &[
    "a_stream_may_still_be_to_come",
    "nacks_retry_and_skip",
    "one_consumer_gets_all_until_it_is_full",
    "a_stream_stays_with_one_consumer",
    "links_come_with_what_they_point_at",
    "a_group_of_all_does_not_write_for_ever",
    "a_group_of_the_same_name_starts_anew",
    "settings_that_cannot_be_are_refused",
];

/// What only the Node clients check.
const NODE: &[&str] = &["nacks_retry_skip_and_stop", "groups_start_again"];

/// What is checked where there are users.
const USERS: &[&str] = &["a_reader_consumes_and_changes_nothing"];

#[test]
fn the_python_client_over_tls_with_users() {
    let mut server = Server::start(Security::Tls);
    let peer = Peer::python(&server, "groups.py");
    expect_checks(&peer.run(&mut server), &[COMMON, PYTHON, USERS]);
}

#[test]
fn the_present_node_client_over_tls_with_users() {
    let mut server = Server::start(Security::Tls);
    let peer = Peer::node(&server, "@kurrent/kurrentdb-client", "groups.cjs");
    expect_checks(&peer.run(&mut server), &[COMMON, NODE, USERS]);
}

#[test]
fn the_former_node_client_without_tls() {
    let mut server = Server::start(Security::None);
    let peer = Peer::node(&server, "@eventstore/db-client", "groups.cjs");
    expect_checks(&peer.run(&mut server), &[COMMON, NODE]);
}
