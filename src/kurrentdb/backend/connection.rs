//! The connection to a server, made again whenever it is gone.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use eventstore::{Client, ClientSettings, Credentials, Error};
use tokio::sync::watch;
use tokio_rustls::rustls::crypto::CryptoProvider;

use super::Options;
use crate::base::Rng;
use crate::event_log::{AppendError, ReadError, SubscriptionError};

/// The first pause before another try. Units: ms.
const PAUSE_MS: u64 = 50;
/// The longest pause. Units: ms.
const PAUSE_MAX_MS: u64 = 1_600;
/// Characters of what a server says that are shown.
const SAID_MAX: usize = 200;

/// Set once a client of ours was made: the TLS provider of this process is the crate's then.
static HAS_CLIENT: AtomicBool = AtomicBool::new(false);

/// Where a log is kept.
#[derive(Clone)]
pub struct Address {
    /// As the crate reads it: `esdb://host:2113?tls=false`, without credentials.
    pub connection: String,
    /// User and password as they are, not as a URL has to write them.
    pub credentials: Option<(String, String)>,
    /// The server in errors and figures.
    pub server: String,
    /// Files that the connection names: the crate panics where one is missing.
    pub files: Vec<PathBuf>,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").field("server", &self.server).finish_non_exhaustive()
    }
}

/// A log on a server cannot be opened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConnectError {
    /// The connection's settings are wrong.
    #[error("open the log on {server}: {what}")]
    Settings {
        /// The server, without credentials.
        server: String,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// A file of the connection is missing.
    #[error("open the log on {server}: {path} cannot be read: {source}")]
    File {
        /// The server, without credentials.
        server: String,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::sync::Arc<std::io::Error>,
    },
    /// The server does not answer, or refuses.
    #[error(
        "open the log on {server}: it {what}; see whether it runs, and whether address, tls and credentials of `log` in the configuration are right"
    )]
    Unavailable {
        /// The server, without credentials.
        server: String,
        /// What it says.
        what: String,
    },
}

/// Why the server did not do what was asked.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It answered, and trying again would not help.
    Said(Error),
    /// It did not answer for as long as one waits; what was said last.
    Away(String),
}

/// The present client.
struct Slot {
    /// Which one it is: the failure of an earlier one does not end it.
    generation: u64,
    client: Option<Client>,
    rng: Rng,
    /// What went wrong last.
    trouble: String,
}

/// Whether subscriptions go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    Open,
    /// They end after this position.
    After(Option<u64>),
}

/// A server, and whatever client there is to it at the moment.
pub(super) struct Connection {
    settings: ClientSettings,
    credentials: Option<Credentials>,
    server: String,
    is_cluster: bool,
    patience: Duration,
    slot: Mutex<Slot>,
    head: watch::Sender<Option<u64>>,
    closing: watch::Sender<Closing>,
}

impl Connection {
    pub(super) fn new(address: &Address, options: Options, rng: Rng) -> Result<Self, ConnectError> {
        let server = address.server.clone();
        for path in &address.files {
            // eventstore 4.0.0 unwraps inside a task of its own, which ends silently.
            if let Err(source) = std::fs::File::open(path) {
                let (path, source) = (path.clone(), std::sync::Arc::new(source));
                return Err(ConnectError::File { server, path, source });
            }
        }
        // What the crate says may repeat the text; it has no credentials in it.
        let settings: ClientSettings =
            address.connection.parse().map_err(|error: eventstore::ClientSettingsParseError| {
                ConnectError::Settings { server: server.clone(), what: error.message().to_owned() }
            })?;
        let is_cluster = settings.hosts().len() > 1 || settings.is_dns_discovery_enabled();
        let credentials = address.credentials.clone();
        Ok(Self {
            settings,
            credentials: credentials.map(|(user, password)| Credentials::new(user, password)),
            server,
            is_cluster,
            patience: options.answer_within,
            slot: Mutex::new(Slot { generation: 0, client: None, rng, trouble: String::new() }),
            head: watch::Sender::new(None),
            closing: watch::Sender::new(Closing::Open),
        })
    }

    pub(super) fn server(&self) -> &str {
        &self.server
    }

    pub(super) const fn patience(&self) -> Duration {
        self.patience
    }

    /// Options with the credentials in them. They go here and not into the connection's text,
    /// because the crate does not decode what a URL has to encode (eventstore 4.0.0).
    pub(super) fn signed<O>(&self, options: O, sign: impl FnOnce(O, Credentials) -> O) -> O {
        match &self.credentials {
            Some(credentials) => sign(options, credentials.clone()),
            None => options,
        }
    }

    /// The present client, or a new one: after a failed connect the old one says nothing but
    /// `ConnectionClosed` for ever (eventstore 4.0.0).
    pub(super) fn client(&self) -> Result<(u64, Client), Error> {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &slot.client {
            return Ok((slot.generation, client.clone()));
        }
        // The crate insists on being the one who installs the process-wide provider, and panics
        // in a task of its own where somebody was before it (eventstore 4.0.0).
        if !HAS_CLIENT.load(Ordering::SeqCst) && CryptoProvider::get_default().is_some() {
            let what = "another part of this process has installed a TLS provider before";
            return Err(Error::InitializationError(what.to_owned()));
        }
        HAS_CLIENT.store(true, Ordering::SeqCst);
        let client = Client::new(self.settings.clone())?;
        slot.generation += 1;
        slot.client = Some(client.clone());
        Ok((slot.generation, client))
    }

    /// Notes a failure, and lets the client go where it will not recover: never after a failed
    /// connect, and in a cluster not after the loss of its node, which it would try for ever
    /// (eventstore 4.0.0).
    pub(super) fn failed(&self, generation: u64, error: &Error) {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.trouble = said(error);
        let is_dead = match error {
            Error::GrpcConnectionError(_) | Error::ConnectionClosed => true,
            Error::ServerError(_) => self.is_cluster,
            _ => false,
        };
        if is_dead && slot.generation == generation {
            slot.client = None;
        }
    }

    /// How long to wait before try number `attempt`: longer each time, and never quite the same.
    pub(super) fn pause(&self, attempt: u32) -> Duration {
        let longest = PAUSE_MS.saturating_mul(1 << attempt.min(10)).min(PAUSE_MAX_MS);
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        Duration::from_millis(slot.rng.between(longest / 2, longest))
    }

    /// Asks until there is an answer, for as long as one waits. Only what may be asked twice.
    pub(super) async fn ask<T, F, A>(&self, mut question: F) -> Result<T, Refusal>
    where
        F: FnMut(Client) -> A,
        A: Future<Output = Result<T, Error>>,
    {
        let asking = async {
            let mut attempt = 0;
            loop {
                let (generation, client) = self.client().map_err(Refusal::Said)?;
                let error = match question(client).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => error,
                };
                self.failed(generation, &error);
                if !is_passing(&error) {
                    return Err(Refusal::Said(error));
                }
                tracing::debug!(server = self.server, attempt, "asked in vain");
                tokio::time::sleep(self.pause(attempt)).await;
                attempt += 1;
            }
        };
        let asking = pin!(asking);
        tokio::time::timeout(self.patience, asking).await.unwrap_or_else(|_| Err(self.away()))
    }

    /// That the server was waited for in vain.
    pub(super) fn away(&self) -> Refusal {
        let slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        Refusal::Away(slot.trouble.clone())
    }

    /// The last position known.
    pub(super) fn head(&self) -> Option<u64> {
        *self.head.borrow()
    }

    /// Takes note of a position.
    pub(super) fn saw(&self, position: Option<u64>) {
        self.head.send_if_modified(|head| {
            let is_news = *head < position;
            if is_news {
                *head = position;
            }
            is_news
        });
    }

    /// Ends the subscriptions once they have given what is known here.
    pub(super) fn close(&self) {
        self.closing.send_replace(Closing::After(self.head()));
    }

    pub(super) fn closing(&self) -> watch::Receiver<Closing> {
        self.closing.subscribe()
    }

    pub(super) fn cannot_open(&self, refusal: &Refusal) -> ConnectError {
        let (server, what) = (self.server.clone(), refusal.to_string());
        ConnectError::Unavailable { server, what }
    }

    pub(super) fn unwritten(&self, refusal: &Refusal) -> AppendError {
        let (server, what) = (self.server.clone(), refusal.to_string());
        AppendError::Unavailable { server, what }
    }

    pub(super) fn unreadable(&self, refusal: &Refusal) -> ReadError {
        let (server, what) = (self.server.clone(), refusal.to_string());
        ReadError::Unavailable { server, what }
    }

    pub(super) fn unfollowable(&self, refusal: &Refusal) -> SubscriptionError {
        let (server, what) = (self.server.clone(), refusal.to_string());
        SubscriptionError::Unavailable { server, what }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said(error @ Error::InitializationError(_)) => {
                write!(f, "was not asked ({})", said(error))
            }
            Self::Said(error) => write!(f, "refuses ({})", said(error)),
            Self::Away(last) if last.is_empty() => f.write_str("does not answer"),
            Self::Away(last) => write!(f, "does not answer ({last})"),
        }
    }
}

/// Whether trying again may help.
pub(super) fn is_passing(error: &Error) -> bool {
    match error {
        Error::ServerError(_)
        | Error::NotLeaderException(_)
        | Error::ConnectionClosed
        | Error::GrpcConnectionError(_)
        | Error::DeadlineExceeded => true,
        // Cancelled 1, resource exhausted 8, aborted 10.
        Error::Grpc { code, .. } => matches!(*code as i32, 1 | 8 | 10),
        _ => false,
    }
}

/// What the crate says, in one line and not too long. Requests, and so credentials, are not in it.
fn said(error: &Error) -> String {
    let text = match error {
        Error::ServerError(status) => status.clone(),
        Error::Grpc { message, .. } if !message.is_empty() => message.clone(),
        Error::GrpcConnectionError(inner) => inner.to_string(),
        other => other.to_string(),
    };
    // Of a gRPC status, what it says: headers are listed after it.
    let text = match text.split_once("message: \"") {
        Some((_, message)) => message.split("\", details:").next().unwrap_or_default(),
        None => text.as_str(),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SAID_MAX).collect()
}
