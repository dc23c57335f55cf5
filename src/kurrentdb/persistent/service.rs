//! The methods of `PersistentSubscriptions`, as clients call them.
//!
//! Invariants: whoever may read events may be a consumer; everything else about groups is for
//! admins, but for being told of them. A consumer's stream of answers ends with an error only:
//! clients exist that wait forever after an orderly end.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures::Stream;
use futures::stream::BoxStream;
use tokio::sync::{mpsc, oneshot};
use tonic::{Request, Response, Status, Streaming};

use super::config::{ALL, Entry, FilterEntry, key, place_text};
use super::consumers::{About, ConsumerId};
use super::group::Nack;
use super::info::subscription_info;
use super::refusal::Refusal;
use super::runner::Command;
use super::source::Given;
use super::subsystem::Change;
use crate::access::Caller;
use crate::kurrentdb::codec::{self, UuidForm};
use crate::kurrentdb::messages::persistent::create_req::{
    CheckpointAfter, FilterOption, MessageTimeout, Settings, StreamOption,
};
use crate::kurrentdb::messages::persistent::{
    self as messages, CreateReq, DeleteReq, GetInfoReq, GetInfoResp, ListReq, ListResp, ReadReq,
    ReadResp, ReplayParkedReq, list_req, read_req, read_resp, replay_parked_req,
};
use crate::kurrentdb::messages::streams::read_req::{AllOption, RevisionOption};
use crate::kurrentdb::messages::streams::read_resp::SubscriptionConfirmation;
use crate::kurrentdb::messages::{Empty, StreamIdentifier};
use crate::kurrentdb::server::access;
use crate::kurrentdb::server::{Front, request, status, wait};

/// What a consumer gets.
pub(in crate::kurrentdb) type Answers = BoxStream<'static, Result<ReadResp, Status>>;

/// Characters of a reason that are kept with a parked event.
const REASON_MAX: usize = 4_096;
const NO_OPTIONS: Refusal = Refusal::Invalid("the options are missing");
const NO_STREAM: Refusal = Refusal::Invalid("neither a stream nor all");

fn admin(caller: &Caller) -> Result<(), Refusal> {
    if access::is_admin(caller) { Ok(()) } else { Err(Refusal::AccessDenied) }
}

/// The stream that a request names, which is not `$all`: that has an option of its own.
fn stream_name(identifier: Option<&StreamIdentifier>, group: &str) -> Result<String, Status> {
    let name = request::stream(identifier)?.as_str().to_owned();
    if name == ALL {
        let reason = "Persistent subscriptions to $all are made with the option for all streams";
        return Err(Refusal::failed(&name, group, reason).into());
    }
    Ok(name)
}

/// Serves `Create` and `Update`.
pub(in crate::kurrentdb) async fn change(
    front: Arc<Front>,
    caller: Caller,
    message: CreateReq,
    is_new: bool,
) -> Result<Response<Empty>, Status> {
    admin(&caller)?;
    let entry = entry(message)?;
    let change = if is_new { Change::Create } else { Change::Update };
    front.persistent.change(entry, change, caller.name().to_owned()).await?;
    Ok(Response::new(Empty {}))
}

/// A group as a request describes it.
fn entry(message: CreateReq) -> Result<Entry, Status> {
    let options = message.options.ok_or(NO_OPTIONS)?;
    let settings = options.settings.ok_or(Refusal::Invalid("the settings are missing"))?;
    let group = options.group_name;
    let (stream, start, filter) = match options.stream_option {
        Some(StreamOption::Stream(stream)) => {
            let name = stream_name(stream.stream_identifier.as_ref(), &group)?;
            let start = match stream.revision_option {
                Some(RevisionOption::Revision(u64::MAX) | RevisionOption::End(_)) => -1,
                Some(RevisionOption::Revision(revision)) => place(revision),
                Some(RevisionOption::Start(_)) => 0,
                None => return Err(Refusal::Invalid("where to start is missing").into()),
            };
            (name, start, None)
        }
        Some(StreamOption::All(all)) => {
            let start = match all.all_option {
                Some(AllOption::End(_)) => -1,
                Some(AllOption::Start(_)) => 0,
                Some(AllOption::Position(at)) => all_place(&group, at)?,
                None => return Err(Refusal::Invalid("where to start is missing").into()),
            };
            let filter = match all.filter_option {
                Some(FilterOption::Filter(filter)) => Some(
                    FilterEntry::of(&filter)
                        .ok_or(Refusal::Invalid("the filter names neither stream nor type"))?,
                ),
                _ => None,
            };
            (ALL.to_owned(), start, filter)
        }
        None => {
            let name = stream_name(options.stream_identifier.as_ref(), &group)?;
            let start = if settings.revision == u64::MAX { -1 } else { place(settings.revision) };
            (name, start, None)
        }
    };
    if group.is_empty() {
        return Err(Refusal::failed(&stream, &group, "Bad group name.").into());
    }
    Ok(of_settings(&settings, stream, group, start, filter))
}

fn of_settings(
    settings: &Settings,
    stream: String,
    group: String,
    start: i64,
    filter: Option<FilterEntry>,
) -> Entry {
    let ticks = |ticks: i64| i32::try_from(ticks / 10_000).unwrap_or(i32::MAX);
    Entry {
        start_position: Some(place_text(&stream, start)),
        start_from: if stream == ALL { i64::MIN } else { start },
        stream,
        group,
        filter,
        resolve_link_tos: settings.resolve_links,
        extra_statistics: settings.extra_statistics,
        message_timeout: match settings.message_timeout {
            Some(MessageTimeout::Ms(ms)) => ms,
            Some(MessageTimeout::Ticks(span)) => ticks(span),
            None => 0,
        },
        live_buffer_size: settings.live_buffer_size,
        history_buffer_size: settings.history_buffer_size,
        max_retry_count: settings.max_retry_count,
        read_batch_size: settings.read_batch_size,
        check_point_after: match settings.checkpoint_after {
            Some(CheckpointAfter::Ms(ms)) => ms,
            Some(CheckpointAfter::Ticks(span)) => ticks(span),
            None => 0,
        },
        min_check_point_count: settings.min_checkpoint_count,
        max_check_point_count: settings.max_checkpoint_count,
        max_subscriber_count: settings.max_subscriber_count,
        named_consumer_strategy: match (
            settings.consumer_strategy.as_str(),
            settings.named_consumer_strategy,
        ) {
            ("", 0) => "DispatchToSingle".to_owned(),
            ("", 1) => "RoundRobin".to_owned(),
            ("", 2) => "Pinned".to_owned(),
            ("", other) => other.to_string(),
            (name, _) => name.to_owned(),
        },
        ..Entry::default()
    }
}

fn place(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A position among all events; the end where both halves are all ones.
fn all_place(
    group: &str,
    at: crate::kurrentdb::messages::AllStreamPosition,
) -> Result<i64, Refusal> {
    if at.commit_position == u64::MAX {
        return Ok(-1);
    }
    if at.prepare_position > at.commit_position {
        let reason = "Invalid Start From position: prepare position must be less than or equal to the commit position.";
        return Err(Refusal::failed(ALL, group, reason));
    }
    Ok(place(at.commit_position))
}

/// Serves `Delete`.
pub(in crate::kurrentdb) async fn delete(
    front: Arc<Front>,
    caller: Caller,
    message: DeleteReq,
) -> Result<Response<Empty>, Status> {
    use messages::delete_req::StreamOption;

    admin(&caller)?;
    let options = message.options.ok_or(NO_OPTIONS)?;
    let group = options.group_name;
    let stream = match &options.stream_option {
        Some(StreamOption::StreamIdentifier(stream)) => stream_name(Some(stream), &group)?,
        Some(StreamOption::All(_)) => ALL.to_owned(),
        None => return Err(NO_STREAM.into()),
    };
    front.persistent.delete(stream, group, caller.name().to_owned()).await?;
    Ok(Response::new(Empty {}))
}

/// Serves `GetInfo`.
pub(in crate::kurrentdb) async fn get_info(
    front: Arc<Front>,
    _caller: Caller,
    message: GetInfoReq,
) -> Result<Response<GetInfoResp>, Status> {
    use messages::get_info_req::StreamOption;

    let options = message.options.ok_or(NO_OPTIONS)?;
    let group = options.group_name;
    let stream = match &options.stream_option {
        Some(StreamOption::StreamIdentifier(stream)) => stream_name(Some(stream), &group)?,
        Some(StreamOption::All(_)) => ALL.to_owned(),
        None => return Err(NO_STREAM.into()),
    };
    let (entry, told) = front.persistent.info(&stream, &group).await?;
    let subscription_info = Some(subscription_info(&entry, &told));
    Ok(Response::new(GetInfoResp { subscription_info }))
}

/// Serves `List`.
pub(in crate::kurrentdb) async fn list(
    front: Arc<Front>,
    _caller: Caller,
    message: ListReq,
) -> Result<Response<ListResp>, Status> {
    use list_req::{ListOption, StreamOption};

    let options = message.options.ok_or(NO_OPTIONS)?;
    let stream = match options.list_option {
        Some(ListOption::AllSubscriptions(_)) => None,
        Some(ListOption::ForStream(of)) => match &of.stream_option {
            Some(StreamOption::Stream(stream)) => {
                Some(request::stream(Some(stream))?.as_str().to_owned())
            }
            Some(StreamOption::All(_)) => Some(ALL.to_owned()),
            None => return Err(NO_STREAM.into()),
        },
        None => return Err(Refusal::Invalid("neither all subscriptions nor a stream").into()),
    };
    let told = front.persistent.list(stream.as_deref()).await?;
    let subscriptions = told.iter().map(|(entry, told)| subscription_info(entry, told)).collect();
    Ok(Response::new(ListResp { subscriptions }))
}

/// Serves `ReplayParked`.
pub(in crate::kurrentdb) async fn replay_parked(
    front: Arc<Front>,
    caller: Caller,
    message: ReplayParkedReq,
) -> Result<Response<Empty>, Status> {
    use replay_parked_req::{StopAtOption, StreamOption};

    admin(&caller)?;
    let options = message.options.ok_or(NO_OPTIONS)?;
    let group = options.group_name;
    let stream = match &options.stream_option {
        Some(StreamOption::StreamIdentifier(stream)) => stream_name(Some(stream), &group)?,
        Some(StreamOption::All(_)) => ALL.to_owned(),
        None => return Err(NO_STREAM.into()),
    };
    let stop_at = match options.stop_at_option {
        Some(StopAtOption::StopAt(stop)) => Some(u64::try_from(stop).map_err(|_| {
            let reason = "Cannot stop replaying parked message at a negative version.";
            Refusal::failed(&stream, &group, reason)
        })?),
        Some(StopAtOption::NoLimit(_)) | None => None,
    };
    front.persistent.replay_parked(&stream, &group, stop_at).await?;
    Ok(Response::new(Empty {}))
}

/// Serves `RestartSubsystem`.
pub(in crate::kurrentdb) async fn restart(
    front: Arc<Front>,
    caller: Caller,
    _message: Empty,
) -> Result<Response<Empty>, Status> {
    admin(&caller)?;
    front.persistent.restart().await?;
    Ok(Response::new(Empty {}))
}

/// Serves `Read`: a consumer for as long as it stays.
pub(in crate::kurrentdb) async fn read(
    front: Arc<Front>,
    caller: Caller,
    request: Request<Streaming<ReadReq>>,
) -> Result<Response<Answers>, Status> {
    let connection = request.metadata().get("connection-name");
    let connection = connection.and_then(|name| name.to_str().ok()).unwrap_or("<unknown>");
    let connection_name = connection.to_owned();
    let mut requests = request.into_inner();
    let first = requests.message().await?.and_then(|message| message.content);
    let Some(read_req::Content::Options(options)) = first else {
        return Err(Refusal::Invalid("the first message has the options").into());
    };
    let group = options.group_name;
    let stream = match &options.stream_option {
        Some(read_req::StreamOption::StreamIdentifier(stream)) => {
            stream_name(Some(stream), &group)?
        }
        Some(read_req::StreamOption::All(_)) => ALL.to_owned(),
        None => return Err(NO_STREAM.into()),
    };
    let capacity = usize::try_from(options.buffer_size).unwrap_or(0);
    if capacity == 0 {
        return Err(Refusal::Invalid("the buffer size must be at least 1").into());
    }
    let about = About { capacity, username: caller.name().to_owned(), connection_name };
    let seat = front.persistent.connect(&stream, &group, about).await?;
    let (gone, is_gone) = oneshot::channel();
    let is_mute = Arc::new(AtomicBool::new(false));
    tokio::spawn(listen(requests, seat.id, seat.commands, is_mute.clone(), is_gone));
    let confirmation = SubscriptionConfirmation { subscription_id: key(&stream, &group) };
    let answers = Consumer {
        first: Some(read_resp::Content::Confirmation(confirmation)),
        deliveries: seat.deliveries,
        closing: Box::pin(wait(front.closing.clone())),
        form: UuidForm::of(options.uuid_option.as_ref()),
        end: Some(Refusal::Dropped { stream, group }),
        is_mute,
        _gone: gone,
    };
    Ok(Response::new(Box::pin(answers)))
}

/// Passes on what a consumer answers, until it is gone.
async fn listen(
    mut requests: Streaming<ReadReq>,
    consumer: ConsumerId,
    commands: mpsc::Sender<Command>,
    is_mute: Arc<AtomicBool>,
    mut is_gone: oneshot::Receiver<()>,
) {
    loop {
        let message = tokio::select! {
            message = requests.message() => message,
            _ = &mut is_gone => break,
        };
        // A consumer that can answer no more gives back what it has.
        let Ok(Some(message)) = message else { break };
        let ids = |ids: &[crate::kurrentdb::messages::Uuid]| {
            ids.iter().filter_map(codec::uuid_from_wire).collect()
        };
        let command = match message.content {
            Some(read_req::Content::Ack(ack)) => Command::Ack { consumer, ids: ids(&ack.ids) },
            Some(read_req::Content::Nack(nack)) => Command::Nack {
                consumer,
                ids: ids(&nack.ids),
                action: action(nack.action),
                reason: nack.reason.chars().take(REASON_MAX).collect(),
            },
            Some(read_req::Content::Options(_)) | None => continue,
        };
        if commands.send(command).await.is_err() {
            return;
        }
    }
    is_mute.store(true, Ordering::Release);
    // A group that has ended knows no consumers.
    drop(commands.send(Command::Disconnect(consumer)).await);
}

/// What a consumer wants; what is not known is no answer to count on.
fn action(number: i32) -> Nack {
    match number {
        1 => Nack::Park,
        2 => Nack::Retry,
        3 => Nack::Skip,
        4 => Nack::Stop,
        _ => Nack::Unknown,
    }
}

/// What one consumer gets.
struct Consumer {
    first: Option<read_resp::Content>,
    deliveries: mpsc::Receiver<(Arc<Given>, u32)>,
    closing: Pin<Box<dyn Future<Output = ()> + Send>>,
    form: UuidForm,
    /// Why it ends, unless the server stops; nothing once it has.
    end: Option<Refusal>,
    /// It answers no more. Clients then take their leave themselves, and take an end that comes
    /// before that for a failure.
    is_mute: Arc<AtomicBool>,
    /// Dropped with it.
    _gone: oneshot::Sender<()>,
}

impl Stream for Consumer {
    type Item = Result<ReadResp, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(ReadResp { content: Some(first) })));
        }
        if self.end.is_none() {
            return Poll::Ready(None);
        }
        if self.closing.as_mut().poll(context).is_ready() {
            self.end = None;
            return Poll::Ready(Some(Err(status::closing())));
        }
        let delivery = std::task::ready!(self.deliveries.poll_recv(context));
        Poll::Ready(match delivery {
            Some((given, retries)) => Some(Ok(response(&given, retries, self.form))),
            None if self.is_mute.load(Ordering::Acquire) => return Poll::Pending,
            None => self.end.take().map(|end| Err(end.into())),
        })
    }
}

fn response(given: &Given, retries: u32, form: UuidForm) -> ReadResp {
    let original = given.link.as_ref().unwrap_or(&given.event);
    let event = read_resp::ReadEvent {
        event: Some(codec::recorded_to_wire(&given.event, form)),
        link: given.link.as_ref().map(|link| codec::recorded_to_wire(link, form)),
        position: Some(read_resp::Position::CommitPosition(original.position)),
        count: Some(read_resp::Count::RetryCount(i32::try_from(retries).unwrap_or(i32::MAX))),
    };
    ReadResp { content: Some(read_resp::Content::Event(event)) }
}
