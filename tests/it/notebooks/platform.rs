//! A platform over a simulated history.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Program, data_folder, number, tree_file};

/// The Python that has what the notebooks need.
pub(super) fn python() -> Command {
    let path = tree_file("target/peers/sql/bin/python");
    assert!(path.exists(), "{} is not there: run tools/setup.sh test", path.display());
    let mut command = Command::new(path);
    command.env("PYTHONUNBUFFERED", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("PYTHONPATH", tree_file("notebooks"));
    command
}

/// Who asks over Flight SQL.
const USER: &str = "analyst";
const PASSWORD: &str = "a-password-of-a-test";

/// A platform with nobody to call, and what happened before.
pub(super) struct Platform {
    home: TempDir,
    data: PathBuf,
    /// Where questions are asked.
    url: String,
    /// Events of the history.
    pub(super) events: u64,
    #[cfg_attr(not(feature = "sql-servers"), expect(dead_code, reason = "it ends when dropped"))]
    program: Program,
}

impl Platform {
    /// Makes a history and starts a platform over it.
    pub(super) fn start(calls: &str) -> Self {
        Self::with(calls, "", &[])
    }

    /// The same, asked over Flight SQL, with TLS and a password.
    #[cfg(feature = "sql-servers")]
    pub(super) fn with_flight(calls: &str) -> Self {
        let users = format!("{USER}:reader:{PASSWORD}");
        let more = "flight = \"127.0.0.1:0\"\ntls_cert = \"ca.pem\"\ntls_key = \"server.key\"\n";
        let mut platform = Self::with(calls, more, &[("LEDGERLINE_SQL_USERS", &users)]);
        let line = platform.program.line_with("grpc+tls://");
        platform.url = line.split_whitespace().last().expect("an address").to_owned();
        platform
    }

    /// The same as [`Self::start`], with more lines of configuration, after those of `[sql]`, and
    /// variables of the environment.
    pub(super) fn with(calls: &str, more: &str, variables: &[(&str, &str)]) -> Self {
        let home = data_folder();
        let data = home.path().join("data");
        let config = home.path().join("ledgerline.toml");
        let script = tree_file("scripts/business_loan_en.toml");
        let text = format!(
            "data_dir = \"data\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
             [[carriers]]\nid = \"nobody\"\naddress = \"127.0.0.1:9\"\nweight = 1\nchannels = 1\n\
             [[campaigns]]\nid = \"idle\"\nname = \"Idle\"\nscript = \"{}\"\n\
             mode = \"progressive\"\nrobot_channels = 1\n\
             [sql]\nstatement_timeout_ms = 600000\n{more}",
            script.display()
        );
        fs::write(&config, text).expect("written");
        let certified =
            rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        fs::write(home.path().join("ca.pem"), certified.cert.pem()).expect("written");
        let key = certified.signing_key.serialize_pem();
        fs::write(home.path().join("server.key"), key).expect("written");
        let start = |args: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_ledgerline"));
            command.args(args).arg("--config").arg(&config).envs(variables.iter().copied());
            Program::spawn(command)
        };
        // So long ago that every segment is old enough to be sealed, on any machine.
        let history = ["sim", "history", "--format=json", "--days=10", "--start=2024-01-01"];
        let made = start(&[&history[..], &["--seed=7", calls]].concat());
        let made = made.finish().expect_success().json();
        let mut program = start(&["run"]);
        let line = program.line_with("console");
        let url = line.split_whitespace().last().expect("an address").to_owned();
        Self { home, data, url, events: number(&made, "events"), program }
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
        command.env_remove("LEDGERLINE_AS_OF").env_remove("LEDGERLINE_PICTURES");
        command.env("LEDGERLINE_URL", &self.url);
        command.env("LEDGERLINE_USER", USER).env("LEDGERLINE_PASSWORD", PASSWORD);
        command.env("LEDGERLINE_CA", self.home().join("ca.pem"));
    }
}
