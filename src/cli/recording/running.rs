//! Recordings of a platform that runs: asked for over its console's server.
//!
//! In: the configuration it runs with, who asks, the password in the environment. Out: the same
//! as without a platform. Deliberately absent: TLS; the console's server has none.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::base::CallId;
use crate::runtime::Config;

/// The variable of the environment that the password stands in.
pub(super) const PASSWORD: &str = "LEDGERLINE_PASSWORD";
/// How long the platform may be silent: it may have to fetch from a store.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// The console's server of a platform.
pub(super) struct Running {
    address: SocketAddr,
    user: String,
    password: String,
}

/// What it answers.
pub(super) struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Running {
    /// The platform that runs with this configuration, asked by that user.
    pub(super) fn of(config: &Config, user: &str) -> anyhow::Result<Self> {
        let mut address = config.http.listen;
        if address.port() == 0 {
            bail!(
                "a platform runs on {}, on a port that http.listen does not say; set one, or stop \
                 the platform",
                config.data_dir.display()
            );
        }
        if address.ip().is_unspecified() {
            let here: IpAddr = match address {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            };
            address.set_ip(here);
        }
        if config.http.user_file.is_none() {
            bail!(
                "a platform runs on {} and gives recordings to nobody; name its users in \
                 http.user_file, or stop it",
                config.data_dir.display()
            );
        }
        let Ok(password) = std::env::var(PASSWORD) else {
            bail!(
                "a platform runs on {}: set {PASSWORD} to the password that {user:?} has in \
                 http.user_file, name another user with --by, or stop the platform",
                config.data_dir.display()
            );
        };
        Ok(Self { address, user: user.to_owned(), password })
    }

    /// The recording as a WAV file.
    pub(super) fn audio(&self, call: CallId, query: &str) -> anyhow::Result<Vec<u8>> {
        Ok(self.ask("GET", &format!("/api/recordings/{call}/audio?{query}"))?.good()?.body)
    }

    /// Deletes it, and gives its id.
    pub(super) fn delete(&self, call: CallId, early: bool) -> anyhow::Result<String> {
        let answer =
            self.ask("DELETE", &format!("/api/recordings/{call}?early={early}"))?.good()?;
        let body: serde_json::Value = serde_json::from_slice(&answer.body)?;
        Ok(body["recording_id"].as_str().unwrap_or_default().to_owned())
    }

    /// One request, one connection.
    fn ask(&self, method: &str, path: &str) -> anyhow::Result<Answer> {
        let there = || format!("ask the platform at http://{}", self.address);
        let mut stream =
            TcpStream::connect_timeout(&self.address, SILENCE_MAX).with_context(there)?;
        stream.set_read_timeout(Some(SILENCE_MAX)).with_context(there)?;
        let proof = base64(format!("{}:{}", self.user, self.password).as_bytes());
        // Of HTTP 1.0, so that the end of the connection is the end of the answer.
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nAuthorization: Basic {proof}\r\n\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).with_context(there)?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).with_context(there)?;
        Answer::read(bytes).with_context(there)
    }
}

impl Answer {
    fn read(mut bytes: Vec<u8>) -> anyhow::Result<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").context("no answer")?;
        let body = bytes.split_off(end + 4);
        let head = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length = length.and_then(|length| length.trim().parse::<usize>().ok());
        if length.is_some_and(|length| length != body.len()) {
            bail!("the answer broke off after {} bytes", body.len());
        }
        Ok(Self { status: status.context("no status")?, body })
    }

    /// The answer, or what it says is wrong.
    fn good(self) -> anyhow::Result<Self> {
        if self.status == 200 {
            return Ok(self);
        }
        let said: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let words = said["error"]["message"].as_str().unwrap_or("it does not say why");
        if self.status == 401 {
            bail!("the platform does not let this user in: {words}; see {PASSWORD} and --by");
        }
        bail!("the platform refuses: {words}")
    }
}

/// Base64 of RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |place: usize| u32::from(group.get(place).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place > group.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn an_answer_that_breaks_off_is_none() {
        let read = |text: &str| Answer::read(text.as_bytes().to_vec());
        let whole = read("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab").expect("whole");
        assert_eq!((whole.status, whole.body), (200, b"ab".to_vec()));
        assert!(read("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nab").is_err());
        assert!(read("").is_err());
    }
}
