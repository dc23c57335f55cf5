use super::*;
use crate::event::{ExpectedRevision, StreamName};

/// The value of one line of the text.
fn value(text: &str, series: &str) -> f64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
        .unwrap_or_else(|| panic!("no series {series} in\n{text}"));
    line.parse().expect("a number")
}

#[test]
fn a_log_at_rest_shows_every_series() {
    let text = Arc::new(LogMetrics::default()).text();
    for series in [
        "ledgerline_log_append_seconds_count",
        "ledgerline_log_append_seconds_sum",
        "ledgerline_log_append_seconds_bucket{le=\"+Inf\"}",
        "ledgerline_log_sync_seconds_count",
        "ledgerline_log_group_events_count",
        "ledgerline_log_group_bytes_count",
        "ledgerline_log_appends_waiting",
        "ledgerline_log_events_total",
        "ledgerline_log_written_bytes_total",
        "ledgerline_log_durable_events",
        "ledgerline_log_writer_failed",
        "ledgerline_log_unsealed_segments",
        "ledgerline_log_unsealed_segment_bytes",
        "ledgerline_log_refusals_total{reason=\"wrong_expected_revision\"}",
    ] {
        assert_eq!(value(&text, series), 0.0, "{series}");
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn groups_and_appends_move_the_figures() {
    let metrics = Arc::new(LogMetrics::default());
    let (first, second, _third) = (metrics.asked(), metrics.asked(), metrics.asked());
    metrics.group(5, 2_000, Duration::from_micros(1_500));
    drop(first);
    tokio::time::advance(Duration::from_millis(2)).await;
    drop(second);
    metrics.durable(5);
    metrics.unsealed(2, 1 << 20);
    metrics.writer_failed();
    let text = metrics.text();
    let check = |series: &str, want: f64| assert_eq!(value(&text, series), want, "{series}");
    check("ledgerline_log_appends_waiting", 1.0);
    check("ledgerline_log_append_seconds_count", 2.0);
    check("ledgerline_log_append_seconds_sum", 0.002);
    check("ledgerline_log_append_seconds_bucket{le=\"0.001\"}", 1.0);
    check("ledgerline_log_append_seconds_bucket{le=\"0.002\"}", 2.0);
    check("ledgerline_log_append_seconds_bucket{le=\"+Inf\"}", 2.0);
    check("ledgerline_log_sync_seconds_sum", 0.0015);
    check("ledgerline_log_group_events_bucket{le=\"4.0\"}", 0.0);
    check("ledgerline_log_group_events_bucket{le=\"8.0\"}", 1.0);
    check("ledgerline_log_group_bytes_sum", 2_000.0);
    check("ledgerline_log_events_total", 5.0);
    check("ledgerline_log_written_bytes_total", 2_000.0);
    check("ledgerline_log_durable_events", 5.0);
    check("ledgerline_log_unsealed_segments", 2.0);
    check("ledgerline_log_unsealed_segment_bytes", 1_048_576.0);
    check("ledgerline_log_writer_failed", 1.0);
}

fn unreadable() -> crate::event_log::ReadError {
    crate::event_log::ReadError::Unavailable { server: String::new(), what: String::new() }
}

#[test]
fn every_refusal_has_a_reason_of_its_own() {
    let stream = StreamName::of("test", &1);
    let refusals = [
        AppendError::WrongExpectedRevision {
            stream: stream.clone(),
            expected: ExpectedRevision::Any,
            actual: None,
        },
        AppendError::PartlyRepeated {
            stream: stream.clone(),
            event_id: crate::base::EventId(uuid::Uuid::nil()),
        },
        AppendError::StreamDeleted { stream: stream.clone() },
        AppendError::NoEvents,
        AppendError::StreamTwice { stream },
        AppendError::TooLarge { bytes: 2, limit: 1 },
        AppendError::ReadOnly,
        AppendError::InvalidStream { stream: StreamName::of("test", &2), what: "" },
        AppendError::ReservedType { stream: StreamName::of("test", &2) },
        AppendError::Unreadable(unreadable()),
        AppendError::Closed,
        AppendError::Unavailable { server: String::new(), what: String::new() },
    ];
    let metrics = Arc::new(LogMetrics::default());
    for refusal in &refusals {
        metrics.refused(refusal);
    }
    let text = metrics.text();
    for name in REASONS.iter().filter(|name| !["writer_failed", "other"].contains(name)) {
        assert_eq!(
            value(&text, &format!("ledgerline_log_refusals_total{{reason=\"{name}\"}}")),
            1.0
        );
    }
}

#[test]
fn the_slowest_subscription_of_a_name_is_shown_and_goes_with_it() {
    let metrics = Arc::new(LogMetrics::default());
    metrics.durable(100);
    let (board, slow, other) =
        (metrics.subscriber(0), metrics.subscriber(0), metrics.subscriber(0));
    board.name("board");
    slow.name("board");
    board.at(100);
    slow.at(40);
    // Ahead of the head that is known: no lag, and no number below nothing.
    other.at(170);
    let text = metrics.text();
    assert_eq!(value(&text, "ledgerline_log_subscribers{subscriber=\"board\"}"), 2.0);
    assert_eq!(value(&text, "ledgerline_log_subscriber_lag_events{subscriber=\"board\"}"), 60.0);
    assert_eq!(value(&text, "ledgerline_log_subscriber_lag_events{subscriber=\"unnamed\"}"), 0.0);
    drop((board, slow, other));
    assert!(!metrics.text().contains("{subscriber="));
}

#[test]
fn figures_of_others_stand_beside() {
    let metrics = Arc::new(LogMetrics::default());
    metrics.beside("another", Arc::new(LogMetrics::default()));
    let text = metrics.text();
    assert_eq!(value(&text, "another_durable_events"), 0.0);
    assert_eq!(value(&text, "ledgerline_log_durable_events"), 0.0);
    assert_eq!(text.matches("# EOF").count(), 1);
}
