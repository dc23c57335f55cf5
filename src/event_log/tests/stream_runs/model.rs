//! Answers of runs and of what is hot, against a map.

use proptest::prelude::*;

use super::super::disk::Disk;
use super::*;
use crate::base::Rng;

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn runs_answer_as_a_map_does(seed in any::<u64>(), segments in 1u64..90) {
        let mut rng = Rng::from_seed(seed);
        let storage: Arc<dyn Storage> = Arc::new(Disk::new(seed));
        let (mut model, mut hot) = (Model::default(), HotStreams::new(0));
        let mut runs = open(&storage).0;
        for _ in 0..segments {
            let events = rng.between(1, 60);
            model.segment(&mut hot, &mut rng, events);
            add(&runs, &mut hot).expect("added");
            if rng.below(4) == 0 {
                merge_all(&runs).expect("merged");
            }
            if rng.below(12) == 0 {
                model.expect(&runs, &mut rng);
                let (opened, unusable) = open(&storage);
                prop_assert_eq!(unusable, []);
                runs = opened;
            }
        }
        merge_all(&runs).expect("merged");
        prop_assert!(runs.snapshot().len() <= 7 * 3, "{} runs", runs.snapshot().len());
        model.expect(&runs, &mut rng);
        let (opened, unusable) = open(&storage);
        prop_assert_eq!(unusable, []);
        model.expect(&opened, &mut rng);
        let files = storage.list().expect("names").len();
        prop_assert_eq!(files, opened.snapshot().len(), "old files are gone");
    }

    #[test]
    fn what_is_hot_answers_as_a_map_does(seed in any::<u64>(), base in 0u64..1 << 40) {
        let mut rng = Rng::from_seed(seed);
        let (mut model, mut hot) = (Model { next: base, ..Model::default() }, HotStreams::new(base));
        for _ in 0..rng.below(5) {
            let events = rng.below(60);
            model.segment(&mut hot, &mut rng, events);
        }
        for _ in 0..rng.below(60) {
            model.append(&mut hot, &format!("s-{}", rng.below(9)));
        }
        prop_assert_eq!((hot.base(), hot.next()), (base, model.next));
        for _ in 0..10 {
            let end = rng.between(base, model.next + 1);
            let seen = model.until(end);
            for name in model.streams.keys() {
                let key = StreamKey::of(name);
                let positions = seen.streams.get(name).map_or(&[][..], Vec::as_slice);
                let last = positions.last().map(|last| (positions.len() as u64 - 1, *last));
                prop_assert_eq!(hot.last(key, end), last);
                prop_assert_eq!(hot.first_revision(key, end), last.map(|_| 0));
                let start = rng.below(positions.len() as u64 + 2);
                let stop = rng.between(start, positions.len() as u64 + 2);
                let mut found = Vec::new();
                hot.positions(key, start..stop, end, &mut found);
                let wanted = positions.iter().skip(start as usize).take((stop - start) as usize);
                prop_assert!(found.iter().eq(wanted));
            }
        }
    }
}

/// Streams whose positions are about as many as a block or a chunk holds, in one run and
/// together with another one.
#[test]
fn edges_of_blocks_and_chunks_are_no_edges_of_streams() {
    for count in [1, 2, 63, 64, 65, 128, 1_023, 1_024, 1_025, 2_048, 2_049, 5_000] {
        let storage: Arc<dyn Storage> = Arc::new(Disk::new(1));
        let runs = open(&storage).0;
        let (mut model, mut hot) = (Model::default(), HotStreams::new(0));
        for number in 0..count {
            model.append(&mut hot, "one");
            model.append(&mut hot, &format!("other-{}", number % 70));
            if number % 3 == 0 {
                model.append(&mut hot, "third");
            }
        }
        hot.roll();
        add(&runs, &mut hot).expect("added");
        for segment in 1..8 {
            model.append(&mut hot, ["one", "more"][segment % 2]);
            hot.roll();
            add(&runs, &mut hot).expect("added");
        }
        for round in 0..2 {
            if round == 1 {
                assert_eq!(merge_all(&runs).expect("merged"), 1);
            }
            for (name, positions) in &model.streams {
                let key = StreamKey::of(name);
                let count = positions.len() as u64;
                let edges = [0, 1, 63, 64, 65, 1_023, 1_024, 1_025, 2_047, 2_048, count, count + 1];
                for start in edges {
                    for end in edges {
                        let mut found = Vec::new();
                        let stretch = start..end;
                        runs.snapshot().positions(key, stretch, &mut found).expect("positions");
                        let wanted = positions.iter().skip(start as usize);
                        let wanted = wanted.take(end.saturating_sub(start) as usize);
                        assert!(found.iter().eq(wanted), "{name} {start}..{end} of {count}");
                    }
                }
            }
        }
    }
}

#[test]
fn what_does_not_follow_is_refused() {
    let storage: Arc<dyn Storage> = Arc::new(Disk::new(1));
    let (runs, model) = filled(&storage, &mut Rng::from_seed(1), 1);
    let mut hot = HotStreams::new(model.next + 1);
    hot.insert(StreamKey::of("a"), 5).expect("whatever the runs say");
    hot.insert(StreamKey::of("a"), 5).expect_err("the same revision");
    hot.insert(StreamKey::of("a"), 7).expect_err("a gap");
    hot.roll();
    hot.roll();
    hot.insert(StreamKey::of("a"), 7).expect_err("a gap between segments");
    assert_eq!(hot.last(StreamKey::of("a"), u64::MAX), Some((5, model.next + 1)));
    let refused = add(&runs, &mut hot).expect_err("a gap before it").to_string();
    assert!(refused.contains("begins at position"), "{refused}");
    let mut hot = HotStreams::new(0);
    hot.insert(StreamKey::of("a"), 0).expect("the first");
    hot.roll();
    add(&runs, &mut hot).expect_err("it is covered");
    assert_eq!(runs.covered_until(), model.next);
}

/// Revisions of a stream that do not follow each other from run to run are found by reading
/// them and by merging, and are never answered.
#[test]
fn a_gap_of_revisions_between_runs_is_found() {
    let storage: Arc<dyn Storage> = Arc::new(Disk::new(1));
    let runs = open(&storage).0;
    let mut hot = HotStreams::new(0);
    for segment in 0..8 {
        hot.insert(StreamKey::of("a"), if segment < 4 { segment } else { segment + 1 })
            .unwrap_or_else(|_| panic!("{segment}"));
        hot.roll();
        add(&runs, &mut hot).expect("added");
    }
    let mut found = Vec::new();
    let refused = runs.snapshot().positions(StreamKey::of("a"), 0..9, &mut found);
    assert!(refused.expect_err("a gap").to_string().contains("gap"));
    assert!(found.is_empty());
    runs.snapshot().positions(StreamKey::of("a"), 5..9, &mut found).expect("after the gap");
    assert_eq!(found, [4, 5, 6, 7]);
    runs.merge(&GO_ON).expect_err("a gap");
    assert_eq!(runs.snapshot().len(), 8);
    // From a position in the middle there is a stream without its beginning.
    let storage: Arc<dyn Storage> = Arc::new(Disk::new(2));
    let runs = open(&storage).0;
    let mut hot = HotStreams::new(0);
    hot.insert(StreamKey::of("a"), 3).expect("whatever");
    hot.roll();
    add(&runs, &mut hot).expect("added");
    let refused = runs.snapshot().positions(StreamKey::of("a"), 0..9, &mut found);
    assert!(refused.expect_err("a gap").to_string().contains("missing"));
}
