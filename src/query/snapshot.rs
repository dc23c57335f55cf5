//! Every table at one log position: the head, or any earlier one.
//!
//! In: a moment of the log, and which tables are named. Out: an engine of which all these tables,
//! views included, are what the events up to there give. Base tables and `live.*` are folded from
//! the nearest state before the moment that is known: one that was asked about, one that is on
//! disk, or the log's beginning. Views are computed by their own queries: there is no second way
//! to a number. Invariant: a question pays for the tables it names.
//! Memory: the [`KEPT`] earlier moments that were asked about last.

mod function;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::catalog::SchemaProvider;
use datafusion::common::TableReference;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::prelude::SessionContext;
use tokio::sync::OwnedMutexGuard;

use self::function::AsOfFunction;
pub(super) use self::function::Wanted;
use super::as_of::AsOf;
use super::head::{BASE, LIVE};
use super::schemas::{FactSchema, LayerSchema, MadeSchema};
use super::{Engine, Error, register};
use crate::projection::live::LiveState;
use crate::projection::sql::{self, Replayed, View, ViewStatus};
use crate::projection::table::BaseTable;
use crate::projection::tables::Tables;

/// Earlier moments that are kept.
const KEPT: usize = 4;

/// Tables at one position.
#[derive(Clone)]
pub(super) struct Snapshot {
    pub(super) position: Option<u64>,
    pub(super) context: SessionContext,
}

/// Which tables a question names, beside base tables, which are always there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) live: bool,
    /// By `layer.name`. What is no view is among them, too.
    views: BTreeSet<String>,
}

impl Need {
    /// One table.
    fn table(schema: &str, name: &str) -> Self {
        let views = match schema {
            BASE | LIVE => BTreeSet::new(),
            layer => BTreeSet::from([format!("{layer}.{name}")]),
        };
        Self { live: schema == LIVE, views }
    }

    /// All tables that a statement names.
    pub(super) fn of(tables: &[TableReference]) -> Self {
        tables.iter().fold(Self::default(), |mut need, table| {
            let one = Self::table(table.schema().unwrap_or(BASE), table.table());
            need.live |= one.live;
            need.views.extend(one.views);
            need
        })
    }
}

/// What there is of one earlier moment so far.
#[derive(Clone)]
pub(super) struct Moment {
    position: Option<u64>,
    tables: Arc<Tables>,
    /// The state that `live.*` was made of, to fold on from.
    state: Option<Arc<LiveState>>,
    live: Option<Arc<Vec<BaseTable>>>,
    /// The same without rows.
    listed: Arc<Vec<BaseTable>>,
    /// All that can be had.
    views: Arc<Vec<View>>,
    replayed: Replayed,
    system: Arc<dyn SchemaProvider>,
}

impl Moment {
    /// Whether all that is needed was made.
    fn has(&self, need: &Need) -> bool {
        let mut views = self.views.iter().map(View::table);
        self.live.is_some() >= need.live
            && views.all(|view| !need.views.contains(&view) || self.replayed.contains_key(&view))
    }

    /// Views that were made.
    #[cfg(test)]
    pub(super) fn replayed(&self) -> Vec<String> {
        self.replayed.keys().cloned().collect()
    }

    /// Every table by its schema.
    fn schemas(&self) -> Vec<(String, Arc<dyn SchemaProvider>)> {
        let mut layers: BTreeMap<&'static str, LayerSchema> = BTreeMap::new();
        for view in self.views.iter() {
            let replayed = self.replayed.get(&view.table()).cloned();
            layers.entry(view.layer.as_str()).or_default().add(view, replayed);
        }
        let live: Arc<dyn SchemaProvider> = match &self.live {
            Some(live) => Arc::new(MadeSchema(live.clone())),
            None => Arc::new(LayerSchema::listed(&self.listed)),
        };
        let mut schemas: Vec<(String, Arc<dyn SchemaProvider>)> = vec![
            (BASE.to_owned(), Arc::new(FactSchema(self.tables.clone()))),
            (LIVE.to_owned(), live),
            ("system".to_owned(), self.system.clone()),
        ];
        let layers = layers.into_iter();
        schemas.extend(layers.map(|(name, layer)| (name.to_owned(), Arc::new(layer) as _)));
        schemas
    }
}

/// Earlier moments, the last one that was asked about at the end.
#[derive(Clone, Default)]
pub(super) struct Past(Arc<Mutex<VecDeque<Kept>>>);

#[derive(Clone)]
struct Kept {
    as_of: AsOf,
    moment: Moment,
    /// No event will ever be added to it.
    is_settled: bool,
}

impl Past {
    fn kept(&self) -> MutexGuard<'_, VecDeque<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, as_of: AsOf) -> Option<Moment> {
        let mut kept = self.kept();
        let place = kept.iter().position(|known| known.as_of == as_of)?;
        let found = kept.remove(place)?;
        let moment = found.moment.clone();
        kept.push_back(found);
        Some(moment)
    }

    fn put(&self, new: Kept) {
        let mut kept = self.kept();
        kept.retain(|known| known.as_of != new.as_of);
        while kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(new);
    }

    fn forget(&self, as_of: AsOf) {
        self.kept().retain(|known| known.as_of != as_of);
    }

    /// The tables nearest before a position that a fold can go on from.
    fn tables_by(&self, position: u64) -> Option<Arc<Tables>> {
        let kept = self.kept();
        let tables = kept.iter().map(|known| &known.moment.tables);
        let tables = tables.filter(|tables| !tables.is_frozen() && tables.seen() <= Some(position));
        tables.max_by_key(|tables| tables.seen()).cloned()
    }

    /// The live state nearest before a position.
    fn live_by(&self, position: u64) -> Option<Arc<LiveState>> {
        let kept = self.kept();
        let states = kept.iter().filter_map(|known| known.moment.state.as_ref());
        let states = states.filter(|state| state.position() <= Some(position));
        states.max_by_key(|state| state.position()).cloned()
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

/// The head, held where it is for who asks several questions about it. Views are not refreshed
/// as long as this lives, so that the files it reads stay.
pub(crate) struct Pin {
    /// The last position; nothing where the log is empty.
    pub(crate) position: Option<u64>,
    past: Past,
    _refreshing: OwnedMutexGuard<()>,
}

impl Drop for Pin {
    fn drop(&mut self) {
        if let Some(position) = self.position {
            self.past.forget(AsOf::Position(position));
        }
    }
}

impl Engine {
    /// Every table as of an earlier moment, of those that are needed.
    pub(super) async fn past(
        &self,
        as_of: AsOf,
        need: &Need,
        environment: Arc<RuntimeEnv>,
    ) -> Result<Snapshot, Error> {
        let moment = Box::pin(self.make(as_of, need)).await?;
        let context = self.context_with(moment.schemas(), environment)?;
        Ok(Snapshot { position: moment.position, context })
    }

    /// Makes the tables of an earlier moment that are needed and were not made yet.
    pub(super) async fn make(&self, as_of: AsOf, need: &Need) -> Result<Moment, Error> {
        let known = self.past.get(as_of).filter(|moment| !moment.tables.is_gone());
        if let Some(known) = known.as_ref().filter(|moment| moment.has(need)) {
            return Ok(known.clone());
        }
        let head = self.reader.look().await?;
        let (mut moment, is_settled) = match known {
            Some(known) => {
                let is_settled = is_settled(as_of, known.position, head);
                (known, is_settled)
            }
            None => {
                let position = self.position_of(as_of, head).await?;
                (self.moment_at(position).await?, is_settled(as_of, position, head))
            }
        };
        if need.live && moment.live.is_none() {
            let (state, live) = self.live_at(moment.position).await?;
            (moment.state, moment.live) = (state, Some(live));
        }
        if !moment.has(need) {
            let context = sql::session_of(&moment.tables)?;
            let replayed = sql::replay_some(&context, &moment.views, &need.views, &moment.replayed);
            moment.replayed.extend(Box::pin(replayed).await?);
        }
        self.past.put(Kept { as_of, moment: moment.clone(), is_settled });
        Ok(moment)
    }

    /// The last event that counts.
    async fn position_of(&self, as_of: AsOf, head: Option<u64>) -> Result<Option<u64>, Error> {
        Ok(match (as_of, head) {
            (AsOf::Position(position), Some(head)) if position <= head => Some(position),
            (AsOf::Position(position), _) => return Err(Error::Ahead { position, head }),
            (AsOf::Time(time), Some(head)) => self.reader.last_by(time, head).await?,
            (AsOf::Head, head) => head,
            (AsOf::Time(_), None) => None,
        })
    }

    /// The base tables as of a position, and nothing else yet.
    async fn moment_at(&self, position: Option<u64>) -> Result<Moment, Error> {
        let tables = match position {
            Some(position) => self.tables_at(position).await?,
            None => Arc::default(),
        };
        let mut views = sql::served(&self.store, &self.views);
        views.retain(|view| !view.is_frozen);
        let clock = tables.clock();
        let status = self.views.iter().map(|view| ViewStatus::at(view, position, clock));
        let system = register::system(&status.collect::<Vec<_>>())?;
        Ok(Moment {
            position,
            tables,
            state: None,
            live: None,
            listed: Arc::new(sql::live_tables(&LiveState::default())?),
            views: Arc::new(views),
            replayed: Replayed::new(),
            system,
        })
    }

    /// The base tables as of a position: those of the head where that is it, else folded on from
    /// the nearest state before.
    async fn tables_at(&self, position: u64) -> Result<Arc<Tables>, Error> {
        let head = self.head.load().tables.clone();
        if head.seen() >= Some(position) && head.position() <= Some(position) && !head.is_gone() {
            return Ok(head);
        }
        let near = self.past.tables_by(position).filter(|tables| !tables.is_gone());
        let after = near.as_ref().and_then(|near| near.seen());
        let mut tables = near.map(Arc::unwrap_or_clone).unwrap_or_default();
        if let Some(kept) = self.checkpoint(position, after).await? {
            tables = kept;
        }
        self.reader.advance(&mut tables, Some(position), |_| {}).await?;
        if tables.is_damaged() {
            tables = Tables::default();
            self.reader.advance(&mut tables, Some(position), |_| {}).await?;
        }
        Ok(Arc::new(tables))
    }

    /// `live.*` as of a position: from the running fold where that has not gone past it, else
    /// folded on from the nearest state before. Gives the state where it may be folded on from.
    async fn live_at(
        &self,
        position: Option<u64>,
    ) -> Result<(Option<Arc<LiveState>>, Arc<Vec<BaseTable>>), Error> {
        let Some(position) = position else {
            return Ok((None, Arc::new(sql::live_tables(&LiveState::default())?)));
        };
        // The running fold must not go ahead of what questions see.
        if self.head.load().tables.seen() >= Some(position) {
            let mut running = self.live.lock().await;
            if running.next <= position.saturating_add(1) {
                running.advance(&self.reader, position).await?;
                return Ok((None, Arc::new(sql::live_tables(&running.state)?)));
            }
        }
        let near = self.past.live_by(position);
        let mut live = near.map(Arc::unwrap_or_clone).unwrap_or_default();
        let next = live.position().map_or(0, |last| last.saturating_add(1));
        self.reader.each(next, Some(position), |recorded| drop(live.apply(recorded))).await?;
        let tables = Arc::new(sql::live_tables(&live)?);
        Ok((Some(Arc::new(live)), tables))
    }

    /// Brings the views to the head and holds it there for several questions, which then ask as
    /// of its position. What is stored at that position is read and not computed again.
    ///
    /// # Errors
    /// See [`Error`].
    pub(crate) async fn pin(&self) -> Result<Pin, Error> {
        let refreshing = self.refreshing.clone().lock_owned().await;
        let (tables, _) = Box::pin(self.refresh_alone(None)).await?;
        let mut moment = self.moment_at(None).await?;
        let position = tables.position();
        let clock = tables.clock();
        let status = self.views.iter().map(|view| ViewStatus::at(view, position, clock));
        moment.system = register::system(&status.collect::<Vec<_>>())?;
        (moment.position, moment.tables) = (position, Arc::new(tables));
        for view in moment.views.iter() {
            let stored = self.store.manifest(view).ok().flatten();
            let is_there = |stored: &_| sql::is_usable(stored, view, &moment.tables);
            let stored = stored.filter(|it| it.position == position).filter(is_there);
            if let Some(stored) = stored {
                let provider = sql::provider(&self.store, view, Some(&stored))?;
                moment.replayed.insert(view.table(), Some(provider));
            }
        }
        if let Some(position) = position {
            let as_of = AsOf::Position(position);
            self.past.put(Kept { as_of, moment, is_settled: true });
        }
        Ok(Pin { position, past: self.past.clone(), _refreshing: refreshing })
    }
}

/// Whether no event will ever be added to a moment.
fn is_settled(as_of: AsOf, position: Option<u64>, head: Option<u64>) -> bool {
    match as_of {
        // Another event may still be recorded by then.
        AsOf::Time(_) => position < head,
        AsOf::Position(_) => true,
        AsOf::Head => false,
    }
}
