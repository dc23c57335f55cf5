//! tshark as the judge of what goes over the wire: a call of ours is decoded without a complaint.
//!
//! dumpcap reads the loopback, which needs root or its capability.

use std::io::{BufRead as _, BufReader, ErrorKind};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};

use super::peer::{Sipp, free_port, wait};
use super::platform::Stage;

/// From this severity on tshark means it: a warning.
const COMPLAINTS: &str = "_ws.expert.severity >= 0x00600000";

/// How often the file is looked at for the end of the call.
const LOOKS_MAX: u32 = 100;

/// Packets of some UDP ports on their way into a file.
pub(super) struct Capture {
    child: Child,
    /// Held open: dumpcap ends where nobody takes its words any more.
    _said: BufReader<ChildStderr>,
    file: PathBuf,
    sip: u16,
}

impl Capture {
    /// Starts, and waits until it reads.
    pub(super) fn start(stage: &Stage, sip: u16, media: &str) -> Self {
        let file = stage.path().join("call.pcapng");
        let child = Command::new("dumpcap")
            .args(["-q", "-i", "lo", "-f", &format!("udp port {sip} or udp {media}"), "-w"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                panic!("dumpcap is missing: apt-get install tshark")
            }
            Err(error) => panic!("start dumpcap: {error}"),
        };
        let mut said = BufReader::new(child.stderr.take().expect("its words"));
        let (mut words, mut line) = (String::new(), String::new());
        while said.read_line(&mut line).is_ok_and(|length| length > 0) {
            if line.starts_with("File:") {
                return Self { child, _said: said, file, sip };
            }
            words += &line;
            line.clear();
        }
        panic!(
            "dumpcap may not read the loopback; run as root or: setcap cap_net_raw,cap_net_admin=eip /usr/bin/dumpcap ({words})"
        )
    }

    /// Ends it; gives what tshark makes of it through a display filter, a line a packet.
    pub(super) fn judge(mut self) -> impl Fn(&str) -> Vec<String> {
        // What was sent is read some time later: the call is in the file once its end is.
        let is_whole =
            |_: u32| !self.read("sip.CSeq.method == \"BYE\" && sip.Status-Code").1.is_empty();
        assert!((0..LOOKS_MAX).any(is_whole), "the end of the call is not in the file");
        let id = self.child.id().to_string();
        // INT has it write what it holds.
        drop(Command::new("sh").args(["-c", &format!("kill -INT {id}")]).status());
        assert_eq!(wait(&mut self.child, "dumpcap"), 0);
        move |filter| {
            let (is_good, lines) = self.read(filter);
            assert!(is_good, "tshark reads {filter}");
            lines
        }
    }

    /// What tshark reads, and whether to the file's end.
    fn read(&self, filter: &str) -> (bool, Vec<String>) {
        let ended = Command::new("tshark")
            .arg("-r")
            .arg(&self.file)
            .args(["-d", &format!("udp.port=={},sip", self.sip), "-Y", filter])
            .output()
            .expect("tshark starts");
        let text = String::from_utf8_lossy(&ended.stdout);
        (ended.status.success(), text.lines().map(str::to_owned).collect())
    }
}

#[test]
fn a_call_of_ours_is_decoded_without_a_warning() {
    let mut stage = Stage::new(1);
    let rtp = free_port();
    let media = ["-rtp_echo".to_owned(), "-mp".to_owned(), rtp.to_string()];
    let sipp = Sipp::carrier(stage.path(), "answer.xml", &media);
    let capture = Capture::start(&stage, sipp.sip.port(), &format!("port {rtp}"));
    let _log = stage.carrier(sipp.sip, "").run();
    sipp.verdict().expect(1);
    let packets = capture.judge();

    assert!(packets("sip.Method == \"INVITE\" && sdp").len() == 1, "one INVITE with an offer");
    assert!(!packets("sip.Status-Code == 200 && sdp").is_empty(), "an answer");
    assert!(packets("rtp").len() > 50, "audio");
    let complaints = packets(COMPLAINTS);
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
