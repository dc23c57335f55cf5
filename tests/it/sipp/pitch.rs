//! Who hears whom, told by the pitch each of them says.

use ledgerline::media::Clip;

use super::baresip::Baresip;

/// A tenth of a second.
const WINDOW: usize = 800;
/// Samples a second of what is judged.
const RATE: usize = 8_000;
/// Bytes of a WAV file before its samples, as phones write them.
const HEADER: usize = 44;

/// How many tenths of a second a pitch is heard in, above everything but noise.
pub(super) fn tenths(clip: &Clip, hz: u32) -> usize {
    let turn = std::f64::consts::TAU * f64::from(hz) / RATE as f64;
    let is_heard = |window: &&[i16]| {
        let (mut sine, mut cosine) = (0.0, 0.0);
        for (at, sample) in window.iter().enumerate() {
            let angle = turn * at as f64;
            sine += f64::from(*sample) * angle.sin();
            cosine += f64::from(*sample) * angle.cos();
        }
        let amplitude = 2.0 * sine.hypot(cosine) / WINDOW as f64;
        amplitude > 400.0
    };
    clip.samples().chunks_exact(WINDOW).filter(is_heard).count()
}

/// What a phone heard, all its calls together: one channel, at the rate of everything here.
pub(super) fn heard_by(phone: &Baresip) -> Clip {
    let clips = phone.heard().into_iter().map(|path| {
        let bytes = std::fs::read(&path).expect("a recording");
        assert!(bytes.len() >= HEADER && bytes[36..40] == *b"data", "{}", path.display());
        let channels = usize::from(u16::from_le_bytes([bytes[22], bytes[23]]));
        let rate = u32::from_le_bytes([bytes[24], bytes[25], bytes[26], bytes[27]]) as usize;
        assert!(rate.is_multiple_of(RATE), "{rate} samples a second");
        let (samples, _) = bytes[HEADER..].as_chunks::<2>();
        let samples = samples.iter().step_by(channels * rate / RATE);
        Clip::new(samples.map(|sample| i16::from_le_bytes(*sample)).collect::<Vec<_>>())
    });
    clips.fold(Clip::new(Vec::new()), |all, one| all.followed_by(&one))
}
