//! The live state that goes along with the base tables.
//!
//! In: the log. Out: the state at a position, which `live.*` is made of. Invariant: it is never
//! ahead of the base tables that questions see, so that both can be had at one position.

use super::{Engine, Error};
use crate::projection::live::LiveState;
use crate::projection::sql::LogReader;

/// A live fold that goes on.
#[derive(Default)]
pub(super) struct RunningLive {
    pub(super) state: LiveState,
    /// Where to read on. Positions may be far apart, so it is not always the state's own.
    pub(super) next: u64,
}

impl RunningLive {
    /// Takes everything up to a position in.
    pub(super) async fn advance(&mut self, reader: &LogReader, until: u64) -> Result<(), Error> {
        let (state, next) = (&mut self.state, self.next);
        // An event that was taken in before a failed read comes again, and is passed over.
        reader.each(next, Some(until), |recorded| drop(state.apply(recorded))).await?;
        self.next = next.max(until.saturating_add(1));
        Ok(())
    }
}

impl Engine {
    /// Brings the live state up to the base tables by so many positions at most; true where it
    /// is there.
    pub(super) async fn step_live(&self, most: u64) -> Result<bool, Error> {
        let mut live = self.live.lock().await;
        let Some(seen) = self.head.load().tables.seen() else { return Ok(true) };
        if live.next > seen {
            return Ok(true);
        }
        let until = seen.min(live.next.saturating_add(most));
        live.advance(&self.reader, until).await?;
        Ok(until == seen)
    }
}
