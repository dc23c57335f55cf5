//! What a statement asks for: rows of the engine, or something of the session.
//!
//! In: a statement that was parsed. Out: one command. Invariant: what is not known here to be a
//! question or a setting is refused.

use datafusion::sql::sqlparser::ast::{
    ContextModifier, Expr, ObjectName, Reset, Set, Statement, Value,
};

use super::fault::Fault;

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Command {
    /// The engine answers.
    Question(Box<Statement>),
    Show(String),
    ShowAll,
    Set {
        name: String,
        value: String,
        is_local: bool,
    },
    /// One setting, or all.
    Reset(Option<String>),
    Begin,
    Commit,
    Rollback,
    Savepoint,
    Release,
    RollbackTo,
    /// Everything that the session keeps.
    DiscardAll,
    /// What is not kept here anyway.
    Discard(&'static str),
    /// A prepared statement, or all.
    Deallocate(Option<String>),
    /// Accepted, as it changes nothing here.
    Accepted(&'static str),
}

/// What a statement asks for.
///
/// # Errors
/// 25006 for what would change something, 0A000 for what PostgreSQL has and is not here.
pub(super) fn command(statement: Statement) -> Result<Command, Fault> {
    Ok(match statement {
        Statement::Query(_) | Statement::Explain { .. } | Statement::ExplainTable { .. } => {
            Command::Question(Box::new(statement))
        }
        Statement::Set(set) => self::set(set)?,
        Statement::Reset(reset) => Command::Reset(match reset.reset {
            Reset::ALL => None,
            Reset::ConfigurationParameter(name) => Some(plain(&name)),
        }),
        Statement::ShowVariable { variable } => {
            let words: Vec<_> =
                variable.iter().map(|word| word.value.to_ascii_lowercase()).collect();
            match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["all"] => Command::ShowAll,
                ["transaction", "isolation", "level"] => {
                    Command::Show("transaction_isolation".into())
                }
                ["time", "zone"] => Command::Show("TimeZone".into()),
                ["session", "authorization"] => Command::Show("session_authorization".into()),
                _ => Command::Show(words.join(".")),
            }
        }
        Statement::StartTransaction { .. } => Command::Begin,
        Statement::Commit { .. } => Command::Commit,
        Statement::Rollback { savepoint: Some(_), .. } => Command::RollbackTo,
        Statement::Rollback { savepoint: None, .. } => Command::Rollback,
        Statement::Savepoint { .. } => Command::Savepoint,
        Statement::ReleaseSavepoint { .. } => Command::Release,
        Statement::Discard { object_type } => match object_type.to_string().as_str() {
            "ALL" => Command::DiscardAll,
            "PLANS" => Command::Discard("DISCARD PLANS"),
            "SEQUENCES" => Command::Discard("DISCARD SEQUENCES"),
            _ => Command::Discard("DISCARD TEMP"),
        },
        Statement::Deallocate { name, .. } => {
            let is_all = name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all");
            Command::Deallocate((!is_all).then_some(name.value))
        }
        Statement::UNLISTEN { .. } => Command::Accepted("UNLISTEN"),
        Statement::LISTEN { .. } | Statement::NOTIFY { .. } => {
            return Err(absent("notifications"));
        }
        Statement::Declare { .. } | Statement::Fetch { .. } | Statement::Close { .. } => {
            return Err(absent("cursors of SQL; a fetch size gives rows in portions, too"));
        }
        Statement::Prepare { .. } | Statement::Execute { .. } => {
            return Err(absent("PREPARE and EXECUTE; the protocol's own statements are"));
        }
        Statement::Copy { .. } => return Err(absent("COPY")),
        _ => {
            let said = crate::query::Error::ReadOnly.to_string();
            return Err(Fault::new("25006", said));
        }
    })
}

fn absent(what: &str) -> Fault {
    Fault::new("0A000", format!("not supported: {what}"))
}

fn set(set: Set) -> Result<Command, Fault> {
    let of = |name: &str, value: String, is_local| {
        Ok(Command::Set { name: name.to_owned(), value, is_local })
    };
    match set {
        Set::SingleAssignment { scope, variable, values, .. } => {
            let is_local = scope == Some(ContextModifier::Local);
            let value = values.iter().map(text).collect::<Vec<_>>().join(", ");
            let name = plain(&variable);
            match values.as_slice() {
                [Expr::Identifier(word)]
                    if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("default") =>
                {
                    Ok(Command::Reset(Some(name)))
                }
                _ => of(&name, value, is_local),
            }
        }
        Set::SetTimeZone { local, value } => of("TimeZone", text(&value), local),
        Set::SetNames { charset_name, .. } => of("client_encoding", charset_name.value, false),
        Set::SetNamesDefault {} => Ok(Command::Reset(Some("client_encoding".to_owned()))),
        Set::SetTransaction { .. } => Ok(Command::Accepted("SET")),
        Set::SetRole { role_name: None, .. } => Ok(Command::Accepted("SET")),
        other => Err(absent(&other.to_string())),
    }
}

/// A name as it is looked up.
fn plain(name: &ObjectName) -> String {
    let parts = name.0.iter().filter_map(|part| part.as_ident());
    parts.map(|part| part.value.as_str()).collect::<Vec<_>>().join(".")
}

/// A value as it is meant.
fn text(value: &Expr) -> String {
    match value {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text)
            | Value::DoubleQuotedString(text)
            | Value::EscapedStringLiteral(text) => text.clone(),
            other => other.to_string(),
        },
        Expr::Identifier(word) => word.value.clone(),
        other => other.to_string(),
    }
}

impl Command {
    /// What the client is told once it is done; a question tells how many rows there were.
    pub(super) const fn tag(&self) -> &'static str {
        match self {
            Self::Question(_) => "SELECT",
            Self::Show(_) | Self::ShowAll => "SHOW",
            Self::Set { .. } => "SET",
            Self::Reset(_) => "RESET",
            Self::Begin => "BEGIN",
            Self::Commit => "COMMIT",
            Self::Rollback | Self::RollbackTo => "ROLLBACK",
            Self::Savepoint => "SAVEPOINT",
            Self::Release => "RELEASE",
            Self::DiscardAll => "DISCARD ALL",
            Self::Deallocate(Some(_)) => "DEALLOCATE",
            Self::Deallocate(None) => "DEALLOCATE ALL",
            Self::Discard(tag) | Self::Accepted(tag) => tag,
        }
    }

    /// Whether it may be done in a transaction that failed.
    pub(super) const fn ends_failure(&self) -> bool {
        matches!(self, Self::Commit | Self::Rollback | Self::RollbackTo)
    }
}

#[cfg(test)]
mod tests;
