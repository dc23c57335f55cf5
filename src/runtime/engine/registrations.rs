//! Registrations: ours with carriers, and those of agents' phones with us.
//!
//! The user agent keeps them up and takes them; here their changes become facts.

use super::Engine;
use crate::base::{AgentId, CarrierId, Millis, Network};
use crate::event::{
    CarrierRegistered, CarrierRegistrationLost, PhoneRegistered, PhoneUnregistered,
};
use crate::media::Capabilities;
use crate::runtime::config::{AgentConfig, CarrierConfig, Config, SrtpName};
use crate::runtime::journal::Draft;
use crate::runtime::line::Line;
use crate::sip::{Hop, Host, Phone, PhoneGone, RegistrationId, UaCommand, UaEvent};

/// Takes registrations of the phones that move, from the moment the line is open: a phone that is
/// refused tries again much later. Whoever is neither an agent's phone nor, once its place is
/// known, a carrier is a stranger.
pub(crate) fn admit_phones(line: &Line, config: &Config) {
    let phones = config.agents.iter().filter_map(|agent| agent.phone).map(|it| it.ip());
    let carriers = config.carriers.iter().filter_map(|carrier| match carrier.address.host {
        Host::Ip(address) => Some(address),
        Host::Name(_) => None,
    });
    let known = phones.chain(carriers).map(Network::single).collect();
    line.send(UaCommand::ScreenStrangers { known });
    let users: Vec<_> = config.agents.iter().filter_map(AgentConfig::credentials).collect();
    if !users.is_empty() {
        let hashes = config.sip.phone_hashes();
        let realm = config.sip.phone_realm.clone();
        line.send(UaCommand::AdmitPhones { realm, hashes, users });
    }
}

/// Carriers by the name of their registration.
pub(super) fn numbered(
    carriers: &[CarrierConfig],
) -> impl Iterator<Item = (RegistrationId, &CarrierConfig)> {
    (0..=u16::MAX).map(RegistrationId).zip(carriers)
}

impl Engine {
    /// Takes registrations back; answers are waited for with the last hang-ups.
    pub(super) fn end_registrations(&self) {
        for (id, _) in numbered(&self.parts.carriers) {
            self.parts.line.send(UaCommand::Unregister(id));
        }
    }

    /// A registration changed.
    pub(super) fn registration(&mut self, event: UaEvent) {
        match event {
            UaEvent::Registered { id, expires } => self.carrier_registered(id, expires),
            UaEvent::RegistrationLost { id, status } => self.registration_lost(id, status),
            UaEvent::PhoneRegistered { user, phone, expires } => {
                self.phone_registered(&user, phone, expires);
            }
            UaEvent::PhoneUnregistered { user, reason } => self.phone_unregistered(&user, reason),
            _ => {}
        }
    }

    fn carrier_registered(&mut self, id: RegistrationId, expires_ms: Millis) {
        let Some(carrier_id) = self.registered_with(id) else { return };
        tracing::info!(carrier = %carrier_id, "registered");
        let now = self.parts.journal.now();
        let fact = CarrierRegistered { carrier_id, expires_ms };
        self.drafts.push(Draft::new(fact, now, "runtime"));
    }

    fn registration_lost(&mut self, id: RegistrationId, sip_status: Option<u16>) {
        let Some(carrier_id) = self.registered_with(id) else { return };
        let reason = if sip_status.is_some() { "refused" } else { "unanswered" };
        tracing::warn!(carrier = %carrier_id, sip_status, reason, "not registered: gets no calls");
        let now = self.parts.journal.now();
        let reason = reason.to_owned();
        if sip_status.is_none_or(|status| status >= 500) {
            self.registration_failed_at(&carrier_id);
        }
        let fact = CarrierRegistrationLost { carrier_id, sip_status, reason };
        self.drafts.push(Draft::new(fact, now, "runtime"));
    }

    fn registered_with(&self, id: RegistrationId) -> Option<CarrierId> {
        self.parts.carriers.get(usize::from(id.0)).map(|carrier| carrier.id.clone())
    }

    fn phone_registered(&mut self, user: &str, phone: Phone, expires_ms: Millis) {
        let Some(agent_id) = self.agent_with(user) else { return };
        let now = self.parts.journal.now();
        self.forget_phone(&agent_id);
        let from = phone.hop;
        self.phones.insert(agent_id.clone(), phone);
        self.probes.add(from, now);
        let fact = PhoneRegistered { agent_id, phone: from.to_string(), expires_ms };
        self.drafts.push(Draft::new(fact, now, "runtime"));
        self.phone_answered(from);
    }

    fn phone_unregistered(&mut self, user: &str, reason: PhoneGone) {
        let Some(agent_id) = self.agent_with(user) else { return };
        let now = self.parts.journal.now();
        let reason = reason.as_str().to_owned();
        let fact = PhoneUnregistered { agent_id: agent_id.clone(), reason };
        self.drafts.push(Draft::new(fact, now, "runtime"));
        self.agent_loses_phone(&agent_id);
        self.forget_phone(&agent_id);
    }

    /// An address is asked no more, unless somebody else is there, too.
    fn forget_phone(&mut self, agent_id: &AgentId) {
        let Some(Phone { hop, .. }) = self.phones.remove(agent_id) else { return };
        let is_there = |agent: &AgentConfig| self.phone_of(agent) == Some(hop);
        if !self.targets.has_any(hop) && !self.parts.agents.iter().any(is_there) {
            self.probes.remove(hop);
        }
    }

    pub(super) fn agent_with(&self, user: &str) -> Option<AgentId> {
        let has_it = |agent: &&AgentConfig| agent.user.as_deref() == Some(user);
        self.parts.agents.iter().find(has_it).map(|agent| agent.id.clone())
    }

    /// Where an agent's phone is: where it was configured, or where it registered from.
    pub(super) fn phone_of(&self, agent: &AgentConfig) -> Option<Hop> {
        let registered = self.phones.get(&agent.id).map(|phone| phone.hop);
        agent.phone.map(Hop::from).or(registered)
    }

    /// What is offered and taken with an agent's phone.
    pub(super) fn with_phone_of(&self, agent_id: &AgentId) -> Capabilities {
        let agent = self.parts.agents.iter().find(|agent| agent.id == *agent_id);
        agent.map_or(SrtpName::Off, |agent| agent.srtp).capabilities(&self.parts.capabilities)
    }

    /// Address and user part an agent's phone is called at; nothing while it is not registered.
    pub(super) fn phone_to_ring(&self, agent_id: &AgentId) -> Option<(Hop, String)> {
        let agent = self.parts.agents.iter().find(|agent| agent.id == *agent_id)?;
        match (agent.phone, &agent.user) {
            (Some(address), _) => Some((address.into(), agent_id.to_string())),
            (None, Some(user)) => {
                let phone = self.phones.get(agent_id)?;
                let called = if phone.user.is_empty() { user } else { &phone.user };
                Some((phone.hop, called.clone()))
            }
            (None, None) => None,
        }
    }
}
