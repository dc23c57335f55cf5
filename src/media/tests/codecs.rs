//! Calls in every codec, in packets of every length.

use super::*;
use crate::media::goertzel::{Bin, WHOLE, energy, share};

/// Two ends that have agreed by offer and answer on what each can.
fn line_in(codec: Codec, ptime: u64, comfort_noise: bool, weather: Weather) -> Line {
    let mut line = Line::new(7, weather);
    let able = Capabilities { codecs: vec![codec], comfort_noise, ..Capabilities::default() };
    let offered = able.offer(address(0), 1).replace("a=ptime:20", &format!("a=ptime:{ptime}"));
    let (answered, theirs) = able.answer(&offered, address(1), 2).expect("an offer of ours");
    let ours = accept(&answered, &offered).expect("an answer of ours");
    line.ends[0].session.set_remote(line.now, &ours);
    line.ends[1].session.set_remote(line.now, &theirs);
    line
}

/// The pitch that most of what was forwarded has.
fn is_heard(end: &End, hz: u32) -> bool {
    let frames: Vec<&Frame> =
        end.frames.iter().filter(|frame| energy(&frame[..]) > 1 << 24).collect();
    let pure = frames.iter().filter(|frame| {
        share(Bin::at(hz).power(&frame[..]), energy(&frame[..]), FRAME_SAMPLES) > WHOLE * 9 / 10
    });
    frames.len() >= 20 && pure.count() * 10 > frames.len() * 8
}

#[test]
fn a_tone_crosses_in_every_codec_and_packet_length() {
    for (codec, lengths) in
        [(Codec::Pcma, &[10, 30, 60][..]), (Codec::G722, &[20, 30]), (Codec::Opus, &[20, 40])]
    {
        for ptime in lengths {
            let mut line = line_in(codec, *ptime, false, Weather::default());
            line.ends[0].session.set_forwarding(true);
            line.run(Millis(200));
            line.ends[1].session.play(line.now, 1, Clip::tone(1_000, Millis(600), 8_000));
            line.run(Millis(1_000));
            assert!(is_heard(&line.ends[0], 1_000), "{codec} {ptime} ms");
            let packets: Vec<&Sent> = line.ends[1].sent.iter().map(|(_, sent)| sent).collect();
            let step = (ptime * u64::from(codec.clock_rate()) / 1_000) as u32;
            for pair in packets.windows(2) {
                let [before, after] = [pair[0].header.timestamp, pair[1].header.timestamp];
                assert_eq!(after.wrapping_sub(before), step, "{codec} {ptime} ms");
            }
            assert_eq!(plays(&line.ends[1].events), [(1, None), (1, Some((Millis(600), true)))]);
        }
    }
}

#[test]
fn digits_cross_beside_opus_at_its_clock() {
    let mut line = line_in(Codec::Opus, 20, false, Weather::default());
    press(&mut line, "19#");
    line.run(Millis(1_000));
    assert_eq!(digits(&line.ends[1]), "19#");
    let sent = line.ends[0].sent.iter().map(|(_, sent)| sent);
    let durations: Vec<u16> = sent
        .filter(|sent| sent.header.payload_type == 110)
        .map(|sent| u16::from_be_bytes([sent.payload[2], sent.payload[3]]))
        .collect();
    assert_eq!(durations[..5], [960, 1_920, 2_880, 3_840, 4_800]);
}

#[test]
fn lost_opus_leaves_no_hole_that_a_voice_would_end_at() {
    let weather = Weather { loss: Ppm(50_000), ..Weather::default() };
    let mut line = line_in(Codec::Opus, 20, false, weather);
    line.run(Millis(100));
    line.ends[1].session.play(line.now, 1, voice(Millis(2_000)));
    line.run(Millis(3_000));
    assert_eq!(speech(&line.ends[0]).len(), 2, "one start and one end");
}

#[test]
fn silence_goes_out_as_comfort_noise_where_that_is_agreed() {
    let mut line = line_in(Codec::Pcmu, 20, true, Weather::default());
    line.ends[1].session.set_forwarding(true);
    line.ends[0].session.play(line.now, 1, Clip::tone(1_000, Millis(200), 8_000));
    line.run(Millis(1_200));
    let sent: Vec<&Sent> = line.ends[0].sent.iter().map(|(_, sent)| sent).collect();
    let noise = sent.iter().filter(|sent| sent.header.payload_type == 13).count();
    assert_eq!((sent.len() - noise, noise), (10, 6), "200 ms of audio, then one in 200 ms");
    let last = line.ends[1].frames.last().expect("noise goes on to a bridge");
    assert!(last.iter().any(|sample| *sample != 0) && last.iter().all(|sample| sample.abs() < 50));
    assert!(speech(&line.ends[1]).len() <= 2, "noise is nobody speaking");
}
