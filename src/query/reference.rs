//! The reference half of `docs/sql.md`: every table, view and saved question, from the program
//! itself, so that it cannot go stale.

use super::{Error, SavedQuery, saved_queries};
use crate::projection::sql::{MeasureKind, View, views};
use crate::projection::tables::REFERENCE;

/// The reference as Markdown.
///
/// # Errors
/// Where a SQL file's head is wrong.
pub fn markdown() -> Result<String, Error> {
    let mut page = String::from("## Base tables\n");
    for table in REFERENCE {
        page.push_str(&format!("\n### `{}`\n\n{}\n\n", table.name, table.about.trim()));
        page.push_str("| column | meaning |\n| --- | --- |\n");
        for (column, meaning) in table.columns {
            let column = column.trim_start_matches("r#");
            page.push_str(&format!("| `{column}` | {} |\n", meaning.trim()));
        }
    }
    page.push_str("\n## Views\n\n| view | window | one row for each | measures | what it answers |\n| --- | --- | --- | --- | --- |\n");
    for view in views() {
        page.push_str(&format!(
            "| `{}` | {} | {} | {} | {} |\n",
            view.table(),
            view.width.as_str(),
            view.key.join(", "),
            measures(&view),
            view.question
        ));
    }
    page.push_str(
        "\n## Saved questions\n\n| name | parameters | what it answers |\n| --- | --- | --- |\n",
    );
    let queries = saved_queries()?;
    for query in queries.iter().filter(|query| query.kpi.is_none()) {
        let (name, params) = (&query.name, params(query));
        page.push_str(&format!("| `{name}` | {params} | {} |\n", query.description));
    }
    page.push_str("\n## KPIs\n");
    for query in &queries {
        let Some(kpi) = &query.kpi else { continue };
        page.push_str(&format!(
            "\n### `{}`\n\n{}\n\n- Numerator: {}.\n- Denominator: {}.\n- Left out: {}.\n- Unit: {}.\n- Source: {}.\n- Parameters: {}.\n",
            query.name,
            query.description,
            kpi.numerator,
            kpi.denominator,
            kpi.exclusions,
            kpi.unit,
            kpi.source,
            params(query)
        ));
    }
    Ok(page)
}

/// The measures of a view, each kind with its columns.
fn measures(view: &View) -> String {
    let of = |kind: MeasureKind| {
        let names = view.measures.iter().filter(|measure| measure.kind == kind);
        let names: Vec<&str> = names.map(|measure| measure.name.as_str()).collect();
        (!names.is_empty()).then(|| format!("{}: {}", kind.as_str(), names.join(", ")))
    };
    MeasureKind::ALL.into_iter().filter_map(of).collect::<Vec<_>>().join("; ")
}

/// The parameters of a question, in words.
fn params(query: &SavedQuery) -> String {
    let params = query.params.iter().map(|param| match &param.default {
        Some(_) => format!("`{}` (optional)", param.name),
        None => format!("`{}`", param.name),
    });
    params.collect::<Vec<_>>().join(", ")
}
