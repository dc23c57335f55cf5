//! Prompts, rendered once and kept.
//!
//! In: what to say. Out: its clip, from the first place that has them: memory, the clips that
//! ship with the source tree, the data folder, the engine. What an engine made is written to the
//! data folder under a temporary name and renamed, so a file is complete or not there.
//!
//! The key leaves the engine out: a clip rendered on a better equipped machine serves everywhere.
//! The other side of it: clips made by a poor engine stay until their file is deleted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fmt, fs, io};

use sha2::{Digest as _, Sha256};

use super::{PromptRequest, SynthesisError, Synthesiser, engine};
use crate::conversation::Language;
use crate::media::Clip;

/// Samples held in memory before those that nobody plays are let go: 64 MiB, over an hour.
const MEMORY: usize = 32 << 20;

/// What makes two requests the same prompt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PromptKey([u8; 32]);

impl PromptKey {
    /// The key of a request: SHA-256 of language, voice, rate and text, white space evened out.
    pub fn of(request: &PromptRequest) -> Self {
        let words: Vec<&str> = request.text.split_whitespace().collect();
        let mut hash = Sha256::new();
        for field in ["prompt 1", request.language.name(), &request.voice] {
            hash.update(field.as_bytes());
            hash.update([0]);
        }
        hash.update(request.rate.to_be_bytes());
        hash.update(words.join(" ").as_bytes());
        Self(hash.finalize().into())
    }

    /// The name of the prompt's file in a folder of prompts.
    pub fn file_name(self) -> String {
        format!("{self}.ulaw")
    }
}

impl fmt::Display for PromptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Half of the hash keeps file names short and is far from ever colliding.
        self.0.iter().take(16).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PromptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "prompt:{self}")
    }
}

/// Where a prompt came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptSource {
    /// Used before in this process.
    Memory,
    /// Ships with the source tree.
    Shipped,
    /// Rendered earlier on this machine.
    Kept,
    /// Rendered just now.
    Synthesised,
}

impl fmt::Display for PromptSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Shipped => "shipped",
            Self::Kept => "kept",
            Self::Synthesised => "synthesised",
        })
    }
}

/// A prompt ready to be played.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// Its key.
    pub key: PromptKey,
    /// What it sounds like.
    pub clip: Clip,
    /// Where it came from.
    pub source: PromptSource,
}

/// Why there is no prompt. The text stays out: a name may have been filled in.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// The engine could not speak it.
    #[error("{language} prompt {key} ({length} characters, {letters}): {source}")]
    Synthesis {
        /// Its language.
        language: Language,
        /// Its key.
        key: PromptKey,
        /// Characters in the text.
        length: usize,
        /// What it is written in.
        letters: &'static str,
        /// What the engine said.
        source: SynthesisError,
    },
    /// A clip could not be kept.
    #[error("prompt file {}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The prompts of one process.
pub struct Prompts {
    shipped: PathBuf,
    kept: PathBuf,
    engine: Arc<dyn Synthesiser>,
    memory: Mutex<BTreeMap<PromptKey, Clip>>,
    /// Held while rendering, so that two callers do not make the same prompt.
    rendering: Mutex<()>,
}

impl Prompts {
    /// Prompts over a folder of shipped clips, a folder for new ones, and an engine.
    pub fn new(
        shipped: impl Into<PathBuf>,
        kept: impl Into<PathBuf>,
        engine: Arc<dyn Synthesiser>,
    ) -> Self {
        Self {
            shipped: shipped.into(),
            kept: kept.into(),
            engine,
            memory: Mutex::new(BTreeMap::new()),
            rendering: Mutex::new(()),
        }
    }

    /// Prompts as a process wants them: the tree's clips, `prompts` in the data folder, and the
    /// best engine of this machine.
    pub fn open(data_dir: &Path) -> Self {
        Self::new(shipped_folder(), data_dir.join("prompts"), engine::installed(data_dir))
    }

    /// A text at the voice's own speed.
    ///
    /// Reads files, and may render, which takes seconds: tasks call it on `spawn_blocking`.
    ///
    /// # Errors
    /// When nobody has it and the engine cannot make it.
    pub fn clip(&self, language: Language, voice: &str, text: &str) -> Result<Clip, PromptError> {
        Ok(self.render(&PromptRequest::new(language, voice, text))?.clip)
    }

    /// The clip if it is in memory already; never blocks for long.
    pub fn ready(&self, request: &PromptRequest) -> Option<Clip> {
        lock(&self.memory).get(&PromptKey::of(request)).cloned()
    }

    /// The prompt, and where it came from.
    ///
    /// # Errors
    /// When nobody has it and the engine cannot make it.
    pub fn render(&self, request: &PromptRequest) -> Result<Rendered, PromptError> {
        let key = PromptKey::of(request);
        if let Some(found) = self.find(key) {
            return Ok(found);
        }
        let _turn = lock(&self.rendering);
        // Whoever was before us may have made it.
        if let Some(found) = self.find(key) {
            return Ok(found);
        }
        let clip = self.engine.synthesise(request).map_err(|source| PromptError::Synthesis {
            language: request.language,
            key,
            length: request.text.chars().count(),
            letters: letters(&request.text),
            source,
        })?;
        write_clip(&self.kept, key, &clip)?;
        // What is kept is µ-law: the first play sounds like every later one.
        let clip = self.remember(key, Clip::from_ulaw(&clip.to_ulaw()));
        Ok(Rendered { key, clip, source: PromptSource::Synthesised })
    }

    /// Has every prompt ready before the first call; `progress` hears of each one, in order.
    ///
    /// # Errors
    /// At the first prompt that cannot be made.
    pub fn prepare(
        &self,
        requests: &[PromptRequest],
        mut progress: impl FnMut(usize, &Rendered),
    ) -> Result<(), PromptError> {
        for (place, request) in requests.iter().enumerate() {
            progress(place, &self.render(request)?);
        }
        Ok(())
    }

    /// The engine's name.
    pub fn engine(&self) -> &str {
        self.engine.name()
    }

    fn find(&self, key: PromptKey) -> Option<Rendered> {
        if let Some(clip) = lock(&self.memory).get(&key).cloned() {
            return Some(Rendered { key, clip, source: PromptSource::Memory });
        }
        let places = [(&self.shipped, PromptSource::Shipped), (&self.kept, PromptSource::Kept)];
        places.into_iter().find_map(|(folder, source)| {
            let bytes = fs::read(folder.join(key.file_name())).ok()?;
            if bytes.is_empty() {
                return None;
            }
            let clip = self.remember(key, Clip::from_ulaw(&bytes));
            Some(Rendered { key, clip, source })
        })
    }

    fn remember(&self, key: PromptKey, clip: Clip) -> Clip {
        let mut memory = lock(&self.memory);
        if memory.values().map(|held| held.samples().len()).sum::<usize>() > MEMORY {
            memory.retain(|_, held| held.is_shared());
        }
        memory.insert(key, clip.clone());
        clip
    }
}

/// Writes a clip into a folder under its key; the folder is made if it is not there.
///
/// # Errors
/// When the folder or the file cannot be written.
pub(crate) fn write_clip(
    folder: &Path,
    key: PromptKey,
    clip: &Clip,
) -> Result<PathBuf, PromptError> {
    let path = folder.join(key.file_name());
    let temporary = folder.join(format!(".{key}.{}.part", std::process::id()));
    let written = fs::create_dir_all(folder)
        .and_then(|()| fs::write(&temporary, clip.to_ulaw()))
        .and_then(|()| fs::rename(&temporary, &path));
    match written {
        Ok(()) => Ok(path),
        Err(source) => Err(PromptError::File { path, source }),
    }
}

/// The folder of clips that ship: `assets/prompts` where the program was started, else in the
/// tree it was built from.
pub(crate) fn shipped_folder() -> PathBuf {
    let here = PathBuf::from("assets/prompts");
    if here.is_dir() { here } else { Path::new(env!("CARGO_MANIFEST_DIR")).join(here) }
}

/// What a text is written in, for messages.
fn letters(text: &str) -> &'static str {
    let han = text.chars().any(|letter| matches!(letter, '\u{3400}'..='\u{9fff}'));
    let latin = text.chars().any(|letter| letter.is_ascii_alphabetic());
    match (han, latin) {
        (true, true) => "Chinese and Latin letters",
        (true, false) => "Chinese characters",
        (false, true) => "Latin letters",
        (false, false) => "no letters known here",
    }
}

/// What a panic left behind is whole: every change under these locks is one insertion.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
