use datafusion::arrow::compute::concat_batches;

use super::super::tests::recorded;
use super::*;
use crate::base::Rng;
use crate::projection::history::{Dated, campaign};
use crate::projection::table::Span;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn apply(tables: &mut Tables, facts: &[Dated], from: usize, until: usize) {
    for (position, (after_ms, event)) in facts.iter().enumerate().take(until).skip(from) {
        tables.apply(&recorded(position as u64, *after_ms, event));
    }
}

/// Every row of every table, wherever it is.
fn rows(tables: &Tables) -> Vec<RecordBatch> {
    let rows = tables.all().into_iter().map(|table| {
        let batches = super::super::batches(table, Span::ALL).expect("batches");
        concat_batches(&table.schema(), &batches).expect("one batch")
    });
    rows.collect()
}

/// What was set aside.
fn aside(folder: &tempfile::TempDir) -> Vec<String> {
    let found = std::fs::read_dir(folder.path().join("facts/aside")).into_iter().flatten();
    let name = |entry: io::Result<std::fs::DirEntry>| {
        entry.expect("an entry").file_name().into_string().expect("a name")
    };
    let mut names: Vec<_> = found.map(name).collect();
    names.sort();
    names
}

fn cold(tables: &Tables) -> usize {
    let pieces = tables.all().into_iter().flat_map(|table| table.pieces(Span::ALL));
    pieces.filter(|piece| matches!(piece, Piece::Cold(_))).count()
}

#[test]
fn rows_on_disk_wherever_they_were_cut_are_those_in_memory() {
    for seed in 1..=4 {
        let facts = campaign(seed, 80);
        let mut rng = Rng::from_seed(seed).fork("cuts");
        let mut whole = Tables::default();
        apply(&mut whole, &facts, 0, facts.len());
        let (folder, mut seen_cold) = (folder(), 0);
        let kept = Kept::below(folder.path());
        let (mut tables, mut from) = (Tables::default(), 0);
        while from < facts.len() {
            let until = from + rng.between(1, 300) as usize;
            apply(&mut tables, &facts, from, until);
            from = until.min(facts.len());
            let files = kept.save(&tables.frozen_whole()).expect("saved");
            // Either goes on with fewer rows in memory, or starts again from what is on disk.
            if rng.below(2) == 0 {
                tables.let_go(&kept, &files, tables.next().saturating_sub(rng.below(400)));
            } else {
                tables = kept.load().expect("loads");
            }
            seen_cold = seen_cold.max(cold(&tables));
            assert_eq!(tables.position(), Some(from as u64 - 1), "seed {seed}");
        }
        assert!(seen_cold > 0);
        assert!(!tables.is_damaged());
        for (got, want) in rows(&tables).iter().zip(&rows(&whole)) {
            assert!(got == want, "seed {seed}: {:?}", want.schema().field(0));
        }
        for position in 0..from as u64 {
            assert_eq!(tables.event_id(position), whole.event_id(position));
            assert_eq!(tables.events_after(Some(position)), whole.events_after(Some(position)));
        }
    }
}

#[test]
fn a_kill_before_the_manifest_leaves_the_one_before_with_its_files() {
    let facts = campaign(5, 80);
    let folder = folder();
    let kept = Kept::below(folder.path());
    let (first, second) = (facts.len() / 3, facts.len() / 2);
    let mut tables = Tables::default();
    apply(&mut tables, &facts, 0, first);
    kept.save(&tables.frozen_whole()).expect("saved");
    let manifest = folder.path().join("facts").join(MANIFEST);
    let before = std::fs::read(&manifest).expect("a manifest");
    apply(&mut tables, &facts, first, second);
    kept.save(&tables.frozen_whole()).expect("saved");
    // As if it had been killed with all files written, and one half.
    std::fs::write(&manifest, before).expect("written");
    std::fs::write(folder.path().join("facts/attempts/000000-9-9.tmp"), b"PAR").expect("written");
    let mut again = kept.load().expect("loads");
    assert_eq!(again.position(), Some(first as u64 - 1));
    apply(&mut again, &facts, first, facts.len());
    apply(&mut tables, &facts, second, facts.len());
    assert!(rows(&again) == rows(&tables));
    kept.save(&again.frozen_whole()).expect("saved");
    assert!(!folder.path().join("facts/attempts/000000-9-9.tmp").exists());
}

#[test]
fn what_is_not_as_it_was_written_counts_for_nothing() {
    let facts = campaign(6, 60);
    let mut tables = Tables::default();
    apply(&mut tables, &facts, 0, facts.len());
    let saved = || {
        let folder = folder();
        let kept = Kept::below(folder.path());
        let files = kept.save(&tables.frozen_whole()).expect("saved");
        let first = folder.path().join("facts").join(&files["attempts"][0].file);
        (folder, kept, first)
    };
    let (_folder, kept, file) = saved();
    assert!(kept.load().is_some());
    let mut bytes = std::fs::read(&file).expect("a file");
    bytes[100] ^= 1;
    std::fs::write(&file, bytes).expect("written");
    assert!(kept.load().is_none(), "one bit");

    let (folder, kept, file) = saved();
    std::fs::remove_file(&file).expect("removed");
    assert!(kept.load().is_none(), "a file that is gone");
    let manifest = folder.path().join("facts").join(MANIFEST);
    std::fs::write(&manifest, b"{\"format\": 9, \"fold\": \"another\"}").expect("written");
    assert!(kept.load().is_none(), "another format");
    assert!(manifest.exists(), "another version's is no damage");
    std::fs::write(&manifest, b"{\"format\": 2").expect("written");
    assert!(kept.load().is_none(), "no manifest");
    assert_eq!(aside(&folder), ["manifest.json"]);
    assert!(kept.load().is_none(), "nothing at all");

    let (_folder, kept, file) = saved();
    let mut loaded = kept.load().expect("loads");
    std::fs::write(&file, b"no Parquet").expect("written");
    assert!(!loaded.is_damaged());
    // Whoever changes a row that cannot be read back is told.
    assert!(loaded.attempts.change(0).is_none());
    assert!(loaded.is_damaged());
}

#[test]
fn tables_as_of_an_earlier_day_are_there_without_folding() {
    // Two days of calls.
    let facts = campaign(8, 120);
    let folder = folder();
    let kept = Kept::below(folder.path());
    let mut tables = Tables::default();
    let mut stood = Vec::new();
    for step in 0..8 {
        let (from, until) = (step * facts.len() / 8, (step + 1) * facts.len() / 8);
        apply(&mut tables, &facts, from, until);
        kept.save(&tables.frozen_whole()).expect("saved");
        stood.push((until as u64 - 1, rows(&tables)));
    }
    assert!(!kept.earlier().is_empty());
    let mut found = BTreeSet::new();
    for position in 0..facts.len() as u64 {
        let Some(checkpoint) = kept.checkpoints(position).into_iter().next() else { continue };
        let mut then = kept.load_at(&checkpoint).expect("loads");
        let at = then.seen().expect("a position");
        assert!(at <= position);
        let (_, want) = stood.iter().find(|(until, _)| *until == at).expect("a checkpoint");
        if found.insert(at) {
            assert!(rows(&then) == *want, "position {at}");
            let until = position as usize + 1;
            apply(&mut then, &facts, at as usize + 1, until + 40);
            let mut whole = Tables::default();
            apply(&mut whole, &facts, 0, until + 40);
            assert!(rows(&then) == rows(&whole));
        }
    }
    assert!(!found.is_empty());
}

#[test]
fn files_that_nobody_needs_are_removed() {
    let facts = campaign(7, 60);
    let folder = folder();
    let kept = Kept::below(folder.path());
    let mut tables = Tables::default();
    for step in 0..10 {
        let (from, until) = (step * facts.len() / 10, (step + 1) * facts.len() / 10);
        apply(&mut tables, &facts, from, until);
        kept.save(&tables.frozen_whole()).expect("saved");
    }
    // The last group of the manifest that counts, and of the one before.
    let groups = tables.all().iter().map(|table| table.groups().len()).sum::<usize>();
    let mut files = 0;
    for table in tables.all() {
        let below = folder.path().join("facts").join(table.name());
        files += std::fs::read_dir(below).map_or(0, Iterator::count);
    }
    // One more of each for the day before.
    assert!(files <= 3 * groups, "{files} files for {groups} groups");
}

#[test]
fn what_is_damaged_is_set_aside_and_written_again() {
    let facts = campaign(9, 60);
    let mut tables = Tables::default();
    apply(&mut tables, &facts, 0, facts.len());
    let folder = folder();
    let kept = Kept::below(folder.path());
    let files = kept.save(&tables.frozen_whole()).expect("saved");
    let path = |file: &FileEntry| folder.path().join("facts").join(&file.file);
    let [cut, flipped, swapped] =
        ["attempts", "legs", "events"].map(|table| path(&files[table][0]));
    let bytes = std::fs::read(&cut).expect("a file");
    std::fs::write(&cut, &bytes[..bytes.len() - 9]).expect("written");
    let mut bytes = std::fs::read(&flipped).expect("a file");
    bytes[50] ^= 4;
    std::fs::write(&flipped, bytes).expect("written");
    // A right file of another table.
    std::fs::copy(path(&files["turns"][0]), &swapped).expect("copied");
    assert!(kept.load().is_none());
    let name = |table: &str| files[table][0].file.replace('/', "-");
    assert_eq!(aside(&folder), ["attempts", "events", "legs"].map(name));
    let checks = kept.check(&tables);
    assert_eq!(checks.iter().filter(|it| it.difference.is_some()).count(), 3, "{checks:#?}");
    // Folded anew, as the engine does it: only what is missing is written.
    kept.save(&tables.frozen_whole()).expect("saved");
    let again = kept.load().expect("loads");
    assert!(rows(&again) == rows(&tables));
    let checks = kept.check(&tables);
    assert!(checks.iter().all(|it| it.difference.is_none()), "{checks:#?}");
    assert_eq!(checks.iter().map(|it| it.rows).sum::<usize>(), {
        tables.all().iter().map(|table| table.count()).sum::<usize>()
    });
}

#[test]
fn a_damaged_day_leaves_the_day_before() {
    let facts = campaign(8, 120);
    let folder = folder();
    let kept = Kept::below(folder.path());
    let mut tables = Tables::default();
    for step in 0..8 {
        apply(&mut tables, &facts, step * facts.len() / 8, (step + 1) * facts.len() / 8);
        kept.save(&tables.frozen_whole()).expect("saved");
    }
    let checkpoints = kept.checkpoints(u64::MAX);
    assert!(checkpoints.len() >= 2, "{checkpoints:?}");
    let manifest = kept.manifest().expect("a manifest");
    std::fs::write(folder.path().join("facts").join(manifest.known.file), b"").expect("written");
    let mut before = kept.load().expect("the day before");
    assert_eq!(before.seen(), Some(checkpoints[1].seen));
    apply(&mut before, &facts, checkpoints[1].seen as usize + 1, facts.len());
    assert!(rows(&before) == rows(&tables));
}

#[test]
fn files_of_others_are_neither_read_nor_removed() {
    // Two logs whose first groups have the same names.
    let (ours, theirs) = (campaign(10, 80), campaign(11, 80));
    let folder = folder();
    let kept = Kept::below(folder.path());
    let mut other = Tables::default();
    apply(&mut other, &theirs, 0, theirs.len());
    let named = kept.save(&other.frozen_whole()).expect("saved");
    for stranger in ["attempts/notes.txt", "attempts/0-1-2-3.parquet", "README.bin"] {
        std::fs::write(folder.path().join("facts").join(stranger), b"mine").expect("written");
    }
    let mut tables = Tables::default();
    apply(&mut tables, &ours, 0, ours.len());
    let files = kept.save(&tables.frozen_whole()).expect("saved");
    let first = |files: &BTreeMap<String, Vec<FileEntry>>| files["events"][0].file.clone();
    assert_eq!(first(&named), first(&files), "the names say nothing of the log");
    let again = kept.load().expect("loads");
    assert!(rows(&again) == rows(&tables), "rows of another log");
    assert_eq!(aside(&folder), ["README.bin", "attempts-0-1-2-3.parquet", "attempts-notes.txt"]);
}
