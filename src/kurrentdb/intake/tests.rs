use super::*;
use crate::base::{EventId, Timestamp};
use crate::event::{Actor, ContentType};

fn event(event_type: &str) -> NewEvent {
    NewEvent {
        event_id: EventId(uuid::Uuid::from_u128(7)),
        event_type: event_type.to_owned(),
        schema_version: 1,
        occurred_at: Timestamp::EPOCH,
        correlation_id: Some(uuid::Uuid::from_u128(8)),
        causation_id: None,
        actor: Actor::recorded("Zebulon"),
        data: b"{}".to_vec(),
        content_type: ContentType::Json,
        metadata: b"{\"actor\":\"Zebulon\"}".to_vec(),
    }
}

fn way(stream: &str, event_type: &str, is_running: bool) -> Way {
    Way::of(&stream.parse().expect("a name"), &[event(event_type)], is_running)
}

#[test]
fn nothing_reaches_an_inbox_as_it_is() {
    for event_type in ["LeadOffered", "OrderPlaced", "$>"] {
        assert_eq!(way("inbox-loans", event_type, true), Way::Intake);
        assert_eq!(way("inbox-loans", event_type, false), Way::NoIntake);
        assert_eq!(way("inbox", event_type, false), Way::NoIntake);
    }
}

#[test]
fn a_running_platform_alone_writes_its_facts() {
    for family in Family::ALL {
        let stream = format!("{}-7", family.category());
        if *family != Family::Inbox {
            assert_eq!(way(&stream, "OrderPlaced", true), Way::Own, "{stream}");
            assert_eq!(way(&stream, "OrderPlaced", false), Way::Log, "{stream}");
        }
        let name = stream.parse().expect("a name");
        assert_eq!(Way::of_deletion(&name, true), Way::Own);
        assert_eq!(Way::of_deletion(&name, false), Way::Log);
    }
    for fact in CATALOG {
        assert_eq!(way("orders-7", fact.name, true), Way::Own, "{}", fact.name);
        assert_eq!(way("orders-7", fact.name, false), Way::Log);
    }
    assert_eq!(way("orders-7", "OrderPlaced", true), Way::Log);
    assert_eq!(way("$$campaign-loans", "$metadata", true), Way::Log);
    for family in Family::ALL {
        assert!(OWN.contains(&format!("{}-", family.category())), "{OWN}");
    }
}

#[test]
fn of_metadata_only_ids_are_kept() {
    let kept = without_metadata(event("LeadOffered"), "crm").expect("an offer");
    assert_eq!(kept.actor.as_str(), "intake:crm");
    assert_eq!(kept.correlation_id, Some(uuid::Uuid::from_u128(8)));
    assert!(kept.metadata.is_empty());
    let error = without_metadata(event("+12125550191"), "crm").expect_err("another type");
    assert!(!error.contains("0191"), "{error}");
}
