//! Tokio tasks, sockets and timers that drive the cores.
//!
//! In: a configuration and a log. Out: calls on the wire and facts in the log. Invariants: a
//! command to the world is given only after the facts that precede it are durable; decisions
//! are taken on the live state at the position they name; when the log refuses a fact, no new
//! call is begun and every call is hung up. Deliberately absent: deciding, parsing packets,
//! knowing SQL.

pub mod clock;
pub mod config;
mod directory;
mod engine;
mod erase;
#[cfg(feature = "kurrentdb")]
pub mod front;
mod import;
mod intake;
mod journal;
pub mod line;
mod log;
mod names;
mod platform;
pub mod recorder;
mod recovery;
mod screened;
mod scripts;
#[cfg(feature = "sql-servers")]
pub mod sql;
pub mod wire;

pub use config::{Config, ConfigError};
pub(crate) use engine::LEGS;
pub use engine::{EngineError, SupervisionDoor, SupervisionRefusal, Voices};
pub use erase::{EraseError, Erased, erase};
pub use import::{ImportError, ImportReport};
pub use intake::{Inbox, OfferError};
pub use journal::JournalError;
pub(crate) use journal::{Draft, stream_of};
#[cfg(feature = "analytics")]
pub(crate) use log::open_log;
pub use log::{LogError, log_folder, open_embedded, read_log};
pub use names::{LookupError, look_up};
pub use platform::{Platform, StartError, import_only};
pub use recovery::Recovered;
pub use scripts::{ScriptFileError, read_script};
