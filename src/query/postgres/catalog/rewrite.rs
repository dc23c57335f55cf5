//! What is left to be rewritten of what clients ask, so that the engine understands it.

use std::borrow::Cow;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, ObjectName, SelectItem, SetExpr, Statement, TableFactor, Value,
    visit_expressions_mut,
};

/// The JDBC driver knows types of arrays by the number of a function, which has its name here.
const ARRAY_IN: (&str, &str) = ("'pg_catalog.array_in'::regproc", "'array_in'");

/// Rewrites what would be lost once it is parsed.
pub(super) fn of_drivers(sql: &str) -> Cow<'_, str> {
    match sql.contains(ARRAY_IN.0) {
        true => sql.replace(ARRAY_IN.0, ARRAY_IN.1).into(),
        false => sql.into(),
    }
}

/// Rewrites a statement in its place.
pub(super) fn rewrite(statement: &mut Statement) {
    let visited = visit_expressions_mut(statement, |expression| {
        search_path(expression);
        computed_name(expression);
        escape(expression);
        of_catalogue(expression);
        options(expression);
        ControlFlow::<()>::Continue(())
    });
    debug_assert!(visited.is_continue(), "nothing breaks off");
}

/// Grafana asks for the schemas of the search path in a way that the rewriting before this one
/// answers with a name that is empty: it is the one schema whose name may be left out.
fn search_path(expression: &mut Expr) {
    let Expr::InList { expr, list, .. } = expression else { return };
    let [Expr::Value(only)] = list.as_mut_slice() else { return };
    if only.value == Value::SingleQuotedString(String::new()) && is_call(expr, "quote_ident") {
        only.value = Value::SingleQuotedString("public".to_owned());
    }
}

/// `format('%I.%I', …)::regclass`: a table's number by a name that is known only while the
/// question runs. Nobody gets further with it than to a comment, and there are none.
fn computed_name(expression: &mut Expr) {
    let Expr::Cast { expr, data_type, .. } = expression else { return };
    let is_number = match data_type {
        DataType::Regclass => true,
        DataType::Custom(name, _) => {
            let last = name.0.last().and_then(|part| part.as_ident());
            last.is_some_and(|word| word.value.eq_ignore_ascii_case("regclass"))
        }
        _ => false,
    };
    if is_number && matches!(**expr, Expr::Function(_)) {
        let argument = FunctionArg::Unnamed(FunctionArgExpr::Expr((**expr).clone()));
        *expression = call("to_regclass", vec![argument]);
    }
}

/// `like pattern escape '/'`: the engine escapes by a backslash only.
fn escape(expression: &mut Expr) {
    let (Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. }) =
        expression
    else {
        return;
    };
    let Some(Value::SingleQuotedString(letter)) = escape_char.as_ref().map(|it| &it.value) else {
        return;
    };
    if letter != "\\" {
        let text = |text: &str| FunctionArg::Unnamed(FunctionArgExpr::Expr(text_of(text)));
        let whole = FunctionArg::Unnamed(FunctionArgExpr::Expr((**pattern).clone()));
        **pattern = call("replace", vec![whole, text(letter), text("\\")]);
    }
    *escape_char = None;
}

/// `(select … from pg_attrdef where …)`, a value from a table of the catalogue. No column here has
/// a default or a sequence, so there is none. Of other tables there is one row, where the engine
/// wants to see that there is no second: the greatest of one is itself.
fn of_catalogue(expression: &mut Expr) {
    let Expr::Subquery(query) = expression else { return };
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let Some(TableFactor::Table { name, .. }) = select.from.first().map(|from| &from.relation)
    else {
        return;
    };
    let name = name.0.last().and_then(|part| part.as_ident());
    let name = name.map_or("", |word| word.value.as_str());
    if matches!(name, "pg_attrdef" | "pg_sequence") {
        let text = || FunctionArg::Unnamed(FunctionArgExpr::Expr(text_of("")));
        *expression = call("nullif", vec![text(), text()]);
    } else if let (
        true,
        [SelectItem::UnnamedExpr(only) | SelectItem::ExprWithAlias { expr: only, .. }],
    ) = (name.starts_with("pg_"), select.projection.as_mut_slice())
        && !["max", "min", "count", "array_agg", "string_agg"].iter().any(|it| is_call(only, it))
    {
        let value = FunctionArg::Unnamed(FunctionArgExpr::Expr(only.clone()));
        *only = call("max", vec![value]);
    }
}

/// `pg_class.reloptions`: no table here has any, nor a place for them.
fn options(expression: &mut Expr) {
    let Expr::CompoundIdentifier(parts) = expression else { return };
    if parts.last().is_some_and(|word| word.value == "reloptions") {
        *expression = Expr::Value(Value::Null.into());
    }
}

fn text_of(text: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(text.to_owned()).into())
}

fn is_call(expression: &Expr, name: &str) -> bool {
    let Expr::Function(function) = expression else { return false };
    let last = function.name.0.last().and_then(|part| part.as_ident());
    last.is_some_and(|word| word.value.eq_ignore_ascii_case(name))
}

fn call(name: &str, args: Vec<FunctionArg>) -> Expr {
    let list = FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() };
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(list),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn check(sql: &str, expected: &str) {
        let parse = |sql: &str| Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql).remove(0);
        let mut statement = parse(sql);
        rewrite(&mut statement);
        assert_eq!(statement.to_string(), parse(expected).to_string());
    }

    #[test]
    fn what_the_engine_does_not_have_becomes_what_it_has() {
        check(
            "select 1 where quote_ident(table_schema) in ('')",
            "select 1 where quote_ident(table_schema) in ('public')",
        );
        check("select 1 where a in ('')", "select 1 where a in ('')");
        check(
            "select cast(format('%I.%I', a, b) as regclass)",
            "select to_regclass(format('%I.%I', a, b))",
        );
        check("select a like b escape '/'", r"select a like replace(b, '/', '\')");
        check("select c.oid::regclass", "select c.oid::regclass");
        check(
            "select (select adbin from pg_catalog.pg_attrdef where adnum = a.attnum) from a",
            "select nullif('', '') from a",
        );
        check(
            "select (select collname from pg_catalog.pg_collation where oid = a.id) from a",
            "select (select max(collname) from pg_catalog.pg_collation where oid = a.id) from a",
        );
        check("select (select x from calls) from a", "select (select x from calls) from a");
        check("select pg_class.reloptions from pg_class", "select null from pg_class");
    }
}
