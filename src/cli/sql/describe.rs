//! Tables and columns, as `\d` lists them.

use serde_json::Value;

use crate::query::Answer;
use crate::query::catalog::{ColumnInfo, TableInfo};

/// Every table, or every view.
pub(super) fn list(tables: &[TableInfo], is_views: bool) -> Answer {
    let shown = tables.iter().filter(|table| table.is_view || !is_views);
    let row = |table: &TableInfo| {
        let kind = if table.is_view { "view" } else { "table" };
        vec![text(&table.schema), text(&table.name), text(kind)]
    };
    Answer {
        columns: ["schema", "name", "kind"].map(str::to_owned).to_vec(),
        rows: shown.map(row).collect(),
    }
}

/// The columns of one table.
///
/// # Errors
/// What is near its name, where there is no such table.
pub(super) fn columns(tables: &[TableInfo], name: &str) -> Result<Answer, String> {
    let wanted = name.replace('"', "");
    let wanted = wanted.strip_prefix("public.").unwrap_or(&wanted);
    let found = tables.iter().find(|table| table.in_sql() == wanted);
    let found = found.or_else(|| only(tables.iter().filter(|table| table.name == wanted)));
    let Some(table) = found else {
        let last = wanted.rsplit('.').next().unwrap_or(wanted);
        let near: Vec<_> = tables
            .iter()
            .filter(|table| table.name.contains(last) || last.contains(&table.name))
            .map(TableInfo::in_sql)
            .collect();
        let near = match near.is_empty() {
            true => "\\d lists all".to_owned(),
            false => format!("did you mean {}?", near.join(", ")),
        };
        return Err(format!("\\d {name}: there is no such table; {near}"));
    };
    let row = |column: ColumnInfo| {
        let meaning = column.meaning.unwrap_or_default();
        vec![text(&column.name), text(column.kind), text(&meaning)]
    };
    Ok(Answer {
        columns: ["column", "type", "meaning"].map(str::to_owned).to_vec(),
        rows: table.columns().into_iter().map(row).collect(),
    })
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// The one there is, where there is only one.
fn only<'a>(mut found: impl Iterator<Item = &'a TableInfo>) -> Option<&'a TableInfo> {
    let first = found.next();
    first.filter(|_| found.next().is_none())
}
