//! Arrow Flight SQL: questions from ADBC, JDBC and whatever else speaks it, answered in Arrow.
//!
//! In: gRPC by HTTP/2, by TLS where a certificate is configured. Out: record batches, as they are
//! computed. Invariants: nothing is changed; a ticket carries the log position that its flight was
//! planned at, and its rows are of that position whatever is appended before they are fetched; a
//! client that goes away ends its question and frees its seat; nobody is answered who has not said
//! who they are, where there are users. Deliberately absent: transactions, bulk loading and
//! Substrait plans; locations of other servers, since there is always one endpoint: this one.
//! Source: Arrow Flight SQL, <https://arrow.apache.org/docs/format/FlightSql.html>.

mod auth;
mod bind;
mod error;
mod info;
mod meta;
mod option;
mod prepared;
mod rows;
mod service;
mod ticket;

use std::sync::Arc;
use std::time::Duration;

use arrow_flight::flight_service_server::FlightServiceServer;
use tokio::sync::watch;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use self::service::Service;
use super::Sessions;
use super::postgres::Door;
use crate::base::Clock;
use crate::tls::accept;

/// The most bytes one message of a client may have. Units: bytes.
const MESSAGE_MAX: usize = 16 << 20;
/// How long answers may take to their end when the server stops.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// How often a connection is asked whether its other side is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Requests at once on one connection.
const REQUESTS_MAX: u32 = 256;
/// How often what has expired is forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// The server could not be kept up.
#[derive(Debug, thiserror::Error)]
pub enum FlightError {
    /// No randomness.
    #[error("serve Flight SQL: the operating system gives no random bytes for the key of tickets")]
    Key(#[source] getrandom::Error),
    /// The transport failed.
    #[error("serve Flight SQL")]
    Transport(#[source] tonic::transport::Error),
}

/// Serves questions until `stop` is true or its sender gone, then lets answers come to their end
/// and returns.
///
/// # Errors
/// See [`FlightError`].
pub async fn serve(
    door: Door,
    sessions: Sessions,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), FlightError> {
    let service = Service::new(sessions, door.access, clock).map_err(FlightError::Key)?;
    let service = Arc::new(service);
    let connections = accept(door.listener, door.tls, door.connections, stop.clone());
    let incoming = ReceiverStream::new(connections).map(Ok::<_, std::io::Error>);
    let served = FlightServiceServer::from_arc(service.clone())
        .max_decoding_message_size(MESSAGE_MAX)
        .max_encoding_message_size(usize::MAX);
    let mut server = tonic::transport::Server::builder()
        .max_concurrent_streams(REQUESTS_MAX)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE));
    let mut stopping = stop.clone();
    let stopped = async move { drop(stopping.wait_for(|stop| *stop).await) };
    let serving = server.add_service(served).serve_with_incoming_shutdown(incoming, stopped);
    let mut serving = std::pin::pin!(serving);
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            ended = &mut serving => return ended.map_err(FlightError::Transport),
            _ = stop.wait_for(|stop| *stop) => break,
            _ = ticks.tick() => service.sweep(),
        }
    }
    match tokio::time::timeout(STOP_WITHIN, serving).await {
        Ok(ended) => ended.map_err(FlightError::Transport),
        // A client that holds on to its connection does not hold up the stop.
        Err(_) => Ok(()),
    }
}
