//! Calls that are recorded: by the real program, killed and not, and read by others.

use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::peer::Sipp;
use super::platform::{Log, Stage};

/// 20 ms of µ-law that no robot says: what the customer sends, over and over.
fn hum() -> [u8; 160] {
    std::array::from_fn(|at| if at % 8 < 4 { 0x90 } else { 0x10 })
}

/// The customer's media, on a socket of its own.
pub(super) struct Customer(UdpSocket);

impl Customer {
    pub(super) fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a media port");
        socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        Self(socket)
    }

    /// The arguments that put it into a scenario's session description.
    pub(super) fn media(&self) -> [String; 3] {
        let port = self.0.local_addr().expect("an address").port();
        ["-key".to_owned(), "gateway_port".to_owned(), port.to_string()]
    }

    /// Sends a packet for each one that comes, so many times, or until none comes any more.
    /// How many there were.
    pub(super) fn hum_for(&self, packets: u32) -> u32 {
        let mut packet = [0; 2_048];
        for number in 0..packets {
            let Ok((_, from)) = self.0.recv_from(&mut packet) else {
                return number;
            };
            self.0.set_read_timeout(Some(Duration::from_secs(3))).expect("a timeout");
            let mut out = vec![0x80, 0];
            out.extend((number as u16).to_be_bytes());
            out.extend((number * 160).to_be_bytes());
            out.extend(0x1234_5678_u32.to_be_bytes());
            out.extend(hum());
            drop(self.0.send_to(&out, from));
        }
        packets
    }
}

fn recorded(stage: &mut Stage) -> &mut Stage {
    stage.campaign("record = true")
}

/// A command of the program on the stage's folder; its output and whether it went well.
pub(super) fn ledgerline(stage: &Stage, args: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ledgerline"))
        .arg("--config")
        .arg(stage.path().join("config.toml"))
        .args(args)
        .output()
        .expect("the program starts");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

pub(super) fn good(stage: &Stage, args: &[&str]) -> String {
    let (is_good, text) = ledgerline(stage, args);
    assert!(is_good, "{args:?}: {text}");
    text
}

pub(super) fn bad(stage: &Stage, args: &[&str]) -> String {
    let (is_good, text) = ledgerline(stage, args);
    assert!(!is_good, "{args:?}: {text}");
    text
}

/// One call of a customer who hums, recorded; its log.
pub(super) fn hummed(stage: &mut Stage) -> Log {
    let customer = Customer::new();
    let sipp = Sipp::carrier(stage.path(), "keys.xml", &customer.media());
    let running = recorded(stage.carrier(sipp.sip, "")).start();
    // After that, silence; the robot says goodbye by itself.
    let hummed = customer.hum_for(150);
    assert!(hummed > 50, "{hummed} packets came");
    let log = running.end();
    drop(sipp);
    log
}

pub(super) fn object(stage: &Stage, log: &Log) -> std::path::PathBuf {
    let location = log.one("RecordingStored")["location"].as_str().expect("a location");
    stage.path().join("data").join(location)
}

/// Both channels of a file as Python reads them: samples left and right.
fn channels(wav: &Path) -> (Vec<i16>, Vec<i16>) {
    let script = "import sys,wave,json\nw=wave.open(sys.argv[1])\n\
                  assert (w.getnchannels(),w.getsampwidth(),w.getframerate())==(2,2,8000)\n\
                  sys.stdout.buffer.write(w.readframes(w.getnframes()))";
    let output =
        Command::new("python3").args(["-c", script]).arg(wav).output().expect("python3 starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let sample = |bytes: &[u8]| i16::from_le_bytes([bytes[0], bytes[1]]);
    let moments = output.stdout.chunks_exact(4);
    moments.map(|both| (sample(&both[..2]), sample(&both[2..]))).unzip()
}

#[test]
fn a_call_is_recorded_found_heard_and_deleted() {
    let mut stage = Stage::new(1);
    let log = hummed(&mut stage);
    let call = log.one("RecordingStarted")["call_id"].as_str().expect("a call").to_owned();
    let fact = log.one("RecordingStored");
    assert_eq!((&fact["is_cut"], &fact["dropped_ms"]), (&json!(false), &json!(0)), "{fact}");
    assert!(log.place("RecordingStarted") < log.place("RecordingStored"));
    assert!(log.place("RecordingStored") < log.place("PlatformStopped"));

    // The bytes on the disk are sealed.
    let bytes = std::fs::read(object(&stage, &log)).expect("the object");
    assert!(!bytes.windows(16).any(|part| part == &hum()[..16]));

    let wav = stage.path().join("call.wav");
    let to = wav.display().to_string();
    good(&stage, &["recording", "export", &call, "--to", &to, "--by", "quality"]);
    let (left, right) = channels(&wav);
    let milliseconds = fact["duration_ms"].as_u64().expect("a length");
    assert_eq!(left.len() as u64, milliseconds * 8);
    // Left is what the customer sent, sample by sample; right is the robot's voice.
    let high = *left.iter().max().expect("samples");
    let hummed = left.iter().filter(|sample| sample.abs() == high).count();
    assert!(hummed > 45 * 160, "{hummed} samples of {} are the customer's", left.len());
    assert!(right.iter().filter(|sample| sample.abs() > 500).count() > 8_000, "the robot spoke");
    let crossed = right.iter().filter(|sample| sample.abs() == high).count();
    assert!(crossed < 800, "the customer is not on the right: {crossed}");

    // Nothing is written over, and what is not written is no copy.
    bad(&stage, &["recording", "export", &call, "--to", &to, "--by", "quality"]);
    let listed = good(&stage, &["recording", "list", "--format", "json"]);
    let rows: Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!((&rows[0]["state"], &rows[0]["accesses"]), (&json!("stored"), &json!(1)));
    good(&stage, &["recording", "verify"]);
    let unknown = "01980000-0000-7000-8000-000000000001";
    assert!(bad(&stage, &["recording", "verify", unknown]).contains("no such call"));

    let error = bad(&stage, &["recording", "delete", &call, "--by", "quality"]);
    assert!(error.contains("is kept until"), "{error}");
    good(&stage, &["recording", "delete", &call, "--early", "--by", "quality"]);
    assert!(!object(&stage, &log).exists());
    let error = bad(&stage, &["recording", "play", &call, "--by", "quality"]);
    assert!(error.contains("deleted (request)"), "{error}");
    let log = stage.log();
    assert_eq!(log.one("RecordingExported")["by"], "quality");
    assert_eq!(log.one("RecordingDeleted")["reason"], "request");
    assert!(log.all("RecordingPlayed").is_empty());
}

#[test]
fn a_flipped_bit_is_placed_and_an_erased_person_is_heard_by_nobody() {
    let mut stage = Stage::new(1);
    let log = hummed(&mut stage);
    let call = log.one("RecordingStarted")["call_id"].as_str().expect("a call").to_owned();
    let object = object(&stage, &log);
    let whole = std::fs::read(&object).expect("the object");
    let mut flipped = whole.clone();
    let place = whole.len() / 2;
    flipped[place] ^= 4;
    std::fs::write(&object, &flipped).expect("written");
    let error = bad(&stage, &["recording", "verify"]);
    assert!(error.contains("damaged at second"), "{error}");
    let error = bad(&stage, &["recording", "play", &call, "--by", "quality"]);
    assert!(error.contains("damaged at second"), "{error}");
    std::fs::write(&object, &whole).expect("written");

    // A copy from before, such as a backup has.
    let copy = stage.path().join("copy.lrec");
    std::fs::copy(&object, &copy).expect("a copy");
    good(&stage, &["leads", "erase", "--phone", "+12025550110"]);
    assert!(!object.exists(), "it is deleted");
    std::fs::copy(&copy, &object).expect("and put back");
    let error = bad(&stage, &["recording", "play", &call, "--by", "quality"]);
    assert!(error.contains("deleted (erasure)"), "{error}");
    let log = stage.log();
    assert_eq!(log.one("RecordingDeleted")["reason"], "erasure");
    assert!(log.all("RecordingPlayed").is_empty());
}

#[test]
fn a_kill_costs_less_than_the_last_second() {
    let mut stage = Stage::new(1);
    let customer = Customer::new();
    let sipp = Sipp::carrier(stage.path(), "keys.xml", &customer.media());
    let running = recorded(stage.carrier(sipp.sip, "")).start();
    // Four seconds of packets have come when it is killed.
    assert_eq!(customer.hum_for(200), 200);
    running.kill();
    drop(sipp);

    let log = stage.start().end();
    let fact = log.one("RecordingStored");
    assert_eq!(fact["is_cut"], true);
    let kept = fact["duration_ms"].as_u64().expect("a length");
    assert!(kept >= 3_000, "kept {kept} ms of 4000");
    good(&stage, &["recording", "verify"]);
    let spool = stage.path().join("data/recordings/spool");
    assert_eq!(std::fs::read_dir(spool).expect("the spool").count(), 0, "nothing waits");
}
