//! `ledgerline sim`: the other side of the wire, as processes of their own.

mod history;

use std::io::Read as _;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;

use super::serve::{Signals, asked_to_stop};
use super::{Common, output};
use crate::conversation::Language;
use crate::runtime::clock::SystemClock;
use crate::runtime::config::Secret;
use crate::sim::{AgentsOptions, CarrierOptions, SimError, run_agents, run_carrier};
use crate::sip::Credentials;

/// The simulated world on the other side of the wire.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// End as well when standard input ends: for a parent that may be killed.
    #[arg(long, global = true)]
    until_eof: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A carrier behind which the people of a lead file live.
    Carrier(Carrier),
    /// Human agents, a desk phone each.
    Agents(Agents),
    /// Days of calls in virtual time, into the empty log of the data folder. Nobody is called:
    /// decisions are the platform's own, people and carriers are made up.
    History(history::Args),
}

#[derive(Debug, clap::Args)]
struct Carrier {
    /// SIP address; port 0 takes a free one, which is printed.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Lead file; its numbers can be reached here.
    #[arg(long, required = true)]
    leads: Vec<PathBuf>,
    /// The seed people follow from; the same on every carrier for the same people.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What people speak: en or zh.
    #[arg(long, default_value = "en")]
    language: Language,
    /// Ask callers for this user's password (digest authentication).
    #[arg(long, requires = "password")]
    user: Option<String>,
    /// The password.
    #[arg(long, env = "LEDGERLINE_SIM_PASSWORD", hide_env_values = true)]
    password: Option<Secret>,
}

#[derive(Debug, clap::Args)]
struct Agents {
    /// The phones' address; each takes a free port, which is printed.
    #[arg(long, default_value = "127.0.0.1")]
    address: IpAddr,
    /// How many.
    #[arg(long, default_value_t = 2)]
    count: usize,
    /// The seed their pauses follow from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What they speak: en or zh.
    #[arg(long, default_value = "en")]
    language: Language,
}

/// Prints one line of JSON once it listens, in either format: programs read it.
pub(crate) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    let until_eof = args.until_eof;
    let runtime = super::runtime()?;
    if let Command::History(history) = args.command {
        return runtime.block_on(history::run(common, history));
    }
    runtime.block_on(async {
        let work = async {
            match args.command {
                Command::Carrier(carrier) => run_as_carrier(carrier).await,
                Command::Agents(agents) => run_as_agents(agents).await,
                Command::History(_) => Ok(()),
            }
        };
        tokio::select! {
            ended = work => ended?,
            () = asked_to_stop(Signals::new()) => {}
            () = standard_input_ends(), if until_eof => {}
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn run_as_carrier(carrier: Carrier) -> Result<(), SimError> {
    let options = CarrierOptions {
        listen: carrier.listen,
        leads: carrier.leads,
        seed: carrier.seed,
        language: carrier.language,
        credentials: carrier
            .user
            .zip(carrier.password)
            .map(|(user, password)| Credentials { user, password: password.reveal().to_owned() }),
    };
    run_carrier(options, Arc::new(SystemClock::new()), |sip| {
        ready(&serde_json::json!({ "sip": sip.to_string() }));
    })
    .await
}

async fn run_as_agents(agents: Agents) -> Result<(), SimError> {
    let options = AgentsOptions {
        address: agents.address,
        count: agents.count,
        seed: agents.seed,
        language: agents.language,
    };
    run_agents(options, Arc::new(SystemClock::new()), |phones| {
        let phones: Vec<_> = phones.iter().map(ToString::to_string).collect();
        ready(&serde_json::json!({ "phones": phones }));
    })
    .await
}

/// A parent that does not read is told nothing.
fn ready(line: &serde_json::Value) {
    drop(output::json(line));
}

async fn standard_input_ends() {
    let ended = tokio::task::spawn_blocking(|| {
        let mut rest = [0; 64];
        while std::io::stdin().read(&mut rest).is_ok_and(|length| length > 0) {}
    });
    drop(ended.await);
    // A thread that waits for input would keep the process: nothing is left to lose here.
    std::process::exit(0);
}
