use super::*;
use crate::runtime::config::KurrentdbConfig;

const TEXT: &str = r#"
[[carriers]]
id = "north"
address = "127.0.0.1:5060"
weight = 2
channels = 10
user = "a"
password = "hunter2"

[[campaigns]]
id = "loan"
name = "Loan"
script = "script.toml"
leads = "leads.csv"
seed = 7
"#;

/// The log is served in plain text, on loopback.
fn front() -> KurrentdbConfig {
    KurrentdbConfig { insecure: true, ..KurrentdbConfig::default() }
}

fn config() -> Config {
    Config::parse(Path::new("l.toml"), TEXT).expect("a good file")
}

#[test]
fn what_is_shown_can_be_read_back_and_hides_secrets() {
    let served = Config { kurrentdb: Some(front()), ..Config::default() };
    let with_front = cfg!(feature = "kurrentdb").then_some(served);
    for config in [Config::default(), config()].into_iter().chain(with_front) {
        let shown = to_toml(&config).expect("TOML");
        assert!(!shown.contains("hunter2"), "{shown}");
        let mut again = Config::parse(Path::new("l.toml"), &shown).expect("TOML of ours");
        // The password is the only thing that is lost.
        for (carrier, old) in again.carriers.iter_mut().zip(&config.carriers) {
            carrier.password.clone_from(&old.password);
        }
        assert_eq!(again, config);
    }
}

#[test]
fn files_that_are_not_there_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = config();
    for campaign in &mut config.campaigns {
        campaign.script = folder.path().join("script.toml");
        campaign.leads = Some(folder.path().join("leads.csv"));
    }
    std::fs::write(folder.path().join("script.toml"), "").expect("write");
    let missing = missing_files(&config);
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert!(missing[0].starts_with("campaign loan: leads "), "{missing:?}");
    let users = Some(folder.path().join("users"));
    config.kurrentdb = Some(KurrentdbConfig { user_file: users, ..front() });
    let missing = missing_files(&config);
    assert!(missing[0].starts_with("kurrentdb: user_file "), "{missing:?}");
}
