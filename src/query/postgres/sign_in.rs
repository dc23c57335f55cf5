//! Who is it? SCRAM-SHA-256, bound to the connection's TLS where the client can do that.
//!
//! In: a name, and what the client says. Out: a caller, or a refusal that says no more than that
//! it was wrong. Sources: RFC 5802, RFC 7677, RFC 5929 §4 (`tls-server-end-point`).

use bytes::{Buf as _, Bytes};
use pgwire::api::auth::Password;
use pgwire::api::auth::sasl::scram::ScramServerAuth;
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::startup::Authentication;

use super::fault::{Failed, Fault};
use super::frontend::Message;
use super::wire::Wire;
use crate::access::{Access, Caller, SCRAM_ITERATIONS};
use crate::tls::Tls;

const PLAIN: &str = "SCRAM-SHA-256";
const BOUND: &str = "SCRAM-SHA-256-PLUS";

/// Asks for a proof of the password, where there are users.
pub(super) async fn sign_in(
    wire: &mut Wire,
    user: &str,
    access: &Access,
    tls: Option<&Tls>,
) -> Result<Caller, Failed> {
    let wrong = || Fault::fatal("28P01", format!("password authentication failed for {user:?}"));
    let Some(secret) = access.scram(user) else { return access.known(user).ok_or(wrong().into()) };
    let mut scram = ScramServerAuth::new();
    scram.set_iterations(SCRAM_ITERATIONS);
    // A certificate whose signature has no hash that the RFC names cannot be bound to.
    let is_bindable = tls
        .is_some_and(|tls| scram.configure_certificate(tls.certificate_pem().as_bytes()).is_ok());
    let offered = [BOUND, PLAIN].into_iter().skip(usize::from(!is_bindable));
    let offered = Authentication::SASL(offered.map(str::to_owned).collect());
    let first = ask(wire, offered).await?;
    let first = initial(first, is_bindable).ok_or_else(broken)?;
    let expected = Password::new(Some(secret.salt.to_vec()), secret.salted_password);
    let (said, waiting) = scram.on_client_first_message(&first, expected).map_err(|_| broken())?;
    let last = ask(wire, Authentication::SASLContinue(said.into())).await?;
    // What is malformed and what is wrong look the same.
    let said = waiting.on_client_final_message(&last).map_err(|_| wrong())?;
    let caller = access.known(user).ok_or_else(wrong)?;
    wire.put(&PgWireBackendMessage::Authentication(Authentication::SASLFinal(said.into())))?;
    Ok(caller)
}

fn broken() -> Fault {
    Fault::fatal("08P01", "what was said to sign in is not SCRAM-SHA-256")
}

async fn ask(wire: &mut Wire, question: Authentication) -> Result<Bytes, Failed> {
    wire.put(&PgWireBackendMessage::Authentication(question))?;
    wire.flush().await?;
    match wire.message().await? {
        Some(Message::Password(said)) => Ok(said),
        Some(_) => Err(broken().into()),
        None => Err(Fault::fatal("08006", "the client went away").into()),
    }
}

/// The client's first message, where it goes with the mechanism that it chose. One that could
/// have bound and says that nobody offered it was lied to on the way.
fn initial(mut said: Bytes, is_bindable: bool) -> Option<Bytes> {
    let end = said.iter().position(|byte| *byte == 0)?;
    let mechanism = said.split_to(end);
    said.advance(1);
    let length = usize::try_from(said.try_get_i32().ok()?).ok()?;
    if length != said.len() {
        return None;
    }
    let is_right = match &mechanism[..] {
        name if name == BOUND.as_bytes() => {
            is_bindable && said.starts_with(b"p=tls-server-end-point,")
        }
        name if name == PLAIN.as_bytes() => {
            said.starts_with(b"n") || (said.starts_with(b"y") && !is_bindable)
        }
        _ => false,
    };
    is_right.then_some(said)
}

#[cfg(test)]
mod tests;
