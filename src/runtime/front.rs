//! The log for clients of KurrentDB, while the platform works on it.
//!
//! In: how it is to be served. Out: a port that is listened on from the start, and answers on it
//! as long as the platform works. Invariants: whatever is wrong with port, certificate or users
//! is said before the log is opened; clients are let go before the log is closed. Deliberately
//! absent: the protocol, which is in `kurrentdb`.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::config::{Breach, KurrentdbConfig, Names};
use super::intake::Inbox;
use super::wire::ListenError;
use crate::access::{Access, AccessError};
use crate::base::Clock;
use crate::event_log::EventLog;
use crate::kurrentdb::server::{self, ServeError, ServeOptions};
use crate::tls::{Tls, TlsError};

/// The variable of the environment that users come from where there is no file: lines
/// `name:role:password`.
pub const USERS: &str = "LEDGERLINE_LOG_USERS";

/// The log cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum FrontError {
    /// It would not be safe.
    #[error("serve the log: {}", breach.message(names))]
    Unsafe {
        /// What.
        breach: Breach,
        /// In whose words.
        names: Names,
    },
    /// Nobody could sign in.
    #[error(
        "serve the log: there are no users; give {}, or {USERS} with lines of name:role:password",
        .0.user_file
    )]
    Nobody(Names),
    /// Certificate or key cannot be used.
    #[error("serve the log: {0}")]
    Tls(#[from] TlsError),
    /// The file of users cannot be used.
    #[error("serve the log: {0}")]
    Users(AccessError),
    /// The users in the environment cannot be used.
    #[error("serve the log: {USERS}: {0}")]
    Variable(AccessError),
    /// The port cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

/// Certificate and users, read; nothing is listened on yet. `users` are those of the environment.
///
/// # Errors
/// See [`FrontError`], in the words of `names`.
pub fn serve_options(
    config: &KurrentdbConfig,
    users: Option<&str>,
    is_anywhere: bool,
    names: Names,
) -> Result<ServeOptions, FrontError> {
    if let Some(breach) = config.breach(is_anywhere) {
        return Err(FrontError::Unsafe { breach, names });
    }
    let tls = match (&config.tls_cert, &config.tls_key) {
        (Some(certificate), Some(key)) => Some(Tls::read(certificate, key, &[b"h2"])?),
        _ => None,
    };
    let access = match (&config.user_file, users) {
        (Some(file), _) => Access::read(file).map_err(FrontError::Users)?,
        (None, Some(lines)) => Access::parse(lines).map_err(FrontError::Variable)?,
        (None, None) if config.insecure => Access::open(),
        (None, None) => return Err(FrontError::Nobody(names)),
    };
    Ok(ServeOptions { access, tls, append_bytes_max: config.max_append_bytes, intake: None })
}

/// A port with clients to come.
pub struct Front {
    listener: TcpListener,
    options: ServeOptions,
    address: SocketAddr,
}

/// Clients are served until this is stopped or dropped.
pub(super) struct Serving {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Front {
    /// Reads what it needs and takes the port; clients wait until it is served.
    ///
    /// # Errors
    /// See [`FrontError`].
    pub async fn open(
        config: &KurrentdbConfig,
        users: Option<&str>,
        is_anywhere: bool,
        names: Names,
    ) -> Result<Self, FrontError> {
        let options = serve_options(config, users, is_anywhere, names)?;
        let address = config.listen;
        let failed = |source| ListenError { protocol: "KurrentDB tcp", address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, options, address })
    }

    /// How clients connect.
    pub fn connection(&self) -> String {
        format!("kurrentdb://{}?tls={}", self.address, self.options.tls.is_some())
    }

    /// Serves a log until `stop`.
    ///
    /// # Errors
    /// See [`ServeError`].
    pub async fn serve(
        self,
        log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), ServeError> {
        server::serve(log, self.listener, clock, self.options, stop).await
    }

    /// Serves the log of a platform that runs, beside what else is done, and offers it leads.
    pub(super) fn start(
        mut self,
        log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
        inbox: Inbox,
    ) -> Serving {
        self.options.intake = Some(Arc::new(inbox));
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let served = self.serve(log, clock, async move {
                // A dropped sender means stop as well.
                let _ = stopped.await;
            });
            let ended = served.await;
            if let Err(error) = &ended {
                tracing::error!(%error, "clients of KurrentDB are not served any more");
            }
            ended
        });
        Serving { stop, task }
    }
}

impl Serving {
    /// Lets clients go and waits until they are gone. What failed was said when it did.
    pub(super) async fn stop(self) {
        let _ = self.stop.send(());
        drop(self.task.await);
    }
}
