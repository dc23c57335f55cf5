//! Processes of the program under test.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Fact;

/// How long a process may say nothing while a line is waited for.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How long a process may take to its end.
const END_MAX: Duration = Duration::from_secs(240);

/// A process that runs. Dropping it kills it and its whole group.
pub(crate) struct Program {
    child: Child,
    what: String,
    lines: Receiver<String>,
    /// Lines taken so far, for messages.
    seen: Vec<String>,
    errors: Option<JoinHandle<String>>,
    /// Ends when standard output and error have both ended.
    ended: Receiver<()>,
}

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    what: String,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    /// Starts `ledgerline` with these arguments.
    pub(crate) fn start<S: AsRef<OsStr>>(args: &[S]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ledgerline"));
        command.args(args);
        Self::spawn(command)
    }

    /// Starts any command.
    pub(crate) fn spawn(mut command: Command) -> Self {
        // The environment of whoever runs the tests must not decide what they find.
        for name in ["LEDGERLINE_CONFIG", "LEDGERLINE_DATA_DIR", "LEDGERLINE_LOG", "RUST_LOG"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0);
        let what = format!("{command:?}");
        let mut child = command.spawn().unwrap_or_else(|error| panic!("start {what}: {error}"));
        let (done, ended) = channel();
        let (sender, lines) = channel();
        let stdout = child.stdout.take().expect("piped");
        let stderr = child.stderr.take().expect("piped");
        let of_lines = done.clone();
        std::thread::spawn(move || send_lines(stdout, &sender, of_lines));
        let errors = std::thread::spawn(move || {
            let mut text = Vec::new();
            BufReader::new(stderr).read_to_end(&mut text).expect("read standard error");
            drop(done);
            String::from_utf8_lossy(&text).into_owned()
        });
        Self { child, what, lines, seen: Vec::new(), errors: Some(errors), ended }
    }

    /// Its process number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    /// The next line it prints; nothing at its end.
    pub(crate) fn line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(SILENCE_MAX) {
            Ok(line) => {
                self.seen.push(line.clone());
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("{}: silent for {SILENCE_MAX:?} after {:#?}", self.what, self.last_lines())
            }
        }
    }

    /// The first line from here on that holds `part`.
    pub(crate) fn line_with(&mut self, part: &str) -> String {
        while let Some(line) = self.line() {
            if line.contains(part) {
                return line;
            }
        }
        self.kill();
        let errors = self.errors.take().and_then(|errors| errors.join().ok());
        panic!("{}: ended without {part:?}: {:#?} {errors:?}", self.what, self.last_lines())
    }

    /// What it said last, for messages.
    fn last_lines(&self) -> &[String] {
        self.seen.get(self.seen.len().saturating_sub(5)..).unwrap_or_default()
    }

    /// Kills the process with signal 9, and everything in its group.
    pub(crate) fn kill(&mut self) {
        kill(&format!("-{}", self.child.id()));
        // Nothing is left to wait for where it ended before.
        drop(self.child.wait());
    }

    /// Kills a reader of the log and gives the events it had printed and nobody had taken. The
    /// last line is left out where it was cut off.
    pub(crate) fn kill_and_drain(mut self) -> Vec<Fact> {
        self.kill();
        let is_whole = |line: &String| serde_json::from_str::<serde_json::Value>(line).is_ok();
        self.lines.iter().filter(is_whole).map(|line| Fact::parse(&line)).collect()
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Finished {
        self.wait_for_end()
    }

    /// Waits for its end, and keeps its name for another one in its place.
    pub(crate) fn wait_for_end(&mut self) -> Finished {
        if matches!(self.ended.recv_timeout(END_MAX), Err(RecvTimeoutError::Timeout)) {
            panic!("{}: still there after {END_MAX:?}; said {:#?}", self.what, self.last_lines());
        }
        let status = self.child.wait().expect("wait for a process");
        let mut stdout = std::mem::take(&mut self.seen);
        stdout.extend(self.lines.iter());
        let stderr = self.errors.take().map(|errors| errors.join().expect("its errors"));
        Finished {
            what: self.what.clone(),
            status,
            stdout: stdout.join("\n"),
            stderr: stderr.unwrap_or_default(),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Finished {
    /// Fails with all it said where it did not end well.
    pub(crate) fn expect_success(self) -> Self {
        assert!(self.status.success(), "{}: {self:#?}", self.what);
        self
    }

    /// Its standard output as one JSON document.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: no JSON in {self:#?}"))
    }

    /// The same without warnings on the way there.
    pub(crate) fn without_warnings(mut self) -> Self {
        let kept = self.stderr.lines().filter(|line| !line.contains(" WARN "));
        self.stderr = kept.map(|line| format!("{line}\n")).collect();
        self
    }

    /// The one line of a failure, which holds every one of `parts`.
    pub(crate) fn expect_failure(&self, parts: &[&str]) {
        assert_eq!(self.status.code(), Some(1), "{self:#?}");
        let lines: Vec<_> = self.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "one clear line: {self:#?}");
        for part in parts {
            assert!(lines[0].contains(part), "lacks {part:?}: {self:#?}");
        }
    }
}

/// Runs `ledgerline` with these arguments to its end.
pub(crate) fn run_to_end<S: AsRef<OsStr>>(args: &[S]) -> Finished {
    Program::start(args).finish()
}

/// Kills a process by number, or a group by its negative number.
pub(crate) fn kill(target: &str) {
    let killed = Command::new("kill").args(["-9", "--", target]).stderr(Stdio::null()).output();
    // Who is gone cannot be killed: no failure.
    drop(killed.expect("the program `kill`"));
}

fn send_lines(stdout: impl Read, lines: &Sender<String>, done: Sender<()>) {
    for line in BufReader::new(stdout).lines() {
        let Ok(line) = line else { break };
        if lines.send(line).is_err() {
            break;
        }
    }
    drop(done);
}
