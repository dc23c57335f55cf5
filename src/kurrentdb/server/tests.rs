use super::read::PageSize;
use crate::base::Timestamp;
use crate::event::{Event, Recorded, examples};

fn page(bytes: usize) -> Vec<Recorded> {
    let fact: Event = examples().into_iter().next().expect("an example");
    let mut event = Recorded::example(1, &fact, Timestamp::EPOCH);
    event.data = vec![0; bytes].into();
    vec![event]
}

#[test]
fn pages_of_short_events_grow_and_of_long_ones_shrink() {
    let mut size = PageSize::default();
    let first = size.events();
    for _ in 0..20 {
        size.learn(&page(100));
    }
    let most = size.events();
    assert!(most > first && most <= 512, "{first} {most}");
    size.learn(&page(1 << 20));
    assert_eq!(size.events(), first);
    size.learn(&page(200 << 10));
    assert_eq!(size.events(), first, "neither grows nor shrinks");
}
