use datafusion::arrow::compute::concat_batches;

use super::*;
use crate::projection::sql::fold::{Fold, Pace, Purpose};

/// Every row of every table, in its order.
async fn rows(tables: &Tables) -> Vec<RecordBatch> {
    let context = session_of(tables).expect("an engine");
    let mut all = Vec::new();
    for table in tables.all() {
        let frame = context.table(table.name()).await.expect("a table");
        let batches = frame.collect().await.expect("rows");
        all.push(concat_batches(&table.schema(), &batches).expect("one batch"));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_rest_in_files_are_those_in_memory_and_the_files_go() {
    let folder = folder();
    append(folder.path(), &campaign(4, 80)).await;
    let reader = LogReader::open(folder.path()).expect("a log");
    let mut whole = Tables::default();
    reader.advance(&mut whole, None, |_| {}).await.expect("folds");
    let place = folder.path().join("fold");
    let mut fold = Fold::new(&place, Purpose::Tables, Pace { every: 1, hot: 0 });
    fold.advance(&reader, None).await.expect("folds");
    let files = std::fs::read_dir(place.join("facts/events")).expect("a folder of files");
    assert!(files.count() > 0);
    for (got, want) in rows(&fold.tables).await.iter().zip(&rows(&whole).await) {
        assert_eq!(got, want);
    }
    drop(fold);
    assert!(!place.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_made_leaves_rows_in_memory() {
    let folder = folder();
    append(folder.path(), &campaign(4, 40)).await;
    let reader = LogReader::open(folder.path()).expect("a log");
    let place = folder.path().join("log/lock");
    let mut fold = Fold::new(&place, Purpose::Tables, Pace { every: 1, hot: 0 });
    fold.advance(&reader, None).await.expect("folds");
    assert_eq!(fold.tables.seen(), reader.look().await.expect("a head"));
    assert!(fold.kept.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_written_is_named() {
    let folder = folder();
    append(folder.path(), &campaign(4, 80)).await;
    let reader = LogReader::open(folder.path()).expect("a log");
    let place = folder.path().join("fold");
    let mut fold = Fold::new(&place, Purpose::Tables, Pace { every: 1, hot: 0 });
    std::fs::write(place.join("facts"), "in the way").expect("a file");
    let failed = fold.advance(&reader, None).await.expect_err("fails").to_string();
    assert!(failed.contains("put the rows of a fold into"), "{failed}");
    assert!(failed.contains("facts"), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_for_views_have_all_rows_but_those_of_events_and_know_what_they_are_asked_for() {
    let folder = folder();
    append(folder.path(), &campaign(4, 80)).await;
    let reader = LogReader::open(folder.path()).expect("a log");
    let mut whole = Tables::default();
    reader.advance(&mut whole, None, |_| {}).await.expect("folds");
    let views = views();
    let purpose = Purpose::of(&views, [3, 7]);
    assert!(matches!(purpose, Purpose::Views(_)), "no view reads the table of all events");
    let mut fold = Fold::new(&folder.path().join("fold"), purpose, Pace::USUAL);
    fold.advance(&reader, None).await.expect("folds");
    for (table, (got, want)) in
        whole.all().iter().zip(rows(&fold.tables).await.iter().zip(&rows(&whole).await))
    {
        match table.name() {
            "events" => assert_eq!(got.num_rows(), 0),
            _ => assert_eq!(got, want, "{}", table.name()),
        }
    }
    let position = whole.position();
    assert_eq!(fold.tables.position(), position);
    for position in [3, 7, position.expect("facts")] {
        assert_eq!(fold.tables.event_id(position), whole.event_id(position));
        assert_eq!(fold.tables.recorded_at(position), whole.recorded_at(position));
    }
    assert_eq!(fold.tables.event_id(5), None);
}
