//! Random work on a few streams, compared with a model that knows no files, caches or groups.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::disk::Disk;
use super::streams::{SetClock, metadata};
use super::*;
use crate::base::Rng;

/// What the log shows of an event, in so far as the model knows it.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    /// Nothing for what the log itself writes.
    id: Option<EventId>,
    event_type: String,
    data: Vec<u8>,
    is_json: bool,
    recorded_at: Timestamp,
}

/// All there is, and the rules over it, each written down as it is told.
#[derive(Default)]
struct Model {
    streams: BTreeMap<String, Vec<Entry>>,
    all: Vec<(String, u64)>,
    now: Timestamp,
}

#[derive(Debug)]
enum Op {
    Append(Vec<StreamAppend>),
    Check(StreamName, ExpectedRevision),
    Delete(StreamName, ExpectedRevision),
    Tombstone(StreamName, ExpectedRevision),
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Appended(Vec<(u64, u64, bool)>),
    Checked(Option<u64>),
    Written(u64),
    Wrong(Option<u64>),
    Closed,
    Partly,
}

fn outcome<T>(answer: Result<T, AppendError>, good: impl Fn(T) -> Outcome) -> Outcome {
    match answer {
        Ok(answer) => good(answer),
        Err(AppendError::WrongExpectedRevision { actual, .. }) => Outcome::Wrong(actual),
        Err(AppendError::StreamDeleted { .. }) => Outcome::Closed,
        Err(AppendError::PartlyRepeated { .. }) => Outcome::Partly,
        Err(other) => panic!("{other}"),
    }
}

impl Model {
    fn entries(&self, name: &str) -> &[Entry] {
        self.streams.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    fn length(&self, name: &str) -> u64 {
        self.entries(name).len() as u64
    }

    fn document(&self, name: &str) -> Option<Map<String, Value>> {
        let last = self.entries(&format!("$${name}")).last().filter(|last| last.is_json)?;
        serde_json::from_slice(&last.data).ok()
    }

    /// What a key says; the documents of this test are right in all keys or wrong as a whole.
    fn key(&self, name: &str, key: &str) -> Option<i64> {
        if name.starts_with("$$") {
            return (key == "$maxCount").then_some(1);
        }
        self.document(name)?.get(key)?.as_i64()
    }

    fn is_deleted(&self, name: &str) -> bool {
        self.key(name, "$tb") == Some(i64::MAX)
    }

    fn is_closed(&self, name: &str) -> bool {
        let original = name.strip_prefix("$$").unwrap_or(name);
        self.entries(original).last().is_some_and(|last| last.event_type == "$streamDeleted")
    }

    /// From which revision on it is written, or the revisions where it stands.
    fn judge(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        events: &[NewEvent],
    ) -> Result<(u64, bool), Outcome> {
        let name = stream.as_str();
        let there = self.entries(name);
        let length = there.len() as u64;
        let ids: Vec<_> = events.iter().map(|event| Some(event.event_id)).collect();
        let wrong = Err(Outcome::Wrong(length.checked_sub(1)));
        if self.is_closed(name) {
            return Err(Outcome::Closed);
        }
        let found = |first: &Option<EventId>| there.iter().position(|entry| entry.id == *first);
        let start = match expected {
            ExpectedRevision::Any => ids.first().and_then(found),
            ExpectedRevision::StreamExists => {
                let has_metadata = self.length(&format!("$${name}")) > 0;
                if self.is_deleted(name) || (length == 0 && !has_metadata) {
                    return wrong;
                }
                ids.first().and_then(found)
            }
            ExpectedRevision::NoStream => Some(0),
            ExpectedRevision::Exact(revision) if revision >= length => return wrong,
            ExpectedRevision::Exact(revision) => usize::try_from(revision + 1).ok(),
        };
        let start = start.unwrap_or(there.len());
        if start < there.len() {
            let stand: Vec<_> = there[start..].iter().map(|entry| entry.id).collect();
            if !ids.is_empty() && stand.starts_with(&ids) {
                return Ok((start as u64, true));
            }
            if !ids.is_empty() && stand.first() == ids.first() {
                return Err(Outcome::Partly);
            }
            if expected != ExpectedRevision::NoStream || !self.is_deleted(name) {
                return wrong;
            }
        }
        let is_twice = |number: usize| ids[..number].contains(&ids[number]);
        if ids.iter().any(|id| found(id).is_some()) || (0..ids.len()).any(is_twice) {
            return Err(Outcome::Partly);
        }
        Ok((length, false))
    }

    fn push(&mut self, name: &str, event: Option<&NewEvent>, event_type: &str, data: Vec<u8>) {
        let is_json = event
            .map_or(event_type == "$metadata", |event| event.content_type == ContentType::Json);
        let entry = Entry {
            id: event.map(|event| event.event_id),
            event_type: event_type.to_owned(),
            data,
            is_json,
            recorded_at: self.now,
        };
        self.all.push((name.to_owned(), self.length(name)));
        self.streams.entry(name.to_owned()).or_default().push(entry);
    }

    fn push_document(&mut self, name: &str, before: i64) {
        let mut keys = self.document(name).unwrap_or_default();
        keys.insert("$tb".to_owned(), Value::from(before));
        self.push(&format!("$${name}"), None, "$metadata", Value::Object(keys).to_string().into());
    }

    fn apply(&mut self, op: &Op) -> Outcome {
        match op {
            Op::Append(batch) => self.append(batch).unwrap_or_else(|refusal| refusal),
            Op::Check(stream, expected) => match self.judge(stream, *expected, &[]) {
                Ok(_) => Outcome::Checked(self.length(stream.as_str()).checked_sub(1)),
                Err(refusal) => refusal,
            },
            Op::Delete(stream, expected) => {
                let name = stream.as_str();
                let is_none = self.length(name) == 0 && self.length(&format!("$${name}")) == 0;
                match self.judge(stream, *expected, &[]) {
                    Err(refusal) => refusal,
                    Ok(_) if is_none => Outcome::Wrong(None),
                    Ok(_) => {
                        self.push_document(name, i64::MAX);
                        Outcome::Written(self.all.len() as u64 - 1)
                    }
                }
            }
            Op::Tombstone(stream, expected) => match self.judge(stream, *expected, &[]) {
                Err(refusal) => refusal,
                Ok(_) => {
                    self.push(stream.as_str(), None, "$streamDeleted", Vec::new());
                    Outcome::Written(self.all.len() as u64 - 1)
                }
            },
        }
    }

    fn append(&mut self, batch: &[StreamAppend]) -> Result<Outcome, Outcome> {
        let mut verdicts = Vec::new();
        for part in batch {
            verdicts.push(self.judge(&part.stream, part.expected, &part.events)?);
        }
        let mut answers = Vec::new();
        for (part, (first, is_repeat)) in batch.iter().zip(&verdicts) {
            answers.push((*first, first + part.events.len() as u64 - 1, *is_repeat));
        }
        let repeats = verdicts.iter().filter(|(_, is_repeat)| *is_repeat).count();
        if repeats > 0 {
            let is_whole = repeats == batch.len();
            return if is_whole { Ok(Outcome::Appended(answers)) } else { Err(Outcome::Partly) };
        }
        // Streams whose deletion ends, in the order of the parts that end it.
        let mut ended: Vec<(String, u64)> = Vec::new();
        for part in batch {
            let name = part.stream.as_str();
            let original = name.strip_prefix("$$").unwrap_or(name);
            let metadata = format!("$${original}");
            let comes =
                original == name && batch.iter().any(|part| part.stream.as_str() == metadata);
            if self.is_deleted(original) && !comes {
                ended.push((original.to_owned(), self.length(original)));
            }
        }
        for part in batch {
            for event in &part.events {
                let event_type = event.event_type.clone();
                self.push(part.stream.as_str(), Some(event), &event_type, event.data.clone());
            }
        }
        for (name, length) in ended {
            if self.document(&name).is_some() {
                self.push_document(&name, length.cast_signed());
            }
        }
        Ok(Outcome::Appended(answers))
    }

    fn is_visible(&self, name: &str, revision: u64) -> bool {
        let entry = &self.entries(name)[usize::try_from(revision).expect("small")];
        let left = (self.length(name) - revision).cast_signed();
        let age = self.now.as_micros() - entry.recorded_at.as_micros();
        !self.is_closed(name)
            && self.key(name, "$tb").is_none_or(|before| revision.cast_signed() >= before)
            && self.key(name, "$maxCount").is_none_or(|count| left <= count)
            && self.key(name, "$maxAge").is_none_or(|seconds| age <= seconds * 1_000_000)
    }

    fn read(&self, name: &str, from: StreamRead, direction: Direction, max: usize) -> Vec<u64> {
        let visible = (0..self.length(name)).filter(|revision| self.is_visible(name, *revision));
        let (at, is_end) = match from {
            StreamRead::Start => (0, false),
            StreamRead::Revision(revision) => (revision, false),
            StreamRead::End => (0, true),
        };
        match direction {
            Direction::Forwards => {
                visible.filter(|revision| *revision >= at && !is_end).take(max).collect()
            }
            Direction::Backwards => {
                visible.rev().filter(|revision| *revision <= at || is_end).take(max).collect()
            }
        }
    }
}

struct History {
    rng: Rng,
    model: Model,
    clock: Arc<SetClock>,
    disk: Disk,
    next_id: u64,
    outcomes: BTreeMap<&'static str, u64>,
}

impl History {
    fn name(&mut self) -> StreamName {
        stream(["a", "b", "c", "d", "e", "$f"][self.rng.below(6) as usize])
    }

    fn expected(&mut self, name: &StreamName) -> ExpectedRevision {
        let length = self.model.length(name.as_str());
        match self.rng.below(8) {
            0 => ExpectedRevision::NoStream,
            1 | 2 => ExpectedRevision::StreamExists,
            3..=5 => match (length + 1 - self.rng.below(3).min(length)).checked_sub(2) {
                Some(revision) => ExpectedRevision::Exact(revision),
                None => ExpectedRevision::NoStream,
            },
            _ => ExpectedRevision::Any,
        }
    }

    fn document(&mut self) -> String {
        let number = self.rng.below(6);
        match self.rng.below(12) {
            0 => "{}".to_owned(),
            1 => "no document".to_owned(),
            2 => "[]".to_owned(),
            3 => format!("{{\"$tb\":{}}}", i64::MAX),
            4 | 5 => format!("{{\"$tb\":{number},\"mine\":{{\"k\":[{number}]}}}}"),
            6 | 7 => format!("{{\"$maxCount\":{}}}", number + 1),
            8 | 9 => format!("{{\"$maxAge\":{}}}", number * 10 + 1),
            _ => format!("{{\"$maxAge\":{},\"$tb\":{number},\"$maxCount\":9}}", number + 20),
        }
    }

    fn event(&mut self, name: &StreamName) -> NewEvent {
        self.next_id += 1;
        if name.as_str().starts_with("$$") {
            let document = self.document();
            let content_type =
                if self.rng.below(9) == 0 { ContentType::Binary } else { ContentType::Json };
            return NewEvent { content_type, ..metadata(self.next_id, &document) };
        }
        event(self.next_id)
    }

    /// New events; or some that are there, perhaps followed by new ones, or one twice.
    fn events(&mut self, name: &StreamName) -> Vec<NewEvent> {
        let mut events = Vec::new();
        let length = self.model.length(name.as_str());
        if self.rng.below(4) == 0 && length > 0 {
            let start = usize::try_from(self.rng.below(length)).expect("small");
            let count = self.rng.between(1, 3) as usize;
            let there = self.model.entries(name.as_str())[start..].iter().take(count);
            let ids: Vec<_> = there.filter_map(|entry| entry.id).collect();
            events.extend(ids.into_iter().map(|event_id| NewEvent { event_id, ..event(0) }));
        }
        if events.is_empty() || self.rng.below(3) == 0 {
            events.extend((0..self.rng.between(1, 3)).map(|_| self.event(name)));
        }
        if self.rng.below(30) == 0 {
            events.push(events[0].clone());
        }
        events
    }

    fn op(&mut self) -> Op {
        let name = self.name();
        let expected = self.expected(&name);
        match self.rng.below(100) {
            0 => return Op::Tombstone(name, expected),
            1..=16 => return Op::Delete(name, expected),
            17..=24 => return Op::Check(name, expected),
            _ => {}
        }
        let mut batch: Vec<StreamAppend> = Vec::new();
        for _ in 0..[1, 1, 1, 2, 3][self.rng.below(5) as usize] {
            let mut stream = self.name();
            if self.rng.below(3) == 0 {
                stream = super::stream(&format!("$${stream}"));
            }
            if batch.iter().all(|part| part.stream != stream) {
                let (expected, events) = (self.expected(&stream), self.events(&stream));
                batch.push(StreamAppend { stream, expected, events });
            }
        }
        Op::Append(batch)
    }

    async fn compare(&mut self, log: &EmbeddedLog) {
        let name = match self.rng.below(3) {
            0 => stream(&format!("$${}", self.name())),
            _ => self.name(),
        };
        let length = self.model.length(name.as_str());
        let from = match self.rng.below(3) {
            0 => StreamRead::Start,
            1 => StreamRead::End,
            _ => StreamRead::Revision(self.rng.below(length + 2)),
        };
        let direction = [Direction::Forwards, Direction::Backwards][self.rng.below(2) as usize];
        let max = [0, 1, 2, 5, usize::MAX][self.rng.below(5) as usize];
        let events = log.read_stream(&name, from, direction, max).await.expect("events");
        let found: Vec<_> = events.iter().map(|event| event.revision).collect();
        let want = self.model.read(name.as_str(), from, direction, max);
        assert_eq!(found, want, "{name} {from:?} {direction:?} {max}");
        let want = StreamInfo {
            last_revision: length.checked_sub(1),
            first_revision: self.first_revision(name.as_str()),
            is_deleted: self.model.is_deleted(name.as_str())
                && !self.model.is_closed(name.as_str()),
            is_tombstoned: self.model.is_closed(name.as_str()),
        };
        assert_eq!(log.stream(&name).await.expect("an answer"), want, "{name}");
    }

    fn first_revision(&self, name: &str) -> u64 {
        let young = Model { now: Timestamp::EPOCH, ..Model::default() };
        let model = Model { streams: self.model.streams.clone(), ..young };
        model.read(name, StreamRead::Start, Direction::Forwards, 1).first().copied().unwrap_or(
            // Nothing is read: past the end.
            model.length(name),
        )
    }

    async fn compare_all(&self, log: &EmbeddedLog) {
        let found = all(log).await;
        assert_eq!(found.len(), self.model.all.len());
        for (found, (name, revision)) in found.iter().zip(&self.model.all) {
            let want = &self.model.entries(name)[usize::try_from(*revision).expect("small")];
            let entry = Entry {
                id: want.id.map(|_| found.event_id),
                event_type: found.event_type.clone(),
                data: found.data.to_vec(),
                is_json: found.content_type == ContentType::Json,
                recorded_at: found.recorded_at,
            };
            assert_eq!((found.stream.as_str(), found.revision), (name.as_str(), *revision));
            assert_eq!(&entry, want, "{name} {revision}");
        }
    }

    /// Work that is under way at once is taken in the order in which it was begun.
    async fn live(&mut self, log: &EmbeddedLog) {
        let passed = self.rng.below(8).cast_signed() * 1_000_000;
        self.model.now = Timestamp::from_micros(self.model.now.as_micros() + passed);
        self.clock.0.store(self.model.now.as_micros(), Ordering::Relaxed);
        let ops: Vec<_> = (0..self.rng.between(1, 12)).map(|_| self.op()).collect();
        let answers = at_once(ops.iter().map(|op| Box::pin(ask(log, op)) as _).collect()).await;
        for (op, answer) in ops.iter().zip(answers) {
            let want = self.model.apply(op);
            let kind = match want {
                Outcome::Appended(_) => "appended",
                Outcome::Checked(_) => "checked",
                Outcome::Written(_) => "deleted or closed",
                Outcome::Wrong(_) => "wrong",
                Outcome::Closed => "closed",
                Outcome::Partly => "partly",
            };
            *self.outcomes.entry(kind).or_default() += 1;
            assert_eq!(answer, want, "{op:?}");
        }
        for _ in 0..4 {
            self.compare(log).await;
        }
    }
}

async fn ask(log: &EmbeddedLog, op: &Op) -> Outcome {
    match op {
        Op::Append(batch) => outcome(log.append_many(batch.clone()).await, |answers| {
            let places = |one: &Appended| (one.first_revision, one.last_revision, one.is_repeat);
            Outcome::Appended(answers.iter().map(places).collect())
        }),
        Op::Check(name, expected) => {
            outcome(log.check(name.clone(), *expected).await, Outcome::Checked)
        }
        Op::Delete(name, expected) => {
            outcome(log.delete(name.clone(), *expected).await, Outcome::Written)
        }
        Op::Tombstone(name, expected) => {
            outcome(log.tombstone(name.clone(), *expected).await, Outcome::Written)
        }
    }
}

async fn run(seed: u64) -> History {
    let clock = Arc::new(SetClock::default());
    let mut history = History {
        rng: Rng::from_seed(seed),
        model: Model::default(),
        clock,
        disk: Disk::new(seed),
        next_id: 0,
        outcomes: BTreeMap::new(),
    };
    for _ in 0..6 {
        let storage = Arc::new(history.disk.started());
        // A byte is a group of its own, built while the one before is on its way to the disk.
        let group_bytes = [1, 1, 4 << 20][history.rng.below(3) as usize];
        let options = LogOptions { group_bytes, ..small() };
        let opened = EmbeddedLog::open_with(storage, options, history.clock.clone());
        let log = opened.expect("a log").0;
        history.compare_all(&log).await;
        for _ in 0..history.rng.between(1, 12) {
            history.live(&log).await;
        }
        history.compare_all(&log).await;
        drop(log);
        if history.rng.below(2) == 0 {
            history.disk.crash();
        }
    }
    history
}

#[test]
fn streams_do_what_the_model_does() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..150 {
        let history = std::panic::AssertUnwindSafe(|| runtime.block_on(run(seed)));
        let history = std::panic::catch_unwind(history)
            .unwrap_or_else(|_| panic!("history {seed} failed, see above"));
        for (kind, count) in history.outcomes {
            *sums.entry(kind).or_default() += count;
        }
    }
    println!("{sums:?}");
    assert!(sums.len() == 6 && sums.values().all(|count| *count > 100), "{sums:?}: too tame");
}
