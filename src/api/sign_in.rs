//! Who asks: basic authentication with the users of `http.user_file`.
//!
//! In: the header of a request, the least role. Out: the caller, or the response that says why
//! not. Invariant: without users nobody may.
//! Sources: RFC 7617; Fetch Metadata Request Headers (W3C).

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::access::{Access, Caller, Role};

/// Lets whoever sent these headers in, where the role is the least or more. Codes begin with
/// `part`; `what` is what they may then do.
///
/// # Errors
/// The response that says why not.
pub(super) fn admit(
    access: Option<&Access>,
    headers: &HeaderMap,
    least: Role,
    (part, what): (&str, &str),
) -> Result<Caller, Box<Response>> {
    let Some(access) = access else {
        let words = format!("set http.user_file to say who may {what}");
        return Err(refusal(StatusCode::FORBIDDEN, &format!("{part}.nobody"), &words).into());
    };
    let shown = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
    match access.check_basic(shown) {
        Some(caller) if caller.role() >= least => Ok(caller),
        Some(_) => {
            let wanted = match least {
                Role::Reader => "reader, writer or admin",
                Role::Writer => "writer or admin",
                Role::Admin => "admin",
            };
            let words = format!("the role of {wanted} is needed");
            Err(refusal(StatusCode::FORBIDDEN, &format!("{part}.role"), &words).into())
        }
        None => {
            let words = "a user and a password are needed";
            let mut response = refusal(StatusCode::UNAUTHORIZED, &format!("{part}.user"), words);
            let asks = HeaderValue::from_static("Basic realm=\"ledgerline\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, asks);
            Err(response.into())
        }
    }
}

/// Whether a page elsewhere has the browser ask, with the password that it keeps for here.
pub(super) fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    site.is_some_and(|site| site != b"same-origin" && site != b"none")
}

/// A refusal with its stable code.
pub(super) fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({"error": {"code": code, "message": message}}))).into_response()
}
