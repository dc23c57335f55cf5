use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::base::Clock;
use crate::event::{Actor, CampaignCompleted, ContentType, Event, Recorded, examples};
use crate::event_log::{
    AllRead, BoxFuture, Direction, EmbeddedLog, EventLog, LogOptions, ReadError, StreamAppend,
    StreamInfo, StreamRead, Subscription,
};
use crate::runtime::clock::{SystemClock, system_random, system_rng};
use crate::runtime::config::Config;
use crate::runtime::{Platform, Voices, import_only};

const CONFIG: &str = r#"
[[carriers]]
id = "north"
address = "127.0.0.1:9"
weight = 1
channels = 1

[[campaigns]]
id = "demo"
name = "Demo"
script = "scripts/business_loan_en.toml"
"#;

fn configured(folder: &Path) -> Config {
    let mut config = Config::parse(Path::new("l.toml"), CONFIG).expect("a good file");
    config.data_dir = folder.to_owned();
    let campaign = &mut config.campaigns[0];
    campaign.script = Path::new(env!("CARGO_MANIFEST_DIR")).join(&campaign.script);
    config
}

/// A journal and a vault with a campaign, without the loop around them.
struct Rig {
    folder: tempfile::TempDir,
    journal: Journal,
    vault: Vault,
    config: Config,
    log: Arc<dyn EventLog>,
}

impl Rig {
    async fn new() -> Self {
        Self::open(tempfile::tempdir().expect("a folder")).await
    }

    async fn open(folder: tempfile::TempDir) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let path = folder.path().join("log");
        let opened = EmbeddedLog::open(&path, LogOptions::default(), clock.clone());
        let log: Arc<dyn EventLog> = Arc::new(opened.expect("a log").0);
        let node = "node-1".to_owned();
        let mut journal =
            Journal::open(log.clone(), clock, system_rng(), node).await.expect("events");
        let keys = folder.path().join("keys");
        let vault = Vault::open(&keys, &mut system_random).expect("keys");
        if journal.live.dialing.campaigns().is_empty() {
            let is_created = |event: &Event| matches!(event, Event::CampaignCreated(_));
            let created = examples().into_iter().find(is_created).expect("an example");
            let draft = Draft::new(created, journal.now(), "test");
            journal.append(vec![draft]).await.expect("taken");
        }
        let config = configured(folder.path());
        Self { folder, journal, vault, config, log }
    }

    async fn again(self) -> Self {
        self.log.close().await;
        let Self { folder, journal, log, .. } = self;
        drop((journal, log));
        Self::open(folder).await
    }

    async fn offer_to(
        &mut self,
        stream: &str,
        expected: ExpectedRevision,
        offers: &[(u128, &str)],
    ) -> Result<Appended, OfferError> {
        let stream = stream.parse().expect("a name");
        let offers = offers.iter().map(|(id, data)| offered(*id, data)).collect();
        let Self { journal, vault, config, .. } = self;
        let wanted = (&stream, expected, offers);
        take_in(journal, vault, &config.campaigns, wanted, &mut system_random).await
    }

    async fn offer(&mut self, offers: &[(u128, &str)]) -> Result<Appended, OfferError> {
        self.offer_to("inbox-demo", ExpectedRevision::Any, offers).await
    }

    async fn events(&self) -> Vec<Recorded> {
        self.log.read_all(AllRead::Start, Direction::Forwards, 10_000).await.expect("events")
    }

    async fn count(&self, name: &str) -> usize {
        self.events().await.iter().filter(|event| event.event_type == name).count()
    }

    fn keys(&self) -> Vec<u8> {
        std::fs::read(self.folder.path().join("keys/subjects.keys")).expect("keys")
    }
}

fn offered(id: u128, data: &str) -> NewEvent {
    NewEvent {
        event_id: EventId(Uuid::from_u128(id)),
        event_type: "LeadOffered".to_owned(),
        schema_version: 1,
        occurred_at: Timestamp::EPOCH,
        correlation_id: Some(Uuid::from_u128(77)),
        causation_id: None,
        actor: Actor::of("intake", &"crm"),
        data: data.as_bytes().to_vec(),
        content_type: ContentType::Json,
        metadata: Vec::new(),
    }
}

fn offers(events: &[Recorded]) -> Vec<LeadOffered> {
    let fact = |event: &Recorded| match event.event() {
        Ok(Event::LeadOffered(fact)) => Some(fact),
        _ => None,
    };
    events.iter().filter_map(fact).collect()
}

/// The numbers differ from those of every other file, so that finding one means something.
const GOOD: &str = r#"{"phone":"+12125550181","name":"Zebulon","age":33,"Job":" services ",
    "recorded_outcome":"yes","callback":"(212) 555-0182","vip":true,"note":null}"#;
const SAME_NUMBER: &str = r#"{"phone":"+1 212 555 0181","name":"Another"}"#;
const NO_PHONE: &str = r#"{"name":"Quillon","job":"services"}"#;

#[tokio::test]
async fn leads_come_in_and_nothing_of_the_person_is_in_the_log() {
    let mut rig = Rig::new().await;
    let appended = rig.offer(&[(1, GOOD), (2, SAME_NUMBER), (3, NO_PHONE)]).await.expect("taken");
    assert_eq!((appended.first_revision, appended.last_revision), (0, 2));
    let events = rig.events().await;
    let at = usize::try_from(appended.last_position).expect("small");
    assert_eq!((events[at].revision, events[at].event_id.0.as_u128()), (2, 3));
    assert_eq!(events[at].stream.as_str(), "inbox-demo");
    assert_eq!(events[at].correlation_id, Some(Uuid::from_u128(77)));
    assert_eq!(events[at].actor.as_str(), "intake:crm");

    let [first, second, third] = &offers(&events)[..] else { panic!("three offers") };
    assert_eq!(first.outcome, OfferOutcome::Accepted);
    assert_eq!((second.outcome, second.lead_id), (OfferOutcome::Duplicate, None));
    assert_eq!(third.outcome, OfferOutcome::Rejected);
    assert_eq!(
        (third.column.as_deref(), third.reason.as_deref()),
        (Some("phone"), Some("is missing"))
    );

    let lead = events.iter().find(|event| event.event_type == "LeadImported").expect("a lead");
    assert_eq!(lead.causation_id, Some(EventId(Uuid::from_u128(1))));
    let Ok(Event::LeadImported(lead)) = lead.event() else { panic!("a lead") };
    assert_eq!((Some(lead.lead_id), lead.list_order), (first.lead_id, 1));
    let portrait: Vec<_> = lead.portrait.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(portrait, ["age=33", "job=services", "vip=true"]);

    // What is on disk by the time of the answer opens what the log names.
    let vault = Vault::open(&rig.folder.path().join("keys"), &mut system_random).expect("keys");
    let mut people = 0;
    for event in &events {
        if let Ok(Event::SubjectRegistered(fact)) = event.event() {
            let (phone, name) =
                vault.open_sealed(fact.subject_id, &fact.ciphertext).expect("its key is there");
            assert_eq!((phone.reveal(), name.reveal()), ("+12125550181", "Zebulon"));
            people += 1;
        }
    }
    assert_eq!(people, 1);
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(rig.folder.path().join("log")).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            bytes.extend(std::fs::read(path).expect("a file"));
        }
    }
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("LeadOffered"), "the right bytes are looked at");
    for secret in ["2125550181", "555-0182", "555 0181", "Zebulon", "Another", "Quillon"] {
        assert!(!holds(secret), "{secret} lies in the log");
    }
}

#[tokio::test]
async fn the_same_ids_again_are_the_repeat_they_are_also_after_a_restart() {
    let mut rig = Rig::new().await;
    let first = rig.offer(&[(1, GOOD), (2, NO_PHONE)]).await.expect("taken");
    rig.offer(&[(3, r#"{"phone":"+12125550183"}"#)]).await.expect("taken");
    for _ in 0..2 {
        let events = rig.events().await.len();
        for expected in [ExpectedRevision::Any, ExpectedRevision::NoStream] {
            // Whatever they say now: an id is taken once.
            let again = [(1, r#"{"phone":"+12125550189"}"#), (2, GOOD)];
            let again = rig.offer_to("inbox-demo", expected, &again).await.expect("a repeat");
            assert!(again.is_repeat);
            assert_eq!(again.last_revision, first.last_revision);
            assert_eq!(again.last_position, first.last_position);
        }
        assert_eq!(rig.events().await.len(), events, "nothing is written");
        rig = rig.again().await;
    }
}

#[tokio::test]
async fn what_does_not_fit_the_inbox_is_refused_before_anybody_gets_a_key() {
    let mut rig = Rig::new().await;
    rig.offer(&[(1, GOOD)]).await.expect("taken");
    let (events, keys) = (rig.events().await.len(), rig.keys());
    let other = r#"{"phone":"+12125550184"}"#;
    for expected in [ExpectedRevision::Exact(7), ExpectedRevision::NoStream] {
        let refused = rig.offer_to("inbox-demo", expected, &[(9, other)]).await;
        let Err(OfferError::Journal(JournalError::Append(error))) = refused else {
            panic!("taken")
        };
        assert!(matches!(error, AppendError::WrongExpectedRevision { actual: Some(0), .. }));
    }
    // Half a repeat, a repeat elsewhere, and one id twice.
    for offers in
        [&[(1, GOOD), (9, other)][..], &[(9, other), (1, GOOD)], &[(9, other), (9, other)]]
    {
        let refused = rig.offer(offers).await;
        let Err(OfferError::Journal(JournalError::Append(error))) = refused else {
            panic!("taken")
        };
        assert!(matches!(error, AppendError::PartlyRepeated { .. }), "{error}");
    }
    let moved = rig.offer_to("inbox-demo", ExpectedRevision::Exact(0), &[(1, GOOD)]).await;
    assert!(moved.is_err_and(|error| !error.is_fatal()));
    assert_eq!((rig.events().await.len(), rig.keys()), (events, keys));
    rig.offer_to("inbox-demo", ExpectedRevision::Exact(0), &[(9, other)]).await.expect("it fits");
}

#[tokio::test]
async fn what_is_no_lead_at_all_is_an_error_that_repeats_nothing() {
    let mut rig = Rig::new().await;
    let events = rig.events().await.len();
    for data in ["", "[]", "7", "\"+12125550185\"", "{\"phone\":\"+12125550185\"", "{} {}"] {
        let error = rig.offer(&[(1, GOOD), (2, data)]).await.expect_err("no object").to_string();
        assert!(error.contains("lead 2") && error.contains("`phone`"), "{error}");
        assert!(!error.contains("0185"), "{error}");
    }
    for stream in ["inbox-+12125550185", "inbox", "inbox-"] {
        let refused = rig.offer_to(stream, ExpectedRevision::Any, &[(1, GOOD)]).await;
        let error = refused.expect_err("no such inbox").to_string();
        assert!(error.contains("those of demo are there") && !error.contains("0185"), "{error}");
    }
    assert_eq!(rig.events().await.len(), events, "nothing is written");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    /// Whatever is offered, in whatever groups: an id is taken once, a number listed once.
    #[test]
    fn an_id_is_taken_once_and_a_number_listed_once(
        groups in prop::collection::vec(
            prop::collection::vec((0u128..12, 0u32..6), 1..4), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let mut rig = Rig::new().await;
            let (mut ids, mut numbers) = (BTreeSet::new(), BTreeSet::new());
            for group in &groups {
                let texts: Vec<_> = group
                    .iter()
                    .map(|(id, number)| (*id, match number {
                        0 => "{}".to_owned(),
                        number => r#"{"phone":"+12125550170"}"#.replace("70\"", &format!("7{number}\"")),
                    }))
                    .collect();
                let offers: Vec<_> = texts.iter().map(|(id, text)| (*id, text.as_str())).collect();
                let taken = rig.offer(&offers).await;
                if taken.is_ok_and(|taken| !taken.is_repeat) {
                    for (id, number) in group {
                        assert!(ids.insert(*id), "{id} was taken twice");
                        numbers.insert(*number);
                    }
                }
            }
            numbers.remove(&0);
            assert_eq!(offers(&rig.events().await).len(), ids.len());
            assert_eq!(rig.count("LeadImported").await, numbers.len());
            assert_eq!(rig.count("SubjectRegistered").await, numbers.len());
            let leads = rig.journal.live.dialing.leads().values().map(|lead| lead.list_order);
            let orders: BTreeSet<_> = leads.collect();
            assert_eq!(orders, (1..=numbers.len() as u64).collect());
        });
    }
}

fn mute() -> Voices {
    Arc::new(|_| Arc::new(|_| Err("nobody speaks here".to_owned())))
}

#[tokio::test]
async fn a_complete_campaign_starts_again_and_dials_who_was_offered() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = configured(folder.path());
    import_only(&config, &config.campaigns[0]).await.expect("the campaign");
    let campaign_id = config.campaigns[0].id.clone();
    let mut rig = Rig::open(folder).await;
    let completed = CampaignCompleted { campaign_id, leads: 0, attempts: 0 };
    let draft = Draft::new(completed, rig.journal.now(), "test");
    rig.journal.append(vec![draft]).await.expect("taken");
    rig.log.close().await;
    let Rig { folder, journal, log, .. } = rig;
    drop((journal, log));

    let platform = Platform::open(config, mute(), false).await.expect("a platform");
    let (log, inbox) = (platform.log(), platform.inbox());
    let (stop, stopped) = oneshot::channel();
    let run = tokio::spawn(platform.run(stopped));
    let stream: StreamName = "inbox-demo".parse().expect("a name");
    let offers = vec![offered(1, GOOD)];
    let offer = inbox.offer(stream.clone(), ExpectedRevision::NoStream, offers);
    let appended = offer.await.expect("taken");
    let mut events = log.subscribe_all(Some(appended.last_position));
    let mut seen = Vec::new();
    while seen.last().is_none_or(|name| name != "AttemptStarted") {
        seen.push(events.next_event().await.expect("an event").event_type);
    }
    let first = &seen[..3];
    assert_eq!(first, ["SubjectRegistered", "LeadImported", "CampaignStarted"], "{seen:?}");
    stop.send(()).expect("it works");
    run.await.expect("no panic").expect("a good end");
    let late = inbox.offer(stream, ExpectedRevision::Any, vec![offered(2, GOOD)]).await;
    assert!(matches!(late, Err(OfferError::Stopping)), "{late:?}");
    drop(folder);
}

/// A log before which the power goes, and which looks at the keys on disk just then.
struct PowerCut {
    log: Arc<dyn EventLog>,
    keys: std::path::PathBuf,
}

impl EventLog for PowerCut {
    fn append(
        &self,
        _: StreamName,
        _: ExpectedRevision,
        _: Vec<NewEvent>,
    ) -> BoxFuture<'_, Result<Appended, AppendError>> {
        Box::pin(async { Err(AppendError::Closed) })
    }

    fn append_many(
        &self,
        batch: Vec<StreamAppend>,
    ) -> BoxFuture<'_, Result<Vec<Appended>, AppendError>> {
        let vault = Vault::open(&self.keys, &mut system_random).expect("keys");
        let facts = batch.iter().flat_map(|part| &part.events);
        let people = facts.filter(|fact| fact.event_type == "SubjectRegistered").map(|fact| {
            let fact: SubjectRegistered = serde_json::from_slice(&fact.data).expect("fields");
            vault.open_sealed(fact.subject_id, &fact.ciphertext).expect("its key is on disk");
        });
        assert_eq!(people.count(), 1, "somebody is looked at");
        Box::pin(async { Err(AppendError::Closed) })
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamName,
        from: StreamRead,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'a, Result<Vec<Recorded>, ReadError>> {
        self.log.read_stream(stream, from, direction, max)
    }

    fn read_all(
        &self,
        from: AllRead,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, ReadError>> {
        self.log.read_all(from, direction, max)
    }

    fn check(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
    ) -> BoxFuture<'_, Result<Option<u64>, AppendError>> {
        self.log.check(stream, expected)
    }

    fn stream<'a>(
        &'a self,
        stream: &'a StreamName,
    ) -> BoxFuture<'a, Result<StreamInfo, ReadError>> {
        self.log.stream(stream)
    }

    fn delete(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
    ) -> BoxFuture<'_, Result<u64, AppendError>> {
        self.log.delete(stream, expected)
    }

    fn tombstone(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
    ) -> BoxFuture<'_, Result<u64, AppendError>> {
        self.log.tombstone(stream, expected)
    }

    fn head(&self) -> Option<u64> {
        self.log.head()
    }

    fn subscribe_all(&self, after: Option<u64>) -> Subscription {
        self.log.subscribe_all(after)
    }
}

#[tokio::test]
async fn a_power_cut_between_keys_and_log_leaves_no_fact_and_the_lead_comes_in_again() {
    let mut rig = Rig::new().await;
    let events = rig.events().await.len();
    let keys = rig.folder.path().join("keys");
    let cut: Arc<dyn EventLog> = Arc::new(PowerCut { log: rig.log.clone(), keys });
    let clock = Arc::new(SystemClock::new());
    let journal = Journal::open(cut, clock, system_rng(), "node-1".to_owned()).await;
    rig.journal = journal.expect("events");
    let error = rig.offer(&[(1, GOOD)]).await.expect_err("the power is gone");
    assert!(error.is_fatal(), "{error}");
    assert_eq!(rig.events().await.len(), events);
    let mut rig = rig.again().await;
    assert!(!rig.offer(&[(1, GOOD)]).await.expect("taken").is_repeat);
    assert_eq!((rig.count("LeadImported").await, rig.count("SubjectRegistered").await), (1, 1));
}
