//! `ledgerline log serve`: the log for clients of KurrentDB.
//!
//! In: the folder `log` under the data folder, which is opened for this process alone; where to
//! listen; who may do what. Out: one line that says how to connect, then answers until a signal
//! comes. Invariant: without TLS it listens on loopback, unless told twice.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::super::{Common, Format, output, runtime};
use crate::kurrentdb::server::APPEND_MAX;
use crate::runtime::clock::SystemClock;
use crate::runtime::config::{KurrentdbConfig, Names};
use crate::runtime::front::{Front, USERS};
use crate::runtime::open_embedded;

/// Serve the log to clients of KurrentDB.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to listen; port 0 takes any.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:2113")]
    listen: SocketAddr,
    /// The certificate with its chain, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Users, one a line as name:role:password, with a role of admin, writer or reader; only its
    /// owner may read the file. Without it, the same lines from LEDGERLINE_LOG_USERS.
    #[arg(long, value_name = "FILE")]
    user_file: Option<PathBuf>,
    /// Without TLS; then users may be left out, and whoever connects may do everything.
    #[arg(long, conflicts_with = "tls_cert")]
    insecure: bool,
    /// Without TLS also on addresses that others can reach.
    #[arg(long, requires = "insecure")]
    insecure_anywhere: bool,
    /// The most bytes one append may have.
    #[arg(long, value_name = "BYTES", default_value_t = APPEND_MAX)]
    max_append_bytes: usize,
}

/// Runs `ledgerline log serve`.
///
/// # Errors
/// Where the log is held by another process, the port is taken, or users or certificate cannot
/// be used; each says what would be right.
pub(super) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    let config = common.load()?;
    let folder = config.data_dir.join("log");
    let format = common.format;
    let wanted = KurrentdbConfig {
        listen: args.listen,
        tls_cert: args.tls_cert,
        tls_key: args.tls_key,
        user_file: args.user_file,
        insecure: args.insecure,
        max_append_bytes: args.max_append_bytes,
    };
    runtime()?.block_on(async move {
        let users = std::env::var(USERS).ok();
        let is_anywhere = args.insecure_anywhere;
        let front = Front::open(&wanted, users.as_deref(), is_anywhere, Names::OPTIONS).await?;
        let clock = Arc::new(SystemClock::new());
        let (log, _) = open_embedded(&config, clock.clone()).await?;
        let log = Arc::new(log);
        let mut terminate = signal(SignalKind::terminate()).context("listen for signals")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("listen for signals")?;
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        let connection = front.connection();
        match format {
            Format::Text => output::line(format!("serving {} on {connection}", folder.display()))?,
            Format::Json => output::json(&json!({ "folder": folder, "connection": connection }))?,
        }
        let served = front.serve(log.clone(), clock, stop).await;
        log.close().await;
        served?;
        Ok(ExitCode::SUCCESS)
    })
}
