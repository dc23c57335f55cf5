//! Carriers by name: the questions to the DNS, asked again before an answer grows old.
//!
//! In: the configuration. Out: a [`Sighting`] for each answer. Invariants: nobody who dials waits
//! here; an answer is asked for again when its shortest time to live is over, bounded both ways;
//! nothing is remembered here between two rounds, so that a new `/etc/resolv.conf` and a server that
//! is back are noticed. Deliberately absent: what to ask, which [`locate`] says; DNSSEC, which is
//! the resolver's of the machine or of the network.
//! Source: RFC 3263 §4, RFC 2308 §5.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::{Resolver, TokioResolver};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::config::{CarrierConfig, Config};
use crate::base::CarrierId;
use crate::sip::{
    Authority, Host, Known, Located, Naptr, Question, Records, STEPS_MAX, Srv, Step, Wanted, locate,
};

/// An answer is asked for again after this long at the latest.
const KEEP_MAX: Duration = Duration::from_secs(3_600);
/// A search that failed is begun again after this long, or sooner where answers are kept less.
const AGAIN: Duration = Duration::from_secs(10);
/// How long a whole search may take.
const SEARCH_WITHIN: Duration = Duration::from_secs(15);
/// How long a server may take for one question.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How long the platform waits at its start for the first answers.
const START_WITHIN: Duration = Duration::from_secs(5);
/// The port of servers that name none.
const DNS_PORT: u16 = 53;

/// A name was not looked up.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The machine does not say whom to ask.
    #[error("read the machine's settings for DNS, or set sip.dns: {0}")]
    Settings(NetError),
    /// A question has no answer.
    #[error("ask for {kind} of {name}: {source}")]
    Question {
        /// The kind of record.
        kind: &'static str,
        /// Of which name.
        name: String,
        /// Why.
        source: NetError,
    },
    /// It took too long.
    #[error("find an address within {} s", SEARCH_WITHIN.as_secs())]
    Slow,
}

/// What came of looking for a carrier.
#[derive(Debug)]
pub(crate) struct Sighting {
    pub(crate) carrier_id: CarrierId,
    /// Where it is; nowhere, where the DNS says so; an error, where it says nothing.
    pub(crate) found: Result<Located, LookupError>,
}

/// Where carriers with a name are, as it becomes known.
pub(crate) struct Whereabouts {
    sightings: mpsc::UnboundedReceiver<Sighting>,
    count: usize,
}

impl Whereabouts {
    /// Looks for every carrier with a name from now on, until this is dropped.
    pub(crate) fn watch(config: &Config, can_tls: bool) -> Self {
        let (sender, sightings) = mpsc::unbounded_channel();
        let named = config.carriers.iter().filter(|carrier| carrier.address.name().is_some());
        let mut count = 0;
        for carrier in named {
            let search = Search::new(config, carrier, can_tls);
            let keep = Duration::from_secs(config.sip.dns_keep_s);
            tokio::spawn(search.go_on(carrier.id.clone(), keep, sender.clone()));
            count += 1;
        }
        Self { sightings, count }
    }

    /// The first answer for every carrier, as far as they come in time.
    pub(crate) async fn first(&mut self) -> Vec<Sighting> {
        let mut first: Vec<Sighting> = Vec::new();
        let all = async {
            while first.len() < self.count {
                let Some(sighting) = self.sightings.recv().await else { return };
                first.push(sighting);
            }
        };
        // The rest comes when it comes.
        drop(timeout(START_WITHIN, all).await);
        first
    }

    /// The next answer; nothing where there are no names.
    pub(crate) async fn next(&mut self) -> Option<Sighting> {
        self.sightings.recv().await
    }
}

/// Looks for every carrier with a name, once.
pub async fn look_up(config: &Config) -> Vec<(CarrierId, Result<Located, LookupError>)> {
    let can_tls = cfg!(any(feature = "kurrentdb", feature = "sql-servers"));
    let named = config.carriers.iter().filter(|carrier| carrier.address.name().is_some());
    let mut found = Vec::new();
    for carrier in named {
        let looked = Search::new(config, carrier, can_tls).look().await;
        found.push((carrier.id.clone(), looked.map(|answer| answer.located)));
    }
    found
}

/// Where a carrier is, and for how long that is good.
struct Answer {
    located: Located,
    good_for: Duration,
}

struct Search {
    wanted: Wanted,
    servers: Vec<SocketAddr>,
    /// A for IPv4, AAAA for IPv6: what our socket can send to.
    kind: RecordType,
}

impl Search {
    fn new(config: &Config, carrier: &CarrierConfig, can_tls: bool) -> Self {
        let server = |server: &Authority| match server.host {
            Host::Ip(ip) => Some(SocketAddr::new(ip, server.port.unwrap_or(DNS_PORT))),
            Host::Name(_) => None,
        };
        let is_v4 = config.sip.listen.is_ipv4();
        Self {
            wanted: carrier.wanted(can_tls),
            servers: config.sip.dns.iter().filter_map(server).collect(),
            kind: if is_v4 { RecordType::A } else { RecordType::AAAA },
        }
    }

    async fn go_on(
        self,
        carrier_id: CarrierId,
        keep: Duration,
        sender: mpsc::UnboundedSender<Sighting>,
    ) {
        loop {
            let looked = self.look().await;
            let wait = match &looked {
                Ok(answer) => answer.good_for.clamp(keep, KEEP_MAX.max(keep)),
                Err(_) => AGAIN.min(keep),
            };
            let found = looked.map(|answer| answer.located);
            if sender.send(Sighting { carrier_id: carrier_id.clone(), found }).is_err() {
                return;
            }
            tokio::select! {
                () = sleep(wait) => {}
                () = sender.closed() => return,
            }
        }
    }

    async fn look(&self) -> Result<Answer, LookupError> {
        timeout(SEARCH_WITHIN, self.search()).await.unwrap_or(Err(LookupError::Slow))
    }

    async fn search(&self) -> Result<Answer, LookupError> {
        let resolver = self.resolver().map_err(LookupError::Settings)?;
        let (mut known, mut good_for) = (Known::new(), KEEP_MAX);
        for _ in 0..=STEPS_MAX {
            let questions = match locate(&self.wanted, &known) {
                Step::Found(located) if located.is_nowhere() => {
                    return Ok(Answer { located, good_for: Duration::ZERO });
                }
                Step::Found(located) => return Ok(Answer { located, good_for }),
                Step::Ask(questions) => questions,
            };
            let mut asked = JoinSet::new();
            for question in questions {
                asked.spawn(ask(resolver.clone(), question, self.kind));
            }
            while let Some(answered) = asked.join_next().await {
                // A task that panics leaves its question open: it is asked again.
                let Ok(answered) = answered else { continue };
                let (question, records, ttl) = answered?;
                good_for = good_for.min(ttl.unwrap_or(KEEP_MAX));
                known.insert(question, records);
            }
        }
        Err(LookupError::Slow)
    }

    fn resolver(&self) -> Result<TokioResolver, NetError> {
        let provider = TokioRuntimeProvider::default();
        let mut builder = if self.servers.is_empty() {
            Resolver::builder(provider)?
        } else {
            let servers = self.servers.iter().map(|server| {
                let mut both = NameServerConfig::udp_and_tcp(server.ip());
                for connection in &mut both.connections {
                    let connection: &mut ConnectionConfig = connection;
                    connection.port = server.port();
                }
                both
            });
            let config = ResolverConfig::from_name_servers(servers.collect());
            Resolver::builder_with_config(config, provider)
        };
        let options = builder.options_mut();
        // One round asks nothing twice, and the next one wants to know what is new.
        options.cache_size = 0;
        options.timeout = options.timeout.min(ANSWER_WITHIN);
        builder.build()
    }
}

/// Asks one question; its records, and for how long they are good.
async fn ask(
    resolver: TokioResolver,
    question: Question,
    address: RecordType,
) -> Result<(Question, Records, Option<Duration>), LookupError> {
    let (name, kind) = match &question {
        Question::Services(name) => (name, RecordType::NAPTR),
        Question::Servers(name) => (name, RecordType::SRV),
        Question::Addresses(name) => (name, address),
    };
    let fault = |source| LookupError::Question { kind: kind.into(), name: name.clone(), source };
    // A dot at its end, or the machine's search domains would be tried.
    let name = Name::from_ascii(format!("{name}.")).map_err(|error| fault(error.into()))?;
    let answers = match resolver.lookup(name, kind).await {
        Ok(lookup) => lookup.answers().to_vec(),
        Err(error) if is_none(&error, kind) => Vec::new(),
        Err(error) => return Err(fault(error)),
    };
    let ttl = answers.iter().map(|record| record.ttl).min();
    let ttl = ttl.map(|ttl| Duration::from_secs(ttl.into()));
    let records = match &question {
        Question::Services(_) => Records::Services(answers.iter().filter_map(naptr).collect()),
        Question::Servers(_) => Records::Servers(answers.iter().filter_map(srv).collect()),
        Question::Addresses(_) => Records::Addresses(answers.iter().filter_map(ip).collect()),
    };
    Ok((question, records, ttl))
}

/// Whether an error says that there are no such records: in truth, or, of the rarer kinds, as far
/// as a server understands it.
fn is_none(error: &NetError, kind: RecordType) -> bool {
    let is_rare = matches!(kind, RecordType::NAPTR | RecordType::SRV);
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => {
            matches!(none.response_code, ResponseCode::NoError | ResponseCode::NXDomain)
        }
        NetError::Dns(DnsError::ResponseCode(code)) => {
            is_rare && matches!(code, ResponseCode::FormErr | ResponseCode::NotImp)
        }
        _ => false,
    }
}

/// A name without the dot at its end; empty for the root.
fn dotless(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_owned()
}

fn naptr(record: &Record) -> Option<Naptr> {
    let RData::NAPTR(naptr) = &record.data else { return None };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(Naptr {
        order: naptr.order,
        preference: naptr.preference,
        flags: text(&naptr.flags),
        service: text(&naptr.services),
        replacement: dotless(&naptr.replacement),
    })
}

fn srv(record: &Record) -> Option<Srv> {
    let RData::SRV(srv) = &record.data else { return None };
    let (priority, weight, port) = (srv.priority, srv.weight, srv.port);
    Some(Srv { priority, weight, port, target: dotless(&srv.target) })
}

fn ip(record: &Record) -> Option<IpAddr> {
    match &record.data {
        RData::A(address) => Some(IpAddr::V4(address.0)),
        RData::AAAA(address) => Some(IpAddr::V6(address.0)),
        _ => None,
    }
}
