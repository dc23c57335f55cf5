//! The platform as a whole: opened, recovered, set up from its configuration, then driven.

mod sip;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::oneshot;

use self::sip::open_line;
use super::clock::{SystemClock, system_random, system_rng};
#[cfg(feature = "kurrentdb")]
use super::config::Names;
use super::config::{CampaignConfig, Config, TransportName};
use super::engine::{Engine, EngineError, Parts, SupervisionDoor, Voices, admit_phones};
#[cfg(feature = "kurrentdb")]
use super::front::{Front, FrontError, USERS};
use super::import::{Import, ImportError, ImportReport, import};
use super::intake::Inbox;
use super::journal::{Draft, Journal, JournalError};
use super::log::{LogError, OpenLog, open_log};
use super::names::Whereabouts;
use super::recorder::{PREFIX, RecordingDesk, RecordingError, Recordings};
use super::recovery::{Recovered, recover};
use super::screened::{MEDIA_PREFIX, MediaScreened, SIP_PREFIX};
use super::scripts::{ScriptFileError, Scripts};
use super::wire::{DtlsError, DtlsIdentity, ListenError, MediaThreads};
use crate::base::{CampaignId, Clock, sha256_hex};
use crate::event::{
    CampaignCreated, CampaignStarted, CampaignStateName, CarrierAdded, CarrierFailed,
    CarrierRegistrationLost, ConfigurationLoaded,
};
use crate::event_log::EventLog;
use crate::privacy::{Vault, VaultError};

/// The platform cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log cannot be opened.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The keys cannot be opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The log knows people, but the keys are gone. New ones would reach nobody.
    #[error(
        "open keys: {0} is missing, but the log beside it knows people; restore the folder from a \
         backup, or move the log away to begin anew"
    )]
    KeysLost(PathBuf),
    /// A script cannot be used.
    #[error(transparent)]
    Script(#[from] ScriptFileError),
    /// A lead file cannot be read.
    #[error("read lead file {path}: {source}")]
    LeadFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A lead file cannot be imported.
    #[error("{path}: {source}")]
    Import {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ImportError,
    },
    /// A port cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Certificates for SIP cannot be used.
    #[cfg(any(feature = "kurrentdb", feature = "sql-servers"))]
    #[error("set up TLS for SIP: {0}")]
    Tls(#[from] crate::tls::TlsError),
    /// There is nothing to prove this process with.
    #[error(transparent)]
    Dtls(#[from] DtlsError),
    /// Facts cannot be recorded.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The log cannot be served.
    #[cfg(feature = "kurrentdb")]
    #[error(transparent)]
    Front(#[from] FrontError),
    /// Calls cannot be recorded.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// What was configured cannot be written down.
    #[error("record the configuration: {0}")]
    Configuration(#[from] serde_json::Error),
}

/// A platform that is ready to work.
pub struct Platform {
    engine: Engine,
    log: OpenLog,
    inbox: Inbox,
    supervision: SupervisionDoor,
    desk: RecordingDesk,
    #[cfg(feature = "kurrentdb")]
    front: Option<Front>,
    sip: SocketAddr,
    recovered: Recovered,
    imports: Vec<(CampaignId, ImportReport)>,
}

impl Platform {
    /// Opens log and keys, closes what a crash left open, and sets up carriers, campaigns and
    /// leads. Nothing is dialled before [`Self::run`].
    ///
    /// # Errors
    /// See [`StartError`].
    #[expect(clippy::too_many_lines, reason = "one part after the other, each once")]
    pub async fn open(
        config: Config,
        voices: Voices,
        until_complete: bool,
    ) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        #[cfg(feature = "kurrentdb")]
        let front = open_front(&config).await?;
        let log = open_log(&config, clock.clone()).await?;
        let mut scripts = Scripts::default();
        for campaign in &config.campaigns {
            scripts.load(campaign.id.clone(), campaign.script.clone())?;
        }
        let node = config.node.clone();
        let mut journal =
            Journal::open(log.log.clone(), clock.clone(), system_rng(), node.clone()).await?;
        let opened = open_line(&config, journal.fork("sip"), clock.clone()).await?;
        admit_phones(&opened.line, &config);
        let mut names = Whereabouts::watch(&config, opened.can_tls);
        let (line, sip) = (opened.line, opened.local);
        let mut vault = open_vault(&config, &journal)?;
        let recovered = recover(&mut journal, &node, log.torn_tail_bytes).await?;
        set_up(&mut journal, &config, &scripts).await?;
        let mut imports = Vec::new();
        for campaign in &config.campaigns {
            let currency = &config.currency;
            let report = import_leads(&mut journal, &mut vault, campaign, currency).await?;
            if let Some(report) = report {
                imports.push((campaign.id.clone(), report));
            }
            start_campaign(&mut journal, &campaign.id).await?;
        }
        let mut recording_rng = journal.fork("recordings");
        let recordings =
            Recordings::open(&config, &mut journal, &vault, clock.clone(), &mut recording_rng)?;
        let recordings = match recordings {
            Some((recordings, lost)) => {
                journal.append(lost).await?;
                if let Some(metrics) = log.log.metrics() {
                    metrics.beside(PREFIX, Arc::new(recordings.figures(clock.clone())));
                }
                Some(recordings)
            }
            None => None,
        };
        let identity = DtlsIdentity::generate(&*clock)?;
        let mut capabilities = config.media.capabilities();
        capabilities.dtls = Some(identity.fingerprint());
        let options = config.media.options();
        let media = MediaThreads::start(sip.ip(), options, clock.clone(), &mut system_rng())?
            .with_handshakes(Arc::new(identity));
        let sightings = names.first().await;
        let screened = Arc::<MediaScreened>::default();
        if let Some(metrics) = log.log.metrics() {
            metrics.beside(SIP_PREFIX, line.screened());
            metrics.beside(MEDIA_PREFIX, screened.clone());
        }
        let (desk, recording_requests) = RecordingDesk::open(&config);
        let parts = Parts {
            node,
            prices: Arc::new(config.prices()),
            post_dial_delays: Arc::new(config.post_dial_delays()),
            sip: config.sip,
            carriers: config.carriers,
            agents: config.agents,
            campaigns: config.campaigns,
            journal,
            vault,
            scripts,
            voices,
            line,
            names,
            recordings,
            recording_requests,
            is_recording: config.recording.enabled,
            media,
            screened,
            capabilities,
            until_complete,
        };
        let (inbox, offers) = Inbox::new();
        let (supervision, supervisions) = SupervisionDoor::open();
        let engine = Engine::new(parts, sightings, offers, supervisions);
        Ok(Self {
            engine,
            log,
            inbox,
            supervision,
            desk,
            #[cfg(feature = "kurrentdb")]
            front,
            sip,
            recovered,
            imports,
        })
    }

    /// The engine alone, to be driven by hand.
    #[cfg(test)]
    pub(super) fn into_engine(self) -> Engine {
        self.engine
    }

    /// The log, to follow.
    pub fn log(&self) -> Arc<dyn EventLog> {
        self.log.log.clone()
    }

    /// Where leads are offered while it runs.
    pub fn inbox(&self) -> Inbox {
        self.inbox.clone()
    }

    /// Where supervisors are joined to calls from outside.
    pub fn supervision(&self) -> SupervisionDoor {
        self.supervision.clone()
    }

    /// Where recordings are listed, opened and deleted while it runs.
    pub fn recordings(&self) -> RecordingDesk {
        self.desk.clone()
    }

    /// Where SIP is spoken.
    pub const fn sip(&self) -> SocketAddr {
        self.sip
    }

    /// How clients of KurrentDB connect, where they may.
    #[cfg(feature = "kurrentdb")]
    pub fn connection(&self) -> Option<String> {
        self.front.as_ref().map(Front::connection)
    }

    /// Nobody does without the feature.
    #[cfg(not(feature = "kurrentdb"))]
    pub const fn connection(&self) -> Option<String> {
        None
    }

    /// What opening found.
    pub const fn recovered(&self) -> Recovered {
        self.recovered
    }

    /// What was imported at start.
    pub fn imports(&self) -> &[(CampaignId, ImportReport)] {
        &self.imports
    }

    /// Works until told to stop, or until every campaign is complete where that was asked for;
    /// then closes the log.
    ///
    /// # Errors
    /// See [`EngineError`]; calls were hung up.
    pub async fn run(self, stop: oneshot::Receiver<()>) -> Result<(), EngineError> {
        #[cfg(feature = "kurrentdb")]
        let serving = self.front.map(|front| {
            front.start(self.log.log.clone(), Arc::new(SystemClock::new()), self.inbox)
        });
        let result = Box::pin(self.engine.run(stop)).await;
        #[cfg(feature = "kurrentdb")]
        if let Some(serving) = serving {
            serving.stop().await;
        }
        self.log.log.close().await;
        result
    }
}

/// Takes the port that clients of KurrentDB connect to, where there is to be one.
#[cfg(feature = "kurrentdb")]
async fn open_front(config: &Config) -> Result<Option<Front>, FrontError> {
    let Some(front) = &config.kurrentdb else { return Ok(None) };
    let users = std::env::var(USERS).ok();
    Front::open(front, users.as_deref(), false, Names::KEYS).await.map(Some)
}

/// Imports leads without dialling anybody.
///
/// # Errors
/// See [`StartError`]; the log must not be open elsewhere.
pub async fn import_only(
    config: &Config,
    campaign: &CampaignConfig,
) -> Result<ImportReport, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let opened = open_log(config, clock.clone()).await?;
    let log = opened.log.clone();
    let mut scripts = Scripts::default();
    scripts.load(campaign.id.clone(), campaign.script.clone())?;
    let mut journal = Journal::open(log.clone(), clock, system_rng(), config.node.clone()).await?;
    let mut vault = open_vault(config, &journal)?;
    create_campaign(&mut journal, campaign, &scripts).await?;
    let report = import_leads(&mut journal, &mut vault, campaign, &config.currency).await?;
    log.close().await;
    Ok(report.unwrap_or_default())
}

/// Opens the keys that belong to a log, making them where the log knows nobody yet.
pub(super) fn open_vault(config: &Config, journal: &Journal) -> Result<Vault, StartError> {
    let folder = config.data_dir.join("keys");
    for name in ["installation.key", "subjects.keys"] {
        let path = folder.join(name);
        if journal.directory.has_people() && !path.exists() {
            return Err(StartError::KeysLost(path));
        }
    }
    Ok(Vault::open(&folder, &mut system_random)?)
}

/// Carriers and campaigns as configured, where the log does not know them so already.
async fn set_up(
    journal: &mut Journal,
    config: &Config,
    scripts: &Scripts,
) -> Result<(), StartError> {
    let now = journal.now();
    let settings = serde_json::to_string(config)?;
    let hash = sha256_hex(settings.as_bytes());
    let mut drafts = vec![Draft::new(ConfigurationLoaded { hash, settings }, now, "runtime")];
    for carrier in &config.carriers {
        if carrier.srtp.has_keys_in_sip() && carrier.transport != Some(TransportName::Tls) {
            let carrier_id = &carrier.id;
            tracing::warn!(%carrier_id, "keys of SRTP go in SIP that anyone on the way can read");
        }
        let fact = CarrierAdded {
            carrier_id: carrier.id.clone(),
            weight: carrier.weight,
            channels: carrier.channels,
            calls_per_second: carrier.calls_per_second,
        };
        drafts.push(Draft::new(fact, now, "runtime"));
        let sims = carrier.sims.iter().map(|sim| sim.added(&carrier.id));
        drafts.extend(sims.map(|fact| Draft::new(fact, now, "runtime")));
        if carrier.register {
            let carrier_id = carrier.id.clone();
            let reason = "starting".to_owned();
            let fact = CarrierRegistrationLost { carrier_id, sip_status: None, reason };
            drafts.push(Draft::new(fact, now, "runtime"));
        }
    }
    for (carrier_id, carrier) in journal.live.dialing.carriers() {
        // Its address is not known any more: calls given to it would go nowhere.
        if carrier.is_up && !config.carriers.iter().any(|one| one.id == *carrier_id) {
            let reason = "not_configured".to_owned();
            let fact = CarrierFailed { carrier_id: carrier_id.clone(), reason };
            drafts.push(Draft::new(fact, now, "runtime"));
        }
    }
    journal.append(drafts).await?;
    for campaign in &config.campaigns {
        create_campaign(journal, campaign, scripts).await?;
    }
    Ok(())
}

async fn create_campaign(
    journal: &mut Journal,
    campaign: &CampaignConfig,
    scripts: &Scripts,
) -> Result<(), JournalError> {
    if journal.live.dialing.campaigns().contains_key(&campaign.id) {
        return Ok(());
    }
    let Some(script) = scripts.get(&campaign.id) else { return Ok(()) };
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let fact = CampaignCreated {
        campaign_id: campaign.id.clone(),
        name: campaign.name.clone(),
        script_id: script.id().clone(),
        script_hash: scripts.hash(&campaign.id).unwrap_or_default().to_owned(),
        language: script.language().name().to_owned(),
        settings: campaign.settings(cpus),
    };
    let now = journal.now();
    journal.append(vec![Draft::new(fact, now, "runtime")]).await?;
    Ok(())
}

async fn import_leads(
    journal: &mut Journal,
    vault: &mut Vault,
    campaign: &CampaignConfig,
    currency: &str,
) -> Result<Option<ImportReport>, StartError> {
    let Some(path) = &campaign.leads else { return Ok(None) };
    let bytes = std::fs::read(path)
        .map_err(|source| StartError::LeadFile { path: path.clone(), source })?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let wanted = Import {
        campaign_id: &campaign.id,
        file: &name,
        bytes: &bytes,
        rows_max: campaign.leads_max,
        price: campaign.price_per_lead_milli.map(|each| (each, currency)),
    };
    let report = import(journal, vault, wanted, &mut system_random)
        .await
        .map_err(|source| StartError::Import { path: path.clone(), source })?;
    Ok(Some(report))
}

/// A campaign that is not complete dials.
async fn start_campaign(
    journal: &mut Journal,
    campaign_id: &CampaignId,
) -> Result<(), JournalError> {
    let Some(campaign) = journal.live.dialing.campaigns().get(campaign_id) else { return Ok(()) };
    let has_open_leads = campaign.closed_leads < campaign.leads;
    let starts = match campaign.state {
        CampaignStateName::Created => true,
        CampaignStateName::Completed => has_open_leads,
        CampaignStateName::Running | CampaignStateName::Paused => false,
    };
    if starts {
        let now = journal.now();
        let fact = CampaignStarted { campaign_id: campaign_id.clone() };
        journal.append(vec![Draft::new(fact, now, "runtime")]).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
