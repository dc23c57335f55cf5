//! `event_store.client.gossip`: who is in the cluster.

use super::Uuid;

/// The state of a node that takes appends.
pub const LEADER: i32 = 8;

/// Every node of the cluster.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ClusterInfo {
    #[prost(message, repeated, tag = "1")]
    pub members: Vec<MemberInfo>,
}

/// One node.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct MemberInfo {
    #[prost(message, optional, tag = "1")]
    pub instance_id: Option<Uuid>,
    /// Units: ticks of 100 ns since 1970.
    #[prost(int64, tag = "2")]
    pub time_stamp: i64,
    /// Such as [`LEADER`].
    #[prost(int32, tag = "3")]
    pub state: i32,
    #[prost(bool, tag = "4")]
    pub is_alive: bool,
    #[prost(message, optional, tag = "5")]
    pub http_end_point: Option<EndPoint>,
}

/// Where a node is reached.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct EndPoint {
    #[prost(string, tag = "1")]
    pub address: String,
    #[prost(uint32, tag = "2")]
    pub port: u32,
}
