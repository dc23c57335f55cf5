//! Figures as OpenMetrics text, through `prometheus-client`'s registry and encoder.

use std::collections::BTreeMap;
use std::fmt::Error;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::{Registry, Unit};

use super::histogram::Histogram;
use super::{LogMetrics, REASONS};

/// Microseconds in a second.
const SECOND: f64 = 1e6;

/// No label and no exemplar.
type NoLabels = [(&'static str, &'static str); 0];

pub(super) fn text(metrics: &Arc<LogMetrics>) -> String {
    let mut registry = Registry::default();
    let log = registry.sub_registry_with_prefix("ledgerline_log");
    log.register_collector(Box::new(metrics.clone()));
    for (prefix, figures) in metrics.others() {
        registry.sub_registry_with_prefix(prefix).register_collector(Box::new(Other(figures)));
    }
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = encode(&mut text, &registry);
    text
}

/// Figures of others.
#[derive(Debug)]
struct Other(Arc<dyn Collector>);

impl Collector for Other {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        self.0.encode(encoder)
    }
}

impl Collector for LogMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let out = &mut encoder;
        let seconds = Some(&Unit::Seconds);
        let times = "from asking to the answer, of appends good and bad";
        histogram(out, "append", times, seconds, &self.append, SECOND)?;
        histogram(out, "sync", "fdatasync of one group", seconds, &self.sync, SECOND)?;
        let of_group = "events that one sync made durable";
        histogram(out, "group_events", of_group, None, &self.group_events, 1.0)?;
        let of_frame = "bytes of one frame, header included";
        histogram(out, "group", of_frame, Some(&Unit::Bytes), &self.group_bytes, 1.0)?;
        let (asked, answered) = (self.asked.load(Relaxed), self.answered.load(Relaxed));
        gauge(out, "appends_waiting", "appends without an answer", asked.saturating_sub(answered))?;
        counter(out, "events", "events made durable since the start", None, &self.events)?;
        let bytes = "bytes of frames made durable since the start";
        counter(out, "written", bytes, Some(&Unit::Bytes), &self.bytes)?;
        let durable = self.durable_events.load(Relaxed);
        gauge(out, "durable_events", "events in the log: the last position and one", durable)?;
        let failed = u64::from(self.failed.load(Relaxed));
        gauge(out, "writer_failed", "1 once a write or sync failed, else 0", failed)?;
        let segments = self.unsealed_segments.load(Relaxed);
        gauge(out, "unsealed_segments", "whole segments that are not sealed yet", segments)?;
        let backlog = self.unsealed_bytes.load(Relaxed);
        gauge(out, "unsealed_segment_bytes", "bytes of those segments", backlog)?;
        self.refusals(out)?;
        self.lags(out, durable)
    }
}

impl LogMetrics {
    fn refusals(&self, out: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        let help = "appends refused, by reason";
        let mut family = out.encode_descriptor("refusals", help, None, MetricType::Counter)?;
        for (reason, count) in REASONS.iter().zip(&self.refusals) {
            let count = count.load(Relaxed);
            let labels = [("reason", *reason)];
            family.encode_family(&labels)?.encode_counter(&count, no_exemplar())?;
        }
        Ok(())
    }

    /// By name: how many there are, and how far the last of them is behind.
    fn lags(&self, out: &mut DescriptorEncoder<'_>, durable: u64) -> Result<(), Error> {
        let mut by_name: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for subscriber in self.subscribers().iter() {
            let name = subscriber.name.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let lag = durable.saturating_sub(subscriber.next.load(Relaxed));
            let (count, most) = by_name.entry(name).or_default();
            *count += 1;
            *most = lag.max(*most);
        }
        let help = "subscriptions, by name";
        let mut family = out.encode_descriptor("subscribers", help, None, MetricType::Gauge)?;
        for (name, (count, _)) in &by_name {
            family.encode_family(&[("subscriber", name.as_str())])?.encode_gauge(count)?;
        }
        let help = "durable events that the slowest subscription of a name was not given yet";
        let name = "subscriber_lag_events";
        let mut family = out.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (name, (_, lag)) in &by_name {
            family.encode_family(&[("subscriber", name.as_str())])?.encode_gauge(lag)?;
        }
        Ok(())
    }
}

fn histogram(
    out: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    histogram: &Histogram,
    per_unit: f64,
) -> Result<(), Error> {
    let now = histogram.snapshot(per_unit);
    out.encode_descriptor(name, help, unit, MetricType::Histogram)?.encode_histogram::<NoLabels>(
        now.sum,
        now.count,
        &now.buckets,
        None,
    )
}

fn gauge(out: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> Result<(), Error> {
    out.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
}

fn counter(
    out: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: &std::sync::atomic::AtomicU64,
) -> Result<(), Error> {
    out.encode_descriptor(name, help, unit, MetricType::Counter)?
        .encode_counter(&value.load(Relaxed), no_exemplar())
}

const fn no_exemplar() -> Option<&'static Exemplar<NoLabels, u64>> {
    None
}
