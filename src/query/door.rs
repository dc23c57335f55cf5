//! Where the sessions of servers come from.

use std::sync::Arc;

use super::{Error, Session};
use crate::event_log::BoxFuture;

/// Makes sessions. Each sees everything that is in the log by the time it is asked for.
pub type Sessions = Arc<dyn Fn() -> BoxFuture<'static, Result<Session, Error>> + Send + Sync>;
