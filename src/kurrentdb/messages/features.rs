//! `event_store.client.server_features`: what this server can do.

/// What the server can do.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct SupportedMethods {
    #[prost(message, repeated, tag = "1")]
    pub methods: Vec<SupportedMethod>,
    /// Three numbers with dots: clients parse it.
    #[prost(string, tag = "2")]
    pub event_store_server_version: String,
}

/// One method. Names in lower case: clients compare them as they are.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct SupportedMethod {
    #[prost(string, tag = "1")]
    pub method_name: String,
    #[prost(string, tag = "2")]
    pub service_name: String,
    #[prost(string, repeated, tag = "3")]
    pub features: Vec<String>,
}
