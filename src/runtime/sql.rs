//! Servers of SQL, while the platform runs.
//!
//! In: how they are to be served, and where sessions come from. Out: ports that are listened on
//! from the start, and answers on them. Invariant: whatever is wrong with ports, certificate or
//! users is said before the log is opened. Deliberately absent: the protocols, which are in
//! `query`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::clock::SystemClock;
use super::config::{Breach, Names, SqlConfig};
use super::wire::ListenError;
use crate::access::{Access, AccessError};
use crate::query::Sessions;
use crate::query::flight;
use crate::query::postgres::{self, Door};
use crate::tls::{Tls, TlsError};

/// The variable of the environment that users come from where there is no file: lines
/// `name:role:password`.
pub const USERS: &str = "LEDGERLINE_SQL_USERS";

/// SQL cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SqlFrontError {
    /// It would not be safe.
    #[error("serve SQL: {}", .0.message(&Names::KEYS))]
    Unsafe(Breach),
    /// Nobody could sign in.
    #[error(
        "serve SQL: there are no users; give {}, or {USERS} with lines of name:role:password",
        Names::KEYS.user_file
    )]
    Nobody,
    /// Certificate or key cannot be used.
    #[error("serve SQL: {0}")]
    Tls(#[from] TlsError),
    /// The file of users cannot be used.
    #[error("serve SQL: {0}")]
    Users(AccessError),
    /// The users in the environment cannot be used.
    #[error("serve SQL: {USERS}: {0}")]
    Variable(AccessError),
    /// A port cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

/// Ports with clients to come.
pub struct SqlFront {
    postgres: Option<Door>,
    flight: Option<Door>,
}

/// Clients are served until this is stopped or dropped.
pub struct SqlServing {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl SqlFront {
    /// Reads what is needed and takes the ports; clients wait until they are served. `users` are
    /// those of the environment.
    ///
    /// # Errors
    /// See [`SqlFrontError`].
    pub async fn open(config: &SqlConfig, users: Option<&str>) -> Result<Self, SqlFrontError> {
        if let Some(breach) = config.breach() {
            return Err(SqlFrontError::Unsafe(breach));
        }
        if !config.has_servers() {
            return Ok(Self { postgres: None, flight: None });
        }
        let access = Arc::new(access(config, users)?);
        let door = async |protocol, address: Option<SocketAddr>, alpn: &[&[u8]]| {
            let Some(address) = address else { return Ok(None) };
            let tls = tls(config, alpn)?;
            let failed = |source| ListenError { protocol, address, source };
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            let address = listener.local_addr().map_err(failed)?;
            let (access, connections) = (access.clone(), config.connections);
            let timeout = Duration::from_millis(config.statement_timeout_ms.0);
            let door = Door { listener, address, tls, access, connections, timeout };
            Ok::<_, SqlFrontError>(Some(door))
        };
        Ok(Self {
            postgres: door("Postgres tcp", config.postgres, &[b"postgresql"]).await?,
            flight: door("Flight SQL tcp", config.flight, &[b"h2"]).await?,
        })
    }

    /// How clients connect to the Postgres protocol.
    pub fn postgres(&self) -> Option<String> {
        let door = self.postgres.as_ref()?;
        let mode = if door.tls.is_some() { "verify-full" } else { "disable" };
        Some(format!("postgresql://{}/ledgerline?sslmode={mode}", door.address))
    }

    /// How clients connect to Arrow Flight SQL.
    pub fn flight(&self) -> Option<String> {
        let door = self.flight.as_ref()?;
        let scheme = if door.tls.is_some() { "grpc+tls" } else { "grpc" };
        Some(format!("{scheme}://{}", door.address))
    }

    /// Answers on every port.
    pub fn start(self, sessions: &Sessions) -> SqlServing {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = Vec::new();
        if let Some(door) = self.postgres {
            tasks.push(tokio::spawn(postgres::serve(door, sessions.clone(), stopped.clone())));
        }
        if let Some(door) = self.flight {
            let served =
                flight::serve(door, sessions.clone(), Arc::new(SystemClock::new()), stopped);
            tasks.push(tokio::spawn(async move {
                if let Err(error) = served.await {
                    tracing::error!(%error, "Flight SQL is not served any more");
                }
            }));
        }
        SqlServing { stop, tasks }
    }
}

impl SqlServing {
    /// Lets clients go and waits until they are gone.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            drop(task.await);
        }
    }
}

fn access(config: &SqlConfig, users: Option<&str>) -> Result<Access, SqlFrontError> {
    match (&config.user_file, users) {
        (Some(file), _) => Access::read(file).map_err(SqlFrontError::Users),
        (None, Some(lines)) => Access::parse(lines).map_err(SqlFrontError::Variable),
        (None, None) if config.insecure => Ok(Access::open()),
        (None, None) => Err(SqlFrontError::Nobody),
    }
}

fn tls(config: &SqlConfig, alpn: &[&[u8]]) -> Result<Option<Tls>, SqlFrontError> {
    match (&config.tls_cert, &config.tls_key) {
        (Some(certificate), Some(key)) => Ok(Some(Tls::read(certificate, key, alpn)?)),
        _ => Ok(None),
    }
}
