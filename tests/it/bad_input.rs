//! What is wrong outside is said in one clear line, and nothing that was recorded suffers.

mod disk;
mod settings;

use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

use crate::support::{
    Fact, Program, data_folder, facts, json, json_args, number, of_type, run_to_end, sql, text,
    tree_file,
};

/// A configuration with one campaign over one carrier, which may be dead. The campaign dials
/// the two good rows of the lead file for bad input; a dial that fails is repeated at once.
fn configuration(folder: &Path, carrier: &str, http: &str, sip: &str) -> PathBuf {
    let script = tree_file("scripts/business_loan_en.toml");
    let leads = tree_file("leads/broken.csv");
    let text = format!(
        r#"data_dir = "data"
[http]
listen = "{http}"
[sip]
listen = "{sip}"
no_provisional_ms = 400
probe_every_ms = 500
[[carriers]]
id = "north"
address = "{carrier}"
weight = 1
channels = 4
[[campaigns]]
id = "test"
name = "Test"
script = "{}"
leads = "{}"
robot_channels = 2
[campaigns.retry]
max_attempts = 2
busy_after_ms = 1000
no_answer_after_ms = 1000
carrier_failed_after_ms = 500
"#,
        script.display(),
        leads.display()
    );
    let path = folder.join("ledgerline.toml");
    std::fs::write(&path, text).expect("write a configuration");
    path
}

/// An address where nobody listens: it was free a moment ago.
fn nobody() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("its address").to_string()
}

fn with_config(path: &Path, command: &[&str]) -> Vec<String> {
    let path = path.display().to_string();
    command.iter().chain(&["--config", &path]).map(|&arg| arg.to_owned()).collect()
}

#[test]
fn a_lead_file_with_broken_rows_gives_its_good_rows_and_names_the_others() {
    let folder = data_folder();
    let config = configuration(folder.path(), &nobody(), "127.0.0.1:0", "127.0.0.1:0");
    let file = tree_file("leads/broken.csv").display().to_string();
    let import = with_config(&config, &["leads", "import", &file, "--campaign", "test"]);
    let first = run_to_end(&import).expect_success().stdout;
    let lines: Vec<_> = first.lines().collect();
    assert_eq!(lines[0], "test: 2 leads, 7 rows cannot be used, 0 were there already");
    let rows = [
        (3, "phone", "wanted international form"),
        (4, "age", "wanted a whole number from 18 to 120"),
        (5, "phone", "stands in line 2 already"),
        (6, "", "has 4 fields; the header has 12"),
        (7, "phone", "is empty"),
        (8, "name", "is not UTF-8"),
        (9, "age", "wanted a whole number from 18 to 120"),
    ];
    assert_eq!(lines.len(), 1 + rows.len(), "{first}");
    for ((line, column, reason), told) in rows.iter().zip(&lines[1..]) {
        let place = if column.is_empty() {
            format!("  line {line}: ")
        } else {
            format!("  line {line}, column {column}: ")
        };
        assert!(told.starts_with(&place) && told.contains(reason), "{told}");
    }
    let data = folder.path().join("data");
    let before = facts(&data);
    assert_eq!(of_type(&before, "LeadImported").len(), 2);
    let rejected: Vec<_> = of_type(&before, "LeadRowRejected")
        .iter()
        .map(|fact| (number(&fact.0["data"], "line"), text(fact, "column").to_owned()))
        .collect();
    let wanted: Vec<_> = rows.iter().map(|row| (row.0, row.1.to_owned())).collect();
    assert_eq!(rejected, wanted, "what is listed is recorded");

    let again = run_to_end(&import).expect_success().stdout;
    assert!(again.starts_with("test: 0 leads, "), "{again}");
    let after = facts(&data);
    for kind in ["LeadImported", "SubjectRegistered", "LeadRowRejected", "CampaignCreated"] {
        assert_eq!(of_type(&after, kind).len(), of_type(&before, kind).len(), "{kind} twice");
    }
    let leads = sql(&data, "SELECT count(*) AS leads FROM leads");
    assert_eq!(number(&leads[0], "leads"), 2);
}

#[test]
fn a_port_in_use_is_named_and_nothing_starts() {
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
    let http = tcp.local_addr().expect("its address").to_string();
    let folder = data_folder();
    let config = configuration(folder.path(), &nobody(), &http, "127.0.0.1:0");
    let run = run_to_end(&with_config(&config, &["run", "--until-complete"]));
    run.expect_failure(&["HTTP tcp", &http, "another program has this port"]);

    let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let sip = udp.local_addr().expect("its address").to_string();
    let config = configuration(folder.path(), &nobody(), "127.0.0.1:0", &sip);
    let run = run_to_end(&with_config(&config, &["run", "--until-complete"]));
    run.expect_failure(&["SIP udp", &sip, "another program has this port"]);
}

#[test]
fn a_dead_carrier_is_taken_out_and_dialling_goes_on_when_it_is_back() {
    let folder = data_folder();
    let carrier = nobody();
    let config = configuration(folder.path(), &carrier, "127.0.0.1:0", "127.0.0.1:0");
    let mut run = Program::start(&with_config(&config, &["run"]));
    // The line says that the log is open.
    run.line_with("data ");
    let data = folder.path().join("data");
    let mut reader = Program::start(&json_args(&data, &["log", "read", "--follow"]));
    for _ in 0..2 {
        let ended = Fact::parse(&reader.line_with("\"type\":\"AttemptEnded\""));
        assert_eq!(text(&ended, "disposition"), "carrier_failed", "{:?}", ended.0);
    }
    let leads = tree_file("leads/business_loan.csv").display().to_string();
    let mut carrier =
        Program::start(&["sim", "carrier", "--listen", &carrier, "--leads", leads.as_str()]);
    carrier.line_with("\"sip\"");
    reader.line_with("\"type\":\"CarrierRecovered\"");
    let again = Fact::parse(&reader.line_with("\"type\":\"AttemptStarted\""));
    assert_eq!(again.field("attempt_number"), 2, "{:?}", again.0);
    // The people of that carrier are others: it does answer, with 404.
    let ended = Fact::parse(&reader.line_with("\"type\":\"AttemptEnded\""));
    assert_ne!(text(&ended, "disposition"), "carrier_failed", "{:?}", ended.0);
    run.kill();
    let facts = facts(&data);
    assert_eq!(of_type(&facts, "CarrierFailed").len(), 1, "said once, not at every probe");
    let replay = json(&data, &["audit", "replay"]);
    assert_eq!(replay["agreed"], replay["taken"], "{replay}");
}

#[test]
fn a_second_process_on_one_folder_is_refused_and_told_who_has_it() {
    let folder = data_folder();
    let config = configuration(folder.path(), &nobody(), "127.0.0.1:0", "127.0.0.1:0");
    let mut first = Program::start(&with_config(&config, &["run"]));
    first.line_with("data ");
    let second = run_to_end(&with_config(&config, &["run"]));
    second.expect_failure(&["is held by", &first.id().to_string()]);
    // Reading is allowed meanwhile.
    assert!(!facts(&folder.path().join("data")).is_empty());
}
