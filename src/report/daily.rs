//! The daily report: which questions it asks and how it lays out the answers.

use serde_json::Value;

use super::number::{count, grouped, percent, span};
use super::{Bar, Block, Document, Error, Figure, Language};
use crate::query::{Answer, Engine};

/// Makes the report of one day, `YYYY-MM-DD` in UTC; of the last day with an attempt where none
/// is named.
///
/// # Errors
/// [`Error::Date`] where the day is none, [`Error::Query`] where the log cannot be read.
pub async fn daily(
    engine: &Engine,
    date: Option<&str>,
    language: Language,
) -> Result<Document, Error> {
    let date = match date {
        Some(date) => checked(date)?,
        None => Box::pin(last_day(engine)).await?,
    };
    let asked = Asked { engine, date: date.clone(), language };
    let mut blocks = Vec::new();
    blocks.extend(Box::pin(asked.headline()).await?);
    blocks.extend(Box::pin(asked.campaigns()).await?);
    blocks.extend(Box::pin(asked.hours()).await?);
    blocks.extend(Box::pin(asked.carriers()).await?);
    blocks.extend(Box::pin(asked.agents()).await?);
    blocks.extend(Box::pin(asked.handlers()).await?);
    blocks.extend(Box::pin(asked.levels()).await?);
    blocks.extend(Box::pin(asked.objections()).await?);
    blocks.extend(Box::pin(asked.opt_outs()).await?);
    let position = engine.position().await;
    let position = position.map_or_else(|| "–".to_owned(), |position| position.to_string());
    blocks.push(Block::Heading(language.say("Notes").to_owned()));
    blocks.push(Block::Notes(vec![
        format!("{}: {position}", language.say("Log position")),
        language.say("Connect and contact rate are over dials; interested, agreed, opted out and abandoned are over contacts, that is calls a person answered.").to_owned(),
        language.say("ASR is answered over seizures; NER also counts busy, no answer and rejected as the carrier's success (ITU-T E.411).").to_owned(),
        language.say("Occupancy is talking and wrap-up over talking, wrap-up and waiting; breaks are left out, and so is a state that still goes on.").to_owned(),
        language.say("Figures count attempts by the day they began in. Each formula stands in one file of queries/.").to_owned(),
    ]));
    let told = language.say("all times UTC; true at log position");
    Ok(Document {
        title: format!("{} {date}", language.say("Daily report")),
        subtitle: format!("{told} {position}"),
        language: language.as_str(),
        blocks,
    })
}

fn checked(date: &str) -> Result<String, Error> {
    let day = chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d");
    day.map(|day| day.to_string()).map_err(|_| Error::Date(date.to_owned()))
}

async fn last_day(engine: &Engine) -> Result<String, Error> {
    let sql = "select cast(cast(max(day) as date) as varchar) as day from funnel.campaigns_daily";
    let answer = engine.ask(sql).await?;
    let day = answer.value(0, "day").as_str();
    // Nothing was ever dialled: the day of the last event, or none.
    match day {
        Some(day) => Ok(day.to_owned()),
        None => {
            let sql = "select cast(cast(max(occurred_at) as date) as varchar) as day from events";
            let answer = engine.ask(sql).await?;
            Ok(answer.value(0, "day").as_str().unwrap_or("1970-01-01").to_owned())
        }
    }
}

struct Asked<'a> {
    engine: &'a Engine,
    date: String,
    language: Language,
}

/// How a column is shown.
type Shown = fn(&Value) -> String;

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("–").to_owned()
}

impl Asked<'_> {
    fn say(&self, english: &'static str) -> String {
        self.language.say(english).to_owned()
    }

    async fn ask(&self, name: &str) -> Result<Answer, Error> {
        let params = [("date".to_owned(), self.date.clone())];
        Ok(Box::pin(self.engine.saved(name, &params)).await?)
    }

    fn heading(&self, english: &'static str) -> Block {
        Block::Heading(self.say(english))
    }

    /// A table of some columns of an answer.
    fn table(&self, answer: &Answer, columns: &[(&'static str, &str, Shown)]) -> Block {
        if answer.rows.is_empty() {
            return Block::Nothing(self.say("There is nothing to show."));
        }
        let heads = columns.iter().map(|(head, ..)| self.say(head)).collect();
        let row = |row| {
            let cells = columns.iter().map(|(_, column, shown)| shown(answer.value(row, column)));
            cells.collect()
        };
        Block::Table { heads, rows: (0..answer.rows.len()).map(row).collect() }
    }

    async fn headline(&self) -> Result<Vec<Block>, Error> {
        let answer = self.ask("headline").await?;
        let value = |column: &str| answer.value(0, column);
        let figure = |label, shown: String, note: String| Figure {
            label: self.say(label),
            value: shown,
            note,
        };
        let share = |label, column: &str, ppm: &str, whole| {
            let note = format!("{} {}", percent(value(ppm)), self.say(whole));
            figure(label, count(value(column)), note)
        };
        let figures = vec![
            figure("Dials", count(value("attempts")), String::new()),
            figure("New leads", count(value("leads_tried")), String::new()),
            share("Answered", "answered", "connect_ppm", "of dials"),
            share("Contacts", "contacts", "contact_ppm", "of dials"),
            share("Interested", "interested", "interested_ppm", "of contacts"),
            share("Agreed", "committed", "committed_ppm", "of contacts"),
            share("Opt-outs", "opted_out", "opted_out_ppm", "of contacts"),
            share("Abandoned", "abandoned", "abandoned_ppm", "of contacts"),
            figure("Mean talk", span(value("talk_mean_ms")), self.say("of answered calls")),
        ];
        let dials = answer.count(0, "attempts");
        let step = |label, column: &str| {
            let count = answer.count(0, column);
            let share = (dials > 0).then(|| count * 1_000_000 / dials);
            let note = format!("{} ({})", grouped(count), percent(&share.into()));
            Bar { label: self.say(label), count, part: count, note }
        };
        let funnel = vec![
            step("Dials", "attempts"),
            step("Answered", "answered"),
            step("Contacts", "contacts"),
            step("Talked", "talked"),
            step("Interested", "interested"),
            step("Agreed", "committed"),
        ];
        Ok(vec![
            self.heading("Headline"),
            Block::Figures(figures),
            self.heading("Funnel"),
            Block::Bars(funnel),
        ])
    }

    async fn campaigns(&self) -> Result<Vec<Block>, Error> {
        let answer = self.ask("funnel_by_campaign").await?;
        let columns: &[(&'static str, &str, Shown)] = &[
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
        Ok(vec![self.heading("By campaign"), self.table(&answer, columns)])
    }

    async fn hours(&self) -> Result<Vec<Block>, Error> {
        let answer = self.ask("connect_rate_by_hour").await?;
        let answered = self.say("answered");
        let bar = |row| {
            let hour = answer.text(row, "hour").chars().skip(11).take(5).collect();
            let (count, part) = (answer.count(row, "attempts"), answer.count(row, "answered"));
            let share = percent(answer.value(row, "connect_ppm"));
            let note = format!("{} / {} {answered}, {share}", grouped(part), grouped(count));
            Bar { label: hour, count, part, note }
        };
        let bars: Vec<Bar> = (0..answer.rows.len()).map(bar).collect();
        let shown = match bars.is_empty() {
            true => Block::Nothing(self.say("There is nothing to show.")),
            false => Block::Bars(bars),
        };
        Ok(vec![self.heading("By hour"), shown])
    }

    async fn carriers(&self) -> Result<Vec<Block>, Error> {
        let answer = self.ask("carrier_quality").await?;
        let columns: &[(&'static str, &str, Shown)] = &[
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
        Ok(vec![self.heading("Carriers"), self.table(&answer, columns)])
    }

    async fn agents(&self) -> Result<Vec<Block>, Error> {
        let answer = self.ask("agent_occupancy").await?;
        let columns: &[(&'static str, &str, Shown)] = &[
            ("Agent", "agent_id", text),
            ("Talks", "talks", count),
            ("Talking", "talking_ms", span),
            ("Wrap-up", "wrap_up_ms", span),
            ("Waiting", "available_ms", span),
            ("Break", "break_ms", span),
            ("Occupancy", "occupancy_ppm", percent),
        ];
        Ok(vec![self.heading("Agents"), self.table(&answer, columns)])
    }

    async fn handlers(&self) -> Result<Vec<Block>, Error> {
        let answer = self.ask("robot_and_people").await?;
        let columns: &[(&'static str, &str, Shown)] = &[
            ("Who talked", "handler_kind", text),
            ("Contacts", "contacts", count),
            ("Mean talk", "talk_mean_ms", span),
            ("Interested", "interested_ppm", percent),
            ("Agreed", "committed_ppm", percent),
            ("Opt-outs", "opted_out_ppm", percent),
        ];
        Ok(vec![self.heading("Robot and people"), self.table(&answer, columns)])
    }

    async fn levels(&self) -> Result<Vec<Block>, Error> {
        let answer = self.ask("intention_levels").await?;
        let bar = |row| {
            let count = answer.count(row, "leads");
            let share = percent(answer.value(row, "share_ppm"));
            let note = format!("{} ({share})", grouped(count));
            Bar { label: answer.text(row, "level"), count, part: count, note }
        };
        let bars: Vec<Bar> = (0..answer.rows.len()).map(bar).collect();
        let shown = match bars.is_empty() {
            true => Block::Nothing(self.say("There is nothing to show.")),
            false => Block::Bars(bars),
        };
        Ok(vec![self.heading("Intention levels"), shown])
    }

    async fn objections(&self) -> Result<Vec<Block>, Error> {
        let mut answer = self.ask("objections").await?;
        answer.rows.truncate(10);
        let columns: &[(&'static str, &str, Shown)] = &[
            ("Objection", "objection", text),
            ("Times", "times", count),
            ("Calls", "calls", count),
            ("Agreed", "committed", count),
            ("Share", "committed_ppm", percent),
        ];
        Ok(vec![self.heading("Objections"), self.table(&answer, columns)])
    }

    async fn opt_outs(&self) -> Result<Vec<Block>, Error> {
        let answer = self.ask("opt_outs").await?;
        let columns: &[(&'static str, &str, Shown)] = &[
            ("Stage", "stage", text),
            ("Who talked", "handler_kind", text),
            ("Calls", "calls", count),
        ];
        Ok(vec![self.heading("Opt-outs"), self.table(&answer, columns)])
    }
}
