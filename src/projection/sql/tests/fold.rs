use datafusion::arrow::compute::concat_batches;

use super::*;

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
    let fold = Fold::by(&reader, &place, 1, 0).await.expect("folds");
    let files = std::fs::read_dir(place.join("facts/events")).expect("a folder of files");
    assert!(files.count() > 0);
    for (got, want) in rows(&fold.tables).await.iter().zip(&rows(&whole).await) {
        assert_eq!(got, want);
    }
    drop(fold);
    assert!(!place.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_is_named() {
    let folder = folder();
    append(folder.path(), &campaign(4, 40)).await;
    let reader = LogReader::open(folder.path()).expect("a log");
    let place = folder.path().join("log/lock");
    let failed = Fold::by(&reader, &place, 1, 0).await.err().expect("fails").to_string();
    assert!(failed.contains("put the rows of a fold into") && failed.contains("lock"), "{failed}");
}
