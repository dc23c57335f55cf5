//! Groups over a log: what they leave in it, and how they come back.

use std::sync::Arc;

use tempfile::TempDir;
use uuid::Uuid;

use crate::base::{Clock, EventId, Timestamp};
use crate::event::{Actor, ContentType, ExpectedRevision, NewEvent, StreamName};
use crate::event_log::{Direction, EmbeddedLog, EventLog, LogOptions, StreamRead};
use crate::kurrentdb::persistent::config::Entry;
use crate::kurrentdb::persistent::consumers::About;
use crate::kurrentdb::persistent::group::Nack;
use crate::kurrentdb::persistent::refusal::Refusal;
use crate::kurrentdb::persistent::runner::Command;
use crate::kurrentdb::persistent::subsystem::{Change, Seat, Subsystem};
use crate::kurrentdb::server::pulse::Pulse;

struct Standing;

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000)
    }
}

struct World {
    log: Arc<dyn EventLog>,
    subsystem: Subsystem,
    _folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let opened = EmbeddedLog::open(folder.path(), LogOptions::default(), Arc::new(Standing));
        let log: Arc<dyn EventLog> = Arc::new(opened.expect("a log").0);
        Self { subsystem: start(&log).await, log, _folder: folder }
    }

    /// As after a crash: nothing of what was going on is brought to an end.
    async fn crash(&mut self) {
        self.subsystem = start(&self.log).await;
    }

    async fn append(&self, stream: &str, event_type: &str, data: &[u8]) -> Uuid {
        let id = Uuid::from_u128(u128::from(self.log.head().map_or(1, |head| head + 2)));
        let event = NewEvent {
            event_id: EventId(id),
            event_type: event_type.to_owned(),
            schema_version: 1,
            occurred_at: Timestamp::EPOCH,
            correlation_id: None,
            causation_id: None,
            actor: Actor::part("test"),
            data: data.to_vec(),
            content_type: ContentType::Json,
            metadata: Vec::new(),
        };
        let appended = self.log.append(name(stream), ExpectedRevision::Any, vec![event]).await;
        appended.expect("an append");
        id
    }

    async fn last(&self, stream: &str) -> Option<String> {
        let stream = name(stream);
        let read = self.log.read_stream(&stream, StreamRead::End, Direction::Backwards, 1).await;
        let event = read.expect("a read").pop()?;
        Some(String::from_utf8_lossy(&event.data).into_owned())
    }

    async fn change(&self, entry: Entry, change: Change) -> Result<(), Refusal> {
        self.subsystem.change(entry, change, "admin".to_owned()).await
    }

    async fn create(&self, entry: Entry) {
        self.change(entry, Change::Create).await.expect("a group");
    }

    async fn join(&self, stream: &str) -> Seat {
        let about =
            About { capacity: 10, username: "admin".to_owned(), connection_name: String::new() };
        self.subsystem.connect(stream, "g", about).await.expect("a seat")
    }

    /// Waits until the log says something: the work of a group is done by its task.
    async fn until(&self, stream: &str, want: &str) {
        let mut beats = Pulse::new(self.log.clone()).watch();
        while self.last(stream).await.as_deref() != Some(want) {
            beats.changed().await.expect("the log is open");
        }
    }

    /// Waits until the group has so many parked events.
    async fn until_parked(&self, stream: &str, want: u64) {
        loop {
            let (_, told) = self.subsystem.info(stream, "g").await.expect("a group");
            if told.parked == want {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

async fn start(log: &Arc<dyn EventLog>) -> Subsystem {
    let pulse = Arc::new(Pulse::new(log.clone()));
    Subsystem::start(log.clone(), Arc::new(Standing), pulse).await
}

fn name(stream: &str) -> StreamName {
    StreamName::new(stream).expect("a name")
}

/// A group that writes a checkpoint with every event.
fn entry(stream: &str, start: &str) -> Entry {
    Entry {
        stream: stream.to_owned(),
        group: "g".to_owned(),
        start_position: Some(start.to_owned()),
        history_buffer_size: 20,
        read_batch_size: 5,
        max_retry_count: 3,
        min_check_point_count: 1,
        max_check_point_count: 1,
        named_consumer_strategy: "RoundRobin".to_owned(),
        ..Entry::default()
    }
}

async fn next(seat: &mut Seat) -> (Uuid, u64) {
    let (given, _) = seat.deliveries.recv().await.expect("an event");
    let id = given.link.as_ref().unwrap_or(&given.event).event_id.0;
    (id, given.event.revision)
}

async fn ack(seat: &Seat, id: Uuid) {
    let ack = Command::Ack { consumer: seat.id, ids: vec![id] };
    seat.commands.send(ack).await.expect("a group");
}

async fn park(seat: &Seat, id: Uuid) {
    let (consumer, action) = (seat.id, Nack::Park);
    let nack = Command::Nack { consumer, ids: vec![id], action, reason: "why".to_owned() };
    seat.commands.send(nack).await.expect("a group");
}

const CHECKPOINT: &str = "$persistentsubscription-orders::g-checkpoint";
const PARKED: &str = "$persistentsubscription-orders::g-parked";

#[tokio::test]
async fn a_group_goes_on_where_its_checkpoint_is() {
    let mut world = World::new().await;
    for _ in 0..3 {
        world.append("orders", "t", b"{}").await;
    }
    world.create(entry("orders", "0")).await;
    let mut seat = world.join("orders").await;
    let (first, _) = next(&mut seat).await;
    let (second, _) = next(&mut seat).await;
    ack(&seat, second).await;
    ack(&seat, first).await;
    world.until(CHECKPOINT, "\"1\"").await;
    assert_eq!(
        world.last(&format!("$${CHECKPOINT}")).await.as_deref().map(is_for_admins),
        Some(true)
    );
    world.crash().await;
    let mut seat = world.join("orders").await;
    assert_eq!(next(&mut seat).await.1, 2);
}

fn is_for_admins(metadata: &str) -> bool {
    metadata.contains("\"$maxCount\":2") && metadata.contains("\"$r\":\"$admins\"")
}

#[tokio::test]
async fn a_parked_event_survives_a_crash_in_its_replay() {
    let mut world = World::new().await;
    world.append("orders", "t", b"{}").await;
    world.create(entry("orders", "0")).await;
    let mut seat = world.join("orders").await;
    let (id, _) = next(&mut seat).await;
    park(&seat, id).await;
    world.until(PARKED, "0@orders").await;
    world.until(CHECKPOINT, "\"0\"").await;
    for _ in 0..2 {
        world.subsystem.replay_parked("orders", "g", None).await.expect("a replay");
        let (again, revision) = next(&mut seat).await;
        assert_eq!(revision, 0);
        assert_ne!(again, id, "it is answered by its link");
        // Nobody answers it.
        world.crash().await;
        world.until_parked("orders", 1).await;
        seat = world.join("orders").await;
    }
    world.subsystem.replay_parked("orders", "g", None).await.expect("a replay");
    let (again, _) = next(&mut seat).await;
    ack(&seat, again).await;
    let metadata = format!("$${PARKED}");
    let mut beats = Pulse::new(world.log.clone()).watch();
    while !world.last(&metadata).await.is_some_and(|text| text.contains("\"$tb\":1")) {
        beats.changed().await.expect("the log is open");
    }
    world.crash().await;
    world.until_parked("orders", 0).await;
}

#[tokio::test]
async fn the_end_stays_what_it_was() {
    let mut world = World::new().await;
    world.append("orders", "t", b"{}").await;
    world.create(entry("orders", "-1")).await;
    world.append("orders", "t", b"{}").await;
    world.crash().await;
    let mut seat = world.join("orders").await;
    assert_eq!(next(&mut seat).await.1, 1);
}

#[tokio::test]
async fn checkpoints_of_other_versions_are_understood() {
    for (written, want) in [("1", 2), ("\"1\"", 2), ("\"C:1/P:1\"", 2), ("{}", 0)] {
        let mut world = World::new().await;
        for _ in 0..3 {
            world.append("orders", "t", b"{}").await;
        }
        world.create(entry("orders", "0")).await;
        world.append(CHECKPOINT, "$SubscriptionCheckpoint", written.as_bytes()).await;
        world.crash().await;
        let mut seat = world.join("orders").await;
        assert_eq!(next(&mut seat).await.1, want, "{written}");
    }
}

#[tokio::test]
async fn a_checkpoint_past_the_end_hides_nothing() {
    let mut world = World::new().await;
    world.append("orders", "t", b"{}").await;
    world.create(entry("orders", "0")).await;
    world.append(CHECKPOINT, "$SubscriptionCheckpoint", b"\"70\"").await;
    world.crash().await;
    let mut seat = world.join("orders").await;
    world.append("orders", "t", b"{}").await;
    assert_eq!(next(&mut seat).await.1, 1);
}

#[tokio::test]
async fn what_another_group_left_behind_is_forgotten() {
    let world = World::new().await;
    world.append("orders", "t", b"{}").await;
    world.append(CHECKPOINT, "$SubscriptionCheckpoint", b"\"0\"").await;
    world.append(PARKED, "$>", b"0@orders").await;
    world.create(entry("orders", "0")).await;
    world.until_parked("orders", 0).await;
    let mut seat = world.join("orders").await;
    assert_eq!(next(&mut seat).await.1, 0);
}

#[tokio::test]
async fn a_configuration_that_is_not_understood_is_left_as_it_is() {
    let mut world = World::new().await;
    world.append("$persistentSubscriptionConfig", "$PersistentConfig", b"not JSON").await;
    world.crash().await;
    let refused = world.change(entry("orders", "0"), Change::Create).await;
    assert!(matches!(refused, Err(Refusal::NotReady)), "{refused:?}");
    assert!(matches!(world.subsystem.list(None).await, Err(Refusal::NotReady)));
    let kept = world.last("$persistentSubscriptionConfig").await;
    assert_eq!(kept.as_deref(), Some("not JSON"));
}

#[tokio::test]
async fn a_group_that_is_not_understood_stays_in_the_configuration() {
    let mut world = World::new().await;
    let unknown = br#"{"version":"2","entries":[{"stream":"orders","group":"new","namedConsumerStrategy":"Later","historyBufferSize":9}]}"#;
    world.append("$persistentSubscriptionConfig", "$PersistentConfig", unknown).await;
    world.crash().await;
    world.create(entry("orders", "0")).await;
    let kept = world.last("$persistentSubscriptionConfig").await.expect("a configuration");
    assert!(kept.contains("\"Later\"") && kept.contains("\"RoundRobin\""), "{kept}");
}

#[tokio::test]
async fn names_that_read_the_same_are_refused() {
    let world = World::new().await;
    world.create(Entry { group: "c".to_owned(), ..entry("a::b", "0") }).await;
    let other = Entry { group: "b::c".to_owned(), ..entry("a", "0") };
    let refused = world.change(other.clone(), Change::Create).await;
    assert!(matches!(refused, Err(Refusal::Failed { .. })), "{refused:?}");
    let refused = world.change(other, Change::Update).await;
    assert!(refused.is_err());
    let refused = world.subsystem.delete("a".to_owned(), "b::c".to_owned(), String::new()).await;
    assert!(matches!(refused, Err(Refusal::DoesNotExist { .. })), "{refused:?}");
    assert!(world.subsystem.info("a::b", "c").await.is_ok(), "the group is still there");
}

#[tokio::test]
async fn a_stop_writes_how_far_a_group_is() {
    let world = World::new().await;
    world.append("orders", "t", b"{}").await;
    world.append("orders", "t", b"{}").await;
    let lazy =
        Entry { min_check_point_count: 99, max_check_point_count: 99, ..entry("orders", "0") };
    world.create(lazy).await;
    let mut seat = world.join("orders").await;
    let (id, _) = next(&mut seat).await;
    ack(&seat, id).await;
    world.subsystem.stop().await;
    assert_eq!(world.last(CHECKPOINT).await.as_deref(), Some("\"0\""));
    assert!(matches!(world.subsystem.list(None).await, Err(Refusal::NotReady)));
}

#[tokio::test]
async fn one_change_after_the_other() {
    let world = World::new().await;
    let both = tokio::join!(
        world.change(entry("orders", "0"), Change::Create),
        world.change(entry("orders", "0"), Change::Create),
    );
    let made = [&both.0, &both.1].into_iter().filter(|result| result.is_ok()).count();
    assert_eq!(made, 1, "{both:?}");
}
