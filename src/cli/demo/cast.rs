//! The demo's other side: carriers and agents, each a process of this same program.

use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::Args;
use super::stage::Stage;
use crate::base::{AgentId, CarrierId, Ppm};
use crate::dialing::POST_DIAL_DELAY_MAX;
use crate::runtime::Config;
use crate::runtime::clock::system_random;
use crate::runtime::config::{
    AgentConfig, AgentRole, CarrierConfig, IdentityName, Secret, SrtpName,
};

/// The user the second carrier wants to see.
const USER: &str = "ledgerline";

struct SimulatedCarrier {
    id: &'static str,
    weight: u32,
    sip: SocketAddr,
    credentials: Option<String>,
    process: Child,
}

/// Everybody on the other side of the wire. Dropping it ends their processes.
pub(super) struct Cast {
    carriers: Vec<SimulatedCarrier>,
    phones: Vec<SocketAddr>,
    _agents: Option<Child>,
}

impl Cast {
    /// Starts the processes and waits until each listens.
    pub(super) async fn gather(stage: &Stage, args: &Args) -> anyhow::Result<Self> {
        let mut carriers = Vec::new();
        for (id, weight, asks) in [("north", 3, false), ("south", 1, true)] {
            let password = asks.then(password);
            let (process, line) = start(carrier(stage, args, password.as_deref())?).await?;
            let sip = line.get("sip").and_then(|sip| sip.as_str()).unwrap_or_default();
            let sip = sip.parse().with_context(|| format!("where carrier {id} listens"))?;
            carriers.push(SimulatedCarrier { id, weight, sip, credentials: password, process });
        }
        let mut phones = Vec::new();
        let mut agents = None;
        if args.agents > 0 {
            let (process, line) = start(self::agents(args)?).await?;
            let listed = line.get("phones").and_then(|phones| phones.as_array());
            for phone in listed.into_iter().flatten() {
                let phone = phone.as_str().unwrap_or_default();
                phones.push(phone.parse().context("where an agent's phone is")?);
            }
            agents = Some(process);
        }
        Ok(Self { carriers, phones, _agents: agents })
    }

    /// Puts them into the configuration.
    pub(super) fn join(&self, config: &mut Config, args: &Args) {
        let channels = 20;
        let carriers = self.carriers.iter().filter_map(|carrier| {
            Some(CarrierConfig {
                id: CarrierId::new(carrier.id).ok()?,
                address: carrier.sip.into(),
                transport: None,
                tls_name: None,
                weight: carrier.weight,
                channels,
                // 0.9 cents a minute.
                media_networks: Vec::new(),
                price_per_minute_milli: Some(900),
                billed_s: 1,
                calls_per_second: None,
                sims: Vec::new(),
                post_dial_ms: POST_DIAL_DELAY_MAX,
                user: carrier.credentials.as_ref().map(|_| USER.to_owned()),
                password: carrier.credentials.clone().map(Secret::new),
                register: false,
                register_expires_s: 3_600,
                domain: None,
                caller: None,
                identity: IdentityName::From,
                private: false,
                tech_prefix: None,
                srtp: SrtpName::Off,
            })
        });
        config.carriers = carriers.collect();
        let names = ["alex", "bo", "chris", "dana", "eli", "fan", "gil", "hong"];
        let agents = self.phones.iter().enumerate().filter_map(|(place, phone)| {
            let name = names.get(place).map_or(format!("agent-{place}"), |&name| name.to_owned());
            // The first is the more skilled; the router shows why it prefers whom.
            let skill_ppm = Ppm(700_000 - 50_000 * u32::try_from(place.min(8)).unwrap_or(8));
            let id = AgentId::new(name).ok()?;
            Some(AgentConfig {
                id,
                role: AgentRole::Agent,
                phone: Some(*phone),
                user: None,
                password: None,
                srtp: SrtpName::Off,
                skill_ppm,
                cost_per_hour_minor: Some(1_800),
            })
        });
        config.agents = agents.take(args.agents).collect();
    }

    /// Who is there, for the terminal.
    pub(super) fn introduce(&self) -> impl Iterator<Item = String> + '_ {
        let carriers = self.carriers.iter().map(|carrier| {
            let process = carrier.process.id().unwrap_or(0);
            let digest = if carrier.credentials.is_some() { ", asks for a password" } else { "" };
            format!(
                "carrier  {} at {}, weight {}{digest}; `kill {process}` takes it down",
                carrier.id, carrier.sip, carrier.weight
            )
        });
        carriers.chain([format!("agents   {}", self.phones.len())])
    }
}

fn carrier(stage: &Stage, args: &Args, password: Option<&str>) -> anyhow::Result<Command> {
    let mut command = this_program()?;
    command.args(["sim", "carrier", "--until-eof", "--leads"]).arg(&stage.leads);
    command.args(["--seed", &args.seed.to_string(), "--language", args.language.name()]);
    if let Some(password) = password {
        // Through the environment: arguments can be read by every user of the machine.
        command.args(["--user", USER]).env("LEDGERLINE_SIM_PASSWORD", password);
    }
    Ok(command)
}

fn agents(args: &Args) -> anyhow::Result<Command> {
    let mut command = this_program()?;
    command.args(["sim", "agents", "--until-eof", "--count", &args.agents.to_string()]);
    command.args(["--seed", &args.seed.to_string(), "--language", args.language.name()]);
    Ok(command)
}

fn this_program() -> anyhow::Result<Command> {
    let program = std::env::current_exe().context("find this program's own file")?;
    Ok(Command::new(program))
}

/// Starts a process and reads the line in which it says where it listens.
async fn start(mut command: Command) -> anyhow::Result<(Child, serde_json::Value)> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    // Ctrl-C is for the platform: it ends its calls first, and then these.
    command.process_group(0);
    let mut process = command.spawn().context("start a simulated process")?;
    let Some(stdout) = process.stdout.take() else { bail!("a simulated process has no output") };
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).await.context("read from a simulated process")?;
    if line.is_empty() {
        let status = process.wait().await.context("wait for a simulated process")?;
        bail!("a simulated process ended at once: {status}");
    }
    let line = serde_json::from_str(&line).context("read where a simulated process listens")?;
    Ok((process, line))
}

/// A password for this run only.
fn password() -> String {
    let mut bytes = [0; 12];
    system_random(&mut bytes);
    bytes.iter().map(|byte| char::from(b'a' + byte % 26)).collect()
}
