//! Supervisors: whoever asks to be joined to a call that is up.
//!
//! In: requests from outside, each with the way its answer goes. Out: an input for the call, or
//! why not. A supervisor is an agent with that role, who gets no calls.

use tokio::sync::{mpsc, oneshot};

use super::Engine;
use crate::base::{AgentId, CallId};
use crate::call::CallInput;
use crate::event::SupervisionMode;

/// Requests that may wait.
const WAITING_MAX: usize = 16;

/// Why a supervisor is not joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SupervisionRefusal {
    /// No such call, or nobody answered it yet, or it is over.
    #[error("no such call is up")]
    NoCall,
    /// The one named is no supervisor.
    #[error("no agent of that id has role = \"supervisor\"")]
    NoSupervisor,
    /// Nobody can be rung there.
    #[error("the supervisor's phone is not registered")]
    NoPhone,
    /// Another supervisor is there.
    #[error("another supervisor is in the call")]
    Occupied,
    /// The engine is gone.
    #[error("the platform is stopping")]
    Stopping,
}

/// A supervisor wants to be joined to a call.
#[derive(Debug)]
pub(crate) struct Supervise {
    call_id: CallId,
    agent_id: AgentId,
    mode: SupervisionMode,
    answer: oneshot::Sender<Result<(), SupervisionRefusal>>,
}

/// Where requests go in.
#[derive(Clone, Debug)]
pub struct SupervisionDoor(mpsc::Sender<Supervise>);

impl SupervisionDoor {
    /// A door, and where what comes through it arrives.
    pub(crate) fn open() -> (Self, mpsc::Receiver<Supervise>) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        (Self(sender), receiver)
    }

    /// Has a supervisor's phone rung and joined to a call; one who is there already changes the
    /// mode.
    ///
    /// # Errors
    /// [`SupervisionRefusal`]: nothing was done.
    pub async fn supervise(
        &self,
        call_id: CallId,
        agent_id: AgentId,
        mode: SupervisionMode,
    ) -> Result<(), SupervisionRefusal> {
        let (answer, answered) = oneshot::channel();
        let request = Supervise { call_id, agent_id, mode, answer };
        self.0.send(request).await.map_err(|_| SupervisionRefusal::Stopping)?;
        answered.await.unwrap_or(Err(SupervisionRefusal::Stopping))
    }
}

impl Engine {
    /// Somebody wants to supervise a call.
    pub(super) fn supervise(&mut self, request: Supervise) {
        let Supervise { call_id, agent_id, mode, answer } = request;
        let refusal = self.no_supervision(call_id, &agent_id);
        if refusal.is_none() {
            self.give_call(call_id, CallInput::Supervise { agent_id, mode });
        }
        // Who asked may have gone.
        let _ = answer.send(refusal.map_or(Ok(()), Err));
    }

    fn no_supervision(&self, call_id: CallId, agent_id: &AgentId) -> Option<SupervisionRefusal> {
        let is_one = self.parts.agents.iter().any(|one| one.id == *agent_id && one.is_supervisor());
        if !is_one {
            return Some(SupervisionRefusal::NoSupervisor);
        }
        let call = self.calls.get(call_id).map(|slot| &slot.call);
        let Some(call) = call.filter(|call| call.is_up()) else {
            return Some(SupervisionRefusal::NoCall);
        };
        match call.supervisor() {
            Some(other) if other == agent_id => None,
            Some(_) => Some(SupervisionRefusal::Occupied),
            None => self.phone_to_ring(agent_id).is_none().then_some(SupervisionRefusal::NoPhone),
        }
    }
}
