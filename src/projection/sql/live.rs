//! `live.*`: the state decisions are taken with, as tables.

use std::collections::BTreeMap;

use datafusion::arrow::error::ArrowError;

use crate::base::Timestamp;
use crate::dialing::LeadState;
use crate::event::{CampaignStateName, Disposition, IntentionLevel};
use crate::projection::live::LiveState;
use crate::projection::table::{BaseTable, Row, int, row};

row! {
    /// One campaign in figures.
    LiveCampaign = "campaigns" {
        /// The campaign.
        campaign_id: String,
        /// What people call it.
        name: String,
        /// The script.
        script: String,
        /// Where it stands.
        state: Option<&'static str>,
        /// Leads on the list.
        leads: i64,
        /// Leads dialled at least once.
        dialled: i64,
        /// Attempts.
        attempts: i64,
        /// Attempts that are not over.
        in_progress: i64,
        /// Attempts answered by anything.
        answered: i64,
        /// Attempts answered by a person.
        contacts: i64,
        /// Leads a person answered for at least once.
        reached: i64,
        /// Leads whose latest level is A or B.
        interested: i64,
        /// Dials that a rule forbade.
        refused: i64,
        /// Time talked, in ms.
        talk_ms: i64,
    }
}

row! {
    /// One carrier.
    LiveCarrier = "carriers" {
        /// The carrier.
        carrier_id: String,
        /// Whether it may be used.
        is_up: bool,
        /// Why it is out.
        down_reason: Option<String>,
        /// Its share of calls relative to the others.
        weight: i64,
        /// Calls at this moment.
        channels_in_use: i64,
        /// Calls at once.
        channels: i64,
        /// Its health, in parts per million.
        health_ppm: i64,
        /// Customer legs begun.
        attempts: i64,
        /// Legs answered.
        answered: i64,
        /// Legs that failed on its side.
        failed: i64,
    }
}

row! {
    /// One agent.
    LiveAgent = "agents" {
        /// The agent.
        agent_id: String,
        /// What the agent is doing.
        state: &'static str,
        /// Since when.
        since: Timestamp,
        /// The skill on record, in parts per million.
        skill_ppm: i64,
        /// Calls talked in.
        calls: i64,
        /// Calls that ended in level A.
        agreed: i64,
    }
}

row! {
    /// One lead as the dialer sees it.
    LiveLead = "leads" {
        /// The lead.
        lead_id: String,
        /// The campaign.
        campaign_id: String,
        /// Its place on the list.
        list_order: i64,
        /// `new`, `in_flight`, `retry` or `closed`.
        state: &'static str,
        /// When it is dialled again.
        retry_at: Option<Timestamp>,
        /// Attempts so far.
        attempts: i64,
        /// How the last one ended.
        last_disposition: Option<&'static str>,
        /// The latest level.
        level: Option<&'static str>,
    }
}

row! {
    /// One call in progress.
    LiveCall = "calls" {
        /// The call.
        call_id: String,
        /// The campaign.
        campaign_id: String,
        /// `dialling`, `ringing`, `answered`, `robot` or `agent`.
        state: &'static str,
        /// Who talks.
        handler: Option<String>,
        /// Over which carrier.
        carrier_id: Option<String>,
        /// The script's stage.
        stage: Option<String>,
        /// When the attempt began.
        started_at: Timestamp,
        /// When it was answered.
        answered_at: Option<Timestamp>,
    }
}

row! {
    /// How many never to call again. Neither numbers nor people are here.
    LiveDoNotCall = "do_not_call" {
        /// Numbers on the list.
        numbers: i64,
        /// People who opted out.
        subjects: i64,
    }
}

/// Every table of `live.*`.
pub(crate) fn live_tables(live: &LiveState) -> Result<Vec<BaseTable>, ArrowError> {
    Ok(vec![
        table(&campaigns(live))?,
        table(&carriers(live))?,
        table(&agents(live))?,
        table(&leads(live))?,
        table(&calls(live))?,
        table(&do_not_call(live))?,
    ])
}

fn table<R: Row>(rows: &[R]) -> Result<BaseTable, ArrowError> {
    Ok(BaseTable { name: R::TABLE, schema: R::schema(), batches: vec![R::batch(rows)?] })
}

fn campaigns(live: &LiveState) -> Vec<LiveCampaign> {
    let rows = live.board.campaigns.iter().map(|(id, campaign)| LiveCampaign {
        campaign_id: id.to_string(),
        name: campaign.name.clone(),
        script: campaign.script.clone(),
        state: campaign.state.map(CampaignStateName::as_str),
        leads: int(campaign.leads),
        dialled: int(campaign.dialled),
        attempts: int(campaign.attempts),
        in_progress: int(campaign.in_progress),
        answered: int(campaign.answered),
        contacts: int(campaign.contacts),
        reached: int(campaign.reached.len() as u64),
        interested: int(campaign.leads_at(&[IntentionLevel::A, IntentionLevel::B])),
        refused: int(campaign.refused),
        talk_ms: int(campaign.talk.0),
    });
    rows.collect()
}

fn carriers(live: &LiveState) -> Vec<LiveCarrier> {
    let counts = &live.board.carriers;
    let rows = live.dialing.carriers().iter().map(|(id, carrier)| {
        let counts = counts.get(id).cloned().unwrap_or_default();
        LiveCarrier {
            carrier_id: id.to_string(),
            is_up: carrier.is_up,
            down_reason: carrier.down_reason.clone(),
            weight: i64::from(carrier.weight),
            channels_in_use: i64::from(carrier.channels_in_use),
            channels: i64::from(carrier.channels),
            health_ppm: i64::from(carrier.health.0),
            attempts: int(counts.attempts),
            answered: int(counts.answered),
            failed: int(counts.failed),
        }
    });
    rows.collect()
}

fn agents(live: &LiveState) -> Vec<LiveAgent> {
    let rows = live.routing.agents().iter().map(|(id, agent)| LiveAgent {
        agent_id: id.to_string(),
        state: agent.state.as_str(),
        since: agent.since,
        skill_ppm: i64::from(agent.skill.0),
        calls: int(agent.calls),
        agreed: int(agent.agreed),
    });
    rows.collect()
}

fn leads(live: &LiveState) -> Vec<LiveLead> {
    let levels: BTreeMap<_, _> =
        live.board.campaigns.values().flat_map(|campaign| &campaign.levels).collect();
    let rows = live.dialing.leads().iter().map(|(id, lead)| LiveLead {
        lead_id: id.to_string(),
        campaign_id: lead.campaign_id.to_string(),
        list_order: int(lead.list_order),
        state: lead.state.as_str(),
        retry_at: match lead.state {
            LeadState::RetryAt(at) => Some(at),
            LeadState::New | LeadState::InFlight(_) | LeadState::Closed => None,
        },
        attempts: i64::from(lead.attempts),
        last_disposition: lead.last_disposition.map(Disposition::as_str),
        level: levels.get(id).map(|level| level.as_str()),
    });
    rows.collect()
}

fn calls(live: &LiveState) -> Vec<LiveCall> {
    let rows = live.board.calls.iter().map(|(id, call)| LiveCall {
        call_id: id.to_string(),
        campaign_id: call.campaign_id.to_string(),
        state: call.state.as_str(),
        handler: call.handler.as_ref().map(ToString::to_string),
        carrier_id: call.carrier_id.as_ref().map(ToString::to_string),
        stage: call.stage.clone(),
        started_at: call.started_at,
        answered_at: call.answered_at,
    });
    rows.collect()
}

fn do_not_call(live: &LiveState) -> Vec<LiveDoNotCall> {
    vec![LiveDoNotCall {
        numbers: int(live.compliance.numbers().count() as u64),
        subjects: int(live.compliance.subjects().count() as u64),
    }]
}
