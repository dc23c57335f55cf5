//! Kills in the middle, files that are not what was written, definitions that change.

use super::check::{DAILY, HOURLY, views_of};
use super::*;
use crate::base::Timestamp;
use crate::projection::sql::fold::{Fold, Pace, Purpose};
use crate::projection::store::steps::Steps;

/// A refresh with views and a disk of one's own.
async fn refresh_with(
    data_dir: &Path,
    store: &Store,
    views: &[View],
) -> Result<Vec<Refreshed>, Error> {
    let lock = store.lock().await?.expect("the folder can be written");
    let mut tables = Tables::default();
    LogReader::open(data_dir)?.advance(&mut tables, None, |_| {}).await?;
    Box::pin(refresh_all(&lock, store, views, &[], &mut tables)).await
}

async fn verify_with(data_dir: &Path, views: &[View]) -> VerifyReport {
    let reader = LogReader::open(data_dir).expect("a log");
    let (store, kept) = (Store::below(data_dir), Kept::below(data_dir));
    // Rows go into files as soon as they can.
    let (every, folder) = (1, data_dir.join("verify"));
    let mut fold = Fold::new(&folder, Purpose::Tables, Pace { every, hot: 0 });
    verify::verify(&reader, &mut fold, &store, &kept, views).await.expect("compares")
}

async fn status_with(data_dir: &Path, views: &[View]) -> Vec<ViewStatus> {
    let mut tables = Tables::default();
    let reader = LogReader::open(data_dir).expect("a log");
    reader.advance(&mut tables, None, |_| {}).await.expect("reads");
    let context = session_of(&tables).expect("a session");
    let store = Store::below(data_dir);
    Box::pin(status(&context, &store, views, &tables)).await.expect("a status")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_step_leaves_views_whole() {
    let facts = campaign(6, 8);
    let views = views_of(&[DAILY, HOURLY]);
    let mut killed = 0;
    for most in 0.. {
        let folder = folder();
        append(folder.path(), &facts[..facts.len() / 2]).await;
        let store = Store::below(folder.path());
        drop(refresh_with(folder.path(), &store, &views).await.expect("refreshes"));
        append(folder.path(), &facts[facts.len() / 2..]).await;
        let steps = Steps::ending_after(most);
        let dying = Store::with_steps(folder.path(), steps.clone());
        let done = refresh_with(folder.path(), &dying, &views).await.expect("each view tells");
        // Whatever was served is whole, at the old position or at the new one.
        let report = verify_with(folder.path(), &views).await;
        assert!(report.is_equal(), "killed after step {most}: {report:#?}");
        if !steps.is_ended() {
            assert!(done.iter().all(|view| view.error.is_none()));
            break;
        }
        killed += 1;
        // And the next process goes on.
        let store = Store::below(folder.path());
        let done = refresh_with(folder.path(), &store, &views).await.expect("refreshes");
        assert!(done.iter().all(|view| view.error.is_none()), "{done:#?}");
        let report = verify_with(folder.path(), &views).await;
        assert!(report.is_equal(), "killed after step {most}: {report:#?}");
        assert!(report.views.iter().all(|view| view.position == Some(facts.len() as u64 - 1)));
    }
    assert!(killed > 15, "{killed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_named_set_aside_and_made_again() {
    let folder = folder();
    append(folder.path(), &campaign(3, 40)).await;
    let views = views_of(&[DAILY, HOURLY]);
    let store = Store::below(folder.path());
    drop(refresh_with(folder.path(), &store, &views).await.expect("refreshes"));
    let hourly = &views[1];
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 4] = [
        ("cut", |path| {
            let bytes = std::fs::read(path).expect("reads");
            std::fs::write(path, &bytes[..bytes.len() / 2]).expect("writes");
        }),
        ("foreign", |path| std::fs::write(path, b"not Parquet").expect("writes")),
        ("one bit", |path| {
            let mut bytes = std::fs::read(path).expect("reads");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(path, bytes).expect("writes");
        }),
        ("gone", |path| std::fs::remove_file(path).expect("removes")),
    ];
    for (what, damage) in damages {
        let stored = manifest(folder.path(), hourly);
        let file = stored.files.values().next().expect("a file").clone();
        damage(&store.path(hourly, &file));
        let report = verify_with(folder.path(), &views).await;
        let wrong: Vec<_> = report.views.iter().filter(|it| it.difference.is_some()).collect();
        assert_eq!(wrong.len(), 1, "{what}: {report:#?}");
        // Another process finds it, at the same position.
        let again = Store::below(folder.path());
        let done = refresh_with(folder.path(), &again, &views).await.expect("refreshes");
        assert!(done.iter().all(|view| view.error.is_none()), "{what}: {done:#?}");
        assert_eq!(done.iter().map(|view| view.computed).sum::<usize>(), file.windows, "{what}");
        assert!(verify_with(folder.path(), &views).await.is_equal(), "{what}");
        let note = manifest(folder.path(), hourly).note.expect("a note");
        assert!(note.contains(&file.file) && note.contains("was set aside as aside/"), "{note}");
    }
    let aside = std::fs::read_dir(folder.path().join("projections/aside")).expect("a folder");
    assert!(aside.count() >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_file_lets_its_old_version_serve_on() {
    let facts = campaign(8, 30);
    let folder = folder();
    append(folder.path(), &facts[..facts.len() / 2]).await;
    let right = views_of(&[DAILY, HOURLY]);
    let store = Store::below(folder.path());
    drop(refresh_with(folder.path(), &store, &right).await.expect("refreshes"));
    append(folder.path(), &facts[facts.len() / 2..]).await;
    let broken = HOURLY.replace("sum(talk_ms), 0", "sum(talk_s), 0");
    let views = views_of(&[DAILY, &broken]);
    assert!(views.iter().all(|view| view.refused().is_some()));
    // The version in the manifest is refreshed on.
    let done = refresh_with(folder.path(), &store, &views).await.expect("refreshes");
    assert!(done.iter().all(|view| view.position == Some(facts.len() as u64 - 1)), "{done:#?}");
    assert!(done.iter().all(|view| view.computed > 0 && !view.is_rebuilt), "{done:#?}");
    assert!(verify_with(folder.path(), &right).await.is_equal());
    let status = status_with(folder.path(), &views).await;
    let hourly = status.iter().find(|view| view.name == "calls_hourly").expect("the view");
    assert_eq!((hourly.state, hourly.lag), (ViewState::Refused, 0));
    let why = hourly.last_error.as_deref().expect("why");
    assert!(why.starts_with("read projections/operational/calls_hourly.sql, line 17: "), "{why}");
    // One that never was right has nothing to serve, and harms nobody.
    let new = broken.replace("name: calls_hourly", "name: news_hourly");
    let views = views_of(&[DAILY, HOURLY, &new]);
    let done = refresh_with(folder.path(), &store, &views).await.expect("refreshes");
    assert_eq!(done.iter().filter(|view| view.error.is_some()).count(), 1);
    let status = status_with(folder.path(), &views).await;
    let states: Vec<_> = status.iter().map(|view| view.state.as_str()).collect();
    assert_eq!(states, ["serving", "serving", "refused"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_definition_is_built_beside_the_one_that_serves() {
    let facts = campaign(12, 12);
    let folder = folder();
    append(folder.path(), &facts[..facts.len() / 2]).await;
    let before = views_of(&[HOURLY]);
    let store = Store::below(folder.path());
    drop(refresh_with(folder.path(), &store, &before).await.expect("refreshes"));
    let old = manifest(folder.path(), &before[0]);
    let after = views_of(&[&HOURLY.replace("sum(talk_ms), 0", "sum(talk_ms + 0), 0")]);
    // Killed wherever it may be, one of the two serves, whole.
    for most in 0.. {
        let steps = Steps::ending_after(most);
        let dying = Store::with_steps(folder.path(), steps.clone());
        drop(refresh_with(folder.path(), &dying, &after).await.expect("refreshes"));
        let now = manifest(folder.path(), &after[0]);
        let served = if now.definition == old.definition { &before } else { &after };
        assert!(verify_with(folder.path(), served).await.is_equal(), "step {most}");
        if !steps.is_ended() {
            break;
        }
    }
    let now = manifest(folder.path(), &after[0]);
    assert_ne!(now.definition, old.definition);
    assert_eq!(now.since, now.position);
    // What the old one had stays for whoever is reading it, for some changes more.
    assert!(old.files.values().all(|file| store.path(&after[0], file).exists()));
    for _ in 0..12 {
        let stored = manifest(folder.path(), &after[0]);
        let next = Manifest { previous: stored.readers(), ..stored };
        store.commit(&after[0], &next).expect("writes");
    }
    append(folder.path(), &facts[facts.len() / 2..]).await;
    drop(refresh_with(folder.path(), &store, &after).await.expect("refreshes"));
    assert!(!old.files.values().any(|file| store.path(&after[0], file).exists()));
    assert!(verify_with(folder.path(), &after).await.is_equal());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_does_not_tell_rows_apart_fails_alone() {
    let folder = folder();
    append(folder.path(), &campaign(4, 30)).await;
    let same = HOURLY
        .replace("    campaign_id,\n", "    'x' as campaign_id,\n")
        .replace("group by 1, 2", "group by 1, call_id");
    let views = views_of(&[&same.replace("name: calls_hourly", "name: same_hourly"), HOURLY]);
    assert!(views.iter().all(|view| view.refused().is_none()), "{views:#?}");
    let store = Store::below(folder.path());
    let done = refresh_with(folder.path(), &store, &views).await.expect("refreshes");
    let error = done[0].error.as_deref().expect("an error");
    assert!(error.contains("the key (hour, campaign_id) does not tell rows apart"), "{error}");
    assert_eq!(done[1].error, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_refreshed_as_often_as_it_wants() {
    let facts = campaign(2, 15);
    let folder = folder();
    let views = views_of(&[DAILY, HOURLY]);
    let store = Store::below(folder.path());
    let mut computed = Vec::new();
    for (place, seconds) in [(0, 0), (1, 6), (2, 61)] {
        let (from, until) = (place * facts.len() / 3, (place + 1) * facts.len() / 3);
        append(folder.path(), &facts[from..until]).await;
        let lock = store.lock().await.expect("a lock").expect("the folder can be written");
        let mut tables = Tables::default();
        let reader = LogReader::open(folder.path()).expect("a log");
        reader.advance(&mut tables, None, |_| {}).await.expect("reads");
        let now = Timestamp::from_micros(seconds * 1_000_000);
        for _ in 0..2 {
            // The second time nothing is due.
            let done = refresh_due(&lock, &store, &views, &mut tables, now);
            let done = Box::pin(done).await.expect("refreshes");
            computed.push(done.iter().map(|view| view.position).collect::<Vec<_>>());
        }
    }
    let third = |part: usize| Some((part * facts.len() / 3) as u64 - 1);
    let first = vec![third(1), third(1)];
    let second = vec![third(1), third(2)];
    let last = vec![third(3), third(3)];
    assert_eq!(computed, [first.clone(), first, second.clone(), second, last.clone(), last]);
    assert!(verify_with(folder.path(), &views).await.is_equal());
}
