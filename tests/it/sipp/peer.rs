//! A SIPp process: the carrier that somebody else wrote.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a process may take for anything at all.
const DEADLINE: Duration = Duration::from_secs(60);
/// How long an answer to a question may take before it is asked again, and how often it is.
const ASKED_AGAIN: Duration = Duration::from_millis(50);
const ASKED_MAX: u32 = 400;

/// A UDP port that was free a moment ago, with the two after it, as RTP echo takes them.
pub(super) fn free_port() -> u16 {
    for _ in 0..100 {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let port = socket.local_addr().expect("an address").port();
        let next = |step: u16| port.checked_add(step).map(|port| ("127.0.0.1", port));
        if port.is_multiple_of(2) && next(2).is_some_and(|address| UdpSocket::bind(address).is_ok())
        {
            return port;
        }
    }
    panic!("no free UDP ports");
}

/// Waits for a process, at most [`DEADLINE`].
pub(super) fn wait(child: &mut Child, what: &str) -> i32 {
    let (sender, ended) = std::sync::mpsc::channel();
    let id = child.id().to_string();
    // A process that hangs is ended, so that waiting for it always comes back.
    let watch = std::thread::spawn(move || {
        if ended.recv_timeout(DEADLINE).is_err() {
            drop(Command::new("sh").args(["-c", &format!("kill -KILL {id}")]).status());
        }
    });
    let status = child.wait().unwrap_or_else(|error| panic!("wait for {what}: {error}"));
    sender.send(()).ok();
    watch.join().expect("the watch");
    status.code().unwrap_or_else(|| panic!("{what} did not end within {DEADLINE:?}"))
}

/// Asks whether somebody is there.
fn question(transport: &str, here: SocketAddr, there: SocketAddr) -> String {
    format!(
        "OPTIONS sip:{there} SIP/2.0\r\nVia: SIP/2.0/{transport} {here};branch=z9hG4bK-ask\r\n\
         From: <sip:test@{here}>;tag=ask\r\nTo: <sip:{there}>\r\nCall-ID: ask@{here}\r\n\
         CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
}

/// SIPp playing a scenario.
pub(super) struct Sipp {
    child: Child,
    folder: PathBuf,
    /// Where it listens for SIP.
    pub(super) sip: SocketAddr,
    control: SocketAddr,
}

/// What SIPp says at its end.
#[derive(Debug)]
pub(super) struct Verdict {
    /// 0 where every call went as its scenario says.
    pub(super) code: i32,
    /// Calls that reached the end of the scenario, probes left out.
    pub(super) whole_calls: usize,
    /// What it did not expect.
    pub(super) errors: String,
}

impl Sipp {
    /// Starts a scenario of tests/sipp in a folder of its own and waits until it answers.
    pub(super) fn carrier(folder: &Path, scenario: &str, arguments: &[String]) -> Self {
        let mut sipp = Self::start(folder, scenario, arguments);
        sipp.wait_for_answer();
        sipp
    }

    /// The same over TCP.
    pub(super) fn carrier_by_tcp(folder: &Path, scenario: &str, arguments: &[String]) -> Self {
        let by_tcp = ["-t".to_owned(), "t1".to_owned()];
        let mut sipp = Self::start(folder, scenario, &[&by_tcp[..], arguments].concat());
        for _ in 0..ASKED_MAX {
            if !sipp.child.try_wait().is_ok_and(|it| it.is_none()) {
                break;
            }
            if sipp.answers_by_tcp() {
                return sipp;
            }
            // Its port is closed until it has read its scenario.
            std::thread::park_timeout(ASKED_AGAIN);
        }
        panic!("SIPp does not answer: {}", sipp.read("stderr.log"));
    }

    fn answers_by_tcp(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(self.sip) else { return false };
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        let here = stream.local_addr().expect("an address");
        let ask = question("TCP", here, self.sip);
        let mut answer = [0; 2_048];
        stream.write_all(ask.as_bytes()).is_ok()
            && stream.read(&mut answer).is_ok_and(|length| length > 0)
    }

    /// Starts a scenario of tests/sipp.
    pub(super) fn start(folder: &Path, scenario: &str, arguments: &[String]) -> Self {
        Self::start_at([127, 0, 0, 1].into(), folder, scenario, arguments)
    }

    /// The same as [`Self::carrier`] at another address of this machine.
    pub(super) fn carrier_at(
        ip: IpAddr,
        folder: &Path,
        scenario: &str,
        arguments: &[String],
    ) -> Self {
        let mut sipp = Self::start_at(ip, folder, scenario, arguments);
        sipp.wait_for_answer();
        sipp
    }

    fn start_at(ip: IpAddr, folder: &Path, scenario: &str, arguments: &[String]) -> Self {
        let folder = folder.join("sipp");
        fs::create_dir_all(&folder).expect("a folder for SIPp");
        let name = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp").join(scenario);
        let (sip, control) = (free_port(), free_port());
        let output = |name: &str| File::create(folder.join(name)).expect("a file for its output");
        let child = Command::new("sipp")
            .arg("-sf")
            .arg(name)
            .args(["-i", &ip.to_string(), "-bind_local", "-p", &sip.to_string()])
            .args(["-ci", "127.0.0.1", "-cp", &control.to_string()])
            .args(["-mi", "127.0.0.1", "-nostdin", "-skip_rlimit"])
            .args(["-trace_err", "-error_file", "errors.log"])
            .args(["-trace_logs", "-log_file", "calls.log"])
            .args(["-trace_msg", "-message_file", "messages.log"])
            .args(arguments)
            .current_dir(&folder)
            .env("TERM", "dumb")
            .stdin(Stdio::null())
            .stdout(output("screen.log"))
            .stderr(output("stderr.log"))
            .spawn();
        let child = match child {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                panic!("SIPp is missing: apt-get install sip-tester")
            }
            Err(error) => panic!("start sipp: {error}"),
        };
        let control = SocketAddr::from(([127, 0, 0, 1], control));
        Self { child, folder, sip: SocketAddr::new(ip, sip), control }
    }

    /// Asks with OPTIONS until an answer comes.
    fn wait_for_answer(&mut self) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(ASKED_AGAIN)).expect("a timeout");
        let here = socket.local_addr().expect("an address");
        let there = self.sip;
        let mut answer = [0; 2_048];
        for _ in 0..ASKED_MAX {
            if !self.child.try_wait().is_ok_and(|it| it.is_none()) {
                break;
            }
            let ask = question("UDP", here, there);
            // A port that is still closed refuses; the next datagram says more.
            drop(socket.send_to(ask.as_bytes(), there));
            if socket.recv_from(&mut answer).is_ok() {
                return;
            }
        }
        panic!("SIPp does not answer: {}", self.read("stderr.log"));
    }

    /// Lets open calls end, ends SIPp and asks what it thinks.
    pub(super) fn verdict(mut self) -> Verdict {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        drop(socket.send_to(b"q", self.control));
        self.wait()
    }

    /// Waits until SIPp ends by itself and asks what it thinks.
    pub(super) fn wait(&mut self) -> Verdict {
        let code = wait(&mut self.child, "sipp");
        let whole_calls = self.read("calls.log").matches("whole call").count();
        let errors =
            format!("{}{}{}", self.messages(), self.read("errors.log"), self.read("stderr.log"));
        Verdict { code, whole_calls, errors }
    }

    /// SIP as SIPp saw it.
    pub(super) fn messages(&self) -> String {
        self.read("messages.log")
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Verdict {
    /// So many calls, all of them as the scenario says.
    pub(super) fn expect(&self, calls: usize) {
        assert_eq!((self.code, self.whole_calls), (0, calls), "{}", self.errors);
    }
}

/// The present moment, for deadlines of peers.
#[expect(clippy::disallowed_methods, reason = "peers that others wrote have time of their own")]
pub(super) fn now() -> std::time::Instant {
    std::time::Instant::now()
}
