mod check;
mod damage;
mod fold;
mod status;

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;

use super::*;
use crate::base::Rng;
use crate::event_log::EmbeddedLog;
use crate::event_log::spread::Spread;
use crate::projection::history::{append, campaign};
use crate::projection::store::{Manifest, StoredFile};
use crate::projection::tables::Tables;
use crate::projection::window::DirtySet;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

async fn refresh_at(data_dir: &Path) -> Result<Vec<Refreshed>, Error> {
    refresh(&LogReader::open(data_dir)?, data_dir).await
}

async fn rebuild_at(data_dir: &Path, name: Option<&str>) -> Result<Vec<Refreshed>, Error> {
    rebuild(&LogReader::open(data_dir)?, data_dir, name).await
}

async fn verify_at(data_dir: &Path) -> Result<VerifyReport, Error> {
    verify(&LogReader::open(data_dir)?, data_dir).await
}

/// The same log with positions far apart.
fn spread(data_dir: &Path) -> LogReader {
    let (log, _) = EmbeddedLog::open_read_only(&data_dir.join("log")).expect("a log");
    LogReader::over(Arc::new(Spread(log)))
}

fn manifest(data_dir: &Path, view: &View) -> Manifest {
    Store::below(data_dir).manifest(view).expect("reads").expect("is there")
}

#[test]
fn every_view_reads_what_it_says() {
    let views = views();
    assert!(views.len() >= 6);
    for layer in [Layer::Operational, Layer::Funnel, Layer::Strategic] {
        assert!(views.iter().filter(|view| view.layer == layer).count() >= 2, "{layer:?}");
    }
    for view in views {
        assert_eq!(view.refused(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_in_steps_equals_the_view_in_one_go() {
    for seed in 1..=2 {
        let facts = campaign(seed, 60);
        let mut rng = Rng::from_seed(seed).fork("cuts");
        let mut cuts: BTreeSet<usize> =
            (0..3).map(|_| rng.below(facts.len() as u64) as usize).collect();
        cuts.insert(facts.len());
        let folder = folder();
        let mut from = 0;
        for cut in cuts {
            append(folder.path(), &facts[from..cut]).await;
            from = cut;
            let refreshed = refresh_at(folder.path()).await.expect("refreshes");
            for view in &refreshed {
                assert_eq!(view.error, None, "seed {seed}, cut {cut}: {}", view.view);
                assert_eq!(view.position, (cut as u64).checked_sub(1));
            }
            let report = verify_at(folder.path()).await.expect("compares");
            assert!(report.is_equal(), "seed {seed}, cut {cut}: {report:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_far_apart_give_the_same_views() {
    let facts = campaign(5, 40);
    let (dense, sparse) = (folder(), folder());
    let cut = facts.len() / 2;
    for facts in [&facts[..cut], &facts[cut..]] {
        append(dense.path(), facts).await;
        append(sparse.path(), facts).await;
        let one = refresh_at(dense.path()).await.expect("refreshes");
        let other = refresh(&spread(sparse.path()), sparse.path()).await.expect("refreshes");
        for (one, other) in one.iter().zip(&other) {
            assert_eq!((&one.error, &other.error), (&None, &None), "{}", one.view);
            assert_eq!(one.position.map(|at| at * 1_000 + 7), other.position, "{}", one.view);
            assert_eq!(
                (one.computed, one.windows, one.is_rebuilt),
                (other.computed, other.windows, other.is_rebuilt),
                "{}",
                one.view
            );
        }
    }
    let reader = spread(sparse.path());
    let report = verify(&reader, sparse.path()).await.expect("compares");
    assert!(report.is_equal(), "{report:#?}");
    let rows = |report: VerifyReport| -> Vec<_> {
        report.views.into_iter().map(|view| (view.view, view.rows, view.windows)).collect()
    };
    assert_eq!(rows(report), rows(verify_at(dense.path()).await.expect("compares")));
    // Nothing new: nothing is computed, and nothing is behind.
    let again = refresh(&reader, sparse.path()).await.expect("refreshes");
    assert!(again.iter().all(|view| view.computed == 0 && !view.is_rebuilt));
    append(sparse.path(), &facts[..3]).await;
    let mut tables = Tables::default();
    let reader = spread(sparse.path());
    reader.advance(&mut tables, None, |_| {}).await.expect("reads");
    let (store, views) = (Store::below(sparse.path()), views());
    let context = session_of(&tables).expect("a session");
    let status = Box::pin(status(&context, &store, &views, &tables)).await.expect("a status");
    assert!(status.iter().all(|view| view.lag == 3), "{status:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn some_windows_alone_are_what_they_are_among_all() {
    let folder = folder();
    append(folder.path(), &campaign(17, 60)).await;
    let mut tables = Tables::default();
    let reader = LogReader::open(folder.path()).expect("a log");
    reader.advance(&mut tables, None, |_| {}).await.expect("reads");
    let context = session_of(&tables).expect("a session");
    let views = views();
    replay::replay_all(&context, &views).await.expect("computes");
    let mut rng = Rng::from_seed(17);
    for view in &views {
        let all = Box::pin(compute::compute(&context, view, None)).await.expect("computes");
        let some = all.keys().copied().filter(|_| rng.below(2) == 0);
        let mut wanted = DirtySet::new(view.width);
        some.for_each(|window| wanted.insert(window));
        let found = compute::compute(&context, view, Some(&wanted)).await.expect("computes");
        let expected: std::collections::BTreeMap<_, _> =
            all.into_iter().filter(|(window, _)| wanted.windows().contains(window)).collect();
        assert_eq!(found, expected, "{}", view.table());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_dirty_windows_are_computed_again() {
    let facts = campaign(7, 60);
    let folder = folder();
    let cut = facts.len() - 3;
    append(folder.path(), &facts[..cut]).await;
    drop(refresh_at(folder.path()).await.expect("refreshes"));
    append(folder.path(), &facts[cut..]).await;
    let refreshed = refresh_at(folder.path()).await.expect("refreshes");
    let calls = refreshed.iter().find(|view| view.view == "operational.calls_hourly");
    let calls = calls.expect("the view");
    assert!(!calls.is_rebuilt);
    assert!(calls.computed <= 1 && calls.windows > 10, "{calls:?}");
    // Nothing new: nothing is computed.
    let refreshed = refresh_at(folder.path()).await.expect("refreshes");
    assert!(refreshed.iter().all(|view| view.computed == 0 && !view.is_rebuilt));
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_finds_a_row_that_was_tampered_with() {
    let folder = folder();
    append(folder.path(), &campaign(3, 20)).await;
    drop(refresh_at(folder.path()).await.expect("refreshes"));
    let views = views();
    let view = views.iter().find(|view| view.name == "campaigns_daily").expect("the view");
    let mut stored = manifest(folder.path(), view);
    let store = Store::below(folder.path());
    let (first, file) = stored.files.first_key_value().expect("a file");
    let (first, file) = (*first, file.clone());
    let batch = store.read(view, &file).expect("reads");
    // One attempt more than there was.
    let place = batch.schema().index_of("attempts").expect("a column");
    let mut columns = batch.columns().to_vec();
    let counts = datafusion::arrow::array::Int64Array::from(vec![99_i64; batch.num_rows()]);
    columns[place] = Arc::new(counts);
    let forged = RecordBatch::try_new(batch.schema(), columns).expect("same shape");
    let (name, encoded) = store.write(view, "2026-11-21", &forged).expect("writes");
    let bytes = encoded.bytes.len() as u64;
    let forged = StoredFile { file: name, bytes, blake3: encoded.blake3, ..file };
    drop(stored.files.insert(first, forged));
    store.commit(view, &stored).expect("writes");
    let report = verify_at(folder.path()).await.expect("compares");
    assert!(!report.is_equal());
    let check = report.views.iter().find(|check| check.view == view.table()).expect("the view");
    let difference = check.difference.clone().expect("a difference");
    assert!(difference.starts_with("window 2026-11-21: row 0 is stored as ["), "{difference}");
    assert_eq!(report.views.iter().filter(|check| check.difference.is_some()).count(), 1);
    // And a rebuild mends it.
    let refreshed = rebuild_at(folder.path(), Some("campaigns_daily")).await.expect("rebuilds");
    assert_eq!(refreshed.iter().filter(|view| view.is_rebuilt).count(), 1);
    assert!(verify_at(folder.path()).await.expect("compares").is_equal());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_a_difference_and_not_a_failure() {
    let folder = folder();
    append(folder.path(), &campaign(5, 10)).await;
    drop(refresh_at(folder.path()).await.expect("refreshes"));
    let views = views();
    let stored = manifest(folder.path(), &views[0]);
    let file = stored.files.values().next().expect("a file");
    let path = Store::below(folder.path()).path(&views[0], file);
    std::fs::write(path, b"not Parquet").expect("writes");
    let report = verify_at(folder.path()).await.expect("compares");
    assert_eq!(report.views.iter().filter(|check| check.difference.is_some()).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_definition_or_another_log_makes_all_again() {
    let folder = folder();
    append(folder.path(), &campaign(1, 10)).await;
    drop(refresh_at(folder.path()).await.expect("refreshes"));
    let views = views();
    let store = Store::below(folder.path());
    let mut other = manifest(folder.path(), &views[0]);
    other.definition = "another".to_owned();
    store.commit(&views[0], &other).expect("writes");
    let mut foreign = manifest(folder.path(), &views[1]);
    foreign.event_id = Some("another".to_owned());
    store.commit(&views[1], &foreign).expect("writes");
    assert!(!verify_at(folder.path()).await.expect("compares").is_equal());
    let refreshed = refresh_at(folder.path()).await.expect("refreshes");
    let rebuilt: Vec<bool> = refreshed.iter().map(|view| view.is_rebuilt).collect();
    assert_eq!(rebuilt.iter().filter(|is_rebuilt| **is_rebuilt).count(), 2);
    assert!(rebuilt[0] && rebuilt[1]);
    assert!(verify_at(folder.path()).await.expect("compares").is_equal());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_killed_refresh_are_passed_over_and_removed() {
    let facts = campaign(2, 30);
    let folder = folder();
    append(folder.path(), &facts[..facts.len() / 2]).await;
    drop(refresh_at(folder.path()).await.expect("refreshes"));
    let views = views();
    let (store, view) = (Store::below(folder.path()), &views[0]);
    let stored = manifest(folder.path(), view);
    // Killed after a file was written and before the manifest was.
    let file = stored.files.values().next().expect("a file");
    let rows = store.read(view, file).expect("reads");
    let (stray, _) = store.write(view, "2026-11-21T08", &rows.slice(0, 0)).expect("writes");
    let stray = store.folder(view).join(stray);
    std::fs::write(store.folder(view).join("half.parquet.tmp"), b"PAR").expect("writes");
    assert!(verify_at(folder.path()).await.expect("compares").is_equal());
    append(folder.path(), &facts[facts.len() / 2..]).await;
    drop(refresh_at(folder.path()).await.expect("refreshes"));
    assert!(verify_at(folder.path()).await.expect("compares").is_equal());
    assert!(!stray.exists());
    assert!(!store.folder(view).join("half.parquet.tmp").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_refreshers_wait_for_each_other() {
    let folder = folder();
    append(folder.path(), &campaign(4, 20)).await;
    let (first, second) = tokio::join!(refresh_at(folder.path()), refresh_at(folder.path()));
    let rebuilt = |refreshed: Result<Vec<Refreshed>, Error>| {
        refreshed.expect("refreshes").iter().filter(|view| view.is_rebuilt).count()
    };
    let counts = [rebuilt(first), rebuilt(second)];
    assert!(counts.contains(&0) && counts.iter().sum::<usize>() == views().len());
}

#[tokio::test]
async fn a_folder_without_a_log_is_one_clear_line() {
    let folder = folder();
    let error = refresh_at(folder.path()).await.expect_err("no log");
    assert!(
        error.to_string().contains("there is none; name the folder with --data-dir"),
        "{error}"
    );
}
