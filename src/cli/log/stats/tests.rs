use super::super::tests::ten;
use super::*;
use crate::event_log::{EmbeddedLog, verify};

#[tokio::test(flavor = "multi_thread")]
async fn stats_count_events_by_type_category_and_stream() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(ten(folder.path()).await);
    let found = survey(folder.path()).expect("figures");
    let (log, _) = EmbeddedLog::open_read_only(folder.path()).expect("a reader");
    let (counts, counted) = count(&log).await.expect("counts");
    assert_eq!(counted.events, found.events);
    assert_eq!(counted.first_recorded_at, found.first_recorded_at);
    assert_eq!(counted.last_recorded_at, found.last_recorded_at);
    let stats = Stats::of(PathBuf::from("data/log"), &found, Some(counts));
    assert_eq!((stats.events, stats.segments), (10, 1));
    let counts = stats.counts.as_ref().expect("counts");
    assert_eq!((counts.streams, counts.by_category["a"].events), (2, 7));
    assert_eq!(counts.biggest_streams[0].stream.as_str(), "a-1");
    assert_eq!(stats.bytes, verify(folder.path()).expect("whole").bytes);
    let text = table(&stats);
    let often = text.find("often                     7").expect("a row");
    assert!(often < text.find("rare                      3").expect("a row"), "{text}");
    assert!(text.contains("last recorded    2026-11-21T12:00:00.000000Z"), "{text}");
    assert!(text.contains("b (1 streams)             3"), "{text}");
    let json = serde_json::to_value(&stats).expect("JSON");
    assert_eq!((&json["streams"], &json["by_type"]["rare"]), (&2.into(), &3.into()));
}

#[test]
fn quick_stats_say_what_they_left_out() {
    let found = Survey { events: 4, bytes: 100, ..Survey::default() };
    let stats = Stats::of(PathBuf::from("data/log"), &found, None);
    let text = table(&stats);
    assert!(text.contains("streams          not counted (--quick)"), "{text}");
    assert!(text.contains("bytes an event   25.0"), "{text}");
    assert!(text.contains("events a second  -"), "{text}");
    assert!(serde_json::to_value(&stats).expect("JSON").get("by_type").is_none());
}
