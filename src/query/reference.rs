//! The reference half of `docs/sql.md`: every table, view and saved question, from the program
//! itself, so that it cannot go stale.

use super::{Error, saved_queries};
use crate::projection::sql::{self, views};
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
    page.push_str("\n## Views\n\n| view | window | one row for each | counts and sums | what it says |\n| --- | --- | --- | --- | --- |\n");
    for view in views().map_err(sql::Error::from)? {
        page.push_str(&format!(
            "| `{}` | {} | {} | {} | {} |\n",
            view.table(),
            view.width.as_str(),
            view.grain.join(", "),
            view.measures.join(", "),
            view.description
        ));
    }
    page.push_str(
        "\n## Saved questions\n\n| name | parameters | what it answers |\n| --- | --- | --- |\n",
    );
    for query in saved_queries()? {
        let params = query.params.iter().map(|param| match &param.default {
            Some(_) => format!("`{}` (optional)", param.name),
            None => format!("`{}`", param.name),
        });
        let params: Vec<String> = params.collect();
        page.push_str(&format!(
            "| `{}` | {} | {} |\n",
            query.name,
            params.join(", "),
            query.description
        ));
    }
    Ok(page)
}
