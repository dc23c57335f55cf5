//! What came of real calls, by stratum: how many people there are of each kind, and how many of
//! those that were talked to bought.
//!
//! In: `outcomes.csv`, counts made by `tools/outcomes/make.py` of the Bank Marketing data set
//! (`bank-additional`; S. Moro, P. Cortez, P. Rita, 2014, UCI Machine Learning Repository,
//! <https://archive.ics.uci.edu/dataset/222/bank+marketing>, licence CC BY 4.0). Out: strata
//! drawn as often as they occur, and their chances. Invariant: a chance is a share of contacts
//! that were the right person, never of dials.

use super::draw::weighted;
use crate::base::{Ppm, Rng};

const CSV: &str = include_str!("outcomes.csv");
/// A small stratum leans on all others of its earlier outcome and kind of phone, as if that many
/// of its contacts were theirs.
const PRIOR: u64 = 50;
/// Appointments for each sale, in tenths: more agree to meet than buy.
const MEETINGS_PER_SALE_TENTHS: u64 = 22;

/// People alike in what the data know of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stratum {
    /// Their job.
    pub job: String,
    /// How an earlier campaign ended for them: `success`, `failure` or `nonexistent`.
    pub previous_outcome: String,
    /// Their phone: `cellular` or `telephone`.
    pub contact_type: String,
    /// Contacts in the data.
    pub contacts: u64,
    /// How likely one of them buys, once talked to.
    pub sale: Ppm,
    /// How likely one of them agrees to a meeting, once talked to.
    pub appointment: Ppm,
}

/// All strata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcomes {
    strata: Vec<Stratum>,
}

/// The table cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("outcomes.csv:{line}: {problem}; wanted job,previous_outcome,contact_type,contacts,sales")]
pub struct OutcomesError {
    line: usize,
    problem: &'static str,
}

impl Outcomes {
    /// The table that comes with the program.
    ///
    /// # Errors
    /// Where it was changed and is not what it should be.
    pub fn shipped() -> Result<Self, OutcomesError> {
        Self::parse(CSV)
    }

    /// Reads a table: a head, then one stratum per line.
    ///
    /// # Errors
    /// [`OutcomesError`] with the line.
    pub fn parse(text: &str) -> Result<Self, OutcomesError> {
        let mut rows = Vec::new();
        for (index, line) in text.lines().enumerate().skip(1) {
            let wrong = |problem| OutcomesError { line: index + 1, problem };
            let fields: Vec<&str> = line.split(',').collect();
            let [job, outcome, phone, contacts, sales] = fields[..] else {
                return Err(wrong("not five fields"));
            };
            let count = |text: &str| text.parse::<u64>().map_err(|_| wrong("not a count"));
            let (contacts, sales) = (count(contacts)?, count(sales)?);
            if sales > contacts {
                return Err(wrong("more sales than contacts"));
            }
            rows.push(([job, outcome, phone], contacts, sales));
        }
        if rows.iter().all(|(_, contacts, _)| *contacts == 0) {
            return Err(OutcomesError { line: 1, problem: "no contacts" });
        }
        let strata = rows.iter().map(|([job, outcome, phone], contacts, sales)| {
            let alike = rows.iter().filter(|(keys, ..)| keys[1] == *outcome && keys[2] == *phone);
            let (all, sold) = alike.fold((0, 0), |(all, sold), row| (all + row.1, sold + row.2));
            let prior = PRIOR * u64::from(Ppm::ratio(sold, all).0);
            let sale = (sales * 1_000_000 + prior) / (contacts + PRIOR).max(1);
            let appointment = (sale * MEETINGS_PER_SALE_TENTHS / 10).min(950_000).max(sale);
            let ppm = |share: u64| Ppm(u32::try_from(share).unwrap_or(Ppm::ONE.0));
            Stratum {
                job: (*job).to_owned(),
                previous_outcome: (*outcome).to_owned(),
                contact_type: (*phone).to_owned(),
                contacts: *contacts,
                sale: ppm(sale),
                appointment: ppm(appointment),
            }
        });
        Ok(Self { strata: strata.collect() })
    }

    /// All of them.
    pub fn strata(&self) -> &[Stratum] {
        &self.strata
    }

    /// A stratum's place, drawn as often as it occurs.
    pub(super) fn draw(&self, rng: &mut Rng) -> usize {
        weighted(rng, self.strata.iter().map(|stratum| stratum.contacts))
    }

    /// Whether somebody of a stratum agrees to a meeting, and then buys.
    pub(super) fn buys(&self, stratum: usize, rng: &mut Rng) -> (bool, bool) {
        let Some(stratum) = self.strata.get(stratum) else { return (false, false) };
        let drawn = rng.below(1_000_000);
        (drawn < u64::from(stratum.appointment.0), drawn < u64::from(stratum.sale.0))
    }
}
