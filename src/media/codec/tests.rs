//! What goes through a codec comes out as it was: the same pitch, as loud, and in time.

use super::*;
use crate::base::Millis;
use crate::media::goertzel::{Bin, WHOLE, energy, share};
use crate::media::{Clip, FRAME_SAMPLES, OpusFormat};

/// Sends a clip frame by frame, `at_once` frames to a payload.
fn through(codec: Codec, clip: &Clip, at_once: usize) -> Vec<i16> {
    let mut encoder = Encoder::new(codec, &OpusFormat::default());
    let mut decoder = Decoder::default();
    let mut payload = [0; PAYLOAD_MAX];
    let mut heard = Vec::new();
    for frames in clip.samples().chunks_exact(at_once * FRAME_SAMPLES) {
        let length = encoder.encode(frames, &mut payload);
        assert_eq!(Decoder::samples_in(codec, &payload[..length]), frames.len(), "{codec}");
        decoder.decode(codec, &payload[..length], &mut heard);
    }
    assert_eq!(heard.len(), clip.samples().len(), "{codec}");
    heard
}

fn rms(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (sum / samples.len() as f64).sqrt()
}

/// In decibels.
fn gain(from: &[i16], to: &[i16]) -> f64 {
    20.0 * (rms(to) / rms(from)).log10()
}

/// The middle, where nothing begins or ends.
fn middle(samples: &[i16]) -> &[i16] {
    &samples[samples.len() / 4..samples.len() / 4 * 3]
}

#[test]
fn a_tone_keeps_its_level_and_its_pitch() {
    for codec in Codec::ALL {
        for hz in [300, 440, 1_000, 2_100, 3_300] {
            let clip = Clip::tone(hz, Millis(600), 8_000);
            for at_once in [1, 3] {
                let heard = through(codec, &clip, at_once);
                let (sent, heard) = (middle(clip.samples()), middle(&heard));
                let change = gain(sent, heard);
                assert!(change.abs() < 1.5, "{codec} {hz} Hz: {change:.2} dB");
                let frame = &heard[..FRAME_SAMPLES];
                let part = share(Bin::at(hz).power(frame), energy(frame), FRAME_SAMPLES);
                assert!(part > WHOLE * 9 / 10, "{codec} {hz} Hz: {part} of {WHOLE}");
            }
        }
    }
}

#[test]
fn nothing_stays_nothing() {
    for codec in Codec::ALL {
        let heard = through(codec, &Clip::silence(Millis(1_200)), 1);
        let loudest = heard.iter().map(|sample| sample.unsigned_abs()).max();
        assert!(loudest < Some(16), "{codec}: {loudest:?}");
    }
}

#[test]
fn what_is_said_is_heard_within_ten_milliseconds() {
    let clip = Clip::silence(Millis(400)).followed_by(&Clip::tone(1_000, Millis(400), 8_000));
    for codec in Codec::ALL {
        let heard = through(codec, &clip, 1);
        let onset = heard.iter().position(|sample| sample.unsigned_abs() > 4_000);
        let onset = onset.expect("the tone") / 8;
        assert!((400..410).contains(&onset), "{codec}: {onset} ms");
    }
}

#[test]
fn pitches_that_eight_kilohertz_cannot_hold_do_not_come_back_as_others() {
    let at_sixteen = |hz: u32| {
        let clip = Clip::tone(hz / 2, Millis(400), 8_000); // half the pitch at half the rate
        clip.samples().to_vec()
    };
    for (hz, most) in [(3_000, 0.1), (5_000, -35.0), (7_000, -35.0)] {
        let samples = at_sixteen(hz);
        let mut encoder = g722::Encoder::default();
        let pairs = samples.as_chunks().0.iter();
        let bytes: Vec<u8> = pairs.map(|pair| encoder.encode_pair(*pair)).collect();
        let mut heard = Vec::new();
        Decoder::default().decode(Codec::G722, &bytes, &mut heard);
        let change = gain(middle(&samples), middle(&heard));
        assert!(change < most, "{hz} Hz: {change:.1} dB");
        assert!(hz > 4_000 || change > -0.5, "{hz} Hz: {change:.1} dB");
    }
}

#[test]
fn opus_repairs_a_lost_packet_from_the_one_after_it() {
    let format = OpusFormat { use_inband_fec: true, ..OpusFormat::default() };
    let mut encoder = Encoder::new(Codec::Opus, &format);
    let clip = Clip::tone(440, Millis(1_000), 8_000);
    let mut packets: Vec<Vec<u8>> = Vec::new();
    for frame in clip.samples().chunks_exact(FRAME_SAMPLES) {
        let mut payload = [0; PAYLOAD_MAX];
        let length = encoder.encode(frame, &mut payload);
        packets.push(payload[..length].to_vec());
    }
    let mut decoder = Decoder::default();
    let mut heard = Vec::new();
    for (number, packet) in packets.iter().enumerate() {
        match number {
            25 => continue,
            26 => assert!(decoder.repair(Codec::Opus, FRAME_SAMPLES, packet, &mut heard)),
            _ => {}
        }
        decoder.decode(Codec::Opus, packet, &mut heard);
    }
    assert_eq!(heard.len(), clip.samples().len());
    let repaired = &heard[25 * FRAME_SAMPLES..26 * FRAME_SAMPLES];
    let change = gain(middle(clip.samples()), repaired);
    assert!(change.abs() < 6.0, "{change:.1} dB");
    assert!(!decoder.repair(Codec::Pcmu, FRAME_SAMPLES, &[], &mut heard), "nothing to repair with");
}

#[test]
fn codecs_are_read_by_name() {
    for codec in Codec::ALL {
        assert_eq!(codec.name().to_lowercase().parse(), Ok(codec));
    }
    let error = "g729".parse::<Codec>().expect_err("not ours");
    assert_eq!(error.to_string(), "read codec: \"g729\", wanted pcmu, pcma, g722 or opus");
}
