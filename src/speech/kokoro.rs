//! Kokoro-82M: a neural voice that speaks English and Mandarin.
//!
//! In: text, turned into the phonemes the model was trained on by `english` and `mandarin`. Out:
//! 24 kHz samples brought down to 8 kHz. Model, voices and the ONNX runtime lie in one folder
//! that `tools/speech/fetch.sh` fills; they are opened at the first request, and a machine
//! without them gets [`SynthesisError::Missing`].
//!
//! Model: Kokoro-82M v1.0, Apache-2.0, input names `tokens`, `style`, `speed`. The style is the
//! voice's row for the number of phonemes.

mod english;
mod mandarin;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::session::Session;
use ort::value::Tensor;

use super::resample::finish;
use super::{EspeakNg, PromptRequest, SynthesisError, Synthesiser};
use crate::conversation::Language;
use crate::media::Clip;

/// The engine's name.
const NAME: &str = "kokoro";
/// What the model gives. Units: Hz.
const RATE: u32 = 24_000;
/// Values in one row of a voice.
const STYLE: usize = 256;
/// Rows in a voice: the model takes that many phonemes at most.
const ROWS: usize = 510;
/// Phonemes in one run; long texts are cut at the ends of sentences. Longer runs get rushed.
const CHUNK: usize = 220;
/// What must be there. `complete` is written last: without it the rest may be half there.
const FILES: [&str; 4] = ["complete", "libonnxruntime.so", "kokoro.onnx", "vocab.json"];

/// The neural voice in a folder.
pub struct Kokoro {
    folder: PathBuf,
    espeak: EspeakNg,
    loaded: Mutex<Option<Loaded>>,
}

/// What is opened once.
struct Loaded {
    session: Session,
    vocabulary: BTreeMap<char, i64>,
    voices: BTreeMap<String, Vec<f32>>,
    mandarin: Option<mandarin::Reader>,
}

impl Kokoro {
    /// A voice whose files are in this folder, or are not there yet. Opens nothing.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), espeak: EspeakNg::default(), loaded: Mutex::new(None) }
    }

    /// Whether the folder has everything.
    pub fn is_installed(&self) -> bool {
        FILES.iter().all(|name| self.folder.join(name).is_file())
    }

    fn phonemes(
        &self,
        loaded: &mut Loaded,
        request: &PromptRequest,
    ) -> Result<String, SynthesisError> {
        let mut english = |text: &str| english::phonemes(&self.espeak, text);
        match request.language {
            Language::En => english(&request.text),
            Language::Zh => {
                let reader = loaded.mandarin.get_or_insert_with(mandarin::Reader::new);
                reader.phonemes(&request.text, &mut english)
            }
        }
    }
}

impl Synthesiser for Kokoro {
    fn name(&self) -> &str {
        NAME
    }

    fn synthesise(&self, request: &PromptRequest) -> Result<Clip, SynthesisError> {
        // A panic elsewhere leaves the session as usable as before: runs do not change it.
        let mut guard = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if guard.is_none() {
            *guard = Some(open(&self.folder)?);
        }
        let Some(loaded) = guard.as_mut() else { return Err(SynthesisError::Empty) };
        let phonemes = self.phonemes(loaded, request)?;
        let known: String =
            phonemes.chars().filter(|phoneme| loaded.vocabulary.contains_key(phoneme)).collect();
        if !known.chars().any(char::is_alphabetic) {
            return Err(SynthesisError::Empty);
        }
        let voice = voice_name(&request.voice, request.language);
        let speed = (f32::from(request.rate) / 100.0).clamp(0.5, 2.0);
        let mut samples = Vec::new();
        for chunk in chunks(&known) {
            samples.extend(loaded.run(&self.folder, &voice, chunk, speed)?);
        }
        Ok(finish(&samples, RATE))
    }
}

impl Loaded {
    fn run(
        &mut self,
        folder: &Path,
        voice: &str,
        phonemes: &str,
        speed: f32,
    ) -> Result<Vec<f32>, SynthesisError> {
        let failed = |error: ort::Error| SynthesisError::failed(NAME, error);
        let mut tokens = vec![0];
        tokens.extend(phonemes.chars().filter_map(|phoneme| self.vocabulary.get(&phoneme)));
        tokens.push(0);
        let row = (tokens.len() - 2).min(ROWS - 1);
        if !self.voices.contains_key(voice) {
            let read = read_voice(folder, voice)?;
            self.voices.insert(voice.to_owned(), read);
        }
        let style = self.voices.get(voice).and_then(|rows| rows.chunks_exact(STYLE).nth(row));
        let style = style.ok_or_else(|| SynthesisError::failed(NAME, "a voice is cut short"))?;
        let length = tokens.len();
        let outputs = self
            .session
            .run(ort::inputs! {
                "tokens" => Tensor::from_array(([1, length], tokens)).map_err(failed)?,
                "style" => Tensor::from_array(([1, STYLE], style.to_vec())).map_err(failed)?,
                "speed" => Tensor::from_array(([1_usize], vec![speed])).map_err(failed)?,
            })
            .map_err(failed)?;
        let output = outputs.values().next();
        let output = output.ok_or_else(|| SynthesisError::failed(NAME, "no output"))?;
        let (_, samples) = output.try_extract_tensor::<f32>().map_err(failed)?;
        Ok(samples.to_vec())
    }
}

/// The wanted voice if it speaks the language, else the language's own.
fn voice_name(wanted: &str, language: Language) -> String {
    let (initials, own): (&[char], _) = match language {
        Language::En => (&['a', 'b'], "af_heart"),
        Language::Zh => (&['z'], "zf_xiaoxiao"),
    };
    let plain = wanted.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let fits = plain && wanted.starts_with(initials) && wanted.chars().nth(2) == Some('_');
    if fits { wanted } else { own }.to_owned()
}

/// Cuts at the ends of sentences, else of clauses, so that no piece is too long.
fn chunks(phonemes: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = phonemes.trim();
    while rest.chars().count() > CHUNK {
        let limit = rest.char_indices().nth(CHUNK).map_or(rest.len(), |(at, _)| at);
        let head = &rest[..limit];
        let end = head
            .rfind(['.', '!', '?'])
            .or_else(|| head.rfind([',', ';', ':']))
            .or_else(|| head.rfind(' '))
            .map_or(limit, |at| at + 1);
        pieces.push(rest[..end].trim());
        rest = rest[end..].trim_start();
    }
    pieces.push(rest);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

fn missing(path: &Path, folder: &Path) -> SynthesisError {
    SynthesisError::Missing {
        what: format!("the neural voice ({})", path.display()),
        remedy: format!("tools/speech/fetch.sh {}", folder.display()),
    }
}

fn open(folder: &Path) -> Result<Loaded, SynthesisError> {
    let failed = |error: ort::Error| SynthesisError::failed(NAME, error);
    for name in FILES {
        let path = folder.join(name);
        if !path.is_file() {
            return Err(missing(folder, folder));
        }
    }
    let text = std::fs::read_to_string(folder.join("vocab.json"))
        .map_err(|error| SynthesisError::failed(NAME, error))?;
    let vocabulary =
        vocabulary(&text).ok_or_else(|| SynthesisError::failed(NAME, "vocab.json is broken"))?;
    let runtime = ort::init_from(folder.join("libonnxruntime.so"))
        .map_err(|error| SynthesisError::failed(NAME, error))?;
    let environment = runtime.build().map_err(failed)?;
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get().min(4));
    let session = Session::builder(&environment)
        .map_err(failed)?
        .with_intra_threads(threads)
        .map_err(|error| SynthesisError::failed(NAME, error))?
        .commit_from_file(folder.join("kokoro.onnx"))
        .map_err(failed)?;
    Ok(Loaded { session, vocabulary, voices: BTreeMap::new(), mandarin: None })
}

fn vocabulary(text: &str) -> Option<BTreeMap<char, i64>> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let entries = value.get("vocab")?.as_object()?;
    entries.iter().map(|(name, id)| Some((name.chars().next()?, id.as_i64()?))).collect()
}

fn read_voice(folder: &Path, voice: &str) -> Result<Vec<f32>, SynthesisError> {
    let path = folder.join("voices").join(format!("{voice}.bin"));
    let bytes = std::fs::read(&path).map_err(|_| missing(&path, folder))?;
    let values =
        bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
    Ok(values.collect())
}

#[cfg(test)]
mod tests;
