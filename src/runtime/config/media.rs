//! Media: codecs, and the threads and ports that move it.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use crate::media::{Capabilities, Codec};
use crate::runtime::wire::{MediaOptions, MediaPriority, PortRange};

/// RTP and RTCP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MediaConfig {
    /// Threads that move packets; without it, one for two processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<NonZeroUsize>,
    /// The ports used, such as `10000-19999`; without it, any free ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ports: Option<PortRange>,
    /// How urgent those threads are to the system.
    pub priority: MediaPriority,
    /// Codecs that are offered and taken, the best first.
    pub codecs: Vec<Codec>,
    /// Whether silence is sent as comfort noise to peers that take it.
    pub comfort_noise: bool,
}

impl Default for MediaConfig {
    fn default() -> Self {
        let Capabilities { codecs, comfort_noise, .. } = Capabilities::default();
        let priority = MediaPriority::default();
        Self { threads: None, ports: None, priority, codecs, comfort_noise }
    }
}

impl MediaConfig {
    /// What is offered to peers.
    pub fn capabilities(&self) -> Capabilities {
        let Self { codecs, comfort_noise, .. } = self.clone();
        Capabilities { codecs, comfort_noise, ..Capabilities::default() }
    }

    /// The same for the wire.
    pub const fn options(&self) -> MediaOptions {
        MediaOptions { threads: self.threads, ports: self.ports, priority: self.priority }
    }
}
