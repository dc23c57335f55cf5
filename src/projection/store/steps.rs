//! A disk that ends at a step, as a kill would: nothing after that step is done.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts steps and lets all after some number fail.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    done: Arc<AtomicUsize>,
    most: usize,
}

impl Default for Steps {
    fn default() -> Self {
        Self::ending_after(usize::MAX)
    }
}

impl Steps {
    /// Ends after so many steps.
    pub(crate) fn ending_after(most: usize) -> Self {
        Self { done: Arc::default(), most }
    }

    /// Whether the end was met.
    pub(crate) fn is_ended(&self) -> bool {
        self.done.load(Ordering::SeqCst) > self.most
    }

    pub(super) fn pass(&self, action: &str, path: &Path) -> io::Result<()> {
        if self.done.fetch_add(1, Ordering::SeqCst) < self.most {
            return Ok(());
        }
        Err(io::Error::other(format!("killed before {action} {}", path.display())))
    }
}
