//! A dnsmasq process: a DNS server that somebody else wrote, with records from its command line.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::peer::free_port;

/// DNS of the domains `test` and `example`, and of nothing else.
pub(super) struct Dnsmasq {
    child: Child,
    /// Where it is asked.
    pub(super) address: SocketAddr,
}

/// A question for the root's servers, which it refuses: proof enough that it is there.
const QUESTION: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01";

impl Dnsmasq {
    /// Starts with these records and waits until it answers.
    pub(super) fn start(folder: &Path, records: &[String]) -> Self {
        Self::start_at(free_port(), folder, records)
    }

    fn start_at(port: u16, folder: &Path, records: &[String]) -> Self {
        let output = File::create(folder.join(format!("dnsmasq-{port}.log"))).expect("a file");
        let child = Command::new("dnsmasq")
            .args(["--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"])
            .args(["--listen-address=127.0.0.1", "--bind-interfaces", "--log-queries"])
            .args(["--local=/test/", "--local=/example/", "--pid-file="])
            .arg(format!("--port={port}"))
            .args(records)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .spawn();
        let child = match child {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                panic!("dnsmasq is missing: apt-get install dnsmasq-base")
            }
            Err(error) => panic!("start dnsmasq: {error}"),
        };
        let mut server = Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)) };
        server.wait();
        server
    }

    fn wait(&mut self) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
        let mut answer = [0; 512];
        for _ in 0..400 {
            assert!(self.child.try_wait().is_ok_and(|it| it.is_none()), "dnsmasq ended");
            // A port that is still closed refuses; the next datagram says more.
            drop(socket.send_to(QUESTION, self.address));
            if socket.recv(&mut answer).is_ok() {
                return;
            }
        }
        panic!("dnsmasq does not answer");
    }

    /// Other records from now on, at the same place.
    pub(super) fn change(self, folder: &Path, records: &[String]) -> Self {
        let port = self.end();
        Self::start_at(port, folder, records)
    }

    /// Ends it; nobody is where it was.
    pub(super) fn end(mut self) -> u16 {
        self.child.kill().expect("killed");
        self.child.wait().expect("its end");
        self.address.port()
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// `name` is looked up under this transport first, and then the others.
pub(super) fn naptr(name: &str, order: u16, service: &str, replacement: &str) -> String {
    format!("--naptr-record={name},{order},10,s,{service},,{replacement}")
}

/// A service is at a port of a host.
pub(super) fn srv(service: &str, host: &str, port: u16, priority: u16) -> String {
    format!("--srv-host={service},{host},{port},{priority},10")
}

/// A host has an address, which is good for one second.
pub(super) fn host(name: &str, address: &str) -> String {
    format!("--host-record={name},{address},1")
}
