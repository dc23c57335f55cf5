//! A baresip process: an agent's phone that somebody else wrote, and what its owner does with it.
//!
//! It is told by its module ctrl_tcp: JSON in netstrings, with events between the answers.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::peer::{free_port, now};

/// Samples of the file it speaks: a minute at 8 kHz.
const SAMPLES: u32 = 480_000;

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(40);
/// What a plain phone says. Units: Hz.
const PITCH: u32 = 400;

/// A phone that registers every minute and takes every call.
pub(super) struct Baresip {
    /// Where it takes calls.
    pub(super) sip: SocketAddr,
    /// The first of its media ports.
    pub(super) rtp: u16,
    child: Child,
    folder: PathBuf,
    control: u16,
}

/// What a phone can do, and what it says.
#[derive(Clone)]
pub(super) struct Traits {
    /// How it encrypts, as its module calls that: `srtp`, `srtp-mand`, `dtls_srtp`.
    pub(super) encryption: Option<&'static str>,
    /// Its codecs, the best first.
    pub(super) codecs: &'static str,
    /// Whether RTCP may share the port of RTP.
    pub(super) rtcp_mux: bool,
    /// A WAV file of what it says.
    pub(super) speech: Vec<u8>,
    /// Further lines of its configuration.
    pub(super) more: String,
}

impl Default for Traits {
    fn default() -> Self {
        let codecs = "PCMU/8000/1,PCMA/8000/1";
        Self {
            encryption: None,
            codecs,
            rtcp_mux: false,
            speech: speech(PITCH),
            more: String::new(),
        }
    }
}

impl Traits {
    /// Saying a pitch.
    pub(super) fn saying(hz: u32) -> Self {
        Self { speech: speech(hz), ..Self::default() }
    }

    /// What they add to an account and to a configuration.
    fn lines(&self) -> (String, String) {
        let mut account = format!("audio_codecs={}", self.codecs);
        let mut modules = self.more.clone();
        if let Some(encryption) = self.encryption {
            account += &format!(";mediaenc={encryption}");
            let is_dtls = encryption == "dtls_srtp";
            modules += if is_dtls { "module dtls_srtp.so\n" } else { "module srtp.so\n" };
        }
        for (codec, module) in [("G722", "g722"), ("opus", "opus")] {
            if self.codecs.contains(codec) {
                modules += &format!("module {module}.so\n");
            }
        }
        (account, modules)
    }
}

impl Baresip {
    /// Starts it. It registers as this user.
    pub(super) fn start(folder: &Path, registrar: SocketAddr, user: &str, password: &str) -> Self {
        Self::registered(folder, registrar, user, password, &Traits::default())
    }

    /// The same, as it is told.
    pub(super) fn registered(
        folder: &Path,
        registrar: SocketAddr,
        user: &str,
        password: &str,
        traits: &Traits,
    ) -> Self {
        let account = format!(
            "<sip:{user}@{registrar}>;auth_user={user};auth_pass={password};regint=60;\
             answermode=auto"
        );
        Self::launch(folder.join(user), &account, traits)
    }

    /// Starts one that registers nowhere and is called by this name.
    pub(super) fn called(folder: &Path, user: &str, traits: &Traits) -> Self {
        let account = format!("<sip:{user}@127.0.0.1>;regint=0;answermode=auto");
        Self::launch(folder.join("called"), &account, traits)
    }

    /// One that registers over TLS, and trusts `ca.pem` of that folder.
    pub(super) fn over_tls(
        folder: &Path,
        registrar: SocketAddr,
        user: &str,
        password: &str,
    ) -> Self {
        let account = format!(
            "<sip:{user}@{registrar};transport=tls>;auth_user={user};auth_pass={password};\
             regint=60;answermode=auto"
        );
        let trust = format!("sip_cafile {}\n", folder.join("ca.pem").display());
        Self::launch(folder.join(user), &account, &Traits { more: trust, ..Traits::default() })
    }

    fn launch(folder: PathBuf, account: &str, traits: &Traits) -> Self {
        fs::create_dir_all(&folder).expect("a folder for baresip");
        let (more, modules) = traits.lines();
        fs::write(folder.join("accounts"), format!("{account};{more}\n")).expect("its account");
        let (sip, rtp, control) = (free_port(), free_port(), free_port());
        let rtcp_mux = if traits.rtcp_mux { "yes" } else { "no" };
        let config = format!(
            "sip_listen 127.0.0.1:{sip}\nnet_interface 127.0.0.1\ncall_max_calls 4\n\
             audio_source aufile,{}\naudio_alert aufile,/dev/null\nausrc_srate 8000\n\
             auplay_srate 8000\nausrc_channels 1\nauplay_channels 1\nrtp_ports {rtp}-{}\n\
             ctrl_tcp_listen 127.0.0.1:{control}\nsnd_path {}\n\
             rtcp_mux {rtcp_mux}\nmodule_path /usr/lib/baresip/modules\nmodule g711.so\n\
             module aufile.so\nmodule_tmp uuid.so\nmodule_tmp account.so\nmodule_app menu.so\n\
             module_app ctrl_tcp.so\nmodule sndfile.so\n{modules}",
            folder.join("speech.wav").display(),
            rtp + 6,
            folder.display(),
        );
        fs::write(folder.join("config"), config).expect("its configuration");
        fs::write(folder.join("speech.wav"), &traits.speech).expect("what it says");
        let output = |name: &str| File::create(folder.join(name)).expect("a file for its output");
        // What it says is read while it runs.
        let child = Command::new("stdbuf")
            .args(["-oL", "baresip", "-f"])
            .arg(&folder)
            .arg("-s")
            .stdin(Stdio::null())
            .stdout(output("stdout.log"))
            .stderr(output("stderr.log"))
            .spawn()
            .unwrap_or_else(|error| panic!("start baresip by stdbuf: {error}"));
        let sip = SocketAddr::from(([127, 0, 0, 1], sip));
        Self { sip, rtp, child, folder, control }
    }

    /// Takes the phone in the hand.
    pub(super) fn hand(&self) -> Hand {
        let until = now() + DEADLINE;
        // Before it listens, a connection to its port might be one with itself.
        while !self.log().contains("baresip is ready") {
            assert!(now() < until, "baresip starts: {}", self.log());
            std::thread::yield_now();
        }
        loop {
            match TcpStream::connect(("127.0.0.1", self.control)) {
                Ok(stream) => return Hand { stream, read: Vec::new(), events: Vec::new() },
                // It starts as a process.
                Err(error) => assert!(now() < until, "reach baresip: {error}"),
            }
        }
    }

    /// Takes the phone in the hand once it has registered.
    pub(super) fn hand_when_registered(&self) -> Hand {
        let (mut hand, until) = (self.hand(), now() + DEADLINE);
        while !self.log().contains("1 binding]") {
            assert!(now() < until, "not registered: {}", self.log());
            hand.listen(50);
        }
        hand
    }

    /// What it heard in each call so far, as WAV files.
    pub(super) fn heard(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(&self.folder).expect("its folder");
        let files = files.map(|file| file.expect("a file").path());
        let is_heard = |path: &PathBuf| path.to_string_lossy().ends_with("-dec.wav");
        let mut files: Vec<_> = files.filter(is_heard).collect();
        files.sort();
        files
    }

    /// SIP as it saw it, and what it said of it.
    pub(super) fn log(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        read("stdout.log") + &read("stderr.log")
    }
}

/// A WAV file with a square wave of that pitch.
fn speech(hz: u32) -> Vec<u8> {
    let mut file = b"RIFF".to_vec();
    file.extend((36 + SAMPLES * 2).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    file.extend([1, 0, 1, 0]); // PCM, one channel.
    file.extend(8_000_u32.to_le_bytes());
    file.extend(16_000_u32.to_le_bytes());
    file.extend([2, 0, 16, 0]);
    file.extend(b"data");
    file.extend((SAMPLES * 2).to_le_bytes());
    for sample in 0..SAMPLES {
        let is_high = (sample * hz * 2 / 8_000).is_multiple_of(2);
        let level: i16 = if is_high { 6_000 } else { -6_000 };
        file.extend(level.to_le_bytes());
    }
    file
}

/// Somebody at a phone.
pub(super) struct Hand {
    stream: TcpStream,
    read: Vec<u8>,
    /// What happened that nobody waited for yet.
    events: Vec<String>,
}

impl Hand {
    /// Does something at the phone.
    pub(super) fn press(&mut self, command: &str, parameter: &str) {
        let order = json!({"command": command, "params": parameter, "token": "t"}).to_string();
        let order = format!("{}:{order},", order.len());
        self.stream.write_all(order.as_bytes()).expect("a phone that listens");
        let until = now() + DEADLINE;
        loop {
            let message = self.next(until).unwrap_or_else(|| panic!("no answer to {command}"));
            if message["response"] == true {
                assert_eq!(message["ok"], true, "{command} {parameter}: {message}");
                return;
            }
            self.note(&message);
        }
    }

    /// Waits for an event, such as `CALL_ESTABLISHED`.
    pub(super) fn wait_for(&mut self, event: &str) {
        let until = now() + DEADLINE;
        loop {
            if let Some(at) = self.events.iter().position(|one| one == event) {
                self.events.drain(..=at);
                return;
            }
            let message = self.next(until);
            let message = message.unwrap_or_else(|| panic!("no {event} in {DEADLINE:?}"));
            self.note(&message);
        }
    }

    /// Lets the call go on for a while.
    pub(super) fn listen(&mut self, while_ms: u64) {
        let until = now() + Duration::from_millis(while_ms);
        while let Some(message) = self.next(until) {
            self.note(&message);
        }
    }

    fn note(&mut self, message: &Value) {
        self.events.extend(message["type"].as_str().map(str::to_owned));
    }

    /// The next message; nothing where none comes in time.
    fn next(&mut self, until: Instant) -> Option<Value> {
        loop {
            if let Some(colon) = self.read.iter().position(|byte| *byte == b':') {
                let length = String::from_utf8_lossy(&self.read[..colon]).into_owned();
                let end = colon + 1 + length.parse::<usize>().expect("a netstring");
                if let Some(body) = self.read.get(colon + 1..end).filter(|_| self.read.len() > end)
                {
                    let message = serde_json::from_slice(body).expect("JSON");
                    self.read.drain(..=end);
                    return Some(message);
                }
            }
            let left = until.checked_duration_since(now())?;
            let left = left.max(Duration::from_millis(1));
            self.stream.set_read_timeout(Some(left)).expect("a time to wait");
            let mut buffer = [0; 4_096];
            match self.stream.read(&mut buffer) {
                Ok(0) => panic!("the phone is gone"),
                Ok(length) => self.read.extend(&buffer[..length]),
                Err(error) => assert!(
                    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
                    "hear a phone: {error}"
                ),
            }
        }
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
