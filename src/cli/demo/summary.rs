//! What came of a demo, for people and for programs.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::serve::Serving;
use crate::api::{BoardSnapshot, CarrierRow, FunnelStep};
use crate::base::{Clock as _, Millis, Timestamp};
use crate::cli::output;
use crate::event::CampaignStateName;
use crate::runtime::clock::SystemClock;

/// The end of a demo.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    /// Every lead is closed.
    pub(super) completed: bool,
    leads: u64,
    dials: u64,
    answered: u64,
    contacts: u64,
    interested: u64,
    agreed: u64,
    opted_out: u64,
    talk_ms: Millis,
    funnel: Vec<FunnelStep>,
    carriers: Vec<CarrierRow>,
    position: u64,
    interrupted_attempts: u32,
    torn_tail_bytes: u64,
    took_ms: Millis,
    data_dir: PathBuf,
    console: String,
    /// A call worth looking at: the longest of the last ones.
    call_id: String,
}

impl Summary {
    pub(super) fn new(
        board: &BoardSnapshot,
        serving: &Serving,
        data_dir: &Path,
        began: Timestamp,
    ) -> Self {
        let rows = &board.campaigns;
        Self {
            completed: !rows.is_empty()
                && rows.iter().all(|row| row.state == CampaignStateName::Completed),
            leads: rows.iter().map(|row| row.leads).sum(),
            dials: board.totals.dials,
            answered: board.totals.answered,
            contacts: board.totals.contacts,
            interested: rows.iter().map(|row| row.interested).sum(),
            agreed: rows.iter().map(|row| row.agreed).sum(),
            opted_out: board.totals.opted_out,
            talk_ms: board.totals.talk_ms,
            funnel: board.funnel.clone(),
            carriers: board.carriers.clone(),
            position: board.position,
            interrupted_attempts: serving.recovered.interrupted_attempts,
            torn_tail_bytes: serving.recovered.torn_tail_bytes,
            took_ms: SystemClock::new().now().since(began),
            data_dir: data_dir.to_owned(),
            console: format!("http://{}", serving.http),
            call_id: board
                .recent
                .iter()
                .max_by_key(|row| row.talk_ms)
                .map(|row| row.call_id.to_string())
                .unwrap_or_default(),
        }
    }

    /// Prints the funnel, where the data lies, and what to try next. `stays_open`: the console
    /// is there for longer.
    pub(super) fn print(&self, stays_open: bool) -> anyhow::Result<()> {
        let heading =
            if self.completed { "The campaign is complete." } else { "Stopped before the end." };
        output::line(format!(
            "\n{heading} {} dials in {} s; {} events in the log.\n",
            self.dials,
            self.took_ms.0 / 1_000,
            self.position + 1
        ))?;
        let widest = self.funnel.iter().map(|step| step.count).max().unwrap_or(0).max(1);
        for step in &self.funnel {
            let stage = format!("{:?}", step.stage).to_lowercase();
            let bar = "█".repeat(usize::try_from(step.count * 40 / widest).unwrap_or(0));
            output::line(format!("  {stage:<11} {:>5}  {bar}", step.count))?;
        }
        output::line(format!("  {:<11} {:>5}", "opted out", self.opted_out))?;
        let data_dir = self.data_dir.display();
        output::line(format!(
            "\nThe data lies in {data_dir}: log/ (events), keys/ (who is who), projections/.\n"
        ))?;
        output::line("Five things to try next:")?;
        let program = program();
        let flag = format!("--data-dir {data_dir}");
        for (what, how) in [
            (
                "ask in SQL",
                format!(
                    "{program} sql {flag} \"SELECT type, count(*) AS events FROM events GROUP BY type ORDER BY events DESC\""
                ),
            ),
            ("read the report", format!("{program} report daily {flag}")),
            ("explain a call", format!("{program} audit explain {flag} {}", self.call_id)),
            ("take every decision again", format!("{program} audit replay {flag}")),
            if stays_open {
                ("look at the console", self.console.clone())
            } else {
                ("compare the tables", format!("{program} projections verify {flag}"))
            },
        ] {
            output::line(format!("  {what:<26} {how}"))?;
        }
        Ok(())
    }
}

/// This program as the reader can call it.
fn program() -> String {
    std::env::current_exe().map_or_else(
        |_| "ledgerline".to_owned(),
        |path| {
            let here = std::env::current_dir().unwrap_or_default();
            path.strip_prefix(&here).unwrap_or(&path).display().to_string()
        },
    )
}
