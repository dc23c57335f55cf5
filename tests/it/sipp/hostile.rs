//! Tools that look for open SIP servers, at a user agent that phones register with: sipsak asks
//! and floods, SIPVicious maps, guesses users and guesses a password.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Output as Ended};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ledgerline::base::{Clock as _, Rng};
use ledgerline::runtime::clock::SystemClock;
use ledgerline::sip::{
    Credentials, DigestHash, Output, Screened, Timers, UaEvent, UserAgent, UserAgentConfig,
};

use crate::support::tree_file;

/// A user agent of the platform's kind on a port of its own.
struct Desk {
    sip: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

/// What came to it.
#[derive(Default)]
struct Seen {
    heard: u64,
    said: u64,
    events: Vec<UaEvent>,
    screened: Screened,
}

impl Desk {
    /// Starts one that knows agent 1001 by the password 1150.
    fn open() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout");
        let sip = socket.local_addr().expect("an address");
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = is_over.clone();
        let thread = std::thread::spawn(move || serve(&socket, sip, &ends));
        Self { sip, is_over, thread }
    }

    /// Ends it, once it has heard what was sent before.
    fn close(self) -> Seen {
        self.is_over.store(true, Ordering::Release);
        self.thread.join().expect("a thread that ends well")
    }
}

fn serve(socket: &UdpSocket, sip: SocketAddr, is_over: &AtomicBool) -> Seen {
    let config = UserAgentConfig {
        local: sip,
        product: "Ledgerline-test".to_owned(),
        timers: Timers::default(),
        challenge: None,
        refuse_calls: Some(403),
    };
    let (clock, mut seen) = (SystemClock::new(), Seen::default());
    let mut agent = UserAgent::new(config, Rng::from_seed(1));
    let user = Credentials { user: "1001".to_owned(), password: "1150".to_owned() };
    agent.admit_phones("ledgerline", &[DigestHash::Md5], vec![user]);
    agent.screen_strangers(Vec::new());
    let mut buffer = [0; 4_096];
    loop {
        // Looked at first: what is heard after it was sent before it.
        let ends = is_over.load(Ordering::Acquire);
        match socket.recv_from(&mut buffer) {
            Ok((length, from)) => {
                seen.heard += 1;
                agent.receive(clock.now(), from, &buffer[..length]);
            }
            Err(_) if ends => break,
            Err(_) => {}
        }
        agent.handle_timeout(clock.now());
        while let Some(output) = agent.poll_output() {
            match output {
                Output::Transmit { to, bytes } => {
                    seen.said += 1;
                    // Whoever asked may be gone.
                    drop(socket.send_to(&bytes, to.address));
                }
                Output::Event(event) => seen.events.push(event),
            }
        }
    }
    seen.screened = agent.screened();
    seen
}

fn sipsak(arguments: &[&str]) -> Ended {
    match Command::new("sipsak").args(arguments).output() {
        Ok(ended) => ended,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!("sipsak is missing: apt-get install sipsak")
        }
        Err(error) => panic!("start sipsak: {error}"),
    }
}

/// Runs a tool of SIPVicious and gives what it found.
fn sipvicious(tool: &str, desk: &Desk, arguments: &[&str]) -> String {
    let path = tree_file("target/peers/sip/bin").join(format!("sipvicious_{tool}"));
    assert!(path.exists(), "{} is missing: run tools/setup.sh test", path.display());
    let home = tempfile::tempdir().expect("a folder for its sessions");
    let ended = Command::new(path)
        .args(["-p", &desk.sip.port().to_string()])
        .args(arguments)
        .arg("127.0.0.1")
        .env("HOME", home.path())
        .output()
        .expect("it starts");
    String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr)
}

#[test]
fn sipsak_gets_an_answer_and_its_flood_gets_few() {
    let desk = Desk::open();
    let there = format!("sip:test@{}", desk.sip);
    let ended = sipsak(&["-vv", "-s", &there]);
    let text = String::from_utf8_lossy(&ended.stdout);
    assert_eq!(ended.status.code(), Some(0), "{text}");
    assert!(text.contains("SIP/2.0 200 OK"), "{text}");
    sipsak(&["-F", "-e", "2000", "-s", &there]);
    let seen = desk.close();
    // A full socket drops the rest of the flood itself.
    assert!(seen.screened.too_many > 50, "a flood of {}", seen.heard);
    assert_eq!(seen.screened.too_many + seen.said, seen.heard, "what is not answered is counted");
    let told = seen.events.iter().filter(|one| matches!(one, UaEvent::Screened { .. })).count();
    assert_eq!((told, seen.events.len()), (1, 1), "told of once: {:?}", seen.events);
}

#[test]
fn sipvicious_finds_a_server_but_no_user_and_no_password() {
    let desk = Desk::open();
    let found = sipvicious("svmap", &desk, &[]);
    assert!(found.contains(&desk.sip.port().to_string()), "a server is seen: {found}");
    // 1001 is there, and looks as all the others do.
    let found = sipvicious("svwar", &desk, &["-e", "999-1003", "-m", "REGISTER"]);
    assert!(!found.contains("1001 "), "{found}");
    // The password is the 151st of these.
    let found = sipvicious("svcrack", &desk, &["-u", "1001", "-r", "1000-1200"]);
    assert!(!found.contains("1150"), "{found}");
    let seen = desk.close();
    assert!(seen.screened.wrong_proofs <= 20, "{:?}", seen.screened);
    assert!(seen.events.iter().all(|one| matches!(one, UaEvent::Screened { .. })));
}
