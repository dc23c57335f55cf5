use super::*;

#[test]
fn a_percentile_is_a_wait_that_was_measured() {
    let timed = |count: u64| Timed {
        span: Duration::from_secs(2),
        waits: (1..=count).rev().map(Duration::from_millis).collect(),
    };
    assert_eq!((timed(100).percentile_ms(50), timed(100).percentile_ms(99)), (50.0, 99.0));
    assert_eq!((timed(1).percentile_ms(50), timed(1).percentile_ms(99)), (1.0, 1.0));
    assert_eq!(timed(0).percentile_ms(99), 0.0);
    assert_eq!(timed(100).per_second(), 50.0);
}

#[test]
fn what_is_measured_was_really_appended_read_and_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let figures = measure(folder.path(), Duration::from_millis(20)).expect("figures");
    assert!(figures.many.events >= OUTSTANDING as u64, "{figures:?}");
    assert!(figures.open.events > figures.many.events, "{figures:?}");
    assert_eq!(figures.read.events, figures.open.events);
    assert!((300.0..420.0).contains(&figures.log_bytes_per_event), "{figures:?}");
    let json = serde_json::to_value(&figures).expect("a document");
    for (part, name) in [("many", "ratio"), ("one", "ratio"), ("open", "milliseconds")] {
        assert!(json[part][name].as_f64().is_some_and(|value| value > 0.0), "{json}");
    }
    assert_eq!(text(&figures).lines().count(), 8);
}
