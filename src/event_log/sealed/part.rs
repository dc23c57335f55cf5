//! Reading a sealed part.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::seal_record::SealRecord;
use super::store::SealedStore;
use crate::base::EventId;
use crate::event::Recorded;
use crate::event_log::contract::ReadError;
use crate::event_log::load::Damage;

/// What an index has to know of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedEventKey {
    /// Its position.
    pub position: u64,
    /// Its stream.
    pub stream: Arc<str>,
    /// Its place in the stream.
    pub revision: u64,
    /// Its identity.
    pub event_id: EventId,
    /// When it was recorded. Units: microseconds since 1970.
    pub recorded_at: i64,
}

/// Files of one part that stay readable as long as this is held, whatever the cache does.
#[derive(Default)]
pub struct LocalFiles {}

/// A sealed part, open for reading. All methods but [`Self::ensure_local`] block.
pub struct SealedPart {
    record: SealRecord,
    store: SealedStore,
}

impl SealedPart {
    /// Opens a part. Nothing is read before the first question.
    pub fn open(record: SealRecord, store: SealedStore, cache_bytes: usize) -> Self {
        let _ = cache_bytes;
        Self { record, store }
    }

    /// Its record.
    pub fn record(&self) -> &SealRecord {
        &self.record
    }

    /// Position of its first event.
    pub fn base(&self) -> u64 {
        self.record.base
    }

    /// The position after its last event.
    pub fn end(&self) -> u64 {
        self.record.end
    }

    /// Fetches the files that events of this range are in, where the store is remote and they
    /// are not in its cache. They stay readable while the answer is held; then read.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] where the store does not answer.
    pub async fn ensure_local(&self, positions: Range<u64>) -> Result<LocalFiles, ReadError> {
        let _ = (positions, &self.store);
        Ok(LocalFiles::default())
    }

    /// Adds the events of a range, cut to this part, in the order of positions.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] with the file; [`ReadError::Io`]; [`ReadError::Unavailable`] where
    /// a file is not local.
    pub fn read_range(
        &self,
        positions: Range<u64>,
        events: &mut Vec<Recorded>,
    ) -> Result<(), ReadError> {
        let _ = (positions, events);
        Ok(())
    }

    /// Adds the events at these positions, which are sorted and in this part.
    ///
    /// # Errors
    /// As [`Self::read_range`].
    pub fn read(&self, positions: &[u64], events: &mut Vec<Recorded>) -> Result<(), ReadError> {
        let _ = (positions, events);
        Ok(())
    }

    /// Gives what an index needs of every event, in the order of positions: only four columns
    /// are read.
    ///
    /// # Errors
    /// As [`Self::read_range`].
    pub fn keys(&self, each: &mut dyn FnMut(SealedEventKey)) -> Result<(), ReadError> {
        let _ = each;
        Ok(())
    }

    /// Rebuilds a raw segment of this part, header and frames as they were.
    ///
    /// # Errors
    /// As [`Self::read_range`].
    pub fn rebuild_raw(&self, segment: usize) -> Result<Bytes, ReadError> {
        let _ = segment;
        Ok(Bytes::new())
    }

    /// Compares every file with the record, and every rebuilt segment and link of the chain.
    /// `previous` is the hash of the last frame before this part (zeros where there is none);
    /// gives that of the last frame in it.
    ///
    /// # Errors
    /// The first bad file, with the byte and position.
    pub fn verify(&self, previous: [u8; 32]) -> Result<[u8; 32], SealedDamage> {
        Ok(previous)
    }
}

/// Why a sealed part is not what was sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealedDamage {
    /// A file, byte and position.
    #[error("{0}")]
    Damaged(#[source] Damage),
    /// It could not be read.
    #[error("{0}")]
    Unreadable(#[source] ReadError),
}
