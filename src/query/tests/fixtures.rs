//! Views against histories made by hand.
//!
//! A fixture is a folder `tests/golden/sql/fixtures/<layer>.<view>/`: one CSV file for each base
//! table the view reads, be it through other views, with the columns that are read, and
//! `expected.csv`: every row that must come out, in the order of the key, with the columns that
//! are looked at. An empty cell is null, and a column `note` is for the reader.

use super::kpi::{csv_rows, fixture_table, source};
use super::*;
use crate::projection::tables::Tables;

/// The base tables of a folder, and every view that can be made of them.
async fn session(folder: &Path) -> datafusion::prelude::SessionContext {
    let known = Tables::default().batches().expect("schemas");
    let mut tables = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let stem = path.file_stem().and_then(|it| it.to_str()).expect("a name").to_owned();
        if stem != "expected" {
            let table = known.iter().find(|table| table.name == stem);
            let table = table.unwrap_or_else(|| panic!("{}: no such table", path.display()));
            tables.push(fixture_table(&path, table));
        }
    }
    let context = sql::session(tables).expect("an engine");
    let mut views = views();
    views.sort_by_key(|view| view.rank);
    for view in views {
        // What it reads is not in this folder.
        let Ok(frame) = context.sql(&view.sql).await else { continue };
        drop(context.register_table(sql::table_of(&view), frame.into_view()).expect("a table"));
    }
    context
}

async fn rows(context: &datafusion::prelude::SessionContext, sql: &str) -> Answer {
    let frame = context.sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let schema = frame.schema().inner().clone();
    Answer::of(&schema, &frame.collect().await.expect("rows")).expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn views_give_what_their_fixtures_say() {
    let fixtures = source("tests/golden/sql/fixtures");
    let folders = std::fs::read_dir(&fixtures).expect("the fixtures");
    let folders: Vec<_> = folders.map(|it| it.expect("an entry").path()).collect();
    assert!(folders.len() >= 6, "{folders:?}");
    let mut wrong = Vec::new();
    for folder in folders {
        let name = folder.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let view = views().into_iter().find(|view| view.table() == name);
        let view = view.unwrap_or_else(|| panic!("{name}: no such view"));
        let (head, want) = csv_rows(&folder.join("expected.csv"));
        let columns: Vec<&String> = head.iter().filter(|name| *name != "note").collect();
        let told = columns.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        let asked = format!("select {told} from {name} order by {}", view.key.join(", "));
        let context = session(&folder).await;
        let answer = rows(&context, &asked).await;
        let got: Vec<Vec<String>> = (0..answer.rows.len())
            .map(|row| columns.iter().map(|column| answer.text(row, column)).collect())
            .collect();
        let want: Vec<Vec<String>> = want
            .iter()
            .map(|row| row.iter().zip(&head).filter(|(_, name)| *name != "note"))
            .map(|row| row.map(|(cell, _)| cell.clone()).collect())
            .collect();
        if got != want {
            wrong.push(format!("{name}:\n want {want:?}\n got  {got:?}"));
        }
        for test in &view.tests {
            // The other table is not in this folder.
            if matches!(test.value, sql::DataTest::Relationship { .. }) {
                continue;
            }
            let offending = rows(&context, &test.value.sql(&name)).await;
            if !offending.rows.is_empty() {
                wrong.push(format!("{name}: {}\n{}", test.value.text(), offending.table()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
