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
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::super::{Common, Format, output, runtime};
use crate::kurrentdb::server::{self, APPEND_MAX, Access, ServeOptions, Tls};
use crate::runtime::clock::SystemClock;
use crate::runtime::open_embedded;

/// Where users come from when there is no file: lines `name:role:password`.
const USERS: &str = "LEDGERLINE_LOG_USERS";

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
    let options = options(&args)?;
    let has_tls = options.tls.is_some();
    if !has_tls && !args.listen.ip().is_loopback() && !args.insecure_anywhere {
        anyhow::bail!(
            "serve the log on {}: without TLS others on the way read and change everything; give --tls-cert and --tls-key, or add --insecure-anywhere",
            args.listen
        );
    }
    let format = common.format;
    runtime()?.block_on(async move {
        let clock = Arc::new(SystemClock::new());
        let listener = TcpListener::bind(args.listen)
            .await
            .with_context(|| format!("listen on {}", args.listen))?;
        let address = listener.local_addr().context("listen")?;
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
        let tls = if has_tls { "true" } else { "false" };
        let connection = format!("kurrentdb://{address}?tls={tls}");
        match format {
            Format::Text => output::line(format!("serving {} on {connection}", folder.display()))?,
            Format::Json => output::json(&json!({ "folder": folder, "connection": connection }))?,
        }
        let served = server::serve(log.clone(), listener, clock, options, stop).await;
        log.close().await;
        served?;
        Ok(ExitCode::SUCCESS)
    })
}

fn options(args: &Args) -> anyhow::Result<ServeOptions> {
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(Tls::read(certificate, key)?),
        _ if args.insecure => None,
        _ => anyhow::bail!(
            "serve the log: give --tls-cert and --tls-key, or --insecure to do without TLS"
        ),
    };
    let access = match (&args.user_file, std::env::var(USERS)) {
        (Some(file), _) => Access::read(file)?,
        (None, Ok(lines)) => Access::parse(&lines).with_context(|| format!("read {USERS}"))?,
        (None, Err(_)) if args.insecure => Access::open(),
        (None, Err(_)) => anyhow::bail!(
            "serve the log: there are no users; give --user-file, or {USERS} with lines of name:role:password"
        ),
    };
    Ok(ServeOptions { access, tls, append_bytes_max: args.max_append_bytes })
}
