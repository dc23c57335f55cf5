//! The event log: append, read, subscribe.
//!
//! In: facts with what the writer believes of their stream. Out: acknowledgements, events by
//! stream or by position in both directions, subscriptions that catch up and then follow.
//! [`EventLog`] is the contract, with the names and semantics of KurrentDB; [`EmbeddedLog`]
//! keeps it on segment files of its own, described in `docs/log-format.md`.
//!
//! Invariants: an append is acknowledged, and an event readable, only after fdatasync; positions
//! (of this log) and revisions in each stream are dense from 0; an append that is repeated adds
//! nothing, as KurrentDB defines it; time of recording never goes backwards; what cannot be read
//! back exactly as it was written is an error with file, offset and position, never a different event. A panic of the
//! writer closes the log; nothing that it had not made durable is ever read.
//!
//! The index is a cache on disk, and old segments may be sealed as Parquet: neither is evidence
//! of what was acknowledged, and a log without them opens all the same.
//!
//! Deliberately absent: understanding what an event says.
//!
//! Sources: KurrentDB's expected revision and idempotency rules; "Can Applications Recover from
//! fsync Failures?" (USENIX ATC 2020) for why the first failed sync is the last.

mod backup;
#[cfg(all(test, feature = "s3"))]
pub(crate) mod bucket_server;
mod cache_file;
mod commit;
mod contract;
mod damage;
mod embedded;
mod folder;
mod frame;
mod hash;
mod head;
mod inbox;
mod index;
mod keeper;
mod load;
mod lock;
mod mark;
mod metrics;
mod open_error;
mod parts;
mod reader;
mod recent;
mod record;
#[cfg(feature = "s3")]
mod remote;
mod rescan;
mod revisions;
mod sealed;
mod secondary;
mod segment_table;
mod shared;
mod storage;
mod stream_rules;
mod stream_runs;
mod stream_state;
mod subscription;
mod survey;
mod verify;
mod walk;
mod writer;

#[cfg(feature = "s3")]
pub use backup::ObjectPlace;
pub use backup::{
    BackupError, BackupManifest, BackupPiece, BackupPlace, BackupReport, BackupSealed,
    BackupSegment, FolderPlace, RestoreReport, Until, backup, restore,
};
pub use cache_file::IndexError;
pub use contract::{
    AllRead, AppendError, Appended, BoxFuture, Direction, EventLog, ReadError, StreamAppend,
    StreamInfo, StreamRead,
};
pub use embedded::{EmbeddedLog, LogOptions, OpenReport, PendingAppend};
pub use folder::LogFolder;
pub use head::{HeadError, HeadKey, SignedHead, public_key};
pub use load::{Damage, OpenError};
pub use lock::FolderLock;
pub use metrics::{Asked, LogMetrics, OPEN_METRICS, SubscriberMetrics};
#[cfg(feature = "s3")]
pub use remote::{Listed, Objects, RemoteStorage, S3Options};
pub use sealed::{
    RawSegment, RowGroupEntry, SealError, SealOptions, SealRecord, SealedDamage, SealedEventKey,
    SealedFile, SealedPart, SealedSegment, SealedStore, StreamEvent, merge, mergeable, seal,
};
pub use secondary::LINK_TYPE;
pub use storage::{DiskStorage, SegmentFile, Storage, StoreUnavailable, WriteFailure};
pub use subscription::{Subscription, SubscriptionError, SubscriptionItem, SubscriptionSource};
pub use survey::{Survey, survey};
pub use verify::{
    HeadCheck, HeadVerdict, VerifyError, VerifyReport, verify, verify_head, verify_with,
};

#[cfg(test)]
pub(crate) mod spread;
#[cfg(test)]
mod tests;
