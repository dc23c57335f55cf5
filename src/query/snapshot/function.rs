//! `as_of('attempts', '1200')`: one table as of a moment of its own.
//!
//! In: a table's name and a moment. Out: the table, where it was made; else what is to be made
//! before the question is understood anew, as the engine asks for tables without waiting.

use std::sync::Arc;

use datafusion::catalog::TableFunctionImpl;
use datafusion::common::plan_err;
use datafusion::datasource::TableProvider;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Expr;
use datafusion::scalar::ScalarValue;
use futures::FutureExt as _;

use super::{Need, Past};
use crate::query::as_of::{AsOf, AsOfError};

/// The function, over the moments that are kept.
pub(super) struct AsOfFunction(pub(super) Past);

impl std::fmt::Debug for AsOfFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("as_of")
    }
}

/// The tables of a moment are not made yet: the error that says so to who plans.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the tables as of {as_of} are not made yet")]
pub(in crate::query) struct Wanted {
    pub(in crate::query) as_of: AsOf,
    pub(in crate::query) need: Need,
}

impl Wanted {
    /// The moment that planning failed for.
    pub(in crate::query) fn of(error: &DataFusionError) -> Option<Self> {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if let Some(wanted) = error.downcast_ref::<Self>() {
                return Some(wanted.clone());
            }
            if let Some(DataFusionError::External(inner)) = error.downcast_ref()
                && let Some(wanted) = inner.downcast_ref::<Self>()
            {
                return Some(wanted.clone());
            }
            cause = error.source();
        }
        None
    }
}

impl TableFunctionImpl for AsOfFunction {
    fn call(&self, args: &[Expr]) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        let (Some(table), Some(moment), 2) =
            (args.first().and_then(text), args.get(1).and_then(text), args.len())
        else {
            return plan_err!(
                "as_of wants a table and a moment, such as as_of('attempts', '1200') or as_of('attempts', '2026-11-21T09:30:00Z')"
            );
        };
        let Ok(as_of) = moment.parse::<AsOf>() else {
            return plan_err!("{}", AsOfError);
        };
        let (schema, name) = table.rsplit_once('.').unwrap_or(("public", &table));
        let need = Need::table(schema, name);
        let Some(moment) = self.0.get(as_of).filter(|moment| moment.has(&need)) else {
            return Err(DataFusionError::External(Box::new(Wanted { as_of, need })));
        };
        let schemas = moment.schemas();
        let schema = schemas.iter().find(|(known, _)| known == schema).map(|(_, schema)| schema);
        // Tables in memory are there at once.
        let found = schema.and_then(|schema| schema.table(name).now_or_never()?.ok().flatten());
        found.map_or_else(|| plan_err!("as_of: there is no table {table}"), Ok)
    }
}

fn text(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Literal(ScalarValue::Utf8(Some(text)), _) => Some(text.clone()),
        Expr::Literal(ScalarValue::Int64(Some(number)), _) => Some(number.to_string()),
        _ => None,
    }
}
