//! A copy of the views in an object store, beside an engine.
//!
//! In: views as they are stored on the disk. Out: the same in the store, some time later.
//! Invariants: it has a thread of its own, and nobody waits for it, so that a store that is dead
//! or slow holds nothing up; what fails is tried again, less and less often. Deliberately absent:
//! reading views from the store.

use super::Engine;
use crate::projection::sql::ViewStatus;

impl Engine {
    /// Says in which store copies of the views are kept, by whichever process.
    #[cfg(feature = "s3")]
    pub fn expect_copies(&self, place: &str) {
        self.store.copies().configure(place);
        self.store.look_at_copies();
    }

    /// How far views are, with how far their copies are by now.
    pub(super) fn with_copies(&self, views: Vec<ViewStatus>) -> Vec<ViewStatus> {
        views.into_iter().map(|view| view.with_copy(self.store.copies())).collect()
    }
}

#[cfg(feature = "s3")]
pub use self::keeping::Mirroring;

#[cfg(feature = "s3")]
mod keeping {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::runtime::Runtime;

    use super::super::{Engine, Error};
    use crate::base::Clock;
    use crate::event_log::Objects;
    use crate::projection::sql;
    use crate::projection::store::{Mirror, Passed, Store};

    /// From a first failure to the next attempt; from each further one, twice as long.
    const RETRY_AFTER: Duration = Duration::from_secs(1);
    /// No longer than this.
    const RETRY_AT_MOST: Duration = Duration::from_secs(300);

    /// Copies are kept for as long as this lives.
    pub struct Mirroring {
        thread: Option<Runtime>,
    }

    impl Drop for Mirroring {
        fn drop(&mut self) {
            if let Some(thread) = self.thread.take() {
                // Not to be waited for on a thread of another runtime.
                thread.shutdown_background();
            }
        }
    }

    impl Engine {
        /// Keeps a copy of the views in a store, brought up once in a while.
        ///
        /// # Errors
        /// [`Error::Threads`].
        pub fn mirror(
            &self,
            objects: Objects,
            every: Duration,
            clock: Arc<dyn Clock>,
        ) -> Result<Mirroring, Error> {
            let thread = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .thread_name("views-store")
                .enable_all()
                .build()
                .map_err(Error::Threads)?;
            let mirror = self.store.mirror(objects);
            drop(thread.spawn(keep(self.store.clone(), mirror, every, clock)));
            Ok(Mirroring { thread: Some(thread) })
        }
    }

    impl Engine {
        /// Brings the copy of every view in a store up to what is on the disk, once.
        ///
        /// # Errors
        /// Where no other process can be kept from it. What fails besides is in the answer.
        pub(crate) async fn upload(
            &self,
            objects: Objects,
            clock: &dyn Clock,
        ) -> Result<Passed, Error> {
            let lock = self.store.lock_mirror().await.map_err(sql::Error::from)?;
            let passed = self.store.mirror(objects).pass(clock.now()).await;
            drop(lock);
            Ok(passed)
        }
    }

    async fn keep(store: Store, mut mirror: Mirror, every: Duration, clock: Arc<dyn Clock>) {
        let mut failures = 0_u32;
        loop {
            let failed = once(&store, &mut mirror, &*clock).await;
            match &failed {
                Some(error) if failures == 0 => {
                    tracing::warn!(error, "the copy of the views falls behind; it is tried again");
                }
                None if failures > 0 => tracing::info!("the copy of the views is kept again"),
                _ => {}
            }
            let wait = match failed {
                None => {
                    failures = 0;
                    every
                }
                Some(_) => {
                    failures = failures.saturating_add(1);
                    after(failures)
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// How long to wait after so many failures, one after the other.
    fn after(failures: u32) -> Duration {
        let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        RETRY_AFTER.saturating_mul(doubled).min(RETRY_AT_MOST)
    }

    /// What went wrong, if anything did.
    async fn once(store: &Store, mirror: &mut Mirror, clock: &dyn Clock) -> Option<String> {
        let lock = match store.try_lock_mirror() {
            Ok(Some(lock)) => lock,
            // Another process is at it.
            Ok(None) => return None,
            Err(error) => return Some(error.to_string()),
        };
        let passed = mirror.pass(clock.now()).await;
        drop(lock);
        if passed.stored > 0 || passed.removed > 0 {
            let (stored, bytes, removed) = (passed.stored, passed.bytes, passed.removed);
            tracing::debug!(stored, bytes, removed, "the copy of the views was brought up");
        }
        passed.errors.into_iter().next().map(|(view, error)| format!("{view}: {error}"))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn each_failure_is_waited_for_twice_as_long_and_never_for_ever() {
            let waits = [1, 2, 3, 9, 10, 33, u32::MAX].map(|failures| after(failures).as_secs());
            assert_eq!(waits, [1, 2, 4, 256, 300, 300, 300]);
        }
    }
}
