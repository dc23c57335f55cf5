//! The server: connections, who is calling, which method.
//!
//! In: a listener, a log, who may do what. Out: answers as KurrentDB gives them. Invariants: no
//! request waits for another one's disk; a reader that does not read costs at most a page of
//! events; when the server stops, every subscription ends with an error that says so.
//! Deliberately absent: the meaning of a request, which is in the module of its method.

mod about;
pub(in crate::kurrentdb) mod access;
mod append;
mod batch;
mod delete;
mod follow;
pub(in crate::kurrentdb) mod pulse;
mod read;
pub(in crate::kurrentdb) mod request;
pub(in crate::kurrentdb) mod status;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::server::Grpc;
use tonic::{Request, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;
use uuid::Uuid;

use self::pulse::Pulse;
use crate::access::{Access, Caller};
use crate::base::Clock;
use crate::event_log::EventLog;
use crate::kurrentdb::intake::Intake;
use crate::kurrentdb::messages::Empty;
use crate::kurrentdb::persistent::Subsystem;
use crate::kurrentdb::persistent::service as groups;
use crate::tls::{Tls, accept};

/// The most bytes one append may have, as KurrentDB has it. Units: bytes.
pub const APPEND_MAX: usize = 1 << 20;
/// The most bytes one message may have: an append of the log and what surrounds it.
const MESSAGE_MAX: usize = 17 << 20;
/// Connections at once; more wait.
const CONNECTIONS_MAX: usize = 1_024;
/// How long requests may take to their end when the server stops.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// How often a connection is asked whether its other side is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Requests at once on one connection; each subscription is one.
const REQUESTS_MAX: u32 = 1_024;
/// Bytes a client may send ahead, on one request and on one connection.
const WINDOW: u32 = 4 << 20;

/// How a log is served.
#[derive(Debug)]
pub struct ServeOptions {
    /// Who may do what.
    pub access: Access,
    /// Certificate and key; nothing for plain text.
    pub tls: Option<Tls>,
    /// The most bytes one append may have. Units: bytes.
    pub append_bytes_max: usize,
    /// Who takes leads in: a platform that runs. Without one, an inbox takes nothing.
    pub intake: Option<Arc<dyn Intake>>,
}

/// The server could not be kept up.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener's address is not known.
    #[error("serve the log: read the address that is listened on")]
    Address(#[source] std::io::Error),
    /// The transport failed.
    #[error("serve the log")]
    Transport(#[source] tonic::transport::Error),
}

/// What every method works with.
pub(in crate::kurrentdb) struct Front {
    pub(in crate::kurrentdb) log: Arc<dyn EventLog>,
    pub(in crate::kurrentdb) clock: Arc<dyn Clock>,
    pub(in crate::kurrentdb) append_bytes_max: usize,
    pub(in crate::kurrentdb) pulse: Arc<Pulse>,
    pub(in crate::kurrentdb) persistent: Subsystem,
    /// True once the server stops.
    pub(in crate::kurrentdb) closing: watch::Receiver<bool>,
    intake: Option<Arc<dyn Intake>>,
    access: Access,
    address: SocketAddr,
    instance: Uuid,
}

/// Serves a log until `shutdown` comes, then ends subscriptions, lets appends finish and returns.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(
    log: Arc<dyn EventLog>,
    listener: TcpListener,
    clock: Arc<dyn Clock>,
    options: ServeOptions,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let address = listener.local_addr().map_err(ServeError::Address)?;
    let (close, closing) = watch::channel(false);
    let pulse = Arc::new(Pulse::new(log.clone()));
    let persistent = Subsystem::start(log.clone(), clock.clone(), pulse.clone()).await;
    let front = Arc::new(Front {
        pulse,
        persistent: persistent.clone(),
        log,
        instance: instance(address, &*clock),
        clock,
        append_bytes_max: options.append_bytes_max,
        intake: options.intake,
        closing: closing.clone(),
        access: options.access,
        address,
    });
    let connections = accept(listener, options.tls, CONNECTIONS_MAX, closing.clone());
    let incoming = ReceiverStream::new(connections).map(Ok::<_, std::io::Error>);
    let server = tonic::transport::Server::builder()
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(4 * WINDOW)
        .max_concurrent_streams(REQUESTS_MAX)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE));
    let stopped = wait(closing.clone());
    let serving = server.serve_with_incoming_shutdown(Service(front), incoming, stopped);
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        ended = &mut serving => return ended.map_err(ServeError::Transport),
        () = shutdown => {}
    }
    close.send_replace(true);
    persistent.stop().await;
    match tokio::time::timeout(STOP_WITHIN, serving).await {
        Ok(ended) => ended.map_err(ServeError::Transport),
        // A client that holds on to its connection does not hold up the stop.
        Err(_) => Ok(()),
    }
}

/// Comes back when the server stops.
pub(in crate::kurrentdb) async fn wait(mut closing: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    drop(closing.wait_for(|closing| *closing).await);
}

/// An id for this run of the server, which says nothing of the log.
fn instance(address: SocketAddr, clock: &dyn Clock) -> Uuid {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        let now = clock.now().as_micros().cast_unsigned();
        bytes = (u128::from(now) << 16 | u128::from(address.port())).to_be_bytes();
    }
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// One request goes in, one answer comes out.
#[derive(Clone)]
struct Service(Arc<Front>);

impl tower::Service<http::Request<Body>> for Service {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let front = self.0.clone();
        Box::pin(async move { Ok(route(front, request).await) })
    }
}

/// One RPC of one service: unary in `$form`, which is the method's name in tonic.
macro_rules! rpc {
    ($form:ident, $request:ident, $handle:expr) => {
        grpc().$form(service_fn($handle), $request).await
    };
}

fn grpc<Out, In>() -> Grpc<ProstCodec<Out, In>>
where
    Out: prost::Message + Send + 'static,
    In: prost::Message + Default + Send + 'static,
{
    Grpc::new(ProstCodec::default())
        .max_decoding_message_size(MESSAGE_MAX)
        .max_encoding_message_size(usize::MAX)
}

/// Finds out who is calling, and calls the method that the path names. What says nothing of the
/// log is for everybody: clients ask it before they say who they are.
async fn route(front: Arc<Front>, request: http::Request<Body>) -> http::Response<Body> {
    let path = request.uri().path().to_owned();
    let Some((service, method)) = path.trim_start_matches('/').split_once('/') else {
        return unimplemented(&path);
    };
    let service = service.strip_prefix("event_store.client.").unwrap_or_default();
    match (service, method) {
        ("server_features.ServerFeatures", "GetSupportedMethods") => {
            return rpc!(unary, request, move |_: Request<Empty>| async { Ok(about::features()) });
        }
        ("gossip.Gossip", "Read") => {
            let host = request.uri().authority().cloned();
            return rpc!(unary, request, move |_: Request<Empty>| {
                let answer = about::gossip(&front, host.as_ref());
                async { Ok(answer) }
            });
        }
        _ => {}
    }
    let caller = match access::caller(&front.access, request.headers()) {
        Ok(caller) => caller,
        Err(refusal) => return refusal.into_http(),
    };
    match service {
        "streams.Streams" => streams(front, caller, method, request).await,
        "persistent_subscriptions.PersistentSubscriptions" => {
            persistent(front, caller, method, request).await
        }
        _ => unimplemented(&path),
    }
}

async fn streams(
    front: Arc<Front>,
    caller: Caller,
    method: &str,
    request: http::Request<Body>,
) -> http::Response<Body> {
    match method {
        "Append" => rpc!(client_streaming, request, move |request: Request<_>| {
            append::append(front.clone(), caller.clone(), request.into_inner())
        }),
        "BatchAppend" => rpc!(streaming, request, move |request: Request<_>| {
            batch::batch_append(front.clone(), caller.clone(), request.into_inner())
        }),
        "Read" => rpc!(server_streaming, request, move |request: Request<_>| {
            read::read(front.clone(), caller.clone(), request.into_inner())
        }),
        "Delete" => rpc!(unary, request, move |request: Request<_>| {
            delete::delete(front.clone(), caller.clone(), request.into_inner())
        }),
        "Tombstone" => rpc!(unary, request, move |request: Request<_>| {
            delete::tombstone(front.clone(), caller.clone(), request.into_inner())
        }),
        other => unimplemented(other),
    }
}

async fn persistent(
    front: Arc<Front>,
    caller: Caller,
    method: &str,
    request: http::Request<Body>,
) -> http::Response<Body> {
    match method {
        "Create" => rpc!(unary, request, move |request: Request<_>| {
            groups::change(front.clone(), caller.clone(), request.into_inner(), true)
        }),
        "Update" => rpc!(unary, request, move |request: Request<_>| {
            groups::change(front.clone(), caller.clone(), request.into_inner(), false)
        }),
        "Delete" => rpc!(unary, request, move |request: Request<_>| {
            groups::delete(front.clone(), caller.clone(), request.into_inner())
        }),
        "Read" => rpc!(streaming, request, move |request: Request<_>| {
            groups::read(front.clone(), caller.clone(), request)
        }),
        "GetInfo" => rpc!(unary, request, move |request: Request<_>| {
            groups::get_info(front.clone(), caller.clone(), request.into_inner())
        }),
        "ReplayParked" => rpc!(unary, request, move |request: Request<_>| {
            groups::replay_parked(front.clone(), caller.clone(), request.into_inner())
        }),
        "List" => rpc!(unary, request, move |request: Request<_>| {
            groups::list(front.clone(), caller.clone(), request.into_inner())
        }),
        "RestartSubsystem" => rpc!(unary, request, move |request: Request<_>| {
            groups::restart(front.clone(), caller.clone(), request.into_inner())
        }),
        other => unimplemented(other),
    }
}

fn unimplemented(path: &str) -> http::Response<Body> {
    Status::unimplemented(format!("{path} is not implemented here")).into_http()
}

#[cfg(test)]
mod tests;
