//! Customer value from what a list says: recency, frequency and monetary, a third each.
//!
//! Recency: who bought in an earlier campaign is warm, who declined is cold. Frequency: every
//! contact in vain costs. Monetary: trades and schooling that go with larger loans, a house as
//! security, a loan that already runs. Stated once, in integers; forecasts replace it later.

use crate::base::Ppm;
use crate::event::Portrait;

pub(super) fn of(portrait: &Portrait) -> Ppm {
    let sum = recency(portrait) + frequency(portrait) + monetary(portrait);
    Ppm((sum / 3).min(1_000_000))
}

fn text<'a>(portrait: &'a Portrait, column: &str) -> &'a str {
    portrait.get(column).map_or("", String::as_str)
}

fn recency(portrait: &Portrait) -> u32 {
    match text(portrait, "previous_outcome") {
        "success" => 1_000_000,
        "failure" => 250_000,
        _ => 500_000,
    }
}

fn frequency(portrait: &Portrait) -> u32 {
    match text(portrait, "previous_contacts").parse::<u32>() {
        Ok(0 | 1) => 800_000,
        Ok(2) => 600_000,
        Ok(3 | 4) => 400_000,
        Ok(_) => 200_000,
        Err(_) => 500_000,
    }
}

fn monetary(portrait: &Portrait) -> u32 {
    let trade = match text(portrait, "job") {
        "entrepreneur" | "self-employed" | "management" => 500_000,
        "admin" | "technician" => 350_000,
        "services" | "blue-collar" => 250_000,
        "" | "unknown" => 200_000,
        _ => 150_000,
    };
    let schooling = match text(portrait, "education") {
        "university.degree" => 200_000,
        "professional.course" | "high.school" => 120_000,
        _ => 60_000,
    };
    let house = if text(portrait, "housing") == "yes" { 200_000 } else { 50_000 };
    let free = if text(portrait, "loan") == "no" { 100_000 } else { 0 };
    trade + schooling + house + free
}
