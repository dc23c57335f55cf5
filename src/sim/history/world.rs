//! Who lives in a simulated history: markets and regions, campaigns, carriers, people.
//!
//! In: the outcome table and a seed. Out: what each of them is. Invariants: every number is
//! fictional (North America's 555-01XX, with four digits behind it that no exchange dials);
//! names are numbers, too.

use super::draw::{one, quantile, weighted};
use super::outcomes::Outcomes;
use crate::base::{PersonName, PhoneNumber, PhoneNumberError, Rng, SubjectId};
use crate::conversation::Language;
use crate::event::Portrait;

/// Where a campaign calls.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Market {
    /// Its name in portraits.
    pub(super) country: &'static str,
    /// What people speak.
    pub(super) language: Language,
    /// Local time less UTC, in hours; no summer time.
    pub(super) offset_hours: i64,
    /// That offset's name in the time zone database.
    pub(super) time_zone: &'static str,
    /// Whether the Chinese day applies.
    pub(super) is_china: bool,
    /// Regions and how many people each has, relatively.
    pub(super) regions: &'static [(&'static str, u64)],
}

const US_EAST: Market = Market {
    country: "US",
    language: Language::En,
    offset_hours: -5,
    time_zone: "Etc/GMT+5",
    is_china: false,
    regions: &[
        ("New York", 20),
        ("Florida", 22),
        ("Pennsylvania", 13),
        ("Ohio", 12),
        ("Georgia", 11),
        ("North Carolina", 11),
    ],
};
const US_CENTRAL: Market = Market {
    country: "US",
    language: Language::En,
    offset_hours: -6,
    time_zone: "Etc/GMT+6",
    is_china: false,
    regions: &[("Texas", 30), ("Illinois", 13), ("Tennessee", 7), ("Missouri", 6)],
};
const CHINA: Market = Market {
    country: "CN",
    language: Language::Zh,
    offset_hours: 8,
    time_zone: "Asia/Shanghai",
    is_china: true,
    regions: &[
        ("广东", 126),
        ("山东", 101),
        ("河南", 99),
        ("江苏", 85),
        ("四川", 84),
        ("浙江", 65),
        ("湖北", 58),
        ("上海", 25),
    ],
};

/// The market of the nth campaign.
pub(super) const fn market(number: usize) -> &'static Market {
    match number % 4 {
        0 => &US_EAST,
        2 => &US_CENTRAL,
        _ => &CHINA,
    }
}

/// Customers' trades and how common they are.
const INDUSTRIES: [(&str, u64); 8] = [
    ("retail", 24),
    ("catering", 18),
    ("construction", 14),
    ("manufacturing", 12),
    ("logistics", 9),
    ("health", 8),
    ("it_services", 8),
    ("education", 7),
];
/// Ages by evenly spaced quantiles.
const AGES: [u64; 9] = [18, 28, 32, 35, 38, 42, 47, 53, 88];
const STUDENTS: [u64; 3] = [18, 23, 32];
const RETIRED: [u64; 4] = [55, 61, 69, 92];
/// Customer value by evenly spaced quantiles. Units: parts per million.
const VALUES: [u64; 6] = [20_000, 160_000, 280_000, 420_000, 610_000, 990_000];
/// One of so many numbers does not exist.
const INVALID_ONE_IN: u64 = 40;

/// Somebody who can be called. Kept small: a long history has many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Person {
    pub(super) subject_id: SubjectId,
    /// Place in the outcome table.
    pub(super) stratum: u16,
    region: u8,
    industry: u8,
    age: u8,
    previous_contacts: u8,
    pub(super) value_ppm: u32,
    /// Number of the campaign whose list the person came with.
    pub(super) home: u16,
    /// Whether there is no such number.
    pub(super) is_invalid: bool,
}

impl Person {
    /// Draws somebody for a campaign.
    pub(super) fn draw(
        subject_id: SubjectId,
        home: usize,
        outcomes: &Outcomes,
        rng: &mut Rng,
    ) -> Self {
        let stratum = outcomes.draw(rng);
        let known = outcomes.strata().get(stratum);
        let job = known.map_or("", |stratum| stratum.job.as_str());
        let ages: &[u64] = match job {
            "student" => &STUDENTS,
            "retired" => &RETIRED,
            _ => &AGES,
        };
        let was_called = known.is_some_and(|it| it.previous_outcome != "nonexistent");
        let region = weighted(rng, market(home).regions.iter().map(|(_, weight)| *weight));
        Self {
            subject_id,
            stratum: u16::try_from(stratum).unwrap_or(0),
            region: u8::try_from(region).unwrap_or(0),
            industry: u8::try_from(weighted(rng, INDUSTRIES.iter().map(|(_, many)| *many)))
                .unwrap_or(0),
            age: u8::try_from(quantile(rng, ages)).unwrap_or(40),
            previous_contacts: if was_called { rng.between(1, 5) as u8 } else { 0 },
            value_ppm: u32::try_from(quantile(rng, &VALUES)).unwrap_or(0),
            home: u16::try_from(home).unwrap_or(0),
            is_invalid: rng.below(INVALID_ONE_IN) == 0,
        }
    }

    /// What a lead file would say of the person.
    pub(super) fn portrait(&self, outcomes: &Outcomes) -> Portrait {
        let market = market(usize::from(self.home));
        let name = |table: &[(&'static str, u64)], place: u8| {
            table.get(usize::from(place)).map_or("", |(name, _)| *name)
        };
        let mut portrait: Portrait = [
            ("age", self.age.to_string()),
            ("country", market.country.to_owned()),
            ("time_zone", market.time_zone.to_owned()),
            ("region", name(market.regions, self.region).to_owned()),
            ("industry", name(&INDUSTRIES, self.industry).to_owned()),
            ("previous_contacts", self.previous_contacts.to_string()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        if let Some(stratum) = outcomes.strata().get(usize::from(self.stratum)) {
            portrait.insert("job".to_owned(), stratum.job.clone());
            portrait.insert("contact_type".to_owned(), stratum.contact_type.clone());
            portrait.insert("previous_outcome".to_owned(), stratum.previous_outcome.clone());
        }
        portrait
    }
}

/// The nth person's number: a fictional one, lengthened.
///
/// # Errors
/// Never below eight hundred million people.
pub(super) fn phone(number: u64) -> Result<PhoneNumber, PhoneNumberError> {
    let (line, rest) = (number % 100, number / 100);
    let (area, extension) = (200 + rest % 800, rest / 800);
    format!("+1{area}55501{line:02}{extension:04}").parse()
}

/// The nth person's name: none that anybody has.
pub(super) fn name(number: u64, language: Language) -> PersonName {
    PersonName::new(match language {
        Language::En => format!("Customer {number}"),
        Language::Zh => format!("客户{number}"),
    })
}

/// Slugs of carriers; more get a number.
const CARRIERS: [&str; 6] = ["atlas", "borealis", "cobalt", "delta", "ember", "fjord"];
/// Slugs of agents; more get a number.
const AGENTS: [&str; 12] =
    ["alex", "bo", "chen", "dana", "eli", "fang", "gale", "hui", "indra", "jun", "kim", "lin"];

/// The nth carrier's slug.
pub(super) fn carrier_slug(number: usize) -> String {
    slug(&CARRIERS, number)
}

/// The nth agent's slug.
pub(super) fn agent_slug(number: usize) -> String {
    slug(&AGENTS, number)
}

fn slug(names: &[&str], number: usize) -> String {
    names.get(number).map_or_else(|| format!("{}-{number}", names[0]), |name| (*name).to_owned())
}

/// Why a row of a lead file could not be used.
pub(super) fn row_problem(rng: &mut Rng) -> (&'static str, &'static str) {
    const PROBLEMS: [(&str, &str); 3] = [
        ("phone", "is empty; wanted + and 7 to 15 digits"),
        ("phone", "has 5 digits; wanted 7 to 15"),
        ("age", "is not a number; wanted 18 to 120"),
    ];
    one(rng, &PROBLEMS).copied().unwrap_or(PROBLEMS[0])
}
