//! espeak-ng as an external program.
//!
//! The program is started without a shell, the text goes over standard input, a WAV comes back
//! over standard output. It is GPL-3.0 and stays outside this program; what it speaks is not
//! covered by its licence.

use std::ffi::OsString;
use std::io::{ErrorKind, Write as _};
use std::process::{Command, Stdio};

use super::resample::finish;
use super::{PromptRequest, SynthesisError, Synthesiser};
use crate::conversation::Language;
use crate::media::{Clip, Wav};

/// The engine's name.
const NAME: &str = "espeak-ng";
/// Its own speed. Units: words a minute.
const WORDS_PER_MINUTE: u32 = 155;

/// The espeak-ng program.
#[derive(Clone, Debug)]
pub struct EspeakNg {
    program: OsString,
}

impl Default for EspeakNg {
    /// `espeak-ng` on the search path.
    fn default() -> Self {
        Self::at(NAME)
    }
}

impl EspeakNg {
    /// A program by name or path.
    pub fn at(program: impl Into<OsString>) -> Self {
        Self { program: program.into() }
    }

    /// The sounds of English text in the International Phonetic Alphabet, affricates and
    /// diphthongs tied with `^`.
    pub(super) fn phonemes(&self, text: &str) -> Result<String, SynthesisError> {
        let output = self.run(&["-q", "--ipa", "--tie=^", "-v", "en-us"], text)?;
        let lines = String::from_utf8_lossy(&output);
        Ok(lines.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    fn run(&self, arguments: &[&str], text: &str) -> Result<Vec<u8>, SynthesisError> {
        let child = Command::new(&self.program)
            .args(arguments)
            .arg("--stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(SynthesisError::Missing {
                    what: NAME.to_owned(),
                    remedy: "apt-get install espeak-ng".to_owned(),
                });
            }
            Err(error) => return Err(SynthesisError::failed(NAME, error)),
        };
        // The program reads everything before it speaks, so writing first cannot block for good.
        if let Some(mut input) = child.stdin.take() {
            let written = input.write_all(text.as_bytes()).and_then(|()| input.write_all(b"\n"));
            written.map_err(|error| SynthesisError::failed(NAME, error))?;
        }
        let output =
            child.wait_with_output().map_err(|error| SynthesisError::failed(NAME, error))?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr);
            let first = reason.lines().next().unwrap_or("no reason given");
            return Err(SynthesisError::failed(NAME, format!("{} ({first})", output.status)));
        }
        Ok(output.stdout)
    }
}

impl Synthesiser for EspeakNg {
    fn name(&self) -> &str {
        NAME
    }

    fn synthesise(&self, request: &PromptRequest) -> Result<Clip, SynthesisError> {
        if request.text.trim().is_empty() {
            return Err(SynthesisError::Empty);
        }
        // The plain `cmn` voice of Debian 12 reads syllables as English letters; the pinyin one
        // knows the characters.
        let voice = match request.language {
            Language::En => "en-us",
            Language::Zh => "cmn-latn-pinyin",
        };
        let speed = (WORDS_PER_MINUTE * u32::from(request.rate) / 100).clamp(80, 450).to_string();
        let output = self.run(&["--stdout", "-v", voice, "-s", &speed], &request.text)?;
        let wav = Wav::read(&output).map_err(|error| SynthesisError::failed(NAME, error))?;
        let samples: Vec<f32> =
            wav.samples.iter().map(|&sample| f32::from(sample) / 32_768.0).collect();
        Ok(finish(&samples, wav.rate_hz))
    }
}
