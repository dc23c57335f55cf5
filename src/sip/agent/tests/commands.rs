//! Commands in any order, for legs that exist, are over or never were.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::base::Rng;
use crate::sip::{Registration, RegistrationId, UaCommand};

fn leg(number: u64) -> LegId {
    LegId::generate(Timestamp::EPOCH, &mut Rng::from_seed(number))
}

fn invitation(number: u64) -> UaCommand {
    let invite = Invite {
        leg: leg(number),
        to: peer().into(),
        others: Vec::new(),
        host: None,
        called: "15555550123".to_owned(),
        identity: Identity::of("+15555550100"),
        credentials: None,
        sdp: OFFER.to_owned(),
        ring_timeout: Millis(20_000),
    };
    UaCommand::Invite { invite: Box::new(invite), headers: Vec::new() }
}

fn registration(id: u16) -> UaCommand {
    let credentials = Credentials { user: "trunk".to_owned(), password: "pw".to_owned() };
    UaCommand::Register(Registration {
        id: RegistrationId(id),
        to: peer().into(),
        domain: None,
        user: "trunk".to_owned(),
        credentials,
        expires: Millis::from_secs(600),
    })
}

fn any_command() -> impl Strategy<Value = UaCommand> {
    (0_u64..3, 0_u8..12).prop_map(|(number, kind)| {
        let (leg, sdp) = (leg(number), OFFER.to_owned());
        match kind {
            0 | 1 => invitation(number),
            2 => UaCommand::Ring { leg },
            3 => UaCommand::Answer { leg, sdp },
            4 => UaCommand::Reject { leg, status: 486, q850: Some(17) },
            5 | 6 => UaCommand::HangUp { leg, q850: None },
            7 => UaCommand::Offer { leg, sdp },
            8 => UaCommand::AnswerOffer { leg, sdp },
            9 => UaCommand::RefuseOffer { leg, status: 488 },
            10 => UaCommand::Options { to: peer().into() },
            _ => registration(1),
        }
    })
}

#[test]
fn a_command_for_a_leg_that_is_not_there_changes_nothing() {
    let mut bench = Bench::new();
    let (leg, sdp) = (leg(1), OFFER.to_owned());
    for command in [
        UaCommand::Ring { leg },
        UaCommand::Answer { leg, sdp: sdp.clone() },
        UaCommand::Reject { leg, status: 486, q850: None },
        UaCommand::HangUp { leg, q850: None },
        UaCommand::Offer { leg, sdp: sdp.clone() },
        UaCommand::AnswerOffer { leg, sdp },
        UaCommand::RefuseOffer { leg, status: 488 },
        UaCommand::Unregister(RegistrationId(7)),
    ] {
        let text = format!("{command:?}");
        bench.ua.handle(bench.now, command);
        assert!(bench.sent().is_empty() && bench.events().is_empty(), "{text}");
        assert_eq!(bench.ua.poll_timeout(), None, "{text}");
    }
}

#[test]
fn a_command_shows_no_number_and_no_password() {
    for command in [invitation(1), registration(1)] {
        let text = format!("{command:?}");
        assert!(!text.contains("5555") && !text.contains("pw"), "{text}");
    }
}

proptest! {
    #[test]
    fn any_commands_leave_nothing_and_end_each_leg_once(
        steps in proptest::collection::vec((any_command(), 0_u64..3_000), 0..24),
    ) {
        let mut bench = Bench::new();
        let mut invited = 0_usize;
        for (command, ms) in steps {
            let before = bench.ua.live_dialogs();
            bench.ua.handle(bench.now, command);
            invited += bench.ua.live_dialogs().saturating_sub(before);
            bench.wait(ms);
        }
        bench.ua.handle(bench.now, UaCommand::Unregister(RegistrationId(1)));
        bench.wait(200_000);
        prop_assert_eq!((bench.ua.live_transactions(), bench.ua.live_dialogs()), (0, 0));
        let mut ended: BTreeMap<LegId, usize> = BTreeMap::new();
        for event in bench.events().iter().filter(|event| event.is_terminal()) {
            *ended.entry(event.leg().unwrap()).or_default() += 1;
        }
        // A leg that is over may be invited again.
        prop_assert_eq!(ended.values().sum::<usize>(), invited);
    }
}
