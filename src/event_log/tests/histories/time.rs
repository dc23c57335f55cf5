//! Time in the histories: a clock that jumps back and forth, between appends, while segments
//! are rolled and sealed by age, and across reopening.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::event_log::index::Part;
use crate::event_log::sealed::SealedPart;

/// Units: microseconds.
const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// Beyond these ages segments are sealed or rolled, in histories that do so.
pub(super) const SEAL_AGE: Duration = Duration::from_secs(3_600);
pub(super) const ROLL_AGE: Duration = Duration::from_secs(600);

/// A clock that shows what it was set to.
pub(super) struct Shown(AtomicI64);

impl Clock for Shown {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}

/// The clock of a history, and what it means for the log.
pub(super) struct Times {
    pub(super) clock: Arc<Shown>,
    /// Of its own, so that the rest of the history is the same without jumps.
    rng: Rng,
    /// The latest it ever showed.
    latest: i64,
    /// What it showed when the event at a position was appended, where that is known.
    appended: BTreeMap<u64, i64>,
    /// How often it went back.
    pub(super) back: u64,
    /// Events that `$maxAge` hid.
    pub(super) hidden: u64,
    /// Whether segments may have been sealed for another reason than age.
    by_bytes: bool,
}

impl Times {
    pub(super) fn new(seed: u64) -> Self {
        let start = 1_795_244_400_000_000;
        Self {
            clock: Arc::new(Shown(AtomicI64::new(start))),
            rng: Rng::from_seed(seed ^ 0xc10c),
            latest: start,
            appended: BTreeMap::new(),
            back: 0,
            hidden: 0,
            by_bytes: false,
        }
    }

    fn now(&self) -> i64 {
        self.clock.now().as_micros()
    }

    fn draw(&mut self, below: i64) -> i64 {
        self.rng.below(below.unsigned_abs()).cast_signed()
    }

    /// Sets the clock anew: mostly a little ahead, at times far ahead, or back.
    pub(super) fn jump(&mut self) {
        let by = match self.rng.below(12) {
            0 => 0,
            1 => 400 * DAY,
            2 | 3 => self.draw(3 * DAY),
            4 => -self.draw(400 * DAY),
            5 | 6 => -self.draw(DAY),
            7 => -self.draw(SECOND),
            _ => self.draw(100 * SECOND),
        };
        self.back += u64::from(by < 0);
        self.clock.0.fetch_add(by, Ordering::Relaxed);
        self.latest = self.latest.max(self.now());
    }

    /// At times a part of an append that gives a stream an age.
    pub(super) fn metadata(&mut self, next_id: &mut u64) -> Option<StreamAppend> {
        if self.rng.below(6) > 0 {
            return None;
        }
        *next_id += 1;
        let ages = [1, 60, 3_600, 86_400, 40_000_000];
        let age = ages[self.rng.below(ages.len() as u64) as usize];
        let event = NewEvent {
            event_type: "$metadata".to_owned(),
            data: format!("{{\"$maxAge\":{age}}}").into_bytes(),
            content_type: ContentType::Json,
            ..event(*next_id)
        };
        let stream = stream(&format!("$$s-{}", self.rng.below(5)));
        Some(StreamAppend { stream, expected: ExpectedRevision::Any, events: vec![event] })
    }

    /// Notes when events were appended that are answered now: the clock stood since then.
    pub(super) fn acknowledge(&mut self, answer: &Appended) {
        if !answer.is_repeat {
            for position in answer.first_position..=answer.last_position {
                self.appended.insert(position, self.now());
            }
        }
    }

    /// Compares a log that was just opened, all of whose events are `found`.
    pub(super) async fn compare(
        &mut self,
        log: &EmbeddedLog,
        found: &[Recorded],
        options: &LogOptions,
    ) {
        let mut before = i64::MIN;
        for event in found {
            let recorded = event.recorded_at.as_micros();
            assert!(before <= recorded, "time goes backwards at {}", event.position);
            assert!(recorded <= self.latest, "{} is from the future", event.position);
            // A jump that no event was recorded at leaves nothing behind.
            if let Some(appended) = self.appended.get(&event.position) {
                assert_eq!(recorded, before.max(*appended), "at {}", event.position);
            }
            before = recorded;
        }
        self.compare_parts(log, found, options);
        self.compare_ages(log, found).await;
    }

    /// What is said of finished segments is true, and none was sealed before its time.
    fn compare_parts(&mut self, log: &EmbeddedLog, found: &[Recorded], options: &LogOptions) {
        // The log was opened with these, and its keeper may have sealed since.
        self.by_bytes |= options.seal_after_bytes.is_some();
        let time_of = |end: u64| found[usize::try_from(end - 1).expect("small")].recorded_at;
        let is_old = |part: &SealedPart| {
            let age = i64::try_from(SEAL_AGE.as_micros()).expect("small");
            time_of(part.end()).as_micros() < self.latest.saturating_sub(age)
        };
        for part in &log.shared.index().parts {
            match part {
                Part::Raw(raw) => {
                    if let Some(facts) = raw.facts {
                        assert_eq!(facts.recorded_at, time_of(facts.base + facts.count));
                    }
                }
                Part::Sealed(part) => {
                    let last = part.record().last_recorded_at;
                    assert_eq!(last, time_of(part.end()).as_micros());
                    assert!(self.by_bytes || is_old(part), "sealed before its time");
                }
            }
        }
    }

    /// `$maxAge` hides what is older by the clock, and nothing else.
    async fn compare_ages(&mut self, log: &EmbeddedLog, found: &[Recorded]) {
        for number in 0..5 {
            let name = stream(&format!("s-{number}"));
            let metadata = stream(&format!("$$s-{number}"));
            let of = |name: &StreamName| {
                found.iter().filter(|event| event.stream == *name).cloned().collect::<Vec<_>>()
            };
            let age = of(&metadata).pop().map(|event| {
                let document: serde_json::Value =
                    serde_json::from_slice(&event.data).expect("a document");
                document["$maxAge"].as_i64().expect("an age") * SECOND
            });
            let oldest = age.map_or(i64::MIN, |age| self.now() - age);
            let mut wanted = of(&name);
            let count = wanted.len();
            wanted.retain(|event| event.recorded_at.as_micros() >= oldest);
            self.hidden += (count - wanted.len()) as u64;
            let read = log.read_stream(&name, StreamRead::Start, Direction::Forwards, usize::MAX);
            assert_eq!(read.await.expect("events"), wanted, "{name} by an age of {age:?}");
        }
    }
}
