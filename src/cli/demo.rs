//! `ledgerline demo`: a whole campaign on this machine.
//!
//! Two simulated carriers and a few simulated agents run as processes of their own and speak
//! SIP and RTP over loopback; everything else is the platform as it always is.

mod cast;
mod stage;
mod summary;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::net::TcpListener;

use self::cast::Cast;
use self::stage::Stage;
use self::summary::Summary;
use super::serve::{Serving, Signals, asked_to_stop, listen, serve};
use super::{Common, Format, output};
use crate::conversation::{Language, Script};
use crate::runtime::wire::ListenError;
use crate::speech::{PromptRequest, Prompts};

/// Run a whole campaign on this machine with simulated carriers, customers and agents.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many leads to dial. A folder whose demo is complete goes on with the next ones.
    #[arg(long, default_value_t = 40)]
    leads: usize,
    /// End once the campaign is complete, instead of keeping the console open.
    #[arg(long)]
    exit: bool,
    /// What everybody speaks: en or zh.
    #[arg(long, default_value = "en")]
    language: Language,
    /// The seed that people and choices follow from. The default has every temper among the
    /// first forty leads.
    #[arg(long, default_value_t = 6)]
    seed: u64,
    /// How many human agents.
    #[arg(long, default_value_t = 2)]
    agents: usize,
    /// Robot channels; by default two for each processor.
    #[arg(long)]
    robot_channels: Option<u32>,
}

pub(crate) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    let stage = Stage::set(common, &args)?;
    super::runtime()?.block_on(Box::pin(play(common, &args, stage)))
}

async fn play(common: &Common, args: &Args, stage: Stage) -> anyhow::Result<ExitCode> {
    let is_text = common.format == Format::Text;
    let prompts = Arc::new(Prompts::open(&stage.config.data_dir));
    prepare(&stage.script, &prompts, is_text).await?;
    let cast = Cast::gather(&stage, args).await?;
    let mut config = stage.config.clone();
    cast.join(&mut config, args);
    let data_dir = config.data_dir.clone();
    let clock = stage.clock;
    let listener = listen_anywhere(config.http.listen).await?;
    let mut serving = serve(config, listener, prompts, true).await?;
    let signals = Signals::new();
    if is_text {
        welcome(&serving, &cast, &data_dir)?;
    }
    let was_stopped = watch(&mut serving, is_text, signals).await?;
    let board = serving.board.borrow().clone();
    let summary = Summary::new(&board, &serving, &data_dir, clock);
    match common.format {
        Format::Text => summary.print(!args.exit && !was_stopped)?,
        Format::Json => output::json(&summary)?,
    }
    if !args.exit && !was_stopped && is_text {
        output::line("\nThe console stays open until Ctrl-C.")?;
        asked_to_stop(Signals::new()).await;
    }
    serving.close().await?;
    drop(cast);
    Ok(if summary.completed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Takes the console's port, or a free one where another program has it.
async fn listen_anywhere(mut address: SocketAddr) -> Result<TcpListener, ListenError> {
    match listen(address).await {
        Err(taken) if taken.source.kind() == std::io::ErrorKind::AddrInUse => {
            address.set_port(0);
            listen(address).await
        }
        other => other,
    }
}

/// Has every prompt ready before the first call.
async fn prepare(script: &Script, prompts: &Arc<Prompts>, is_shown: bool) -> anyhow::Result<()> {
    let requests = PromptRequest::of_script(script);
    let bar =
        if is_shown { ProgressBar::new(requests.len() as u64) } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("prompts  {bar:30} {pos}/{len}")?);
    let (prompts, shown) = (prompts.clone(), bar.clone());
    tokio::task::spawn_blocking(move || {
        prompts.prepare(&requests, |place, _| shown.set_position(place as u64 + 1))
    })
    .await??;
    bar.finish_and_clear();
    Ok(())
}

fn welcome(serving: &Serving, cast: &Cast, data_dir: &std::path::Path) -> anyhow::Result<()> {
    output::line(format!("console  http://{}", serving.http))?;
    output::line(format!("SIP      udp {}", serving.sip))?;
    for line in cast.introduce() {
        output::line(line)?;
    }
    output::line(format!("data     {}", data_dir.display()))?;
    let recovered = serving.recovered;
    if recovered.interrupted_attempts > 0 {
        output::line(format!(
            "         {} attempts were cut off last time; they are closed and not repeated",
            recovered.interrupted_attempts
        ))?;
    }
    for (campaign, report) in &serving.imports {
        super::leads::print(campaign.as_str(), report)?;
    }
    Ok(())
}

/// Shows how it goes until it is over. Whether somebody stopped it.
async fn watch(serving: &mut Serving, is_shown: bool, signals: Signals) -> anyhow::Result<bool> {
    let bar = if is_shown { ProgressBar::new(1) } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} leads  {msg}")?);
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    // One wait for the whole time: a signal between two would be lost.
    let mut asked = std::pin::pin!(asked_to_stop(signals));
    let mut was_stopped = false;
    loop {
        tokio::select! {
            ended = serving.ended() => {
                ended?;
                bar.finish_and_clear();
                return Ok(was_stopped);
            }
            () = &mut asked, if !was_stopped => {
                was_stopped = true;
                serving.stop();
            }
            _ = tick.tick() => {
                let board = serving.board.borrow().clone();
                let (leads, closed) = board.campaigns.iter().fold((0, 0), |(leads, closed), row| {
                    (leads + row.leads, closed + row.completed_leads)
                });
                bar.set_length(leads.max(1));
                bar.set_position(closed);
                bar.set_message(format!(
                    "{} calls now, {} dials, {} people reached, {} agreed",
                    board.calls.len(),
                    board.totals.dials,
                    board.totals.contacts,
                    board.campaigns.iter().map(|row| row.agreed).sum::<u64>(),
                ));
            }
        }
    }
}

/// A file of the source tree: from the working folder, else from where the program was built.
fn tree_file(name: &str) -> PathBuf {
    let here = PathBuf::from(name);
    if here.exists() { here } else { PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name) }
}
