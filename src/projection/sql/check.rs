//! Whether a view's query fits what it reads and what its head says, before it ever runs.
//!
//! In: views as their files say. Out: the same views, each refused or planned, with its rank in
//! the order they are made in and a definition that its inputs count in. Invariants: every
//! mistake names a line of the file; a refused view refuses its readers and nobody else; nothing
//! is read from any log. Deliberately absent: running a query.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use datafusion::arrow::datatypes::{Fields, Schema};
use datafusion::common::{Diagnostic, TableReference};
use datafusion::config::Dialect;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Volatility;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::{
    Expr, ObjectName, SelectItem, SetExpr, Spanned as _, Statement as Ast, Visit as _, Visitor,
};
use futures::FutureExt as _;

use super::compute::{normalised_type, stored_schema};
use super::{one_line, session_of};
use crate::projection::front_matter::Mistake;
use crate::projection::graph;
use crate::projection::tables::Tables;
use crate::projection::view::{
    Column, ColumnKind, DataTest, View, Width, definition_with, parse_all,
};

/// The files that were checked last, and what came of it: planning all of them takes a while.
static CHECKED: Mutex<Vec<(View, View)>> = Mutex::new(Vec::new());

/// All views, by layer and name, each checked. A refused one is among them.
pub fn views() -> Vec<View> {
    let parsed = parse_all();
    let mut known = CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
    if !known.iter().map(|(parsed, _)| parsed).eq(&parsed) {
        let views = checked(parsed.clone());
        for refused in views.iter().filter_map(View::refused) {
            tracing::warn!(%refused, "a view is refused; what was stored of it serves on");
        }
        *known = parsed.into_iter().zip(views).collect();
    }
    known.iter().map(|(_, checked)| checked.clone()).collect()
}

/// Checks views against each other and against the base tables.
pub(crate) fn checked(mut views: Vec<View>) -> Vec<View> {
    let context = match session_of(&Tables::default()) {
        Ok(context) => context,
        Err(error) => {
            for view in &mut views {
                view.refuse(1, format!("no engine to check it with: {}", one_line(&error)));
            }
            return views;
        }
    };
    let names: BTreeSet<String> = views.iter().map(View::table).collect();
    let mut statements = BTreeMap::new();
    let mut reads = BTreeMap::new();
    for view in &mut views {
        let Some(statement) = parse(&context, view) else { continue };
        let tables = tables(view, &statement);
        let inputs = tables.into_iter().filter(|table| names.contains(table)).collect();
        reads.insert(view.table(), inputs);
        statements.insert(view.table(), statement);
    }
    let order = graph::order(&reads);
    for cycle in &order.cycles {
        refuse_cycle(&mut views, cycle);
    }
    let places: BTreeMap<String, usize> =
        views.iter().enumerate().map(|(place, view)| (view.table(), place)).collect();
    for (rank, name) in order.names.iter().enumerate() {
        let Some(place) = places.get(name) else { continue };
        // What it reads stands before it in the order.
        let inputs: BTreeMap<String, View> = reads
            .get(name)
            .into_iter()
            .flatten()
            .filter_map(|input| Some((input.clone(), views.get(*places.get(input)?)?.clone())))
            .collect();
        let (Some(view), Some(statement)) = (views.get_mut(*place), statements.remove(name)) else {
            continue;
        };
        view.rank = rank;
        check_inputs(&context, view, &inputs);
        if view.refusal.is_empty() {
            check_plan(&context, view, statement);
        }
        let definitions: Vec<String> =
            inputs.values().map(|input| input.definition.clone()).collect();
        view.definition = definition_with(&view.definition, &definitions);
    }
    views
}

/// The statement of a view's query, where it is one question.
fn parse(context: &SessionContext, view: &mut View) -> Option<Statement> {
    if view.sql.is_empty() {
        return None;
    }
    let statement = context.state().sql_to_statement(&view.sql, &Dialect::Generic);
    let statement = match statement {
        Ok(statement) => statement,
        Err(error) => {
            refuse_error(view, &error);
            return None;
        }
    };
    let Statement::Statement(inner) = &statement else {
        view.refuse(view.body_line, "the query must be one `select`".to_owned());
        return None;
    };
    let Ast::Query(query) = inner.as_ref() else {
        view.refuse(view.body_line, "the query must be one `select`".to_owned());
        return None;
    };
    let mut found = Vec::new();
    if let SetExpr::Select(select) = query.body.as_ref() {
        for item in &select.projection {
            if matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)) {
                let problem = "`select *` says nothing of the columns; name each".to_owned();
                found.push((item.span().start.line, problem));
            }
        }
    }
    let mut visitor = Functions { context, found };
    let ControlFlow::Continue(()) = query.visit(&mut visitor) else { return None };
    for (line, problem) in visitor.found {
        let line = file_line(view, line);
        view.refuse(line, problem);
    }
    Some(statement)
}

/// Looks for functions that do not follow from the rows alone.
struct Functions<'a> {
    context: &'a SessionContext,
    /// Lines of the query, from 1.
    found: Vec<(u64, String)>,
}

impl Visitor for Functions<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expression {
            let name = function.name.to_string().to_lowercase();
            let state = self.context.state();
            let volatility = state
                .scalar_functions()
                .get(&name)
                .map(|known| known.signature().volatility)
                .or_else(|| {
                    state.aggregate_functions().get(&name).map(|it| it.signature().volatility)
                });
            if volatility.is_some_and(|volatility| volatility != Volatility::Immutable) {
                let problem = format!(
                    "{name}() gives another value each time; a view follows from its rows alone"
                );
                self.found.push((function.name.span().start.line, problem));
            }
        }
        ControlFlow::Continue(())
    }
}

/// Where tables are named.
#[derive(Default)]
struct Relations(BTreeMap<String, u64>);

impl Visitor for Relations {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let line = relation.span().start.line;
        self.0.entry(relation.to_string().to_lowercase()).or_insert(line);
        ControlFlow::Continue(())
    }
}

/// What the query reads; the head's inputs must say the same.
fn tables(view: &mut View, statement: &Statement) -> BTreeSet<String> {
    let Ok((references, _)) = resolve_table_references(statement, true) else {
        return BTreeSet::new();
    };
    let tables: BTreeSet<String> =
        references.iter().map(TableReference::to_string).map(|it| it.to_lowercase()).collect();
    let mut relations = Relations::default();
    if let Statement::Statement(statement) = statement {
        let _: ControlFlow<()> = statement.visit(&mut relations);
    }
    let said: BTreeSet<String> = view.inputs.iter().map(|input| input.table.clone()).collect();
    if said.is_empty() {
        return tables;
    }
    for table in tables.difference(&said) {
        let line = file_line(view, relations.0.get(table).copied().unwrap_or_default());
        let problem = format!("reads {table}, which `inputs` does not name");
        view.refuse(line, problem);
    }
    for input in view.inputs.clone() {
        if !tables.contains(&input.table) {
            let problem = format!("`inputs` names {}, which the query does not read", input.table);
            view.refuse(input.line, problem);
        }
    }
    tables
}

/// The line of the file that is a line of the query, from 1; 0 is no line.
fn file_line(view: &View, line: u64) -> usize {
    view.body_line + usize::try_from(line).unwrap_or_default().saturating_sub(1)
}

fn refuse_cycle(views: &mut [View], cycle: &[String]) {
    let file = |name: &String| format!("projections/{}.sql", name.replace('.', "/"));
    let way = cycle.iter().chain(cycle.first()).map(file).collect::<Vec<_>>().join(" → ");
    for (place, name) in cycle.iter().enumerate() {
        let next = cycle.get(place + 1).or_else(|| cycle.first());
        let Some(view) = views.iter_mut().find(|view| view.table() == *name) else { continue };
        let line = view.inputs.iter().find(|input| Some(&input.table) == next);
        let line = line.map_or(view.body_line, |input| input.line);
        view.refuse(line, format!("reads itself: {way}"));
    }
}

/// Whether each input is there, has the column, and can be read by windows like these.
fn check_inputs(context: &SessionContext, view: &mut View, inputs: &BTreeMap<String, View>) {
    for input in view.inputs.clone() {
        let line = input.line;
        if let Some(other) = inputs.get(&input.table) {
            if !other.refusal.is_empty() {
                view.refuse(line, format!("reads {}, which is refused", input.table));
                continue;
            }
            if !view.width.can_read(other.width) {
                let (own, others) = (view.width.as_str(), other.width.as_str());
                let problem = format!(
                    "its windows are {own}, but {} has {others}; read something finer",
                    input.table
                );
                view.refuse(line, problem);
            }
            let by_time = view.width.micros().is_some();
            if by_time && (input.from != other.window || input.until.is_some()) {
                let problem =
                    format!("a view is read by its window; say {}.{}", input.table, other.window);
                view.refuse(line, problem);
            }
            if let Some(kept) = other.retention
                && view.retention.is_none_or(|own| own > kept)
            {
                let problem = format!(
                    "{} forgets after {kept}; keep no more here, or read what it reads",
                    input.table
                );
                view.refuse(line, problem);
            }
        }
        let Some(schema) = columns_of(context, &input.table) else {
            let known = known_tables(context, inputs);
            view.refuse(line, format!("there is no table {:?}; known: {known}", input.table));
            continue;
        };
        for column in std::iter::once(&input.from).chain(&input.until) {
            let wanted = match view.width {
                Width::Minute | Width::Hour | Width::Day | Width::Week => Some(ColumnKind::Moment),
                Width::Bucket => Some(ColumnKind::Text),
                Width::Whole => None,
            };
            match schema.field_with_name(column) {
                Err(_) => {
                    view.refuse(line, format!("{} has no column {column:?}", input.table));
                }
                Ok(field) => {
                    let is = kind(field.data_type());
                    if let Some(wanted) = wanted.filter(|wanted| Some(*wanted) != is) {
                        let problem = format!(
                            "{}.{column} decides the window, so it must be {}",
                            input.table,
                            wanted.as_str()
                        );
                        view.refuse(line, problem);
                    }
                }
            }
        }
    }
}

/// The kind of a column as it would be stored; nothing for a type that is not stored.
fn kind(data_type: &datafusion::arrow::datatypes::DataType) -> Option<ColumnKind> {
    let stored = normalised_type(data_type);
    ColumnKind::ALL.into_iter().find(|kind| super::compute::arrow_type(*kind) == stored)
}

fn columns_of(context: &SessionContext, table: &str) -> Option<std::sync::Arc<Schema>> {
    // Tables in memory are there at once.
    let provider = context.table_provider(TableReference::parse_str(table)).now_or_never()?.ok()?;
    Some(provider.schema())
}

fn known_tables(context: &SessionContext, inputs: &BTreeMap<String, View>) -> String {
    let catalog = context.catalog("ledgerline");
    let public = catalog.and_then(|catalog| catalog.schema("public"));
    let mut known = public.map(|schema| schema.table_names()).unwrap_or_default();
    known.extend(inputs.keys().cloned());
    known.sort();
    known.join(", ")
}

/// Plans the query, and compares its result with the columns of the head.
fn check_plan(context: &SessionContext, view: &mut View, statement: Statement) {
    let planned = context.state().statement_to_plan(statement).now_or_never();
    let plan = match planned {
        Some(Ok(plan)) => plan,
        Some(Err(error)) => return refuse_error(view, &error),
        None => return view.refuse(view.body_line, "its tables are not in memory".to_owned()),
    };
    for mistake in column_mistakes(&view.columns, plan.schema().fields()) {
        view.refuse(mistake.line, mistake.problem);
    }
    if view.refusal.is_empty() {
        check_tests(context, view);
    }
}

/// Where what a query gives is not what its head declares.
pub(crate) fn column_mistakes(columns: &[Column], fields: &Fields) -> Vec<Mistake> {
    let told: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    let said: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let first = columns.first().map_or(1, |column| column.line);
    let one = |line, problem| vec![Mistake { line, problem }];
    if let Some(column) = columns.iter().find(|it| !told.contains(&it.name.as_str())) {
        let (name, told) = (&column.name, told.join(", "));
        return one(column.line, format!("column {name:?} is not in the query; it has {told}"));
    }
    if let Some(name) = told.iter().find(|name| !said.contains(name)) {
        let problem = format!("the query gives {name:?}, which `columns` does not name");
        return one(first, problem);
    }
    if told != said {
        let told = told.join(", ");
        return one(first, format!("columns stand in another order than in the query: {told}"));
    }
    let mut mistakes = Vec::new();
    for (column, field) in columns.iter().zip(fields) {
        let is = kind(field.data_type());
        if is != Some(column.kind) {
            let is = is.map_or_else(|| field.data_type().to_string(), |it| it.as_str().to_owned());
            let problem = format!(
                "column {:?} is declared {}, but the query gives {is}",
                column.name,
                column.kind.as_str()
            );
            mistakes.push(Mistake { line: column.line, problem });
        }
    }
    mistakes
}

/// Makes the view known, and plans what must hold for it.
fn check_tests(context: &SessionContext, view: &mut View) {
    let table = MemTable::try_new(stored_schema(view), vec![vec![]]);
    let name = TableReference::parse_str(&view.table());
    let registered =
        table.and_then(|table| context.register_table(name, std::sync::Arc::new(table)));
    if let Err(error) = registered {
        return refuse_error(view, &error);
    }
    for test in view.tests.clone() {
        // Another view may stand later in the order.
        if matches!(&test.value, DataTest::Relationship { table, .. } if table.contains('.')) {
            continue;
        }
        let state = context.state();
        let planned = state.create_logical_plan(&test.value.sql(&view.table())).now_or_never();
        if let Some(Err(error)) = planned {
            view.refuse(test.line, format!("{}: {}", test.value.text(), one_line(&error)));
        }
    }
}

/// Refuses a view for what the engine says, at the lines it says it of.
fn refuse_error(view: &mut View, error: &DataFusionError) {
    for mistake in engine_mistakes(error, view.body_line) {
        view.refuse(mistake.line, mistake.problem);
    }
}

/// What the engine says of a query that begins on a line of its file.
pub(crate) fn engine_mistakes(error: &DataFusionError, body_line: usize) -> Vec<Mistake> {
    let mistake = |error: &DataFusionError| {
        let problem = one_line(error);
        let line = match error.diagnostic() {
            Some(Diagnostic { span: Some(span), .. }) => span.start.line,
            _ => told_line(&problem),
        };
        let line = body_line + usize::try_from(line).unwrap_or_default().saturating_sub(1);
        Mistake { line, problem }
    };
    error.iter().map(mistake).collect()
}

/// The line that the parser names in its text; 0 where it names none.
fn told_line(problem: &str) -> u64 {
    let after = problem.split_once("at Line: ").map(|(_, after)| after);
    let number = after.and_then(|after| after.split(',').next());
    number.and_then(|number| number.parse().ok()).unwrap_or_default()
}
