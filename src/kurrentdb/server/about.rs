//! What this server can do, and that it is the whole cluster.

use http::uri::Authority;
use tonic::Response;

use super::Front;
use crate::kurrentdb::codec::{self, UuidForm};
use crate::kurrentdb::messages::features::{SupportedMethod, SupportedMethods};
use crate::kurrentdb::messages::gossip::{ClusterInfo, EndPoint, LEADER, MemberInfo};

/// The version of KurrentDB whose protocol this is: the last that its clients before the second
/// protocol were made for.
const VERSION: &str = "24.10.0";

/// Serves `GetSupportedMethods`.
pub(super) fn features() -> Response<SupportedMethods> {
    let streams = "event_store.client.streams.streams";
    let groups = "event_store.client.persistent_subscriptions.persistentsubscriptions";
    let rows: [(&str, &str, &[&str]); 15] = [
        ("append", streams, &[]),
        ("batchappend", streams, &["deadline_duration"]),
        ("read", streams, &["position", "events"]),
        ("delete", streams, &[]),
        ("tombstone", streams, &[]),
        ("create", groups, &["stream", "all"]),
        ("update", groups, &["stream", "all"]),
        ("delete", groups, &["stream", "all"]),
        ("read", groups, &["stream", "all"]),
        ("getinfo", groups, &["stream", "all"]),
        ("replayparked", groups, &["stream", "all"]),
        ("list", groups, &["stream", "all"]),
        ("restartsubsystem", groups, &[]),
        ("read", "event_store.client.gossip.gossip", &[]),
        ("getsupportedmethods", "event_store.client.server_features.serverfeatures", &[]),
    ];
    let methods = rows.into_iter().map(|(method, service, features)| SupportedMethod {
        method_name: method.to_owned(),
        service_name: service.to_owned(),
        features: features.iter().map(|&feature| feature.to_owned()).collect(),
    });
    Response::new(SupportedMethods {
        methods: methods.collect(),
        event_store_server_version: VERSION.to_owned(),
    })
}

/// Serves `Gossip.Read`: one node, the leader, where the client found it.
pub(super) fn gossip(front: &Front, asked: Option<&Authority>) -> Response<ClusterInfo> {
    let host = asked.map_or_else(
        || front.address.ip().to_string(),
        |asked| asked.host().trim_matches(['[', ']']).to_owned(),
    );
    let port = asked.and_then(Authority::port_u16).unwrap_or(front.address.port());
    Response::new(ClusterInfo {
        members: vec![MemberInfo {
            instance_id: Some(codec::uuid_to_wire(front.instance, UuidForm::Structured)),
            time_stamp: front.clock.now().as_micros().saturating_mul(10),
            state: LEADER,
            is_alive: true,
            http_end_point: Some(EndPoint { address: host, port: u32::from(port) }),
        }],
    })
}
