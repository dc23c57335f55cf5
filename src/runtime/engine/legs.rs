//! Legs: SIP and media of one side of a call, put together.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::Engine;
use super::watch::Seen;
use crate::base::{CallId, LegId, Millis, Network};
use crate::call::{CallInput, LegOver};
use crate::event::LegReleased;
use crate::media::{self, Capabilities, MediaSettings, Negotiated};
use crate::runtime::journal::Draft;
use crate::runtime::wire::{ListenError, MediaLeg, MediaNews, Speaker};
use crate::sip::{Credentials, Hop, Identity, Invite, Party, UaCommand, UaEvent};

/// A leg on the wire.
pub(super) struct Leg {
    pub(super) call_id: CallId,
    pub(super) media: Arc<MediaLeg>,
    /// Where peers send media to.
    pub(super) local: SocketAddr,
    pub(super) speaker: Speaker,
    /// Our last session description.
    pub(super) described: String,
    /// What we can do on it, with its keys.
    pub(super) capabilities: Capabilities,
    /// What was agreed last.
    pub(super) agreed: Option<Negotiated>,
    /// What its session descriptions are told apart by, and the number of the last one.
    pub(super) session_id: u64,
    pub(super) version: u64,
    /// One side holds: it need not send.
    pub(super) is_held: bool,
    /// The tone of hold plays.
    pub(super) has_hold_tone: bool,
    /// Why it was cut from here, where that is more than hanging up.
    pub(super) cut: Option<LegOver>,
    /// It is heard, and nobody answered yet.
    pub(super) is_early: bool,
    /// What came of its media; nothing until it is up.
    pub(super) seen: Option<Seen>,
}

/// Whom to invite.
pub(super) struct Target {
    pub(super) to: Hop,
    /// Where else, while the ones before are dead.
    pub(super) others: Vec<Hop>,
    /// The host of the called address, where it has a name.
    pub(super) host: Option<String>,
    pub(super) called: String,
    pub(super) identity: Identity,
    pub(super) credentials: Option<Credentials>,
    /// Header fields of the peer's own.
    pub(super) headers: Vec<(String, String)>,
    /// Where its audio may come from besides the address it agrees on.
    pub(super) media_networks: Vec<Network>,
    /// What we can do with it.
    pub(super) capabilities: Capabilities,
}

/// An address of ours as peers reach it.
fn shown(local: SocketAddr, advertised: Option<IpAddr>) -> SocketAddr {
    SocketAddr::new(advertised.unwrap_or(local.ip()), local.port())
}

impl Leg {
    /// A leg that has agreed on nothing yet.
    pub(super) fn new(
        call_id: CallId,
        leg_id: LegId,
        (media, local): (Arc<MediaLeg>, SocketAddr),
        session_id: u64,
        news: &mpsc::UnboundedSender<MediaNews>,
    ) -> Self {
        Self {
            call_id,
            media,
            local,
            speaker: Speaker::new(leg_id, news.clone()),
            described: String::new(),
            capabilities: Capabilities::default(),
            agreed: None,
            session_id,
            version: 0,
            is_held: false,
            has_hold_tone: false,
            cut: None,
            is_early: false,
            seen: None,
        }
    }
}

impl Engine {
    /// Opens a leg's media, which may come from these networks, too. Gives the address peers
    /// reach it at besides.
    pub(super) fn open_media(
        &mut self,
        leg_id: LegId,
        peer_networks: Vec<Network>,
    ) -> Result<(Arc<MediaLeg>, SocketAddr), ListenError> {
        let settings = MediaSettings { peer_networks, ..MediaSettings::default() };
        let rng = self.rng.fork(&leg_id.to_string());
        let media = self.parts.media.open(leg_id, settings, rng, self.news_sender.clone())?;
        let local = shown(media.local(), self.parts.sip.advertised);
        Ok((Arc::new(media), local))
    }

    /// Opens a leg's media and sends INVITE.
    pub(super) async fn invite(
        &mut self,
        call_id: CallId,
        leg_id: LegId,
        target: Target,
        ring_timeout: Millis,
    ) {
        let (media, local) = match self.open_media(leg_id, target.media_networks) {
            Ok(opened) => opened,
            Err(error) => {
                tracing::error!(%call_id, %error, "no media port");
                self.never_left(call_id, leg_id);
                return;
            }
        };
        let session_id = self.rng.bits() >> 1;
        let capabilities = target.capabilities;
        let offer = capabilities.offer(local, session_id);
        let invite = Box::new(Invite {
            leg: leg_id,
            to: target.to,
            others: target.others,
            host: target.host,
            called: target.called,
            identity: target.identity,
            credentials: target.credentials,
            sdp: offer.clone(),
            ring_timeout,
        });
        self.parts.line.send(UaCommand::Invite { invite, headers: target.headers });
        let mut leg = Leg::new(call_id, leg_id, (media, local), session_id, &self.news_sender);
        (leg.described, leg.capabilities) = (offer, capabilities);
        self.legs.insert(leg_id, leg);
    }

    /// SIP has something to say.
    pub(super) fn signal(&mut self, event: UaEvent) {
        let now = self.parts.journal.now();
        match event {
            UaEvent::Incoming { leg, replaces: Some(_), .. } => {
                // Calls are taken over by REFER, not by whoever calls.
                self.parts.line.send(UaCommand::Reject { leg, status: 403, q850: None });
            }
            UaEvent::Incoming { leg, phone, called, sdp, .. } => {
                self.phone_calls(leg, phone.as_deref(), &called, sdp);
            }
            UaEvent::Progress { leg: leg_id, status } => {
                self.give(leg_id, CallInput::Progress { leg_id, status });
            }
            UaEvent::EarlyMedia { leg, sdp } => self.heard_early(leg, &sdp),
            UaEvent::Answered { leg, sdp } => self.answered(leg, &sdp),
            UaEvent::Refused { leg, status, q850, retry_after, .. } => {
                self.over(leg, LegOver::Refused { status, q850, retry_after });
            }
            UaEvent::Failed { leg, cause } => self.over(leg, LegOver::Failed { cause }),
            UaEvent::Ended { leg, by, q850 } => {
                if by == Party::Local
                    && let Some(call_id) = self.legs.get(&leg).map(|leg| leg.call_id)
                {
                    self.hung_up.insert(leg, call_id);
                }
                self.over(leg, LegOver::Ended { by, q850 });
            }
            UaEvent::Released { leg: leg_id, status: sip_status, after: after_ms } => {
                if let Some(call_id) = self.hung_up.remove(&leg_id) {
                    let fact = LegReleased { call_id, leg_id, sip_status, after_ms };
                    self.drafts.push(Draft::new(fact, now, "runtime"));
                }
            }
            UaEvent::Cancelled { leg, by } => {
                let over = match by {
                    Party::Local => LegOver::Cancelled,
                    Party::Remote => LegOver::Ended { by, q850: None },
                };
                self.over(leg, over);
            }
            UaEvent::OptionsAnswered { to, status } => self.probe_answered(to, status),
            UaEvent::TargetFailed { to, retry_after } => self.target_failed(to, retry_after),
            UaEvent::OptionsTimedOut { to } => self.probe_missed(to),
            UaEvent::Screened { from, reason, dropped } => {
                let reason = reason.as_str();
                tracing::warn!(%from, reason, dropped, "SIP of a stranger is dropped");
            }
            UaEvent::Offered { leg, sdp } => self.offered(leg, sdp.as_deref()),
            UaEvent::OfferAnswered { leg, offer, sdp } => self.offer_answered(leg, &offer, &sdp),
            UaEvent::Referred { leg, user, replaces } => self.referred(leg, &user, replaces),
            UaEvent::Info { leg, digit } => self.pressed_by_info(leg, digit),
            UaEvent::Confirmed { .. }
            | UaEvent::OfferRefused { .. }
            | UaEvent::ReferProgress { .. }
            | UaEvent::Replaced { .. }
            | UaEvent::Malformed { .. } => {}
            registration @ (UaEvent::Registered { .. }
            | UaEvent::RegistrationLost { .. }
            | UaEvent::PhoneRegistered { .. }
            | UaEvent::PhoneUnregistered { .. }) => self.registration(registration),
        }
    }

    /// A leg that nobody answered yet has a session: what comes is listened to.
    fn heard_early(&mut self, leg_id: LegId, sdp: &str) {
        let Some(leg) = self.legs.get_mut(&leg_id).filter(|leg| leg.seen.is_none()) else {
            return;
        };
        match media::accept(sdp, &leg.described) {
            Ok(negotiated) => {
                leg.is_early = true;
                leg.media.set_early_remote(negotiated);
            }
            // The answer may bring another one.
            Err(error) => tracing::debug!(%leg_id, %error, "early media cannot be heard"),
        }
    }

    fn answered(&mut self, leg_id: LegId, sdp: &str) {
        let now = self.parts.journal.now();
        let Some(leg) = self.legs.get_mut(&leg_id) else {
            self.parts.line.hang_up(leg_id, None);
            return;
        };
        match media::accept(sdp, &leg.described) {
            Ok(negotiated) => {
                let codec = negotiated.codec.name();
                leg.seen = Some(Seen::new(now));
                leg.is_early = false;
                leg.agree(now, negotiated);
                self.give(leg_id, CallInput::Answered { leg_id, codec });
                self.record(leg_id, codec);
            }
            Err(error) => {
                tracing::warn!(%leg_id, %error, "answered without a usable session");
                leg.cut = Some(LegOver::BadSession);
                // Q.850 cause 88: incompatible destination.
                self.parts.line.hang_up(leg_id, Some(88));
            }
        }
    }

    fn over(&mut self, leg_id: LegId, over: LegOver) {
        if self.phone_over(leg_id, over) {
            return;
        }
        let Some(leg) = self.legs.remove(&leg_id) else { return };
        let over = leg.cut.unwrap_or(over);
        leg.media.stop_recording();
        let statistics = leg.media.statistics();
        self.parts.screened.add(&statistics);
        self.give_call(leg.call_id, CallInput::Over { leg_id, over, statistics });
    }
}
