//! The program that serves a log, which can be killed and come back in the same place.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Finished, Program, certify, data_folder, tree_file};

const USERS: &str = "admin:admin:changeit\nleads:writer:changeit\nboard:reader:changeit\n";

/// How a server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    /// In plain text, by anybody.
    None,
    /// By TLS with an authority of our own, by users.
    Tls,
}

/// Who serves the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// A program that does nothing else.
    Itself,
    /// A platform that runs.
    Platform,
}

/// A server on a port that it keeps.
pub(super) struct Server {
    program: Program,
    folder: TempDir,
    security: Security,
    by: By,
    /// Address and port.
    address: String,
}

impl Server {
    pub(super) fn start(security: Security) -> Self {
        Self::start_by(By::Itself, security)
    }

    /// A platform with one campaign, `loans`, no lead, and a carrier that is not there. Its data
    /// lie in `data` below the folder.
    pub(super) fn start_platform(security: Security) -> Self {
        Self::start_by(By::Platform, security)
    }

    fn start_by(by: By, security: Security) -> Self {
        let folder = data_folder();
        if security == Security::Tls {
            certify(folder.path());
            let users = folder.path().join("users");
            std::fs::write(&users, USERS).expect("write users");
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&users, mode).expect("chmod");
        }
        let (program, address) = serve(folder.path(), by, security, "127.0.0.1:0");
        Self { program, folder, security, by, address }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// How a user connects, with a scheme that the client knows.
    pub(super) fn connection(&self, scheme: &str, user: &str, ca_option: &str) -> String {
        let address = &self.address;
        match self.security {
            Security::None => format!("{scheme}://{address}?tls=false"),
            Security::Tls => {
                let ca = self.folder.path().join("ca.pem");
                let ca = ca.display();
                format!("{scheme}://{user}:changeit@{address}?tls=true&{ca_option}={ca}")
            }
        }
    }

    /// Whether there are users.
    pub(super) fn has_users(&self) -> bool {
        self.security == Security::Tls
    }

    /// Kills it with signal 9 and starts it again.
    pub(super) fn kill(&mut self) {
        self.program.kill();
        self.again();
    }

    /// Asks it to stop, which it has to do well, and starts it again.
    pub(super) fn restart(&mut self) {
        self.stop();
        self.again();
    }

    /// Asks it to stop, which it has to do well. What it said.
    pub(super) fn stop(&mut self) -> Finished {
        let id = self.program.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().expect("the program `kill`");
        assert!(sent.success(), "it was gone already");
        self.program.wait_for_end().expect_success()
    }

    fn again(&mut self) {
        (self.program, _) = serve(self.folder.path(), self.by, self.security, &self.address);
    }
}

/// Starts the program, and waits until it says where it is.
fn serve(folder: &Path, by: By, security: Security, listen: &str) -> (Program, String) {
    let args = match by {
        By::Itself => serve_args(folder, security, listen),
        By::Platform => {
            let path = configure(folder, security, listen);
            ["run", "--config", &path].map(str::to_owned).to_vec()
        }
    };
    let mut program = Program::start(&args);
    let line = program.line_with("kurrentdb://");
    let rest = line.split("kurrentdb://").nth(1).expect("a connection string");
    let (address, tls) = rest.split_once("?tls=").expect("whether by TLS");
    assert_eq!(tls, if security == Security::Tls { "true" } else { "false" }, "{line}");
    (program, address.to_owned())
}

fn serve_args(folder: &Path, security: Security, listen: &str) -> Vec<String> {
    let path = |name: &str| folder.join(name).display().to_string();
    let mut args = ["log", "serve", "--listen", listen, "--data-dir"].map(str::to_owned).to_vec();
    args.push(folder.display().to_string());
    match security {
        Security::None => args.push("--insecure".to_owned()),
        Security::Tls => args.extend([
            "--tls-cert".to_owned(),
            path("server.pem"),
            "--tls-key".to_owned(),
            path("server.key"),
            "--user-file".to_owned(),
            path("users"),
        ]),
    }
    args
}

/// Writes the configuration of a platform, and says where it is.
pub(super) fn configure(folder: &Path, security: Security, listen: &str) -> String {
    let front = match security {
        Security::None => "insecure = true",
        Security::Tls => {
            "tls_cert = \"server.pem\"\ntls_key = \"server.key\"\nuser_file = \"users\""
        }
    };
    let script = tree_file("scripts/business_loan_en.toml");
    let text = format!(
        "data_dir = \"data\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [kurrentdb]\nlisten = \"{listen}\"\n{front}\n\
         [[carriers]]\nid = \"north\"\naddress = \"127.0.0.1:9\"\nweight = 1\nchannels = 1\n\
         [[campaigns]]\nid = \"loans\"\nname = \"Loans\"\nscript = \"{}\"\n",
        script.display()
    );
    let path = folder.join("ledgerline.toml");
    std::fs::write(&path, text).expect("write the configuration");
    path.display().to_string()
}
