//! Speech engines and the prompts they make.
//!
//! In: a text with its language and voice. Out: a [`crate::media::Clip`], rendered once and kept.
//! [`Prompts`] looks in memory, in the clips that ship with the source tree, in the data folder,
//! and only then asks an engine. Engines: [`Kokoro`], a neural voice that speaks English and
//! Mandarin once `tools/speech/fetch.sh` has brought its files, and [`EspeakNg`], an external
//! program that speaks at once and sounds like a machine. Nothing here links against either.
//!
//! Invariants: the same language, voice, rate and text give the same key whatever engine renders
//! them; a clip in the store is complete or absent; what is missing is named together with the
//! command that installs it. Deliberately absent: when to speak (`conversation`) and sending
//! (`media`); anything asynchronous: callers in tasks use `spawn_blocking`.

mod engine;
mod espeak;
mod kokoro;
pub mod people;
mod prompts;
mod resample;

pub use engine::{PromptRequest, Recogniser, SynthesisError, Synthesiser, installed, named};
pub use espeak::EspeakNg;
pub use kokoro::Kokoro;
pub use prompts::{PromptError, PromptKey, PromptSource, Prompts, Rendered};
pub(crate) use prompts::{shipped_folder, write_clip};
pub use resample::resample;

#[cfg(test)]
mod tests;
