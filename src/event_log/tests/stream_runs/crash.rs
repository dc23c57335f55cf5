//! What failing disks and crashes leave of runs.

use super::super::disk::{Disk, Fault};
use super::*;

/// A crash at any write, sync, rename or removal of adding and merging: what is opened is whole
/// and without a gap, holds at least what was added before, and can be completed.
#[test]
fn a_crash_leaves_runs_without_a_gap() {
    let mut merged_before = 0;
    for seed in 0..150 {
        let mut rng = Rng::from_seed(seed);
        let disk = Disk::new(seed);
        let storage: Arc<dyn Storage> = Arc::new(disk.clone());
        let before = rng.between(0, 8);
        let (runs, mut model) = filled(&storage, &mut rng, before);
        let mut hot = HotStreams::new(model.next);
        for _ in 0..rng.between(1, 3) {
            model.segment(&mut hot, &mut rng, 50);
        }
        let whole = model.clone();
        let mut added = runs.covered_until();
        disk.arm(Fault::Crash, rng.below(25));
        while hot.oldest().is_some() {
            if add(&runs, &mut hot).is_err() || merge_all(&runs).is_err() {
                break;
            }
            added = runs.covered_until();
        }
        disk.disarm();
        disk.crash();
        let (runs, unusable) = open(&storage);
        let covered = runs.covered_until();
        assert!(covered >= added, "{seed}: {covered} of {added}, {unusable:?}");
        whole.until(covered).expect(&runs, &mut rng);
        merged_before += u64::from(runs.snapshot().len() < 3 && covered > 400);
        // The writer tidies up and goes on from there.
        runs.remove_unusable(&unusable).expect("removed");
        let mut hot = replayed(&whole, covered);
        while hot.oldest().is_some() {
            add(&runs, &mut hot).expect("added");
        }
        merge_all(&runs).expect("merged");
        disk.crash();
        let (runs, _) = open(&storage);
        whole.expect(&runs, &mut rng);
    }
    assert!(merged_before > 7, "{merged_before} crashes came after a merge");
}

/// What the log would enter again after a crash, as one segment.
fn replayed(model: &Model, from: u64) -> HotStreams {
    let mut hot = HotStreams::new(from);
    let mut events: Vec<_> = model
        .streams
        .iter()
        .flat_map(|(name, positions)| {
            positions.iter().enumerate().map(move |(revision, position)| (position, name, revision))
        })
        .filter(|(position, ..)| **position >= from)
        .collect();
    events.sort();
    for (_, name, revision) in events {
        hot.insert(StreamKey::of(name), revision as u64).expect("the next one");
    }
    hot.roll();
    hot
}

/// A disk that refuses something changes nothing, and the next attempt succeeds.
#[test]
fn a_failing_disk_changes_nothing() {
    let faults = [Fault::WriteError, Fault::Full, Fault::TornWrite, Fault::SyncError];
    for seed in 0..6 {
        for fault in faults {
            let mut rng = Rng::from_seed(seed);
            let disk = Disk::new(seed);
            let storage: Arc<dyn Storage> = Arc::new(disk.clone());
            let (runs, mut model) = filled(&storage, &mut rng, 7);
            let mut hot = HotStreams::new(model.next);
            let before = model.clone();
            model.segment(&mut hot, &mut rng, 50);
            disk.arm(fault, 0);
            let refused = add(&runs, &mut hot).expect_err("the disk refuses").to_string();
            assert!(refused.contains("/disk/streams-"), "{refused}");
            disk.disarm();
            before.expect(&runs, &mut rng);
            add(&runs, &mut hot).expect("added");
            model.expect(&runs, &mut rng);
            disk.arm(fault, 0);
            merge_all(&runs).expect_err("the disk refuses");
            disk.disarm();
            model.expect(&runs, &mut rng);
            assert_eq!(open(&storage).1, [], "nothing is left behind");
            assert_eq!(merge_all(&runs).expect("merged"), 1);
            model.expect(&runs, &mut rng);
            disk.crash();
            model.expect(&open(&storage).0, &mut rng);
        }
    }
}

/// A short write is no failure.
#[test]
fn a_short_write_is_completed() {
    for seed in 0..40 {
        let mut rng = Rng::from_seed(seed);
        let disk = Disk::new(seed);
        let storage: Arc<dyn Storage> = Arc::new(disk.clone());
        disk.arm(Fault::ShortWrite, seed % 20);
        let (runs, model) = filled(&storage, &mut rng, 8);
        merge_all(&runs).expect("merged");
        model.expect(&runs, &mut rng);
    }
}
