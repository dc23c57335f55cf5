//! What stands out in a period, and what could be done about it.
//!
//! In: the contents of a report and thresholds. Out: findings: a sentence that cites the figure,
//! the question that shows it, and advice. Invariants: pure; a share is said to have changed only
//! where it did by more than a threshold and by more than chance; every finding names its rule.
//! Deliberately absent: causes. A rule knows figures, not the world.

use serde_json::Value;

use super::contents::{Asked, Contents};
use super::document::Tone;
use super::figure::{self, Figure, Good, Unit, differ, relative};
use super::layout::shown;
use super::number::{grouped, signed_percent};
use super::words::Language;

/// Beyond what something is worth a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// A change against the week before, of what it was then. Units: parts per million.
    pub change_ppm: u32,
    /// Fewer calls, contacts or seizures than this prove nothing.
    pub count_min: u32,
    /// The most contacts that may be abandoned. Units: parts per million.
    ///
    /// Source: 3 % of 16 CFR 310.4(b)(4)(i).
    pub abandoned_max_ppm: u32,
    /// The least that a carrier should have answered of its seizures. Units: parts per million.
    pub asr_min_ppm: u32,
    /// The most of its seizures that a carrier may fail. Units: parts per million.
    pub failed_max_ppm: u32,
    /// The longest mean wrap-up of an agent. Units: ms.
    pub wrap_up_max_ms: u32,
    /// The most of the time that an agent should be busy. Units: parts per million.
    pub occupancy_max_ppm: u32,
    /// The most contacts that may have one objection. Units: parts per million.
    pub objection_max_ppm: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            change_ppm: 200_000,
            count_min: 30,
            abandoned_max_ppm: 30_000,
            asr_min_ppm: 300_000,
            failed_max_ppm: 100_000,
            wrap_up_max_ms: 60_000,
            occupancy_max_ppm: 900_000,
            objection_max_ppm: 250_000,
        }
    }
}

/// One thing that stands out.
#[derive(Debug, PartialEq)]
pub(super) struct Finding {
    /// The rule's name, for good.
    pub(super) rule: &'static str,
    pub(super) tone: Tone,
    /// The sentence with names in braces.
    sentence: &'static str,
    /// What stands for them.
    parts: Vec<(&'static str, Part)>,
    advice: &'static str,
    query: &'static str,
    params: Vec<(String, String)>,
}

/// What stands for a name in a sentence.
#[derive(Debug, PartialEq)]
enum Part {
    /// As it is.
    Text(String),
    /// In the language of the report.
    Word(&'static str),
}

impl Finding {
    pub(super) fn sentence(&self, language: Language) -> String {
        let parts: Vec<_> = self
            .parts
            .iter()
            .map(|(name, part)| match part {
                Part::Text(text) => (*name, text.clone()),
                Part::Word(word) => (*name, language.say(word).to_owned()),
            })
            .collect();
        language.fill(self.sentence, &parts)
    }

    pub(super) fn advice(&self, language: Language) -> String {
        language.say(self.advice).to_owned()
    }

    /// The command that shows the figure.
    pub(super) fn command(&self, position: Option<u64>) -> String {
        let mut command = format!("ledgerline query {}", self.query);
        for (name, value) in &self.params {
            command.push_str(&format!(" --param {name}={value}"));
        }
        if let Some(position) = position {
            command.push_str(&format!(" --as-of {position}"));
        }
        command
    }

    pub(super) const fn tone_name(&self) -> &'static str {
        match self.tone {
            Tone::Good => "good",
            Tone::Bad => "bad",
            Tone::Neutral => "neutral",
        }
    }
}

/// Everything that stands out, the worst first.
pub(super) fn review(contents: &Contents, thresholds: &Thresholds) -> Vec<Finding> {
    let rules = Rules { contents, thresholds };
    let mut findings = Vec::new();
    findings.extend(rules.dials());
    findings.extend(rules.abandoned());
    findings.extend(SHARES.iter().filter_map(|rule| rules.share(rule)));
    findings.extend(rules.carriers());
    findings.extend(rules.agents());
    findings.extend(rules.objections());
    // The order of the rules stays within a tone.
    findings.sort_by_key(|finding| match finding.tone {
        Tone::Bad => 0,
        Tone::Neutral => 1,
        Tone::Good => 2,
    });
    findings
}

/// A share that is compared with the week before.
struct ShareRule {
    figure: &'static str,
    worse: &'static str,
    better: &'static str,
    advice: &'static str,
}

const SHARES: &[ShareRule] = &[
    ShareRule {
        figure: "connect_rate",
        worse: "connect_rate.fell",
        better: "connect_rate.rose",
        advice: "Compare the carriers and the hours below with the week before: an outage, a number that is marked as unwanted, or a worse list.",
    },
    ShareRule {
        figure: "contact_rate",
        worse: "contact_rate.fell",
        better: "contact_rate.rose",
        advice: "Look at the hours that were dialled, and listen to some calls that were taken for machines.",
    },
    ShareRule {
        figure: "interested_rate",
        worse: "interested_rate.fell",
        better: "interested_rate.rose",
        advice: "Compare the objections with the week before, and listen to some calls of the levels C and D.",
    },
    ShareRule {
        figure: "agreed_rate",
        worse: "agreed_rate.fell",
        better: "agreed_rate.rose",
        advice: "See at which stage of the script calls end, and how agents and robot compare.",
    },
    ShareRule {
        figure: "opt_out_rate",
        worse: "opt_out_rate.rose",
        better: "opt_out_rate.fell",
        advice: "See at which stage customers opt out; dial the list more rarely, or change the opening.",
    },
    ShareRule {
        figure: "silent_call_rate",
        worse: "silent_call_rate.rose",
        better: "silent_call_rate.fell",
        advice: "Sound has to begin within two seconds: look at the processor's load and at the prompts.",
    },
    ShareRule {
        figure: "asr",
        worse: "asr.fell",
        better: "asr.rose",
        advice: "See which carrier it is, below, and give it a lower weight.",
    },
];

struct Rules<'a> {
    contents: &'a Contents,
    thresholds: &'a Thresholds,
}

impl Rules<'_> {
    fn figure(&self, id: &str) -> Option<&Figure> {
        self.contents.figures.iter().find(|figure| figure.definition.id == id)
    }

    fn params(&self) -> Vec<(String, String)> {
        super::contents::span(self.contents.period, self.contents.period)
    }

    fn is_enough(&self, count: i64) -> bool {
        count >= i64::from(self.thresholds.count_min)
    }

    /// Far fewer dials than a week before, or none.
    fn dials(&self) -> Option<Finding> {
        let figure = self.figure("dials")?;
        let (now, then) = (figure.now.value?, figure.week_before.value?);
        if !self.is_enough(then) {
            return None;
        }
        let change = relative(now.saturating_sub(then), then)?;
        if change > -i64::from(self.thresholds.change_ppm) {
            return None;
        }
        let none = now == 0;
        Some(Finding {
            rule: if none { "dials.none" } else { "dials.fell" },
            tone: Tone::Bad,
            sentence: match none {
                true => "Nobody was dialled; the week before there were {then} dials.",
                false => "Dials fell from {then} to {now} against the week before ({change}).",
            },
            parts: vec![
                ("then", Part::Text(grouped(then))),
                ("now", Part::Text(grouped(now))),
                ("change", Part::Text(signed_percent(change))),
            ],
            advice: "See whether campaigns were paused or their lists are used up, and whether carriers were out.",
            query: figure.definition.query,
            params: self.params(),
        })
    }

    /// More contacts abandoned than is allowed.
    fn abandoned(&self) -> Option<Finding> {
        let figure = self.figure("abandoned_rate")?;
        let now = figure.now.value?;
        let most = i64::from(self.thresholds.abandoned_max_ppm);
        if now <= most {
            return None;
        }
        Some(Finding {
            rule: "abandoned.over",
            tone: Tone::Bad,
            sentence: "{now} of contacts were abandoned ({part} of {whole}); the most allowed is {most}.",
            parts: vec![
                ("now", ppm(now)),
                ("part", Part::Text(grouped(figure.now.part))),
                ("whole", Part::Text(grouped(figure.now.whole))),
                ("most", ppm(most)),
            ],
            advice: "Dial fewer leads at once, or have more agents or robot channels ready.",
            query: figure.definition.query,
            params: self.params(),
        })
    }

    /// A share far from that of the week before, and not by chance.
    fn share(&self, rule: &ShareRule) -> Option<Finding> {
        let figure = self.figure(rule.figure)?;
        let (now, then) = (figure.now.value?, figure.week_before.value?);
        let is_enough =
            self.is_enough(figure.now.whole) && self.is_enough(figure.week_before.whole);
        if !is_enough || !differ(figure.now, figure.week_before) {
            return None;
        }
        let by = now.saturating_sub(then);
        // From nothing to something is beyond every threshold.
        let change = relative(by, then).unwrap_or(i64::from(u32::MAX));
        if change.abs() <= i64::from(self.thresholds.change_ppm) {
            return None;
        }
        let is_worse = match figure.definition.good {
            Good::Up => by < 0,
            Good::Down => by > 0,
            Good::Neither => return None,
        };
        let sentence = match by < 0 {
            true => "{what} fell from {then} to {now} against the week before.",
            false => "{what} rose from {then} to {now} against the week before.",
        };
        Some(Finding {
            rule: if is_worse { rule.worse } else { rule.better },
            tone: if is_worse { Tone::Bad } else { Tone::Good },
            sentence,
            parts: vec![
                ("what", Part::Word(figure.definition.label)),
                ("then", ppm(then)),
                ("now", ppm(now)),
            ],
            advice: if is_worse {
                rule.advice
            } else {
                "Keep what was changed, and see whether it lasts."
            },
            query: figure.definition.query,
            params: self.params(),
        })
    }

    fn carriers(&self) -> Vec<Finding> {
        let [now, then] = &self.contents.carriers;
        (0..now.answer.rows.len()).flat_map(|row| self.carrier(now, then, row)).collect()
    }

    /// One carrier: out, failing, answering too little, or much less than before.
    fn carrier(&self, now: &Asked, then: &Asked, row: usize) -> Vec<Finding> {
        let name = now.answer.text(row, "carrier_id");
        let count = |column| now.answer.count(row, column);
        let (seizures, answered) = (count("seizures"), count("answered"));
        let finding = |rule, sentence, mut parts: Vec<_>, advice| {
            parts.push(("carrier", Part::Text(name.clone())));
            let (query, params) = ("carrier_quality", now.params.clone());
            Finding { rule, tone: Tone::Bad, sentence, parts, advice, query, params }
        };
        let mut findings = Vec::new();
        if count("outages") > 0 {
            let parts = vec![
                ("times", Part::Text(grouped(count("outages")))),
                ("time", Part::Text(shown(Unit::Ms, Some(count("down_ms"))))),
            ];
            findings.push(finding(
                "carrier.outage",
                "Outages of carrier {carrier}: {times}, {time} in all.",
                parts,
                "Ask the carrier for the cause; until then, see that the others have channels enough.",
            ));
        }
        if !self.is_enough(seizures) {
            return findings;
        }
        let ratio = |part: i64| part * 1_000_000 / seizures.max(1);
        let failed = ratio(count("failed"));
        if failed > i64::from(self.thresholds.failed_max_ppm) {
            let parts = vec![("now", ppm(failed)), ("count", Part::Text(grouped(seizures)))];
            findings.push(finding(
                "carrier.failed",
                "Carrier {carrier} failed {now} of {count} seizures.",
                parts,
                "Give it a lower weight until it has mended this.",
            ));
        }
        let asr = ratio(answered);
        let least = i64::from(self.thresholds.asr_min_ppm);
        if asr < least {
            let parts = vec![
                ("now", ppm(asr)),
                ("count", Part::Text(grouped(seizures))),
                ("least", ppm(least)),
            ];
            findings.push(finding(
                "carrier.asr_low",
                "Over carrier {carrier}, {now} of {count} seizures were answered; wanted are {least}.",
                parts,
                "Compare with the other carriers in the same hours, and give it a lower weight where they do better.",
            ));
        } else if let Some(before) = self.asr_before(then, &name, answered, seizures, asr) {
            let parts = vec![("then", ppm(before)), ("now", ppm(asr))];
            findings.push(finding(
                "carrier.asr_fell",
                "The ASR of carrier {carrier} fell from {then} to {now} against the week before.",
                parts,
                "Compare with the other carriers in the same hours, and give it a lower weight where they do better.",
            ));
        }
        findings
    }

    /// A carrier's ASR of the week before, where it was much better then.
    fn asr_before(
        &self,
        then: &Asked,
        name: &str,
        answered: i64,
        seizures: i64,
        asr: i64,
    ) -> Option<i64> {
        let mut rows = 0..then.answer.rows.len();
        let row = rows.find(|row| then.answer.text(*row, "carrier_id") == name)?;
        let whole = then.answer.count(row, "seizures");
        let before = figure::Value { value: None, part: then.answer.count(row, "answered"), whole };
        let now = figure::Value { value: None, part: answered, whole: seizures };
        let was = then.answer.value(row, "asr_ppm").as_i64()?;
        let change = relative(asr.saturating_sub(was), was)?;
        let is_much = change < -i64::from(self.thresholds.change_ppm);
        (self.is_enough(whole) && is_much && differ(now, before)).then_some(was)
    }

    fn agents(&self) -> Vec<Finding> {
        let asked = &self.contents.agents;
        let mut findings = Vec::new();
        for row in 0..asked.answer.rows.len() {
            let count = |column| asked.answer.count(row, column);
            let talks = count("talks");
            // Ten talks are a morning.
            if talks < 10 {
                continue;
            }
            let name = ("agent", Part::Text(asked.answer.text(row, "agent_id")));
            let wrap_up = count("wrap_up_ms") / talks;
            if wrap_up > i64::from(self.thresholds.wrap_up_max_ms) {
                let most = i64::from(self.thresholds.wrap_up_max_ms);
                findings.push(Finding {
                    rule: "agent.wrap_up_long",
                    tone: Tone::Neutral,
                    sentence: "Agent {agent} took {now} of wrap-up for each of {count} talks; expected are up to {most}.",
                    parts: vec![
                        name,
                        ("now", Part::Text(shown(Unit::Ms, Some(wrap_up)))),
                        ("count", Part::Text(grouped(talks))),
                        ("most", Part::Text(shown(Unit::Ms, Some(most)))),
                    ],
                    advice: "Ask what has to be written down after a talk, and whether the system could do it.",
                    query: "agent_occupancy",
                    params: asked.params.clone(),
                });
                continue;
            }
            let busy = asked.answer.value(row, "occupancy_ppm").as_i64();
            let most = i64::from(self.thresholds.occupancy_max_ppm);
            if let Some(busy) = busy.filter(|busy| *busy > most) {
                findings.push(Finding {
                    rule: "agent.busy",
                    tone: Tone::Neutral,
                    sentence: "Agent {agent} was busy {now} of the time, over {count} talks; more than {most} tires people.",
                    parts: vec![
                        name,
                        ("now", ppm(busy)),
                        ("count", Part::Text(grouped(talks))),
                        ("most", ppm(most)),
                    ],
                    advice: "Plan breaks, or have more agents at these hours.",
                    query: "agent_occupancy",
                    params: asked.params.clone(),
                });
            }
        }
        findings
    }

    /// One objection in very many calls.
    fn objections(&self) -> Option<Finding> {
        let asked = &self.contents.objections;
        let contacts = self.figure("contacts")?.now.value?;
        let calls = asked.answer.count(0, "calls");
        if !self.is_enough(contacts) {
            return None;
        }
        let share = calls * 1_000_000 / contacts;
        if share <= i64::from(self.thresholds.objection_max_ppm) {
            return None;
        }
        let Value::String(name) = asked.answer.value(0, "objection") else { return None };
        Some(Finding {
            rule: "objection.frequent",
            tone: Tone::Neutral,
            sentence: "The objection {name} was heard in {calls} calls, {share} of contacts.",
            parts: vec![
                ("name", Part::Text(name.clone())),
                ("calls", Part::Text(grouped(calls))),
                ("share", ppm(share)),
            ],
            advice: "Let the script answer it before it is raised, and see how many agree after that.",
            query: "objections",
            params: asked.params.clone(),
        })
    }
}

fn ppm(value: i64) -> Part {
    Part::Text(shown(Unit::Ppm, Some(value)))
}

#[cfg(test)]
mod tests;
