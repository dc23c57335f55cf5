//! Another relay in the place of ours: rtpengine, which is told of calls by its ng protocol.
//!
//! In: its address, and where the two sides of each call want their audio. Out: where each of
//! them is to send it. Deliberately absent: ending calls; the relay is ended as a whole.
//! Source: rtpengine, `docs/ng_control_protocol.md`.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::Context as _;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Relay {
    socket: UdpSocket,
    calls: u64,
    /// What is asked: the relay takes one that has the number of another for its repetition.
    asked: u64,
}

impl Relay {
    pub(super) fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("bind for the relay")?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.connect(address).with_context(|| format!("reach the relay {address}"))?;
        Ok(Self { socket, calls: 0, asked: 0 })
    }

    /// Begins a call between two sides.
    pub(super) fn open(&mut self, sides: [SocketAddr; 2]) -> anyhow::Result<[SocketAddr; 2]> {
        self.calls += 1;
        let [caller, called] = sides.map(description);
        let call = format!("bench-{}", self.calls);
        let fields = [("call-id", call.as_str()), ("command", "offer"), ("from-tag", "a")];
        let to_called = self.ask(&[&fields[..], &[("sdp", &caller)]].concat())?;
        let fields = [("call-id", call.as_str()), ("command", "answer"), ("from-tag", "a")];
        let to_caller = self.ask(&[&fields[..], &[("sdp", &called), ("to-tag", "b")]].concat())?;
        Ok([to_caller, to_called])
    }

    /// Asks, and reads where the answer's description wants audio.
    fn ask(&mut self, fields: &[(&str, &str)]) -> anyhow::Result<SocketAddr> {
        let text = |text: &str| format!("{}:{text}", text.len());
        let fields: String = fields.iter().map(|(key, value)| text(key) + &text(value)).collect();
        self.asked += 1;
        self.socket.send(format!("{} d{fields}e", self.asked).as_bytes()).context("ask")?;
        let mut buffer = [0; 8_192];
        let length = self.socket.recv(&mut buffer).context("hear from the relay")?;
        let answer = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
        let port = answer.split_once("m=audio ").and_then(|(_, rest)| rest.split(' ').next());
        let port = port.and_then(|port| port.parse().ok());
        let port: u16 = port.with_context(|| format!("read the relay's answer: {answer}"))?;
        Ok((Ipv4Addr::LOCALHOST, port).into())
    }
}

fn description(audio: SocketAddr) -> String {
    let (ip, port) = (audio.ip(), audio.port());
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0\r\na=sendrecv\r\n"
    )
}
