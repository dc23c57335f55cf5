//! (being written)

use std::process::ExitCode;

use super::Common;

/// (being written)
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_common: &Common, _args: Args) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
