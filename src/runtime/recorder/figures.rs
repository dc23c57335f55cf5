//! What recordings count, for `GET /metrics`.

use std::fmt::Error;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Unit;

use crate::base::Clock;
use crate::recording::RecordingMetrics;

/// What the names of these figures begin with.
pub(crate) const PREFIX: &str = "ledgerline_recording";

/// No label and no exemplar.
type NoLabels = [(&'static str, &'static str); 0];

/// The figures, read when they are asked for.
pub(crate) struct Figures {
    metrics: Arc<RecordingMetrics>,
    clock: Arc<dyn Clock>,
}

impl Figures {
    pub(super) fn new(metrics: Arc<RecordingMetrics>, clock: Arc<dyn Clock>) -> Self {
        Self { metrics, clock }
    }
}

impl std::fmt::Debug for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Figures")
    }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let now = self.metrics.at(self.clock.now());
        let seconds = Some(&Unit::Seconds);
        let out = &mut encoder;
        let help = "recordings that go on";
        gauge(out, "open", help, None, now.open as f64)?;
        let help = "recordings that ended and are not stored yet";
        gauge(out, "waiting", help, None, now.waiting as f64)?;
        let help = "how long ago the oldest of those began";
        gauge(out, "oldest_waiting", help, seconds, now.oldest_ms as f64 / 1e3)?;
        let help = "1 while the disk takes nothing, else 0";
        gauge(out, "broken", help, None, f64::from(u8::from(now.is_broken)))?;
        let help = "sound made durable since the start, both sides as one";
        counter(out, "spooled", help, seconds, now.spooled_ms as f64 / 1e3)?;
        let help = "sound that came too fast to be kept since the start";
        counter(out, "dropped", help, seconds, now.dropped_ms as f64 / 1e3)?;
        let help = "recordings that could not go on since the start";
        counter(out, "failed", help, None, now.failed as f64)?;
        let help = "recordings stored since the start";
        counter(out, "stored", help, None, now.stored as f64)
    }
}

fn gauge(
    out: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: f64,
) -> Result<(), Error> {
    out.encode_descriptor(name, help, unit, MetricType::Gauge)?.encode_gauge(&value)
}

fn counter(
    out: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    value: f64,
) -> Result<(), Error> {
    const NONE: Option<&Exemplar<NoLabels, f64>> = None;
    out.encode_descriptor(name, help, unit, MetricType::Counter)?.encode_counter(&value, NONE)
}
