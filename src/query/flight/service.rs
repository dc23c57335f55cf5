//! The methods of a Flight service, with the commands and actions of Flight SQL.
//!
//! In: requests. Out: flights, rows, results of actions. Invariant: every method but `Handshake`
//! finds out who is calling before it does anything; `Handshake` does nothing else.

mod action;

use std::sync::Arc;

use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::{Any, Command, DoPutPreparedStatementResult, DoPutUpdateResult};
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightInfo,
    HandshakeRequest, HandshakeResponse, PollInfo, PutResult, SchemaResult, Ticket,
};
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use prost::Message as _;
use tonic::{Request, Response, Status, Streaming};

use super::auth::{self, Auth, Caller};
use super::prepared::{Statement, Statements};
use super::rows::{self, Flying, Planned};
use super::ticket::{Claims, Plans, Tickets};
use super::{bind, error, info, meta};
use crate::access::Access;
use crate::base::{Clock, Timestamp};
use crate::query::{Prepared, Session, Sessions};

/// What every method works with.
pub(super) struct Service {
    sessions: Sessions,
    clock: Arc<dyn Clock>,
    auth: Auth,
    tickets: Tickets,
    plans: Plans,
    statements: Statements,
}

impl Service {
    pub(super) fn new(
        sessions: Sessions,
        access: Arc<Access>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, getrandom::Error> {
        Ok(Self {
            sessions,
            clock,
            auth: Auth::new(access),
            tickets: Tickets::new()?,
            plans: Plans::default(),
            statements: Statements::default(),
        })
    }

    /// Forgets what has expired.
    pub(super) fn sweep(&self) {
        let now = self.now();
        self.auth.sweep(now);
        self.plans.sweep(now);
        self.statements.sweep(now);
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn caller<T>(&self, request: &Request<T>) -> Result<Caller, Status> {
        self.auth.caller(request.metadata(), self.now())
    }

    /// A session of the engine as the caller set it.
    async fn session(&self, caller: &Caller) -> Result<Session, Status> {
        let session = (self.sessions)().await;
        let session = session.and_then(|session| caller.options.apply(session));
        session.map_err(|error| error::refused(&error))
    }

    /// Understands a question.
    async fn prepare(session: &Session, sql: &str) -> Result<Prepared, Status> {
        session.prepare(sql).await.map_err(|error| error::refused(&error))
    }

    /// Plans a question that has no parameters.
    async fn plan(&self, caller: &Caller, sql: &str) -> Result<Planned, Status> {
        let session = self.session(caller).await?;
        let prepared = Self::prepare(&session, sql).await?;
        if !prepared.params.is_empty() {
            return Err(Status::invalid_argument(
                "run SQL: the question has parameters; prepare it and bind values",
            ));
        }
        Planned::new(session, &prepared, vec![prepared.clone()])
    }

    /// Plans a prepared statement with the values bound to it.
    async fn plan_statement(
        &self,
        caller: &Caller,
        statement: &Statement,
    ) -> Result<Planned, Status> {
        let session = self.session(caller).await?;
        let prepared = Self::prepare(&session, &statement.sql).await?;
        let runs = match (prepared.params.is_empty(), statement.values.is_empty()) {
            (true, true) => vec![prepared.clone()],
            (false, true) => {
                let names: Vec<_> =
                    bind::ordered(&prepared.params).into_iter().map(|(name, _)| name).collect();
                return Err(Status::invalid_argument(format!(
                    "run SQL: bind values for {} first",
                    names.join(", ")
                )));
            }
            (_, false) => bind::runs(&prepared, &statement.values)?,
        };
        Planned::new(session, &prepared, runs)
    }

    /// Plans whatever a command asks, and keeps it for its ticket.
    async fn issue(&self, caller: &Caller, command: Command) -> Result<(Planned, Ticket), Status> {
        let (planned, sql, is_bound) = match command {
            Command::CommandStatementQuery(query) => {
                alone(query.transaction_id.as_ref())?;
                (self.plan(caller, &query.query).await?, query.query, false)
            }
            Command::CommandPreparedStatementQuery(query) => {
                let handle = &query.prepared_statement_handle;
                let statement = self.statements.find(&caller.user, handle, self.now())?;
                let planned = self.plan_statement(caller, &statement).await?;
                (planned, statement.sql.to_string(), !statement.values.is_empty())
            }
            other => return Err(error::absent(other.type_url())),
        };
        let now = self.now();
        let claims = self.plans.issue(&caller.user, sql, is_bound, planned.clone(), now)?;
        Ok((planned, self.tickets.seal(&claims)))
    }

    /// The rows of a ticket, at its position.
    async fn fetch(&self, caller: &Caller, handle: &[u8]) -> Result<(Flying, Claims), Status> {
        let claims = self.tickets.open(handle, &caller.user, self.now())?;
        let taken = self.plans.take(&claims)?;
        let planned = match taken.planned {
            Some(planned) => planned,
            None if claims.is_bound => {
                return Err(Status::not_found(
                    "fetch: the values bound to the question were let go; ask for the flight again",
                ));
            }
            None => {
                let session = pinned(self.session(caller).await?, claims.position)?;
                let prepared = Self::prepare(&session, &claims.sql).await?;
                Planned::new(session, &prepared, vec![prepared.clone()])?
            }
        };
        let flying = Flying::start(planned, taken.cancelled).await?;
        Ok((flying, claims))
    }
}

/// How many rows a question has. Whatever would change something is refused before.
async fn count(planned: Planned) -> Result<i64, Status> {
    Flying::start(planned, None).await?.count().await
}

/// A session at a position; where the log was empty, before its first event.
fn pinned(mut session: Session, position: Option<u64>) -> Result<Session, Status> {
    let moment = match position {
        Some(position) => position.to_string(),
        None => Timestamp::EPOCH.to_string(),
    };
    session.set("as_of", &moment).map_err(|error| error::refused(&error))?;
    Ok(session)
}

/// Refuses a question in a transaction.
fn alone(transaction: Option<&Bytes>) -> Result<(), Status> {
    match transaction {
        Some(id) if !id.is_empty() => Err(error::no_transactions()),
        _ => Ok(()),
    }
}

/// A command of Flight SQL.
fn command(bytes: &[u8]) -> Result<Command, Status> {
    let any = Any::decode(bytes).map_err(|_| error::unreadable("a command"))?;
    Command::try_from(any).map_err(|_| error::unreadable("a command"))
}

fn one<T: Send + 'static>(item: T) -> BoxStream<'static, Result<T, Status>> {
    stream::once(async move { Ok(item) }).boxed()
}

#[tonic::async_trait]
impl FlightService for Service {
    type HandshakeStream = BoxStream<'static, Result<HandshakeResponse, Status>>;
    type ListFlightsStream = BoxStream<'static, Result<FlightInfo, Status>>;
    type DoGetStream = BoxStream<'static, Result<FlightData, Status>>;
    type DoPutStream = BoxStream<'static, Result<PutResult, Status>>;
    type DoActionStream = BoxStream<'static, Result<arrow_flight::Result, Status>>;
    type ListActionsStream = BoxStream<'static, Result<ActionType, Status>>;
    type DoExchangeStream = BoxStream<'static, Result<FlightData, Status>>;

    async fn handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        let caller = self.caller(&request)?;
        let token = self.auth.sign_in(&caller.user, self.now())?;
        let mut response = Response::new(one(HandshakeResponse {
            protocol_version: 0,
            payload: Bytes::from(token.clone()),
        }));
        if let Ok(value) = auth::authorization(&token).parse() {
            drop(response.metadata_mut().insert("authorization", value));
        }
        Ok(response)
    }

    async fn list_flights(
        &self,
        request: Request<Criteria>,
    ) -> Result<Response<Self::ListFlightsStream>, Status> {
        self.caller(&request)?;
        Ok(Response::new(stream::empty().boxed()))
    }

    async fn get_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let caller = self.caller(&request)?;
        let descriptor = request.into_inner();
        let command = command(info::command(&descriptor)?)?;
        if let Some(schema) = meta::schema(&command)? {
            let ticket = Ticket::new(command.into_any().encode_to_vec());
            let info = info::flight(descriptor, &schema, ticket, None)?;
            return Ok(Response::new(info));
        }
        let (planned, ticket) = Box::pin(self.issue(&caller, command)).await?;
        let position = planned.position;
        Ok(info::at(position, info::flight(descriptor, &planned.schema, ticket, position)?))
    }

    async fn poll_flight_info(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<PollInfo>, Status> {
        self.caller(&request)?;
        Err(error::absent("PollFlightInfo"))
    }

    async fn get_schema(
        &self,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<SchemaResult>, Status> {
        let caller = self.caller(&request)?;
        let command = command(info::command(request.get_ref())?)?;
        if let Some(schema) = meta::schema(&command)? {
            return Ok(Response::new(info::schema(&schema)?));
        }
        let session = self.session(&caller).await?;
        let planned = match command {
            Command::CommandStatementQuery(query) => {
                alone(query.transaction_id.as_ref())?;
                let prepared = Self::prepare(&session, &bind::numbered(&query.query)).await?;
                Planned::new(session, &prepared, Vec::new())?
            }
            Command::CommandPreparedStatementQuery(query) => {
                let handle = &query.prepared_statement_handle;
                let statement = self.statements.find(&caller.user, handle, self.now())?;
                let prepared = Self::prepare(&session, &statement.sql).await?;
                Planned::new(session, &prepared, Vec::new())?
            }
            other => return Err(error::absent(other.type_url())),
        };
        Ok(info::at(planned.position, info::schema(&planned.schema)?))
    }

    async fn do_get(
        &self,
        request: Request<Ticket>,
    ) -> Result<Response<Self::DoGetStream>, Status> {
        let caller = self.caller(&request)?;
        let command = command(&request.get_ref().ticket)?;
        if let Command::TicketStatementQuery(ticket) = &command {
            let (flying, claims) = Box::pin(self.fetch(&caller, &ticket.statement_handle)).await?;
            return Ok(info::at(claims.position, flying.messages()));
        }
        let session = self.session(&caller).await?;
        let name = command.type_url().to_owned();
        match meta::answer(command, &session).await? {
            Some(batch) => Ok(Response::new(rows::messages(batch))),
            None => Err(error::absent(&name)),
        }
    }

    async fn do_put(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoPutStream>, Status> {
        let caller = self.caller(&request)?;
        let mut messages = request.into_inner();
        let first = messages.message().await?.ok_or_else(|| error::unreadable("a command"))?;
        let descriptor = first.flight_descriptor.as_ref();
        let descriptor = descriptor.ok_or_else(|| error::unreadable("a command"))?;
        let command = command(info::command(descriptor)?)?;
        let messages = stream::once(async move { Ok(first) }).chain(messages.into_stream());
        let metadata = match command {
            Command::CommandPreparedStatementQuery(query) => {
                let handle = query.prepared_statement_handle;
                // Whose it is comes before what is sent.
                self.statements.find(&caller.user, &handle, self.now())?;
                let values = bind::read(messages).await?;
                self.statements.bind(&caller.user, &handle, values)?;
                DoPutPreparedStatementResult { prepared_statement_handle: Some(handle) }
                    .encode_to_vec()
            }
            Command::CommandPreparedStatementUpdate(query) => {
                let handle = query.prepared_statement_handle;
                self.statements.find(&caller.user, &handle, self.now())?;
                let values = bind::read(messages).await?;
                self.statements.bind(&caller.user, &handle, values)?;
                let statement = self.statements.find(&caller.user, &handle, self.now())?;
                let planned = Box::pin(self.plan_statement(&caller, &statement)).await?;
                let record_count = Box::pin(count(planned)).await?;
                DoPutUpdateResult { record_count }.encode_to_vec()
            }
            Command::CommandStatementUpdate(query) => {
                alone(query.transaction_id.as_ref())?;
                let planned = Box::pin(self.plan(&caller, &query.query)).await?;
                let record_count = Box::pin(count(planned)).await?;
                DoPutUpdateResult { record_count }.encode_to_vec()
            }
            Command::CommandStatementIngest(_) => {
                return Err(error::refused(&crate::query::Error::ReadOnly));
            }
            other => return Err(error::absent(other.type_url())),
        };
        Ok(Response::new(one(PutResult { app_metadata: metadata.into() })))
    }

    async fn do_exchange(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        self.caller(&request)?;
        Err(error::absent("DoExchange"))
    }

    async fn do_action(
        &self,
        request: Request<Action>,
    ) -> Result<Response<Self::DoActionStream>, Status> {
        let caller = self.caller(&request)?;
        let done = Box::pin(self.act(&caller, request.into_inner())).await?;
        let results = done.body.map(|body| Ok(arrow_flight::Result { body }));
        let mut response = Response::new(stream::iter(results).boxed() as Self::DoActionStream);
        if let Some(value) = done.cookie.and_then(|cookie| cookie.parse().ok()) {
            drop(response.metadata_mut().insert("set-cookie", value));
        }
        Ok(response)
    }

    async fn list_actions(
        &self,
        request: Request<Empty>,
    ) -> Result<Response<Self::ListActionsStream>, Status> {
        self.caller(&request)?;
        let actions = action::ACTIONS.iter().map(|(name, description)| {
            Ok(ActionType { r#type: (*name).to_owned(), description: (*description).to_owned() })
        });
        Ok(Response::new(stream::iter(actions.collect::<Vec<_>>()).boxed()))
    }
}
