//! `ledgerline query`: the saved questions.

use std::process::ExitCode;

use serde_json::json;

use super::{Common, Format, output, sql};
use crate::query::{AsOf, SavedQuery, saved_queries};

/// What `query` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The question's name; without one all are listed.
    name: Option<String>,
    /// A parameter, such as `call_id=0198…`; may be given more than once.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    params: Vec<(String, String)>,
    /// Answer as of this moment of the log.
    #[arg(long, value_name = "POSITION|TIME", default_value_t = AsOf::Head)]
    as_of: AsOf,
    /// Print the question's SQL and do not run it.
    #[arg(long, requires = "name")]
    show: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it must be NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

pub(crate) fn run(common: &Common, args: Args) -> anyhow::Result<ExitCode> {
    let Some(name) = args.name else {
        list(common)?;
        return Ok(ExitCode::SUCCESS);
    };
    if args.show {
        output::line(SavedQuery::find(&name)?.sql)?;
        return Ok(ExitCode::SUCCESS);
    }
    // A wrong name is said before the log is read.
    SavedQuery::find(&name)?;
    let config = common.load()?;
    let answer = sql::runtime()?.block_on(async {
        let engine = sql::engine(&config).await?;
        anyhow::Ok(engine.saved_as_of(&name, &args.params, args.as_of).await?)
    })?;
    sql::print(common, &answer)?;
    Ok(ExitCode::SUCCESS)
}

fn list(common: &Common) -> anyhow::Result<()> {
    let queries = saved_queries()?;
    if common.format == Format::Json {
        let list = queries.iter().map(|query| {
            let params = query.params.iter();
            let params = params.map(|it| json!({"name": it.name, "default": it.default}));
            json!({
                "name": query.name,
                "description": query.description,
                "params": params.collect::<Vec<_>>(),
                "example": query.example,
                "kpi": query.kpi.as_ref().map(|kpi| json!({
                    "numerator": kpi.numerator,
                    "denominator": kpi.denominator,
                    "exclusions": kpi.exclusions,
                    "unit": kpi.unit,
                    "source": kpi.source,
                })),
            })
        });
        return output::json(&list.collect::<Vec<_>>());
    }
    for query in &queries {
        output::line(&query.name)?;
        output::line(format!("    {}", query.description))?;
        if let Some(kpi) = &query.kpi {
            output::line(format!("    Unit: {}; {}.", kpi.unit, kpi.source))?;
        }
        output::line(format!("    {}", query.example))?;
    }
    Ok(())
}
