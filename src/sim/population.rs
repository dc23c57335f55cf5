//! Who lives behind which number: tempers drawn from the lead file's own outcome columns.
//!
//! The shares below are chosen for a lively demo, not measured: about half of all dials reach a
//! person, one in ten a machine. `recorded_outcome` and `previous_contacts` steer the person.

use std::collections::BTreeMap;

use crate::base::{Millis, PhoneNumber, Ppm, Rng};
use crate::dialing::lead_file::{self, LeadFileError, OUTCOME_COLUMN};

/// What happens when a number is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// It rings and rings.
    NoAnswer,
    /// Busy.
    Busy,
    /// No such number.
    Invalid,
    /// A machine greets, beeps and listens.
    Voicemail,
    /// A person.
    Person(Temper),
}

/// How a person takes the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Temper {
    /// Says yes to everything.
    Eager,
    /// Asks first, then agrees.
    Curious,
    /// Listens, hums, cannot decide.
    Hesitant,
    /// Has no time.
    Hurried,
    /// Never wants to be called again.
    Annoyed,
    /// Says nothing.
    Silent,
    /// Talks, presses keys late.
    Talkative,
    /// Wants a person.
    WantsPerson,
    /// Hangs up on the robot.
    Rude,
}

/// One resident.
#[derive(Clone, Debug, PartialEq)]
struct Resident {
    is_buyer: bool,
    contacts: u32,
}

/// Everybody who can be called.
#[derive(Clone, Debug)]
pub struct Population {
    residents: BTreeMap<PhoneNumber, Resident>,
    rng: Rng,
}

/// How one call to a number goes.
#[derive(Clone, Debug)]
pub struct Reaction {
    /// What happens.
    pub reach: Reach,
    /// How long it rings first. Units: ms.
    pub ring: Millis,
    /// The generator the rest of the call draws from.
    pub rng: Rng,
}

impl Population {
    /// Settles everybody of a lead file.
    ///
    /// # Errors
    /// [`LeadFileError`] where the file's header cannot be used.
    pub fn settle(lead_file: &[u8], seed: u64) -> Result<Self, LeadFileError> {
        let outcomes = outcomes(lead_file);
        let residents = lead_file::parse(lead_file)?
            .rows
            .into_iter()
            .map(|row| {
                let contacts = row.portrait.get("previous_contacts");
                let contacts = contacts.and_then(|text| text.parse().ok()).unwrap_or(1);
                let is_buyer = outcomes.get(&row.line).is_some_and(|outcome| outcome == "yes");
                (row.phone, Resident { is_buyer, contacts })
            })
            .collect();
        Ok(Self { residents, rng: Rng::from_seed(seed) })
    }

    /// Settles everybody of several lead files; the first that names a number wins.
    ///
    /// # Errors
    /// [`LeadFileError`] where a file's header cannot be used.
    pub fn settle_all(lead_files: &[impl AsRef<[u8]>], seed: u64) -> Result<Self, LeadFileError> {
        let mut all = Self { residents: BTreeMap::new(), rng: Rng::from_seed(seed) };
        for file in lead_files {
            for (phone, resident) in Self::settle(file.as_ref(), seed)?.residents {
                all.residents.entry(phone).or_insert(resident);
            }
        }
        Ok(all)
    }

    /// How many people can be called.
    pub fn len(&self) -> usize {
        self.residents.len()
    }

    /// Whether nobody can be called.
    pub fn is_empty(&self) -> bool {
        self.residents.is_empty()
    }

    /// How the `nth` call (from 0) to a number goes. An unknown number is invalid.
    ///
    /// The temper belongs to the person and stays; whether they are there differs by call.
    pub fn call(&self, phone: &PhoneNumber, nth: u32) -> Reaction {
        let person_rng = self.rng.fork(phone.reveal());
        let mut rng = person_rng.fork(&format!("call {nth}"));
        let reach = match self.residents.get(phone) {
            Some(resident) => reach(resident, person_rng, &mut rng),
            None => Reach::Invalid,
        };
        let ring = match reach {
            Reach::Busy | Reach::Invalid => Millis(rng.between(80, 400)),
            _ => Millis(rng.between(1_200, 5_000)),
        };
        Reaction { reach, ring, rng }
    }
}

fn reach(resident: &Resident, mut person_rng: Rng, rng: &mut Rng) -> Reach {
    // A number that does not exist does not exist the next time either.
    if person_rng.chance(if resident.is_buyer { Ppm(10_000) } else { Ppm(45_000) }) {
        return Reach::Invalid;
    }
    let temper = temper(resident, &mut person_rng);
    let away = if resident.is_buyer { 160_000 } else { 280_000 };
    match rng.below(1_000_000) {
        draw if draw < 60_000 => Reach::Busy,
        draw if draw < 60_000 + away => Reach::NoAnswer,
        draw if draw < 160_000 + away => Reach::Voicemail,
        _ => Reach::Person(temper),
    }
}

fn temper(resident: &Resident, rng: &mut Rng) -> Temper {
    use Temper as T;
    let annoyed = 6 + 2 * u64::from(resident.contacts.min(8));
    let shares: &[(T, u64)] = if resident.is_buyer {
        &[(T::Eager, 50), (T::Curious, 25), (T::WantsPerson, 15), (T::Hesitant, 10)]
    } else {
        &[
            (T::Hurried, 15),
            (T::Rude, 15),
            (T::Annoyed, annoyed),
            (T::Silent, 8),
            (T::Hesitant, 18),
            (T::Curious, 16),
            (T::Talkative, 12),
            (T::WantsPerson, 8),
        ]
    };
    let total = shares.iter().map(|(_, share)| share).sum();
    let mut draw = rng.below(total);
    for (temper, share) in shares {
        if draw < *share {
            return *temper;
        }
        draw -= share;
    }
    T::Silent
}

/// The outcome column by line: what the platform's own reader leaves out.
fn outcomes(lead_file: &[u8]) -> BTreeMap<u64, String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(lead_file);
    let column = reader
        .byte_headers()
        .ok()
        .and_then(|names| names.iter().position(|name| name == OUTCOME_COLUMN.as_bytes()));
    let Some(column) = column else { return BTreeMap::new() };
    let mut found = BTreeMap::new();
    for record in reader.byte_records().flatten() {
        let line = record.position().map_or(0, csv::Position::line);
        if let Some(text) = record.get(column).and_then(|field| std::str::from_utf8(field).ok()) {
            found.insert(line, text.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests;
