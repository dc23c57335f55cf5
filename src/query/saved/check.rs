//! Whether a saved question fits what it reads and what its head says, before it ever runs.
//!
//! In: the files of `queries/`. Out: every mistake, with file and line: a head that cannot be
//! read, a query that does not plan, columns that are others than declared, inputs and parameters
//! that the query does not have or has besides, a key or a test that cannot be asked. Invariants:
//! nothing is read from any log; a file with a mistake hides no other one's. Deliberately absent:
//! running a question.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::config::Dialect;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use datafusion::sql::resolve::resolve_table_references;
use futures::FutureExt as _;

use super::{SavedQuery, texts};
use crate::projection::front_matter::{FrontMatterError, Mistake};
use crate::projection::live::LiveState;
use crate::projection::sql::{
    View, column_mistakes, engine_mistakes, live_tables, one_line, session_of, stored_schema,
    table_of, views,
};
use crate::projection::tables::Tables;
use crate::query::register;
use crate::query::schemas::MadeSchema;

/// Checks every file of `queries/` against the tables and views there are. How many there are,
/// and for each that is wrong what is.
pub fn check_queries() -> (usize, Vec<FrontMatterError>) {
    let texts = texts();
    let found = check(&texts);
    (texts.len(), found)
}

/// The same for these files.
pub(super) fn check(texts: &[(String, String)]) -> Vec<FrontMatterError> {
    let context = match context(&views()) {
        Ok(context) => context,
        Err(error) => {
            let problem = format!("no engine to check it with: {}", one_line(&error));
            let mistakes = vec![Mistake { line: 1, problem }];
            return vec![FrontMatterError { file: "queries".to_owned(), mistakes }];
        }
    };
    let mut wrong = Vec::new();
    let mut names = BTreeMap::new();
    for (file, text) in texts {
        let mistakes = match SavedQuery::parse(file, text) {
            Ok(query) => {
                let mut mistakes = query_mistakes(&context, &query);
                if let Some(other) = names.insert(query.name.clone(), file) {
                    let problem = format!("{other} has the name {:?} too", query.name);
                    mistakes.push(Mistake { line: 1, problem });
                }
                mistakes
            }
            Err(error) => error.mistakes,
        };
        if !mistakes.is_empty() {
            wrong.push(FrontMatterError { file: format!("queries/{file}"), mistakes });
        }
    }
    wrong
}

/// An engine that knows every table and has no rows.
fn context(views: &[View]) -> Result<SessionContext, DataFusionError> {
    let context = session_of(&Tables::default())?;
    for view in views.iter().filter(|view| view.refused().is_none()) {
        let table = MemTable::try_new(stored_schema(view), vec![vec![]])?;
        drop(context.register_table(table_of(view), Arc::new(table))?);
    }
    let live = MadeSchema(Arc::new(live_tables(&LiveState::default())?));
    if let Some(catalog) = context.catalog("ledgerline") {
        drop(catalog.register_schema("live", Arc::new(live))?);
        drop(catalog.register_schema("system", register::system(&[])?)?);
    }
    Ok(context)
}

fn query_mistakes(context: &SessionContext, query: &SavedQuery) -> Vec<Mistake> {
    let state = context.state();
    let statement = match state.sql_to_statement(&query.sql, &Dialect::Generic) {
        Ok(statement) => statement,
        Err(error) => return engine_mistakes(&error, query.body_line),
    };
    let mut mistakes = Vec::new();
    if let Ok((tables, _)) = resolve_table_references(&statement, true) {
        let tables = tables.iter().map(|table| table.to_string().to_lowercase()).collect();
        input_mistakes(query, &tables, &mut mistakes);
    }
    let plan = match state.statement_to_plan(statement).now_or_never() {
        Some(Ok(plan)) => plan,
        Some(Err(error)) => {
            mistakes.extend(engine_mistakes(&error, query.body_line));
            return mistakes;
        }
        None => return mistakes,
    };
    mistakes.extend(column_mistakes(&query.columns, plan.schema().fields()));
    if let Ok(used) = plan.get_parameter_names() {
        let used: BTreeSet<String> =
            used.iter().map(|name| name.trim_start_matches('$').to_owned()).collect();
        param_mistakes(query, &used, &mut mistakes);
    }
    if mistakes.is_empty() {
        test_mistakes(context, query, &mut mistakes);
    }
    mistakes.sort();
    mistakes
}

/// Tables that `inputs` names and the query does not read, or the other way round.
fn input_mistakes(query: &SavedQuery, tables: &BTreeSet<String>, mistakes: &mut Vec<Mistake>) {
    let line = query.inputs.first().map_or(1, |input| input.line);
    for table in tables.iter().filter(|table| !query.inputs.iter().any(|it| it.value == **table)) {
        let problem = format!("the query reads {table}, which `inputs` does not name");
        mistakes.push(Mistake { line, problem });
    }
    for input in query.inputs.iter().filter(|input| !tables.contains(&input.value)) {
        let problem = format!("`inputs` names {}, which the query does not read", input.value);
        mistakes.push(Mistake { line: input.line, problem });
    }
}

fn param_mistakes(query: &SavedQuery, used: &BTreeSet<String>, mistakes: &mut Vec<Mistake>) {
    let said: BTreeSet<String> = query.params.iter().map(|param| param.name.clone()).collect();
    let line = query.params_line;
    for name in used.difference(&said) {
        let problem = format!("the query takes ${name}, which `params` does not name");
        mistakes.push(Mistake { line, problem });
    }
    for name in said.difference(used) {
        let problem = format!("`params` names {name}, which the query does not take");
        mistakes.push(Mistake { line, problem });
    }
}

/// Tests that cannot be asked of rows with the declared columns.
fn test_mistakes(context: &SessionContext, query: &SavedQuery, mistakes: &mut Vec<Mistake>) {
    for test in &query.tests {
        let asked = query.test_sql(&test.value);
        let planned = context.state().create_logical_plan(&asked).now_or_never();
        if let Some(Err(error)) = planned {
            let problem = format!("{}: {}", test.value.text(), one_line(&error));
            mistakes.push(Mistake { line: test.line, problem });
        }
    }
}
