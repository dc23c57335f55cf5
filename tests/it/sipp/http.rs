//! The console's server as whoever has a password asks it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// How often is looked again, and how many times.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
const LOOKS_MAX: u32 = 400;

/// An answer.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// A field of the head, in small letters; empty where it is not there.
    pub(super) fn field(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().trim()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The status and the stable code of a refusal.
    pub(super) fn code(&self) -> (u16, String) {
        (self.status, self.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
    }
}

/// A port of TCP that was free a moment ago.
pub(super) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port")
}

/// Asks; `user` is `name:password`, or empty.
pub(super) fn ask(http: SocketAddr, request: &str, user: &str, more: &str) -> Reply {
    try_ask(http, request, user, more, "").expect("an answer")
}

/// The same, with a body; nothing where nobody listens.
pub(super) fn try_ask(
    http: SocketAddr,
    request: &str,
    user: &str,
    more: &str,
    body: &str,
) -> std::io::Result<Reply> {
    let mut stream = TcpStream::connect(http)?;
    let mut head = format!("{request} HTTP/1.0\r\nHost: {http}\r\n{more}");
    if !user.is_empty() {
        head += &format!("Authorization: Basic {}\r\n", base64(user));
    }
    if !body.is_empty() {
        let length = body.len();
        head += &format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end =
        bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or(std::io::ErrorKind::Other)?;
    let body = bytes.split_off(end + 4);
    let head = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    let status = head.get(9..12).and_then(|status| status.parse().ok());
    Ok(Reply { status: status.expect("a status"), head, body })
}

/// Looks again and again until there is something.
pub(super) fn look_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..LOOKS_MAX {
        if let Some(found) = look() {
            return found;
        }
        std::thread::park_timeout(LOOK_AGAIN);
    }
    panic!("there is no {what}");
}

/// Users who may ask, in a file that nobody else may read.
pub(super) fn users(folder: &Path, lines: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join("users");
    std::fs::write(&path, lines).expect("users");
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, mode).expect("a private file");
}

fn base64(text: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in text.as_bytes().chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place)) as usize & 63];
            out.push(if place <= group.len() { char::from(letter) } else { '=' });
        }
    }
    out
}
