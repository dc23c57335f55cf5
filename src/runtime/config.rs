//! The configuration: one TOML file.
//!
//! In: a file or its text. Out: [`Config`], every default filled in, or the first [`ConfigError`].
//! Invariants: a wrong key or value names file, line, column and what would be right; secrets
//! never print, also not where they are wrong. Facts share two of the tables here and stay
//! tolerant of unknown fields; files do not. Deliberately absent: whether files exist.

mod agent;
mod carrier;
mod check;
mod kurrentdb;
mod log_address;
mod media;
mod projections;
mod recording;
mod reports;
mod secret;
mod served;
mod sim;
mod sql;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::{CampaignId, CarrierId, Millis, Network, Ppm};
use crate::dialing::{LinePrice, POST_DIAL_DELAY_MAX, Prices};
use crate::event::{CampaignSettings, DialingMode, RetryRule, RoutingWeights};
use crate::sip::Authority;

pub use agent::{AgentConfig, AgentRole};
pub use carrier::{DigestName, IdentityName, SrtpName, TransportName};
pub use kurrentdb::KurrentdbConfig;
pub use log_address::{LogAddress, LogAddressError};
pub use media::MediaConfig;
pub use projections::{ProjectionsConfig, StorePlace};
pub use recording::RecordingConfig;
pub use reports::{
    ReportForm, ReportLanguage, ReportPlanConfig, ReportsConfig, ReviewConfig, SMTP_PASSWORD,
    SmtpConfig, SmtpTls,
};
pub use secret::Secret;
pub use served::{Breach, Names};
pub use sim::SimConfig;
pub use sql::SqlConfig;

/// A configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read configuration {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A key or a value is wrong, or two do not go together.
    #[error("read configuration {path}, line {line}, column {column}: {problem}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong and what would be right.
        problem: String,
    },
}

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// This node's name.
    #[serde(default = "default_node")]
    pub node: String,
    /// Where log, keys and projections lie.
    #[serde(default = "default_data_dir")]
    pub data_dir: PathBuf,
    /// The currency of all prices and of sales: ISO 4217.
    #[serde(default = "default_currency")]
    pub currency: String,
    /// The KurrentDB server that keeps the log; without one, the log lies in the data folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogAddress>,
    /// When segments of the log in the data folder become Parquet.
    #[serde(default)]
    pub sealing: SealingConfig,
    /// The log for clients of KurrentDB; without it, none is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kurrentdb: Option<KurrentdbConfig>,
    /// What questions in SQL may take, and the servers for them.
    #[serde(default)]
    pub sql: SqlConfig,
    /// Where views are kept besides the data folder.
    #[serde(default)]
    pub projections: ProjectionsConfig,
    /// The console's server.
    #[serde(default)]
    pub http: HttpConfig,
    /// SIP.
    #[serde(default)]
    pub sip: SipConfig,
    /// RTP and RTCP.
    #[serde(default)]
    pub media: MediaConfig,
    /// Recordings of calls.
    #[serde(default)]
    pub recording: RecordingConfig,
    /// Reports.
    #[serde(default)]
    pub reports: ReportsConfig,
    /// The mail server for reports; without one, none are mailed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smtp: Option<SmtpConfig>,
    /// Carriers.
    #[serde(default)]
    pub carriers: Vec<CarrierConfig>,
    /// Human agents.
    #[serde(default)]
    pub agents: Vec<AgentConfig>,
    /// Campaigns.
    #[serde(default)]
    pub campaigns: Vec<CampaignConfig>,
}

/// When segments of the log in the data folder become Parquet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SealingConfig {
    /// Finished segments are sealed, oldest first, while they are more than this. Units: MiB.
    pub after_mib: u64,
    /// Segments are finished once their oldest event is older than this, and sealed once their
    /// newest is. Units: hours.
    pub after_hours: u64,
    /// The S3-compatible store where Parquet files go, `s3://bucket/prefix`; without one, they
    /// lie in the data folder. Credentials come from the environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// The store's address, such as `https://storage.example.com`; without one, that of AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The store's region; without one, `AWS_REGION` of the environment, or `us-east-1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Whether the bucket stands in the endpoint's host name and not in the path.
    #[serde(skip_serializing_if = "is_false")]
    pub virtual_hosted: bool,
    /// What is kept on the disk of files fetched from the store. Units: MiB.
    pub cache_mib: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// The console's server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Who may have calls supervised, one a line as `name:role:password`; nobody without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_file: Option<PathBuf>,
}

/// SIP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SipConfig {
    /// Address and port for SIP over UDP; RTP uses ports on the same address.
    pub listen: SocketAddr,
    /// The address peers reach us at, where it is another one: behind NAT, or where `listen` is
    /// every address of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advertised: Option<IpAddr>,
    /// The port they reach SIP over UDP at, where it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advertised_port: Option<u16>,
    /// Address and port for SIP over TCP; none by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<SocketAddr>,
    /// Address and port for SIP over TLS; none by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<SocketAddr>,
    /// Our certificate with its chain, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<PathBuf>,
    /// Its private key, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
    /// The authorities that vouch for peers, PEM; those of the system by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_ca: Option<PathBuf>,
    /// The number calls show: E.164.
    pub caller: String,
    /// How long to wait for any provisional answer before the next carrier. Units: ms.
    pub no_provisional_ms: Millis,
    /// How often carriers are probed with OPTIONS. Units: ms.
    pub probe_every_ms: Millis,
    /// How long an agent's phone may ring. Units: ms.
    pub agent_ring_ms: Millis,
    /// An agent's time for work after a call. Units: ms.
    pub wrap_up_ms: Millis,
    /// A leg that is up and takes in no RTP packet for so long is hung up; 0 never. Units: ms.
    pub media_timeout_ms: Millis,
    /// The realm agents' phones register in.
    pub phone_realm: String,
    /// What phones may prove themselves with, best first.
    pub phone_digests: Vec<DigestName>,
    /// DNS servers that know where carriers are; those of the system by default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<Authority>,
    /// An answer of the DNS is used for so long at least. Units: s.
    pub dns_keep_s: u64,
}

/// A carrier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarrierConfig {
    /// Its name.
    pub id: CarrierId,
    /// Where it is: a host or an IP address, with or without a port.
    pub address: Authority,
    /// How it is spoken to; of a host without one, what the DNS says, else UDP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<TransportName>,
    /// The name in its TLS certificate, where it is not the host or address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_name: Option<String>,
    /// Its share of calls relative to the others, 1 to 1000.
    pub weight: u32,
    /// Calls at once, 1 to 100,000.
    pub channels: u32,
    /// What a minute of an answered call costs. Units: thousandths of the currency's minor unit.
    #[serde(default)]
    pub price_per_minute_milli: Option<u64>,
    /// What is begun of so many seconds is paid for. Units: s.
    #[serde(default = "default_billed")]
    pub billed_s: u64,
    /// Calls begun within any second; no limit by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_second: Option<u32>,
    /// How long it may leave a call without a ring before the next carrier is asked. Units: ms.
    #[serde(default = "default_post_dial")]
    pub post_dial_ms: Millis,
    /// Its SIM cards, where it is a GSM gateway.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sims: Vec<SimConfig>,
    /// User for digest authentication.
    #[serde(default)]
    pub user: Option<String>,
    /// Password for digest authentication.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Whether it wants to be registered with: REGISTER goes to its address.
    #[serde(default, skip_serializing_if = "is_false")]
    pub register: bool,
    /// How long a registration is asked for. Units: s.
    #[serde(default = "carrier::default_register_expires")]
    pub register_expires_s: u64,
    /// The domain of our address of record there; its address where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The number calls over it show, instead of `sip.caller`: E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// Which header vouches for that number.
    #[serde(default)]
    pub identity: IdentityName,
    /// Whether the called party is not to be shown it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub private: bool,
    /// What the carrier wants before every number it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tech_prefix: Option<String>,
    /// Where its audio may come from besides the address it names in a call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media_networks: Vec<Network>,
    /// Whether its calls are encrypted.
    #[serde(default, skip_serializing_if = "carrier::is_off")]
    pub srtp: SrtpName,
}

/// A campaign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampaignConfig {
    /// The campaign.
    pub id: CampaignId,
    /// What people call it.
    pub name: String,
    /// The script's file.
    pub script: PathBuf,
    /// The lead file to import.
    #[serde(default)]
    pub leads: Option<PathBuf>,
    /// Import no more than so many rows.
    #[serde(default)]
    pub leads_max: Option<usize>,
    /// What a lead of the file costs. Units: thousandths of the currency's minor unit.
    #[serde(default)]
    pub price_per_lead_milli: Option<u64>,
    /// How leads are dialled: `progressive`.
    #[serde(default = "default_mode")]
    pub mode: DialingMode,
    /// Robot channels at once; by default two for each processor.
    #[serde(default)]
    pub robot_channels: Option<u32>,
    /// How long to let it ring. Units: ms.
    #[serde(default = "default_ring")]
    pub ring_timeout_ms: Millis,
    /// When to dial again.
    #[serde(default = "default_retry", with = "RetryTable")]
    pub retry: RetryRule,
    /// The weights of the handler score.
    #[serde(default, with = "WeightsTable")]
    pub weights: RoutingWeights,
    /// The seed every random choice follows from.
    #[serde(default)]
    pub seed: u64,
    /// Whether its calls are recorded, from the answer to the end of the customer's leg. That
    /// the customer is told so is up to the script.
    #[serde(default, skip_serializing_if = "is_false")]
    pub record: bool,
    /// Whether there must be no call without a recording: none is made while the disk takes
    /// nothing, and one whose recording stops is hung up.
    #[serde(default, skip_serializing_if = "is_false")]
    pub record_required: bool,
}

/// [`RetryRule`] as a file states it: no other keys.
#[derive(Serialize, Deserialize)]
#[serde(remote = "RetryRule", deny_unknown_fields)]
struct RetryTable {
    max_attempts: u32,
    busy_after_ms: Millis,
    no_answer_after_ms: Millis,
    carrier_failed_after_ms: Millis,
}

/// [`RoutingWeights`] as a file states them: no other keys.
#[derive(Serialize, Deserialize)]
#[serde(remote = "RoutingWeights", deny_unknown_fields)]
struct WeightsTable {
    customer_value: Ppm,
    robot_fit: Ppm,
    agent_skill: Ppm,
    line_quality: Ppm,
}

fn default_node() -> String {
    "node-1".to_owned()
}

fn default_data_dir() -> PathBuf {
    PathBuf::from("data")
}

fn default_currency() -> String {
    "USD".to_owned()
}

const fn default_billed() -> u64 {
    1
}

const fn default_mode() -> DialingMode {
    DialingMode::Progressive
}

const fn default_ring() -> Millis {
    Millis(25_000)
}

const fn default_post_dial() -> Millis {
    POST_DIAL_DELAY_MAX
}

const fn default_retry() -> RetryRule {
    RetryRule {
        max_attempts: 3,
        busy_after_ms: Millis(5 * 60_000),
        no_answer_after_ms: Millis(60 * 60_000),
        carrier_failed_after_ms: Millis(60_000),
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            node: default_node(),
            data_dir: default_data_dir(),
            currency: default_currency(),
            log: None,
            sealing: SealingConfig::default(),
            kurrentdb: None,
            sql: SqlConfig::default(),
            projections: ProjectionsConfig::default(),
            http: HttpConfig::default(),
            sip: SipConfig::default(),
            media: MediaConfig::default(),
            recording: RecordingConfig::default(),
            reports: ReportsConfig::default(),
            smtp: None,
            carriers: Vec::new(),
            agents: Vec::new(),
            campaigns: Vec::new(),
        }
    }
}

impl Default for SealingConfig {
    fn default() -> Self {
        Self {
            after_mib: 512,
            after_hours: 24,
            store: None,
            endpoint: None,
            region: None,
            virtual_hosted: false,
            cache_mib: 4_096,
        }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), user_file: None }
    }
}

impl Default for SipConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            advertised: None,
            advertised_port: None,
            tcp: None,
            tls: None,
            tls_cert: None,
            tls_key: None,
            tls_ca: None,
            caller: "+12025550100".to_owned(),
            no_provisional_ms: Millis(1_200),
            probe_every_ms: Millis(2_000),
            agent_ring_ms: Millis(8_000),
            wrap_up_ms: Millis(4_000),
            media_timeout_ms: Millis(20_000),
            phone_realm: "ledgerline".to_owned(),
            phone_digests: vec![DigestName::Md5],
            dns: Vec::new(),
            dns_keep_s: 30,
        }
    }
}

impl CampaignConfig {
    /// What the campaign runs under. `cpus` is the number of processors.
    pub fn settings(&self, cpus: usize) -> CampaignSettings {
        let by_cpus = u32::try_from(cpus * 2).unwrap_or(u32::MAX);
        CampaignSettings {
            mode: self.mode,
            robot_channels: self.robot_channels.unwrap_or(by_cpus),
            ring_timeout_ms: self.ring_timeout_ms,
            retry: self.retry.clone(),
            weights: self.weights,
            seed: self.seed,
        }
    }
}

impl Config {
    /// What lines and agents cost.
    pub fn prices(&self) -> Prices {
        let line = |carrier: &CarrierConfig| {
            let per_minute_milli = carrier.price_per_minute_milli?;
            let price = LinePrice { per_minute_milli, billed_s: carrier.billed_s };
            Some((carrier.id.clone(), price))
        };
        let agent = |agent: &AgentConfig| Some((agent.id.clone(), agent.cost_per_hour_minor?));
        Prices {
            currency: self.currency.clone(),
            lines: self.carriers.iter().filter_map(line).collect(),
            agents: self.agents.iter().filter_map(agent).collect(),
        }
    }

    /// How long each carrier may leave a call without a ring.
    pub fn post_dial_delays(&self) -> BTreeMap<CarrierId, Millis> {
        let delay = |carrier: &CarrierConfig| (carrier.id.clone(), carrier.post_dial_ms);
        self.carriers.iter().map(delay).collect()
    }

    /// Reads a file. Paths in it are relative to the file's folder.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let mut config = Self::parse(path, &text)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        config.data_dir = folder.join(&config.data_dir);
        let sip = &mut config.sip;
        for path in [&mut sip.tls_cert, &mut sip.tls_key, &mut sip.tls_ca] {
            *path = path.take().map(|path| folder.join(path));
        }
        if let Some(log) = &mut config.log {
            log.move_to(folder);
        }
        if let Some(front) = &mut config.kurrentdb {
            front.move_to(folder);
        }
        if let Some(smtp) = &mut config.smtp {
            smtp.move_to(folder);
        }
        config.http.user_file = config.http.user_file.take().map(|path| folder.join(path));
        config.sql.move_to(folder);
        for campaign in &mut config.campaigns {
            campaign.script = folder.join(&campaign.script);
            campaign.leads = campaign.leads.take().map(|leads| folder.join(leads));
        }
        Ok(config)
    }

    /// Reads a text; `path` only names it in errors.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            wrong(path, text, offset, readable(error.message()))
        })?;
        match check::faults(&config).into_iter().next() {
            Some(fault) => Err(wrong(path, text, fault.offset(text), fault.to_string())),
            None => Ok(config),
        }
    }
}

fn wrong(path: &Path, text: &str, offset: usize, problem: String) -> ConfigError {
    let (line, column) = place(text, offset);
    ConfigError::Wrong { path: path.to_owned(), line, column, problem }
}

/// What was expected in words of the file instead of the program's.
fn readable(message: &str) -> String {
    let whole = format!("expected 0 to {}", i64::MAX);
    let message = message
        .replace("expected u64", &whole)
        .replace("expected usize", &whole)
        .replace("expected u32", &format!("expected 0 to {}", u32::MAX));
    if message.contains("invalid socket address") {
        return message + "; wanted an address and a port such as 127.0.0.1:5060";
    }
    message
}

/// Line and column of a byte, both from 1.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
    (line, column)
}

#[cfg(test)]
mod tests;
