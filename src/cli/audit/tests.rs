use std::sync::Arc;

use super::*;
use crate::base::{CampaignId, Clock, EventId, LegId, Millis, Rng, Timestamp};
use crate::dialing::DialDecision;
use crate::event::{
    Actor, CampaignStarted, Event, ExpectedRevision, NewEvent, RoutePurpose, examples,
};
use crate::event_log::spread::Spread;
use crate::event_log::{EmbeddedLog, LogOptions};
use crate::projection::live::LiveState;

const NOW: Timestamp = Timestamp::from_micros(1_795_244_400_000_000);

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        NOW
    }
}

/// A log on disk, written by taking decisions the way the runtime does.
struct World {
    folder: tempfile::TempDir,
    log: Arc<dyn EventLog>,
    state: LiveState,
}

impl World {
    async fn new() -> Self {
        Self::with(|log| Arc::new(log)).await
    }

    async fn with(dress: impl FnOnce(EmbeddedLog) -> Arc<dyn EventLog>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (log, _) = EmbeddedLog::open(folder.path(), LogOptions::default(), Arc::new(Fixed))
            .expect("an empty log");
        let mut world = Self { folder, log: dress(log), state: LiveState::default() };
        for name in ["CampaignCreated", "CarrierAdded", "AgentSignedIn", "LeadImported"] {
            let event = examples().into_iter().find(|event| event.name() == name);
            world.append("setup-1", event.expect("an example")).await;
        }
        world.append("setup-1", CampaignStarted { campaign_id: campaign() }.into()).await;
        world
    }

    async fn append(&mut self, stream: &str, event: Event) {
        let next = self.state.position().map_or(0, |last| last + 1);
        let id = EventId::generate(NOW, &mut Rng::from_seed(next));
        let new = NewEvent::of(&event, id, NOW, Actor::part("test"));
        let stream = StreamName::new(stream).expect("a name");
        self.log.append(stream, ExpectedRevision::Any, vec![new]).await.expect("appended");
        let from = AllRead::Position(next);
        let read = self.log.read_all(from, Direction::Forwards, 1).await.expect("readable");
        self.state.apply(&read[0]).expect("in order");
    }

    /// Decides and records a dial, a carrier and a handler; `spoil` may change the last one.
    async fn call(&mut self, spoil: bool) -> CallId {
        let mut rng = Rng::from_seed(1);
        let call_id = CallId::generate(NOW, &mut rng);
        let stream = StreamName::call(call_id);
        let position = self.state.position().expect("facts");
        let decision = self.state.dialing.decide_dial(
            &self.state.compliance,
            &campaign(),
            call_id,
            NOW.plus(Millis(1)),
            position,
        );
        let DialDecision::Dial { decided, checked, started } = decision else {
            panic!("{decision:?}")
        };
        self.append(stream.as_str(), decided.into()).await;
        self.append(stream.as_str(), checked.into()).await;
        self.append(stream.as_str(), started.into()).await;
        let position = self.state.position().expect("facts");
        let leg_id = LegId::generate(NOW, &mut rng);
        let chosen = self.state.dialing.choose_carrier(call_id, leg_id, NOW, position);
        self.append(stream.as_str(), chosen.into()).await;
        let position = self.state.position().expect("facts");
        let purpose = RoutePurpose::Answer;
        let mut chosen = self.state.routing.choose_handler(call_id, purpose, NOW, position);
        if spoil {
            chosen.chosen = None;
        }
        self.append(stream.as_str(), chosen.into()).await;
        call_id
    }
}

fn campaign() -> CampaignId {
    CampaignId::new("demo").expect("a slug")
}

#[tokio::test]
async fn a_true_log_agrees_on_every_decision() {
    let mut world = World::new().await;
    world.call(false).await;
    // What a second process sees while the first one holds the log.
    let (reader, _) = EmbeddedLog::open_read_only(world.folder.path()).expect("readable");
    let found = replay(&reader).await.expect("a whole log");
    let text = report_text(&found, 20);
    assert!(text.ends_with("10 events replayed: every decision came out the same\n"), "{text}");
    let json = report_json(&found, 20);
    assert_eq!((&json["taken"], &json["agreed"]), (&json!(4), &json!(4)));
    assert_eq!(json["decisions"]["HandlerChosen"], json!({ "taken": 1, "agreed": 1 }));
}

#[tokio::test]
async fn positions_far_apart_agree_on_every_decision() {
    let mut world = World::with(|log| Arc::new(Spread(log))).await;
    let call_id = world.call(false).await;
    let found = replay(&*world.log).await.expect("a whole log");
    let text = report_text(&found, 20);
    assert!(text.ends_with("10 events replayed: every decision came out the same\n"), "{text}");
    let facts = facts_of(&*world.log, &call_id.to_string()).await.expect("the call");
    assert_eq!(facts.last().map(|fact| fact.position), Some(9_007));
}

#[tokio::test]
async fn a_false_decision_is_counted_and_named() {
    let mut world = World::new().await;
    world.call(true).await;
    let found = replay(&*world.log).await.expect("a whole log");
    let text = report_text(&found, 20);
    assert!(text.contains("position 9, HandlerChosen, field chosen: recorded null"), "{text}");
    assert!(text.contains("1 decisions came out differently"), "{text}");
    assert!(report_text(&found, 0).contains("and 1 more"), "{text}");
    assert_eq!(report_json(&found, 20)["differ"], json!(1));
}

#[tokio::test]
async fn a_call_is_found_by_its_id_or_a_part_of_it() {
    let mut world = World::new().await;
    let id = world.call(false).await.to_string();
    for part in [id.as_str(), &id[..8], &id[id.len() - 8..], &id.to_uppercase()] {
        assert_eq!(facts_of(&*world.log, part).await.expect(part).len(), 5, "{part}");
    }
    let refused = async |part: &str, want: &str| {
        let error = facts_of(&*world.log, part).await.expect_err("must be refused").to_string();
        assert!(error.contains(want), "{error}");
    };
    refused(&id[..7], "8 or more").await;
    refused("ffffffff", "no such call").await;
    refused("00000000-0000-7000-8000-000000000000", "no such call").await;
}

#[tokio::test]
async fn a_part_that_two_calls_share_is_refused() {
    let mut world = World::new().await;
    let id = world.call(false).await.to_string();
    let other = format!("call-{}{}", &id[..8], "-0000-7000-8000-000000000000");
    let event = CampaignStarted { campaign_id: campaign() }.into();
    world.append(&other, event).await;
    let error = facts_of(&*world.log, &id[..8]).await.expect_err("ambiguous").to_string();
    assert!(error.contains("2 calls have these characters"), "{error}");
}

#[tokio::test]
async fn a_log_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let config =
        crate::runtime::Config { data_dir: folder.path().to_owned(), ..Default::default() };
    let error = read_log(&config).await.err().expect("must be refused").to_string();
    assert!(error.contains("does not exist") && error.contains("--data-dir"), "{error}");
}
