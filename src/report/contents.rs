//! What a report is made of, before it is laid out: answers of saved questions, all true at one
//! log position.
//!
//! In: an engine, a kind of report and a period. Out: [`Contents`]. Invariant: every question is
//! answered at the same position, also while the log grows. Deliberately absent: words and looks.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Error;
use super::figure::{DEFINITIONS, Figure, Value};
use super::period::{Period, Width};
use crate::base::{Timestamp, UtcOffset};
use crate::event::ReportKind;
use crate::query::{Answer, AsOf, Engine, Params, Pin, SavedQuery, Session};

/// Days that the heat map shows.
const HEAT_DAYS: i64 = 7;

/// A saved question with its span, and the answer.
#[derive(Debug)]
pub(super) struct Asked {
    /// The saved question.
    pub(super) query: &'static str,
    /// The span it was asked for, RFC 3339.
    pub(super) params: Vec<(String, String)>,
    /// Its rows.
    pub(super) answer: Answer,
}

/// Everything a report shows.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) kind: ReportKind,
    pub(super) period: Period,
    /// The last log position that is seen; nothing where the log is empty.
    pub(super) position: Option<u64>,
    pub(super) figures: Vec<Figure>,
    /// Calls by hour of the day, of the day before, of the week before.
    pub(super) hours: [Asked; 3],
    /// Calls by hour of the last days.
    pub(super) heat: Asked,
    pub(super) campaigns: Asked,
    /// Carriers, now and the week before.
    pub(super) carriers: [Asked; 2],
    pub(super) agents: Asked,
    pub(super) handlers: Asked,
    pub(super) levels: Asked,
    pub(super) objections: Asked,
    pub(super) opt_outs: Asked,
}

/// The parameters that name a span.
pub(super) fn span(from: Period, until: Period) -> Vec<(String, String)> {
    let text = |moment: Timestamp| moment.to_string().replace(".000000Z", "Z");
    vec![("from".to_owned(), text(from.from())), ("until".to_owned(), text(until.until()))]
}

/// Asks at one position.
pub(super) struct Asking {
    session: Session,
    /// Holds what is stored at the position, where that was the head.
    _pin: Option<Pin>,
    /// The position, and nothing where the log is empty.
    pub(super) position: Option<u64>,
}

impl Asking {
    /// At a moment of the log; the head is held where it is now, whatever comes meanwhile.
    ///
    /// # Errors
    /// Where the log does not go so far.
    pub(super) async fn at(engine: Arc<Engine>, as_of: AsOf) -> Result<Self, Error> {
        let mut session = Session::new(engine.clone());
        let pin = match as_of {
            AsOf::Head => Some(Box::pin(engine.pin()).await?),
            AsOf::Position(_) | AsOf::Time(_) => None,
        };
        session.set("as_of", &as_of.to_string())?;
        let position = match &pin {
            Some(pin) => pin.position,
            None => Box::pin(session.prepare("select 1 as one")).await?.position,
        };
        let mut asking = Self { session, _pin: pin, position };
        asking.hold()?;
        Ok(asking)
    }

    /// From now on asks for the position by its number.
    fn hold(&mut self) -> Result<(), Error> {
        if let Some(position) = self.position {
            self.session.set("as_of", &position.to_string())?;
        }
        Ok(())
    }

    /// A saved question with some of its parameters; those that are not given have their
    /// defaults.
    pub(super) async fn ask(
        &mut self,
        query: &'static str,
        params: Vec<(String, String)>,
    ) -> Result<Asked, Error> {
        let saved = SavedQuery::find(query)?;
        let mut values: BTreeMap<String, String> = saved
            .params
            .into_iter()
            .map(|param| (param.name, param.default.unwrap_or_default()))
            .collect();
        values.extend(params.iter().cloned());
        let values: Vec<_> = values.into_iter().collect();
        let mut prepared = Box::pin(self.session.prepare(&saved.sql)).await?;
        if prepared.position != self.position {
            // The head went on meanwhile.
            self.hold()?;
            prepared = Box::pin(self.session.prepare(&saved.sql)).await?;
        }
        let running = self.session.run(&prepared, Params::texts(values)).await?;
        Ok(Asked { query, params, answer: running.collect().await? })
    }

    async fn span(&mut self, query: &'static str, period: Period) -> Result<Asked, Error> {
        self.ask(query, span(period, period)).await
    }

    async fn figures(&mut self, period: Period) -> Result<Vec<Figure>, Error> {
        let mut values: [Vec<Value>; 3] = Default::default();
        let periods = [period, period.day_before(), period.week_before()];
        for (values, period) in values.iter_mut().zip(periods) {
            let mut answers: BTreeMap<&str, Answer> = BTreeMap::new();
            for definition in DEFINITIONS {
                let answer = match answers.remove(definition.query) {
                    Some(answer) => answer,
                    None => Box::pin(self.span(definition.query, period)).await?.answer,
                };
                values.push(Value::of(definition, &answer));
                answers.insert(definition.query, answer);
            }
        }
        let [now, day_before, week_before] = values;
        let values = now.into_iter().zip(day_before).zip(week_before);
        let figures = DEFINITIONS.iter().zip(values).map(|(definition, values)| {
            let ((now, day_before), week_before) = values;
            Figure { definition, now, day_before, week_before }
        });
        Ok(figures.collect())
    }

    /// The last hour or day with a dial, as a site counts them; with an event where nothing was
    /// dialled.
    ///
    /// # Errors
    /// Where the question is not answered.
    pub(super) async fn last(&self, width: Width, offset: UtcOffset) -> Result<Period, Error> {
        let questions = [
            "select max(started_at) as at from attempts",
            "select max(occurred_at) as at from events",
        ];
        for sql in questions {
            let running = Box::pin(self.session.query(sql, Params::default())).await?;
            let answer = running.collect().await?;
            if let Some(Ok(moment)) = answer.value(0, "at").as_str().map(str::parse) {
                return Ok(Period::containing(width, offset, moment));
            }
        }
        Ok(Period::containing(width, offset, Timestamp::EPOCH))
    }

    /// Everything of one report.
    ///
    /// # Errors
    /// The first question that is not answered.
    pub(super) async fn contents(
        mut self,
        kind: ReportKind,
        period: Period,
    ) -> Result<Contents, Error> {
        let figures = Box::pin(self.figures(period)).await?;
        let day = period.day();
        let by_hour = "connect_rate_by_hour";
        let heat = span(day.earlier(HEAT_DAYS - 1), period);
        let whole = |day: Period| span(day, day);
        Ok(Contents {
            kind,
            period,
            position: self.position,
            figures,
            hours: [
                Box::pin(self.ask(by_hour, span(day, period))).await?,
                Box::pin(self.ask(by_hour, whole(day.day_before()))).await?,
                Box::pin(self.ask(by_hour, whole(day.week_before()))).await?,
            ],
            heat: Box::pin(self.ask(by_hour, heat)).await?,
            campaigns: Box::pin(self.span("funnel_by_campaign", period)).await?,
            carriers: [
                Box::pin(self.span("carrier_quality", period)).await?,
                Box::pin(self.span("carrier_quality", period.week_before())).await?,
            ],
            agents: Box::pin(self.span("agent_occupancy", period)).await?,
            handlers: Box::pin(self.span("robot_and_people", period)).await?,
            levels: Box::pin(self.span("intention_levels", period)).await?,
            objections: Box::pin(self.span("objections", period)).await?,
            opt_outs: Box::pin(self.span("opt_outs", period)).await?,
        })
    }
}
