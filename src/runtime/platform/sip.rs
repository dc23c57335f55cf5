//! The line as it is configured: its sockets, its certificate, and the addresses peers are told.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::StartError;
use crate::base::{Clock, Rng};
use crate::runtime::config::{Config, SipConfig};
use crate::runtime::line::{Line, Security, Streams};
use crate::runtime::wire::{ListenError, bind_udp};
use crate::sip::{Timers, UserAgent, UserAgentConfig};

/// A line that is open.
pub(super) struct Opened {
    pub(super) line: Line,
    /// The address of its UDP socket.
    pub(super) local: SocketAddr,
    /// Whether it can make connections by TLS.
    pub(super) can_tls: bool,
}

/// Opens the line.
pub(super) async fn open_line(
    config: &Config,
    rng: Rng,
    clock: Arc<dyn Clock>,
) -> Result<Opened, StartError> {
    let sip = &config.sip;
    let socket = bind_udp("SIP udp", sip.listen).await?;
    let address = sip.listen;
    let fault = |source| ListenError { protocol: "SIP udp", address, source };
    let local = socket.local_addr().map_err(fault)?;
    let (tcp, tcp_local) = listen("SIP tcp", sip.tcp, sip).await?;
    let (tls, tls_local) = listen("SIP tls", sip.tls, sip).await?;
    let (security, can_tls) = security(config)?;
    let mut told = shown(local, sip);
    told.set_port(sip.advertised_port.unwrap_or(told.port()));
    let mut user_agent = UserAgent::new(
        UserAgentConfig {
            local: told,
            product: concat!("Ledgerline/", env!("CARGO_PKG_VERSION")).to_owned(),
            timers: Timers { no_provisional: sip.no_provisional_ms, ..Timers::default() },
            challenge: None,
            // Calls come from here, not to here.
            refuse_calls: Some(403),
        },
        rng,
    );
    user_agent.speak_streams(tcp_local, tls_local, tcp_local.is_some());
    let streams = Streams { tcp, tls, security };
    Ok(Opened { line: Line::open(socket, streams, user_agent, clock), local, can_tls })
}

/// An address of ours as peers reach it.
fn shown(local: SocketAddr, sip: &SipConfig) -> SocketAddr {
    SocketAddr::new(sip.advertised.unwrap_or(local.ip()), local.port())
}

async fn listen(
    protocol: &'static str,
    address: Option<SocketAddr>,
    sip: &SipConfig,
) -> Result<(Option<TcpListener>, Option<SocketAddr>), ListenError> {
    let Some(address) = address else { return Ok((None, None)) };
    let fault = |source| ListenError { protocol, address, source };
    let listener = TcpListener::bind(address).await.map_err(fault)?;
    let local = listener.local_addr().map_err(fault)?;
    Ok((Some(listener), Some(shown(local, sip))))
}

/// Certificate and trust, where TLS is spoken; whether we can be a client of it.
#[cfg(any(feature = "kurrentdb", feature = "sql-servers"))]
fn security(config: &Config) -> Result<(Security, bool), StartError> {
    use crate::runtime::config::{CarrierConfig, TransportName};
    use crate::tls::{Tls, TlsClient};

    let sip = &config.sip;
    let server = match (&sip.tls_cert, &sip.tls_key) {
        (Some(certificate), Some(key)) => Some(Tls::read(certificate, key, &[])?),
        _ => None,
    };
    let mut carriers = config.carriers.iter();
    let is_client = sip.tls.is_some()
        || carriers.any(|one| one.transport == Some(TransportName::Tls))
        || sip.tls_ca.is_some();
    let client = if is_client {
        Some(TlsClient::read(sip.tls_ca.as_deref())?)
    } else if config.carriers.iter().any(CarrierConfig::may_choose) {
        // The DNS may say so, or may not: without authorities it is not listened to there.
        TlsClient::read(None)
            .inspect_err(
                |error| tracing::warn!(%error, "carriers by name are not spoken to by TLS"),
            )
            .ok()
    } else {
        None
    };
    let can_tls = client.is_some();
    Ok((Security { server, client, ..Security::default() }, can_tls))
}

/// Nobody speaks TLS without the features.
#[cfg(not(any(feature = "kurrentdb", feature = "sql-servers")))]
#[expect(clippy::unnecessary_wraps, reason = "as where there is TLS")]
fn security(_config: &Config) -> Result<(Security, bool), StartError> {
    Ok((Security::default(), false))
}
