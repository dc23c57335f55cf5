//! What a payload type stands for in one session.
//!
//! In: numbers with encodings, as descriptions list them. Out: the meaning of a packet's number.
//! Invariants: a number has one meaning, the first it was given (RFC 3264 §8.3.2); a map holds
//! what fits, so it can be copied with what was agreed.

use std::fmt;

use super::Codec;

/// Most numbers one session has: four codecs, digits at two clocks, comfort noise, and as many
/// that only the other side gave.
const ENTRIES: usize = 14;

/// What a packet holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Payload {
    /// Audio.
    Audio(Codec),
    /// Digits (RFC 4733).
    TelephoneEvent {
        /// Steps of the timestamp, and of a digit's duration, per second.
        clock_rate: u32,
    },
    /// The level of the noise that stands for silence (RFC 3389), at 8,000 steps a second.
    ComfortNoise,
}

impl Payload {
    /// The meaning of a number that needs no agreement. Source: RFC 3551 §6.
    pub const fn of_static_type(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Audio(Codec::Pcmu)),
            8 => Some(Self::Audio(Codec::Pcma)),
            9 => Some(Self::Audio(Codec::G722)),
            13 => Some(Self::ComfortNoise),
            _ => None,
        }
    }

    /// The meaning of an encoding as in `a=rtpmap`: name, rate, and channels where there are
    /// more than one. Names are read in any case of letters.
    pub fn of_encoding(encoding: &str) -> Option<Self> {
        let mut parts = encoding.trim().split('/');
        let name = parts.next()?;
        let rate: u32 = parts.next()?.parse().ok()?;
        let channels: u8 = parts.next().map_or(Some(1), |count| count.parse().ok())?;
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match (rate, channels) {
            (8_000, 1) if is("PCMU") => Some(Self::Audio(Codec::Pcmu)),
            (8_000, 1) if is("PCMA") => Some(Self::Audio(Codec::Pcma)),
            (8_000, 1) if is("G722") => Some(Self::Audio(Codec::G722)),
            // Always said with two channels, whatever is sent: RFC 7587 §7.
            (48_000, 2) if is("opus") => Some(Self::Audio(Codec::Opus)),
            (8_000, 1) if is("CN") => Some(Self::ComfortNoise),
            (clock_rate @ (8_000 | 48_000), 1) if is("telephone-event") => {
                Some(Self::TelephoneEvent { clock_rate })
            }
            _ => None,
        }
    }
}

impl fmt::Display for Payload {
    /// As `a=rtpmap` says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Audio(codec @ Codec::Opus) => write!(f, "{codec}/{}/2", codec.clock_rate()),
            Self::Audio(codec) => write!(f, "{codec}/{}", codec.clock_rate()),
            Self::TelephoneEvent { clock_rate } => write!(f, "telephone-event/{clock_rate}"),
            Self::ComfortNoise => f.write_str("CN/8000"),
        }
    }
}

/// The meanings of numbers in one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PayloadMap {
    entries: [Option<(u8, Payload)>; ENTRIES],
}

impl PayloadMap {
    /// Gives a number a meaning, where it has none yet and there is room.
    pub fn insert(&mut self, number: u8, payload: Payload) {
        if self.get(number).is_none()
            && let Some(free) = self.entries.iter_mut().find(|entry| entry.is_none())
        {
            *free = Some((number, payload));
        }
    }

    /// The meaning of a number.
    pub fn get(&self, number: u8) -> Option<Payload> {
        self.iter().find(|(known, _)| *known == number).map(|(_, payload)| payload)
    }

    /// Every number with its meaning, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = (u8, Payload)> + '_ {
        self.entries.iter().flatten().copied()
    }
}

impl FromIterator<(u8, Payload)> for PayloadMap {
    fn from_iter<I: IntoIterator<Item = (u8, Payload)>>(numbers: I) -> Self {
        let mut map = Self::default();
        numbers.into_iter().for_each(|(number, payload)| map.insert(number, payload));
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_read_as_they_are_written() {
        let all = [
            Payload::Audio(Codec::Pcmu),
            Payload::Audio(Codec::Pcma),
            Payload::Audio(Codec::G722),
            Payload::Audio(Codec::Opus),
            Payload::TelephoneEvent { clock_rate: 8_000 },
            Payload::TelephoneEvent { clock_rate: 48_000 },
            Payload::ComfortNoise,
        ];
        for payload in all {
            let text = payload.to_string();
            assert_eq!(Payload::of_encoding(&text), Some(payload), "{text}");
            assert_eq!(Payload::of_encoding(&text.to_uppercase()), Some(payload), "{text}");
        }
        for wrong in ["", "PCMU", "PCMU/16000", "PCMU/8000/2", "opus/48000", "G722/x", "G729/8000"]
        {
            assert_eq!(Payload::of_encoding(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_number_keeps_its_first_meaning_and_a_full_map_takes_no_more() {
        let mut map = PayloadMap::default();
        map.insert(96, Payload::Audio(Codec::Opus));
        map.insert(96, Payload::Audio(Codec::Pcmu));
        assert_eq!(map.get(96), Some(Payload::Audio(Codec::Opus)));
        (0..96).for_each(|number| map.insert(number, Payload::ComfortNoise));
        assert_eq!(map.iter().count(), ENTRIES);
        assert_eq!(map.get(95), None);
    }
}
