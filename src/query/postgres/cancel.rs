//! Which connection a request to cancel means.
//!
//! Invariant: only who knows a connection's secret can cancel its question, and a request that
//! comes while none runs does nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Connections that can be asked to stop.
#[derive(Default)]
pub(super) struct Cancels {
    next: AtomicI32,
    by_pid: Mutex<BTreeMap<i32, (i32, Arc<Notify>)>>,
}

/// One connection, as long as this lives.
pub(super) struct Cancel {
    pub(super) pid: i32,
    pub(super) secret: i32,
    pub(super) asked: Arc<Notify>,
    all: Arc<Cancels>,
}

impl Cancels {
    /// One more connection. `secret` is random.
    pub(super) fn add(self: &Arc<Self>, secret: i32) -> Cancel {
        let pid = self.next.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let asked = Arc::new(Notify::new());
        self.locked().insert(pid, (secret, asked.clone()));
        Cancel { pid, secret, asked, all: self.clone() }
    }

    /// Cancels what a connection runs, where the secret is its own.
    pub(super) fn ask(&self, pid: i32, secret: &[u8]) {
        if let Some((known, asked)) = self.locked().get(&pid)
            && known.to_be_bytes() == secret
        {
            asked.notify_waiters();
        }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, BTreeMap<i32, (i32, Arc<Notify>)>> {
        self.by_pid.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        self.all.locked().remove(&self.pid);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn only_the_secret_cancels_and_only_what_runs() {
        let all = Arc::new(Cancels::default());
        let (one, other) = (all.add(7), all.add(8));
        let asked = one.asked.clone();
        let mut running = std::pin::pin!(asked.notified());
        running.as_mut().enable();
        all.ask(one.pid, &8i32.to_be_bytes());
        all.ask(other.pid, &8i32.to_be_bytes());
        all.ask(one.pid, b"");
        assert!(running.as_mut().now_or_never().is_none());
        all.ask(one.pid, &7i32.to_be_bytes());
        assert!(running.now_or_never().is_some());
        assert!(asked.notified().now_or_never().is_none(), "the next question runs");
        drop((one, other));
        assert!(all.locked().is_empty());
    }
}
