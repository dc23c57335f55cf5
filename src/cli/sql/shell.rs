//! The shell: questions typed on a terminal.
//!
//! In: lines. Out: rows. Invariants: Ctrl-C ends the question that runs, or the line that is
//! typed, and never the shell; what was typed is kept in the data folder, readable by its owner
//! only.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};
use rustyline::config::Configurer as _;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::command::{Command, Shape};
use super::complete::Words;
use super::statement::split;
use super::work::Work;
use crate::cli::{Common, Format, output};
use crate::query::AsOf;

/// What was typed, in the data folder.
const HISTORY: &str = "sql_history";
/// Statements that are kept.
const HISTORY_MAX: usize = 1_000;

type Input = Editor<Words, FileHistory>;

/// The shell, with what has not been ended by `;` yet.
struct Shell {
    work: Work,
    runtime: Runtime,
    /// Ctrl-C, heard from the start: before somebody listens, it would end the process.
    interrupt: Signal,
    input: Input,
    /// Nothing where it cannot be written.
    history: Option<PathBuf>,
    typed: String,
}

pub(super) fn run(common: &Common, as_of: AsOf) -> anyhow::Result<ExitCode> {
    let config = common.load()?;
    let runtime = super::runtime()?;
    let (work, words, interrupt) = runtime.block_on(async {
        let engine = super::engine(&config).await?;
        let mut work = Work::new(engine, as_of, true)?;
        if common.format == Format::Json {
            work.shape = Shape::Json;
        }
        let position = work.position().await;
        let position = position.map_or_else(|| "none".to_owned(), |position| position.to_string());
        output::line(format!(
            "Ledgerline {}, last log position {position}. Questions end with `;`, \\? tells more.",
            env!("CARGO_PKG_VERSION")
        ))?;
        let words = Words::of(&work.tables().await?);
        let interrupt = signal(SignalKind::interrupt()).context("listen for Ctrl-C")?;
        anyhow::Ok((work, words, interrupt))
    })?;
    let (input, history) = input(words, &config.data_dir)?;
    let shell = Shell { work, runtime, interrupt, input, history, typed: String::new() };
    shell.run()
}

/// The line editor, with what was typed before.
fn input(words: Words, data_dir: &Path) -> anyhow::Result<(Input, Option<PathBuf>)> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .max_history_size(HISTORY_MAX)?
        .history_ignore_space(true)
        .build();
    let mut input = Input::with_config(config).context("open the terminal")?;
    input.set_helper(Some(words));
    let path = data_dir.join(HISTORY);
    let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
    let history = match opened {
        Ok(_) => Some(path),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            None
        }
        Err(error) => return Err(error).with_context(|| format!("open {}", path.display())),
    };
    if let Some(path) = &history
        && let Err(error) = input.load_history(path)
    {
        tracing::debug!(%error, "what was typed before cannot be read");
    }
    input.set_auto_add_history(false);
    Ok((input, history))
}

impl Shell {
    fn run(mut self) -> anyhow::Result<ExitCode> {
        loop {
            let prompt = self.prompt();
            match self.input.readline(&prompt) {
                Ok(line) => {
                    if !self.line(&line)? {
                        return Ok(ExitCode::SUCCESS);
                    }
                }
                // The line is given up.
                Err(ReadlineError::Interrupted) => self.typed.clear(),
                Err(ReadlineError::Eof) => return Ok(ExitCode::SUCCESS),
                Err(error) => return Err(anyhow!(error).context("read from the terminal")),
            }
        }
    }

    fn prompt(&self) -> String {
        let as_of = self.work.as_of().map(|moment| format!(" as of {moment}")).unwrap_or_default();
        match self.typed.is_empty() {
            true => format!("ledgerline{as_of}> "),
            false => format!("{:>1$} ", "->", "ledgerline>".len() + as_of.len()),
        }
    }

    /// Does what one line says. Whether to go on.
    fn line(&mut self, line: &str) -> anyhow::Result<bool> {
        if self.typed.is_empty() && line.trim_start().starts_with('\\') {
            self.remember(line.trim_end());
            let Self { work, runtime, interrupt, .. } = self;
            let done = match Command::parse(line) {
                Ok(command) => runtime.block_on(or_interrupt(interrupt, work.command(command))),
                Err(problem) => Err(anyhow!(problem)),
            };
            return told(done, true);
        }
        self.typed.push_str(line);
        self.typed.push('\n');
        let parts = split(&self.typed);
        if !parts.whole.is_empty() {
            let entry = self.typed.trim_end().to_owned();
            self.remember(&entry);
        }
        self.typed = parts.rest;
        for statement in &parts.whole {
            let Self { work, runtime, interrupt, .. } = self;
            let done = runtime.block_on(or_interrupt(interrupt, work.statement(statement)));
            let is_done = done.is_ok();
            told(done, ())?;
            if !is_done {
                break;
            }
        }
        Ok(true)
    }

    fn remember(&mut self, entry: &str) {
        let added = self.input.add_history_entry(entry);
        if let (Ok(true), Some(path)) = (added, &self.history)
            && let Err(error) = self.input.append_history(path)
        {
            tracing::debug!(%error, "what was typed cannot be kept");
        }
    }
}

/// Work that Ctrl-C ends.
async fn or_interrupt<T>(
    interrupt: &mut Signal,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    tokio::select! {
        done = work => done,
        _ = interrupt.recv() => Err(anyhow!("run SQL: cancelled")),
    }
}

/// What came of it; an error is said, and the shell goes on. One that nobody can be told ends it.
fn told<T>(done: anyhow::Result<T>, otherwise: T) -> anyhow::Result<T> {
    match done {
        Err(error) if output::is_broken_pipe(&error) => Err(error),
        Err(error) => {
            output::error(&error);
            Ok(otherwise)
        }
        Ok(done) => Ok(done),
    }
}
