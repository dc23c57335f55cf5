//! `ledgerline speech`: prompts into files.

mod index;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Subcommand;

use index::Row;

use super::{Common, Format, output};
use crate::conversation::Language;
use crate::media::Clip;
use crate::runtime::read_script;
use crate::speech::{self, PromptKey, PromptRequest, PromptSource, Prompts, Synthesiser};

/// Render prompts.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Have every prompt of a script ready, and list them.
    Render(Render),
    /// Say a text into a file.
    Say(Say),
}

#[derive(Debug, clap::Args)]
struct Render {
    /// The script (TOML).
    #[arg(long, value_name = "FILE")]
    script: PathBuf,
    /// Write the clips and their index here instead of into the data folder; what is there
    /// already is kept.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Who speaks: auto, kokoro or espeak-ng.
    #[arg(long, default_value = "auto")]
    engine: String,
}

#[derive(Debug, clap::Args)]
struct Say {
    /// The words.
    text: String,
    /// en or zh.
    #[arg(long, default_value = "en")]
    language: Language,
    /// A voice's name, such as af_heart or zf_xiaoxiao.
    #[arg(long, default_value = "")]
    voice: String,
    /// Speed in percent.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(50..=200))]
    rate: u16,
    /// Who speaks: auto, kokoro or espeak-ng.
    #[arg(long, default_value = "auto")]
    engine: String,
    /// Where to: a name in .wav, or in .ulaw for bare 8 kHz µ-law.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(crate) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    let data_dir = common.load()?.data_dir;
    match args.command {
        Command::Render(render) => run_render(common, &data_dir, &render),
        Command::Say(say) => run_say(common, &data_dir, say),
    }
}

fn engine(name: &str, data_dir: &Path) -> anyhow::Result<Arc<dyn Synthesiser>> {
    match speech::named(name, data_dir) {
        Some(engine) => Ok(engine),
        None => bail!("engine {name:?} is not known; there are auto, kokoro and espeak-ng"),
    }
}

fn run_say(common: &Common, data_dir: &Path, say: Say) -> anyhow::Result<ExitCode> {
    let engine = engine(&say.engine, data_dir)?;
    let mut request = PromptRequest::new(say.language, say.voice, say.text);
    request.rate = say.rate;
    let clip = engine.synthesise(&request)?;
    let bytes = match say.out.extension().and_then(|ending| ending.to_str()) {
        Some("wav") => clip.to_wav(),
        Some("ulaw") => clip.to_ulaw(),
        _ => bail!("{}: wanted a name that ends in .wav or .ulaw", say.out.display()),
    };
    fs::write(&say.out, bytes).with_context(|| format!("{}", say.out.display()))?;
    print(common, &row(&request, &clip, engine.name().to_owned()))?;
    Ok(ExitCode::SUCCESS)
}

fn run_render(common: &Common, data_dir: &Path, render: &Render) -> anyhow::Result<ExitCode> {
    let requests = PromptRequest::of_script(&read_script(&render.script)?);
    let engine = engine(&render.engine, data_dir)?;
    match &render.out {
        Some(folder) => render_into(common, folder, &requests, engine.as_ref())?,
        None => render_all(common, data_dir, &requests, engine)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Into the data folder, through the same look-up as a call's.
fn render_all(
    common: &Common,
    data_dir: &Path,
    requests: &[PromptRequest],
    engine: Arc<dyn Synthesiser>,
) -> anyhow::Result<()> {
    let prompts =
        Prompts::new(speech::shipped_folder(), data_dir.join("prompts"), Arc::clone(&engine));
    for request in requests {
        let rendered = prompts.render(request)?;
        let from = match rendered.source {
            PromptSource::Synthesised => engine.name().to_owned(),
            other => other.to_string(),
        };
        print(common, &row(request, &rendered.clip, from))?;
    }
    Ok(())
}

/// Into a folder that can ship: clips, and an index that says what they are.
fn render_into(
    common: &Common,
    folder: &Path,
    requests: &[PromptRequest],
    engine: &dyn Synthesiser,
) -> anyhow::Result<()> {
    let list = folder.join("index.csv");
    let mut known = index::read(&list)?;
    for request in requests {
        let key = PromptKey::of(request);
        let there = folder.join(key.file_name()).is_file();
        if there && let Some(row) = known.get(&key.to_string()) {
            print(common, row)?;
            continue;
        }
        let clip = engine.synthesise(request).with_context(|| format!("{:?}", request.text))?;
        speech::write_clip(folder, key, &clip)?;
        let row = row(request, &clip, engine.name().to_owned());
        print(common, &row)?;
        known.insert(row.key.clone(), row);
        index::write(&list, &known)?;
    }
    Ok(())
}

fn row(request: &PromptRequest, clip: &Clip, engine: String) -> Row {
    Row {
        key: PromptKey::of(request).to_string(),
        language: request.language.name().to_owned(),
        voice: request.voice.clone(),
        seconds: seconds(clip),
        licence: licence(&engine).to_owned(),
        engine,
        text: request.text.clone(),
    }
}

fn seconds(clip: &Clip) -> String {
    let hundredths = clip.duration().0 / 10;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// Under what terms an engine's clips may be passed on.
fn licence(engine: &str) -> &'static str {
    match engine {
        "kokoro" => "Apache-2.0 (Kokoro-82M)",
        "espeak-ng" => "none: the output of a program",
        _ => "see the index there",
    }
}

fn print(common: &Common, row: &Row) -> anyhow::Result<()> {
    match common.format {
        Format::Json => output::json(row),
        Format::Text => output::line(format!(
            "{}  {:>6} s  {:<11}  {}",
            row.key, row.seconds, row.engine, row.text
        )),
    }
}
