//! A group as clients are told of it.

use super::config::{Entry, place_text};
use super::statistics::{ConsumerStatistics, Statistics};
use crate::kurrentdb::messages::persistent::{ConnectionInfo, Measurement, SubscriptionInfo};

/// The numbers of a group, in the words of the protocol.
pub(super) fn subscription_info(entry: &Entry, told: &Statistics) -> SubscriptionInfo {
    let stream = entry.stream.as_str();
    let place = |place: Option<u64>| {
        place.map(|place| place_text(stream, i64::try_from(place).unwrap_or(i64::MAX)))
    };
    let start_from = entry.start_position.clone();
    // One buffer here is two at KurrentDB: one for what was read, one for what is new.
    let (read, live) = if told.is_live { (0, told.waiting) } else { (told.waiting, 0) };
    SubscriptionInfo {
        event_source: entry.stream.clone(),
        group_name: entry.group.clone(),
        status: if told.is_live { "Live" } else { "Behind" }.to_owned(),
        connections: told.consumers.iter().map(connection_info).collect(),
        average_per_second: int(told.average_per_second),
        total_items: long(told.total),
        count_since_last_measurement: long(told.since_last),
        last_checkpointed_event_position: place(told.last_checkpoint).unwrap_or_default(),
        last_known_event_position: place(told.last_known).unwrap_or_default(),
        resolve_link_tos: entry.resolve_link_tos,
        start_from: start_from.unwrap_or_else(|| place_text(stream, entry.start_from)),
        message_timeout_milliseconds: entry.message_timeout,
        extra_statistics: entry.extra_statistics,
        max_retry_count: entry.max_retry_count,
        live_buffer_size: entry.live_buffer_size,
        buffer_size: entry.history_buffer_size,
        read_batch_size: entry.read_batch_size,
        check_point_after_milliseconds: entry.check_point_after,
        min_check_point_count: entry.min_check_point_count,
        max_check_point_count: entry.max_check_point_count,
        read_buffer_count: int(read as u64),
        live_buffer_count: long(live as u64),
        retry_buffer_count: int(told.waiting_again as u64),
        total_in_flight_messages: int(told.in_flight as u64),
        outstanding_messages_count: int(told.outstanding as u64),
        named_consumer_strategy: entry.named_consumer_strategy.clone(),
        max_subscriber_count: entry.max_subscriber_count,
        parked_message_count: long(told.parked),
    }
}

fn connection_info(told: &ConsumerStatistics) -> ConnectionInfo {
    let measurements = told.measurements.iter();
    ConnectionInfo {
        from: String::new(),
        username: told.username.clone(),
        average_items_per_second: int(told.average_per_second),
        total_items: long(told.total),
        count_since_last_measurement: long(told.since_last),
        observed_measurements: measurements
            .map(|(key, value)| Measurement { key: (*key).to_owned(), value: *value })
            .collect(),
        available_slots: int(told.room as u64),
        in_flight_messages: int(told.in_flight as u64),
        connection_name: told.connection_name.clone(),
    }
}

fn int(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn long(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
