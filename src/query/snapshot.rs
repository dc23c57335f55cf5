//! Every table at one log position: the head, or any earlier one.
//!
//! In: a moment of the log. Out: an engine of which all tables, views included, are what the
//! events up to there give. An earlier moment is folded from the log's beginning, and its views
//! computed by their own queries: there is no second way to a number.
//! Memory: the [`KEPT`] earlier moments that were asked about last.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::catalog::TableFunctionImpl;
use datafusion::common::plan_err;
use datafusion::datasource::TableProvider;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::Expr;
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use futures::FutureExt as _;

use super::as_of::AsOf;
use super::head::LIVE;
use super::{Engine, Error, register};
use crate::event::Recorded;
use crate::projection::live::LiveState;
use crate::projection::sql::{self, ViewStatus};
use crate::projection::tables::Tables;

/// Earlier moments that are kept.
const KEPT: usize = 4;

/// Tables at one position.
#[derive(Clone)]
pub(super) struct Snapshot {
    pub(super) position: Option<u64>,
    pub(super) context: SessionContext,
}

impl Snapshot {
    /// The same, with memory and disk of one question.
    pub(super) fn within(self, environment: Arc<RuntimeEnv>) -> Self {
        let state = SessionStateBuilder::new_from_existing(self.context.state())
            .with_runtime_env(environment)
            .build();
        Self { context: SessionContext::new_with_state(state), ..self }
    }
}

/// Earlier moments, the last one that was asked about at the end.
#[derive(Clone, Default)]
pub(super) struct Past(Arc<Mutex<VecDeque<Kept>>>);

#[derive(Clone)]
struct Kept {
    as_of: AsOf,
    snapshot: Snapshot,
    /// No event will ever be added to it.
    is_settled: bool,
    /// `live.*` is in it, not only to be listed.
    has_live: bool,
}

impl Past {
    fn kept(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, as_of: AsOf) -> Option<Kept> {
        let mut kept = self.kept();
        let place = kept.iter().position(|known| known.as_of == as_of)?;
        let found = kept.remove(place)?;
        kept.push_back(found.clone());
        Some(found)
    }

    fn put(&self, new: Kept) {
        let mut kept = self.kept();
        kept.retain(|known| known.as_of != new.as_of);
        while kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(new);
    }

    /// Lets questions name a table as of a moment of its own.
    pub(super) fn register(&self, context: &SessionContext) {
        context.register_udtf("as_of", Arc::new(AsOfFunction(self.clone())));
    }

    /// Forgets what more events may have come to.
    pub(super) fn forget_unsettled(&self) {
        self.kept().retain(|known| known.is_settled);
    }
}

impl Engine {
    /// Every table as of an earlier moment.
    pub(super) async fn past(&self, as_of: AsOf, with_live: bool) -> Result<Snapshot, Error> {
        let is_enough = |kept: &Kept| kept.is_settled && kept.has_live >= with_live;
        if let Some(kept) = self.past.get(as_of).filter(is_enough) {
            return Ok(kept.snapshot);
        }
        let head = self.reader.look().await?;
        let position = match (as_of, head) {
            (AsOf::Position(position), Some(head)) if position <= head => Some(position),
            (AsOf::Position(position), _) => {
                return Err(Error::Ahead { position, head });
            }
            (AsOf::Time(time), Some(head)) => self.reader.last_by(time, head).await?,
            (AsOf::Head, head) => head,
            (AsOf::Time(_), None) => None,
        };
        let mut tables = Tables::default();
        let mut live = LiveState::default();
        if let Some(position) = position {
            if let Some(kept) = self.kept.load_by(position)
                && self.reader.has_made(&kept).await?
            {
                tables = kept;
            }
            self.reader.advance(&mut tables, Some(position), |_| {}).await?;
            if tables.is_damaged() {
                tables = Tables::default();
                self.reader.advance(&mut tables, Some(position), |_| {}).await?;
            }
            if with_live {
                let follow = |recorded: &Recorded| drop(live.apply(recorded));
                self.reader.each(0, Some(position), follow).await?;
            }
        }
        let context = sql::session_of(&tables)?;
        Box::pin(sql::replay_all(&context, &sql::served(&self.store, &self.views))).await?;
        let status: Vec<_> = self.views.iter().map(|view| ViewStatus::at(view, position)).collect();
        register::system(&context, &status)?;
        register::live(&context, sql::live_tables(&live)?)?;
        self.past.register(&context);
        let snapshot = Snapshot { position, context };
        let is_settled = match as_of {
            // Another event may still be recorded by then.
            AsOf::Time(_) => position < head,
            AsOf::Position(_) => true,
            AsOf::Head => false,
        };
        self.past.put(Kept { as_of, snapshot: snapshot.clone(), is_settled, has_live: with_live });
        Ok(snapshot)
    }
}

/// `as_of('attempts', '1200')`: one table as of a moment of its own.
struct AsOfFunction(Past);

impl std::fmt::Debug for AsOfFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("as_of")
    }
}

/// The tables of a moment are not made yet: the error that says so to who plans.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the tables as of {as_of} are not made yet")]
pub(super) struct Wanted {
    pub(super) as_of: AsOf,
    pub(super) with_live: bool,
}

impl Wanted {
    /// The moment that planning failed for.
    pub(super) fn of(error: &DataFusionError) -> Option<Self> {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if let Some(wanted) = error.downcast_ref::<Self>() {
                return Some(*wanted);
            }
            if let Some(DataFusionError::External(inner)) = error.downcast_ref()
                && let Some(wanted) = inner.downcast_ref::<Self>()
            {
                return Some(*wanted);
            }
            cause = error.source();
        }
        None
    }
}

impl TableFunctionImpl for AsOfFunction {
    fn call(&self, args: &[Expr]) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        let (Some(table), Some(moment), 2) =
            (args.first().and_then(text), args.get(1).and_then(text), args.len())
        else {
            return plan_err!(
                "as_of wants a table and a moment, such as as_of('attempts', '1200') or as_of('attempts', '2026-11-21T09:30:00Z')"
            );
        };
        let Ok(as_of) = moment.parse::<AsOf>() else {
            return plan_err!("{}", super::as_of::AsOfError);
        };
        let (schema, name) = table.rsplit_once('.').unwrap_or(("public", &table));
        let with_live = schema == LIVE;
        let Some(Kept { snapshot, .. }) = self.0.get(as_of).filter(|it| it.has_live >= with_live)
        else {
            return Err(DataFusionError::External(Box::new(Wanted { as_of, with_live })));
        };
        let catalog = snapshot.context.catalog("ledgerline");
        let schema = catalog.and_then(|catalog| catalog.schema(schema));
        // Tables in memory are there at once.
        let found = schema.and_then(|schema| schema.table(name).now_or_never()?.ok().flatten());
        found.map_or_else(|| plan_err!("as_of: there is no table {table}"), Ok)
    }
}

fn text(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Literal(ScalarValue::Utf8(Some(text)), _) => Some(text.clone()),
        Expr::Literal(ScalarValue::Int64(Some(number)), _) => Some(number.to_string()),
        _ => None,
    }
}
