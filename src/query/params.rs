//! What is bound to the parameters of a question. Never pasted into its text.

use datafusion::common::ParamValues;
use datafusion::scalar::ScalarValue;
use serde_json::Value;

use super::Error;

/// Values by name for `$name`, or in order for `$1`.
#[derive(Clone, Debug)]
pub struct Params(pub(super) ParamValues);

impl Default for Params {
    /// None.
    fn default() -> Self {
        Self(ParamValues::from(Vec::<(String, ScalarValue)>::new()))
    }
}

impl Params {
    /// Texts by name.
    pub fn texts(values: Vec<(String, String)>) -> Self {
        let values = values.into_iter().map(|(name, value)| (name, ScalarValue::from(value)));
        Self(ParamValues::from(values.collect::<Vec<_>>()))
    }

    /// An object for `$name`, a list for `$1`, of texts, numbers, booleans and nulls.
    ///
    /// # Errors
    /// [`Error::Setting`] for anything else.
    pub fn from_json(given: Value) -> Result<Self, Error> {
        let values = match given {
            Value::Null => return Ok(Self::default()),
            Value::Array(values) => {
                let values = values.into_iter().map(scalar).collect::<Result<Vec<_>, _>>()?;
                ParamValues::from(values)
            }
            Value::Object(values) => {
                let pair = |(name, value)| Ok((name, scalar(value)?));
                let values = values.into_iter().map(pair).collect::<Result<Vec<_>, Error>>()?;
                ParamValues::from(values)
            }
            _ => return Err(wrong("wanted an object for $name, or a list for $1")),
        };
        Ok(Self(values))
    }
}

fn wrong(problem: &str) -> Error {
    Error::Setting { name: "params".to_owned(), problem: problem.to_owned() }
}

fn scalar(value: Value) -> Result<ScalarValue, Error> {
    match value {
        Value::Null => Ok(ScalarValue::Null),
        Value::Bool(value) => Ok(ScalarValue::from(value)),
        Value::String(text) => Ok(ScalarValue::from(text)),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Ok(ScalarValue::from(whole)),
            (None, Some(number)) => Ok(ScalarValue::from(number)),
            (None, None) => Err(wrong("wanted numbers that fit into 64 bits")),
        },
        Value::Array(_) | Value::Object(_) => {
            Err(wrong("wanted texts, numbers, booleans and nulls as values"))
        }
    }
}
