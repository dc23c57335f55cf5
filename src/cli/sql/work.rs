//! What the shell and a file of statements have in common: the engine, settings, and printing.

use std::sync::Arc;

use super::command::{Command, HELP, Setting, Shape};
use super::{describe, show};
use crate::base::Clock as _;
use crate::cli::output;
use crate::query::catalog::TableInfo;
use crate::query::{Answer, AsOf, Encoded, Engine, Params, Running, Session};
use crate::runtime::clock::SystemClock;

/// The most rows of a table on a terminal.
const SHOWN_MAX: usize = 10_000;

/// An engine, and how it is asked.
pub(super) struct Work {
    engine: Arc<Engine>,
    session: Session,
    pub(super) shape: Shape,
    is_timed: bool,
    is_expanded: bool,
    /// Whether there is somebody to read it: a long table is cut then.
    is_read: bool,
}

impl Work {
    pub(super) fn new(engine: Engine, as_of: AsOf, is_read: bool) -> anyhow::Result<Self> {
        let engine = Arc::new(engine);
        let mut session = Session::new(engine.clone());
        session.set("as_of", &as_of.to_string())?;
        Ok(Self {
            engine,
            session,
            shape: Shape::Table,
            is_timed: false,
            is_expanded: false,
            is_read,
        })
    }

    /// The last log position.
    pub(super) async fn position(&self) -> Option<u64> {
        self.engine.position().await
    }

    /// The moment that is asked about, where it is not the present.
    pub(super) fn as_of(&self) -> Option<String> {
        self.session.show("as_of").filter(|moment| moment != "head")
    }

    /// Every table there is.
    pub(super) async fn tables(&self) -> anyhow::Result<Vec<TableInfo>> {
        Ok(Box::pin(self.session.tables()).await?)
    }

    /// Does what a statement says.
    pub(super) async fn statement(&mut self, statement: &str) -> anyhow::Result<()> {
        match Setting::parse(statement) {
            Some(Setting::Set { name, value }) => {
                self.session.set(&name, &value)?;
                return Ok(());
            }
            Some(Setting::Show(name)) => {
                if let Some(value) = self.session.show(&name) {
                    return self
                        .print(&Answer { columns: vec![name], rows: vec![vec![value.into()]] });
                }
            }
            None => {}
        }
        let clock = SystemClock::new();
        let begun = clock.now();
        if self.as_of().is_none() {
            // What was recorded since the last question.
            drop(Box::pin(self.engine.refresh()).await?);
        }
        let running = Box::pin(self.session.query(statement, Params::default())).await?;
        Box::pin(self.rows(running)).await?;
        if self.is_timed {
            output::line(show::time(clock.now().as_micros() - begun.as_micros()))?;
        }
        Ok(())
    }

    async fn rows(&self, running: Running) -> anyhow::Result<()> {
        if let Some(encoding) = self.shape.encoding() {
            let mut encoded = Encoded::new(running, encoding)?;
            while let Some(piece) = encoded.next().await {
                output::text(String::from_utf8_lossy(&piece?))?;
            }
            return Ok(());
        }
        let most = if self.is_read { SHOWN_MAX } else { usize::MAX };
        let (answer, is_whole) = running.first(most).await?;
        self.print(&answer)?;
        if !is_whole {
            output::line(format!("the first {most} rows; \\format csv prints all"))?;
        }
        Ok(())
    }

    fn print(&self, answer: &Answer) -> anyhow::Result<()> {
        match self.is_expanded {
            true => output::text(show::expanded(answer)),
            false => output::text(answer.table()),
        }
    }

    /// Does what a command says. Whether to go on.
    pub(super) async fn command(&mut self, command: Command) -> anyhow::Result<bool> {
        match command {
            Command::Quit => return Ok(false),
            Command::Help => {
                let width = HELP.iter().map(|(usage, _)| usage.len()).max().unwrap_or(0);
                for (usage, meaning) in HELP {
                    output::line(format!("{usage:width$}  {meaning}"))?;
                }
            }
            Command::List { is_views } => {
                self.print(&describe::list(&self.tables().await?, is_views))?;
            }
            Command::Describe(name) => {
                let columns = describe::columns(&self.tables().await?, &name);
                self.print(&columns.map_err(anyhow::Error::msg)?)?;
            }
            Command::AsOf(None) => {
                let moment = self.as_of().unwrap_or_else(|| "head".to_owned());
                output::line(format!("as of {moment}"))?;
            }
            Command::AsOf(Some(moment)) => {
                self.session.set("as_of", &moment)?;
                let told = self.as_of().unwrap_or_else(|| "head".to_owned());
                output::line(format!("as of {told} from now on"))?;
            }
            Command::Timing(to) => {
                self.is_timed = to.unwrap_or(!self.is_timed);
                output::line(format!("timing is {}", on(self.is_timed)))?;
            }
            Command::Expanded(to) => {
                self.is_expanded = to.unwrap_or(!self.is_expanded);
                output::line(format!("one line for each value is {}", on(self.is_expanded)))?;
            }
            Command::Format(shape) => {
                self.shape = shape.unwrap_or(self.shape);
                output::line(format!("rows are printed as {}", self.shape.name()))?;
            }
        }
        Ok(true)
    }
}

const fn on(is_on: bool) -> &'static str {
    if is_on { "on" } else { "off" }
}
