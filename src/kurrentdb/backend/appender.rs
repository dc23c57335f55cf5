//! Appends, many under way at once, over one batch session after the other.
//!
//! A unary append costs 40 ms, as the crate leaves TCP_NODELAY off (eventstore 4.0.0), so it is
//! kept for the append that was refused: a session ends with the first refusal and does not say
//! what the revision is. What was under way beside it may or may not have been taken; it is sent
//! again in its old order and with its old ids, and the server knows those.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use eventstore::{
    AppendToStreamOptions, BatchAppendClient, BatchAppendOptions, BatchWriteResult, Error,
    EventData, WriteResult,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Sleep, sleep, timeout};

use super::connection::{Connection, Refusal, is_passing};
use super::wire::{expected_of, proposed, revision_of};
use crate::event_log::{AppendError, StreamAppend};

/// gRPC's code of a condition that does not hold.
pub(super) const FAILED_PRECONDITION: i32 = 9;
/// gRPC's code of a request that can never be right.
const INVALID_ARGUMENT: i32 = 3;
/// Appends under way at once.
const OUTSTANDING: usize = 4_096;
/// Bytes under way at once, but for the last append.
const OUTSTANDING_BYTES: usize = 32 << 20;
/// A session on which nothing was answered for so long is given up: one that the server ended
/// without an error answers nothing any more (eventstore 4.0.0).
const SILENCE: Duration = Duration::from_secs(10);
/// How long the appends of a broken session may take to learn that it is.
const NEWS_WITHIN: Duration = Duration::from_secs(1);
/// What one append may have at most, unless the server is set up otherwise. Units: bytes.
const APPEND_MAX: usize = 1 << 20;

/// What comes of an append.
pub(super) type Answer = Result<Taken, AppendError>;

/// Where an append stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// Revision of the last event.
    pub(super) last_revision: u64,
    /// Position of the last event, where the server tells.
    pub(super) last_position: Option<u64>,
}

/// An append and who waits for it.
pub(super) struct Job {
    pub(super) part: StreamAppend,
    pub(super) reply: oneshot::Sender<Answer>,
    /// A session ended on it: only a unary append tells why.
    is_refused: bool,
}

impl Job {
    pub(super) const fn new(part: StreamAppend, reply: oneshot::Sender<Answer>) -> Self {
        Self { part, reply, is_refused: false }
    }

    fn bytes(&self) -> usize {
        self.part.events.iter().map(|event| event.data.len() + event.metadata.len() + 256).sum()
    }

    fn events(&self) -> Vec<EventData> {
        self.part.events.iter().map(proposed).collect()
    }

    /// Whoever waited may have gone.
    fn answer(self, answer: Answer) {
        drop(self.reply.send(answer));
    }
}

type Writing = Pin<Box<dyn Future<Output = Result<BatchWriteResult, Error>> + Send>>;

struct Flying {
    job: Job,
    bytes: usize,
    writing: Writing,
}

/// Takes appends until nobody can send any more.
pub(super) async fn run(connection: Arc<Connection>, jobs: mpsc::Receiver<Job>) {
    let mut appender = Appender {
        connection,
        jobs,
        waiting: VecDeque::new(),
        again: VecDeque::new(),
        flying: VecDeque::new(),
        bytes: 0,
        session: None,
        attempt: 0,
        is_unary: false,
    };
    while appender.has_work().await {
        let mut patience = appender.patience();
        let mut silence = Box::pin(sleep(SILENCE));
        while !appender.is_idle() {
            tokio::select! {
                biased;
                is_answered = appender.step() => if is_answered {
                    appender.attempt = 0;
                    patience = appender.patience();
                    silence = Box::pin(sleep(SILENCE));
                },
                () = &mut patience => appender.give_up(),
                () = &mut silence => {
                    tracing::debug!(server = appender.connection.server(), "nothing is answered");
                    appender.begin_again();
                    silence = Box::pin(sleep(SILENCE));
                }
            }
        }
    }
}

/// Invariant: every append that came is in `waiting`, `again` or `flying`, or was answered; so a
/// step may be dropped at any point.
struct Appender {
    connection: Arc<Connection>,
    jobs: mpsc::Receiver<Job>,
    /// Not sent, in the order they came.
    waiting: VecDeque<Job>,
    /// To be sent again, before those.
    again: VecDeque<Job>,
    /// Sent, in the order they came.
    flying: VecDeque<Flying>,
    /// In `flying`.
    bytes: usize,
    session: Option<(u64, Arc<BatchAppendClient>)>,
    /// Tries in vain since the last answer.
    attempt: u32,
    /// The server is too old for batches.
    is_unary: bool,
}

impl Appender {
    /// Waits for an append. False once none will come.
    async fn has_work(&mut self) -> bool {
        match self.jobs.recv().await {
            Some(job) => {
                self.waiting.push_back(job);
                true
            }
            None => false,
        }
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.again.is_empty() && self.flying.is_empty()
    }

    fn patience(&self) -> Pin<Box<Sleep>> {
        Box::pin(sleep(self.connection.patience()))
    }

    /// Nobody waits any longer.
    fn give_up(&mut self) {
        self.begin_again();
        self.order();
        let refusal = self.connection.away();
        for job in self.waiting.drain(..) {
            job.answer(Err(self.connection.unwritten(&refusal)));
        }
    }

    /// Lets the session go; what was sent on it is sent again.
    fn begin_again(&mut self) {
        self.session = None;
        self.bytes = 0;
        self.again.extend(self.flying.drain(..).map(|flying| flying.job));
    }

    /// What is sent again stands before the rest.
    fn order(&mut self) {
        while let Some(job) = self.again.pop_back() {
            self.waiting.push_front(job);
        }
    }

    fn has_room(&self) -> bool {
        self.flying.len() < OUTSTANDING && self.bytes < OUTSTANDING_BYTES
    }

    /// Goes on until something was answered, or failed. Whether something was answered.
    async fn step(&mut self) -> bool {
        if self.flying.is_empty() {
            self.order();
            if self.is_unary || self.waiting.front().is_some_and(|job| job.is_refused) {
                return self.settle().await;
            }
        }
        let Some((generation, session)) = self.session().await else { return false };
        self.send(&session);
        let has_room = self.has_room();
        let Some(first) = self.flying.front_mut() else { return false };
        tokio::select! {
            biased;
            written = &mut first.writing => match written {
                Ok(written) => {
                    self.land(&written);
                    true
                }
                Err(error) => {
                    self.connection.failed(generation, &error);
                    self.collect(error).await
                }
            },
            Some(job) = self.jobs.recv(), if has_room => {
                self.waiting.push_back(job);
                false
            }
        }
    }

    /// The present session, or a new one.
    async fn session(&mut self) -> Option<(u64, Arc<BatchAppendClient>)> {
        if let Some(session) = &self.session {
            return Some(session.clone());
        }
        let options = BatchAppendOptions::default();
        let options = self.connection.signed(options, BatchAppendOptions::authenticated);
        let (generation, error) = match self.connection.client() {
            Ok((generation, client)) => match client.batch_append(&options).await {
                Ok(session) => {
                    self.session = Some((generation, Arc::new(session)));
                    return self.session.clone();
                }
                Err(error) => (generation, error),
            },
            Err(error) => (0, error),
        };
        self.connection.failed(generation, &error);
        if matches!(error, Error::UnsupportedFeature) {
            self.is_unary = true;
            return None;
        }
        if !is_passing(&error) {
            let refusal = Refusal::Said(error);
            for job in self.waiting.drain(..) {
                job.answer(Err(self.connection.unwritten(&refusal)));
            }
            return None;
        }
        self.rest().await;
        None
    }

    async fn rest(&mut self) {
        let pause = self.connection.pause(self.attempt);
        self.attempt = self.attempt.saturating_add(1);
        sleep(pause).await;
    }

    /// Sends what waits, up to one that was refused.
    fn send(&mut self, session: &Arc<BatchAppendClient>) {
        while self.again.is_empty()
            && self.has_room()
            && self.waiting.front().is_some_and(|job| !job.is_refused)
        {
            let Some(job) = self.waiting.pop_front() else { return };
            let (session, events) = (session.clone(), job.events());
            let stream = job.part.stream.to_string();
            let expected = expected_of(job.part.expected);
            let mut writing: Writing =
                Box::pin(async move { session.append_to_stream(stream, expected, events).await });
            // The first poll sends it: here, so that the order is kept.
            let sent = writing.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(answer) = sent {
                writing = Box::pin(std::future::ready(answer));
            }
            let bytes = job.bytes();
            self.bytes += bytes;
            self.flying.push_back(Flying { job, bytes, writing });
        }
    }

    /// The first one under way has arrived.
    fn land(&mut self, written: &BatchWriteResult) {
        let Some(flying) = self.flying.pop_front() else { return };
        self.bytes = self.bytes.saturating_sub(flying.bytes);
        let last_position = written.current_position().map(|position| position.commit);
        self.connection.saw(last_position);
        let last_revision = written.current_revision().unwrap_or(0);
        flying.job.answer(Ok(Taken { last_revision, last_position }));
    }

    /// The session is over: each append under way was taken, was refused, or is to be sent again.
    /// Whether one was taken or refused.
    async fn collect(&mut self, first: Error) -> bool {
        self.session = None;
        let mut is_news = false;
        let mut known = Some(first);
        while let Some(flying) = self.flying.front_mut() {
            let written = match known.take() {
                Some(error) => Err(error),
                None => match timeout(NEWS_WITHIN, &mut flying.writing).await {
                    Ok(written) => written,
                    Err(_) => Err(Error::ConnectionClosed),
                },
            };
            match written {
                Ok(written) => {
                    self.land(&written);
                    is_news = true;
                }
                Err(error) => {
                    let Some(Flying { mut job, .. }) = self.flying.pop_front() else { break };
                    job.is_refused = matches!(error, Error::Grpc { .. });
                    is_news |= job.is_refused;
                    if job.is_refused || is_passing(&error) {
                        self.again.push_back(job);
                    } else {
                        job.answer(Err(self.connection.unwritten(&Refusal::Said(error))));
                    }
                }
            }
        }
        self.bytes = 0;
        if !is_news {
            self.rest().await;
        }
        is_news
    }

    /// Learns from a unary append what becomes of one that was refused.
    async fn settle(&mut self) -> bool {
        let Some(job) = self.waiting.front() else { return false };
        let options =
            AppendToStreamOptions::default().expected_revision(expected_of(job.part.expected));
        let options = self.connection.signed(options, AppendToStreamOptions::authenticated);
        let (stream, events) = (job.part.stream.to_string(), job.events());
        let (generation, written) = match self.connection.client() {
            Ok((generation, client)) => {
                (generation, client.append_to_stream(stream, &options, events).await)
            }
            Err(error) => (0, Err(error)),
        };
        if let Err(error) = &written {
            self.connection.failed(generation, error);
            if is_passing(error) {
                self.rest().await;
                return false;
            }
        }
        let Some(job) = self.waiting.pop_front() else { return false };
        let answer = self.verdict(&job.part, written);
        job.answer(answer);
        true
    }

    fn verdict(&self, part: &StreamAppend, written: Result<WriteResult, Error>) -> Answer {
        let stream = part.stream.clone();
        Err(match written {
            Ok(written) => {
                let last_position = Some(written.position.commit);
                self.connection.saw(last_position);
                return Ok(Taken { last_revision: written.next_expected_version, last_position });
            }
            Err(Error::WrongExpectedVersion { current, .. }) => {
                AppendError::WrongExpectedRevision {
                    stream,
                    expected: part.expected,
                    actual: revision_of(current),
                }
            }
            Err(Error::ResourceDeleted) => AppendError::StreamDeleted { stream },
            Err(Error::Grpc { code, message })
                if code as i32 == INVALID_ARGUMENT
                    && message.to_ascii_lowercase().contains("append size") =>
            {
                let bytes = part.events.iter().map(|event| event.data.len()).sum();
                AppendError::TooLarge { bytes, limit: APPEND_MAX }
            }
            Err(error) => self.connection.unwritten(&Refusal::Said(error)),
        })
    }
}
