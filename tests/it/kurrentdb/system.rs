//! System streams and links, by the same clients.

use super::peer::{Peer, expect_checks};
use super::server::{Security, Server};

/// What every client checks.
const COMMON: &[&str] = &[
    "a_category_is_read_both_ways",
    "a_category_is_followed_live",
    "a_group_shares_a_category",
    "events_of_a_type",
    "streams_are_listed",
    "links_that_clients_wrote_are_resolved",
    "links_are_resolved_in_all",
    "a_link_stays_when_its_event_is_gone",
    "system_streams_are_not_written_to",
    "nothing_changes_across_a_stop",
];

#[test]
fn the_python_client_over_tls_with_users() {
    let mut server = Server::start(Security::Tls);
    let peer = Peer::python(&server, "system.py");
    expect_checks(&peer.run(&mut server), &[COMMON]);
}

#[test]
fn the_present_node_client_over_tls_with_users() {
    let mut server = Server::start(Security::Tls);
    let peer = Peer::node(&server, "@kurrent/kurrentdb-client", "system.cjs");
    expect_checks(&peer.run(&mut server), &[COMMON]);
}

#[test]
fn the_former_node_client_without_tls() {
    let mut server = Server::start(Security::None);
    let peer = Peer::node(&server, "@eventstore/db-client", "system.cjs");
    expect_checks(&peer.run(&mut server), &[COMMON]);
}
