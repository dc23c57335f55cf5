//! Reports are made when they are due and mailed at most once, against a real mail server.

use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;

use crate::support::{Finished, Program, data_folder, tree_file};

/// The days of calls in [`Site::with_history`]: from 2026-09-07 on.
const DAYS: &str = "4";

/// A folder with certificates, a configuration and data, and the mail server it names.
struct Site {
    folder: TempDir,
    mail: Program,
}

impl Site {
    /// A site whose daily reports go to two people by a mail server with this kind of TLS.
    fn new(tls: &str) -> Self {
        let folder = data_folder();
        certify(folder.path());
        let file = |name: &str| folder.path().join(name).display().to_string();
        std::fs::create_dir(folder.path().join("box")).expect("make a folder");
        let mut command = Command::new(python());
        command.arg(tree_file("tests/it/reports/mail_server.py"));
        command.args([&file("box"), &file("server.pem"), &file("server.key"), tls]);
        let mut mail = Program::spawn(command);
        let port = mail.line_with("port ").trim_start_matches("port ").to_owned();
        let site = Self { folder, mail };
        site.configure(&port, tls, "ada@example.com");
        std::fs::write(site.path("password"), "changeit\n").expect("write a password");
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn configure(&self, port: &str, tls: &str, ada: &str) {
        let script = tree_file("scripts/business_loan_en.toml");
        let text = format!(
            r#"data_dir = "data"
[http]
listen = "127.0.0.1:0"
[sip]
no_provisional_ms = 400
[[carriers]]
id = "north"
address = "127.0.0.1:9"
weight = 1
channels = 1
[[campaigns]]
id = "test"
name = "Test"
script = "{}"
[reports]
utc_offset = "+08:00"
[[reports.plans]]
id = "daily"
kind = "daily"
to = ["Ada <{ada}>", "bo@example.com"]
[smtp]
host = "localhost"
port = {port}
tls = "{tls}"
ca_file = "ca.pem"
from = "Reports <reports@example.com>"
user = "reports"
password_file = "password"
"#,
            script.display()
        );
        std::fs::write(self.path("ledgerline.toml"), text).expect("write a configuration");
    }

    fn start(&self, args: &[&str]) -> Program {
        let config = self.path("ledgerline.toml").display().to_string();
        let mut all = args.to_vec();
        all.extend(["--config", &config]);
        Program::start(&all)
    }

    fn run(&self, args: &[&str]) -> Finished {
        self.start(args).finish()
    }

    /// Simulated calls of some days.
    fn with_history(self) -> Self {
        let calls = ["--calls", "400", "--seed", "7", "--days", DAYS];
        self.run(&[&["sim", "history"], &calls[..]].concat()).expect_success();
        self
    }

    /// What the mail server took, by its count from 1.
    fn message(&self, count: u32) -> String {
        let path = self.path("box").join(format!("{count}.eml"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn messages(&self) -> usize {
        let folder = std::fs::read_dir(self.path("box")).expect("the folder");
        folder
            .filter(|entry| {
                entry
                    .as_ref()
                    .is_ok_and(|entry| entry.path().extension().is_some_and(|it| it == "eml"))
            })
            .count()
    }

    /// The lines that `report due` prints as of a moment.
    fn due(&self, now: &str) -> Vec<String> {
        let finished = self.run(&["report", "due", "--now", now]);
        finished.stdout.lines().map(str::to_owned).collect()
    }

    /// What the log knows of each report, as `period state`.
    fn states(&self) -> Vec<String> {
        let list = self.run(&["report", "list", "--format", "json"]).expect_success().json();
        let list = list.as_array().expect("a list").clone();
        let text = |entry: &serde_json::Value, name: &str| {
            entry[name].as_str().unwrap_or_default().to_owned()
        };
        list.iter().map(|it| format!("{} {}", text(it, "period"), text(it, "state"))).collect()
    }
}

/// The Python with aiosmtpd.
fn python() -> PathBuf {
    let path = tree_file("target/peers/sql/bin/python");
    assert!(path.exists(), "{} is not there: run tools/setup.sh test", path.display());
    path
}

/// A certificate for this machine by an authority of our own.
fn certify(folder: &Path) {
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "an authority for a test");
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate().expect("a key");
    let ca = authority.self_signed(&key).expect("a certificate");
    let issuer = Issuer::new(authority, key);
    let mut server = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    server.distinguished_name.push(DnType::CommonName, "a mail server for a test");
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().expect("a key");
    let certificate = server.signed_by(&key, &issuer).expect("a certificate");
    let pieces = [
        ("ca.pem", ca.pem()),
        ("server.pem", certificate.pem()),
        ("server.key", key.serialize_pem()),
    ];
    for (name, text) in pieces {
        std::fs::write(folder.join(name), text).expect("write PEM");
    }
}

/// A header of a message.
fn header(message: &str, name: &str) -> String {
    let start = format!("{name}: ");
    let line = message.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("no {name} in {message}")).to_owned()
}

#[test]
fn a_report_that_was_on_its_way_in_a_crash_is_not_sent_again_and_what_was_missed_comes_in_order() {
    let site = Site::new("starttls").with_history();
    // Midnight of the site is 16:00 UTC. The process dies when the mail server has the message
    // and before it says so.
    std::fs::write(site.path("box/wait"), "").expect("write");
    let mut victim = site.start(&["report", "due", "--now", "2026-09-07T16:30:00Z"]);
    std::fs::write(site.path("box/new"), victim.id().to_string()).expect("write");
    std::fs::rename(site.path("box/new"), site.path("box/victim")).expect("rename");
    let killed = victim.wait_for_end();
    assert!(!killed.status.success() && killed.stdout.is_empty(), "{killed:?}");
    assert_eq!(site.messages(), 1);
    let first = site.message(1);
    assert_eq!(header(&first, "Subject"), "Daily report 2026-09-07");
    assert_eq!(header(&first, "X-Envelope-To"), "ada@example.com");

    // Two minutes later at the earliest it is certain that nobody is at it any more.
    assert_eq!(site.due("2026-09-07T16:31:00Z"), ["nothing is due"]);
    let told = site.due("2026-09-07T17:00:00Z");
    assert!(told[0].starts_with("daily 2026-09-07: nobody knows whether it was sent"), "{told:?}");
    assert_eq!(site.due("2026-09-08T10:00:00Z"), ["nothing is due"]);
    assert_eq!(site.states(), ["2026-09-07 unknown"]);
    let list = site.run(&["report", "list"]).expect_success();
    let id = header(&first, "Message-ID");
    assert!(list.stdout.contains(&id) && list.stdout.contains("--again"), "{list:?}");

    // Three days later the three that were missed are there, oldest first.
    let told = site.due("2026-09-10T17:00:00Z");
    let sent: Vec<_> = told.iter().filter(|line| line.ends_with(": sent")).collect();
    assert_eq!(
        sent,
        ["daily 2026-09-08: sent", "daily 2026-09-09: sent", "daily 2026-09-10: sent"]
    );
    let subjects = [2, 3, 4].map(|count| header(&site.message(count), "Subject"));
    let days = ["2026-09-08", "2026-09-09", "2026-09-10"];
    assert_eq!(subjects, days.map(|day| format!("Daily report {day}")));
    assert_eq!(site.messages(), 4);

    // Whoever looked into the mail server's log decides; the message is the same one.
    let now = "2026-09-10T18:00:00Z";
    let refused = site.run(&["report", "send", "daily", "2026-09-07", "--now", now]);
    refused.expect_failure(&["send report daily 2026-09-07", "may have been sent", "--again"]);
    let again = ["report", "send", "daily", "2026-09-07", "--again", "--now", now];
    site.run(&again).expect_success();
    assert_eq!(header(&site.message(5), "Message-ID"), id);
    let states = site.states();
    assert!(states.iter().all(|state| state.ends_with(" sent")) && states.len() == 4, "{states:?}");

    // Nobody's address is in the log.
    let log = site.run(&["log", "read", "--format", "json"]).expect_success();
    assert!(log.stdout.contains("ReportSending"), "the log is read");
    let has_address = ["ada@example.com", "bo@example.com"].map(|it| log.stdout.contains(it));
    assert_eq!(has_address, [false, false], "addresses in the log");
}

#[test]
fn what_the_mail_server_refuses_is_said_without_addresses_and_tried_again() {
    let site = Site::new("implicit").with_history();
    let config = std::fs::read_to_string(site.path("ledgerline.toml")).expect("read");
    let with = |from: &str, to: &str| {
        assert!(config.contains(from), "{from}");
        let text = config.replace(from, to);
        std::fs::write(site.path("ledgerline.toml"), text).expect("write");
    };
    let check = |now: &str, why: &str| {
        let finished = site.run(&["report", "due", "--now", now]);
        assert_eq!(finished.status.code(), Some(1), "{finished:?}");
        let last = finished.stdout.lines().last().unwrap_or_default();
        assert!(last.starts_with(&format!("daily 2026-09-07: not sent: {why}")), "{finished:?}");
        assert!(!format!("{finished:?}").contains("nobody@"), "{finished:?}");
    };
    with("ada@example.com", "nobody@example.com");
    check("2026-09-07T17:00:00Z", "name recipient 1 of 2: refused with 550");
    std::fs::write(site.path("wrong"), "open sesame").expect("write");
    with("password_file = \"password\"", "password_file = \"wrong\"");
    check("2026-09-07T17:01:00Z", "sign in to the mail server: refused with 535");
    // Not the authority that signed: the server's own certificate.
    with("ca_file = \"ca.pem\"", "ca_file = \"server.pem\"");
    check("2026-09-07T17:05:00Z", "connect to the mail server: invalid peer certificate");
    with("host = \"localhost\"", "host = \"127.0.0.1\"");
    check("2026-09-07T17:20:00Z", "connect to the mail server: invalid peer certificate");
    assert_eq!(site.messages(), 0);
    with("", "");
    assert_eq!(site.due("2026-09-07T18:00:00Z"), ["daily 2026-09-07: sent"]);
    assert_eq!(site.messages(), 1);
}

#[test]
fn a_running_platform_makes_and_mails_what_is_due() {
    let mut site = Site::new("starttls");
    let mut platform = site.start(&["run", "--format", "json"]);
    assert!(platform.line().is_some(), "it starts");
    site.mail.line_with("taken 1");
    let id = platform.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status().expect("the program `kill`");
    assert!(sent.success(), "it was gone already");
    platform.finish().expect_success();
    let states = site.states();
    assert!(states.len() == 1 && states[0].ends_with(" sent"), "{states:?}");
    let subject = header(&site.message(1), "Subject");
    let day = states[0].trim_end_matches(" sent");
    assert_eq!(subject, format!("Daily report {day}"));
    let page = site.path("data/reports/daily").join(format!("{day}.html"));
    let page = std::fs::read_to_string(page).expect("the page is kept");
    assert!(page.contains(&subject), "{page}");
    let shown = site.run(&["config", "show"]).expect_success();
    assert!(!shown.stdout.contains("ada@") && !shown.stdout.contains("changeit"), "{shown:?}");
}

#[test]
fn every_report_is_printed_on_paper() {
    let site = Site::new("starttls").with_history();
    for (kind, words) in [
        (&["daily", "--day", "2026-09-08"][..], "Daily report 2026-09-08"),
        (&["review", "--day", "2026-09-08", "--language", "zh"][..], "外呼复盘 2026-09-08"),
        (&["hourly", "--hour", "2026-09-08T22"][..], "Hourly report 2026-09-08 22:00"),
    ] {
        let path = site.path("page.pdf").display().to_string();
        let printing = [&["report"][..], kind, &["--as", "pdf", "--out", &path]].concat();
        site.run(&printing).expect_success();
        let mut command = Command::new(python());
        // Fonts have one glyph for a radical and the character that looks like it.
        let script = "import sys, unicodedata, pypdf\n\
                      pages = pypdf.PdfReader(sys.argv[1]).pages\n\
                      text = ''.join(page.extract_text() for page in pages)\n\
                      print(len(pages), ' '.join(unicodedata.normalize('NFKC', text).split()))";
        command.args(["-c", script, &path]);
        let text = Program::spawn(command).finish().expect_success().stdout;
        let text = text.replace('\u{a0}', " ");
        assert!(text.contains(words), "{words}: {text}");
    }
    let config = site.path("ledgerline.toml").display().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ledgerline"));
    command.args(["report", "daily", "--as", "pdf", "--out", "/dev/null", "--config", &config]);
    command.env("CHROMIUM", "/nowhere/chromium");
    let finished = Program::spawn(command).finish();
    finished.expect_failure(&["print PDF: there is no chromium", "CHROMIUM", "html"]);
}
