//! Numbers that are never dialled: emergency and other short codes, and numbers that cost whoever
//! dials them more than a call.
//!
//! In: a number in E.164 form. Out: why it must not be dialled, where it must not.
//! Invariants: the answer does not depend on spaces or on a trunk zero after the country code; a
//! country that the table does not know has its emergency codes barred all the same.
//! Deliberately absent: freephone, shared-cost and mobile numbers, which bill nobody beyond a
//! call; numbers that exist but are not in use, which carriers refuse by themselves.
//!
//! Sources: Google's libphonenumber, which follows the plans that regulators publish, for premium
//! numbers, emergency codes and lengths (`barred/README.md` has version and licence; the files are
//! made by `tools/numbers/make.py`); ITU-T E.164 and its list of assigned country codes
//! (Operational Bulletin 1114, annex) for the codes, +979 and satellites; the North American plan
//! (NANPA) for N11 codes; beside each other row its regulator.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::LazyLock;

/// Why a number is never dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barred {
    /// It reaches an emergency service.
    Emergency,
    /// Whoever dials it pays more than for a call.
    Premium,
    /// It is no subscriber's number: a service code, or digits no plan has.
    ShortCode,
}

impl Barred {
    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Emergency => "emergency",
            Self::Premium => "premium",
            Self::ShortCode => "short_code",
        }
    }
}

impl fmt::Display for Barred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Emergency => "is an emergency number; wanted a subscriber's",
            Self::Premium => "is a premium-rate number; wanted one that costs no more than a call",
            Self::ShortCode => "is a service code or in no numbering plan; wanted a subscriber's",
        })
    }
}

/// What the files beside this one say.
struct Plans {
    /// By country code: beginnings of national numbers, and the numbers of digits they hold for.
    premium: BTreeMap<&'static str, Vec<(&'static str, Vec<usize>)>>,
    /// Codes that reach a service somewhere, by country code.
    emergency: BTreeMap<&'static str, BTreeSet<&'static str>>,
    /// By country code: the fewest digits of a subscriber's number, and the most of any.
    lengths: BTreeMap<&'static str, (usize, usize)>,
}

static PLANS: LazyLock<Plans> = LazyLock::new(|| {
    let mut plans =
        Plans { premium: BTreeMap::new(), emergency: BTreeMap::new(), lengths: BTreeMap::new() };
    for [country, begins_with, digits] in rows(include_str!("barred/premium.csv")) {
        let digits = digits.split(' ').filter_map(|one| one.parse().ok()).collect();
        plans.premium.entry(country).or_default().push((begins_with, digits));
    }
    for [country, code] in rows(include_str!("barred/emergency.csv")) {
        plans.emergency.entry(country).or_default().insert(code);
    }
    for [country, fewest, most] in rows(include_str!("barred/lengths.csv")) {
        let span = fewest.parse().ok().zip(most.parse().ok());
        plans.lengths.extend(span.map(|span| (country, span)));
    }
    plans
});

/// The rows of a file without quotes, its header left out.
fn rows<const N: usize>(file: &'static str) -> impl Iterator<Item = [&'static str; N]> {
    file.lines().skip(1).filter_map(|line| {
        let fields: Vec<_> = line.split(',').collect();
        fields.try_into().ok()
    })
}

impl Plans {
    fn is_premium(&self, country: &str, national: &str) -> bool {
        // Networks drop digits that are too many: they change nothing about who is reached.
        let most = self.lengths.get(country).map_or(national.len(), |(_, most)| *most);
        let length = national.len().min(most);
        let known = self.premium.get(country).into_iter().flatten();
        known
            .filter(|(begins_with, _)| national.starts_with(begins_with))
            .any(|(_, digits)| digits.contains(&length))
    }

    /// Whether a code reaches an emergency service: one of the country, or one of three digits at
    /// most that does so anywhere, as phones send 112 and 911 to whoever is there.
    fn is_emergency(&self, country: Option<&str>, code: &str) -> bool {
        let has = |codes: &BTreeSet<&str>| codes.contains(code);
        let is_known_here = country.is_some_and(|one| self.emergency.get(one).is_some_and(has));
        let is_known = || self.emergency.values().any(has);
        is_known_here || (code.len() <= 3 || country.is_none()) && is_known()
    }

    fn shortest(&self, country: &str) -> usize {
        let known = HOTLINES.iter().find(|(code, _)| *code == country);
        known
            .map(|(_, least)| *least)
            .or_else(|| self.lengths.get(country).map(|(fewest, _)| *fewest))
            .unwrap_or(SHORTEST_ANYWHERE)
    }
}

/// One rule: numbers that begin with these digits, country code first.
struct Row {
    prefix: &'static str,
    why: Barred,
}

const fn premium(prefix: &'static str) -> Row {
    Row { prefix, why: Barred::Premium }
}

const fn short(prefix: &'static str) -> Row {
    Row { prefix, why: Barred::ShortCode }
}

const fn emergency(prefix: &'static str) -> Row {
    Row { prefix, why: Barred::Emergency }
}

/// Numbers that are barred by how they begin, beside those of the plans: nobody to call stands
/// behind them, or the price is above that of a call though no plan says premium.
const ROWS: &[Row] = &[
    // International (ITU-T E.164): premium rate, personal numbers, satellites and networks whose
    // calls are billed like them and that fraud goes through; codes that nobody answers.
    premium("979"),
    premium("878"),
    premium("870"),
    premium("881"),
    premium("882"),
    premium("883"),
    short("888"),
    short("991"),
    short("999"),
    // North America (NANPA): N11 codes are services and never area codes; an area code begins
    // with 2 to 9.
    emergency("1911"),
    emergency("1988"),
    short("1211"),
    short("1311"),
    short("1411"),
    short("1511"),
    short("1611"),
    short("1711"),
    short("1811"),
    short("10"),
    short("11"),
    // Great Britain (Ofcom): personal numbers, enquiries. France (Arcep): enquiries.
    premium("4470"),
    premium("44118"),
    premium("33118"),
    // Germany (BNetzA): mass traffic, service numbers, enquiries. Switzerland (BAKOM): enquiries.
    premium("49137"),
    premium("49180"),
    premium("49118"),
    short("4118"),
    // Italy (AGCOM): shared cost, personal numbers. Spain (CNMC): mass calls, data, enquiries.
    premium("39199"),
    premium("39178"),
    premium("34905"),
    premium("34907"),
    premium("34118"),
    // Australia (ACMA): services.
    short("6112"),
    // Japan (MIC): a higher rate. Brazil (Anatel): a higher rate.
    premium("81570"),
    premium("81180"),
    premium("55300"),
];

/// Where the plan has shorter numbers than a subscriber's: hotlines behind an area code.
const HOTLINES: &[(&str, usize)] = &[("82", 8), ("86", 9)];

/// The shortest subscribers' numbers there are: Niue and Tokelau have four digits.
const SHORTEST_ANYWHERE: usize = 4;

/// Country codes of two digits; 1 and 7 have one, all others three. Source: ITU-T E.164.
const TWO_DIGITS: &[&str] = &[
    "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47",
    "48", "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65",
    "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98",
];

/// Says why a number must never be dialled.
///
/// `number` is in E.164 form with its plus; anything else is no subscriber's number either.
pub fn barred(number: &str) -> Option<Barred> {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    if !number.trim_start().starts_with('+') || digits.is_empty() || digits.starts_with('0') {
        // A code dialled as it is, or a country code that nobody has.
        let is_emergency = PLANS.is_emergency(None, &digits);
        return Some(if is_emergency { Barred::Emergency } else { Barred::ShortCode });
    }
    let (country, national) = digits.split_at(country_digits(&digits));
    // Plans but Italy's have no number that begins with the trunk zero: somebody left it in.
    let trimmed = national.trim_start_matches('0');
    if PLANS.is_emergency(Some(country), national) || PLANS.is_emergency(Some(country), trimmed) {
        return Some(Barred::Emergency);
    }
    // An Italian number keeps its zero: 011 is Turin, and no emergency code.
    let written = [national, if country == "39" { national } else { trimmed }];
    written
        .iter()
        .find_map(|national| in_rows(country, national))
        .or_else(|| {
            let is_premium = |national: &&str| PLANS.is_premium(country, national);
            written.iter().any(is_premium).then_some(Barred::Premium)
        })
        .or_else(|| (national.len() < PLANS.shortest(country)).then_some(Barred::ShortCode))
}

fn in_rows(country: &str, national: &str) -> Option<Barred> {
    let digits = format!("{country}{national}");
    ROWS.iter().find(|row| digits.starts_with(row.prefix)).map(|row| row.why)
}

fn country_digits(digits: &str) -> usize {
    let wanted = if digits.starts_with(['1', '7']) {
        1
    } else if TWO_DIGITS.iter().any(|code| digits.starts_with(code)) {
        2
    } else {
        3
    };
    wanted.min(digits.len())
}

#[cfg(test)]
mod tests;
