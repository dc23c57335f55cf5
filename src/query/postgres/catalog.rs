//! The catalogue that clients of PostgreSQL ask for: `pg_catalog`, `information_schema`, the
//! functions over them, and the rewriting of what the engine's own dialect does not have.
//!
//! Invariant: a table's number stays the same while the server runs, as clients ask for a table
//! by the number they were given before. Deliberately absent: everything that would have to be
//! made up. There are no indexes, keys and sequences, so these tables are empty.

mod description;
mod functions;
mod information_schema;
mod overlay;
mod rewrite;

use std::sync::Arc;

use datafusion::catalog::TableFunctionImpl;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::sqlparser::ast::Statement;
use datafusion_pg_catalog::pg_catalog::context::EmptyContextProvider;
use datafusion_pg_catalog::pg_catalog::generate_series_arg_coercion::CoerceIntArgsToBigInt;
use datafusion_pg_catalog::pg_catalog::oid_type_planner::PgOidTypePlanner;
use datafusion_pg_catalog::pg_catalog::setup_pg_catalog;
use datafusion_pg_catalog::sql::PostgresCompatibilityParser;

use self::overlay::{Live, Overlay};
use super::connection::Connection;
use super::fault::Fault;
use crate::query::session::Dialect;

/// The one database.
pub(super) const DATABASE: &str = "ledgerline";

/// What all connections share of it.
pub(super) struct Catalog {
    parser: PostgresCompatibilityParser,
    live: Arc<Live>,
    functions: Vec<Arc<ScalarUDF>>,
    table_functions: Vec<(String, Arc<dyn TableFunctionImpl>)>,
}

impl Catalog {
    /// Loads the tables that are the same in every PostgreSQL.
    pub(super) fn new() -> Result<Self, DataFusionError> {
        let config = SessionConfig::new()
            .with_default_catalog_and_schema(DATABASE, "public")
            .with_create_default_catalog_and_schema(false);
        let plain = SessionContext::new_with_config(config.clone());
        let full = SessionContext::new_with_config(config);
        let live = Arc::new(Live::default());
        drop(full.register_catalog(DATABASE, live.clone()));
        setup_pg_catalog(&full, DATABASE, EmptyContextProvider).map_err(|error| *error)?;
        let (plain, full) = (plain.state(), full.state());
        let added = full.scalar_functions().iter();
        let added = added.filter(|(name, _)| !plain.scalar_functions().contains_key(*name));
        let mut functions: Vec<_> = added.map(|(_, function)| function.clone()).collect();
        functions.extend(functions::constant().into_iter().map(Arc::new));
        let names = full.table_functions().iter();
        let added = names.filter(|(name, _)| !plain.table_functions().contains_key(*name));
        let table_functions =
            added.map(|(name, function)| (name.clone(), function.function().clone())).collect();
        Ok(Self { parser: PostgresCompatibilityParser::new(), live, functions, table_functions })
    }

    /// The statements of a text, rewritten for the engine.
    pub(super) fn parse(&self, sql: &str) -> Result<Vec<Statement>, Fault> {
        let parsed = self.parser.parse(&rewrite::of_drivers(sql));
        let mut statements = parsed.map_err(|error| Fault::new("42601", error.to_string()))?;
        statements.iter_mut().for_each(rewrite::rewrite);
        Ok(statements)
    }

    /// What a connection adds to the engine.
    pub(super) fn dialect<'a>(&'a self, connection: &'a Connection) -> PgDialect<'a> {
        PgDialect { catalog: self, connection }
    }
}

/// The engine for one connection.
pub(super) struct PgDialect<'a> {
    catalog: &'a Catalog,
    connection: &'a Connection,
}

impl Dialect for PgDialect<'_> {
    fn adapt(&self, context: SessionContext) -> Result<SessionContext, DataFusionError> {
        let Catalog { live, functions, table_functions, .. } = self.catalog;
        let state = context.state();
        let tables = context.catalog(DATABASE).ok_or_else(|| {
            DataFusionError::Internal(format!("there is no catalogue {DATABASE}"))
        })?;
        live.follow(tables.clone());
        let mut config = state.config().clone().with_information_schema(false);
        config.options_mut().sql_parser.dialect = datafusion::config::Dialect::PostgreSQL;
        let catalogs = Arc::new(datafusion::catalog::MemoryCatalogProviderList::new());
        let context = SessionContext::new_with_state(
            SessionStateBuilder::new_from_existing(state)
                .with_config(config)
                .with_catalog_list(catalogs)
                .with_type_planner(Arc::new(PgOidTypePlanner))
                .build(),
        );
        let overlay = Overlay::new(tables, live.clone());
        drop(context.register_catalog(DATABASE, Arc::new(overlay)));
        for function in functions {
            context.register_udf(function.as_ref().clone());
        }
        for (name, function) in table_functions {
            context.register_udtf(name, function.clone());
        }
        CoerceIntArgsToBigInt::widen(&context);
        let Connection { caller, settings, cancel, .. } = self.connection;
        for function in functions::of_connection(caller.name(), settings, cancel.pid) {
            context.register_udf(function);
        }
        Ok(context)
    }
}

#[cfg(test)]
mod tests;
