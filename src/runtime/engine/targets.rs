//! Where carriers are now: their addresses in the order to try them, and which of them are left
//! alone for a while.
//!
//! In: what the DNS says, probes, calls that failed. Out: the targets of the next call. Invariants:
//! a carrier with an address instead of a name has that one target for ever; a target is only put
//! behind the others and never away, as the last one left is better than none.
//! Source: RFC 3263 §4.3.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::Engine;
use super::registrations::numbered;
use crate::base::{CarrierId, Millis, Network, Rng, Timestamp};
use crate::event::CarrierFailed;
use crate::runtime::config::CarrierConfig;
use crate::runtime::journal::Draft;
use crate::runtime::names::Sighting;
use crate::sip::{Hop, Known, Located, Step, Transport, UaCommand, locate};

/// A target that failed is asked after the others for this long.
const ASIDE: Millis = Millis(30_000);
/// The longest that a target's Retry-After is believed.
const ASIDE_MAX: Millis = Millis(3_600_000);
/// Addresses count as their carrier's for this long after the DNS named them last: calls may
/// still be up with them.
const REMEMBERED: Millis = Millis(3_600_000);
/// The reason of a carrier taken out because its name leads nowhere.
const NAME_UNRESOLVED: &str = "name_unresolved";

/// Where carriers are.
pub(super) struct Targets {
    places: BTreeMap<CarrierId, Place>,
    aside: BTreeMap<Hop, Aside>,
    /// Addresses of carriers, each with when it was last said to be one.
    known: BTreeMap<IpAddr, Timestamp>,
    rng: Rng,
}

#[derive(Default)]
struct Place {
    located: Located,
    /// Where its registration is kept up.
    registered_at: Option<Hop>,
    /// That it is not found was said.
    is_lost: bool,
}

/// Why a target is behind the others, and until when.
#[derive(Clone, Copy)]
struct Aside {
    until: Timestamp,
    /// It failed a call: an answer to a probe does not mend that.
    failed_call: bool,
}

impl Targets {
    pub(super) const fn new(rng: Rng) -> Self {
        Self { places: BTreeMap::new(), aside: BTreeMap::new(), known: BTreeMap::new(), rng }
    }

    /// Whether an address is one of a carrier's.
    pub(super) fn has(&self, carrier_id: &CarrierId, hop: Hop) -> bool {
        self.places.get(carrier_id).is_some_and(|place| place.located.has(hop))
    }

    /// Whether an address is one of any carrier's.
    pub(super) fn has_any(&self, hop: Hop) -> bool {
        self.places.values().any(|place| place.located.has(hop))
    }

    /// Every address of a carrier.
    pub(super) fn of(&self, carrier_id: &CarrierId) -> BTreeSet<Hop> {
        self.places.get(carrier_id).map(|place| place.located.hops()).unwrap_or_default()
    }

    /// The order to try a carrier's addresses in for one request; those that failed come last.
    pub(super) fn order(&mut self, carrier_id: &CarrierId, now: Timestamp) -> Vec<Hop> {
        self.aside.retain(|_, aside| aside.until > now);
        let Some(place) = self.places.get(carrier_id) else { return Vec::new() };
        let mut order = place.located.order(&mut self.rng);
        order.sort_by_key(|hop| self.aside.contains_key(hop));
        order
    }

    /// A target failed a call, or left probes without answer.
    fn put_aside(&mut self, hop: Hop, until: Timestamp, failed_call: bool) {
        let aside = self.aside.entry(hop).or_insert(Aside { until, failed_call });
        aside.until = aside.until.max(until);
        aside.failed_call |= failed_call;
    }

    /// A target answered a probe.
    fn answered(&mut self, hop: Hop) {
        if self.aside.get(&hop).is_some_and(|aside| !aside.failed_call) {
            self.aside.remove(&hop);
        }
    }
}

impl Engine {
    /// Puts every carrier where it is: at its address, or where its name was found just now.
    pub(super) fn place_carriers(&mut self, sightings: Vec<Sighting>) {
        let carriers: Vec<_> = self.parts.carriers.iter().map(|one| one.id.clone()).collect();
        let numbers: Vec<_> = self.parts.carriers.iter().map(|one| one.wanted(false)).collect();
        for (carrier_id, wanted) in carriers.iter().zip(numbers) {
            if wanted.authority.name().is_none()
                && let Step::Found(located) = locate(&wanted, &Known::new())
            {
                self.arrived(carrier_id, located);
            }
        }
        for sighting in sightings {
            self.sighted(sighting);
        }
        for carrier_id in carriers {
            let place = self.targets.places.get(&carrier_id);
            if place.is_none_or(|place| place.located.is_nowhere() && !place.is_lost) {
                self.lost(&carrier_id, &"no answer yet");
            }
        }
    }

    /// The DNS said where a carrier is, or nothing.
    pub(super) fn sighted(&mut self, sighting: Sighting) {
        let Sighting { carrier_id, found } = sighting;
        match found {
            Ok(located) if located.is_nowhere() => {
                self.arrived(&carrier_id, located);
                self.lost(&carrier_id, &"no such name, or no address under it");
            }
            Ok(located) => {
                let place = self.targets.places.entry(carrier_id.clone()).or_default();
                let was_lost = std::mem::take(&mut place.is_lost);
                if was_lost || place.located != located {
                    let targets = located.hops().len();
                    tracing::info!(carrier = %carrier_id, targets, "carrier found by its name");
                }
                self.arrived(&carrier_id, located);
            }
            Err(error) => self.lost(&carrier_id, &error),
        }
    }

    /// A carrier's name leads nowhere, or cannot be asked for. What was known stays in use; where
    /// nothing was, the carrier is taken out until something is.
    fn lost(&mut self, carrier_id: &CarrierId, why: &dyn std::fmt::Display) {
        let place = self.targets.places.entry(carrier_id.clone()).or_default();
        let (is_said, is_nowhere) =
            (std::mem::replace(&mut place.is_lost, true), place.located.is_nowhere());
        let carriers = self.parts.carriers.iter();
        let name = carriers.filter(|one| one.id == *carrier_id).find_map(|one| one.address.name());
        if !is_said {
            let name = name.unwrap_or_default();
            let then = if is_nowhere { "it gets no calls" } else { "its last addresses stay" };
            tracing::warn!(carrier = %carrier_id, name, %why, "carrier not found by its name: {then}");
        }
        let known = self.parts.journal.live.dialing.carriers().get(carrier_id);
        if is_nowhere && known.is_some_and(|known| known.is_up) {
            let reason = NAME_UNRESOLVED.to_owned();
            let fact = CarrierFailed { carrier_id: carrier_id.clone(), reason };
            self.drafts.push(Draft::new(fact, self.parts.journal.now(), "dialer"));
        }
    }

    /// This is where a carrier is from now on.
    fn arrived(&mut self, carrier_id: &CarrierId, located: Located) {
        let now = self.parts.journal.now();
        let place = self.targets.places.entry(carrier_id.clone()).or_default();
        let before = std::mem::replace(&mut place.located, located).hops();
        let hops = self.targets.of(carrier_id);
        for hop in &hops {
            self.probes.add(*hop, now);
            self.targets.known.insert(hop.address.ip(), now);
        }
        for gone in before.difference(&hops) {
            let is_phone = self.parts.agents.iter().any(|one| self.phone_of(one) == Some(*gone));
            if !is_phone && !self.targets.has_any(*gone) {
                self.probes.remove(*gone);
            }
        }
        if before != hops {
            self.introduce(now);
        }
        self.follow(carrier_id);
    }

    /// Tells the line who is no stranger, and what the certificates of carriers say.
    fn introduce(&mut self, now: Timestamp) {
        let Self { targets, parts, .. } = self;
        targets.known.retain(|_, seen| seen.plus(REMEMBERED) > now);
        for place in targets.places.values() {
            targets.known.extend(place.located.hops().iter().map(|hop| (hop.address.ip(), now)));
        }
        let phones = parts.agents.iter().filter_map(|agent| agent.phone).map(|it| it.ip());
        let known = targets.known.keys().copied().chain(phones).map(Network::single).collect();
        parts.line.send(UaCommand::ScreenStrangers { known });
        let mut names = BTreeMap::<SocketAddr, String>::new();
        for carrier in &parts.carriers {
            let Some(name) = carrier.certified_name() else { continue };
            let hops = targets.of(&carrier.id);
            let by_tls = hops.iter().filter(|hop| hop.transport == Transport::Tls);
            names.extend(by_tls.map(|hop| (hop.address, name.clone())));
        }
        parts.line.trust(names);
    }

    /// Registers where the carrier is, or elsewhere where that target is gone or failed.
    fn follow(&mut self, carrier_id: &CarrierId) {
        if self.stopping.is_some() {
            // Registrations are being taken back.
            return;
        }
        let now = self.parts.journal.now();
        let carrier = numbered(&self.parts.carriers).find(|(_, one)| one.id == *carrier_id);
        let Some((id, carrier)) = carrier.filter(|(_, carrier)| carrier.register) else { return };
        let best = self.targets.order(carrier_id, now).first().copied();
        let (Some(best), Some(place)) = (best, self.targets.places.get_mut(carrier_id)) else {
            return;
        };
        match place.registered_at {
            None => {
                let Some(registration) = carrier.registration(id, best) else { return };
                self.parts.line.send(UaCommand::Register(registration));
            }
            Some(at) => {
                let is_good = place.located.has(at) && !self.targets.aside.contains_key(&at);
                let is_better = !place.located.has(at) || !self.targets.aside.contains_key(&best);
                if is_good || !is_better || best == at {
                    return;
                }
                self.parts.line.send(UaCommand::MoveRegistration { id, to: best });
            }
        }
        place.registered_at = Some(best);
    }

    /// A target failed a call.
    pub(super) fn target_failed(&mut self, hop: Hop, retry_after: Option<Millis>) {
        let span = retry_after.unwrap_or(ASIDE).clamp(ASIDE, ASIDE_MAX);
        let until = self.parts.journal.now().plus(span);
        self.targets.put_aside(hop, until, true);
        self.follow_all(hop);
    }

    /// A target left probes without answer.
    pub(super) fn target_missed(&mut self, hop: Hop) {
        let until = self.parts.journal.now().plus(ASIDE);
        self.targets.put_aside(hop, until, false);
        self.follow_all(hop);
    }

    /// A target answered a probe.
    pub(super) fn target_answered(&mut self, hop: Hop) {
        self.targets.answered(hop);
    }

    /// A registration came to nothing where it was.
    pub(super) fn registration_failed_at(&mut self, carrier_id: &CarrierId) {
        let place = self.targets.places.get(carrier_id);
        let Some(at) = place.and_then(|place| place.registered_at) else { return };
        let until = self.parts.journal.now().plus(ASIDE);
        self.targets.put_aside(at, until, true);
        self.follow(carrier_id);
    }

    fn follow_all(&mut self, hop: Hop) {
        let there = |carrier: &&CarrierConfig| self.targets.has(&carrier.id, hop);
        let ids: Vec<_> =
            self.parts.carriers.iter().filter(there).map(|one| one.id.clone()).collect();
        for carrier_id in ids {
            self.follow(&carrier_id);
        }
    }
}

#[cfg(test)]
mod tests;
