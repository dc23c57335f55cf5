mod links;

use super::read::PageSize;

#[test]
fn pages_of_short_events_grow_and_of_long_ones_shrink() {
    let mut size = PageSize::default();
    let first = size.events();
    for _ in 0..20 {
        size.learn(100);
    }
    let most = size.events();
    assert!(most > first && most <= 512, "{first} {most}");
    size.learn(1 << 20);
    assert_eq!(size.events(), first);
    size.learn(200 << 10);
    assert_eq!(size.events(), first, "neither grows nor shrinks");
}
