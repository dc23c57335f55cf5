//! Legs: SIP and media of one side of a call, put together.

use std::net::SocketAddr;
use std::sync::Arc;

use super::Engine;
use super::watch::Seen;
use crate::base::{CallId, LegId, Millis};
use crate::call::{CallInput, LegOver};
use crate::event::LegReleased;
use crate::media::{self, MediaSettings};
use crate::runtime::journal::Draft;
use crate::runtime::wire::{MediaLeg, Speaker};
use crate::sip::{Credentials, Identity, Invite, Party, UaEvent};

/// A leg on the wire.
pub(super) struct Leg {
    pub(super) call_id: CallId,
    pub(super) media: Arc<MediaLeg>,
    pub(super) speaker: Speaker,
    offer: String,
    /// What its session descriptions are told apart by, and the number of the last one.
    pub(super) session_id: u64,
    pub(super) version: u64,
    /// One side holds: it need not send.
    pub(super) is_held: bool,
    /// Why it was cut from here, where that is more than hanging up.
    pub(super) cut: Option<LegOver>,
    /// What came of its media; nothing until it is up.
    pub(super) seen: Option<Seen>,
}

/// Whom to invite.
pub(super) struct Target {
    pub(super) to: SocketAddr,
    pub(super) called: String,
    pub(super) identity: Identity,
    pub(super) credentials: Option<Credentials>,
    /// Header fields of the peer's own.
    pub(super) headers: Vec<(String, String)>,
}

impl Engine {
    /// Opens a leg's media and sends INVITE.
    pub(super) async fn invite(
        &mut self,
        call_id: CallId,
        leg_id: LegId,
        target: Target,
        ring_timeout: Millis,
    ) {
        let settings = MediaSettings::default();
        let rng = self.rng.fork(&leg_id.to_string());
        let clock = self.parts.clock.clone();
        let news = self.news_sender.clone();
        let opened = MediaLeg::open(leg_id, self.address, settings, rng, clock, news).await;
        let media = match opened {
            Ok(media) => Arc::new(media),
            Err(error) => {
                tracing::error!(%call_id, %error, "no media port");
                self.never_left(call_id, leg_id);
                return;
            }
        };
        let session_id = self.rng.bits() >> 1;
        let offer = media::offer(media.local(), session_id);
        let now = self.parts.journal.now();
        self.parts.user_agent.invite_with(
            now,
            Invite {
                leg: leg_id,
                to: target.to,
                called: target.called,
                identity: target.identity,
                credentials: target.credentials,
                sdp: offer.clone(),
                ring_timeout,
            },
            &target.headers,
        );
        let speaker = Speaker::new(leg_id, self.news_sender.clone());
        let (version, is_held, cut, seen) = (0, false, None, None);
        let leg = Leg { call_id, media, speaker, offer, session_id, version, is_held, cut, seen };
        self.legs.insert(leg_id, leg);
    }

    /// SIP has something to say.
    pub(super) fn signal(&mut self, event: UaEvent) {
        let now = self.parts.journal.now();
        match event {
            UaEvent::Incoming { leg, .. } => {
                // Calls come from here, not to here.
                self.parts.user_agent.reject(now, leg, 403, None);
            }
            UaEvent::Progress { leg: leg_id, status } => {
                self.give(leg_id, CallInput::Progress { leg_id, status });
            }
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
            UaEvent::OptionsTimedOut { to } => self.probe_missed(to),
            UaEvent::Malformed { from, reason } => {
                tracing::debug!(%from, reason, "malformed SIP");
            }
            UaEvent::Offered { leg, sdp } => self.offered(leg, sdp.as_deref()),
            UaEvent::OfferAnswered { leg, offer, sdp } => self.offer_answered(leg, &offer, &sdp),
            UaEvent::Confirmed { .. } | UaEvent::OfferRefused { .. } => {}
            registration @ (UaEvent::Registered { .. }
            | UaEvent::RegistrationLost { .. }
            | UaEvent::PhoneRegistered { .. }
            | UaEvent::PhoneUnregistered { .. }) => self.registration(registration),
        }
    }

    fn answered(&mut self, leg_id: LegId, sdp: &str) {
        let now = self.parts.journal.now();
        let Some(leg) = self.legs.get_mut(&leg_id) else {
            self.parts.user_agent.hang_up(now, leg_id, None);
            return;
        };
        match media::accept(sdp, &leg.offer) {
            Ok(negotiated) => {
                let codec = negotiated.codec.name();
                leg.seen = Some(Seen::new(now));
                leg.agree(now, negotiated);
                self.give(leg_id, CallInput::Answered { leg_id, codec });
            }
            Err(error) => {
                tracing::warn!(%leg_id, %error, "answered without a usable session");
                leg.cut = Some(LegOver::BadSession);
                // Q.850 cause 88: incompatible destination.
                self.parts.user_agent.hang_up(now, leg_id, Some(88));
            }
        }
    }

    fn over(&mut self, leg_id: LegId, over: LegOver) {
        let Some(leg) = self.legs.remove(&leg_id) else { return };
        let over = leg.cut.unwrap_or(over);
        let statistics = leg.media.statistics();
        self.give_call(leg.call_id, CallInput::Over { leg_id, over, statistics });
    }
}
