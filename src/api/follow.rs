//! Follows the log with a live state of its own and publishes the board.
//!
//! The board is a projection like any other: it can follow a log that another process writes,
//! and it never holds up whoever dials.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::board::{
    AgentRow, BoardSnapshot, CallRow, CallState, CampaignRow, CarrierRow, CarrierState,
    FunnelStage, FunnelStep, RecentRow, RobotChannels, SeriesPoint, Totals,
};
use crate::base::{Millis, Ppm, Timestamp};
use crate::event::{CampaignStateName, IntentionLevel};
use crate::event_log::{EventLog, SubscriptionError, SubscriptionItem};
use crate::projection::live::{Board, CurrentCallState, LiveState, OutOfOrder};

/// From one board to the next while events come in. The first event after a quiet time is shown
/// at once.
pub(super) const EVERY: Duration = Duration::from_millis(200);

/// The board cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The log cannot be followed.
    #[error(transparent)]
    Follow(#[from] SubscriptionError),
    /// Our own mistake.
    #[error(transparent)]
    OutOfOrder(#[from] OutOfOrder),
}

/// Publishes the board until the log is closed.
///
/// # Errors
/// See [`FollowError`]; a closed log is the ordinary end and none.
pub async fn follow(
    log: Arc<dyn EventLog>,
    board: watch::Sender<Arc<BoardSnapshot>>,
) -> Result<(), FollowError> {
    let mut feed = log.subscribe_all(None).named("board");
    let mut live = LiveState::default();
    // When the next board may leave.
    let mut due = Instant::now();
    let mut has_caught_up = false;
    let mut is_fresh = false;
    loop {
        tokio::select! {
            item = feed.next() => match item {
                Ok(SubscriptionItem::Event(recorded)) => {
                    live.apply(&recorded)?;
                    is_fresh = true;
                }
                Ok(SubscriptionItem::CaughtUp) => has_caught_up = true,
                Err(SubscriptionError::Closed) => {
                    board.send_replace(Arc::new(snapshot(&live)));
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            },
            () = sleep_until(due), if has_caught_up && is_fresh => {
                is_fresh = false;
                due = Instant::now() + EVERY;
                board.send_replace(Arc::new(snapshot(&live)));
            }
        }
    }
}

/// The board of a live state.
pub fn snapshot(live: &LiveState) -> BoardSnapshot {
    let campaigns: Vec<_> = campaigns(live).collect();
    let totals = totals(live, &campaigns);
    let reached = live.board.campaigns.values().map(|campaign| campaign.reached.len() as u64);
    let funnel = FunnelStage::ALL.map(|stage| FunnelStep {
        stage,
        count: match stage {
            FunnelStage::Leads => campaigns.iter().map(|row| row.leads).sum(),
            FunnelStage::Dialled => campaigns.iter().map(|row| row.dialled).sum(),
            FunnelStage::Answered => totals.answered,
            FunnelStage::Person => reached.clone().sum(),
            FunnelStage::Interested => campaigns.iter().map(|row| row.interested).sum(),
            FunnelStage::Agreed => campaigns.iter().map(|row| row.agreed).sum(),
        },
    });
    BoardSnapshot {
        position: live.position().unwrap_or(0),
        as_of: live.recorded_at(),
        server_time: live.recorded_at(),
        campaigns,
        totals,
        funnel: funnel.to_vec(),
        carriers: carriers(live),
        robot: robot(live),
        agents: agents(live),
        calls: calls(&live.board),
        recent: recent(&live.board),
        series: series(&live.board),
    }
}

fn campaigns(live: &LiveState) -> impl Iterator<Item = CampaignRow> + '_ {
    live.board.campaigns.iter().map(|(id, counts)| CampaignRow {
        campaign_id: id.clone(),
        name: counts.name.clone(),
        state: counts.state.unwrap_or(CampaignStateName::Created),
        script: counts.script.clone(),
        leads: counts.leads,
        dialled: counts.dialled,
        attempts: counts.attempts,
        in_progress: counts.in_progress,
        answered: counts.answered,
        contacts: counts.contacts,
        interested: counts.leads_at(&[IntentionLevel::A, IntentionLevel::B]),
        agreed: counts.leads_at(&[IntentionLevel::A]),
        opted_out: counts.leads_at(&[IntentionLevel::X]),
        completed_leads: live.dialing.campaigns().get(id).map_or(0, |one| one.closed_leads),
    })
}

fn totals(live: &LiveState, campaigns: &[CampaignRow]) -> Totals {
    let sum = |of: fn(&CampaignRow) -> u64| campaigns.iter().map(of).sum::<u64>();
    let (dials, answered) = (sum(|row| row.attempts), sum(|row| row.answered));
    let contacts = sum(|row| row.contacts);
    let talk_ms = live.board.campaigns.values().map(|campaign| campaign.talk.0).sum::<u64>();
    let open = live.board.calls.values().filter(|call| call.answered_at.is_some()).count();
    let talked = answered.saturating_sub(open as u64);
    Totals {
        dials,
        answered,
        contacts,
        connect_rate_ppm: Ppm::ratio(answered, dials),
        contact_rate_ppm: Ppm::ratio(contacts, dials),
        talk_ms: Millis(talk_ms),
        average_talk_ms: Millis(talk_ms.checked_div(talked).unwrap_or(0)),
        in_progress: sum(|row| row.in_progress),
        opted_out: live.compliance.subjects().count() as u64,
    }
}

fn carriers(live: &LiveState) -> Vec<CarrierRow> {
    let row = |(id, carrier): (&crate::base::CarrierId, &crate::dialing::Carrier)| {
        let counts = live.board.carriers.get(id).cloned().unwrap_or_default();
        CarrierRow {
            carrier_id: id.clone(),
            state: if carrier.is_up { CarrierState::Up } else { CarrierState::Down },
            reason: carrier.down_reason.clone(),
            channels_in_use: carrier.channels_in_use,
            channels_max: carrier.channels,
            weight: carrier.weight,
            attempts: counts.attempts,
            answered: counts.answered,
            failed: counts.failed,
            answer_seizure_ppm: Ppm::ratio(counts.answered, counts.attempts),
        }
    };
    live.dialing.carriers().iter().map(row).collect()
}

fn robot(live: &LiveState) -> RobotChannels {
    let mut channels = RobotChannels::default();
    for (id, campaign) in live.dialing.campaigns() {
        channels.channels_in_use += live.dialing.robot_channels_in_use(id);
        channels.channels_max += campaign.settings.robot_channels;
    }
    channels
}

fn agents(live: &LiveState) -> Vec<AgentRow> {
    let row = |(id, agent): (&crate::base::AgentId, &crate::routing::Agent)| AgentRow {
        agent_id: id.clone(),
        state: agent.state,
        since: agent.since,
        calls: agent.calls,
    };
    live.routing.agents().iter().map(row).collect()
}

fn calls(board: &Board) -> Vec<CallRow> {
    let mut rows: Vec<_> = board
        .calls
        .iter()
        .map(|(call_id, call)| CallRow {
            call_id: *call_id,
            campaign_id: call.campaign_id.clone(),
            state: match call.state {
                CurrentCallState::Dialling => CallState::Dialling,
                CurrentCallState::Ringing => CallState::Ringing,
                CurrentCallState::Answered => CallState::Answered,
                CurrentCallState::Robot => CallState::Robot,
                CurrentCallState::Agent => CallState::Agent,
            },
            handler: call.handler.clone(),
            carrier_id: call.carrier_id.clone(),
            stage: call.stage.clone(),
            started_at: call.started_at,
            answered_at: call.answered_at,
        })
        .collect();
    rows.sort_by_key(|row: &CallRow| (row.started_at, row.call_id));
    rows
}

fn recent(board: &Board) -> Vec<RecentRow> {
    let rows = board.recent.iter().map(|call| RecentRow {
        call_id: call.call_id,
        disposition: call.disposition,
        level: call.level,
        talk_ms: call.talk,
        handler: call.handler.clone(),
        carrier_id: call.carrier_id.clone(),
        ended_at: call.ended_at,
    });
    rows.collect()
}

/// Ten seconds without anything are a point too: a gap would look like a slope.
fn series(board: &Board) -> Vec<SeriesPoint> {
    let mut points: Vec<SeriesPoint> = Vec::new();
    for bucket in &board.series {
        while let Some(last) = points.last().map(|point| point.at) {
            let next = last.plus(Millis(10_000));
            if next >= bucket.at || points.len() >= 60 {
                break;
            }
            points.push(SeriesPoint { at: next, dials: 0, answered: 0, ended: 0 });
        }
        points.push(SeriesPoint {
            at: bucket.at,
            dials: bucket.dials,
            answered: bucket.answered,
            ended: bucket.ended,
        });
    }
    let surplus = points.len().saturating_sub(60);
    points.split_off(surplus)
}

/// The moment a board that shows nothing is true at.
pub fn empty(now: Timestamp) -> Arc<BoardSnapshot> {
    Arc::new(BoardSnapshot::empty(now))
}
