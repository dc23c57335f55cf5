//! How the answers of a report are put on a page.
//!
//! In: contents, what stands out, a language. Out: a document. Invariants: pure; numbers are
//! rounded here and nowhere before.

use serde_json::Value;

use super::contents::{Asked, Contents};
use super::document::{Bar, Block, Course, Document, Heat, Lines, Remark, Tile, Tone};
use super::figure::{Change, Figure, Good, Unit};
use super::number::{count, grouped, percent, points, signed_percent, span};
use super::period::{Period, Width};
use super::review::Finding;
use super::words::Language;
use crate::base::Timestamp;
use crate::event::ReportKind;

/// How a column is shown.
type Shown = fn(&Value) -> String;
/// Head, column, and how it is shown.
type Column = (&'static str, &'static str, Shown);

/// Objections that are listed.
const OBJECTIONS: usize = 10;

const CAMPAIGNS: &[Column] = &[
    ("Campaign", "name", text),
    ("State", "state", text),
    ("Leads", "leads", count),
    ("New leads", "leads_tried", count),
    ("Dials", "attempts", count),
    ("Connect", "connect_ppm", percent),
    ("Contacts", "contacts", count),
    ("Contact rate", "contact_ppm", percent),
    ("Interested", "interested", count),
    ("Bridged", "bridged", count),
    ("Agreed", "committed", count),
    ("Opt-outs", "opted_out", count),
];

const CARRIERS: &[Column] = &[
    ("Carrier", "carrier_id", text),
    ("Seizures", "seizures", count),
    ("Answered", "answered", count),
    ("ASR", "asr_ppm", percent),
    ("NER", "ner_ppm", percent),
    ("Failed", "failed", count),
    ("Post-dial delay", "pdd_mean_ms", span),
    ("Packet loss", "loss_ppm", percent),
    ("Outages", "outages", count),
];

const AGENTS: &[Column] = &[
    ("Agent", "agent_id", text),
    ("Talks", "talks", count),
    ("Talking", "talking_ms", span),
    ("Wrap-up", "wrap_up_ms", span),
    ("Waiting", "available_ms", span),
    ("Break", "break_ms", span),
    ("Occupancy", "occupancy_ppm", percent),
];

const HANDLERS: &[Column] = &[
    ("Who talked", "handler_kind", text),
    ("Contacts", "contacts", count),
    ("Mean talk", "talk_mean_ms", span),
    ("Interested", "interested_ppm", percent),
    ("Agreed", "committed_ppm", percent),
    ("Opt-outs", "opted_out_ppm", percent),
];

const OBJECTION_COLUMNS: &[Column] = &[
    ("Objection", "objection", text),
    ("Times", "times", count),
    ("Calls", "calls", count),
    ("Agreed", "committed", count),
    ("Share", "committed_ppm", percent),
];

const OPT_OUTS: &[Column] =
    &[("Stage", "stage", text), ("Who talked", "handler_kind", text), ("Calls", "calls", count)];

fn text(value: &Value) -> String {
    value.as_str().filter(|text| !text.is_empty()).unwrap_or("–").to_owned()
}

/// What a report is called.
pub(super) fn title(contents: &Contents, language: Language) -> String {
    let name = match contents.kind {
        ReportKind::Hourly => "Hourly report",
        ReportKind::Daily => "Daily report",
        ReportKind::Review => "Daily review",
    };
    format!("{} {}", language.say(name), moment_of(contents.period))
}

/// A period for people.
fn moment_of(period: Period) -> String {
    let text = period.to_string();
    match text.split_once('T') {
        Some((day, hour)) => format!("{day} {hour}:00"),
        None => text,
    }
}

/// Puts a report together.
pub(super) fn lay_out(contents: &Contents, findings: &[Finding], language: Language) -> Document {
    let page = Page { contents, language };
    let mut blocks = Vec::new();
    let position = contents.position.map_or_else(|| "–".to_owned(), |at| at.to_string());
    match contents.kind {
        ReportKind::Review => {
            blocks.push(page.heading("What stands out"));
            blocks.push(page.findings(findings));
            blocks.extend(page.headline());
            blocks.extend(page.courses());
            blocks.extend(page.heat());
            blocks.extend(page.table("Carriers", &contents.carriers[0], CARRIERS));
            blocks.extend(page.table("Agents", &contents.agents, AGENTS));
            blocks.extend(page.objections());
        }
        ReportKind::Daily => {
            blocks.extend(page.headline());
            blocks.extend(page.funnel());
            blocks.extend(page.table("By campaign", &contents.campaigns, CAMPAIGNS));
            blocks.extend(page.courses());
            blocks.extend(page.heat());
            blocks.extend(page.table("Carriers", &contents.carriers[0], CARRIERS));
            blocks.extend(page.table("Agents", &contents.agents, AGENTS));
            blocks.extend(page.table("Robot and people", &contents.handlers, HANDLERS));
            blocks.extend(page.levels());
            blocks.extend(page.objections());
            blocks.extend(page.table("Opt-outs", &contents.opt_outs, OPT_OUTS));
        }
        ReportKind::Hourly => {
            blocks.extend(page.headline());
            blocks.extend(page.courses());
            blocks.extend(page.table("By campaign", &contents.campaigns, CAMPAIGNS));
            blocks.extend(page.table("Carriers", &contents.carriers[0], CARRIERS));
            blocks.extend(page.table("Agents", &contents.agents, AGENTS));
        }
    }
    blocks.push(page.heading("Notes"));
    blocks.push(page.notes(&position));
    Document {
        title: title(contents, language),
        subtitle: page.subtitle(&position),
        language: language.as_str(),
        blocks,
    }
}

struct Page<'a> {
    contents: &'a Contents,
    language: Language,
}

impl Page<'_> {
    fn say(&self, english: &'static str) -> String {
        self.language.say(english).to_owned()
    }

    fn heading(&self, english: &'static str) -> Block {
        Block::Heading(self.say(english))
    }

    fn nothing(&self) -> Block {
        Block::Nothing(self.say("There is nothing to show."))
    }

    fn subtitle(&self, position: &str) -> String {
        let period = self.contents.period;
        let zone = match period.offset().minutes() {
            0 => "UTC".to_owned(),
            _ => format!("UTC{}", period.offset()),
        };
        let parts = [
            ("zone", zone),
            ("day", moment_of(period.day_before())),
            ("week", moment_of(period.week_before())),
            ("position", position.to_owned()),
        ];
        self.language.fill(
            "Times are {zone}; compared with {day} and {week}; true at log position {position}.",
            &parts,
        )
    }

    fn notes(&self, position: &str) -> Block {
        Block::Notes(vec![
            format!("{}: {position}", self.say("Log position")),
            self.say("Connect and contact rate are over dials; interested, agreed, opted out and abandoned are over contacts, that is calls a person answered."),
            self.say("ASR is answered over seizures; NER also counts busy, no answer and rejected as the carrier's success (ITU-T E.411)."),
            self.say("Occupancy is talking and wrap-up over talking, wrap-up and waiting; breaks are left out, and so is a state that still goes on."),
            self.say("Figures count attempts by the hour they began in. Each formula stands in one file of queries/."),
        ])
    }

    fn headline(&self) -> Vec<Block> {
        let tiles = self.contents.figures.iter().map(|figure| self.tile(figure)).collect();
        vec![self.heading("Headline"), Block::Tiles(tiles)]
    }

    fn tile(&self, figure: &Figure) -> Tile {
        let definition = figure.definition;
        let note = definition.share.map_or_else(String::new, |share| self.say(share.of));
        let change = |label: &'static str, then: Option<i64>| {
            let change = Change::between(definition.unit, figure.now.value, then)?;
            let tone = match (definition.good, change.signum()) {
                (Good::Up, 1) | (Good::Down, -1) => Tone::Good,
                (Good::Up, -1) | (Good::Down, 1) => Tone::Bad,
                _ => Tone::Neutral,
            };
            Some((self.language.fill(label, &[("change", self.change(change))]), tone))
        };
        let changes = [
            change("{change} vs day before", figure.day_before.value),
            change("{change} vs week before", figure.week_before.value),
        ];
        Tile {
            label: self.say(definition.label),
            value: shown(definition.unit, figure.now.value),
            note,
            changes: changes.into_iter().flatten().collect(),
        }
    }

    fn change(&self, change: Change) -> String {
        match change {
            Change::Relative(by) => signed_percent(by),
            Change::Points(by) => format!("{} {}", points(by), self.language.say("points")),
        }
    }

    fn findings(&self, findings: &[Finding]) -> Block {
        if findings.is_empty() {
            return Block::Nothing(self.say("Nothing stands out."));
        }
        let remark = |finding: &Finding| Remark {
            tone: finding.tone,
            sentence: finding.sentence(self.language),
            advice: finding.advice(self.language),
            command: finding.command(self.contents.position),
        };
        Block::Findings(findings.iter().map(remark).collect())
    }

    fn funnel(&self) -> Vec<Block> {
        let of = |id: &str| {
            let mut figures = self.contents.figures.iter();
            let figure = figures.find(|figure| figure.definition.id == id);
            figure.and_then(|figure| figure.now.value).unwrap_or(0)
        };
        let dials = of("dials");
        let step = |label, count: i64| {
            let share = (dials > 0).then(|| count * 1_000_000 / dials);
            let note = format!("{} ({})", grouped(count), percent(&share.into()));
            Bar { label: self.say(label), count, part: count, note }
        };
        let steps = vec![
            step("Dials", dials),
            step("Answered", of("answered")),
            step("Contacts", of("contacts")),
            step("Interested", of("interested")),
            step("Agreed", of("agreed")),
        ];
        vec![self.heading("Funnel"), Block::Funnel(steps)]
    }

    /// Dials and connect rate over the day, with the days that it is compared with.
    fn courses(&self) -> Vec<Block> {
        let period = self.contents.period;
        let days = [period.day(), period.day().day_before(), period.day().week_before()];
        let answers = self.contents.hours.each_ref().map(|asked| by_hour(asked, period));
        if answers.iter().all(Vec::is_empty) {
            return vec![self.heading("By hour"), self.nothing()];
        }
        let course = |pick: fn(&Hour) -> Option<i64>, fill: Option<i64>, until: usize| {
            let courses = days.iter().zip(&answers).enumerate().map(|(place, (day, hours))| {
                // The day under way has no value for hours that are to come, and a day before
                // anything was dialled has none at all.
                let until = if place == 0 { until } else { 24 };
                let fill = fill.filter(|_| place == 0 || !hours.is_empty());
                let value = |hour: usize| {
                    let found = hours.iter().find(|one| one.day == *day && one.hour == hour);
                    found.map_or(fill, pick).filter(|_| hour < until)
                };
                Course { label: day.to_string(), values: (0..24).map(value).collect() }
            });
            courses.collect()
        };
        let places: Vec<String> = (0..24).map(|hour| format!("{hour:02}")).collect();
        let over = match period.width() {
            Width::Day => 24,
            Width::Hour => usize::try_from(period.number().rem_euclid(24) + 1).unwrap_or(24),
        };
        let dials = Lines {
            places: places.clone(),
            courses: course(|hour| Some(hour.attempts), Some(0), over),
            is_share: false,
        };
        let rate =
            Lines { places, courses: course(|hour| hour.connect_ppm, None, over), is_share: true };
        vec![
            self.heading("Dials by hour"),
            Block::Lines(dials),
            self.heading("Connect rate by hour"),
            Block::Lines(rate),
        ]
    }

    fn heat(&self) -> Vec<Block> {
        let period = self.contents.period;
        let hours = by_hour(&self.contents.heat, period);
        if hours.is_empty() {
            return Vec::new();
        }
        let row = |before: i64| {
            let day = period.day().earlier(before);
            let value = |hour: usize| {
                let found = hours.iter().find(|one| one.day == day && one.hour == hour);
                found.and_then(|one| one.connect_ppm)
            };
            let weekday = self.language.weekday(day.number());
            (format!("{day} {weekday}"), (0..24).map(value).collect())
        };
        let heat = Heat {
            columns: (0..24).map(|hour| format!("{hour:02}")).collect(),
            rows: (0..7).rev().map(row).collect(),
            legend: self.say("Connect rate in %; darker is more."),
        };
        vec![self.heading("Connect rate by day and hour"), Block::Heat(heat)]
    }

    fn levels(&self) -> Vec<Block> {
        let answer = &self.contents.levels.answer;
        let bar = |row| {
            let count = answer.count(row, "leads");
            let share = percent(answer.value(row, "share_ppm"));
            let note = format!("{} ({share})", grouped(count));
            Bar { label: answer.text(row, "level"), count, part: count, note }
        };
        let bars: Vec<Bar> = (0..answer.rows.len()).map(bar).collect();
        let shown = if bars.is_empty() { self.nothing() } else { Block::Bars(bars) };
        vec![self.heading("Intention levels"), shown]
    }

    fn objections(&self) -> Vec<Block> {
        self.some_rows("Objections", &self.contents.objections, OBJECTION_COLUMNS, OBJECTIONS)
    }

    fn table(&self, heading: &'static str, asked: &Asked, columns: &[Column]) -> Vec<Block> {
        self.some_rows(heading, asked, columns, usize::MAX)
    }

    fn some_rows(
        &self,
        heading: &'static str,
        asked: &Asked,
        columns: &[Column],
        most: usize,
    ) -> Vec<Block> {
        let answer = &asked.answer;
        if answer.rows.is_empty() {
            return vec![self.heading(heading), self.nothing()];
        }
        let heads = columns.iter().map(|(head, ..)| self.say(head)).collect();
        let row = |row| {
            let cells = columns.iter().map(|(_, column, shown)| shown(answer.value(row, column)));
            cells.collect()
        };
        let rows = (0..answer.rows.len().min(most)).map(row).collect();
        vec![self.heading(heading), Block::Table { heads, rows }]
    }
}

/// A value with its unit.
pub(super) fn shown(unit: Unit, value: Option<i64>) -> String {
    let value = value.into();
    match unit {
        Unit::Count => count(&value),
        Unit::Ppm => percent(&value),
        Unit::Ms => span(&value),
    }
}

/// One hour of calls.
struct Hour {
    day: Period,
    /// From 0 to 23.
    hour: usize,
    attempts: i64,
    connect_ppm: Option<i64>,
}

/// Hours of UTC as those of the site.
fn by_hour(asked: &Asked, period: Period) -> Vec<Hour> {
    let answer = &asked.answer;
    let hour = |row| {
        let moment: Timestamp = answer.value(row, "hour").as_str()?.parse().ok()?;
        let hour = Period::containing(Width::Hour, period.offset(), moment);
        Some(Hour {
            day: hour.day(),
            hour: usize::try_from(hour.number().rem_euclid(24)).ok()?,
            attempts: answer.count(row, "attempts"),
            connect_ppm: answer.value(row, "connect_ppm").as_i64(),
        })
    };
    (0..answer.rows.len()).filter_map(hour).collect()
}
