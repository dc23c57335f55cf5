//! What an ending means for the attempt, and whose doing it was.

use super::*;

fn judged(ending: LegEnding<'_>) -> (LegVerdict, Blame) {
    (judge_ending(ending, 0), blame(ending))
}

fn refused(sip_status: u16, q850_cause: Option<u8>) -> LegEnding<'static> {
    LegEnding { sip_status: Some(sip_status), q850_cause, ..LegEnding::default() }
}

fn failed(failure: &str) -> LegEnding<'_> {
    LegEnding { failure: Some(failure), ..LegEnding::default() }
}

/// Each class: what another carrier may do better, and what it says of this one.
#[test]
fn an_ending_goes_by_its_class() {
    use Disposition as D;
    let next = LegVerdict::NextCarrier;
    let end = LegVerdict::End;
    let cases = [
        // Dead or refusing: the next one, and it counts.
        (failed("no_provisional"), next(D::CarrierFailed), Blame::Carrier),
        (failed("timeout"), next(D::CarrierFailed), Blame::Carrier),
        (failed("transport"), next(D::CarrierFailed), Blame::Carrier),
        (failed("post_dial_delay"), next(D::CarrierFailed), Blame::Carrier),
        (failed("authentication_refused"), next(D::CarrierFailed), Blame::Carrier),
        (refused(500, None), next(D::CarrierFailed), Blame::Carrier),
        (refused(502, None), next(D::CarrierFailed), Blame::Carrier),
        (refused(503, None), next(D::CarrierFailed), Blame::Carrier),
        (refused(504, Some(41)), next(D::CarrierFailed), Blame::Carrier),
        (refused(408, None), next(D::CarrierFailed), Blame::Carrier),
        // It does not want us, or cannot: the next one, and it counts.
        (refused(403, None), next(D::CarrierFailed), Blame::Carrier),
        (refused(401, None), next(D::CarrierFailed), Blame::Carrier),
        (refused(407, None), next(D::CarrierFailed), Blame::Carrier),
        (refused(488, None), next(D::CarrierFailed), Blame::Carrier),
        (refused(606, None), next(D::CarrierFailed), Blame::Carrier),
        (refused(302, None), next(D::CarrierFailed), Blame::Carrier),
        // The network behind it: the next one, and nobody is blamed.
        (refused(503, Some(34)), next(D::Congestion), Blame::Nobody),
        (refused(503, Some(42)), next(D::Congestion), Blame::Nobody),
        // The number: a second opinion.
        (refused(404, Some(1)), next(D::InvalidNumber), Blame::Nobody),
        (refused(484, Some(28)), next(D::InvalidNumber), Blame::Nobody),
        (refused(604, None), next(D::InvalidNumber), Blame::Nobody),
        (refused(500, Some(1)), next(D::InvalidNumber), Blame::Nobody),
        // The customer's side: over.
        (refused(486, Some(17)), end(D::Busy), Blame::Customer),
        (refused(600, None), end(D::Busy), Blame::Customer),
        (refused(503, Some(17)), end(D::Busy), Blame::Customer),
        (refused(603, Some(21)), end(D::Rejected), Blame::Customer),
        (refused(607, None), end(D::Rejected), Blame::Customer),
        (refused(608, None), end(D::Rejected), Blame::Customer),
        (refused(480, Some(20)), end(D::SwitchedOff), Blame::Customer),
        (refused(480, Some(18)), end(D::NoAnswer), Blame::Customer),
        // Withdrawn before it rang.
        (refused(487, None), end(D::NoAnswer), Blame::Nobody),
        // Answered, and nothing could be said.
        (failed("bad_session"), end(D::Abandoned), Blame::Carrier),
        (failed("bad_response"), end(D::Abandoned), Blame::Carrier),
        (failed("media_timeout"), end(D::Abandoned), Blame::Nobody),
        (failed("dtls_fingerprint"), end(D::Abandoned), Blame::Carrier),
        (failed("dtls_handshake"), end(D::Abandoned), Blame::Carrier),
        (failed("number_barred"), end(D::Blocked), Blame::Nobody),
    ];
    for (ending, verdict, by) in cases {
        assert_eq!(judged(ending), (verdict, by), "{ending:?}");
    }
}

/// Given what the network said in tones, when signalling says no more than that nobody answered,
/// then the tone tells why; where it does say more, that counts.
#[test]
fn a_tone_before_the_answer_says_why_nobody_answered() {
    use Disposition as D;
    let heard = |tone, ending| LegEnding { has_rung: true, tone: Some(tone), ..ending };
    for (tone, disposition) in [
        (EarlyTone::Busy, D::Busy),
        (EarlyTone::Congestion, D::Congestion),
        (EarlyTone::NoSuchNumber, D::InvalidNumber),
        (EarlyTone::Announcement, D::NoAnswer),
    ] {
        for status in [408, 480, 487, 503] {
            let ending = heard(tone, refused(status, None));
            assert_eq!(judge_ending(ending, 0), LegVerdict::End(disposition), "{ending:?}");
        }
        let ending = heard(tone, refused(480, Some(18)));
        assert_eq!(judge_ending(ending, 0), LegVerdict::End(D::NoAnswer), "{ending:?}");
        let ending = heard(tone, refused(486, None));
        assert_eq!(judge_ending(ending, 0), LegVerdict::End(D::Busy), "{ending:?}");
        let ending = heard(tone, failed("timeout"));
        assert_eq!(judge_ending(ending, 0), LegVerdict::End(D::NoAnswer), "{ending:?}");
    }
}

#[test]
fn what_rang_is_never_tried_elsewhere() {
    for status in 300..700 {
        for q850_cause in [None, Some(1), Some(17), Some(34), Some(41)] {
            let ending = LegEnding { has_rung: true, ..refused(status, q850_cause) };
            let verdict = judge_ending(ending, 0);
            assert!(matches!(verdict, LegVerdict::End(_)), "{ending:?}: {verdict:?}");
        }
    }
    for failure in ["no_provisional", "timeout", "transport", "post_dial_delay", "bad_session"] {
        let ending = LegEnding { has_rung: true, ..failed(failure) };
        assert!(matches!(judge_ending(ending, 0), LegVerdict::End(_)), "{failure}");
        assert_eq!(
            blame(ending),
            if failure == "bad_session" { Blame::Carrier } else { Blame::Nobody },
            "{failure}"
        );
    }
}

#[test]
fn a_second_carrier_is_believed_that_there_is_no_such_number() {
    let ending = refused(404, Some(1));
    assert_eq!(judge_ending(ending, 1), LegVerdict::End(Disposition::InvalidNumber));
    // A carrier that cannot is still passed over.
    let ending = refused(503, None);
    assert_eq!(judge_ending(ending, 1), LegVerdict::NextCarrier(Disposition::CarrierFailed));
}
