use std::net::SocketAddr;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::base::Rng;
use crate::sip::{FailureCause, Identity, Invite, Timers, UserAgentConfig};

/// A clock that stands still until it is set.
struct Standing(Mutex<Timestamp>);

impl Standing {
    fn advance(&self, span: Millis) {
        let mut now = self.0.lock().expect("one thread");
        *now = now.plus(span);
    }
}

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("one thread")
    }
}

async fn line() -> (Line, Arc<Standing>) {
    line_with(Streams::default()).await
}

async fn line_with(streams: Streams) -> (Line, Arc<Standing>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let config = UserAgentConfig {
        local: socket.local_addr().expect("bound"),
        product: "Ledgerline".to_owned(),
        timers: Timers::default(),
        challenge: None,
        refuse_calls: Some(403),
    };
    let user_agent = UserAgent::new(config, Rng::from_seed(1));
    let clock = Arc::new(Standing(Mutex::new(Timestamp::from_micros(1_700_000_000_000_000))));
    (Line::open(socket, streams, user_agent, clock.clone()), clock)
}

fn invite(to: impl Into<Hop>) -> UaCommand {
    let mut rng = Rng::from_seed(2);
    let leg = LegId::generate(Timestamp::EPOCH, &mut rng);
    let invite = Invite {
        leg,
        to: to.into(),
        others: Vec::new(),
        host: None,
        called: "+12025550143".to_owned(),
        identity: Identity::of("+12025550100"),
        credentials: None,
        sdp: "v=0\r\n".to_owned(),
        ring_timeout: Millis::from_secs(30),
    };
    UaCommand::Invite { invite: Box::new(invite), headers: Vec::new() }
}

/// A request that came to a peer, and who sent it.
async fn heard(peer: &UdpSocket) -> (String, SocketAddr) {
    let mut datagram = [0; 4_096];
    let (length, from) = peer.recv_from(&mut datagram).await.expect("a datagram");
    (String::from_utf8_lossy(&datagram[..length]).into_owned(), from)
}

fn trying(request: &str) -> String {
    let copied = request.lines().filter(|line| {
        ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name))
    });
    let copied: String = copied.map(|line| format!("{line}\r\n")).collect();
    format!("SIP/2.0 100 Trying\r\n{copied}Content-Length: 0\r\n\r\n")
}

#[tokio::test]
async fn what_lies_in_the_socket_is_read_before_timers_fire() {
    let (mut line, clock) = line().await;
    let peer = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    line.send(invite(peer.local_addr().expect("bound")));
    let (request, from) = heard(&peer).await;
    // Both are there when the task looks next: a timer that is due, and the answer.
    clock.advance(Millis(1_500));
    peer.send_to(trying(&request).as_bytes(), from).await.expect("sent");
    let event = line.next().await.expect("a task");
    assert!(matches!(event, UaEvent::Progress { status: 100, .. }), "{event:?}");
}

#[tokio::test]
async fn garbage_and_silence_do_not_end_a_line() {
    let (mut line, clock) = line().await;
    let peer = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    line.send(invite(peer.local_addr().expect("bound")));
    let (_, from) = heard(&peer).await;
    peer.send_to(b"", from).await.expect("sent");
    peer.send_to(b"\xff\xfe not SIP\r\n\r\n", from).await.expect("sent");
    clock.advance(Millis(1_500));
    let until = clock.now();
    assert!(!line.settle(until).await, "an INVITE has no answer");
    let event = line.next().await.expect("a task");
    assert!(matches!(event, UaEvent::Failed { .. }), "{event:?}");
}

#[tokio::test]
async fn a_line_that_owes_nothing_is_settled_at_once() {
    let (mut line, clock) = line().await;
    assert!(line.settle(clock.now().plus(Millis::from_secs(60))).await);
}

/// A question by TCP.
const OPTIONS: &str = "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bKo\r\n\
        From: <sip:x@127.0.0.1>;tag=o\r\nTo: <sip:127.0.0.1>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\n\
        Content-Length: 0\r\n\r\n";

fn by_tcp(address: SocketAddr) -> Hop {
    Hop { transport: Transport::Tcp, address }
}

#[tokio::test]
async fn a_port_nobody_listens_on_fails_the_call_at_once() {
    let (mut line, _clock) = line().await;
    let closed = UdpSocket::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("bound");
    line.send(invite(closed));
    // The clock stands: no timer fires.
    let event = line.next().await.expect("a task");
    let is_it = matches!(event, UaEvent::Failed { cause: FailureCause::Transport, .. });
    assert!(is_it, "{event:?}");
}

#[tokio::test]
async fn a_closed_port_does_not_fail_a_call_to_somebody_else() {
    let (mut line, _clock) = line().await;
    let peer = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let closed = UdpSocket::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("bound");
    line.send(UaCommand::Options { to: closed.into() });
    line.send(invite(peer.local_addr().expect("bound")));
    let (request, from) = heard(&peer).await;
    peer.send_to(trying(&request).as_bytes(), from).await.expect("sent");
    let events = [line.next().await.expect("a task"), line.next().await.expect("a task")];
    let missed =
        |one: &UaEvent| matches!(one, UaEvent::OptionsTimedOut { to } if *to == closed.into());
    assert!(events.iter().any(missed), "{events:?}");
    let goes_on = |one: &UaEvent| matches!(one, UaEvent::Progress { status: 100, .. });
    assert!(events.iter().any(goes_on), "{events:?}");
}

#[tokio::test]
async fn a_call_by_tcp_is_answered_over_its_connection_whatever_the_pieces() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (mut line, _clock) = line().await;
    line.send(invite(by_tcp(listener.local_addr().expect("bound"))));
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let mut bytes = vec![0; 8_192];
    let length = stream.read(&mut bytes).await.expect("an INVITE");
    let request = String::from_utf8_lossy(&bytes[..length]).into_owned();
    assert!(request.contains("Via: SIP/2.0/TCP "), "{request}");
    // A keep-alive and two answers at once, cut in the middle.
    let answers = format!("\r\n\r\n{}{}", trying(&request), trying(&request).replace("100", "180"));
    let (first, second) = answers.split_at(answers.len() / 3);
    stream.write_all(first.as_bytes()).await.expect("sent");
    let mut pong = [0; 2];
    stream.read_exact(&mut pong).await.expect("an answer to the keep-alive");
    assert_eq!(&pong, b"\r\n");
    stream.write_all(second.as_bytes()).await.expect("sent");
    for wanted in [100, 180] {
        let event = line.next().await.expect("a task");
        assert!(matches!(event, UaEvent::Progress { status, .. } if status == wanted), "{event:?}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_fails_the_call_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (mut line, _clock) = line().await;
    line.send(invite(by_tcp(listener.local_addr().expect("bound"))));
    drop(listener.accept().await.expect("a connection"));
    let event = line.next().await.expect("a task");
    let is_it = matches!(event, UaEvent::Failed { cause: FailureCause::Transport, .. });
    assert!(is_it, "{event:?}");
}

#[tokio::test]
async fn who_connects_is_answered_over_that_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let (_line, _) = line_with(Streams { tcp: Some(listener), ..Streams::default() }).await;
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(OPTIONS.as_bytes()).await.expect("sent");
    let mut bytes = vec![0; 4_096];
    let length = stream.read(&mut bytes).await.expect("an answer");
    assert!(bytes[..length].starts_with(b"SIP/2.0 200 "), "{}", String::from_utf8_lossy(&bytes));
    // What is no SIP costs the connection and nothing else.
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("sent");
    assert_eq!(stream.read(&mut bytes).await.expect("an end"), 0);
}

#[cfg(feature = "kurrentdb")]
mod tls {
    use std::fs;

    use super::*;
    use crate::tls::{Tls, TlsClient};

    fn by_tls(address: SocketAddr) -> Hop {
        Hop { transport: Transport::Tls, address }
    }

    /// A peer's certificate, which is its own authority, and what trusts it.
    fn proof(folder: &std::path::Path) -> (Tls, Security) {
        let made = rcgen::generate_simple_self_signed(["carrier.example".to_owned()]);
        let made = made.expect("a certificate");
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        fs::write(&certificate, made.cert.pem()).expect("written");
        fs::write(&key, made.signing_key.serialize_pem()).expect("written");
        let server = Tls::read(&certificate, &key, &[]).expect("a good pair");
        let client = Some(TlsClient::read(Some(&certificate)).expect("an authority"));
        (server, Security { client, ..Security::default() })
    }

    /// What comes of a call to a peer whose certificate names it, where we look for a name.
    async fn called(name: &str) -> Result<String, UaEvent> {
        let folder = tempfile::tempdir().expect("a folder");
        let (server, mut security) = proof(folder.path());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        security.names.insert(address, name.to_owned());
        let (mut line, _clock) = line_with(Streams { security, ..Streams::default() }).await;
        line.send(invite(by_tls(address)));
        let (stream, _) = listener.accept().await.expect("a connection");
        let Ok(mut stream) = server.acceptor().accept(stream).await else {
            return Err(line.next().await.expect("a task"));
        };
        let mut bytes = vec![0; 8_192];
        let length = stream.read(&mut bytes).await.expect("an INVITE");
        let request = String::from_utf8_lossy(&bytes[..length]).into_owned();
        stream.write_all(trying(&request).as_bytes()).await.expect("sent");
        stream.flush().await.expect("sent");
        let event = line.next().await.expect("a task");
        assert!(matches!(event, UaEvent::Progress { status: 100, .. }), "{event:?}");
        Ok(request)
    }

    #[tokio::test]
    async fn a_call_by_tls_goes_to_who_proves_the_name() {
        let request = called("carrier.example").await.expect("the right name");
        assert!(request.contains("Via: SIP/2.0/TLS "), "{request}");
        assert!(request.contains(";transport=tls>"), "{request}");
    }

    #[tokio::test]
    async fn a_call_by_tls_does_not_go_to_somebody_else() {
        let event = called("other.example").await.expect_err("another name");
        let is_it = matches!(event, UaEvent::Failed { cause: FailureCause::Transport, .. });
        assert!(is_it, "{event:?}");
    }

    #[tokio::test]
    async fn who_connects_by_tls_is_answered_over_that_connection() {
        let folder = tempfile::tempdir().expect("a folder");
        let (server, security) = proof(folder.path());
        let client = security.client.clone().expect("an authority");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let security = Security { server: Some(server), ..Security::default() };
        let streams = Streams { tls: Some(listener), security, ..Streams::default() };
        let (_line, _) = line_with(streams).await;
        // One that never agrees on keys holds nobody up.
        let _silent = TcpStream::connect(address).await.expect("a connection");
        let stream = TcpStream::connect(address).await.expect("a connection");
        let agreed = client.connect(stream, "carrier.example".to_owned()).await;
        let mut stream = agreed.expect("the right name");
        stream.write_all(OPTIONS.as_bytes()).await.expect("sent");
        stream.flush().await.expect("sent");
        let mut bytes = vec![0; 4_096];
        let length = stream.read(&mut bytes).await.expect("an answer");
        assert!(bytes[..length].starts_with(b"SIP/2.0 200 "));
    }
}
