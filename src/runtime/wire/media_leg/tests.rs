use super::*;
use crate::base::Timestamp;
use crate::runtime::clock::SystemClock;

async fn open(seed: u64, news: &mpsc::UnboundedSender<MediaNews>) -> MediaLeg {
    let mut rng = Rng::from_seed(seed);
    let leg_id = LegId::generate(Timestamp::EPOCH, &mut rng);
    let address = IpAddr::from([127, 0, 0, 1]);
    let clock = Arc::new(SystemClock::new());
    MediaLeg::open(leg_id, address, MediaSettings::default(), rng, clock, news.clone())
        .await
        .expect("a free port")
}

/// Each task holds what leads to the other; neither may live on for it.
#[tokio::test]
async fn bridged_legs_end_when_both_are_dropped() {
    let (news, mut heard) = mpsc::unbounded_channel();
    let (one, other) = (open(1, &news).await, open(2, &news).await);
    one.bridge_to(&other);
    other.bridge_to(&one);
    drop((one, other, news));
    assert!(heard.recv().await.is_none(), "the tasks held the last senders");
}
