use proptest::prelude::*;

use super::*;

#[test]
fn lengths_and_joins() {
    assert_eq!(Clip::new([]).duration(), Millis(0));
    assert_eq!(Clip::new([0; 9]).duration(), Millis(2));
    let beep = Clip::tone(1_000, Millis(10), 1_000);
    assert_eq!(&beep.samples()[..5], [0, 707, 1_000, 707, 0]);
    let both = Clip::silence(Millis(20)).followed_by(&beep);
    assert_eq!(both.duration(), Millis(30));
    assert_eq!(&both.samples()[160..], beep.samples());
    assert_eq!(format!("{both:?}"), "Clip(240 samples)");
}

proptest! {
    #[test]
    fn raw_mu_law_round_trips(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let clip = Clip::from_ulaw(&bytes);
        prop_assert_eq!(clip.samples().len(), bytes.len());
        prop_assert_eq!(Clip::from_ulaw(&clip.to_ulaw()), clip);
    }
}
