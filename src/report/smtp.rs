//! Handing one message to a mail server.
//!
//! In: a server, an envelope, a message. Out: taken, certainly not taken, or nobody knows.
//! Invariants: without TLS nothing goes to another machine; what is not known is never called a
//! failure; no reason holds an address or words of the server, which may repeat one; nothing is
//! installed for the whole process. Deliberately absent: trying again.

use std::net::IpAddr;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;

/// The longest wait for everything before the message, and for the message. Both together are
/// below [`super::schedule::SENDING_MAX`].
const STAGE_MAX: Duration = Duration::from_secs(55);

/// How a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from a command of the server on; a server without it is refused. RFC 3207.
    Starttls,
    /// TLS from the first byte on. RFC 8314.
    Implicit,
    /// None: for a server on this machine.
    None,
}

/// A mail server.
#[derive(Clone)]
pub struct Server {
    host: String,
    port: u16,
    security: Security,
    login: Option<Credentials>,
    roots: Option<Certificate>,
}

/// A mail server that cannot be used as it is set.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Without TLS, and not on this machine.
    #[error(
        "smtp: without TLS reports go to this machine only; set tls to \"starttls\" or \"implicit\""
    )]
    Open,
    /// No certificates in the file.
    #[error("smtp: ca_file holds no certificates in PEM")]
    Roots,
}

impl Server {
    /// A server by name and port.
    ///
    /// # Errors
    /// [`ServerError::Open`] where mails would cross a network in clear.
    pub fn new(host: &str, port: u16, security: Security) -> Result<Self, ServerError> {
        let is_here = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        if security == Security::None && !is_here {
            return Err(ServerError::Open);
        }
        Ok(Self { host: host.to_owned(), port, security, login: None, roots: None })
    }

    /// The same, signing in.
    #[must_use]
    pub fn with_login(mut self, user: &str, password: &str) -> Self {
        self.login = Some(Credentials::new(user.to_owned(), password.to_owned()));
        self
    }

    /// The same, trusting these certificates (PEM) and no others.
    ///
    /// # Errors
    /// [`ServerError::Roots`] where there are none.
    pub fn with_roots(mut self, pem: &[u8]) -> Result<Self, ServerError> {
        let has_some = pem.windows(27).any(|part| part == b"-----BEGIN CERTIFICATE-----");
        let roots = Certificate::from_pem(pem).map_err(|_| ServerError::Roots)?;
        self.roots = Some(roots).filter(|_| has_some);
        if self.roots.is_none() { Err(ServerError::Roots) } else { Ok(self) }
    }

    fn tls(&self) -> Result<TlsParameters, SmtpError> {
        let builder = TlsParameters::builder(self.host.clone());
        match &self.roots {
            Some(roots) => builder
                .certificate_store(CertificateStore::None)
                .add_root_certificate(roots.clone())
                .build_rustls(),
            None => builder.build_rustls(),
        }
    }
}

/// Without the password.
impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{} {:?}", self.host, self.port, self.security)
    }
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Handed {
    /// The server took it, with this reply.
    Taken(u16),
    /// It certainly did not.
    Refused { reason: String, code: Option<u16> },
    /// Nobody knows.
    Unknown(&'static str),
}

/// What went wrong before the message was given.
struct Refusal {
    stage: String,
    error: Option<SmtpError>,
}

impl From<Refusal> for Handed {
    fn from(refusal: Refusal) -> Self {
        let Refusal { stage, error } = refusal;
        let Some(error) = error else {
            return Self::Refused { reason: format!("{stage}: no answer in time"), code: None };
        };
        if let Some(code) = error.status() {
            let code = u16::from(code);
            return Self::Refused {
                reason: format!("{stage}: refused with {code}"),
                code: Some(code),
            };
        }
        // Words of the system or of TLS, not of the server.
        let mut why: &dyn std::error::Error = &error;
        while let Some(cause) = why.source() {
            why = cause;
        }
        let why = if error.is_response() {
            "the reply makes no sense".to_owned()
        } else {
            why.to_string()
        };
        Self::Refused { reason: format!("{stage}: {why}"), code: None }
    }
}

/// Hands a message over.
pub(super) async fn hand_over(server: &Server, envelope: &Envelope, message: &[u8]) -> Handed {
    let mut stage = "connect to the mail server".to_owned();
    let begun = tokio::time::timeout(STAGE_MAX, begin(server, envelope, &mut stage)).await;
    let mut connection = match begun {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return Refusal { stage, error: Some(error) }.into(),
        Err(_) => return Refusal { stage, error: None }.into(),
    };
    let handed = match tokio::time::timeout(STAGE_MAX, connection.message(message)).await {
        Ok(Ok(reply)) => Handed::Taken(u16::from(reply.code())),
        Ok(Err(error)) if error.status().is_some() => {
            Refusal { stage: "give the message".to_owned(), error: Some(error) }.into()
        }
        Ok(Err(_)) => Handed::Unknown("the connection ended before the mail server's reply"),
        Err(_) => Handed::Unknown("the mail server did not reply in time"),
    };
    if matches!(handed, Handed::Taken(_)) {
        // What the server says to a farewell changes nothing.
        drop(tokio::time::timeout(Duration::from_secs(5), connection.quit()).await);
    }
    handed
}

/// Everything before the message itself.
async fn begin(
    server: &Server,
    envelope: &Envelope,
    stage: &mut String,
) -> Result<AsyncSmtpConnection, SmtpError> {
    let hello = ClientId::default();
    let implicit = match server.security {
        Security::Implicit => Some(server.tls()?),
        Security::Starttls | Security::None => None,
    };
    let address = (server.host.as_str(), server.port);
    let mut connection =
        AsyncSmtpConnection::connect_tokio1(address, Some(STAGE_MAX), &hello, implicit, None)
            .await?;
    if server.security == Security::Starttls {
        "begin TLS".clone_into(stage);
        connection.starttls(server.tls()?, &hello).await?;
    }
    if let Some(login) = &server.login {
        "sign in to the mail server".clone_into(stage);
        connection.auth(DEFAULT_MECHANISMS, login).await?;
    }
    "name the sender".clone_into(stage);
    connection.command(Mail::new(envelope.from().cloned(), Vec::new())).await?;
    for (place, recipient) in envelope.to().iter().enumerate() {
        *stage = format!("name recipient {} of {}", place + 1, envelope.to().len());
        connection.command(Rcpt::new(recipient.clone(), Vec::new())).await?;
    }
    "announce the message".clone_into(stage);
    connection.command(Data).await?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_crosses_a_network_in_clear() {
        for host in ["mail.example.com", "10.0.0.1", "localhost.example.com"] {
            assert!(Server::new(host, 25, Security::None).is_err(), "{host}");
            assert!(Server::new(host, 587, Security::Starttls).is_ok(), "{host}");
        }
        for host in ["localhost", "127.0.0.1", "::1"] {
            assert!(Server::new(host, 25, Security::None).is_ok(), "{host}");
        }
    }

    #[test]
    fn a_password_never_prints() {
        let server = Server::new("localhost", 25, Security::None).expect("a server");
        let told = format!("{:?}", server.with_login("me", "open sesame"));
        assert_eq!(told, "localhost:25 None");
    }
}
