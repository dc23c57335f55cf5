//! Prepared statements: questions kept for a user, with the values bound last.
//!
//! Invariants: a handle is random and good for its user only; a user has no more than
//! [`STATEMENTS_MAX`], and one that nobody used for [`IDLE`] is forgotten.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use datafusion::arrow::record_batch::RecordBatch;
use tonic::Status;

use super::error;
use crate::base::{Millis, Timestamp};

/// Prepared statements of one user.
const STATEMENTS_MAX: usize = 256;
/// How long one is kept that nobody uses.
const IDLE: Millis = Millis(IDLE_MS.unsigned_abs() as u64);
/// The same, as clients are told it. Units: milliseconds.
pub(super) const IDLE_MS: i32 = 60 * 60 * 1_000;

/// A question and what is bound to it.
#[derive(Clone)]
pub(super) struct Statement {
    user: Arc<str>,
    /// The question, its `?` numbered.
    pub(super) sql: Arc<str>,
    /// Rows of values.
    pub(super) values: Arc<Vec<RecordBatch>>,
    used: Timestamp,
}

/// The prepared statements of all users.
#[derive(Default)]
pub(super) struct Statements(Mutex<BTreeMap<Bytes, Statement>>);

impl Statements {
    fn all(&self) -> MutexGuard<'_, BTreeMap<Bytes, Statement>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a question.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED where the user has too many.
    pub(super) fn add(&self, user: &Arc<str>, sql: &str, now: Timestamp) -> Result<Bytes, Status> {
        let mut handle = vec![0; 16];
        getrandom::fill(&mut handle).map_err(|_| error::no_randomness())?;
        let handle = Bytes::from(handle);
        let mut all = self.all();
        forget(&mut all, now);
        if all.values().filter(|statement| statement.user == *user).count() >= STATEMENTS_MAX {
            return Err(Status::resource_exhausted(format!(
                "prepare: you have {STATEMENTS_MAX} prepared statements; close some"
            )));
        }
        let statement =
            Statement { user: user.clone(), sql: sql.into(), values: Arc::default(), used: now };
        drop(all.insert(handle.clone(), statement));
        Ok(handle)
    }

    /// A user's question.
    ///
    /// # Errors
    /// NOT_FOUND where there is none.
    pub(super) fn find(
        &self,
        user: &str,
        handle: &[u8],
        now: Timestamp,
    ) -> Result<Statement, Status> {
        let mut all = self.all();
        let found = all.get_mut(handle).filter(|statement| &*statement.user == user);
        let found = found.ok_or_else(missing)?;
        found.used = now;
        Ok(found.clone())
    }

    /// Binds rows of values in the place of those before.
    ///
    /// # Errors
    /// NOT_FOUND where there is no such question.
    pub(super) fn bind(
        &self,
        user: &str,
        handle: &[u8],
        values: Vec<RecordBatch>,
    ) -> Result<(), Status> {
        let mut all = self.all();
        let found = all.get_mut(handle).filter(|statement| &*statement.user == user);
        found.ok_or_else(missing)?.values = Arc::new(values);
        Ok(())
    }

    /// Forgets a user's question.
    pub(super) fn close(&self, user: &str, handle: &[u8]) {
        let mut all = self.all();
        if all.get(handle).is_some_and(|statement| &*statement.user == user) {
            drop(all.remove(handle));
        }
    }

    /// Forgets what nobody uses.
    pub(super) fn sweep(&self, now: Timestamp) {
        forget(&mut self.all(), now);
    }
}

fn forget(all: &mut BTreeMap<Bytes, Statement>, now: Timestamp) {
    all.retain(|_, statement| now < statement.used.plus(IDLE));
}

fn missing() -> Status {
    Status::not_found("find the prepared statement: it was closed, or nobody used it for an hour")
}
