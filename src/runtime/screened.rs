//! What came and was not taken, counted by reason for `GET /metrics`.
//!
//! In: counts of the SIP task and of legs that are over. Out: one family of counters each.
//! Invariant: the reasons are fixed and nothing else is a label, so no address is ever given out
//! and nobody outside can add a series.

use std::fmt::Error;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;

use crate::media::MediaStatistics;
use crate::sip::Screened;

/// What the names of SIP's figures begin with.
pub(super) const SIP_PREFIX: &str = "ledgerline_sip";
/// What the names of media's figures begin with.
pub(super) const MEDIA_PREFIX: &str = "ledgerline_media";

/// No label and no exemplar.
type NoLabels = [(&'static str, &'static str); 0];

/// SIP that was not taken, since the start.
#[derive(Debug, Default)]
pub(super) struct SipScreened([AtomicU64; 5]);

impl SipScreened {
    const REASONS: [&str; 5] = ["too_many", "shut_out", "malformed", "wrong_proof", "call"];

    /// How it stands.
    pub(super) fn set(&self, now: Screened) {
        let Screened { too_many, shut_out, malformed, wrong_proofs, calls } = now;
        for (count, value) in
            self.0.iter().zip([too_many, shut_out, malformed, wrong_proofs, calls])
        {
            count.store(value, Relaxed);
        }
    }
}

/// Packets of media that were not heard, of legs that are over.
#[derive(Debug, Default)]
pub(super) struct MediaScreened([AtomicU64; 3]);

impl MediaScreened {
    const REASONS: [&str; 3] = ["stranger", "malformed", "unauthentic"];

    /// A leg is over.
    pub(super) fn add(&self, leg: &MediaStatistics) {
        for (count, value) in self.0.iter().zip([leg.strangers, leg.malformed, leg.unauthentic]) {
            count.fetch_add(value, Relaxed);
        }
    }
}

impl Collector for SipScreened {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let help = "messages of SIP that were dropped or refused, by reason";
        family(encoder, help, Self::REASONS.iter().zip(&self.0))
    }
}

impl Collector for MediaScreened {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let help = "packets of RTP and RTCP that were not heard, of legs that are over, by reason";
        family(encoder, help, Self::REASONS.iter().zip(&self.0))
    }
}

fn family<'a>(
    mut encoder: DescriptorEncoder<'_>,
    help: &str,
    counts: impl Iterator<Item = (&'a &'static str, &'a AtomicU64)>,
) -> Result<(), Error> {
    const NONE: Option<&Exemplar<NoLabels, u64>> = None;
    let mut family = encoder.encode_descriptor("screened", help, None, MetricType::Counter)?;
    for (reason, count) in counts {
        let labels = [("reason", *reason)];
        family.encode_family(&labels)?.encode_counter(&count.load(Relaxed), NONE)?;
    }
    Ok(())
}
