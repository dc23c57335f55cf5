//! Values that a client bound to `$1`, `$2`, as the engine takes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_pg::datatypes::df::deserialize_parameters;
use arrow_pg::datatypes::into_pg_type;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ParamValues;
use pgwire::api::Type;
use pgwire::api::portal::Portal;
use pgwire::api::stmt::StoredStatement;
use pgwire::messages::extendedquery;

use super::fault::Fault;
use super::frontend::Bind;
use crate::query::Params;

/// What the parameters of a statement are.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// As the engine needs them, where that follows from the statement.
    engine: Vec<Option<DataType>>,
    /// As the client said it sends them, or else as it should.
    wire: Vec<Type>,
}

impl Wanted {
    /// From the parameters that the engine found, by name, and the types the client declared.
    pub(super) fn new(
        found: &BTreeMap<String, Option<DataType>>,
        declared: &[u32],
    ) -> Result<Self, Fault> {
        let mut engine = Vec::new();
        for (name, kind) in found {
            let number = name.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok());
            let Some(at) =
                number.and_then(|number| number.checked_sub(1)).filter(|at| *at < 65_535)
            else {
                return Err(Fault::new("42P02", format!("there is no parameter {name}")));
            };
            if engine.len() <= at {
                engine.resize(at + 1, None);
            }
            if let Some(place) = engine.get_mut(at) {
                kind.clone_into(place);
            }
        }
        let count = engine.len().max(declared.len());
        engine.resize(count, None);
        let declared = |at: usize| {
            let declared = declared.get(at).filter(|oid| **oid != 0);
            declared.and_then(|oid| Type::from_oid(*oid)).filter(|kind| *kind != Type::UNKNOWN)
        };
        let wire = engine.iter().enumerate().map(|(at, kind)| {
            let inferred = || kind.as_ref().and_then(|kind| into_pg_type(kind).ok());
            declared(at).or_else(inferred).filter(|kind| *kind != Type::UNKNOWN)
        });
        let wire = wire.map(|kind| kind.unwrap_or(Type::TEXT)).collect();
        Ok(Self { engine, wire })
    }

    /// As a client is told.
    pub(super) fn oids(&self) -> Vec<u32> {
        self.wire.iter().map(Type::oid).collect()
    }

    /// The values of a bind.
    pub(super) fn values(&self, bind: &Bind) -> Result<Params, Fault> {
        let (given, wanted) = (bind.values.len(), self.wire.len());
        if given != wanted {
            let said = format!(
                "bind message supplies {given} parameters, but prepared statement {:?} requires {wanted}",
                bind.statement
            );
            return Err(Fault::new("08P01", said));
        }
        if bind.formats.len() > 1 && bind.formats.len() != given {
            let said = format!(
                "bind message has {} parameter formats but {given} parameters",
                bind.formats.len()
            );
            return Err(Fault::new("08P01", said));
        }
        if given == 0 {
            return Ok(Params::default());
        }
        let types = self.wire.iter().cloned().map(Some).collect();
        let statement = Arc::new(StoredStatement::new(String::new(), (), types));
        let (formats, values) = (bind.formats.clone(), bind.values.clone());
        let message = extendedquery::Bind::new(None, None, formats, values, Vec::new());
        let portal = Portal::try_new(&message, statement)?;
        let ParamValues::List(values) = deserialize_parameters(&portal, &[])? else {
            return Err(Fault::new("XX000", "parameters are not in order"));
        };
        let mut cast = Vec::with_capacity(given);
        for (at, (value, kind)) in values.into_iter().zip(&self.engine).enumerate() {
            let value = value.value;
            cast.push(match kind {
                Some(kind) => value.cast_to(kind).map_err(|error| {
                    Fault::new("22P02", format!("parameter ${}: {error}", at + 1))
                })?,
                None => value,
            });
        }
        Ok(Params(ParamValues::from(cast)))
    }
}

#[cfg(test)]
mod tests;
