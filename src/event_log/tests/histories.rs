//! Random histories of appends, failures, crashes and reopens on the simulated disk, by a clock
//! that jumps.

mod time;

use std::collections::{BTreeMap, BTreeSet};

use self::time::Times;
use super::disk::{Disk, Fault};
use super::*;
use crate::base::Rng;
use crate::event_log::mark::Mark;

/// What must be there, may be there, and is known of the log.
struct World {
    disk: Disk,
    rng: Rng,
    options: LogOptions,
    next_id: u64,
    times: Times,
    /// By position.
    acknowledged: BTreeMap<u64, (StreamName, NewEvent)>,
    /// Appends that got no answer.
    in_doubt: Vec<Vec<StreamAppend>>,
    acknowledgements: u64,
    crashes: u64,
    torn: u64,
    /// How often a log was closed before anything went wrong.
    marked: u64,
}

fn options(rng: &mut Rng) -> LogOptions {
    LogOptions {
        segment_bytes: rng.between(200, 6_000),
        zero_ahead_bytes: [0, 512, 4_096][rng.below(3) as usize],
        group_bytes: rng.between(1, 4_000) as usize,
        queue_appends: rng.between(1, 64) as usize,
        queue_bytes: rng.between(1, 20_000) as usize,
        seal_after_bytes: (rng.below(3) == 0).then(|| rng.below(9_000)),
        seal_after_age: (rng.below(3) == 0).then_some(time::SEAL_AGE),
        roll_after_age: (rng.below(3) == 0).then_some(time::ROLL_AGE),
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::from_seed(seed);
        let options = options(&mut rng);
        Self {
            disk: Disk::new(seed ^ 0x5eed),
            times: Times::new(seed),
            rng,
            options,
            next_id: 0,
            acknowledged: BTreeMap::new(),
            in_doubt: Vec::new(),
            acknowledgements: 0,
            crashes: 0,
            torn: 0,
            marked: 0,
        }
    }

    fn batch(&mut self) -> Vec<StreamAppend> {
        let first = self.rng.below(5);
        let metadata = self.times.metadata(&mut self.next_id);
        (0..self.rng.between(1, 3))
            .map(|number| {
                let count = self.rng.between(1, 3);
                let events = (0..count)
                    .map(|_| {
                        self.next_id += 1;
                        let mut data = vec![0; self.rng.below(700) as usize];
                        // Every other event is zeros, which on a disk look like nothing.
                        if self.next_id.is_multiple_of(2) {
                            self.rng.fill(&mut data);
                        }
                        NewEvent { data, ..event(self.next_id) }
                    })
                    .collect();
                let stream = stream(&format!("s-{}", (first + number) % 5));
                StreamAppend { stream, expected: ExpectedRevision::Any, events }
            })
            .chain(metadata)
            .collect()
    }

    /// Opens, through as many crashes on the way as there are, and compares everything.
    async fn reopen(&mut self) -> EmbeddedLog {
        self.options = options(&mut self.rng);
        for attempt in 0.. {
            if attempt < 3 && self.rng.below(3) == 0 {
                self.disk.arm(Fault::Crash, self.rng.below(6));
            }
            self.times.jump();
            let storage = Arc::new(self.disk.started());
            let before = self.disk.crashes();
            let clock = self.times.clock.clone();
            let opened = EmbeddedLog::open_with(storage, self.options.clone(), clock);
            self.disk.disarm();
            match opened {
                // The files of the index are written as soon as the log is open.
                Ok(_) if self.disk.crashes() > before => self.crashes += 1,
                Ok((log, report)) => {
                    self.torn += u64::from(report.torn_tail_bytes > 0);
                    let found = all(&log).await;
                    self.compare(&found);
                    self.times.compare(&log, &found, &self.options).await;
                    return log;
                }
                // Whatever a machine says that has stopped.
                Err(_) if self.disk.crashes() > before => self.crashes += 1,
                Err(other) => panic!("{other}"),
            }
        }
        unreachable!("some attempt succeeds")
    }

    fn compare(&mut self, found: &[Recorded]) {
        let mut seen = BTreeSet::new();
        let mut revisions: BTreeMap<&StreamName, u64> = BTreeMap::new();
        for (position, event) in (0..).zip(found) {
            assert_eq!(event.position, position, "positions are dense");
            let revision = revisions.entry(&event.stream).or_default();
            assert_eq!(event.revision, *revision, "revisions are dense");
            *revision += 1;
            assert!(seen.insert((&event.stream, event.event_id)), "an event stands twice");
        }
        for (position, (stream, event)) in &self.acknowledged {
            let there = found.get(usize::try_from(*position).expect("small"));
            let there = there.map(|found| (found.stream.clone(), as_new(found)));
            assert_eq!(there.as_ref(), Some(&(stream.clone(), event.clone())), "at {position}");
        }
        // What else is there was appended and got no answer, and is there as a whole.
        let mut known = self.acknowledged.len();
        for batch in &self.in_doubt {
            let ids = batch
                .iter()
                .flat_map(|part| part.events.iter().map(|event| (&part.stream, event.event_id)));
            let (there, gone): (Vec<_>, Vec<_>) = ids.partition(|key| seen.contains(key));
            assert!(there.is_empty() || gone.is_empty(), "half an append is there");
            known += there.len();
        }
        assert_eq!(known, found.len(), "something is there that nobody appended");
    }

    fn acknowledge(&mut self, batch: &[StreamAppend], answers: &[Appended]) {
        assert_eq!(batch.len(), answers.len());
        self.acknowledgements += 1;
        for (part, answer) in batch.iter().zip(answers) {
            self.times.acknowledge(answer);
            for (position, event) in (answer.first_position..).zip(&part.events) {
                let entry = (part.stream.clone(), event.clone());
                let before = self.acknowledged.insert(position, entry.clone());
                assert!(before.is_none_or(|before| before == entry), "one position, two events");
            }
        }
    }

    /// Repeats what got no answer: each append is there once after that.
    async fn settle(&mut self, log: &EmbeddedLog) {
        let mut again = std::mem::take(&mut self.in_doubt).into_iter();
        for batch in again.by_ref() {
            self.times.jump();
            match log.append_many(batch.clone()).await {
                Ok(answers) => self.acknowledge(&batch, &answers),
                Err(AppendError::WriterFailed(_) | AppendError::Unreadable(_)) => {
                    self.in_doubt.push(batch);
                    break;
                }
                Err(other) => panic!("{other}"),
            }
        }
        self.in_doubt.extend(again);
    }

    /// Appends until something fails or enough is there. With a `width` of one the history
    /// follows from the seed alone.
    async fn live(&mut self, log: EmbeddedLog, width: usize) {
        use Fault::{Crash, Full, ShortWrite, SyncError, TornWrite, WriteError};
        let faults = [Crash, Crash, Crash, WriteError, Full, ShortWrite, TornWrite, SyncError];
        let fault = faults[self.rng.below(faults.len() as u64) as usize];
        self.disk.strike_folders(self.rng.below(2) == 0);
        self.disk.arm(fault, self.rng.below(40));
        self.settle(&log).await;
        for _ in 0..self.rng.between(1, 12) {
            let mut pending = Vec::new();
            self.times.jump();
            for _ in 0..width {
                let batch = self.batch();
                let answer = log.submit(batch.clone()).await.expect("the log is open");
                pending.push((batch, answer));
            }
            for (batch, answer) in pending {
                match answer.await {
                    Ok(answers) => self.acknowledge(&batch, &answers),
                    Err(AppendError::WriterFailed(_) | AppendError::Unreadable(_)) => {
                        self.in_doubt.push(batch);
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        }
        let (end, is_whole) = (log.head().map_or(0, |last| last + 1), log.failure().is_none());
        drop(log);
        if self.disk.disarm() && is_whole && fault != Full {
            // Nothing went wrong, so what was closed is marked to its end. A full disk may have
            // room for the events and none for a mark.
            let mark = Mark::read(&self.disk).map_or(0, |mark| mark.next);
            assert!(mark >= end, "{mark} is marked of {end}");
            self.marked += 1;
        }
        if self.rng.below(3) > 0 {
            self.disk.crash();
            self.crashes += 1;
        }
    }
}

async fn run(seed: u64, width: usize) -> World {
    let mut world = World::new(seed);
    for _ in 0..world.rng.between(3, 8) {
        let log = world.reopen().await;
        world.live(log, width).await;
    }
    let log = world.reopen().await;
    world.settle(&log).await;
    assert!(world.in_doubt.is_empty(), "on a disk that works, nothing stays in doubt");
    let found = all(&log).await;
    world.compare(&found);
    world.times.compare(&log, &found, &world.options).await;
    world
}

/// How many histories to run: 340, unless the environment says otherwise.
fn runs() -> u64 {
    let wanted = std::env::var("LEDGERLINE_FAULT_RUNS").ok();
    wanted.map_or(340, |runs| runs.parse().expect("LEDGERLINE_FAULT_RUNS is a number"))
}

#[test]
fn no_history_of_faults_loses_or_repeats_an_acknowledged_event() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut sums = [0; 7];
    let runs = runs();
    for seed in 0..runs {
        // One of eight with several appends in the air, whose grouping the machine decides.
        let width = if seed % 8 == 7 { 8 } else { 1 };
        let world = std::panic::AssertUnwindSafe(|| runtime.block_on(run(seed, width)));
        let world = std::panic::catch_unwind(world)
            .unwrap_or_else(|_| panic!("history {seed} failed, see above"));
        let counts = [
            world.acknowledged.len() as u64,
            world.acknowledgements,
            world.crashes,
            world.torn,
            world.times.back,
            world.times.hidden,
            world.marked,
        ];
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    let [events, acknowledgements, crashes, torn, back, hidden, marked] = sums;
    println!(
        "{runs} runs, {crashes} crashes, {torn} torn tails, {acknowledgements} appends of {events} \
         events acknowledged, 0 lost, 0 repeated; the clock went back {back} times"
    );
    assert!(events > 20 * runs && crashes > runs && torn > runs / 4, "{sums:?}: too tame");
    assert!(marked > runs / 4, "{sums:?}: hardly a log was closed in peace");
    assert!(back > runs && hidden > runs, "{sums:?}: the clock is too tame");
}
