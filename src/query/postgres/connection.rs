//! One client, from its first byte to its last.
//!
//! In: a connection. Out: answers, one message after the other. Invariants: a question ends when
//! its client goes away, cancels it, or takes too long to read it; an error in the extended
//! protocol skips everything up to the next sync; a client keeps no more than [`KEPT`] statements
//! and as many portals.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pgwire::messages::PgWireBackendMessage as Backend;
use pgwire::messages::response::{CommandComplete, ReadyForQuery, TransactionStatus};
use pgwire::messages::startup::{
    Authentication, BackendKeyData, NegotiateProtocolVersion, ParameterStatus, SecretKey,
};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::Server;
use super::cancel::Cancel;
use super::command::Command;
use super::extended::{Portal, Prepared};
use super::fault::{Failed, Fault};
use super::frontend::{First, Message};
use super::settings::{Changed, Settings, in_options};
use super::sign_in::sign_in;
use super::wire::{Watch, Wire};
use crate::access::Caller;

/// How long a client may take to say who it is.
const GREET_WITHIN: Duration = Duration::from_secs(15);
/// How much longer than its question a client may take to read the answer.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// Statements, and portals, that a client may keep.
pub(super) const KEPT: usize = 1_000;

/// One client that has signed in.
pub(super) struct Connection {
    pub(super) wire: Wire,
    pub(super) server: Arc<Server>,
    pub(super) caller: Caller,
    pub(super) settings: Settings,
    /// Settings to go back to when a transaction ends.
    before_local: Option<Settings>,
    pub(super) statements: BTreeMap<String, Prepared>,
    pub(super) portals: BTreeMap<String, Portal>,
    transaction: TransactionStatus,
    /// An error came, and no sync yet.
    is_skipping: bool,
    pub(super) cancel: Cancel,
    _seat: OwnedSemaphorePermit,
}

/// How a message ended.
enum Ended {
    Done(Result<(), Failed>),
    Gone,
    Cancelled,
    Stopped,
    Stuck,
}

/// Serves one client. Whatever goes wrong concerns nobody else.
pub(super) async fn serve(stream: TcpStream, server: Arc<Server>, stop: watch::Receiver<bool>) {
    // Small answers must not wait for the acknowledgement of the one before.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Ok((stream, watch)) = Watch::over(stream) else {
        tracing::warn!("a client of the Postgres protocol was let go: no descriptors");
        return;
    };
    let greeting = Box::pin(greet(stream, &server));
    let Ok(Some(mut connection)) = tokio::time::timeout(GREET_WITHIN, greeting).await else {
        return;
    };
    Box::pin(connection.run(&watch, stop)).await;
    // Who does not read is not waited for.
    drop(tokio::time::timeout(READ_WITHIN, connection.wire.close()).await);
}

/// Finds out what a client wants and who it is. Nothing where it is to be served no further.
async fn greet(stream: TcpStream, server: &Arc<Server>) -> Option<Connection> {
    let (mut wire, is_tls, first) = match Wire::greet(stream, server.tls.as_ref()).await {
        Ok(greeted) => greeted?,
        Err(error) => {
            tracing::debug!(%error, "a client of the Postgres protocol did not begin it");
            return None;
        }
    };
    let (minor, options) = match first {
        First::Cancel { pid, secret } => {
            server.cancels.ask(pid, &secret);
            wire.close().await;
            return None;
        }
        First::Startup { minor, options } => (minor, options),
        First::Tls | First::Gss => return None,
    };
    match start(&mut wire, is_tls, minor, &options, server).await {
        Ok((caller, settings, cancel, seat)) => Some(Connection {
            wire,
            server: server.clone(),
            caller,
            settings,
            before_local: None,
            statements: BTreeMap::new(),
            portals: BTreeMap::new(),
            transaction: TransactionStatus::Idle,
            is_skipping: false,
            cancel,
            _seat: seat,
        }),
        Err(Failed::Fault(fault)) => {
            if fault.code == "28P01" {
                tracing::info!("a client of the Postgres protocol gave no right password");
            }
            drop(wire.put(&Fault { is_fatal: true, ..fault }.message()));
            wire.close().await;
            None
        }
        Err(Failed::Wire(error)) => {
            tracing::debug!(%error, "a client of the Postgres protocol went away");
            None
        }
    }
}

async fn start(
    wire: &mut Wire,
    is_tls: bool,
    minor: u16,
    options: &[(String, String)],
    server: &Arc<Server>,
) -> Result<(Caller, Settings, Cancel, OwnedSemaphorePermit), Failed> {
    if server.tls.is_some() && !is_tls {
        let said = "connections are by TLS here; set sslmode to require, or better verify-full";
        return Err(Fault::fatal("28000", said).into());
    }
    if minor > 0 || options.iter().any(|(name, _)| name.starts_with("_pq_.")) {
        let unknown = options.iter().map(|(name, _)| name.clone());
        let unknown = unknown.filter(|name| name.starts_with("_pq_.")).collect();
        let spoken = NegotiateProtocolVersion::new(3 << 16, unknown);
        wire.put(&Backend::NegotiateProtocolVersion(spoken))?;
    }
    let value = |wanted| options.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
    let user = value("user").filter(|user| !user.is_empty());
    let user = user.ok_or_else(|| Fault::fatal("28000", "no user was named"))?;
    let seat = server.seats.clone().try_acquire_owned().map_err(|_| {
        Fault::fatal("53300", "there are as many connections as there may be; close one")
    })?;
    let tls = server.tls.as_ref().filter(|_| is_tls);
    let caller = sign_in(wire, user, &server.access, tls).await?;
    let mut settings = Settings::new(user);
    let named = options.iter().filter(|(name, _)| {
        !matches!(name.as_str(), "user" | "database" | "options" | "replication")
            && !name.starts_with("_pq_.")
    });
    let given = value("options").map(|text| in_options(text)).unwrap_or_default();
    for (name, value) in named.chain(&given) {
        if let Some(name) = Settings::of_engine(name) {
            server.session().await?.set(name, value)?;
        }
        drop(settings.set(name, value)?);
    }
    let mut secret = [0; 4];
    getrandom::fill(&mut secret)
        .map_err(|_| Fault::fatal("XX000", "the operating system gives no random bytes"))?;
    let cancel = server.cancels.add(i32::from_be_bytes(secret));
    wire.put(&Backend::Authentication(Authentication::Ok))?;
    for (name, value) in settings.told() {
        wire.put(&Backend::ParameterStatus(ParameterStatus::new(name.to_owned(), value)))?;
    }
    let key = BackendKeyData::new(cancel.pid, SecretKey::I32(cancel.secret));
    wire.put(&Backend::BackendKeyData(key))?;
    wire.put(&Backend::ReadyForQuery(ReadyForQuery::new(TransactionStatus::Idle)))?;
    wire.flush().await?;
    wire.signed_in();
    Ok((caller, settings, cancel, seat))
}

impl Connection {
    /// Answers until the client or the server ends it.
    async fn run(&mut self, watch: &Watch, mut stop: watch::Receiver<bool>) {
        loop {
            let message = tokio::select! {
                message = self.wire.message() => message,
                () = stopped(&mut stop) => return self.say_stopped(),
            };
            let message = match message {
                Ok(Some(Message::Terminate) | None) => return,
                Ok(Some(message)) => message,
                Err(super::wire::WireError::Malformed(malformed)) => {
                    let fault = Fault::fatal("08P01", malformed.to_string());
                    drop(self.wire.put(&fault.message()));
                    return;
                }
                Err(_) => return,
            };
            let is_extended = message.is_extended();
            let ended = self.end_of(message, watch, &mut stop).await;
            let fault = match ended {
                Ended::Done(Ok(())) => continue,
                Ended::Done(Err(Failed::Fault(fault))) => fault,
                Ended::Done(Err(Failed::Wire(_))) | Ended::Gone | Ended::Stuck => return,
                Ended::Cancelled => Fault::new("57014", "canceling statement due to user request"),
                Ended::Stopped => return self.say_stopped(),
            };
            if self.failed(fault, is_extended).await.is_err() {
                return;
            }
        }
    }

    /// Handles one message, unless something ends it before.
    async fn end_of(
        &mut self,
        message: Message,
        watch: &Watch,
        stop: &mut watch::Receiver<bool>,
    ) -> Ended {
        let asked = self.cancel.asked.clone();
        let mut cancelled = std::pin::pin!(asked.notified());
        cancelled.as_mut().enable();
        let most = self.server.timeout_max + READ_WITHIN;
        tokio::select! {
            biased;
            done = tokio::time::timeout(most, Box::pin(self.handle(message))) => {
                done.map_or(Ended::Stuck, Ended::Done)
            }
            () = cancelled => Ended::Cancelled,
            () = watch.gone() => Ended::Gone,
            () = stopped(stop) => Ended::Stopped,
        }
    }

    async fn handle(&mut self, message: Message) -> Result<(), Failed> {
        if self.is_skipping && !matches!(message, Message::Sync | Message::Query(_)) {
            return Ok(());
        }
        match message {
            Message::Query(sql) => {
                self.is_skipping = false;
                self.simple(&sql).await?;
                self.ready().await
            }
            Message::Parse { name, sql, types } => self.parse(name, &sql, &types).await,
            Message::Bind(bind) => self.bind(bind).await,
            Message::Describe { target, name } => self.describe(target, &name).await,
            Message::Execute { portal, rows } => self.execute(&portal, rows).await,
            Message::Close { target, name } => self.close(target, &name),
            Message::Flush => Ok(self.wire.flush().await?),
            Message::Sync => {
                self.is_skipping = false;
                if self.transaction == TransactionStatus::Idle {
                    self.portals.clear();
                }
                self.ready().await
            }
            Message::Terminate | Message::Copy => Ok(()),
            Message::Password(_) => Err(Fault::new("08P01", "nobody asked for a password").into()),
        }
    }

    /// Tells of an error, and where the protocol goes on.
    async fn failed(&mut self, fault: Fault, is_extended: bool) -> Result<(), Failed> {
        if self.transaction == TransactionStatus::Transaction {
            self.transaction = TransactionStatus::Error;
        }
        let is_fatal = fault.is_fatal;
        self.wire.put(&fault.message())?;
        if is_fatal {
            return Err(Fault::new("08P01", "the connection ends").into());
        }
        if is_extended {
            self.is_skipping = true;
            return Ok(self.wire.flush().await?);
        }
        self.ready().await
    }

    fn say_stopped(&mut self) {
        let said = "terminating connection due to administrator command";
        drop(self.wire.put(&Fault::fatal("57P01", said).message()));
    }

    /// It is the client's turn.
    async fn ready(&mut self) -> Result<(), Failed> {
        self.wire.put(&Backend::ReadyForQuery(ReadyForQuery::new(self.transaction)))?;
        Ok(self.wire.flush().await?)
    }

    /// A statement is done.
    pub(super) fn complete(&mut self, tag: &str) -> Result<(), Failed> {
        let tag = CommandComplete::new(tag.to_owned());
        Ok(self.wire.put(&Backend::CommandComplete(tag))?)
    }

    /// In a transaction that failed nothing is done but end it.
    pub(super) fn refuse_in_failed(&self, command: &Command) -> Result<(), Failed> {
        if self.transaction != TransactionStatus::Error || command.ends_failure() {
            return Ok(());
        }
        let said =
            "current transaction is aborted, commands ignored until end of transaction block";
        Err(Fault::new("25P02", said).into())
    }

    /// Does what concerns the session alone, and gives the tag. Not for questions.
    pub(super) async fn obey(&mut self, command: &Command) -> Result<&'static str, Failed> {
        let mut tag = command.tag();
        match command {
            Command::Set { name, value, is_local } => {
                if *is_local && self.before_local.is_none() {
                    self.before_local = Some(self.settings.clone());
                }
                self.set(name, value).await?;
            }
            Command::Reset(name) => self.settings.reset(name.as_deref()),
            Command::Begin => {
                if self.transaction == TransactionStatus::Idle {
                    self.transaction = TransactionStatus::Transaction;
                }
            }
            Command::Commit | Command::Rollback => {
                if self.transaction == TransactionStatus::Error {
                    tag = "ROLLBACK";
                }
                self.transaction = TransactionStatus::Idle;
                if let Some(before) = self.before_local.take() {
                    self.settings = before;
                }
            }
            Command::RollbackTo => {
                if self.transaction == TransactionStatus::Error {
                    self.transaction = TransactionStatus::Transaction;
                }
            }
            Command::DiscardAll => {
                self.settings.reset(None);
                self.statements.clear();
                self.portals.clear();
            }
            Command::Deallocate(None) => self.statements.clear(),
            Command::Deallocate(Some(name)) => {
                if self.statements.remove(name).is_none() {
                    let said = format!("prepared statement {name:?} does not exist");
                    return Err(Fault::new("26000", said).into());
                }
            }
            Command::Savepoint | Command::Release | Command::Discard(_) | Command::Accepted(_) => {}
            Command::Question(_) | Command::Show(_) | Command::ShowAll => {}
        }
        Ok(tag)
    }

    async fn set(&mut self, name: &str, value: &str) -> Result<(), Failed> {
        if let Some(name) = Settings::of_engine(name) {
            self.server.session().await?.set(name, value)?;
        }
        if let Changed::Told(name, value) = self.settings.set(name, value)? {
            let told = ParameterStatus::new(name.to_owned(), value);
            self.wire.put(&Backend::ParameterStatus(told))?;
        }
        Ok(())
    }

    /// A session of the engine with everything that was set.
    pub(super) async fn session(&self) -> Result<crate::query::Session, Failed> {
        let mut session = self.server.session().await?;
        for (name, value) in self.settings.engine() {
            session.set(name, value)?;
        }
        Ok(session)
    }
}

/// Comes back when the server stops.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone means the same.
    drop(stop.wait_for(|stop| *stop).await);
}
