//! Numbers that are never dialled: emergency and other short codes, and numbers that cost whoever
//! dials them more than a call.
//!
//! In: a number in E.164 form. Out: why it must not be dialled, where it must not.
//! Invariants: the answer does not depend on spaces or on a trunk zero after the country code; a
//! country that the table does not know has its emergency codes barred all the same.
//! Deliberately absent: freephone, shared-cost and mobile numbers, which bill nobody beyond a
//! call; numbers that exist but are not in use, which carriers refuse by themselves.
//!
//! Sources: ITU-T E.164 and its list of assigned country codes (Operational Bulletin 1114, annex)
//! for the codes and for +979; ITU-T E.161.1 for 112 and 911; the national plans named beside
//! each row, as published by their regulators.

use std::fmt;

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

/// Emergency codes of any country: dialled alone they reach a service wherever one is.
///
/// 112, 911: ITU-T E.161.1. 999: GB, IE, HK, SG. 000: AU. 111: NZ. 110, 119, 120, 122: CN, JP,
/// KR, TW. 113, 115, 117, 118: IT, CH, NO, VN. 15, 17, 18: FR. 100 to 104, 108: IN, IL, RU.
/// 190, 192, 193: BR. 10111, 10177: ZA.
const EMERGENCY: &[&str] = &[
    "000", "100", "101", "102", "103", "104", "108", "110", "111", "112", "113", "115", "117",
    "118", "119", "120", "122", "15", "17", "18", "190", "192", "193", "911", "999", "10111",
    "10177",
];

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

/// Numbers that are barred by how they begin.
const ROWS: &[Row] = &[
    // International: 979 is premium rate (ITU-T E.169.2); networks whose calls are billed like
    // it and that fraud goes through: satellites, shared codes, personal numbers.
    premium("979"),
    premium("878"),
    premium("870"),
    premium("881"),
    premium("882"),
    premium("883"),
    short("888"),
    short("991"),
    short("999"),
    // North America (NANPA): N11 codes are services and never area codes; 900 is premium; an
    // area code begins with 2 to 9.
    emergency("1911"),
    emergency("1988"),
    premium("1900"),
    short("1211"),
    short("1311"),
    short("1411"),
    short("1511"),
    short("1611"),
    short("1711"),
    short("1811"),
    short("10"),
    short("11"),
    // Great Britain (Ofcom, National Telephone Numbering Plan): 09 premium; 0871 to 0873 and
    // 070 at higher rates; 118 enquiries.
    premium("449"),
    premium("44871"),
    premium("44872"),
    premium("44873"),
    premium("4470"),
    premium("44118"),
    // France (Arcep, plan national): 089 at a higher rate; 118 enquiries.
    premium("3389"),
    premium("33118"),
    // Germany (BNetzA): 0900, 0137 mass traffic, 0180 service, 118 enquiries; 032 is ordinary.
    premium("49900"),
    premium("49137"),
    premium("49180"),
    premium("49118"),
    // Austria (RTR): 0900, 0901, 0930, 0931, 0939; 0810 to 0828 with a ceiling are ordinary.
    premium("43900"),
    premium("43901"),
    premium("4393"),
    // Switzerland (BAKOM): 0900, 0901, 0906; 18xx enquiries.
    premium("4190"),
    short("4118"),
    // Italy (AGCOM): 89x, 199, 166, 144, 178 personal.
    premium("3989"),
    premium("39199"),
    premium("39166"),
    premium("39144"),
    premium("39178"),
    // Spain (CNMC): 80x, 905, 907, 118.
    premium("34803"),
    premium("34806"),
    premium("34807"),
    premium("34905"),
    premium("34907"),
    premium("34118"),
    // Portugal (ANACOM): 60x, 646, 648, 76x.
    premium("351601"),
    premium("351607"),
    premium("351608"),
    premium("351646"),
    premium("351648"),
    premium("35176"),
    // Netherlands (ACM): 0900, 0906, 0909.
    premium("3190"),
    // Belgium (BIPT): 0900 to 0909, 070 at a higher rate.
    premium("3290"),
    premium("3270"),
    // Poland (UKE): 70x, 30x.
    premium("4870"),
    premium("4830"),
    // Sweden, Norway, Denmark, Finland (PTS, Nkom, DBA, Traficom).
    premium("46900"),
    premium("46939"),
    premium("46944"),
    premium("4782"),
    premium("4590"),
    premium("358600"),
    premium("358700"),
    // Australia (ACMA): 190 premium; 1[1-2] services.
    premium("61190"),
    short("6112"),
    // New Zealand (NAD): 0900.
    premium("64900"),
    // Japan (MIC): 0990, 0570 at a higher rate, 0180; 1xx services.
    premium("81990"),
    premium("81570"),
    premium("81180"),
    // China (MIIT): 160, 168 information services; 95xxx and 96xxx are short, see below.
    premium("86160"),
    premium("86168"),
    // India (DoT): 186 at a higher rate.
    premium("91186"),
    // Brazil (Anatel): 0900, 0500, 0300.
    premium("55900"),
    premium("55500"),
    premium("55300"),
    // Mexico (IFT): 900.
    premium("52900"),
    // South Africa (ICASA): 0862 to 0869.
    premium("27862"),
    premium("27866"),
    premium("27867"),
    premium("27868"),
    premium("27869"),
    // Russia, Kazakhstan: 809, 803.
    premium("7809"),
    premium("7803"),
];

/// The fewest digits a subscriber's number has after the country code, where it is more than
/// [`SHORTEST_ANYWHERE`]. What is shorter is a service code with a country code before it.
const SHORTEST: &[(&str, usize)] = &[
    ("1", 10),
    ("7", 10),
    ("33", 9),
    ("34", 9),
    ("44", 9),
    ("48", 9),
    ("52", 10),
    ("55", 10),
    ("61", 9),
    ("81", 9),
    ("82", 8),
    ("86", 9),
    ("91", 10),
    ("351", 9),
    ("353", 7),
    ("852", 8),
];

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
        let is_emergency = EMERGENCY.contains(&digits.as_str());
        return Some(if is_emergency { Barred::Emergency } else { Barred::ShortCode });
    }
    let (country, national) = digits.split_at(country_digits(&digits));
    // Plans but Italy's have no number that begins with the trunk zero: somebody left it in.
    let trimmed = national.trim_start_matches('0');
    if EMERGENCY.contains(&national) || EMERGENCY.contains(&trimmed) {
        return Some(Barred::Emergency);
    }
    let is_in_plan =
        |digits: &str| ROWS.iter().find(|row| digits.starts_with(row.prefix)).map(|row| row.why);
    let without_zero = format!("{country}{trimmed}");
    let as_dialled = is_in_plan(&digits);
    // An Italian number keeps its zero: 011 is Turin, and no emergency code.
    let trunk = if country == "39" { None } else { is_in_plan(&without_zero) };
    as_dialled.or(trunk).or_else(|| {
        let known = SHORTEST.iter().find(|(code, _)| *code == country);
        let least = known.map_or(SHORTEST_ANYWHERE, |(_, least)| *least);
        (trimmed.len() < least).then_some(Barred::ShortCode)
    })
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
