//! Errors as gRPC says them.

use tonic::{Code, Status};

use crate::query::Error;

/// The longest message: clients bound what headers may hold. Units: characters.
const MESSAGE_MAX: usize = 2_000;

/// An error of the engine, in its own words: whoever asked wrote the question.
pub(super) fn refused(error: &Error) -> Status {
    let code = match error.code() {
        // Clients tell "there is no such thing here" from "you may not".
        "read_only" => Code::Unimplemented,
        "resources" => Code::ResourceExhausted,
        "timeout" => Code::DeadlineExceeded,
        "busy" | "ended" => Code::Unavailable,
        "as_of" => Code::OutOfRange,
        "unknown_query" => Code::NotFound,
        "projection" => Code::Internal,
        _ => Code::InvalidArgument,
    };
    said(code, &error.to_string())
}

/// A refusal, cut where it is too long for a header.
pub(super) fn said(code: Code, message: &str) -> Status {
    match message.char_indices().nth(MESSAGE_MAX) {
        Some((end, _)) => Status::new(code, format!("{}…", message.get(..end).unwrap_or_default())),
        None => Status::new(code, message),
    }
}

pub(super) fn unknown_user() -> Status {
    Status::unauthenticated("sign in: name or password is wrong or missing")
}

pub(super) fn signed_out() -> Status {
    Status::unauthenticated("sign in: the token is unknown or has expired; sign in again")
}

pub(super) fn no_randomness() -> Status {
    Status::unavailable("make a key: the operating system gives no random bytes")
}

pub(super) fn unreadable(what: &str) -> Status {
    Status::invalid_argument(format!("read {what}: it is no message of Flight SQL"))
}

pub(super) fn no_transactions() -> Status {
    Status::unimplemented(
        "begin a transaction: there are none; each question sees one log position, set as_of to ask several of the same one",
    )
}

/// What is in Flight SQL and not here.
pub(super) fn absent(what: &str) -> Status {
    said(Code::Unimplemented, &format!("{what} is not implemented here"))
}
