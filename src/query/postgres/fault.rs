//! What went wrong, in PostgreSQL's codes.
//!
//! Source: PostgreSQL 16, appendix A, "PostgreSQL Error Codes".

use datafusion::arrow::error::ArrowError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use pgwire::error::{ErrorInfo, PgWireError};
use pgwire::messages::PgWireBackendMessage;

use super::wire::WireError;
use crate::query::Error;

/// The most bytes of what is said about an error: a message with one may have no more than 30,000.
const MESSAGE_MAX: usize = 8_192;

/// A statement failed, or with `is_fatal` the connection.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) is_fatal: bool,
}

/// Why a message could not be handled.
#[derive(Debug)]
pub(super) enum Failed {
    /// The client is told.
    Fault(Fault),
    /// There is nobody to tell.
    Wire(WireError),
}

impl Fault {
    /// A statement's.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), is_fatal: false }
    }

    /// One that ends the connection.
    pub(super) fn fatal(code: &'static str, message: impl Into<String>) -> Self {
        Self { is_fatal: true, ..Self::new(code, message) }
    }

    /// As it is sent.
    pub(super) fn message(mut self) -> PgWireBackendMessage {
        if self.message.len() > MESSAGE_MAX {
            let end = (0..=MESSAGE_MAX).rev().find(|end| self.message.is_char_boundary(*end));
            self.message.truncate(end.unwrap_or(0));
        }
        // A zero would end the text.
        let message = self.message.replace('\0', " ");
        let severity = if self.is_fatal { "FATAL" } else { "ERROR" };
        let mut info = ErrorInfo::new(severity.to_owned(), self.code.to_owned(), message);
        info.severity_nonlocalized = Some(severity.to_owned());
        PgWireBackendMessage::ErrorResponse(info.into())
    }
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<WireError> for Failed {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Encode(message) => Self::Fault(Fault::new("XX000", message)),
            error => Self::Wire(error),
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Fault(error.into())
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Timeout(_) => {
                return Self::new("57014", "canceling statement due to statement timeout");
            }
            Error::ReadOnly => "25006",
            Error::Resources { .. } => "53200",
            Error::Busy { .. } => "53000",
            Error::Ended => "57P01",
            Error::Ahead { .. } | Error::Setting { .. } | Error::Param { .. } => "22023",
            Error::Sql(error) => of_engine(error),
            _ => "XX000",
        };
        Self::new(code, error.to_string())
    }
}

/// Of what the library could not read or write.
impl From<PgWireError> for Fault {
    fn from(error: PgWireError) -> Self {
        match error {
            PgWireError::UserError(info) => Self::new("22023", info.message),
            PgWireError::FailedToParseParameter(error) => Self::new("22P02", error.to_string()),
            other => Self::new("XX000", other.to_string()),
        }
    }
}

impl From<PgWireError> for Failed {
    fn from(error: PgWireError) -> Self {
        Self::Fault(error.into())
    }
}

fn of_engine(error: &DataFusionError) -> &'static str {
    match error.find_root() {
        DataFusionError::SchemaError(error, _) => match **error {
            SchemaError::FieldNotFound { .. } => "42703",
            SchemaError::AmbiguousReference { .. } => "42702",
            SchemaError::DuplicateQualifiedField { .. }
            | SchemaError::DuplicateUnqualifiedField { .. } => "42701",
        },
        DataFusionError::SQL(..) => "42601",
        DataFusionError::ArrowError(error, _) => match **error {
            ArrowError::DivideByZero => "22012",
            ArrowError::CastError(_) | ArrowError::ParseError(_) => "22P02",
            ArrowError::ArithmeticOverflow(_) => "22003",
            _ => "XX000",
        },
        DataFusionError::NotImplemented(_) => "0A000",
        DataFusionError::Plan(said) => of_plan(said),
        DataFusionError::Execution(_) => "22000",
        _ => "XX000",
    }
}

/// The engine has one kind for everything that is wrong with a question; what it says tells more.
fn of_plan(said: &str) -> &'static str {
    let said = said.to_ascii_lowercase();
    let is = |part: &str| said.contains(part);
    if is("table '") && is("not found") || is("failed to resolve schema") {
        "42P01"
    } else if is("invalid function") || is("there is no table function") || is("table function '") {
        "42883"
    } else if is("no field named") || is("invalid qualifier") {
        "42703"
    } else if is("must appear in the group by") || is("must be in group by") {
        "42803"
    } else if is("cannot coerce") || is("no function matches") || is("cannot infer common") {
        "42804"
    } else {
        "42000"
    }
}
