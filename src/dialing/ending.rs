//! What the end of a customer leg means: try the next carrier, or the attempt is over.

use crate::event::Disposition;

/// How a customer leg ended that was never answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct LegEnding {
    /// The final SIP status.
    pub sip_status: Option<u16>,
    /// The Q.850 cause from the Reason header.
    pub q850_cause: Option<u8>,
    /// Whether the leg failed without a final status: no provisional, timeout, transport.
    pub is_failure: bool,
    /// Whether it rang (18x).
    pub has_rung: bool,
}

/// What to do after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegVerdict {
    /// The carrier could not do it; another may. Ends as the disposition where none is left.
    NextCarrier(Disposition),
    /// The customer's side has spoken.
    End(Disposition),
}

/// Judges a leg's end.
///
/// A leg that rang is never tried elsewhere: the customer would hear the phone twice.
/// Source: RFC 3261 §21; RFC 3398 §8.2.6.1 for the causes; failover classes by practice:
/// 5xx, 403, 488 and 606 are the carrier's, 4xx about the number and 6xx are final.
pub fn judge_ending(ending: LegEnding) -> LegVerdict {
    use Disposition as D;
    if ending.is_failure {
        return if ending.has_rung {
            LegVerdict::End(D::NoAnswer)
        } else {
            LegVerdict::NextCarrier(D::CarrierFailed)
        };
    }
    let disposition = match ending.sip_status.unwrap_or(0) {
        404 | 410 | 484 | 485 | 604 => D::InvalidNumber,
        486 | 600 => D::Busy,
        603 | 607 | 608 => D::Rejected,
        480 if ending.q850_cause == Some(20) => D::SwitchedOff,
        480 | 487 => D::NoAnswer,
        408 if ending.has_rung => D::NoAnswer,
        503 if matches!(ending.q850_cause, Some(34 | 42)) => D::Congestion,
        _ => D::CarrierFailed,
    };
    match disposition {
        D::CarrierFailed | D::Congestion if !ending.has_rung => {
            LegVerdict::NextCarrier(disposition)
        }
        D::CarrierFailed | D::Congestion => LegVerdict::End(D::NoAnswer),
        _ => LegVerdict::End(disposition),
    }
}
