//! Why a call went where it went, in words and tables.

use std::fmt::Write as _;

use crate::event::{
    CarrierChosen, ComplianceChecked, DialDecided, Event, HandlerChosen, Recorded, Veto,
};

/// The story of a call's choices as Markdown, from the facts of its stream.
pub fn explain(facts: &[Recorded]) -> String {
    let mut text = String::new();
    for recorded in facts {
        let Ok(event) = recorded.event() else { continue };
        let mark = format!("position {}, {}", recorded.position, recorded.occurred_at);
        match &event {
            Event::DialDecided(fact) => dial(&mut text, &mark, fact),
            Event::ComplianceChecked(fact) => compliance(&mut text, &mark, fact),
            Event::CarrierChosen(fact) => carrier(&mut text, &mark, fact),
            Event::HandlerChosen(fact) => handler(&mut text, &mark, fact),
            Event::AnswerClassified(fact) => {
                let _ = writeln!(
                    text,
                    "\n## What answered: {} ({mark})\n\nRule `{}`, confidence {}, {} after the answer.",
                    fact.verdict.as_str(),
                    fact.reason,
                    fact.confidence_ppm,
                    fact.after_ms
                );
            }
            Event::IntentionLevelSet(fact) => {
                let _ = writeln!(
                    text,
                    "\n## Intention level {} ({mark})\n\nRule `{}`.",
                    fact.level.as_str(),
                    fact.rule_id
                );
            }
            Event::AttemptEnded(fact) => {
                let _ = writeln!(
                    text,
                    "\n## Ended: {} ({mark})\n\nSIP status {}, Q.850 cause {}, talk time {}.",
                    fact.disposition.as_str(),
                    fact.sip_status.map_or("none".to_owned(), |status| status.to_string()),
                    fact.q850_cause.map_or("none".to_owned(), |cause| cause.to_string()),
                    fact.talk_ms
                );
            }
            _ => {}
        }
    }
    text
}

fn dial(text: &mut String, mark: &str, fact: &DialDecided) {
    let capacity = &fact.capacity;
    let _ = writeln!(
        text,
        "## Dialled now, attempt {} ({mark})\n\n\
         Policy `{}`, decided on the state at position {}: {} leads could be dialled.\n\
         Free: {} robot channels, {} agents, {} line channels; {} dials waited for somebody to talk.",
        fact.attempt_number,
        fact.policy,
        fact.position,
        fact.candidates,
        capacity.free_robot_channels,
        capacity.free_agents,
        capacity.free_line_channels,
        capacity.pending_dials,
    );
}

fn compliance(text: &mut String, mark: &str, fact: &ComplianceChecked) {
    let _ = writeln!(
        text,
        "\n## Rules asked before the dial ({mark})\n\n| rule | version | says |\n| --- | --- | --- |"
    );
    for rule in &fact.rules {
        let says = if rule.is_allowed { "allowed" } else { "refused" };
        let _ = writeln!(text, "| `{}` | {} | {says} |", rule.rule_id, rule.rule_version);
    }
}

fn veto(veto: Option<&Veto>) -> &str {
    veto.map_or("", |veto| &veto.0)
}

fn carrier(text: &mut String, mark: &str, fact: &CarrierChosen) {
    let chosen = fact.chosen.as_ref().map_or("none", |carrier| carrier.as_str());
    let _ = writeln!(
        text,
        "\n## Carrier: {chosen} ({mark})\n\n\
         Policy `{}`, decided on the state at position {}.\n\n\
         | carrier | weight | effective | credit | in use | veto |\n| --- | ---: | ---: | ---: | ---: | --- |",
        fact.policy, fact.position
    );
    for candidate in &fact.candidates {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            candidate.carrier_id,
            candidate.weight,
            candidate.effective_weight,
            candidate.credit,
            candidate.channels_in_use,
            veto(candidate.veto.as_ref())
        );
    }
}

fn handler(text: &mut String, mark: &str, fact: &HandlerChosen) {
    let chosen = fact.chosen.as_ref().map_or("nobody".to_owned(), ToString::to_string);
    let purpose = match fact.purpose {
        crate::event::RoutePurpose::Answer => "the customer answered",
        crate::event::RoutePurpose::Transfer => "the customer asked for a person",
    };
    let share = |ppm: u32| format!("{}.{:03}", ppm / 1_000_000, ppm % 1_000_000 / 1_000);
    let weights = &fact.weights;
    let _ = writeln!(
        text,
        "\n## Handler: {chosen} ({mark})\n\n\
         Because {purpose}. Policy `{}`, decided on the state at position {}, seed {}.\n\n\
         | handler | value × {} | robot fit × {} | skill × {} | line × {} | score | veto |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | --- |",
        fact.policy,
        fact.position,
        fact.seed,
        share(weights.customer_value.0),
        share(weights.robot_fit.0),
        share(weights.agent_skill.0),
        share(weights.line_quality.0),
    );
    for candidate in &fact.candidates {
        let terms = &candidate.terms;
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            candidate.handler,
            share(terms.customer_value),
            share(terms.robot_fit),
            share(terms.agent_skill),
            share(terms.line_quality),
            share(candidate.score),
            veto(candidate.veto.as_ref())
        );
    }
}
