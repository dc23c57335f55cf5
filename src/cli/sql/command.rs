//! What the shell understands beside questions.
//!
//! In: a line that begins with `\`, or a statement that sets something. Out: what is meant, or
//! what would be right.

use crate::query::Encoding;

/// The commands, as `\?` tells them.
pub(super) const HELP: &[(&str, &str)] = &[
    ("\\d", "list tables and views"),
    ("\\dv", "list views"),
    ("\\d TABLE", "tell the columns of a table, and what they mean"),
    (
        "\\as_of [MOMENT]",
        "ask as of a position or a time from now on; `head` goes back to the present",
    ),
    ("\\timing [on|off]", "tell how long each question took"),
    ("\\x [on|off]", "one line for each value"),
    ("\\format [table|csv|json]", "how rows are printed"),
    ("\\?", "this list"),
    ("\\q", "leave, as Ctrl-D does"),
    ("SET name = value;", "a setting: as_of or statement_timeout; SHOW name tells it"),
];

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Help,
    Quit,
    /// Tables and views, or views only.
    List {
        is_views: bool,
    },
    Describe(String),
    /// Told where there is no moment.
    AsOf(Option<String>),
    Timing(Option<bool>),
    Expanded(Option<bool>),
    /// Told where there is none.
    Format(Option<Shape>),
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Shape {
    #[default]
    Table,
    Csv,
    Json,
}

impl Shape {
    /// The document it is, where it is one.
    pub(super) const fn encoding(self) -> Option<Encoding> {
        match self {
            Self::Table => None,
            Self::Csv => Some(Encoding::Csv),
            Self::Json => Some(Encoding::Json),
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }
}

/// A statement about settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    Set { name: String, value: String },
    Show(String),
}

impl Command {
    /// Understands a line that begins with `\`.
    pub(super) fn parse(line: &str) -> Result<Self, String> {
        let line = line.trim().trim_end_matches(';').trim_end();
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = Some(rest.trim()).filter(|rest| !rest.is_empty()).map(str::to_owned);
        let command = match (name, rest) {
            ("\\?" | "\\h" | "\\help", _) => Self::Help,
            ("\\q" | "\\quit", _) => Self::Quit,
            ("\\d", Some(table)) => Self::Describe(table),
            ("\\d" | "\\dt", _) => Self::List { is_views: false },
            ("\\dv", _) => Self::List { is_views: true },
            ("\\as_of", moment) => Self::AsOf(moment.map(|text| unquoted(&text))),
            ("\\timing", to) => Self::Timing(switch(name, to)?),
            ("\\x", to) => Self::Expanded(switch(name, to)?),
            ("\\format", None) => Self::Format(None),
            ("\\format", Some(shape)) => Self::Format(Some(match shape.as_str() {
                "table" => Shape::Table,
                "csv" => Shape::Csv,
                "json" => Shape::Json,
                other => return Err(format!("\\format {other}: wanted table, csv or json")),
            })),
            (unknown, _) => return Err(format!("{unknown}: is unknown; \\? lists the commands")),
        };
        Ok(command)
    }
}

fn switch(name: &str, to: Option<String>) -> Result<Option<bool>, String> {
    match to.as_deref() {
        None => Ok(None),
        Some("on") => Ok(Some(true)),
        Some("off") => Ok(Some(false)),
        Some(other) => Err(format!("{name} {other}: wanted on or off")),
    }
}

impl Setting {
    /// Understands `SET name = value`, `SET name TO value`, `RESET as_of` and `SHOW name`.
    pub(super) fn parse(statement: &str) -> Option<Self> {
        let (verb, rest) = statement.trim().split_once(char::is_whitespace)?;
        let rest = rest.trim();
        match verb.to_ascii_lowercase().as_str() {
            "set" => {
                let end = rest.find(|c: char| c == '=' || c.is_whitespace())?;
                let (name, value) = rest.split_at_checked(end)?;
                let value = value.trim_start();
                let value = value
                    .strip_prefix('=')
                    .or_else(|| value.strip_prefix("to ").or_else(|| value.strip_prefix("TO ")))?;
                Some(Self::Set { name: name.to_owned(), value: unquoted(value.trim()) })
            }
            "reset" if rest == "as_of" => {
                Some(Self::Set { name: rest.to_owned(), value: "head".to_owned() })
            }
            "show" if rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
                Some(Self::Show(rest.to_owned()))
            }
            _ => None,
        }
    }
}

fn unquoted(text: &str) -> String {
    let inner = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    inner.map_or_else(|| text.to_owned(), |inner| inner.replace("''", "'"))
}
