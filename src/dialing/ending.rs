//! What the end of a customer leg means: whose doing it was, and whether the next carrier is
//! asked.
//!
//! In: how a leg ended. Out: a verdict for the attempt, and the blame for the carrier's health.
//! Invariant: a leg that rang or was answered is never tried elsewhere: the customer would hear
//! the phone twice. 181 to 183 count as ringing, as behind any of them a phone may ring, so that
//! a 503 after an announcement ends the attempt; what the network said in tones before tells as
//! what.

use crate::event::Disposition;

/// What the network said in tones before anybody answered. Source: ITU-T E.180.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EarlyTone {
    /// The called one talks.
    Busy,
    /// There is no way there.
    Congestion,
    /// There is no such number, or it has changed.
    NoSuchNumber,
    /// An announcement followed, of which nothing more is known.
    Announcement,
}

impl EarlyTone {
    /// The stable name, as a reason of an attempt's end.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "early_busy",
            Self::Congestion => "early_congestion",
            Self::NoSuchNumber => "early_no_such_number",
            Self::Announcement => "early_announcement",
        }
    }
}

/// How a customer leg ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct LegEnding<'a> {
    /// The final SIP status.
    pub sip_status: Option<u16>,
    /// The Q.850 cause from the Reason header.
    pub q850_cause: Option<u8>,
    /// Why it failed where no final status came: the stable name that stands in `LegEnded`.
    pub failure: Option<&'a str>,
    /// Whether it rang (18x).
    pub has_rung: bool,
    /// What the network said in tones, where it did.
    pub tone: Option<EarlyTone>,
}

/// What to do after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegVerdict {
    /// The carrier could not do it; another may. Ends as the disposition where none is left.
    NextCarrier(Disposition),
    /// The customer's side has spoken.
    End(Disposition),
}

/// Whose doing the end of a leg was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The carrier did not deliver the call: it counts against its health.
    Carrier,
    /// The carrier delivered the call, and the customer's side decided: it counts for it.
    Customer,
    /// It says nothing about the carrier: the number, the network behind it, or we ourselves.
    Nobody,
}

/// Kinds of endings that are treated alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Dead, refusing, or not able to: nothing from it, or 5xx, 403, 488, 606 and their like.
    Carrier,
    /// No circuit behind the carrier (Q.850 27, 34, 42).
    NoCircuit,
    /// No such number, as this carrier says.
    BadNumber,
    /// Busy.
    Busy,
    /// Nobody took it.
    NoAnswer,
    /// Off or out of reach.
    SwitchedOff,
    /// Declined, or blocked on the way as unwanted.
    Rejected,
    /// Answered, but nothing could be said: its session cannot be used.
    AnsweredInVain,
    /// Never left, as the number must not be dialled.
    Barred,
}

impl LegEnding<'_> {
    /// Whether nothing but a tone says why it ended: signalling says at most that nobody answered.
    pub const fn goes_by_tone(&self) -> bool {
        let says_nothing = matches!(self.sip_status, Some(408 | 480 | 487 | 500..=599));
        self.tone.is_some() && self.failure.is_none() && self.q850_cause.is_none() && says_nothing
    }

    /// Source: RFC 3261 §21; RFC 3398 §8.2.6.1 for the causes; RFC 8197 for 607, RFC 8688 for
    /// 608. Which of them another carrier may do better is practice.
    const fn class(&self) -> Class {
        if let Some(failure) = self.failure {
            return match failure.as_bytes() {
                b"bad_session" | b"bad_response" | b"media_timeout" | b"dtls_fingerprint"
                | b"dtls_handshake" => Class::AnsweredInVain,
                b"number_barred" => Class::Barred,
                _ if self.has_rung => Class::NoAnswer,
                _ => Class::Carrier,
            };
        }
        if self.goes_by_tone() {
            match self.tone {
                Some(EarlyTone::Busy) => return Class::Busy,
                Some(EarlyTone::Congestion) => return Class::NoCircuit,
                Some(EarlyTone::NoSuchNumber) => return Class::BadNumber,
                Some(EarlyTone::Announcement) | None => {}
            }
        }
        let status = match self.sip_status {
            Some(status) => status,
            None => 0,
        };
        match (status, self.q850_cause) {
            // A gateway's status is rough; the cause behind it is what the network said.
            (480 | 500..=599, Some(1 | 22 | 28)) => Class::BadNumber,
            (480 | 500..=599, Some(17)) => Class::Busy,
            (480 | 500..=599, Some(18 | 19)) => Class::NoAnswer,
            (480 | 500..=599, Some(20)) => Class::SwitchedOff,
            (403 | 480 | 500..=599, Some(21)) => Class::Rejected,
            (500..=599, Some(27 | 34 | 42)) => Class::NoCircuit,
            (404 | 410 | 484 | 485 | 604, _) => Class::BadNumber,
            (486 | 600, _) => Class::Busy,
            (480 | 487, _) => Class::NoAnswer,
            (603 | 607 | 608, _) => Class::Rejected,
            // 408 after a ring is the phone's, before one the hop's.
            _ => Class::Carrier,
        }
    }
}

/// Judges a leg's end. `bad_numbers` is how many carriers said before that there is no such
/// number: a second one is believed.
pub const fn judge_ending(ending: LegEnding<'_>, bad_numbers: u32) -> LegVerdict {
    use Disposition as D;
    let (disposition, may_go_on) = match ending.class() {
        Class::Carrier => (D::CarrierFailed, true),
        Class::NoCircuit => (D::Congestion, true),
        Class::BadNumber => (D::InvalidNumber, bad_numbers == 0),
        Class::Busy => (D::Busy, false),
        Class::NoAnswer => (D::NoAnswer, false),
        Class::SwitchedOff => (D::SwitchedOff, false),
        Class::Rejected => (D::Rejected, false),
        Class::AnsweredInVain => (D::Abandoned, false),
        Class::Barred => (D::Blocked, false),
    };
    match (disposition, ending.has_rung) {
        (D::Congestion, true) if ending.goes_by_tone() => LegVerdict::End(disposition),
        (D::CarrierFailed | D::Congestion, true) => LegVerdict::End(D::NoAnswer),
        (_, false) if may_go_on => LegVerdict::NextCarrier(disposition),
        _ => LegVerdict::End(disposition),
    }
}

/// Says whose doing a leg's end was.
///
/// 503 with the cause of a full or broken network behind the carrier is nobody's: two numbers of
/// the same full exchange would take a good carrier out.
pub fn blame(ending: LegEnding<'_>) -> Blame {
    match ending.class() {
        Class::AnsweredInVain if ending.failure == Some("media_timeout") => Blame::Nobody,
        Class::AnsweredInVain => Blame::Carrier,
        Class::Carrier if ending.has_rung => Blame::Nobody,
        Class::Carrier => Blame::Carrier,
        Class::NoCircuit | Class::BadNumber | Class::Barred => Blame::Nobody,
        // 487 is our own CANCEL: what the carrier did shows in whether it rang.
        Class::NoAnswer if ending.sip_status == Some(487) && !ending.has_rung => Blame::Nobody,
        Class::NoAnswer if ending.failure.is_some() => Blame::Nobody,
        Class::Busy | Class::NoAnswer | Class::SwitchedOff | Class::Rejected => Blame::Customer,
    }
}
