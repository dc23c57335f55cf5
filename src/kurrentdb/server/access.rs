//! What a caller may do to streams, and the refusal that clients of KurrentDB know.

use http::HeaderMap;
use tonic::{Code, Status};

use super::status;
use crate::access::{Access, Caller, Role};
use crate::event::StreamName;

/// Who sent a request.
///
/// # Errors
/// UNAUTHENTICATED where there are users and the header names none of them.
pub(super) fn caller(access: &Access, headers: &HeaderMap) -> Result<Caller, Status> {
    let header = headers.get(http::header::AUTHORIZATION);
    access.check_basic(header.map(http::HeaderValue::as_bytes)).ok_or_else(|| {
        let name = "not-authenticated";
        status::exception(Code::Unauthenticated, "Not Authenticated".to_owned(), name, &[])
    })
}

/// Whether a caller may append to a stream, or delete it.
pub(in crate::kurrentdb) fn may_write(caller: &Caller, stream: &StreamName) -> bool {
    let name = stream.as_str();
    let is_system = name.strip_prefix("$$").unwrap_or(name).starts_with('$');
    match caller.role() {
        Role::Admin => true,
        Role::Writer => !is_system,
        Role::Reader => false,
    }
}

/// Whether a caller may change what belongs to nobody else: persistent subscriptions.
pub(in crate::kurrentdb) fn is_admin(caller: &Caller) -> bool {
    caller.role() == Role::Admin
}

#[cfg(test)]
mod tests;
