//! How good a leg sounded: the E-model's rating R and the mean opinion score it stands for.
//!
//! In: packets that came and did not, how they were lost in runs, jitter, the round trip where it
//! is known, the codec. Out: [`Quality`], in thousandths, of a whole leg or of five seconds
//! ([`QualityInterval`]). Invariants: the same figures give the same rating; more loss,
//! jitter or delay never gives a better one. Everything about phones and rooms has the values
//! that G.107 takes where nothing is known, so a rating compares lines, not loudspeakers.
//! Deliberately absent: listening to the sound; what the network does beyond the round trip. A
//! leg without a known round trip is rated as if the network took no time.
//! Source: ITU-T G.107 (06/2015), clauses 7.1 to 7.7 and annex B.

mod interval;

use super::{Codec, FRAME_MILLIS, MediaStatistics};

pub use interval::QualityInterval;
pub(super) use interval::QualityMeter;

/// Loudness of the sending side. Units: dB. G.107, table 3, as all that follow.
const SLR: f64 = 8.0;
/// Loudness of the receiving side. Units: dB.
const RLR: f64 = 2.0;
/// What speakers hear of themselves. Units: dB.
const STMR: f64 = 15.0;
/// What listeners hear of their room. Units: dB.
const LSTR: f64 = 18.0;
/// How the receiver's shape keeps the room out at the sending side.
const DS: f64 = 3.0;
/// How much weaker talkers hear their own echo. Units: dB.
const TELR: f64 = 65.0;
/// How much weaker it comes round a second time. Units: dB.
const WEPL: f64 = 110.0;
/// Circuit noise. Units: dBm0p.
const NC: f64 = -70.0;
/// Noise floor of the receiving side. Units: dBmp.
const NFOR: f64 = -64.0;
/// Noise of the two rooms. Units: dB(A).
const PS: f64 = 35.0;
const PR: f64 = 35.0;
/// Delay below which nobody is slowed down. Units: ms.
const FREE_DELAY_MS: f64 = 100.0;

/// What a codec costs (ITU-T G.113, appendix I).
#[derive(Clone, Copy, Debug)]
struct Impairment {
    /// Ie: without any loss.
    equipment: f64,
    /// Bpl: how well it bears loss. Units: percent.
    robustness: f64,
}

/// What was lost.
#[derive(Clone, Copy, Debug)]
struct Loss {
    /// Ppl. Units: percent.
    percent: f64,
    /// BurstR: how much longer the runs of lost packets are than with losses at random.
    burst_ratio: f64,
}

/// How good a leg sounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quality {
    /// The rating R. Units: thousandths, 0 to 100,000.
    pub r_milli: u32,
    /// The mean opinion score. Units: thousandths, 1,000 to 4,500.
    pub mos_milli: u32,
}

impl Quality {
    /// Rates what a leg heard; nothing where no packet came.
    pub fn of(heard: &MediaStatistics, codec: Codec) -> Option<Self> {
        if heard.packets_received == 0 {
            return None;
        }
        let expected = heard.packets_received.saturating_add(heard.packets_lost);
        let share = heard.packets_lost as f64 / expected as f64;
        let loss = Loss { percent: share * 100.0, burst_ratio: burst_ratio(heard, share) };
        Some(Self::rate(one_way_ms(heard), loss, codec))
    }

    /// Rates a one-way delay from mouth to ear and the packets lost.
    fn rate(delay_ms: f64, loss: Loss, codec: Codec) -> Self {
        let noise = noise();
        let signal = 15.0 - 1.5 * (SLR + noise);
        let r = signal
            - simultaneous(signal, noise, delay_ms)
            - delay(signal, noise, delay_ms)
            - equipment(codec, loss);
        let r = r.clamp(0.0, 100.0);
        Self { r_milli: thousandths(r), mos_milli: thousandths(opinion(r)) }
    }
}

/// From mouth to ear: one packet is filled, half the round trip passes, and a buffer plays it:
/// the one there is, or one that takes up twice the jitter. Units: ms.
fn one_way_ms(heard: &MediaStatistics) -> f64 {
    let network = heard.round_trip_ms.map_or(0.0, |round_trip| round_trip.0 as f64 / 2.0);
    let jitter = heard.jitter_us as f64 / 500.0;
    let buffer = heard.playout_ms.map_or(jitter, |delay| delay.0 as f64);
    FRAME_MILLIS as f64 + network + buffer
}

/// No: all noise together, at the point the formulas refer to. Clause 7.2. Units: dBm0p.
fn noise() -> f64 {
    let overall = SLR + RLR;
    let sending = PS - SLR - DS - 100.0 + 0.004 * (PS - overall - DS - 14.0).powi(2);
    let room = PR + 10.0 * (1.0 + power((10.0 - LSTR) / 10.0)).log10();
    let receiving = RLR - 121.0 + room + 0.008 * (room - 35.0).powi(2);
    let all = [NC, sending, receiving, NFOR + RLR].map(|level| power(level / 10.0));
    10.0 * all.iter().sum::<f64>().log10()
}

/// Is: what is wrong together with the voice: too loud, too much of oneself, quantisation.
/// Clause 7.3.
fn simultaneous(signal: f64, noise: f64, delay_ms: f64) -> f64 {
    let overall = SLR + RLR;
    let loud = overall + 0.2 * (64.0 + noise - RLR);
    let loudness = 20.0 * (root(1.0 + (loud / 8.0).powi(8), 8.0) - loud / 8.0);
    let own_echo = (-delay_ms / 4.0).exp() * power(-TELR / 10.0);
    let own = -10.0 * (power(-STMR / 10.0) + own_echo).log10();
    let sidetone = 12.0 * root(1.0 + ((own - 13.0) / 6.0).powi(8), 8.0)
        - 28.0 * root(1.0 + ((own + 1.0) / 19.4).powi(35), 35.0)
        - 13.0 * root(1.0 + ((own - 3.0) / 33.0).powi(13), 13.0)
        + 29.0;
    // One quantisation: qdu is 1, so Q is 37.
    let q = 37.0_f64;
    let g = 1.07 + 0.258 * q + 0.0602 * q.powi(2);
    let y = (signal - 100.0) / 15.0 + 46.0 / 8.4 - g / 9.0;
    let z = 46.0 / 30.0 - g / 40.0;
    loudness + sidetone + 15.0 * (1.0 + power(y) + power(z)).log10()
}

/// Id: what comes late: the talker's echo, the listener's, and turns that collide.
/// Clause 7.4.
fn delay(signal: f64, noise: f64, delay_ms: f64) -> f64 {
    let echo_loudness = TELR - 40.0 * ((1.0 + delay_ms / 10.0) / (1.0 + delay_ms / 150.0)).log10()
        + 6.0 * (-0.3 * delay_ms.powi(2)).exp();
    let without = -1.5 * (noise - RLR);
    let with = 80.0 + 2.5 * (echo_loudness - 14.0);
    let half = (without - with) / 2.0;
    let talker = (half + (half.powi(2) + 100.0).sqrt() - 1.0) * (1.0 - (-delay_ms).exp());
    let listened = 10.5 * (WEPL + 7.0) * (2.0 * delay_ms + 1.0).powf(-0.25);
    let half = (signal - listened) / 2.0;
    let listener = half + (half.powi(2) + 169.0).sqrt();
    talker + listener + collision(delay_ms)
}

/// Idd: people begin to talk at the same time.
fn collision(delay_ms: f64) -> f64 {
    if delay_ms <= FREE_DELAY_MS {
        return 0.0;
    }
    let x = (delay_ms / FREE_DELAY_MS).log2();
    let third = root(1.0 + (x / 3.0).powi(6), 6.0);
    25.0 * (root(1.0 + x.powi(6), 6.0) - 3.0 * third + 2.0)
}

/// BurstR: the average run of lost packets over that of losses at random, 1 ÷ (1 − share).
/// Clause 7.5. Less than 1 would be losses that keep apart, which the model does not have.
fn burst_ratio(heard: &MediaStatistics, share: f64) -> f64 {
    if heard.loss_runs == 0 {
        return 1.0;
    }
    let average = heard.packets_lost as f64 / heard.loss_runs as f64;
    (average * (1.0 - share)).max(1.0)
}

/// Ie,eff: the codec, and packets lost. Clause 7.5.
fn equipment(codec: Codec, loss: Loss) -> f64 {
    let Impairment { equipment, robustness } = impairment(codec);
    equipment + (95.0 - equipment) * loss.percent / (loss.percent / loss.burst_ratio + robustness)
}

const fn impairment(codec: Codec) -> Impairment {
    match codec {
        // G.113, tables I.1 and I.3: no impairment, and 25.1 where losses are hidden, as the
        // jitter buffer does for bridges and recordings.
        Codec::Pcmu | Codec::Pcma => Impairment { equipment: 0.0, robustness: 25.1 },
        // Of G.722 only the lower half of its band is heard here, in which it has no more
        // quantisation than G.711; G.113 has values for it on the scale of wide-band alone.
        Codec::G722 => Impairment { equipment: 0.0, robustness: 25.1 },
        // G.113 has none for Opus: those of GSM-EFR, the codec of its table that is nearest in
        // bit rate and hides losses as well.
        Codec::Opus => Impairment { equipment: 5.0, robustness: 10.0 },
    }
}

/// The opinion that goes with a rating. Annex B.
fn opinion(r: f64) -> f64 {
    if r >= 100.0 {
        return 4.5;
    }
    // Below 6.5 the curve dips under its lowest mark, which is 1.
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).max(1.0)
}

fn power(exponent: f64) -> f64 {
    10.0_f64.powf(exponent)
}

fn root(of: f64, degree: f64) -> f64 {
    of.powf(1.0 / degree)
}

/// Never negative, never above 100,000.
fn thousandths(value: f64) -> u32 {
    (value * 1_000.0).round() as u32
}

#[cfg(test)]
mod tests;
