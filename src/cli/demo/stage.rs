//! The demo's set-up: which campaign, which leads, which settings.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Args, tree_file};
use crate::base::{CampaignId, Clock as _, Millis, Timestamp};
use crate::cli::Common;
use crate::conversation::{Language, Script};
use crate::event::{DialingMode, Event, RetryRule, RoutingWeights};
use crate::event_log::{AllRead, Direction};
use crate::runtime::clock::SystemClock;
use crate::runtime::config::CampaignConfig;
use crate::runtime::{Config, LogError, read_log, read_script};

/// Everything but carriers and agents.
pub(super) struct Stage {
    pub(super) config: Config,
    pub(super) script: Arc<Script>,
    pub(super) leads: PathBuf,
    /// When the demo began.
    pub(super) clock: Timestamp,
}

impl Stage {
    pub(super) fn set(common: &Common, args: &Args) -> anyhow::Result<Self> {
        let mut config = common.load()?;
        if common.data_dir.is_none() && common.config.is_none() {
            config.data_dir = PathBuf::from("demo-data");
        }
        let (leads, script, id, name) = match args.language {
            Language::En => (
                "leads/business_loan.csv",
                "scripts/business_loan_en.toml",
                "business-loan",
                "Business loan",
            ),
            Language::Zh => (
                "leads/business_loan_zh.csv",
                "scripts/business_loan_zh.toml",
                "business-loan-zh",
                "企业贷款",
            ),
        };
        let campaign_id = CampaignId::new(id)?;
        let (leads, script_path) = (tree_file(leads), tree_file(script));
        let script = Arc::new(read_script(&script_path)?);
        let before = crate::cli::runtime()?.block_on(before(&config, &campaign_id))?;
        let leads_max = if before.is_complete {
            before.leads + args.leads
        } else {
            before.leads.max(args.leads)
        };
        config.campaigns = vec![CampaignConfig {
            id: campaign_id,
            name: name.to_owned(),
            script: script_path,
            leads: Some(leads.clone()),
            leads_max: Some(leads_max),
            price_per_lead_milli: Some(5_000),
            mode: DialingMode::Progressive,
            robot_channels: args.robot_channels,
            ring_timeout_ms: Millis(9_000),
            // A demo has minutes, not days.
            retry: RetryRule {
                max_attempts: 2,
                busy_after_ms: Millis(12_000),
                no_answer_after_ms: Millis(20_000),
                carrier_failed_after_ms: Millis(5_000),
            },
            weights: RoutingWeights::default(),
            seed: args.seed,
            record: false,
            record_required: false,
        }];
        Ok(Self { config, script, leads, clock: SystemClock::new().now() })
    }
}

/// What the folder holds of the campaign already.
#[derive(Default)]
struct Before {
    leads: usize,
    is_complete: bool,
}

async fn before(config: &Config, campaign_id: &CampaignId) -> anyhow::Result<Before> {
    let mut before = Before::default();
    let log = match read_log(config).await {
        Ok(log) => log,
        Err(LogError::Missing(_)) => return Ok(before),
        Err(error) => return Err(error.into()),
    };
    let mut from = AllRead::Start;
    loop {
        let page = log.read_all(from, Direction::Forwards, 1_000).await?;
        let Some(last) = page.last() else { return Ok(before) };
        from = AllRead::Position(last.position + 1);
        for recorded in &page {
            match recorded.event() {
                Ok(Event::LeadImported(fact)) if fact.campaign_id == *campaign_id => {
                    before.leads += 1;
                    before.is_complete = false;
                }
                Ok(Event::CampaignCompleted(fact)) if fact.campaign_id == *campaign_id => {
                    before.is_complete = true;
                }
                _ => {}
            }
        }
    }
}
