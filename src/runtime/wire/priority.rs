//! How urgent the threads of media are to the system.
//!
//! In: what is wanted. Out: the calling thread under that rule. Invariant: a system that refuses
//! is no error: media moves all the same, and leaves late where processors are wanted by others.
//! With one processor nothing is taken: the rest has to run, too.
//! Deliberately absent: the priority of the process, and of any other thread.
//! Sources: [ADR 0030](../../../docs/adr/0030-media-in-real-time.md), POSIX.1-2017 §2.8.4 (`SCHED_RR`), sched(7).

use std::thread::available_parallelism;

use serde::{Deserialize, Serialize};
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// Who goes first where a processor is wanted by several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaPriority {
    /// Media before all ordinary work, in turns among its threads, where the system allows it.
    #[default]
    Realtime,
    /// In turns with everything else.
    Normal,
}

impl MediaPriority {
    /// Puts the calling thread under this rule.
    pub(super) fn take(self) {
        if self == Self::Normal || available_parallelism().map_or(1, usize::from) < 2 {
            return;
        }
        let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
        let taken = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
        if let Err(error) = taken {
            tracing::info!(%error, "media has normal priority");
        }
    }
}
