//! The program itself with one campaign, and what its log says afterwards.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::peer::wait;

/// A campaign that is about to run.
pub(super) struct Stage {
    folder: TempDir,
    carriers: String,
    sip: String,
    campaign: String,
    listen: SocketAddr,
    http: String,
}

/// The log of a campaign that ran.
pub(super) struct Log(Vec<(String, Value)>);

impl Stage {
    /// A campaign whose leads are `+1 202 555 0110` and the numbers after it.
    pub(super) fn new(leads: u32) -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut file = "phone,name,age\n".to_owned();
        for lead in 0..leads {
            writeln!(file, "+1202555{:04},Test Person,40", 110 + lead).expect("text");
        }
        fs::write(folder.path().join("leads.csv"), file).expect("the leads");
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let (carriers, sip, campaign) = (String::new(), String::new(), String::new());
        let http = "listen = \"127.0.0.1:0\"".to_owned();
        Self { folder, carriers, sip, campaign, listen, http }
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Calls go to this carrier; `more` is further lines of TOML.
    pub(super) fn carrier(&mut self, address: SocketAddr, more: &str) -> &mut Self {
        let id = self.carriers.matches("[[carriers]]").count();
        write!(
            self.carriers,
            "[[carriers]]\nid = \"peer-{id}\"\naddress = \"{address}\"\nweight = 1\n\
             channels = 2\n{more}\n"
        )
        .expect("text");
        self
    }

    /// This phone is an agent's.
    pub(super) fn agent(&mut self, phone: SocketAddr) -> &mut Self {
        let lines = format!("[[agents]]\nid = \"ann\"\nphone = \"{phone}\"\n");
        self.carriers.push_str(&lines);
        self
    }

    /// Agents as tables of TOML.
    pub(super) fn agents(&mut self, tables: &str) -> &mut Self {
        self.carriers.push_str(tables);
        self
    }

    /// Where SIP is spoken; by default anywhere.
    pub(super) const fn listen(&mut self, address: SocketAddr) -> &mut Self {
        self.listen = address;
        self
    }

    /// The lines of `[http]`.
    pub(super) fn http(&mut self, lines: &str) -> &mut Self {
        lines.clone_into(&mut self.http);
        self
    }

    /// Further lines of `[sip]`.
    pub(super) fn sip(&mut self, lines: &str) -> &mut Self {
        lines.clone_into(&mut self.sip);
        self
    }

    /// Further lines of the campaign.
    pub(super) fn campaign(&mut self, lines: &str) -> &mut Self {
        lines.clone_into(&mut self.campaign);
        self
    }

    /// Runs the campaign to its end.
    pub(super) fn run(&self) -> Log {
        self.start().end()
    }

    /// What the program said, once it ran.
    pub(super) fn said(&self) -> String {
        said(self.path())
    }

    /// The log, once it ran.
    pub(super) fn log(&self) -> Log {
        Log::read(&self.path().join("config.toml"))
    }

    /// Begins the campaign, and ends with it.
    pub(super) fn start(&self) -> Running {
        self.start_by(&[], &[], &["--until-complete"])
    }

    /// Begins the campaign through another program, such as `faketime`, with these variables in
    /// the environment and these arguments of `run`.
    pub(super) fn start_by(
        &self,
        through: &[&str],
        variables: &[(&str, &str)],
        arguments: &[&str],
    ) -> Running {
        let (folder, root) = (self.path(), env!("CARGO_MANIFEST_DIR"));
        let (carriers, sip, listen) = (&self.carriers, &self.sip, self.listen);
        let (campaign, http) = (&self.campaign, &self.http);
        let config = format!(
            "data_dir = \"data\"\n[http]\n{http}\n\
             [sip]\nlisten = \"{listen}\"\n{sip}\n{carriers}\n\
             [[campaigns]]\nid = \"peer\"\nname = \"Peer\"\n\
             script = \"{root}/scripts/business_loan_en.toml\"\nleads = \"leads.csv\"\n\
             robot_channels = 2\n{campaign}\n[campaigns.retry]\nmax_attempts = 1\nbusy_after_ms = 1000\n\
             no_answer_after_ms = 1000\ncarrier_failed_after_ms = 1000\n"
        );
        let path = folder.join("config.toml");
        fs::write(&path, config).expect("the configuration");
        let output = |name: &str| File::create(folder.join(name)).expect("a file for its output");
        let program = [env!("CARGO_BIN_EXE_ledgerline")];
        let mut words = through.iter().chain(&program);
        let child = Command::new(words.next().expect("a program"))
            .args(words)
            .arg("--config")
            .arg(&path)
            .arg("run")
            .args(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(output("run.out"))
            .stderr(output("run.err"))
            .spawn()
            .expect("the program starts");
        Running { child, folder: folder.to_owned() }
    }
}

/// A campaign that runs.
pub(super) struct Running {
    child: Child,
    folder: PathBuf,
}

impl Running {
    /// Waits for its end.
    pub(super) fn end(mut self) -> Log {
        let code = wait(&mut self.child, "ledgerline run");
        let errors = fs::read_to_string(self.folder.join("run.err")).unwrap_or_default();
        assert_eq!(code, 0, "{errors}");
        Log::read(&self.folder.join("config.toml"))
    }

    /// What it said so far.
    pub(super) fn said(&self) -> String {
        said(&self.folder)
    }

    /// Waits until it says something.
    pub(super) fn until_it_says(&self, word: &str) {
        for _ in 0..600 {
            if self.said().contains(word) {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        panic!("it never says {word}: {}", self.said());
    }

    /// Asks it to stop, and waits for its end.
    pub(super) fn stop(self) -> Log {
        let id = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status();
        assert!(asked.expect("the program `kill`").success());
        self.end()
    }

    /// Its process.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it, without a word.
    pub(super) fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("its end");
    }
}

fn said(folder: &Path) -> String {
    let read = |name| fs::read_to_string(folder.join(name)).unwrap_or_default();
    read("run.out") + &read("run.err")
}

fn ledgerline(config: &PathBuf) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ledgerline"));
    command.arg("--config").arg(config);
    command
}

impl Log {
    fn read(config: &PathBuf) -> Self {
        let output = ledgerline(config)
            .args(["log", "read", "--format", "json"])
            .output()
            .expect("the program starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let events = text.lines().map(|line| {
            let event: Value = serde_json::from_str(line).expect("JSON");
            (event["type"].as_str().expect("a type").to_owned(), event["data"].clone())
        });
        Self(events.collect())
    }

    /// All of it as text.
    pub(super) fn text(&self) -> String {
        format!("{:?}", self.0)
    }

    /// Every fact of a type, in order.
    pub(super) fn all(&self, name: &str) -> Vec<&Value> {
        self.0.iter().filter(|(event, _)| event == name).map(|(_, data)| data).collect()
    }

    /// Where the first fact of a type stands.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(event, _)| event == name)
    }

    /// The only fact of a type.
    pub(super) fn one(&self, name: &str) -> &Value {
        let found = self.all(name);
        let [fact] = found.as_slice() else {
            let names: Vec<_> = self.0.iter().map(|(event, _)| event.as_str()).collect();
            panic!("{} facts {name} in {names:?}", found.len());
        };
        fact
    }

    /// What a field of every fact of a type says.
    pub(super) fn fields(&self, name: &str, field: &str) -> Vec<&Value> {
        self.all(name).into_iter().map(|fact| &fact[field]).collect()
    }
}
