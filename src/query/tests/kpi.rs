//! Every KPI against a history made by hand, and the list of KPIs in `docs/kpi.md`.
//!
//! A fixture is a folder `tests/golden/sql/kpi/<name>/`: one CSV file for each base table the
//! query reads, with the columns it reads, and `cases.csv`, one line for each run: `$…` are the
//! parameters, the other columns the row that must come back. `#` begins a comment, an empty cell
//! is null, and a column `note` is for the reader: why a row counts, how a value is computed.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::arrow::array::{ArrayRef, StringArray};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::record_batch::RecordBatch;

use super::*;
use crate::projection::table::BaseTable;
use crate::projection::tables::Tables;

pub(super) fn source(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn kpis() -> BTreeMap<String, SavedQuery> {
    let queries = saved_queries().expect("heads read").into_iter();
    queries.filter(|it| it.kpi.is_some()).map(|it| (it.name.clone(), it)).collect()
}

/// Head and rows of a CSV file.
pub(super) fn csv_rows(path: &Path) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::ReaderBuilder::new()
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .from_path(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cells = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
    let head = cells(reader.headers().expect("a head"));
    let rows = reader
        .records()
        .map(|row| cells(&row.unwrap_or_else(|error| panic!("{}: {error}", path.display()))));
    (head, rows.collect())
}

/// A base table with the columns and rows of a CSV file.
pub(super) fn fixture_table(path: &Path, table: &BaseTable) -> BaseTable {
    let (head, rows) = csv_rows(path);
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (place, name) in head.iter().enumerate().filter(|(_, name)| *name != "note") {
        let field = table.schema.field_with_name(name);
        let field = field.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let cells = rows.iter().map(|row| Some(row[place].as_str()).filter(|it| !it.is_empty()));
        let column = cast_with_options(&cells.collect::<StringArray>(), field.data_type(), &strict);
        columns.push(column.unwrap_or_else(|error| panic!("{} {name}: {error}", path.display())));
        fields.push(field.clone());
    }
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(schema.clone(), columns);
    let batch = batch.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    BaseTable { name: table.name, schema, batches: vec![batch] }
}

/// Runs the cases of one folder; what differs.
async fn differences(query: &SavedQuery, folder: &Path) -> Vec<String> {
    let known = Tables::default().batches().expect("schemas");
    let mut tables = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let stem = path.file_stem().and_then(|it| it.to_str()).expect("a name").to_owned();
        if stem != "cases" {
            let table = known.iter().find(|table| table.name == stem);
            let table = table.unwrap_or_else(|| panic!("{}: no such table", path.display()));
            tables.push(fixture_table(&path, table));
        }
    }
    let context = sql::session(tables).expect("an engine");
    let (head, cases) = csv_rows(&folder.join("cases.csv"));
    let mut wrong = Vec::new();
    let (mut with_value, mut without_value) = (false, false);
    for (number, case) in cases.iter().enumerate() {
        let cells = || head.iter().zip(case);
        let given = cells().filter_map(|(name, value)| Some((name.strip_prefix('$')?, value)));
        let given: Vec<_> = given.map(|(name, value)| (name.to_owned(), value.clone())).collect();
        let params = query.bind(&given).expect("parameters of the query");
        let frame = context.sql(&query.sql).await.expect("a plan");
        let frame = frame.with_param_values(Params::texts(params).0).expect("binds");
        let schema = frame.schema().inner().clone();
        let batches = frame.collect().await;
        let batches = batches.unwrap_or_else(|error| panic!("{}: {error}", query.name));
        let answer = Answer::of(&schema, &batches).expect("an answer");
        let (columns, want): (Vec<String>, Vec<String>) = cells()
            .filter(|(name, _)| !name.starts_with('$') && *name != "note")
            .map(|(name, value)| (name.clone(), value.clone()))
            .unzip();
        assert_eq!(answer.columns, columns, "{}: columns of cases.csv", query.name);
        let got: Vec<Vec<String>> = (0..answer.rows.len())
            .map(|row| columns.iter().map(|column| answer.text(row, column)).collect())
            .collect();
        if got != [want.clone()] {
            let number = number + 1;
            wrong.push(format!("{} case {number}: want {want:?}, got {got:?}", query.name));
        }
        let is_empty = want.last().is_none_or(String::is_empty);
        with_value |= !is_empty;
        without_value |= is_empty;
    }
    if !(with_value && without_value) {
        wrong.push(format!("{}: needs a case with a value and one without", query.name));
    }
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kpi_gives_what_its_fixture_says() {
    let queries = kpis();
    let fixtures = source("tests/golden/sql/kpi");
    let folders = std::fs::read_dir(&fixtures).expect("the fixtures");
    let folders = folders.map(|it| it.expect("an entry").file_name().into_string());
    let folders: BTreeSet<String> = folders.map(|it| it.expect("a name")).collect();
    let names: BTreeSet<String> = queries.keys().cloned().collect();
    let alone: Vec<_> = names.symmetric_difference(&folders).collect();
    assert!(alone.is_empty(), "a KPI without a fixture, or a fixture without a KPI: {alone:?}");
    let mut wrong = Vec::new();
    for (name, query) in &queries {
        wrong.extend(Box::pin(differences(query, &fixtures.join(name))).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_recorded_late_counts_where_it_belongs() {
    let facts = campaign(42, 40);
    let call_id = facts.iter().find_map(|(_, event)| match event {
        crate::event::Event::CommitmentMade(fact) => Some(fact.call_id),
        _ => None,
    });
    let call_id = call_id.expect("somebody agrees");
    let (late, in_time): (Vec<_>, Vec<_>) =
        facts.clone().into_iter().partition(|(_, event)| event.call_id() == Some(call_id));
    assert!(late.len() > 10, "{}", late.len());
    let (one, other) = (folder(), folder());
    append(one.path(), &facts).await;
    append(other.path(), &[in_time, late].concat()).await;
    let (one, other) = (engine(&one).await, engine(&other).await);
    let spans = [("", ""), ("2026-11-21", "2026-11-22"), ("2026-11-22", "2026-11-23")];
    for name in kpis().keys() {
        for (from, until) in spans {
            let span = [("from", from), ("until", until)];
            let span = span.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let want = one.saved(name, &span).await.expect("answers");
            let got = other.saved(name, &span).await.expect("answers");
            assert_eq!(got, want, "{name} from {from:?} until {until:?}");
            assert_eq!(got.rows.len(), 1, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kpis_agree_with_the_saved_questions_that_give_them_too() {
    let folder = folder();
    append(folder.path(), &campaign(7, 60)).await;
    let engine = engine(&folder).await;
    let head = engine.saved("headline", &[]).await.expect("answers");
    for (kpi, value, column) in [
        ("kpi_connect_rate", "connect_rate_ppm", "connect_ppm"),
        ("kpi_contact_rate", "contact_rate_ppm", "contact_ppm"),
        ("kpi_acd", "acd_ms", "talk_mean_ms"),
    ] {
        let answer = engine.saved(kpi, &[]).await.expect("answers");
        assert!(answer.count(0, value) > 0, "{kpi}");
        assert_eq!(answer.value(0, value), head.value(0, column), "{kpi}");
    }
    let carriers = engine.saved("carrier_quality", &[]).await.expect("answers");
    assert_eq!(carriers.rows.len(), 2);
    for row in 0..carriers.rows.len() {
        let carrier = [("carrier_id".to_owned(), carriers.text(row, "carrier_id"))];
        for (kpi, column) in [("kpi_asr", "asr_ppm"), ("kpi_ner", "ner_ppm")] {
            let answer = engine.saved(kpi, &carrier).await.expect("answers");
            assert_eq!(answer.value(0, column), carriers.value(row, column), "{kpi} {carrier:?}");
        }
    }
}

/// The cells of the list in `docs/kpi.md`.
fn listed() -> Vec<Vec<String>> {
    let page = std::fs::read_to_string(source("docs/kpi.md")).expect("docs/kpi.md is there");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = rows.map(|row| row.split(" | ").map(|cell| cell.trim().to_owned()).collect());
    rows.filter(|row: &Vec<String>| row[0] != "KPI" && !row[0].starts_with("---")).collect()
}

#[test]
fn every_kpi_of_the_list_has_a_query_or_says_what_is_missing() {
    let queries = kpis();
    let page = std::fs::read_to_string(source("docs/sql.md")).expect("docs/sql.md is there");
    let mut names = BTreeSet::new();
    let mut answered = BTreeSet::new();
    for row in listed() {
        let [name, _, unit, _, query] = row.as_slice() else { panic!("five cells: {row:?}") };
        assert!(names.insert(name.clone()), "{name} stands twice");
        if let Some(missing) = query.strip_prefix("needs ") {
            assert!(missing.contains('`'), "{name}: name the event and field it needs");
            assert!(page.contains(&format!("- {name}: ")), "docs/sql.md does not name {name}");
            continue;
        }
        let query = query.trim_matches('`');
        let kpi = queries.get(query).and_then(|query| query.kpi.as_ref());
        let kpi = kpi.unwrap_or_else(|| panic!("{name}: no KPI {query:?} in queries/kpi/"));
        assert_eq!(*unit, kpi.unit, "{name}: unit");
        answered.insert(query.to_owned());
    }
    assert!(names.len() >= 28, "the list has shrunk to {}", names.len());
    assert_eq!(answered, queries.keys().cloned().collect(), "KPIs that are not on the list");
}
