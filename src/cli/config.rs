//! `ledgerline config`: is a configuration good, and what does it come to?
//!
//! In: a configuration file, or the defaults. Out: a verdict, or every setting with its value.
//! Invariant: secrets are never printed. Deliberately absent: changing a file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;

use super::{Common, Format, output};
use crate::base::CarrierId;
use crate::runtime::{Config, LookupError, look_up};
use crate::sip::Located;

/// What to do with the configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Read a configuration and see whether the files it names are there; status 1 where it cannot
    /// be used. Carriers with a name are looked up and said where they are. Scripts are checked by `speech render`, lead files by `leads check`.
    Check {
        /// The file; without one, that of --config.
        file: Option<PathBuf>,
    },
    /// Print every setting as it applies, defaults included, secrets hidden.
    Show,
}

pub(crate) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    match args.action {
        Action::Check { file } => {
            let common = Common { config: file.or(common.config.clone()), ..common.clone() };
            let config = common.load()?;
            let name = common.config.as_deref().unwrap_or(Path::new("the defaults"));
            let missing = missing_files(&config);
            let found = super::runtime()?.block_on(look_up(&config));
            let found: Vec<String> =
                found.iter().filter_map(|(id, found)| finding(&config, id, found)).collect();
            print_verdict(common.format, name, &config, &missing, &found)?;
            Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Action::Show => {
            let config = common.load()?;
            match common.format {
                Format::Text => output::line(to_toml(&config)?.trim_end())?,
                Format::Json => output::json(&config)?,
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn to_toml(config: &Config) -> anyhow::Result<String> {
    toml::to_string(config).context("print the configuration as TOML")
}

/// One line for each file that the configuration names and that is not there.
fn missing_files(config: &Config) -> Vec<String> {
    let mut missing = Vec::new();
    if let Some(front) = &config.kurrentdb {
        let files = [
            ("tls_cert", &front.tls_cert),
            ("tls_key", &front.tls_key),
            ("user_file", &front.user_file),
        ];
        for (key, path) in files {
            let Some(path) = path.as_ref().filter(|path| !path.is_file()) else { continue };
            missing.push(format!("kurrentdb: {key} {} is no file", path.display()));
        }
    }
    let sql = &config.sql;
    let files =
        [("tls_cert", &sql.tls_cert), ("tls_key", &sql.tls_key), ("user_file", &sql.user_file)];
    for (key, path) in files {
        let Some(path) = path.as_ref().filter(|path| !path.is_file()) else { continue };
        missing.push(format!("sql: {key} {} is no file", path.display()));
    }
    for campaign in &config.campaigns {
        let files = [("script", Some(&campaign.script)), ("leads", campaign.leads.as_ref())];
        for (key, path) in files {
            let Some(path) = path.filter(|path| !path.is_file()) else { continue };
            missing.push(format!("campaign {}: {key} {} is no file", campaign.id, path.display()));
        }
    }
    missing
}

/// What the DNS says of a carrier. That it says nothing is no fault of the configuration: the
/// carrier gets no calls until it does.
fn finding(
    config: &Config,
    carrier_id: &CarrierId,
    found: &Result<Located, LookupError>,
) -> Option<String> {
    let carrier = config.carriers.iter().find(|carrier| carrier.id == *carrier_id)?;
    let address = &carrier.address;
    let outcome = match found {
        Ok(located) if located.is_nowhere() => "leads to no address".to_owned(),
        Ok(located) => {
            let hops: Vec<String> = located.hops().iter().map(ToString::to_string).collect();
            format!("is {}", hops.join(", "))
        }
        Err(error) => format!("cannot be looked up: {error}"),
    };
    Some(format!("carrier {carrier_id}: {address} {outcome}"))
}

fn print_verdict(
    format: Format,
    name: &Path,
    config: &Config,
    missing: &[String],
    found: &[String],
) -> anyhow::Result<()> {
    let counts = [config.carriers.len(), config.agents.len(), config.campaigns.len()];
    let [carriers, agents, campaigns] = counts;
    match format {
        Format::Json => output::json(&json!({
            "file": name,
            "is_good": missing.is_empty(),
            "problems": missing,
            "names": found,
            "carriers": carriers,
            "agents": agents,
            "campaigns": campaigns,
        })),
        Format::Text if missing.is_empty() => {
            for line in found {
                output::line(line)?;
            }
            output::line(format!(
                "{} can be used: carriers {carriers}, agents {agents}, campaigns {campaigns}",
                name.display()
            ))
        }
        Format::Text => {
            for line in found {
                output::line(line)?;
            }
            for problem in missing {
                output::line(format!("{}: {problem}", name.display()))?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
