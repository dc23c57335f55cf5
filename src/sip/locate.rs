//! Where a peer is: from the host of its address to what messages are sent to, in order.
//!
//! In: what is wanted, and the records known so far. Out: the questions that are still open, or
//! the servers. Invariants: [`locate`] asks nothing twice, and at most [`STEPS_MAX`] times;
//! [`Located::order`] gives every address once, and never one of a higher priority number before
//! one of a lower. Deliberately absent: asking, which is the runtime's, and remembering for how
//! long an answer is good.
//! Sources: RFC 3263 §4 (servers of SIP), RFC 2782 (SRV), RFC 3403 §4 (NAPTR).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::authority::{Authority, Host};
use super::hop::{Hop, Transport};
use crate::base::Rng;

/// Rounds of questions until there is an answer: NAPTR; then, for each of its services, SRV and
/// addresses; then SRV without NAPTR, its addresses, the name's own addresses.
pub const STEPS_MAX: usize = 2 * SERVICES_MAX + 4;
/// NAPTR records that are followed.
const SERVICES_MAX: usize = 8;
/// Servers of one service that are looked at. RFC 2782 names no limit; a foreign zone must not
/// fill our memory.
const SERVERS_MAX: usize = 16;
/// Addresses of all servers together: each of them is probed.
const ADDRESSES_MAX: usize = 32;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The host, with or without a port.
    pub authority: Authority,
    /// How it is spoken to, where that is said.
    pub transport: Option<Transport>,
    /// Whether TLS may be chosen where nothing is said.
    pub can_tls: bool,
}

/// What to ask the DNS for. Names have no dot at their end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// NAPTR.
    Services(String),
    /// SRV.
    Servers(String),
    /// A, AAAA, or both.
    Addresses(String),
}

/// What it answered. No record of that kind is an empty list; no answer is none of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Records {
    /// To [`Question::Services`].
    Services(Vec<Naptr>),
    /// To [`Question::Servers`].
    Servers(Vec<Srv>),
    /// To [`Question::Addresses`].
    Addresses(Vec<IpAddr>),
}

/// A NAPTR record, as far as SIP uses it (RFC 3263 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naptr {
    /// The lowest is first.
    pub order: u16,
    /// The lowest is first among those of one order.
    pub preference: u16,
    /// `s`: the replacement is a name with SRV records.
    pub flags: String,
    /// Such as `SIP+D2U`.
    pub service: String,
    /// The name to go on with; empty where there is none.
    pub replacement: String,
}

/// An SRV record (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    /// The lowest is first.
    pub priority: u16,
    /// Its share among those of one priority.
    pub weight: u16,
    /// Its port.
    pub port: u16,
    /// Its name; empty where the service is decidedly not there.
    pub target: String,
}

/// How far a search is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// These are to be asked, all at once.
    Ask(BTreeSet<Question>),
    /// This is where it is; perhaps nowhere.
    Found(Located),
}

/// Where a peer is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Located {
    servers: Vec<Server>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Server {
    transport: Transport,
    priority: u16,
    weight: u16,
    /// Never none.
    addresses: Vec<SocketAddr>,
}

/// What is known so far.
pub type Known = BTreeMap<Question, Records>;

/// Goes as far as the records known lead.
pub fn locate(wanted: &Wanted, known: &Known) -> Step {
    let Authority { host, port } = &wanted.authority;
    let search = Search { known };
    let step = match host {
        Host::Ip(address) => {
            let transport = wanted.transport.unwrap_or_default();
            let port = port.unwrap_or(transport.default_port());
            Ok(Located::at(transport, vec![SocketAddr::new(*address, port)]))
        }
        Host::Name(name) => search.name(name, *port, wanted),
    };
    step.map_or_else(Step::Ask, |located| Step::Found(located.bounded()))
}

/// Questions that have to be answered first.
type Open = BTreeSet<Question>;

/// What SRV says of a service.
enum Service {
    /// Nothing.
    Unknown,
    /// It is not there (RFC 2782, a target of `.`).
    Absent,
    At(Located),
}

struct Search<'k> {
    known: &'k Known,
}

impl Search<'_> {
    fn name(&self, name: &str, port: Option<u16>, wanted: &Wanted) -> Result<Located, Open> {
        if let Some(port) = port {
            return self.host(name, wanted.transport.unwrap_or_default(), port);
        }
        if let Some(transport) = wanted.transport {
            return match self.service(&transport.service(name), transport)? {
                Service::Unknown => self.host(name, transport, transport.default_port()),
                Service::Absent => Ok(Located::default()),
                Service::At(located) => Ok(located),
            };
        }
        for (transport, replacement) in self.services(name, wanted.can_tls)? {
            if let Service::At(located) = self.service(&replacement, transport)?
                && !located.is_nowhere()
            {
                return Ok(located);
            }
        }
        self.any_service(name, wanted.can_tls)
    }

    /// NAPTR: transports we speak, best first, each with the name of its SRV records.
    fn services(&self, name: &str, can_tls: bool) -> Result<Vec<(Transport, String)>, Open> {
        let question = Question::Services(name.to_owned());
        let Some(records) = self.known.get(&question) else { return Err([question].into()) };
        let Records::Services(records) = records else { return Ok(Vec::new()) };
        let mut records: Vec<&Naptr> = records.iter().collect();
        records.sort_by_key(|one| (one.order, one.preference));
        let usable = records.into_iter().filter_map(|one| {
            let transport = match one.service.to_ascii_uppercase().as_str() {
                "SIP+D2U" => Transport::Udp,
                "SIP+D2T" => Transport::Tcp,
                "SIPS+D2T" if can_tls => Transport::Tls,
                _ => return None,
            };
            let is_usable = one.flags.eq_ignore_ascii_case("s") && !one.replacement.is_empty();
            is_usable.then(|| (transport, one.replacement.to_ascii_lowercase()))
        });
        Ok(usable.take(SERVICES_MAX).collect())
    }

    /// No NAPTR led anywhere: SRV of each transport, and at last the name's own addresses.
    fn any_service(&self, name: &str, can_tls: bool) -> Result<Located, Open> {
        let transports = [Transport::Udp, Transport::Tcp, Transport::Tls];
        let transports = transports.into_iter().filter(|one| can_tls || *one != Transport::Tls);
        let (mut open, mut is_absent) = (Open::new(), false);
        for transport in transports {
            match self.service(&transport.service(name), transport) {
                Err(more) => open.extend(more),
                Ok(Service::Unknown) => {}
                Ok(Service::Absent) => is_absent = true,
                Ok(Service::At(located)) if open.is_empty() => return Ok(located),
                Ok(Service::At(_)) => {}
            }
        }
        if !open.is_empty() {
            return Err(open);
        }
        if is_absent {
            return Ok(Located::default());
        }
        self.host(name, Transport::Udp, Transport::Udp.default_port())
    }

    /// SRV: servers with their addresses.
    fn service(&self, name: &str, transport: Transport) -> Result<Service, Open> {
        let question = Question::Servers(name.to_owned());
        let Some(records) = self.known.get(&question) else { return Err([question].into()) };
        let Records::Servers(records) = records else { return Ok(Service::Unknown) };
        if records.is_empty() {
            return Ok(Service::Unknown);
        }
        let mut records: Vec<&Srv> = records.iter().filter(|one| !one.target.is_empty()).collect();
        if records.is_empty() {
            return Ok(Service::Absent);
        }
        records.sort_by_key(|one| one.priority);
        records.truncate(SERVERS_MAX);
        let (mut servers, mut open) = (Vec::new(), Open::new());
        for record in records.into_iter().filter(|record| record.port != 0) {
            match self.addresses(&record.target.to_ascii_lowercase(), record.port) {
                Ok(addresses) if addresses.is_empty() => {}
                Ok(addresses) => servers.push(Server {
                    transport,
                    priority: record.priority,
                    weight: record.weight,
                    addresses,
                }),
                Err(question) => drop(open.insert(question)),
            }
        }
        if open.is_empty() { Ok(Service::At(Located { servers })) } else { Err(open) }
    }

    fn host(&self, name: &str, transport: Transport, port: u16) -> Result<Located, Open> {
        let addresses = self.addresses(name, port).map_err(|question| Open::from([question]))?;
        Ok(Located::at(transport, addresses))
    }

    fn addresses(&self, name: &str, port: u16) -> Result<Vec<SocketAddr>, Question> {
        let question = Question::Addresses(name.to_owned());
        match self.known.get(&question) {
            Some(Records::Addresses(addresses)) => {
                let usable = addresses.iter().filter(|one| !one.is_unspecified());
                let usable = usable.filter(|one| !one.is_multicast()).take(ADDRESSES_MAX);
                Ok(usable.map(|address| SocketAddr::new(*address, port)).collect())
            }
            Some(_) => Ok(Vec::new()),
            None => Err(question),
        }
    }
}

impl Located {
    /// One server.
    fn at(transport: Transport, addresses: Vec<SocketAddr>) -> Self {
        if addresses.is_empty() {
            return Self::default();
        }
        Self { servers: vec![Server { transport, priority: 0, weight: 0, addresses }] }
    }

    /// With no more addresses than are looked after, those of the first servers.
    fn bounded(mut self) -> Self {
        let mut room = ADDRESSES_MAX;
        for server in &mut self.servers {
            server.addresses.truncate(room);
            room -= server.addresses.len();
        }
        self.servers.retain(|server| !server.addresses.is_empty());
        self
    }

    /// Whether there is no address at all.
    pub const fn is_nowhere(&self) -> bool {
        self.servers.is_empty()
    }

    /// Whether this is one of the addresses.
    pub fn has(&self, hop: Hop) -> bool {
        self.servers.iter().any(|server| server.hops().any(|one| one == hop))
    }

    /// Every address, each once.
    pub fn hops(&self) -> BTreeSet<Hop> {
        self.servers.iter().flat_map(Server::hops).collect()
    }

    /// Every address, each once, in the order to try them for one request: by priority, and
    /// among equals by a draw in which a server's chance is its share of the weights (RFC 2782).
    pub fn order(&self, rng: &mut Rng) -> Vec<Hop> {
        let mut left: Vec<&Server> = self.servers.iter().collect();
        // Those of no weight first: they have a small chance where others have one, too.
        left.sort_by_key(|one| (one.priority, one.weight != 0));
        let (mut hops, mut seen) = (Vec::new(), BTreeSet::new());
        while let Some(first) = left.first() {
            let equals = left.partition_point(|one| one.priority == first.priority);
            let server = left.remove(draw(left.get(..equals).unwrap_or_default(), rng));
            hops.extend(server.hops().filter(|hop| seen.insert(*hop)));
        }
        hops
    }
}

/// Draws one of some servers, those of no weight first: which place it has.
fn draw(equals: &[&Server], rng: &mut Rng) -> usize {
    let sum: u64 = equals.iter().map(|one| u64::from(one.weight)).sum();
    if sum == 0 {
        // Nothing is said: everyone has the same chance.
        let count = u64::try_from(equals.len()).unwrap_or(u64::MAX);
        return usize::try_from(rng.below(count)).unwrap_or(0);
    }
    let draw = rng.between(0, sum);
    let mut running = 0;
    let drawn = equals.iter().position(|one| {
        running += u64::from(one.weight);
        running >= draw
    });
    // The running sum reaches the draw at the last of them.
    drawn.unwrap_or(0)
}

impl Server {
    fn hops(&self) -> impl Iterator<Item = Hop> {
        let transport = self.transport;
        self.addresses.iter().map(move |address| Hop { transport, address: *address })
    }
}

#[cfg(test)]
mod tests;
