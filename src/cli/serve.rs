//! A platform with its console: what `run` and `demo` have in common.

mod questions;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use self::questions::{Answering, Doors, Questions};
#[cfg(feature = "analytics")]
use super::report::{Making, Plans};
use crate::access::Access;
use crate::api::{self, BoardSnapshot, RecordingDoor, Supervision};
use crate::base::Clock as _;
use crate::conversation::Script;
use crate::event_log::{EventLog, SubscriptionError};
use crate::runtime::clock::SystemClock;
use crate::runtime::wire::{ListenError, Voice};
use crate::runtime::{Config, EngineError, Platform, Recovered, Voices};
use crate::speech::Prompts;

/// A platform at work.
pub(crate) struct Serving {
    /// Where the console is.
    pub(crate) http: SocketAddr,
    /// Where SIP is spoken.
    pub(crate) sip: SocketAddr,
    /// How clients of KurrentDB connect, where they may.
    pub(crate) connection: Option<String>,
    /// How clients of SQL connect, where they may.
    pub(crate) doors: Doors,
    /// What opening found.
    pub(crate) recovered: Recovered,
    /// What was imported at start, by campaign.
    pub(crate) imports: Vec<(crate::base::CampaignId, crate::runtime::ImportReport)>,
    /// The board, as long as this lives.
    pub(crate) board: watch::Receiver<Arc<BoardSnapshot>>,
    _board_sender: watch::Sender<Arc<BoardSnapshot>>,
    /// Nothing once it has ended: what waits for it may be dropped and asked again.
    platform: Option<JoinHandle<Result<(), EngineError>>>,
    follower: Option<JoinHandle<Result<(), api::FollowError>>>,
    stop_platform: Option<oneshot::Sender<()>>,
    console: JoinHandle<Result<(), api::ApiError>>,
    stop_console: Option<oneshot::Sender<()>>,
    /// Reports that are made meanwhile.
    #[cfg(feature = "analytics")]
    reports: Option<Making>,
    answering: Answering,
}

/// Takes the console's port.
///
/// # Errors
/// When it cannot be had.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| ListenError {
        protocol: "HTTP tcp",
        address,
        source,
    })
}

/// Starts a platform and its console.
///
/// # Errors
/// When log, keys, scripts, leads or ports cannot be had; each names what to do.
pub(crate) async fn serve(
    config: Config,
    listener: TcpListener,
    prompts: Arc<Prompts>,
    until_complete: bool,
) -> anyhow::Result<Serving> {
    let http = listener.local_addr().context("listen on HTTP tcp")?;
    // What cannot be used is said before anything begins.
    #[cfg(feature = "analytics")]
    let plans = Plans::of(&config)?;
    let questions = Questions::open(&config).await?;
    let doors = questions.doors();
    let users = config.http.user_file.as_deref().map(Access::read).transpose()?.map(Arc::new);
    let platform = Platform::open(config, voices(prompts), until_complete).await?;
    let (sip, recovered) = (platform.sip(), platform.recovered());
    let connection = platform.connection();
    let imports = platform.imports().to_vec();
    let (sender, board) = watch::channel(api::empty(SystemClock::new().now()));
    let follower = tokio::spawn(follow(platform.log(), sender.clone()));
    let (stop_console, console_stopped) = oneshot::channel();
    let shutdown = async move {
        // A dropped sender means stop as well.
        let _ = console_stopped.await;
    };
    let metrics = platform.log().metrics();
    let (others, answering) = questions.start(&platform)?;
    let others = others
        .merge(Supervision::new(platform.supervision(), users.clone()).routes())
        .merge(RecordingDoor::new(platform.recordings(), users).routes());
    let console = tokio::spawn(api::serve(listener, board.clone(), metrics, others, shutdown));
    #[cfg(feature = "analytics")]
    let reports = plans.map(|plans| plans.start(platform.log(), answering.engine())).transpose()?;
    let (stop_platform, stopped) = oneshot::channel();
    let platform = tokio::spawn(platform.run(stopped));
    Ok(Serving {
        http,
        sip,
        connection,
        doors,
        recovered,
        imports,
        board,
        _board_sender: sender,
        platform: Some(platform),
        follower: Some(follower),
        stop_platform: Some(stop_platform),
        console,
        stop_console: Some(stop_console),
        #[cfg(feature = "analytics")]
        reports,
        answering,
    })
}

impl Serving {
    /// Waits until the platform has ended by itself. A dropped future loses nothing.
    ///
    /// # Errors
    /// When it could not go on.
    pub(crate) async fn ended(&mut self) -> anyhow::Result<()> {
        task_ended(&mut self.platform, "the platform's task ended badly").await?;
        task_ended(&mut self.follower, "the board's task ended badly").await
    }

    /// Asks the platform to end its calls and stop.
    pub(crate) fn stop(&mut self) {
        let Some(stop) = self.stop_platform.take() else { return };
        #[cfg(feature = "analytics")]
        if let Some(reports) = self.reports.take() {
            // The platform closes the log: what became of a mail is recorded before.
            drop(tokio::spawn(async move {
                reports.stop().await;
                let _ = stop.send(());
            }));
            return;
        }
        // Whoever is gone needs not be told.
        let _ = stop.send(());
    }

    /// Closes the console.
    ///
    /// # Errors
    /// When it failed before.
    pub(crate) async fn close(mut self) -> anyhow::Result<()> {
        #[cfg(feature = "analytics")]
        if let Some(reports) = self.reports.take() {
            reports.stop().await;
        }
        drop(self.stop_console.take());
        self.answering.stop().await;
        self.console.await.context("the console's task ended badly")??;
        Ok(())
    }
}

/// Waits for a task's end, once. The handle stays until the end is known, so that the future
/// may be dropped and another one made; a handle asked again after its end would panic.
async fn task_ended<E>(
    task: &mut Option<JoinHandle<Result<(), E>>>,
    badly: &'static str,
) -> anyhow::Result<()>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let Some(handle) = task else { return Ok(()) };
    let ended = handle.await;
    *task = None;
    Ok(ended.context(badly)??)
}

/// The exit status of whoever is stopped by Ctrl-C: 128 and the signal's number.
const INTERRUPTED: i32 = 130;

/// Ctrl-C or SIGTERM. From then on, another one ends the process at once.
///
/// What is being waited for may take seconds, and whoever asks twice does not want to wait. The
/// next start closes what is left open.
pub(crate) async fn asked_to_stop(mut signals: Signals) {
    signals.next().await;
    drop(tokio::spawn(async move {
        signals.next().await;
        tracing::warn!("stopped at once; the next start closes what is open");
        std::process::exit(INTERRUPTED);
    }));
}

/// Both signals that ask to stop, from the moment this is made; one that comes between two waits is
/// not lost.
pub(crate) struct Signals {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
}

impl Signals {
    /// Before anybody is told that there is something to stop.
    pub(crate) fn new() -> Self {
        // Where a signal cannot be listened to, it does what it always did: it ends the process.
        Self {
            interrupt: signal(SignalKind::interrupt()).ok(),
            terminate: signal(SignalKind::terminate()).ok(),
        }
    }

    async fn next(&mut self) {
        tokio::select! {
            () = received(&mut self.interrupt) => {}
            () = received(&mut self.terminate) => {}
        }
    }
}

async fn received(signal: &mut Option<Signal>) {
    let is_heard = match signal {
        Some(signal) => signal.recv().await.is_some(),
        None => false,
    };
    if !is_heard {
        std::future::pending::<()>().await;
    }
}

/// Follows the log for the board; a board that stands still is worth a word at once.
async fn follow(
    log: Arc<dyn EventLog>,
    board: watch::Sender<Arc<BoardSnapshot>>,
) -> Result<(), api::FollowError> {
    let ended = api::follow(log, board).await;
    match &ended {
        // The platform stops for the same reason and says so.
        Err(api::FollowError::Follow(SubscriptionError::WriterFailed(_))) | Ok(()) => {}
        Err(error) => tracing::error!(%error, "the board stands still"),
    }
    ended
}

fn voices(prompts: Arc<Prompts>) -> Voices {
    Arc::new(move |script: &Script| -> Voice {
        let (prompts, language) = (prompts.clone(), script.language());
        let voice = script.voice().to_owned();
        Arc::new(move |text: &str| {
            prompts.clip(language, &voice, text).map_err(|error| error.to_string())
        })
    })
}

#[cfg(test)]
mod tests;
