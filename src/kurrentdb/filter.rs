//! Which events a reader wants, decided here so that the others need not travel.
//!
//! In: a regular expression or beginnings, over stream names or event types. Out: yes or no.
//! Invariants: an expression that is too costly on some text does not hold up the server: its
//! steps are bounded, and what is not decided within them is an error, never a missing event.
//! Deliberately absent: looking into the data.

use fancy_regex::{Regex, RegexBuilder};

use super::messages::streams::read_req::{Expression, Filter, FilterOptions, Window};
use crate::event::Recorded;

/// Steps an expression may take on one name. Names have at most 255 bytes.
const STEPS_MAX: usize = 100_000;
/// Bytes an expression may have.
const EXPRESSION_MAX: usize = 16 << 10;
/// Events looked at for one checkpoint interval, where the reader does not say.
const WINDOW: u32 = 32;

/// A filter that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FilterError {
    /// Nothing to look at.
    #[error("read filter: it names neither stream nor event type")]
    Nothing,
    /// Longer than any that is meant well.
    #[error("read filter: the expression has {0} bytes, at most {EXPRESSION_MAX} are possible")]
    TooLong(usize),
    /// Not an expression.
    #[error("read filter: the regular expression is not understood: {0}")]
    Expression(#[source] Box<fancy_regex::Error>),
    /// Too many steps.
    #[error("filter: the regular expression takes too many steps on {text:?}")]
    TooCostly { text: String },
}

/// A filter.
#[derive(Debug)]
pub(crate) struct EventFilter {
    subject: Subject,
    rule: Rule,
    /// Events looked at between two checkpoints.
    pub(crate) checkpoint_interval: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Stream,
    Type,
}

#[derive(Debug)]
enum Rule {
    Prefixes(Vec<String>),
    Expression(Box<Regex>),
}

impl EventFilter {
    /// Reads what a client sent.
    ///
    /// # Errors
    /// See [`FilterError`].
    pub(crate) fn of(options: &FilterOptions) -> Result<Self, FilterError> {
        let (subject, expression) = match &options.filter {
            Some(Filter::StreamIdentifier(expression)) => (Subject::Stream, expression),
            Some(Filter::EventType(expression)) => (Subject::Type, expression),
            None => return Err(FilterError::Nothing),
        };
        let window = match options.window {
            Some(Window::Max(max)) if max > 0 => max,
            _ => WINDOW,
        };
        let multiplier = options.checkpoint_interval_multiplier.max(1);
        Ok(Self {
            subject,
            rule: Rule::of(expression)?,
            checkpoint_interval: u64::from(window) * u64::from(multiplier),
        })
    }

    /// Whether the reader wants this event.
    ///
    /// # Errors
    /// [`FilterError::TooCostly`].
    pub(crate) fn wants(&self, event: &Recorded) -> Result<bool, FilterError> {
        let text = match self.subject {
            Subject::Stream => event.stream.as_str(),
            Subject::Type => &event.event_type,
        };
        match &self.rule {
            Rule::Prefixes(prefixes) => {
                Ok(prefixes.iter().any(|prefix| text.starts_with(prefix.as_str())))
            }
            Rule::Expression(expression) => expression
                .is_match(text)
                .map_err(|_| FilterError::TooCostly { text: text.to_owned() }),
        }
    }
}

impl Rule {
    fn of(expression: &Expression) -> Result<Self, FilterError> {
        let bytes =
            expression.regex.len() + expression.prefix.iter().map(String::len).sum::<usize>();
        if bytes > EXPRESSION_MAX {
            return Err(FilterError::TooLong(bytes));
        }
        if expression.regex.is_empty() {
            return Ok(Self::Prefixes(expression.prefix.clone()));
        }
        let regex = RegexBuilder::new(&expression.regex).backtrack_limit(STEPS_MAX).build();
        Ok(Self::Expression(Box::new(
            regex.map_err(|error| FilterError::Expression(Box::new(error)))?,
        )))
    }
}

#[cfg(test)]
mod tests;
