//! What an engine is, and which engines this machine has.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{EspeakNg, Kokoro};
use crate::conversation::{Language, Script};
use crate::media::Clip;

/// What to say, and how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PromptRequest {
    /// Which language the text is in.
    pub language: Language,
    /// A voice's name; an engine that lacks it takes its own for the language.
    pub voice: String,
    /// Speed. Units: percent of the voice's own.
    pub rate: u16,
    /// The words.
    pub text: String,
}

impl PromptRequest {
    /// A text at the voice's own speed.
    pub fn new(language: Language, voice: impl Into<String>, text: impl Into<String>) -> Self {
        Self { language, voice: voice.into(), rate: 100, text: text.into() }
    }

    /// Everything a script can say without knowing the customer, once each. A text with
    /// placeholders waits for the call.
    pub fn of_script(script: &Script) -> Vec<Self> {
        let known = script.texts().into_iter().filter(|text| !text.contains('{'));
        known.map(|text| Self::new(script.language(), script.voice(), text)).collect()
    }
}

/// Makes a clip of a text.
pub trait Synthesiser: Send + Sync {
    /// A short name for lists and indexes.
    fn name(&self) -> &str;

    /// Speaks. Blocks for as long as the engine takes.
    ///
    /// # Errors
    /// When the engine is not there or cannot say this.
    fn synthesise(&self, request: &PromptRequest) -> Result<Clip, SynthesisError>;
}

/// Makes words of a clip.
///
/// No engine ships: customers answer with keys, and speech is only noticed, not understood
/// (`media` reports its start and end). An engine that transcribes plugs in here; what it hears
/// goes to `conversation` as text.
pub trait Recogniser: Send + Sync {
    /// A short name for lists.
    fn name(&self) -> &str;

    /// What was said; empty when nothing was.
    fn recognise(&self, language: Language, clip: &Clip) -> String;
}

/// Why a text was not spoken.
#[derive(Debug, thiserror::Error)]
pub enum SynthesisError {
    /// The engine, or part of it, is not on this machine.
    #[error("{what} is not installed: {remedy}")]
    Missing {
        /// What is missing.
        what: String,
        /// The command that installs it.
        remedy: String,
    },
    /// The engine ran and failed.
    #[error("{engine} failed: {reason}")]
    Failed {
        /// Which engine.
        engine: &'static str,
        /// What it said.
        reason: String,
    },
    /// Nothing to say.
    #[error("the text has nothing that can be spoken")]
    Empty,
}

impl SynthesisError {
    pub(super) fn failed(engine: &'static str, reason: impl fmt::Display) -> Self {
        Self::Failed { engine, reason: reason.to_string() }
    }
}

/// The folder with the neural voice: `LEDGERLINE_SPEECH_DIR`, else `speech` in the data folder.
fn speech_folder(data_dir: &Path) -> PathBuf {
    std::env::var_os("LEDGERLINE_SPEECH_DIR").map_or_else(|| data_dir.join("speech"), PathBuf::from)
}

/// The engine for this machine: Kokoro where its files are, else espeak-ng.
pub fn installed(data_dir: &Path) -> Arc<dyn Synthesiser> {
    let kokoro = Kokoro::new(speech_folder(data_dir));
    if kokoro.is_installed() { Arc::new(kokoro) } else { Arc::new(EspeakNg::default()) }
}

/// An engine by name: `kokoro`, `espeak-ng`, or `auto` for the best there is.
pub fn named(name: &str, data_dir: &Path) -> Option<Arc<dyn Synthesiser>> {
    match name {
        "auto" => Some(installed(data_dir)),
        "kokoro" => Some(Arc::new(Kokoro::new(speech_folder(data_dir)))),
        "espeak-ng" => Some(Arc::new(EspeakNg::default())),
        _ => None,
    }
}
