//! What is said of a view: whether its windows are final, and whether it sums anything up.

use std::sync::atomic::{AtomicI64, Ordering};

use super::check::{HOURLY, views_of};
use super::*;
use crate::base::{Clock, EventId, Millis, Timestamp};
use crate::event::{Actor, ExpectedRevision, NewEvent, StreamName};
use crate::event_log::{EventLog, LogOptions};
use crate::projection::history::{Dated, moment};

/// A clock that is set.
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}

/// A log that takes facts whenever it is said to be.
struct Timed {
    clock: Arc<SetClock>,
    log: Arc<dyn EventLog>,
}

impl Timed {
    fn open(folder: &Path) -> Self {
        let clock = Arc::new(SetClock(AtomicI64::new(0)));
        let opened = EmbeddedLog::open(&folder.join("log"), LogOptions::default(), clock.clone());
        Self { clock, log: Arc::new(opened.expect("a log").0) }
    }

    async fn append(&self, first: u64, facts: &[Dated], at: Timestamp) {
        self.clock.0.store(at.as_micros(), Ordering::Relaxed);
        let new = facts.iter().zip(first..).map(|((at, event), number)| {
            let at = moment(*at);
            let id = EventId::generate(at, &mut Rng::from_seed(number));
            NewEvent::of(event, id, at, Actor::part("test"))
        });
        let stream = StreamName::of("test", &1);
        let new = new.collect();
        self.log.append(stream, ExpectedRevision::Any, new).await.expect("appended");
    }

    /// How far a view is, brought up to the head.
    async fn status(&self, folder: &Path, views: &[View]) -> Vec<ViewStatus> {
        let (store, reader) = (Store::below(folder), LogReader::over(self.log.clone()));
        let mut tables = Tables::default();
        let lock = store.lock().await.expect("a lock").expect("not read-only");
        reader.advance(&mut tables, None, |_| {}).await.expect("reads");
        let done = Box::pin(refresh_all(&lock, &store, views, &[], &mut tables)).await;
        for view in done.expect("refreshes") {
            assert_eq!(view.error, None, "{}", view.view);
        }
        let context = session_of(&tables).expect("a session");
        Box::pin(status(&context, &store, views, &tables)).await.expect("a status")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_final_once_lateness_has_passed_and_takes_later_events_all_the_same() {
    let folder = folder();
    let facts = campaign(41, 60);
    let log = Timed::open(folder.path());
    let views = views_of(&[HOURLY]);
    // The last dial of all is told three days after all else.
    let is_dial = |(_, event): &Dated| event.name() == "AttemptStarted";
    let late = facts.iter().rposition(is_dial).expect("a dial");
    let (early, late) = ([&facts[..late], &facts[late + 1..]].concat(), facts[late].clone());
    let last = moment(facts.iter().map(|(at, _)| *at).max().expect("facts"));
    log.append(0, &early, last).await;
    let [status] = &log.status(folder.path(), &views).await[..] else { panic!("one view") };
    // Within 36 hours of the last event, nothing that ended before then is final.
    let hour = |micros: i64| micros.div_euclid(3_600_000_000) * 3_600_000_000;
    let until = hour(last.as_micros() - 36 * 3_600_000_000);
    assert_eq!(status.final_until, Some(Timestamp::from_micros(until)));
    assert!(status.provisional_windows > 0, "{status:?}");
    let before = (status.windows, status.rows);

    log.append(early.len() as u64, &[late], last.plus(Millis(3 * 86_400_000))).await;
    let [status] = &log.status(folder.path(), &views).await[..] else { panic!("one view") };
    let until = hour(last.as_micros() + 36 * 3_600_000_000);
    assert_eq!(status.final_until, Some(Timestamp::from_micros(until)));
    assert_eq!(status.provisional_windows, 0, "all are final: {status:?}");
    // The late one is in its window: the view is that of a log where it came in time.
    let on_time = super::folder();
    let other = Timed::open(on_time.path());
    other.append(0, &facts, last).await;
    let [want] = &other.status(on_time.path(), &views).await[..] else { panic!("one view") };
    let calls = async |folder: &Path| {
        let store = Store::below(folder);
        let context = session(Vec::new()).expect("a session");
        let manifest = store.manifest(&views[0]).expect("reads");
        let table = provider(&store, &views[0], manifest.as_ref()).expect("a table");
        drop(context.register_table("calls", table).expect("registered"));
        let frame = context.sql("select hour, sum(calls) from calls group by 1 order by 1").await;
        let rows = frame.expect("a plan").collect().await.expect("rows");
        datafusion::arrow::util::pretty::pretty_format_batches(&rows).expect("prints").to_string()
    };
    assert_eq!(calls(folder.path()).await, calls(on_time.path()).await);
    assert!(status.windows >= before.0 && status.rows >= before.1);
    assert!(want.provisional_windows > 0);
}

#[test]
fn a_window_that_is_no_span_of_time_is_never_final() {
    let view = |window: &str| {
        let text = HOURLY.replace("window: hour hour", window);
        View::parse("operational/calls_hourly.sql", &text).expect("a view's path")
    };
    let at = moment(90 * 3_600_000);
    assert_eq!(view("window: hour hour").final_until(at), Some(moment(54 * 3_600_000)));
    // 2026-11-21 began nine hours before the history: 36 hours before the moment is within a day.
    let day = view("window: day hour").final_until(at);
    assert_eq!(day, Some(moment(54 * 3_600_000 - 15 * 3_600_000)));
    assert_eq!(view("window: whole").final_until(at), None);
    assert_eq!(view("window: bucket campaign_id").final_until(at), None);
}

/// A view that sums nothing up.
const FINE: &str = "\
-- name: events_hourly
-- layer: operational
-- question: Which events were there?
-- grain: one row per event
-- key: hour, position
-- window: hour hour
-- inputs: events.occurred_at
-- columns: hour moment | position int64 | events int64
-- measures: count(events)
-- tests: not_null(position)
-- lateness: 36 h
-- refresh: 5 s
select
    date_trunc('hour', occurred_at) as hour,
    position,
    count(*) as events
from events
group by 1, 2
";

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_hardly_sums_anything_up_is_told_so() {
    let folder = folder();
    let facts = campaign(43, 700);
    assert!(facts.len() >= 10_000, "{} events", facts.len());
    let log = Timed::open(folder.path());
    log.append(0, &facts, moment(0)).await;
    let views = views_of(&[FINE, HOURLY]);
    let status = log.status(folder.path(), &views).await;
    let of = |name: &str| status.iter().find(|view| view.name == name).expect("the view");
    assert_eq!(of("events_hourly").reduction_ppm(), Some(1_000_000));
    let note = of("events_hourly").note.as_deref();
    let said =
        "it keeps 100 % of the rows it reads: a coarser key, or the base table itself, would do";
    assert_eq!(note, Some(said));
    assert_eq!(of("calls_hourly").note, None, "few rows of many");
    // A small view is not judged by its share.
    let few = super::folder();
    let log = Timed::open(few.path());
    log.append(0, &facts[..500], moment(0)).await;
    let status = log.status(few.path(), &views).await;
    assert!(status.iter().all(|view| view.note.is_none()), "{status:#?}");
}
