//! The actions of a Flight SQL service.

use arrow_flight::sql::{
    ActionCancelQueryRequest, ActionCancelQueryResult, ActionClosePreparedStatementRequest,
    ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, Any, Command,
    ProstMessageExt,
};
use arrow_flight::{
    Action, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightInfo,
};
use bytes::Bytes;
use prost::Message as _;
use tonic::Status;

use super::{Service, alone, command};
use crate::query::flight::auth::{self, Caller};
use crate::query::flight::option::{
    CLOSED, CloseResult, ErrorValue, GetResult, OptionError, SetRequest, SetResult,
};
use crate::query::flight::rows::Planned;
use crate::query::flight::{bind, error, info};

/// The actions there are.
pub(super) const ACTIONS: &[(&str, &str)] = &[
    ("CreatePreparedStatement", "keeps a question, whose values are bound later"),
    ("ClosePreparedStatement", "lets go of a kept question"),
    ("CancelFlightInfo", "cancels a question by its flight"),
    ("CancelQuery", "the same, as it was called before"),
    ("SetSessionOptions", "sets as_of or statement_timeout for what is asked from now on"),
    ("GetSessionOptions", "tells what is set"),
    ("CloseSession", "signs out"),
];

/// What came of an action.
pub(super) struct Done {
    /// Its one result, where it has one.
    pub(super) body: Option<Bytes>,
    /// What the client is to be known by from now on.
    pub(super) cookie: Option<String>,
}

impl Done {
    fn nothing() -> Self {
        Self { body: None, cookie: None }
    }

    fn with(message: &impl prost::Message) -> Self {
        Self { body: Some(message.encode_to_vec().into()), cookie: None }
    }
}

/// What an action of Flight SQL carries.
fn unpacked<M: ProstMessageExt>(action: &Action) -> Result<M, Status> {
    let unreadable = || error::unreadable(&format!("action {}", action.r#type));
    let any = Any::decode(&*action.body).map_err(|_| unreadable())?;
    any.unpack().ok().flatten().ok_or_else(unreadable)
}

/// What an action of Flight carries.
fn plain<M: prost::Message + Default>(action: &Action) -> Result<M, Status> {
    let unreadable = |_| error::unreadable(&format!("action {}", action.r#type));
    M::decode(&*action.body).map_err(unreadable)
}

impl Service {
    pub(super) async fn act(&self, caller: &Caller, action: Action) -> Result<Done, Status> {
        match action.r#type.as_str() {
            "CreatePreparedStatement" => {
                let request = unpacked::<ActionCreatePreparedStatementRequest>(&action)?;
                let result = self.create_statement(caller, request).await?;
                Ok(Done::with(&result.as_any()))
            }
            "ClosePreparedStatement" => {
                let request = unpacked::<ActionClosePreparedStatementRequest>(&action)?;
                self.statements.close(&caller.user, &request.prepared_statement_handle);
                Ok(Done::nothing())
            }
            "CancelFlightInfo" => {
                let request = plain::<CancelFlightInfoRequest>(&action)?;
                let status = match self.cancel(caller, request.info.unwrap_or_default())? {
                    true => CancelStatus::Cancelled,
                    false => CancelStatus::NotCancellable,
                };
                Ok(Done::with(&CancelFlightInfoResult::new(status)))
            }
            "CancelQuery" => {
                let request = unpacked::<ActionCancelQueryRequest>(&action)?;
                let flight = FlightInfo::decode(&*request.info)
                    .map_err(|_| error::unreadable("action CancelQuery"))?;
                // Its numbers are those of the status above.
                let result = match self.cancel(caller, flight)? {
                    true => CancelStatus::Cancelled.into(),
                    false => CancelStatus::NotCancellable.into(),
                };
                Ok(Done::with(&ActionCancelQueryResult { result }.as_any()))
            }
            "SetSessionOptions" => self.set_options(caller, &plain::<SetRequest>(&action)?).await,
            "GetSessionOptions" => {
                let session = self.session(caller).await?;
                Ok(Done::with(&GetResult { options: caller.options.all(&session) }))
            }
            "CloseSession" => {
                if let Some(token) = &caller.token {
                    self.auth.sign_out(token);
                }
                Ok(Done::with(&CloseResult { status: CLOSED }))
            }
            "BeginTransaction" | "EndTransaction" | "BeginSavepoint" | "EndSavepoint" => {
                Err(error::no_transactions())
            }
            other => Err(error::absent(&format!("action {other:?}"))),
        }
    }

    async fn create_statement(
        &self,
        caller: &Caller,
        request: ActionCreatePreparedStatementRequest,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        alone(request.transaction_id.as_ref())?;
        let sql = bind::numbered(&request.query);
        let session = self.session(caller).await?;
        let prepared = Self::prepare(&session, &sql).await?;
        let columns = Planned::new(session, &prepared, Vec::new())?.schema;
        let parameters = bind::schema(&bind::ordered(&prepared.params));
        let handle = self.statements.add(&caller.user, &sql, self.now())?;
        Ok(ActionCreatePreparedStatementResult {
            prepared_statement_handle: handle,
            dataset_schema: info::ipc(&columns)?,
            parameter_schema: info::ipc(&parameters)?,
        })
    }

    /// Cancels what a flight's tickets are for. Whether there was anything to cancel.
    fn cancel(&self, caller: &Caller, flight: FlightInfo) -> Result<bool, Status> {
        let mut is_cancelled = false;
        for ticket in flight.endpoint.into_iter().filter_map(|endpoint| endpoint.ticket) {
            let Command::TicketStatementQuery(ticket) = command(&ticket.ticket)? else { continue };
            let handle = &ticket.statement_handle;
            let claims = self.tickets.open(handle, &caller.user, self.now())?;
            is_cancelled |= self.plans.cancel(&claims);
        }
        Ok(is_cancelled)
    }

    async fn set_options(&self, caller: &Caller, request: &SetRequest) -> Result<Done, Status> {
        let session = self.session(caller).await?;
        let mut options = caller.options.clone();
        let mut errors = std::collections::HashMap::new();
        for (name, value) in &request.options {
            if let Err(value) = options.set(name, value.value.as_ref(), &session) {
                let error = OptionError { value: ErrorValue::into(value) };
                errors.extend([(name.clone(), error)]);
            }
        }
        let (token, cookie) = match &caller.token {
            Some(token) => (token.clone(), None),
            None => {
                let token = self.auth.sign_in(&caller.user, self.now())?;
                let cookie = auth::set_cookie(&token);
                (token, Some(cookie))
            }
        };
        self.auth.set(&token, options);
        Ok(Done { cookie, ..Done::with(&SetResult { errors }) })
    }
}
