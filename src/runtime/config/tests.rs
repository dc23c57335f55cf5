use super::*;

fn check(text: &str, want: &str) {
    let error = Config::parse(Path::new("l.toml"), text).expect_err("must be refused").to_string();
    assert!(error.contains(want), "wanted {want:?} in {error:?}");
}

const CARRIER: &str =
    "[[carriers]]\nid = \"north\"\naddress = \"127.0.0.1:5060\"\nweight = 2\nchannels = 10\n";

#[test]
fn an_empty_file_starts() {
    let config = Config::parse(Path::new("l.toml"), "").expect("defaults");
    assert_eq!(config.http.listen.port(), 8080);
}

#[test]
fn a_wrong_key_names_its_line_and_the_right_ones() {
    check(
        "node = \"a\"\n[http]\nlisten_on = 1\n",
        "line 3, column 1: unknown field `listen_on`, expected `listen`",
    );
}

#[test]
fn networks_and_ports_of_media_are_read_and_nonsense_names_its_line() {
    let text = format!(
        "[media]\nports = \"10000-19999\"\nthreads = 2\n{CARRIER}\
         media_networks = [\"198.51.100.0/24\", \"2001:db8::/32\"]\n"
    );
    let config = Config::parse(Path::new("l.toml"), &text).expect("good");
    assert_eq!(config.media.ports.map(|ports| ports.pairs()), Some(5_000));
    let relay = "198.51.100.7".parse().expect("an address");
    assert!(config.carriers[0].media_networks[0].contains(relay));
    let networks = |text: &str| format!("{CARRIER}media_networks = [{text}]\n");
    check(&networks("\"198.51.100.0/33\""), "line 6, column 18: read network: \"198.51.100.0/33\"");
    check(&networks("\"relay.example.com\""), "wanted an address and the bits that count");
    check(&networks("\"0.0.0.0/0\""), "line 6, column 18: carriers.media_networks: 0.0.0.0/0");
    check("[media]\nports = \"10001-19999\"\n", "line 2, column 9: read media ports");
    check("[media]\npriority = \"high\"\n", "line 2, column 12");
    check("[media]\nthreads = 0\n", "line 2, column 11");
    check("[media]\nthreads = 65\n", "line 2");
}

#[test]
fn a_wrong_value_names_its_line_and_what_would_be_right() {
    check("[http]\nlisten = \"here\"\n", "line 2, column 10");
    check("[[campaigns]]\nid = \"Bad Id\"\n", "a-z, 0-9");
    check(
        "[[campaigns]]\nid=\"a\"\nname=\"a\"\nscript=\"s\"\nmode = \"turbo\"\n",
        "unknown variant `turbo`, expected `progressive`",
    );
}

const CAMPAIGN: &str = "[[campaigns]]\nid = \"a\"\nname = \"A\"\nscript = \"s\"\n";
const RETRY: &str = "[campaigns.retry]\nmax_attempts = 3\nbusy_after_ms = 1\n\
                     no_answer_after_ms = 1\ncarrier_failed_after_ms = 1\n";
const WEIGHTS: &str = "[campaigns.weights]\ncustomer_value = 400000\nrobot_fit = 300000\n\
                       agent_skill = 200000\nline_quality = 100000\n";

#[test]
fn settings_that_do_not_go_together_name_their_line() {
    check(
        &format!("{CARRIER}{CARRIER}"),
        "line 7, column 6: carriers.id: north stands twice; ids must differ",
    );
    check(&format!("{CARRIER}user = \"a\"\n"), "line 6, column 8: carriers.user: wanted with");
    let limit = format!("{CARRIER}calls_per_second = 0\n");
    check(&limit, "carriers.calls_per_second: 0; wanted 1 to 10000");
    let sim = "[[carriers.sims]]\nid = \"a\"\n";
    check(&format!("{CARRIER}{sim}"), "carriers.sims: a.prefix: wanted a prefix or a header");
    let sim = format!("{sim}prefix = \"1\"\n");
    check(&format!("{CARRIER}{sim}{sim}"), "carriers.sims: a stands twice; ids must differ");
    check(&format!("{CARRIER}password = \"a\"\n"), "line 6, column 12: carriers.password: wanted");
    check(
        &format!("{CAMPAIGN}{}", WEIGHTS.replace("300000", "300001")),
        "line 5, column 1: campaigns.weights: the four add up to 1000001; wanted 1000000",
    );
    let sealing = |keys: &str| format!("[sealing]\n{keys}\n");
    check(&sealing("region = \"r\""), "line 2, column 10: sealing.region: there is no store");
    check(&sealing("cache_mib = 1"), "sealing.cache_mib: 1; wanted 64 to");
    let text = "[projections]\nendpoint = \"https://host\"\n";
    check(text, "line 2, column 12: projections.endpoint: there is no store");
    check(
        "[projections]\nupload_every_s = 0\n",
        "projections.upload_every_s: 0; wanted 1 to 86400",
    );
}

#[cfg(feature = "s3")]
#[test]
fn a_store_that_cannot_be_names_its_line() {
    let sealing = |keys: &str| format!("[sealing]\nstore = \"s3://b/p\"\n{keys}\n");
    let url = "line 3, column 12: sealing.endpoint: wanted https://host:port";
    check(&sealing("endpoint = \"host:9000\""), url);
    check(&sealing("endpoint = \"https://who:secret@host\""), url);
    check(&sealing("virtual_hosted = true"), "sealing.virtual_hosted: set `endpoint` to");
    for wrong in ["b/p", "s3:///p", "s3://a b/p", "s3://b//p"] {
        let text = format!("[sealing]\nstore = \"{wrong}\"\n");
        check(&text, "line 2, column 9: sealing.store: wanted s3://bucket/prefix, such as");
    }
    #[cfg(feature = "analytics")]
    check(
        "[projections]\nstore = \"views\"\n",
        "line 2, column 9: projections.store: wanted s3://",
    );
}

#[test]
fn a_number_out_of_range_names_its_line_and_what_is_allowed() {
    check(
        &CARRIER.replace("= 2", "= 0"),
        "line 4, column 10: carriers.weight: 0; wanted 1 to 1000",
    );
    check(&CARRIER.replace("= 10", "= 100001"), "carriers.channels: 100001; wanted 1 to 100000");
    let agent = "[[agents]]\nid = \"alex\"\nphone = \"127.0.0.1:5080\"\n";
    let line = "line 4, column 13: agents.skill_ppm: 1000001; wanted 0 to 1000000";
    check(&format!("{agent}skill_ppm = 1000001\n"), line);
    let campaign = |key: &str| format!("{CARRIER}\n{CAMPAIGN}{key}\n");
    check(
        &campaign("robot_channels = 0"),
        "line 11, column 18: campaigns.robot_channels: 0; wanted 1 to 100000",
    );
    for wrong in ["999", "180001"] {
        let line =
            format!("line 11, column 19: campaigns.ring_timeout_ms: {wrong}; wanted 1000 to");
        check(&campaign(&format!("ring_timeout_ms = {wrong}")), &line);
    }
    check("[sealing]\nafter_mib = 1\n", "line 2, column 13: sealing.after_mib: 1; wanted 64 to");
    check("[sealing]\nafter_hours = 0\n", "sealing.after_hours: 0; wanted 1 to 8760");
    check(&campaign("seed = -1"), "line 11, column 8: invalid value: integer `-1`, expected 0 to");
    check(&campaign("seed = 1.5"), "line 11, column 8: invalid type: floating point `1.5`");
    check(&campaign(&RETRY.replace("= 3", "= 0")), "max_attempts: 0; wanted 1 to 100");
    check("data_dir = \"d\"\nnode = \"\"\n", "line 2, column 8: node: wanted 1 to 64 bytes");
    check(&format!("node = \"{}\"\n", "n".repeat(65)), "line 1, column 8: node: wanted 1 to 64");
    check("[sip]\nprobe_every_ms = 0\n", "line 2, column 18: sip.probe_every_ms: 0; wanted 100 to");
    check(
        "[sip]\ncaller = \"2025550100\"\n",
        "line 2, column 10: sip.caller: wanted a number such",
    );
}

#[test]
fn a_phone_has_an_address_or_registers() {
    let agent = |keys: &str| format!("[[agents]]\nid = \"alex\"\n{keys}\n");
    check(&agent(""), "line 1, column 1: agents: wanted a phone: its address, or user and");
    check(&agent("user = \"a\""), "agents.user: wanted with a password");
    check(&agent("password = \"hunter2\""), "agents.password: wanted with a user");
    let phone = "phone = \"127.0.0.1:5080\"";
    let both = agent(&format!("{phone}\nuser = \"a\"\npassword = \"b\""));
    check(&both, "line 3, column 9: agents.phone: wanted an address, or user and password");
    let moving = agent("user = \"a\"\npassword = \"hunter2\"");
    check(&format!("{moving}{}", moving.replace("alex", "kim")), "agents.user: a stands twice");
    let config = Config::parse(Path::new("l.toml"), &moving).expect("a good file");
    assert!(config.agents[0].credentials().is_some());
    assert!(!format!("{config:?}").contains("hunter2"));
    check("[sip]\nphone_digests = []\n", "sip.phone_digests: wanted md5, sha-256 or both");
    check("[sip]\nphone_realm = \"a\\\"b\"\n", "sip.phone_realm: wanted a text without");
}

#[test]
fn what_a_carrier_knows_us_by_is_checked() {
    let carrier = |keys: &str| format!("{CARRIER}{keys}\n");
    check(&carrier("register = true"), "carriers.register: wanted with a user and a password");
    check(&carrier("domain = \"a b\""), "carriers.domain: wanted a host such as");
    check(&carrier("caller = \"1\""), "carriers.caller: wanted a number such as");
    check(&carrier("tech_prefix = \"9@\""), "carriers.tech_prefix: wanted 1 to 12 of");
    check(&carrier("register_expires_s = 59"), "carriers.register_expires_s: 59; wanted 60 to");
    check(&carrier("identity = \"rpid\""), "expected one of `from`, `asserted`, `preferred`");
    let text = carrier("tech_prefix = \"77#\"");
    let config = Config::parse(Path::new("l.toml"), &text).expect("a good file");
    assert_eq!(config.carriers[0].called("+15555550123"), "77#15555550123");
}

#[test]
fn the_inner_tables_of_a_campaign_are_strict_and_whole() {
    let text = format!("{CAMPAIGN}{RETRY}{WEIGHTS}");
    let config = Config::parse(Path::new("l.toml"), &text).expect("a good file");
    assert_eq!(config.campaigns[0].weights, RoutingWeights::default());
    check(
        &format!("{CAMPAIGN}{RETRY}busy_after = 1\n"),
        "line 10, column 1: unknown field `busy_after`, expected one of `max_attempts`",
    );
    check(
        &format!("{CAMPAIGN}{WEIGHTS}luck = 0\n"),
        "line 10, column 1: unknown field `luck`, expected one of `customer_value`",
    );
    check(
        &format!("{CAMPAIGN}[campaigns.retry]\nmax_attempts = 1\n"),
        "missing field `busy_after_ms`",
    );
}

#[test]
fn facts_with_fields_of_a_later_version_are_still_read() {
    let text = r#"{"max_attempts":1,"busy_after_ms":1,"no_answer_after_ms":1,
        "carrier_failed_after_ms":1,"voicemail_after_ms":1}"#;
    assert_eq!(serde_json::from_str::<RetryRule>(text).expect("tolerant").max_attempts, 1);
    let text = r#"{"customer_value":1,"robot_fit":2,"agent_skill":3,"line_quality":4,"luck":5}"#;
    let weights: RoutingWeights = serde_json::from_str(text).expect("tolerant");
    assert_eq!(weights.line_quality, Ppm(4));
}

#[test]
fn a_secret_of_the_wrong_type_is_not_repeated() {
    for wrong in ["12345678", "12345678.5", "[\"12345678\"]", "{ a = 12345678 }"] {
        let text = format!("{CARRIER}user = \"a\"\npassword = {wrong}\n");
        check(&text, "line 7, column 12: wanted a secret as text in quotation marks");
        let error = Config::parse(Path::new("l.toml"), &text).expect_err("must be refused");
        assert!(!format!("{error} {error:?}").contains("12345678"));
    }
    let text = format!("{CARRIER}user = \"a\"\npassword = \"12345678\n");
    let error = Config::parse(Path::new("l.toml"), &text).expect_err("must be refused");
    assert!(!format!("{error} {error:?}").contains("12345678"));
}

#[test]
fn secrets_never_print() {
    let text = format!("{CARRIER}user = \"a\"\npassword = \"hunter2\"\n");
    let config = Config::parse(Path::new("l.toml"), &text).expect("a good file");
    assert_eq!(config.carriers[0].password.as_ref().map(Secret::reveal), Some("hunter2"));
    let printed = format!("{config:?} {}", serde_json::to_string(&config).expect("JSON"));
    assert!(!printed.contains("hunter2"));
}

#[cfg(feature = "kurrentdb")]
mod kurrentdb {
    use super::*;

    const PLAIN: &str = "[kurrentdb]\ninsecure = true\n";
    const TLS: &str = "[kurrentdb]\ntls_cert = \"a.pem\"\ntls_key = \"a.key\"\n";

    #[test]
    fn the_log_is_served_with_tls_or_on_loopback() {
        for good in [PLAIN, TLS, &format!("{TLS}listen = \"0.0.0.0:2113\"\n")] {
            let config = Config::parse(Path::new("l.toml"), good).expect("a good file");
            assert_eq!(config.kurrentdb.map(|front| front.has_tls()), Some(good != PLAIN));
        }
        check("node = \"a\"\n[kurrentdb]\n", "line 2, column 1: kurrentdb: give tls_cert and");
        check(
            &format!("{PLAIN}listen = \"0.0.0.0:2113\"\n"),
            "line 3, column 10: kurrentdb.listen: 0.0.0.0:2113: without TLS others",
        );
        check(&format!("{TLS}insecure = true\n"), "line 4, column 12: kurrentdb.insecure: wanted");
        check("[kurrentdb]\ntls_cert = \"a\"\n", "kurrentdb.tls_cert: wanted with tls_key");
        check("[kurrentdb]\ntls_key = \"a\"\n", "kurrentdb.tls_key: wanted with tls_cert");
    }

    #[test]
    fn what_cannot_be_served_names_its_line() {
        check(&format!("{PLAIN}lisen = 1\n"), "line 3, column 1: unknown field `lisen`, expected");
        check(&format!("{PLAIN}max_append_bytes = 1\n"), "line 3, column 20: kurrentdb.max_append");
        check(
            &format!("log = \"esdb://localhost:2113?tls=false\"\n{PLAIN}"),
            "line 2, column 1: kurrentdb: the log is on a server",
        );
    }

    #[test]
    fn a_file_allows_as_many_bytes_as_the_command() {
        let most = KurrentdbConfig::default().max_append_bytes;
        assert_eq!(most, crate::kurrentdb::server::APPEND_MAX);
    }

    #[test]
    fn files_lie_beside_the_configuration() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("l.toml");
        std::fs::write(&path, TLS).expect("a file");
        let front = Config::load(&path).expect("a good file").kurrentdb.expect("the table");
        assert_eq!(front.tls_key, Some(folder.path().join("a.key")));
    }
}

#[cfg(feature = "sql-servers")]
mod sql {
    use super::*;

    const PLAIN: &str = "[sql]\ninsecure = true\n";
    const TLS: &str = "[sql]\ntls_cert = \"a.pem\"\ntls_key = \"a.key\"\n";

    #[test]
    fn questions_are_served_with_tls_or_on_loopback() {
        let everywhere = "postgres = \"0.0.0.0:5433\"\n";
        let here = "flight = \"127.0.0.1:0\"\n";
        for good in
            ["[sql]\nmemory_mib = 64\n", &format!("{PLAIN}{here}"), &format!("{TLS}{everywhere}")]
        {
            drop(Config::parse(Path::new("l.toml"), good).expect("a good file"));
        }
        check(&format!("[sql]\n{here}"), "line 1, column 1: sql: give tls_cert and");
        check(
            &format!("{PLAIN}{everywhere}"),
            "line 3, column 12: sql.postgres: 0.0.0.0:5433: without TLS others",
        );
        check(&format!("{TLS}insecure = true\n"), "line 4, column 12: sql.insecure: wanted");
        check("[sql]\ntls_cert = \"a\"\n", "sql.tls_cert: wanted with tls_key");
        check("[sql]\nrunning = 0\n", "line 2, column 11: sql.running: 0");
        check("[sql]\npostgress = 1\n", "line 2, column 1: unknown field `postgress`, expected");
    }

    #[test]
    fn files_lie_beside_the_configuration() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("l.toml");
        std::fs::write(&path, TLS).expect("a file");
        let sql = Config::load(&path).expect("a good file").sql;
        assert_eq!(sql.tls_key, Some(folder.path().join("a.key")));
    }
}

#[cfg(not(feature = "kurrentdb"))]
#[test]
fn a_program_that_cannot_serve_the_log_says_so() {
    check("[kurrentdb]\ninsecure = true\n", "line 1, column 1: kurrentdb: this program was built");
}

#[test]
fn reports_and_the_mail_server_name_what_is_wrong_and_no_address() {
    let plan = "[[reports.plans]]\nid = \"daily\"\nkind = \"daily\"\n";
    let smtp = "[smtp]\nhost = \"mail.example.com\"\nfrom = \"reports@example.com\"\n";
    check("[reports]\nutc_offset = \"+05:30\"\n", "line 2, column 14: reports.utc_offset: wanted");
    check(
        "[reports]\nutc_offset = \"Asia/Shanghai\"\n",
        "is no offset from UTC; wanted one such as",
    );
    check(&format!("{plan}{plan}"), "daily stands twice; ids must differ");
    check(&format!("{plan}to = [\"ada@example.com\"]\n"), "daily.to: wanted with [smtp]");
    check(&plan.replace("\"daily\"\n", "\"yearly\"\n"), "unknown variant `yearly`");
    let wrong = format!("{plan}to = [\"ada@example.com\", \"bo at home\"]\n{smtp}");
    check(&wrong, "daily.to: number 2: wanted an address such as");
    let error = Config::parse(Path::new("l.toml"), &wrong).expect_err("refused").to_string();
    assert!(!error.contains("bo at home"), "{error}");
    check(&format!("{smtp}tls = \"none\"\n"), "line 4, column 7: smtp.tls: without TLS");
    check(&format!("{smtp}password_file = \"p\"\n"), "smtp.password_file: wanted with a user");
    check(&smtp.replace("reports@", "reports at "), "line 3, column 8: smtp.from: wanted");
    let good = format!("{plan}to = [\"Ada <ada@example.com>\"]\n{smtp}");
    let config = Config::parse(Path::new("l.toml"), &good).expect("good");
    let shown = serde_json::to_string(&config).expect("JSON");
    assert!(!shown.contains("ada@example.com") && !format!("{config:?}").contains("ada@"));
}

#[test]
fn an_address_that_peers_cannot_reach_is_refused() {
    for (lines, wanted) in [
        ("listen = \"0.0.0.0:5060\"", Some("sip.listen: is every address of this machine")),
        ("listen = \"[::]:5060\"", Some("sip.listen: is every address of this machine")),
        ("tcp = \"0.0.0.0:5060\"", Some("sip.tcp: is every address of this machine")),
        ("listen = \"0.0.0.0:5060\"\nadvertised = \"203.0.113.5\"", None),
        ("advertised = \"0.0.0.0\"", Some("sip.advertised: wanted the address")),
        ("advertised_port = 0", Some("sip.advertised_port: wanted 1 to 65535")),
        ("tls_cert = \"a.pem\"", Some("sip.tls_cert: wanted with `tls_key`")),
    ] {
        let read = Config::parse(Path::new("l.toml"), &format!("[sip]\n{lines}\n"));
        match (read, wanted) {
            (Ok(_), None) => {}
            (Err(error), Some(wanted)) => {
                assert!(error.to_string().contains(wanted), "{lines}: {error}");
            }
            (read, _) => panic!("{lines}: {:?}", read.map(drop)),
        }
    }
}

#[test]
fn a_transport_is_read_with_what_belongs_to_it() {
    let carrier = |more: &str| {
        let head =
            "[[carriers]]\nid = \"a\"\naddress = \"192.0.2.1:5061\"\nweight = 1\nchannels = 1";
        Config::parse(Path::new("l.toml"), &format!("{head}\n{more}\n"))
    };
    let config = carrier("transport = \"tcp\"").expect("a transport");
    assert_eq!(config.carriers[0].transport, Some(TransportName::Tcp));
    let error = carrier("tls_name = \"sip.example.com\"").expect_err("without TLS");
    assert!(error.to_string().contains("carriers.tls_name"), "{error}");
    carrier("transport = \"sctp\"").expect_err("no such transport");
}

#[test]
fn a_carrier_may_have_a_name() {
    let carrier = |address: &str, more: &str| {
        let head = format!("[[carriers]]\nid = \"a\"\naddress = \"{address}\"");
        Config::parse(Path::new("l.toml"), &format!("{head}\nweight = 1\nchannels = 1\n{more}\n"))
    };
    let named = carrier("SIP.Example.com:5070", "").expect("a name").carriers.remove(0);
    assert_eq!(named.host().as_deref(), Some("sip.example.com:5070"));
    assert_eq!(named.certified_name().as_deref(), Some("sip.example.com"));
    assert!(!named.may_choose(), "a port is said");
    assert!(carrier("sip.example.com", "").expect("a name").carriers[0].may_choose());
    let tls = carrier("sip.example.com", "transport = \"tls\"\ntls_name = \"b.example\"");
    let tls = tls.expect("TLS").carriers.remove(0);
    assert_eq!(tls.certified_name().as_deref(), Some("b.example"));
    assert_eq!(tls.host().as_deref(), Some("sip.example.com;transport=tls"));
    let number = carrier("192.0.2.1", "").expect("a number").carriers.remove(0);
    assert_eq!((number.host(), number.certified_name()), (None, None));
    let text = |address: &str| carrier(address, "").expect_err("refused").to_string();
    for (address, wanted) in [
        ("sip.example.com:0", "line 3, column 11: wanted a port of 1 to 65535"),
        ("192.0.2.300", "line 3, column 11: wanted an IP address"),
        ("sip_1.example.com", "line 3, column 11: wanted a host name of letters"),
        ("sip:a.example", "line 3, column 11: wanted a host such as sip.example.com"),
    ] {
        assert!(text(address).contains(wanted), "{}", text(address));
    }
    check("[sip]\ndns = [\"dns.example\"]", "sip.dns: dns.example: wanted IP addresses");
    check("[sip]\ndns_keep_s = 0", "sip.dns_keep_s: 0; wanted 1 to 3600");
}

#[test]
fn recordings_are_kept_long_enough_and_somewhere() {
    let recording = |keys: &str| format!("[recording]\n{keys}\n");
    let config = Config::parse(Path::new("l.toml"), "").expect("defaults");
    assert_eq!(config.recording.days, 180);
    check(
        &recording("days = 90"),
        "line 2, column 8: recording.days: 90; wanted 180 to 36500: complaints and audits come",
    );
    check(&recording("store = \"file:here\""), "recording.store: wanted a whole path, such as");
    check(&recording("endpoint = \"https://s.example.com\""), "recording.endpoint: there is no");
    check(&recording("spool_max_mib = 1"), "recording.spool_max_mib: 1; wanted 64 to");
    let must = format!("{CAMPAIGN}record_required = true\n");
    check(&must, "campaigns.record_required: wanted with `record = true`");
    let off = format!(
        "{}{CAMPAIGN}record = true\nrecord_required = true\n",
        recording("enabled = false")
    );
    check(&off, "campaigns.record_required: wanted with");
    let folder = Config::parse(Path::new("l.toml"), &recording("store = \"file:/srv/rec\""));
    let store = folder.expect("a folder").recording.open_store(Path::new("data")).expect("a store");
    assert_eq!(store.location("a.lrec"), "file:/srv/rec/a.lrec");
}
