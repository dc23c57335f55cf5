//! What the embedded log promises, tested through its contract; disks that fail are in `disk`.

mod append;
mod caches;
mod codec;
mod disk;
mod faults;
mod golden;
mod histories;
mod mark;
mod proof;
mod race;
mod read;
mod readers;
mod reopen;
mod revisions;
mod sealed;
mod secondary;
mod segment_table;
mod stream_runs;
mod streams;
mod streams_model;
mod subscribe;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use uuid::Uuid;

use super::*;
use crate::base::{Clock, EventId, Timestamp};
use crate::event::{Actor, ContentType, ExpectedRevision, NewEvent, Recorded, StreamName};

/// A clock that moves by a step whenever it is asked.
struct StepClock {
    now: AtomicI64,
    step: i64,
}

impl Clock for StepClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.now.fetch_add(self.step, Ordering::Relaxed))
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(StepClock { now: AtomicI64::new(1_795_244_400_000_000), step: 1_000 })
}

/// Segments so small that they fill up within a test.
fn small() -> LogOptions {
    LogOptions { segment_bytes: 2_000, zero_ahead_bytes: 512, ..LogOptions::default() }
}

fn open(folder: &Path, options: LogOptions) -> EmbeddedLog {
    EmbeddedLog::open(folder, options, clock()).expect("a log").0
}

fn stream(name: &str) -> StreamName {
    StreamName::new(name).expect("a stream name")
}

fn id(number: u64) -> EventId {
    EventId(Uuid::from_u128(u128::from(number)))
}

/// An event that differs from its neighbours in every field.
fn event(number: u64) -> NewEvent {
    NewEvent {
        event_id: id(number),
        event_type: format!("type_{}", number % 3),
        schema_version: u16::try_from(number % 5).expect("below five"),
        occurred_at: Timestamp::from_micros(1_795_244_000_000_000 - number.cast_signed()),
        correlation_id: number.is_multiple_of(2).then(|| Uuid::from_u128(7)),
        causation_id: (number % 3 == 1).then(|| id(number - 1)),
        actor: Actor::of("agent", &number),
        data: format!("{{\"number\":{number}}}").into_bytes(),
        content_type: if number % 4 == 3 { ContentType::Binary } else { ContentType::Json },
        metadata: if number % 5 == 4 {
            format!("{{\"$m\":{number}}}").into_bytes()
        } else {
            Vec::new()
        },
    }
}

fn part(name: &str, expected: ExpectedRevision, numbers: std::ops::Range<u64>) -> StreamAppend {
    StreamAppend { stream: stream(name), expected, events: numbers.map(event).collect() }
}

async fn append(log: &EmbeddedLog, name: &str, numbers: std::ops::Range<u64>) -> Appended {
    log.append(stream(name), ExpectedRevision::Any, numbers.map(event).collect())
        .await
        .expect("an acknowledgement")
}

async fn all(log: &EmbeddedLog) -> Vec<Recorded> {
    log.read_all(AllRead::Start, Direction::Forwards, usize::MAX).await.expect("events")
}

/// Begins all of them in this order, then waits for all.
async fn at_once<T>(mut futures: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    let mut answers: Vec<Option<T>> = Vec::new();
    for future in &mut futures {
        let polled =
            std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context)));
        answers.push(match polled.await {
            std::task::Poll::Ready(answer) => Some(answer),
            std::task::Poll::Pending => None,
        });
    }
    let mut all = Vec::new();
    for (answer, future) in answers.into_iter().zip(futures) {
        all.push(match answer {
            Some(answer) => answer,
            None => future.await,
        });
    }
    all
}

/// What was appended, as far as a reader sees it.
fn as_new(recorded: &Recorded) -> NewEvent {
    NewEvent {
        event_id: recorded.event_id,
        event_type: recorded.event_type.clone(),
        schema_version: recorded.schema_version,
        occurred_at: recorded.occurred_at,
        correlation_id: recorded.correlation_id,
        causation_id: recorded.causation_id,
        actor: recorded.actor.clone(),
        data: recorded.data.to_vec(),
        content_type: recorded.content_type,
        metadata: recorded.metadata.to_vec(),
    }
}

/// Takes the mark of a closed log away, as if its process had been killed before it was written.
fn unmark(folder: &Path) {
    std::fs::remove_file(folder.join(crate::event_log::mark::MARK)).expect("a mark");
}

/// The segment files in the order of positions.
fn segment_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    files.sort();
    files
}
