//! BatchAppend: many appends on one stream of requests, each answered when it is durable.
//!
//! Invariants: appends reach the log in the order of their last parts, and none waits for the
//! answer of an earlier one; what is not answered yet is bounded in number and in bytes, and a
//! client that sends more waits.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status, Streaming};
use uuid::Uuid;

use super::access;
use super::append::{self, Verdict};
use super::status::{self, in_batch};
use super::{Front, request};
use crate::access::Caller;
use crate::event::{ExpectedRevision, NewEvent, StreamName};
use crate::kurrentdb::codec;
use crate::kurrentdb::messages::streams::batch_append_req::{Deadline, Options};
use crate::kurrentdb::messages::streams::batch_append_resp::Result as Outcome;
use crate::kurrentdb::messages::streams::{BatchAppendReq, BatchAppendResp};
use crate::kurrentdb::messages::{self, StreamIdentifier};

/// Appends without an answer on one stream of requests.
const OUTSTANDING_MAX: usize = 8_192;
/// Units: bytes of events without an answer on one stream of requests.
const OUTSTANDING_BYTES_MAX: usize = 32 << 20;
/// Appends of which only parts have come.
const PARTIAL_MAX: usize = 64;
/// Answers that wait for the connection.
const ANSWERS: usize = 256;

/// An append whose last part has not come yet.
struct Partial {
    stream: StreamName,
    expected: ExpectedRevision,
    events: Vec<NewEvent>,
    bytes: usize,
}

/// What an append came to: its answer, or the end of the whole stream. Units: bytes.
type Settled = (Result<BatchAppendResp, Status>, usize);

struct Worker {
    front: Arc<Front>,
    caller: Caller,
    partial: HashMap<Uuid, Partial>,
    outstanding: FuturesUnordered<BoxFuture<'static, Settled>>,
    bytes: usize,
    answers: mpsc::Sender<Result<BatchAppendResp, Status>>,
}

/// The client went away.
struct Gone;

/// Serves `BatchAppend`.
pub(super) async fn batch_append(
    front: Arc<Front>,
    caller: Caller,
    requests: Streaming<BatchAppendReq>,
) -> Result<Response<ReceiverStream<Result<BatchAppendResp, Status>>>, Status> {
    let (answers, stream) = mpsc::channel(ANSWERS);
    let worker = Worker {
        front,
        caller,
        partial: HashMap::new(),
        outstanding: FuturesUnordered::new(),
        bytes: 0,
        answers,
    };
    tokio::spawn(async move {
        // Whoever went away has appended what the log took, and learns it by repeating.
        drop(worker.run(requests).await);
    });
    Ok(Response::new(ReceiverStream::new(stream)))
}

impl Worker {
    async fn run(mut self, mut requests: Streaming<BatchAppendReq>) -> Result<(), Gone> {
        let mut closing = std::pin::pin!(super::wait(self.front.closing.clone()));
        let end = loop {
            let has_room =
                self.outstanding.len() < OUTSTANDING_MAX && self.bytes < OUTSTANDING_BYTES_MAX;
            tokio::select! {
                biased;
                Some(settled) = self.outstanding.next(), if !self.outstanding.is_empty() => {
                    self.answer(settled).await?;
                }
                request = requests.message(), if has_room => match request {
                    Ok(Some(request)) => self.take(request).await?,
                    Ok(None) => break None,
                    Err(status) => break Some(status),
                },
                () = self.answers.closed() => return Err(Gone),
                () = &mut closing => break Some(status::closing()),
            }
        };
        while let Some(settled) = self.outstanding.next().await {
            self.answer(settled).await?;
        }
        match end {
            Some(status) => self.send(Err(status)).await,
            None => Ok(()),
        }
    }

    async fn answer(&mut self, (answer, bytes): Settled) -> Result<(), Gone> {
        self.bytes -= bytes;
        let is_end = answer.is_err();
        self.send(answer).await?;
        if is_end { Err(Gone) } else { Ok(()) }
    }

    async fn send(&mut self, answer: Result<BatchAppendResp, Status>) -> Result<(), Gone> {
        self.answers.send(answer).await.map_err(|_| Gone)
    }

    /// Takes a part of an append; the last part sets it going.
    async fn take(&mut self, request: BatchAppendReq) -> Result<(), Gone> {
        let BatchAppendReq { correlation_id, options, proposed_messages, is_final } = request;
        let Some(id) = correlation_id.as_ref().and_then(codec::uuid_from_wire) else {
            let stream = options.and_then(|options| options.stream_identifier);
            let error = in_batch::bad_request("the correlation id is missing or is not a UUID");
            return self.refuse(correlation_id, stream, error).await;
        };
        if let Some(options) = options {
            match self.open(&options) {
                Ok(partial) => {
                    self.partial.insert(id, partial);
                }
                Err(error) => {
                    return self.refuse(correlation_id, options.stream_identifier, error).await;
                }
            }
        }
        // The rest of what was refused.
        let Some(mut partial) = self.partial.remove(&id) else { return Ok(()) };
        let now = self.front.clock.now();
        for message in proposed_messages {
            let event = match codec::from_proposal(message, self.caller.name(), now) {
                Ok(event) => event,
                Err(error) => {
                    let stream = Some(StreamIdentifier::of(partial.stream.as_str()));
                    let error = in_batch::bad_request(&error.to_string());
                    return self.refuse(correlation_id, stream, error).await;
                }
            };
            partial.bytes += append::size(&event);
            if partial.bytes > self.front.append_bytes_max {
                let stream = Some(StreamIdentifier::of(partial.stream.as_str()));
                let error = in_batch::too_large(self.front.append_bytes_max);
                return self.refuse(correlation_id, stream, error).await;
            }
            partial.events.push(event);
        }
        if !is_final {
            self.partial.insert(id, partial);
            return Ok(());
        }
        self.submit(correlation_id, partial).await
    }

    /// What the first part of an append says.
    fn open(&self, options: &Options) -> Result<Partial, messages::Status> {
        let bad = |status: Status| in_batch::bad_request(status.message());
        let stream = request::stream(options.stream_identifier.as_ref()).map_err(bad)?;
        if !access::may_write(&self.caller, &stream) {
            return Err(in_batch::access_denied());
        }
        let is_late = match options.deadline {
            Some(Deadline::Within(span)) => {
                span.seconds < 0 || (span.seconds, span.nanos) == (0, 0)
            }
            Some(Deadline::At(moment)) => {
                moment.seconds < self.front.clock.now().as_micros() / 1_000_000
            }
            None => false,
        };
        if is_late {
            return Err(in_batch::timeout());
        }
        if self.partial.len() >= PARTIAL_MAX {
            return Err(in_batch::bad_request("too many appends are begun and not finished"));
        }
        let expected = request::expected(options.expected).map_err(bad)?;
        Ok(Partial { stream, expected, events: Vec::new(), bytes: 0 })
    }

    /// Hands an append to the log, and waits for its answer later.
    async fn submit(
        &mut self,
        correlation_id: Option<messages::Uuid>,
        partial: Partial,
    ) -> Result<(), Gone> {
        let (front, caller) = (self.front.clone(), self.caller.clone());
        let Partial { stream, expected, events, bytes } = partial;
        let mut settling: BoxFuture<'static, Settled> = Box::pin(async move {
            let verdict = append::settle(&front, caller.name(), &stream, expected, events).await;
            let stream = StreamIdentifier::of(stream.as_str());
            let answer = match verdict {
                Verdict::Success(success) => Ok(Outcome::Success(success)),
                Verdict::WrongVersion(actual) => {
                    Ok(Outcome::Error(in_batch::wrong_version(expected, actual)))
                }
                Verdict::StreamDeleted => Ok(Outcome::Error(in_batch::stream_deleted(&stream))),
                Verdict::TooLarge(limit) => Ok(Outcome::Error(in_batch::too_large(limit))),
                Verdict::Invalid(what) => Ok(Outcome::Error(in_batch::bad_request(&what))),
                Verdict::Refused(what) => Ok(Outcome::Error(in_batch::refused(what))),
                // Whether it stands is not known, so nothing is said of it: the client repeats.
                Verdict::Failed(status) => Err(status),
            };
            let answer = answer.map(|outcome| response(correlation_id, Some(stream), outcome));
            (answer, bytes)
        });
        self.bytes += bytes;
        // The first poll queues it: here and now, so that the order of requests is kept.
        match futures::poll!(&mut settling) {
            std::task::Poll::Ready(settled) => self.answer(settled).await,
            std::task::Poll::Pending => {
                self.outstanding.push(settling);
                Ok(())
            }
        }
    }

    async fn refuse(
        &mut self,
        correlation_id: Option<messages::Uuid>,
        stream: Option<StreamIdentifier>,
        error: messages::Status,
    ) -> Result<(), Gone> {
        self.send(Ok(response(correlation_id, stream, Outcome::Error(error)))).await
    }
}

fn response(
    correlation_id: Option<messages::Uuid>,
    stream_identifier: Option<StreamIdentifier>,
    outcome: Outcome,
) -> BatchAppendResp {
    BatchAppendResp { correlation_id, result: Some(outcome), stream_identifier, expected: None }
}
