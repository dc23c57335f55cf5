//! Statements from standard input, one after the other. The first that fails is the last.

use std::process::ExitCode;

use anyhow::bail;

use super::command::Shape;
use super::statement::split;
use super::work::Work;
use crate::cli::{Common, Format};
use crate::query::AsOf;

pub(super) fn run(common: &Common, as_of: AsOf, text: &str) -> anyhow::Result<ExitCode> {
    let mut statements = split(text);
    // The last one needs no `;`.
    if !statements.rest.trim().is_empty() {
        statements.whole.push(std::mem::take(&mut statements.rest));
    }
    if statements.whole.is_empty() {
        bail!("run SQL: standard input holds no statement");
    }
    let config = common.load()?;
    super::runtime()?.block_on(async {
        let engine = super::engine(&config).await?;
        let mut work = Work::new(engine, as_of, false)?;
        if common.format == Format::Json {
            work.shape = Shape::Json;
        }
        for statement in &statements.whole {
            Box::pin(work.statement(statement)).await?;
        }
        anyhow::Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}
