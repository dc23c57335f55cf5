//! What no type says: ranges, and settings that have to go together.
//!
//! In: a configuration that was read. Out: what is wrong with it, and where in the text.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::recording::FOLDER;
use super::{
    AgentConfig, CampaignConfig, CarrierConfig, Config, KurrentdbConfig, Names, ProjectionsConfig,
    RecordingConfig, ReportsConfig, SealingConfig, SipConfig, SmtpConfig, SqlConfig, StorePlace,
    TransportName,
};
use crate::base::PhoneNumber;
use crate::recording::DAYS_MIN;
use crate::sip::Authority;

/// A longest wait that makes sense: an hour. Units: ms.
const HOUR_MS: u64 = 3_600_000;
/// A hundred years.
const DAYS_MAX: u32 = 36_500;
/// A highest price that makes sense, and whose sums stay in range.
const PRICE_MAX: u64 = 1_000_000_000;

/// A setting that cannot be as it is.
pub(super) struct Fault {
    /// The table's key, or one of the file's own keys.
    table: &'static str,
    /// Which of the tables of this key, from 0.
    number: usize,
    /// Keys below the table, outermost first.
    keys: &'static [&'static str],
    /// What is wrong and what would be right.
    problem: String,
}

impl Fault {
    /// Where in the text the setting stands: its value, or the innermost table there is.
    pub(super) fn offset(&self, text: &str) -> usize {
        let (document, _) = DeTable::parse_recoverable(text);
        let Some(outer) = document.get_ref().get(self.table) else { return 0 };
        let mut place = match outer.get_ref() {
            DeValue::Array(items) => items.get(self.number).unwrap_or(outer),
            _ => outer,
        };
        for key in self.keys {
            let inner = place.get_ref().as_table().and_then(|table| table.get(*key));
            let Some(inner) = inner else { break };
            place = inner;
        }
        place.span().start
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.table)?;
        self.keys.iter().try_for_each(|key| write!(f, ".{key}"))?;
        write!(f, ": {}", self.problem)
    }
}

/// Faults in one table.
struct Table<'f> {
    name: &'static str,
    number: usize,
    faults: &'f mut Vec<Fault>,
}

impl Table<'_> {
    fn fault(&mut self, keys: &'static [&'static str], problem: impl Into<String>) {
        let (table, number) = (self.name, self.number);
        self.faults.push(Fault { table, number, keys, problem: problem.into() });
    }

    fn range(&mut self, keys: &'static [&'static str], value: u64, low: u64, high: u64) {
        if !(low..=high).contains(&value) {
            self.fault(keys, format!("{value}; wanted {low} to {high}"));
        }
    }

    fn unique<'c>(&mut self, id: &'c str, seen: &mut BTreeSet<&'c str>) {
        if !seen.insert(id) {
            self.fault(&["id"], format!("{id} stands twice; ids must differ"));
        }
    }
}

/// All faults, by table.
pub(super) fn faults(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    let node = &config.node;
    if node.is_empty() || node.len() > 64 || node.chars().any(char::is_control) {
        let mut table = Table { name: "node", number: 0, faults: &mut faults };
        table.fault(&[], "wanted 1 to 64 bytes without control characters");
    }
    let currency = &config.currency;
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        let mut table = Table { name: "currency", number: 0, faults: &mut faults };
        table.fault(&[], "wanted three capital letters of ISO 4217, such as USD");
    }
    let mut table = Table { name: "sealing", number: 0, faults: &mut faults };
    check_sealing(&config.sealing, &mut table);
    if let Some(front) = &config.kurrentdb {
        let mut table = Table { name: "kurrentdb", number: 0, faults: &mut faults };
        check_kurrentdb(front, config.log.is_some(), &mut table);
    }
    let mut table = Table { name: "projections", number: 0, faults: &mut faults };
    check_projections(&config.projections, &mut table);
    check_sql(&config.sql, &mut Table { name: "sql", number: 0, faults: &mut faults });
    let codecs = &config.media.codecs;
    if codecs.is_empty() || has_twice(codecs) {
        let mut table = Table { name: "media", number: 0, faults: &mut faults };
        table.fault(&["codecs"], "wanted at least one codec, and each once".to_owned());
    }
    if let Some(threads) = config.media.threads {
        let mut table = Table { name: "media", number: 0, faults: &mut faults };
        table.range(&["threads"], threads.get() as u64, 1, 64);
    }
    check_sip(&config.sip, &mut Table { name: "sip", number: 0, faults: &mut faults });
    let mut table = Table { name: "recording", number: 0, faults: &mut faults };
    check_recording(&config.recording, &mut table);
    if let Some(smtp) = &config.smtp {
        check_smtp(smtp, &mut Table { name: "smtp", number: 0, faults: &mut faults });
    }
    let mut table = Table { name: "reports", number: 0, faults: &mut faults };
    check_reports(&config.reports, config.smtp.is_some(), &mut table);
    let mut seen = BTreeSet::new();
    for (number, carrier) in config.carriers.iter().enumerate() {
        let mut table = Table { name: "carriers", number, faults: &mut faults };
        table.unique(carrier.id.as_str(), &mut seen);
        check_carrier(carrier, &mut table);
    }
    let mut seen = BTreeSet::new();
    let mut users = BTreeSet::new();
    for (number, agent) in config.agents.iter().enumerate() {
        let mut table = Table { name: "agents", number, faults: &mut faults };
        table.unique(agent.id.as_str(), &mut seen);
        if let Some(user) = agent.user.as_deref().filter(|user| !users.insert(*user)) {
            table.fault(&["user"], format!("{user} stands twice; users of phones must differ"));
        }
        check_agent(agent, &mut table);
    }
    let mut seen = BTreeSet::new();
    for (number, campaign) in config.campaigns.iter().enumerate() {
        let mut table = Table { name: "campaigns", number, faults: &mut faults };
        table.unique(campaign.id.as_str(), &mut seen);
        check_campaign(campaign, &mut table);
        if campaign.record_required && !(campaign.record && config.recording.enabled) {
            let problem = "wanted with `record = true`, and recording.enabled not false";
            table.fault(&["record_required"], problem);
        }
    }
    faults
}

fn check_sealing(sealing: &SealingConfig, table: &mut Table<'_>) {
    table.range(&["after_mib"], sealing.after_mib, 64, 1 << 20);
    table.range(&["after_hours"], sealing.after_hours, 1, 8_760);
    table.range(&["cache_mib"], sealing.cache_mib, 64, 1 << 24);
    let has = (sealing.endpoint.is_some(), sealing.region.is_some(), sealing.virtual_hosted);
    check_store(sealing.place(), has, table);
}

fn check_projections(projections: &ProjectionsConfig, table: &mut Table<'_>) {
    table.range(&["upload_every_s"], projections.upload_every_s, 1, 86_400);
    if cfg!(not(feature = "analytics")) && projections.store.is_some() {
        table.fault(&["store"], "this program was built without the feature analytics");
    }
    let has =
        (projections.endpoint.is_some(), projections.region.is_some(), projections.virtual_hosted);
    check_store(projections.place(), has, table);
}

fn check_recording(recording: &RecordingConfig, table: &mut Table<'_>) {
    let days = recording.days;
    if !(DAYS_MIN..=DAYS_MAX).contains(&days) {
        let problem = format!(
            "{days}; wanted {DAYS_MIN} to {DAYS_MAX}: complaints and audits come months after \
             a call; a person's own wish is met by `leads erase` or `recording delete` at once"
        );
        table.fault(&["days"], problem);
    }
    table.range(&["spool_max_mib"], recording.spool_max_mib, 64, 1 << 20);
    let folder = recording.store.as_deref().and_then(|store| store.strip_prefix(FOLDER));
    if let Some(folder) = folder {
        if !Path::new(folder).is_absolute() {
            table.fault(&["store"], "wanted a whole path, such as file:/srv/recordings");
        }
        return;
    }
    let has = (recording.endpoint.is_some(), recording.region.is_some(), recording.virtual_hosted);
    check_store(recording.place(), has, table);
}

/// A store, and whether endpoint, region and `virtual_hosted` are set.
fn check_store(place: Option<StorePlace<'_>>, has: (bool, bool, bool), table: &mut Table<'_>) {
    let Some(place) = place else {
        let mut needs = |keys, is_set| {
            if is_set {
                table.fault(keys, "there is no store; set `store` to s3://bucket/prefix");
            }
        };
        needs(&["endpoint"], has.0);
        needs(&["region"], has.1);
        needs(&["virtual_hosted"], has.2);
        return;
    };
    #[cfg(feature = "s3")]
    if let Err(wanted) = crate::event_log::S3Options::parse(place.store) {
        table.fault(&["store"], wanted);
    }
    #[cfg(not(feature = "s3"))]
    table.fault(&["store"], "this program was built without the feature s3");
    let is_url = |endpoint: &str| {
        let rest = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
        rest.is_some_and(|rest| !rest.is_empty() && !rest.contains('@'))
    };
    if place.endpoint.is_some_and(|endpoint| !is_url(endpoint)) {
        let wanted = "wanted https://host:port; who asks is said by AWS_ACCESS_KEY_ID and \
                      AWS_SECRET_ACCESS_KEY in the environment";
        table.fault(&["endpoint"], wanted);
    }
    if place.virtual_hosted && place.endpoint.is_none() {
        table.fault(&["virtual_hosted"], "set `endpoint` to https://bucket.host, too");
    }
}

fn check_kurrentdb(front: &KurrentdbConfig, is_elsewhere: bool, table: &mut Table<'_>) {
    if cfg!(not(feature = "kurrentdb")) {
        let problem = "this program was built without the feature kurrentdb; leave the table \
                       out, or build with it";
        table.fault(&[], problem);
        return;
    }
    if is_elsewhere {
        let problem = "the log is on a server, named by `log`, which has clients of its own; \
                       leave one of the two out";
        table.fault(&[], problem);
    }
    if let Some(breach) = front.breach(false) {
        table.fault(breach.key(), breach.message(&Names::KEYS));
    }
    table.range(&["max_append_bytes"], front.max_append_bytes as u64, 1_024, 16 << 20);
}

fn check_sql(sql: &SqlConfig, table: &mut Table<'_>) {
    if cfg!(not(feature = "sql-servers")) && sql.has_servers() {
        let problem = "this program was built without the feature sql-servers; leave `postgres` \
                       and `flight` out, or build with it";
        table.fault(&[], problem);
        return;
    }
    if let Some(breach) = sql.breach() {
        table.fault(sql.key_of(breach), breach.message(&Names::KEYS));
    }
    table.range(&["connections"], sql.connections as u64, 1, 10_000);
    table.range(&["statement_timeout_ms"], sql.statement_timeout_ms.0, 1, 24 * HOUR_MS);
    table.range(&["memory_mib"], sql.memory_mib as u64, 16, 1 << 24);
    table.range(&["spill_mib"], sql.spill_mib, 0, 1 << 24);
    if let Some(threads) = sql.threads {
        table.range(&["threads"], threads as u64, 1, 1_024);
    }
    table.range(&["running"], sql.running as u64, 1, 1_024);
    table.range(&["checkpoint_events"], sql.checkpoint_events, 1, 1 << 32);
}

fn check_sip(sip: &SipConfig, table: &mut Table<'_>) {
    if sip.caller.parse::<PhoneNumber>().is_err() {
        table.fault(&["caller"], "wanted a number such as +12025550100");
    }
    check_addresses(sip, table);
    table.range(&["no_provisional_ms"], sip.no_provisional_ms.0, 100, 60_000);
    table.range(&["probe_every_ms"], sip.probe_every_ms.0, 100, HOUR_MS);
    table.range(&["agent_ring_ms"], sip.agent_ring_ms.0, 100, 180_000);
    table.range(&["wrap_up_ms"], sip.wrap_up_ms.0, 0, HOUR_MS);
    table.range(&["media_timeout_ms"], sip.media_timeout_ms.0, 0, HOUR_MS);
    if sip.phone_realm.is_empty()
        || sip.phone_realm.contains(['"', '\\'])
        || has_control(&sip.phone_realm)
    {
        table.fault(
            &["phone_realm"],
            "wanted a text without quotation marks and control characters",
        );
    }
    if sip.phone_digests.is_empty() {
        table.fault(&["phone_digests"], "wanted md5, sha-256 or both");
    }
    for name in sip.dns.iter().filter_map(Authority::name) {
        let problem = "wanted IP addresses such as 192.0.2.53 or 192.0.2.53:5353";
        table.fault(&["dns"], format!("{name}: {problem}"));
    }
    table.range(&["dns_keep_s"], sip.dns_keep_s, 1, 3_600);
}

fn check_smtp(smtp: &SmtpConfig, table: &mut Table<'_>) {
    if let Some((key, problem)) = smtp.fault() {
        let keys: &[&str] = match key {
            "host" => &["host"],
            "tls" => &["tls"],
            "from" => &["from"],
            _ => &["password_file"],
        };
        table.fault(keys, problem);
    }
}

fn check_reports(reports: &ReportsConfig, has_smtp: bool, table: &mut Table<'_>) {
    if !reports.utc_offset.is_whole_hours() {
        table.fault(&["utc_offset"], "wanted whole hours, as the views count by the hour");
    }
    let mut seen = BTreeSet::new();
    for plan in &reports.plans {
        // All plans are one list below the table: the name says which it is.
        let id = &plan.id;
        if !seen.insert(id) {
            table.fault(&["plans"], format!("{id} stands twice; ids must differ"));
        }
        if let Some((key, problem)) = plan.fault(has_smtp) {
            table.fault(&["plans"], format!("{id}.{key}: {problem}"));
        }
        let mut range = |key, value: u64, high: u64| {
            if value > high {
                table.fault(&["plans"], format!("{id}.{key}: {value}; wanted 0 to {high}"));
            }
        };
        range("delay_ms", plan.delay_ms.0, 24 * HOUR_MS);
        range("catch_up_days", plan.catch_up_days.into(), 366);
    }
}

fn check_carrier(carrier: &CarrierConfig, table: &mut Table<'_>) {
    check_transport(carrier, table);
    table.range(&["weight"], carrier.weight.into(), 1, 1_000);
    table.range(&["channels"], carrier.channels.into(), 1, 100_000);
    table.range(&["billed_s"], carrier.billed_s, 1, 3_600);
    if let Some(limit) = carrier.calls_per_second {
        table.range(&["calls_per_second"], limit.into(), 1, 10_000);
    }
    table.range(&["post_dial_ms"], carrier.post_dial_ms.0, 1_000, 60_000);
    let price = carrier.price_per_minute_milli.unwrap_or(0);
    table.range(&["price_per_minute_milli"], price, 0, PRICE_MAX);
    let mut seen = BTreeSet::new();
    for sim in &carrier.sims {
        let id = &sim.id;
        if !seen.insert(id) {
            table.fault(&["sims"], format!("{id} stands twice; ids must differ"));
        }
        if let Some((key, problem)) = sim.fault() {
            table.fault(&["sims"], format!("{id}.{key}: {problem}"));
        }
    }
    match (&carrier.user, &carrier.password) {
        (Some(_), None) => table.fault(&["user"], "wanted with a password, or neither"),
        (None, Some(_)) => table.fault(&["password"], "wanted with a user, or neither"),
        (None, None) if carrier.register => {
            table.fault(&["register"], "wanted with a user and a password");
        }
        _ => {}
    }
    table.range(&["register_expires_s"], carrier.register_expires_s, 60, 86_400);
    let is_host = |text: &String| {
        let of_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte);
        !text.is_empty() && text.bytes().all(of_host)
    };
    if carrier.domain.as_ref().is_some_and(|domain| !is_host(domain)) {
        table.fault(&["domain"], "wanted a host such as sip.example.com, with or without a port");
    }
    if carrier.caller.as_ref().is_some_and(|number| number.parse::<PhoneNumber>().is_err()) {
        table.fault(&["caller"], "wanted a number such as +12025550100");
    }
    let is_prefix = |text: &String| {
        (1..=12).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_digit() || b"*#+".contains(&byte))
    };
    if carrier.tech_prefix.as_ref().is_some_and(|prefix| !is_prefix(prefix)) {
        table.fault(&["tech_prefix"], "wanted 1 to 12 of 0-9, *, # and +");
    }
    for network in carrier.media_networks.iter().filter(|network| network.is_vast()) {
        let problem = "wanted the carrier's own networks, at most a /8, or of IPv6 a /16";
        table.fault(&["media_networks"], format!("{network}: {problem}"));
    }
}

/// Where peers reach us: an address they can send to, and a certificate for TLS.
fn check_addresses(sip: &SipConfig, table: &mut Table<'_>) {
    let listens =
        [(&["listen"][..], Some(sip.listen)), (&["tcp"][..], sip.tcp), (&["tls"][..], sip.tls)];
    for (keys, address) in listens {
        if sip.advertised.is_none() && address.is_some_and(|address| address.ip().is_unspecified())
        {
            let problem = "is every address of this machine, and none that peers can answer to; \
                           set `advertised` to the address they reach it at, such as \
                           \"203.0.113.5\", or listen on one address";
            table.fault(keys, problem);
        }
    }
    if sip.advertised.is_some_and(|address| address.is_unspecified() || address.is_multicast()) {
        table.fault(&["advertised"], "wanted the address peers reach this machine at");
    }
    if sip.advertised_port == Some(0) {
        table.fault(&["advertised_port"], "wanted 1 to 65535");
    }
    if cfg!(not(any(feature = "kurrentdb", feature = "sql-servers"))) && sip.tls.is_some() {
        table.fault(&["tls"], NO_TLS);
    }
    match (&sip.tls_cert, &sip.tls_key, sip.tls) {
        (Some(_), Some(_), _) | (None, None, None) => {}
        (None, None, Some(_)) => {
            table.fault(&["tls"], "wanted with `tls_cert` and `tls_key`, both PEM");
        }
        (Some(_), None, _) => table.fault(&["tls_cert"], "wanted with `tls_key`"),
        (None, Some(_), _) => table.fault(&["tls_key"], "wanted with `tls_cert`"),
    }
}

/// TLS was left out of the program.
const NO_TLS: &str = "this program was built without TLS; build it with the feature kurrentdb or \
                      sql-servers";

/// How a carrier is spoken to.
fn check_transport(carrier: &CarrierConfig, table: &mut Table<'_>) {
    let is_tls = carrier.transport == Some(TransportName::Tls);
    if cfg!(not(any(feature = "kurrentdb", feature = "sql-servers"))) && is_tls {
        table.fault(&["transport"], NO_TLS);
    }
    if carrier.tls_name.is_some() && !is_tls {
        table.fault(&["tls_name"], "wanted with `transport = \"tls\"` alone");
    }
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

fn check_agent(agent: &AgentConfig, table: &mut Table<'_>) {
    match (&agent.phone, &agent.user, &agent.password) {
        (Some(_), None, None) => {}
        (None, Some(user), Some(_)) if user.is_empty() || has_control(user) => {
            table.fault(&["user"], "wanted a name without control characters");
        }
        (None, Some(_), Some(_)) => {}
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
            table.fault(
                &["phone"],
                "wanted an address, or user and password of a phone that registers",
            );
        }
        (None, Some(_), None) => table.fault(&["user"], "wanted with a password"),
        (None, None, Some(_)) => table.fault(&["password"], "wanted with a user"),
        (None, None, None) => {
            table.fault(&[], "wanted a phone: its address, or user and password it registers with");
        }
    }
    table.range(&["skill_ppm"], agent.skill_ppm.0.into(), 0, 1_000_000);
    table.range(&["cost_per_hour_minor"], agent.cost_per_hour_minor.unwrap_or(0), 0, PRICE_MAX);
}

fn check_campaign(campaign: &CampaignConfig, table: &mut Table<'_>) {
    if let Some(channels) = campaign.robot_channels {
        table.range(&["robot_channels"], channels.into(), 1, 100_000);
    }
    let price = campaign.price_per_lead_milli.unwrap_or(0);
    table.range(&["price_per_lead_milli"], price, 0, PRICE_MAX);
    table.range(&["ring_timeout_ms"], campaign.ring_timeout_ms.0, 1_000, 180_000);
    table.range(&["retry", "max_attempts"], campaign.retry.max_attempts.into(), 1, 100);
    let weights = campaign.weights;
    let four =
        [weights.customer_value, weights.robot_fit, weights.agent_skill, weights.line_quality];
    let sum = four.iter().map(|weight| u64::from(weight.0)).sum::<u64>();
    if sum != 1_000_000 {
        table.fault(&["weights"], format!("the four add up to {sum}; wanted 1000000"));
    }
}

fn has_twice<T: Ord>(values: &[T]) -> bool {
    values.iter().collect::<BTreeSet<_>>().len() < values.len()
}
