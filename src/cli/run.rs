//! `ledgerline run`: the platform as configured, until it is told to stop.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;

use super::serve::{Signals, asked_to_stop, listen, serve};
use super::{Common, Format, output};
use crate::speech::Prompts;

/// Run the platform with a configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Stop once every campaign is complete.
    #[arg(long)]
    until_complete: bool,
}

pub(crate) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    let config = common.load()?;
    if config.campaigns.is_empty() {
        bail!(
            "nothing to do: the configuration has no [[campaigns]]; \
             config/example.toml shows one, `ledgerline demo` needs none"
        );
    }
    super::runtime()?.block_on(async {
        let prompts = Arc::new(Prompts::open(&config.data_dir));
        let data_dir = config.data_dir.clone();
        let listener = listen(config.http.listen).await?;
        let mut serving = serve(config, listener, prompts, args.until_complete).await?;
        let signals = Signals::new();
        match common.format {
            Format::Text => {
                output::line(format!("console  http://{}", serving.http))?;
                output::line(format!("SIP      udp {}", serving.sip))?;
                if let Some(connection) = &serving.connection {
                    output::line(format!("log      {connection}"))?;
                }
                for door in [&serving.doors.postgres, &serving.doors.flight].into_iter().flatten() {
                    output::line(format!("SQL      {door}"))?;
                }
                output::line(format!("data     {}", data_dir.display()))?;
                let recovered = serving.recovered;
                if recovered.interrupted_attempts > 0 || recovered.torn_tail_bytes > 0 {
                    output::line(format!(
                        "recovered: {} attempts were cut off and are closed, {} bytes of an \
                         unfinished write were cut",
                        recovered.interrupted_attempts, recovered.torn_tail_bytes
                    ))?;
                }
                for (campaign, report) in &serving.imports {
                    super::leads::print(campaign.as_str(), report)?;
                }
            }
            Format::Json => output::json(&serde_json::json!({
                "http": serving.http.to_string(),
                "sip": serving.sip.to_string(),
                "log": serving.connection,
                "postgres": serving.doors.postgres,
                "flight": serving.doors.flight,
                "data_dir": data_dir,
                "interrupted_attempts": serving.recovered.interrupted_attempts,
                "torn_tail_bytes": serving.recovered.torn_tail_bytes,
            }))?,
        }
        tokio::select! {
            ended = serving.ended() => ended?,
            () = asked_to_stop(signals) => {
                serving.stop();
                serving.ended().await?;
            }
        }
        serving.close().await?;
        Ok(ExitCode::SUCCESS)
    })
}
