//! A server of our own behind a relay, whose connections can be cut.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::{Request, Response, Status};
use tower::service_fn;

use crate::access::Access;
use crate::base::{Clock, EventId, Rng, Timestamp};
use crate::event::{Actor, ContentType, NewEvent, Recorded, StreamName};
use crate::event_log::spread::Spread;
use crate::event_log::{EmbeddedLog, EventLog, LogOptions};
use crate::kurrentdb::backend::{Address, ConnectError, KurrentLog, Options};
use crate::kurrentdb::codec::{self, UuidForm};
use crate::kurrentdb::messages::streams::read_req::CountOption;
use crate::kurrentdb::messages::streams::read_resp::{Content, SubscriptionConfirmation};
use crate::kurrentdb::messages::streams::{ReadReq, ReadResp};
use crate::kurrentdb::server::{APPEND_MAX, ServeOptions, serve};

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_795_251_600_123_456)
    }
}

pub(super) fn stream(name: &str) -> StreamName {
    StreamName::new(name).expect("a name")
}

/// An event that carries a number, in its id as well.
pub(super) fn event(number: u64) -> NewEvent {
    NewEvent {
        event_id: EventId(uuid::Uuid::from_u128(
            0x0198_0000_0000_7000_8000 << 48 | u128::from(number),
        )),
        event_type: "CallDreamt".to_owned(),
        schema_version: 3,
        occurred_at: Timestamp::from_micros(1_795_251_600_000_001),
        correlation_id: Some(uuid::Uuid::from_u128(7)),
        causation_id: None,
        actor: Actor::part("test"),
        data: format!("{{\"number\":{number}, \"z\":1.0,\"a\":\"é\"}}").into_bytes(),
        content_type: ContentType::Json,
        metadata: Vec::new(),
    }
}

/// The number in an event.
pub(super) fn number(event: &Recorded) -> u64 {
    let data: serde_json::Value = serde_json::from_slice(&event.data).expect("JSON");
    data["number"].as_u64().expect("a number")
}

pub(super) fn address(port: u16) -> Address {
    Address {
        connection: format!("esdb://127.0.0.1:{port}?tls=false&discoveryInterval=1"),
        credentials: None,
        server: format!("127.0.0.1:{port}"),
        files: Vec::new(),
    }
}

/// For servers that are not there.
pub(super) fn quick() -> Options {
    Options { open_within: Duration::from_secs(2), answer_within: Duration::from_secs(2) }
}

/// A port where nobody listens.
pub(super) async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Passes connections on to a server that comes and goes; the port stays.
struct Relay {
    port: u16,
    target: Arc<AtomicU32>,
    connections: Arc<Mutex<JoinSet<()>>>,
    _task: JoinSet<()>,
}

impl Relay {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let target = Arc::new(AtomicU32::new(0));
        let connections = Arc::new(Mutex::new(JoinSet::new()));
        let mut task = JoinSet::new();
        let (to, set) = (target.clone(), connections.clone());
        task.spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                // Nobody there: the connection is dropped at once.
                let Ok(port @ 1..) = u16::try_from(to.load(Ordering::SeqCst)) else { continue };
                set.lock().expect("unspoilt").spawn(async move {
                    let Ok(mut to) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                    drop(tokio::io::copy_bidirectional(&mut from, &mut to).await);
                });
            }
        });
        Self { port, target, connections, _task: task }
    }

    fn point_to(&self, port: u16) {
        self.target.store(port.into(), Ordering::SeqCst);
    }

    fn cut(&self) {
        self.connections.lock().expect("unspoilt").abort_all();
    }
}

struct Server {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// A log, its server, and the way there.
pub(super) struct Rig {
    folder: tempfile::TempDir,
    is_spread: bool,
    log: Arc<dyn EventLog>,
    server: Option<Server>,
    relay: Relay,
}

impl Rig {
    pub(super) async fn start() -> Self {
        Self::with(false).await
    }

    /// With positions far apart, as a true server has them.
    pub(super) async fn start_spread() -> Self {
        Self::with(true).await
    }

    async fn with(is_spread: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let relay = Relay::start().await;
        let log = open(&folder, is_spread);
        let mut rig = Self { folder, is_spread, log, server: None, relay };
        rig.serve().await;
        rig
    }

    async fn serve(&mut self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (stop, stopped) = oneshot::channel::<()>();
        let options = ServeOptions {
            access: Access::open(),
            tls: None,
            append_bytes_max: APPEND_MAX,
            intake: None,
        };
        let log = self.log.clone();
        let task = tokio::spawn(async move {
            let shutdown = async { drop(stopped.await) };
            serve(log, listener, Arc::new(Noon), options, shutdown).await.expect("served");
        });
        self.server = Some(Server { stop, task });
        self.relay.point_to(port);
    }

    /// The log behind the server.
    pub(super) fn embedded(&self) -> &dyn EventLog {
        &*self.log
    }

    pub(super) async fn log(&self) -> KurrentLog {
        self.log_with(Options::default()).await.expect("the server is there")
    }

    pub(super) async fn log_with(&self, options: Options) -> Result<KurrentLog, ConnectError> {
        KurrentLog::open(&address(self.relay.port), options, Rng::from_seed(1)).await
    }

    /// Every connection breaks, with whatever is on it.
    pub(super) fn cut(&self) {
        self.relay.cut();
    }

    /// Cuts every connection, then ends the server and closes its log.
    pub(super) async fn stop(&mut self) {
        self.relay.point_to(0);
        self.relay.cut();
        if let Some(server) = self.server.take() {
            let _ = server.stop.send(());
            server.task.await.expect("the server ends well");
        }
        self.log.close().await;
    }

    /// Serves the same files again.
    pub(super) async fn again(&mut self) {
        self.log = open(&self.folder, self.is_spread);
        self.serve().await;
    }

    pub(super) async fn restart(&mut self) {
        self.stop().await;
        self.again().await;
    }
}

fn open(folder: &tempfile::TempDir, is_spread: bool) -> Arc<dyn EventLog> {
    let log = EmbeddedLog::open(folder.path(), LogOptions::default(), Arc::new(Noon));
    let (log, _) = log.expect("a log");
    if is_spread { Arc::new(Spread(log)) } else { Arc::new(log) }
}

/// A server that ends its first subscription with OK, which none should do.
pub(super) struct Ended {
    pub(super) port: u16,
    subscriptions: Arc<AtomicU64>,
    _task: JoinSet<()>,
}

impl Ended {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let subscriptions = Arc::new(AtomicU64::new(0));
        let counted = subscriptions.clone();
        let service = service_fn(move |request: http::Request<Body>| {
            let counted = counted.clone();
            async move { Ok::<_, std::convert::Infallible>(answer(&counted, request).await) }
        });
        let incoming = TcpListenerStream::new(listener);
        let serving = tonic::transport::Server::builder().serve_with_incoming(service, incoming);
        let mut task = JoinSet::new();
        task.spawn(async move { drop(serving.await) });
        Self { port, subscriptions, _task: task }
    }

    pub(super) fn subscriptions(&self) -> u64 {
        self.subscriptions.load(Ordering::SeqCst)
    }
}

async fn answer(subscriptions: &AtomicU64, request: http::Request<Body>) -> http::Response<Body> {
    if !request.uri().path().ends_with("Streams/Read") {
        return Status::unimplemented("not here").into_http();
    }
    let codec = tonic_prost::ProstCodec::<ReadResp, ReadReq>::default();
    let read = service_fn(|request: Request<ReadReq>| {
        let options = request.into_inner().options.expect("options");
        let is_subscription = matches!(options.count_option, Some(CountOption::Subscription(_)));
        let number = if is_subscription { subscriptions.fetch_add(1, Ordering::SeqCst) } else { 0 };
        let confirmed = SubscriptionConfirmation { subscription_id: "s".to_owned() };
        let mut contents = Vec::new();
        if is_subscription {
            contents.push(Content::Confirmation(confirmed));
        }
        if number > 0 {
            let started = crate::event::PlatformStarted {
                node: "n".to_owned(),
                program_version: "0".to_owned(),
                torn_tail_bytes: 0,
                interrupted_attempts: 0,
            };
            let recorded = Recorded::example(7, &started.into(), Timestamp::EPOCH);
            contents.push(Content::Event(codec::read_event(&recorded, UuidForm::Text)));
        }
        let answers = contents.into_iter().map(|it| Ok(ReadResp { content: Some(it) }));
        let answers = tokio_stream::iter(answers.collect::<Vec<Result<_, Status>>>());
        async move { Ok::<_, Status>(Response::new(answers)) }
    });
    tonic::server::Grpc::new(codec).server_streaming(read, request).await
}
