//! A platform over a simulated history.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Program, data_folder, json, number, tree_file};

/// The Python that has what the notebooks need.
pub(super) fn python() -> Command {
    let path = tree_file("target/peers/sql/bin/python");
    assert!(path.exists(), "{} is not there: run tools/setup.sh test", path.display());
    let mut command = Command::new(path);
    command.env("PYTHONUNBUFFERED", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("PYTHONPATH", tree_file("notebooks"));
    command
}

/// A platform with nobody to call, and what happened before.
pub(super) struct Platform {
    home: TempDir,
    data: PathBuf,
    address: String,
    /// Events of the history.
    pub(super) events: u64,
    _program: Program,
}

impl Platform {
    /// Makes a history and starts a platform over it.
    pub(super) fn start(calls: &str) -> Self {
        Self::with(calls, "", &[])
    }

    /// The same, with more lines of configuration and variables of the environment.
    pub(super) fn with(calls: &str, more: &str, variables: &[(&str, &str)]) -> Self {
        let home = data_folder();
        let data = home.path().join("data");
        // So long ago that every segment is old enough to be sealed, on any machine.
        let days = ["--days=10", "--start=2024-01-01", "--seed=7"];
        let made = json(&data, &[&["sim", "history", calls], &days[..]].concat());
        let config = home.path().join("ledgerline.toml");
        let script = tree_file("scripts/business_loan_en.toml");
        let text = format!(
            "data_dir = \"data\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [[carriers]]\nid = \"nobody\"\naddress = \"127.0.0.1:9\"\nweight = 1\nchannels = 1\n\
             [[campaigns]]\nid = \"idle\"\nname = \"Idle\"\nscript = \"{}\"\n\
             mode = \"progressive\"\nrobot_channels = 1\n{more}",
            script.display()
        );
        fs::write(&config, text).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_ledgerline"));
        command.arg("run").arg("--config").arg(&config).envs(variables.iter().copied());
        let mut program = Program::spawn(command);
        let line = program.line_with("console");
        let address = line.split_whitespace().last().expect("an address").to_owned();
        Self { home, data, address, events: number(&made, "events"), _program: program }
    }

    /// The data folder; it is called `data` in [`Self::home`].
    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    /// The folder with the data folder and the configuration.
    pub(super) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Lets a script ask this platform.
    pub(super) fn told_to(&self, command: &mut Command) {
        command.env("LEDGERLINE_URL", &self.address);
        for name in ["LEDGERLINE_AS_OF", "LEDGERLINE_PICTURES", "LEDGERLINE_USER"] {
            command.env_remove(name);
        }
    }
}
