//! `ledgerline bench answers`: who answered, judged from recordings whose answer is known.
//!
//! In: a folder of `LABEL-NAME.wav` (8 kHz, mono, 16 bit), each from the moment of the answer on,
//! where the label is what answered; `tools/answers/make.py` makes one. Out: how many were judged
//! right, how many people were taken for machines, and when it was decided. Each recording
//! goes over RTP from one media session to another, and what is heard there to the classifier, on
//! a clock of its own, as in a call.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;

use crate::base::{Millis, Rng, Timestamp};
use crate::call::tone;
use crate::cli::{Common, Format, output};
use crate::conversation::{AnswerClassifier, AnswerVerdict, Judgement};
use crate::media::{
    Clip, Codec, MediaEvent, MediaOutput, MediaPort, MediaSession, MediaSettings, Negotiated, Wav,
};

/// One step of the clock.
const STEP: Millis = Millis(20);
/// How long is listened on after the recording.
const AFTER: Millis = Millis(1_000);

/// Where the recordings are.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A folder of recordings named LABEL-NAME.wav, the label one of human, machine, fax, sit,
    /// ringback, silence.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Names each recording that was judged wrong.
    #[arg(long)]
    wrong: bool,
}

#[derive(Debug, Default, Serialize)]
struct Figures {
    samples: usize,
    right: usize,
    right_percent: f64,
    humans: usize,
    /// Of those, the ones that were hung up on.
    humans_called_machine: usize,
    humans_called_machine_percent: f64,
    /// From the answer to the first judgement.
    decision_median_ms: u64,
    decision_p90_ms: u64,
    /// The same, median, by label.
    decided: BTreeMap<String, u64>,
    /// From the first sound of people and machines to the first judgement, median.
    from_first_sound_median_ms: u64,
    /// Judged so, by label.
    judged: BTreeMap<String, BTreeMap<&'static str, usize>>,
    wrong: Vec<String>,
}

/// Runs `ledgerline bench answers`.
///
/// # Errors
/// Where a recording cannot be read, or its name has no label.
pub(crate) fn run(common: &Common, args: &Args) -> anyhow::Result<ExitCode> {
    let mut figures = measure(&args.dir)?;
    if !args.wrong {
        figures.wrong.clear();
    }
    match common.format {
        Format::Text => output::text(text(&figures))?,
        Format::Json => output::json(&figures)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(dir: &Path) -> anyhow::Result<Figures> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir)
        .with_context(|| format!("read {}", dir.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "wav"));
    paths.sort_unstable();
    anyhow::ensure!(!paths.is_empty(), "no LABEL-NAME.wav in {}", dir.display());
    let mut figures = Figures::default();
    let mut times = Vec::new();
    let mut from_first_sound = Vec::new();
    let mut by_label: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for path in &paths {
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let label = name.split('-').next().unwrap_or_default();
        let wanted = AnswerVerdict::from_name(label)
            .with_context(|| format!("{}: wanted a label such as human-001.wav", path.display()))?;
        let bytes = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
        let wav = Wav::read(&bytes).with_context(|| format!("read {}", path.display()))?;
        anyhow::ensure!(wav.rate_hz == 8_000, "{}: wanted 8000 Hz", path.display());
        let Listened { judgements, first_sound } = listen(&Clip::new(wav.samples));
        figures.count(name, label, wanted, &judgements);
        let Some(after) = judgements.first().map(|judgement| judgement.after.0) else { continue };
        times.push(after);
        by_label.entry(label.to_owned()).or_default().push(after);
        if matches!(wanted, AnswerVerdict::Human | AnswerVerdict::Machine) {
            from_first_sound.extend(first_sound.map(|sound| after.saturating_sub(sound.0)));
        }
    }
    figures.decision_median_ms = at(&mut times, 50);
    figures.decision_p90_ms = at(&mut times, 90);
    figures.from_first_sound_median_ms = at(&mut from_first_sound, 50);
    figures.decided =
        by_label.into_iter().map(|(label, mut times)| (label, at(&mut times, 50))).collect();
    figures.right_percent = percent(figures.right, figures.samples);
    figures.humans_called_machine_percent = percent(figures.humans_called_machine, figures.humans);
    Ok(figures)
}

/// The value that so many percent of them stay below.
fn at(times: &mut [u64], percent: usize) -> u64 {
    times.sort_unstable();
    times.get(times.len() * percent / 100).copied().unwrap_or(0)
}

fn percent(part: usize, whole: usize) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

impl Figures {
    fn count(&mut self, name: &str, label: &str, wanted: AnswerVerdict, judgements: &[Judgement]) {
        // Whoever is silent is taken for a person who waits.
        let is_person = |verdict| matches!(verdict, AnswerVerdict::Human | AnswerVerdict::Silence);
        // Ringing is told, and then waited through.
        let rang = judgements.iter().any(|judged| judged.verdict == AnswerVerdict::Ringback);
        let last = judgements.last().map(|judged| judged.verdict);
        let found = if wanted == AnswerVerdict::Ringback && rang { Some(wanted) } else { last };
        let is_right = found == Some(wanted) || is_person(wanted) && found.is_some_and(is_person);
        self.samples += 1;
        self.right += usize::from(is_right);
        if wanted == AnswerVerdict::Human {
            self.humans += 1;
            let is_lost = judgements.iter().any(|judged| judged.verdict.is_final());
            self.humans_called_machine += usize::from(is_lost);
        }
        let verdict = found.map_or("none", AnswerVerdict::name);
        *self.judged.entry(label.to_owned()).or_default().entry(verdict).or_default() += 1;
        if !is_right {
            let reasons: Vec<String> = judgements
                .iter()
                .map(|judged| format!("{} after {} ms", judged.reason, judged.after.0))
                .collect();
            self.wrong.push(format!("{name}: {}", reasons.join(", ")));
        }
    }
}

/// What was made of a recording.
#[derive(Default)]
struct Listened {
    judgements: Vec<Judgement>,
    /// From the answer to the first word, where there was one.
    first_sound: Option<Millis>,
}

/// Plays a recording from one session to another; what the classifier makes of it.
fn listen(clip: &Clip) -> Listened {
    let start = Timestamp::EPOCH;
    let rng = Rng::from_seed(1);
    let [us, them] = [40_000, 40_002].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let agreed = |remote| Negotiated::plain(remote, Codec::Pcmu);
    let mut sender = MediaSession::new(MediaSettings::default(), rng.fork("sender"));
    let mut receiver = MediaSession::new(MediaSettings::default(), rng.fork("receiver"));
    sender.set_remote(start, &agreed(us));
    receiver.set_remote(start, &agreed(them));
    let (mut said, mut heard) = (VecDeque::new(), VecDeque::new());
    sender.play(start, 1, clip.clone(), &mut said);
    let mut classifier = AnswerClassifier::new(start);
    let mut listened = Listened::default();
    let mut now = start;
    let end = start.plus(Millis(clip.duration().0 + AFTER.0));
    while now < end {
        sender.handle_timeout(now, &mut said);
        for output in said.drain(..) {
            if let MediaOutput::Transmit { mut bytes, .. } = output {
                receiver.receive(now, MediaPort::Rtp, them, &mut bytes, &mut heard);
            }
        }
        receiver.handle_timeout(now, &mut heard);
        for output in heard.drain(..) {
            if let MediaOutput::Event(event) = output {
                if let MediaEvent::WordStarted { ago, .. } = event {
                    let sound = Millis(now.since(start).0.saturating_sub(ago.0));
                    listened.first_sound.get_or_insert(sound);
                }
                listened.judgements.extend(hear(&mut classifier, now, event));
            }
        }
        listened.judgements.extend(classifier.handle_timeout(now));
        now = now.plus(STEP);
    }
    listened
}

fn hear(classifier: &mut AnswerClassifier, now: Timestamp, event: MediaEvent) -> Option<Judgement> {
    match event {
        MediaEvent::WordStarted { ago, .. } => {
            classifier.word_started(now, ago);
            None
        }
        MediaEvent::WordEnded { duration, ago, .. } => {
            classifier.word_ended(now, duration, ago);
            None
        }
        MediaEvent::SpeechStarted { .. } => {
            classifier.speech_started(now);
            None
        }
        MediaEvent::SpeechEnded { duration, .. } => {
            classifier.speech_ended(now, duration);
            None
        }
        MediaEvent::ProgressHeard { progress, .. } => classifier.tone_heard(now, tone(progress)),
        MediaEvent::Digit { .. } => classifier.key_pressed(now),
        _ => None,
    }
}

fn text(figures: &Figures) -> String {
    let mut lines = vec![
        format!(
            "{} recordings: {:.1} % right, first judged after {} ms (median), {} ms (p90)",
            figures.samples,
            figures.right_percent,
            figures.decision_median_ms,
            figures.decision_p90_ms
        ),
        format!(
            "{} people: {:.1} % taken for a machine",
            figures.humans, figures.humans_called_machine_percent
        ),
    ];
    lines.push(format!(
        "people and machines: first judged {} ms after their first sound (median)",
        figures.from_first_sound_median_ms
    ));
    for (label, verdicts) in &figures.judged {
        let verdicts: Vec<String> =
            verdicts.iter().map(|(verdict, count)| format!("{verdict} {count}")).collect();
        let after = figures.decided.get(label).copied().unwrap_or(0);
        lines.push(format!("{label}: judged {}; after {after} ms (median)", verdicts.join(", ")));
    }
    lines.extend(figures.wrong.iter().map(|wrong| format!("wrong: {wrong}")));
    lines.push(String::new());
    lines.join("\n")
}

#[cfg(test)]
mod tests;
