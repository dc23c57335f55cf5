//! What questions see: the base tables as of the last events, the views as of their refresh.
//!
//! In: a fold that goes on. Out: a context for each question, over rows that do not change any
//! more. Invariants: all base tables and `live.*` of one question stand at one position; a
//! question never waits for a view, and pays for the tables it names.

use std::sync::Arc;
use std::time::Duration;

use datafusion::catalog::{
    CatalogProvider as _, CatalogProviderList as _, MemoryCatalogProvider,
    MemoryCatalogProviderList, SchemaProvider,
};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use tokio::sync::MutexGuard;

use super::schemas::{FactSchema, MadeSchema};
use super::snapshot::{Need, Past, Snapshot};
use super::{Engine, Error, register};
use crate::projection::live::LiveState;
use crate::projection::sql::{self, Pace, ViewStatus};
use crate::projection::table::BaseTable;
use crate::projection::tables::Tables;

/// The catalog and the schemas that each position has tables of its own for.
const CATALOG: &str = "ledgerline";
pub(super) const BASE: &str = "public";
pub(super) const LIVE: &str = "live";

/// The base tables at one position.
#[derive(Default)]
pub(super) struct Head {
    pub(super) tables: Arc<Tables>,
    /// `live.*` at the same position, where somebody asked for it.
    live: Option<Arc<Vec<BaseTable>>>,
}

/// How far the tables are that questions see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Published {
    /// The last position that was looked at.
    pub(super) seen: Option<u64>,
    /// Whether everything is in them that was in the log when it was opened.
    pub(super) has_caught_up: bool,
}

/// The views as of their last refresh.
#[derive(Default)]
pub(super) struct Shown {
    schemas: Vec<(String, Arc<dyn SchemaProvider>)>,
    status: Vec<ViewStatus>,
}

impl Shown {
    /// How far the views are, seen from tables that may have gone on.
    pub(super) fn status_at(&self, tables: &Tables) -> Vec<ViewStatus> {
        let head = tables.position();
        let status = self.status.iter().map(|view| {
            let lag = tables.events_after(view.position);
            ViewStatus { head, lag, ..view.clone() }
        });
        status.collect()
    }
}

/// What all contexts have in common.
pub(super) fn template(past: &Past) -> Result<SessionState, Error> {
    let context = sql::session(Vec::new())?;
    past.register(&context);
    Ok(context.state())
}

impl Engine {
    /// Takes in what was written since.
    pub(super) async fn catch_up(&self) -> Result<Arc<Head>, Error> {
        let head = self.reader.look().await?;
        match (self.follower.get(), head) {
            // What follows the log is on its way there.
            (Some(follower), Some(head)) if follower.is_at_work() => {
                self.reach(head, FOLLOWED_WITHIN).await?;
            }
            _ => self.fold_on().await?,
        }
        Ok(self.head.load_full())
    }

    /// Folds what is in the log on, for who does not wait for what follows it.
    pub(super) async fn fold_on(&self) -> Result<(), Error> {
        let mut fold = self.fold.lock().await;
        if fold.is_gone() {
            *fold = Tables::default();
        }
        self.reader.advance(&mut fold, None, |_| {}).await?;
        if fold.is_damaged() {
            *fold = self.checkpoint(u64::MAX, None).await?.unwrap_or_default();
            self.reader.advance(&mut fold, None, |_| {}).await?;
        }
        self.publish(&fold);
        Ok(())
    }

    /// Lets questions see what the fold is now.
    pub(super) fn publish(&self, fold: &Tables) {
        let tables = Arc::new(fold.frozen());
        self.head.store(Arc::new(Head { tables, live: None }));
        self.published.send_replace(Published { seen: fold.seen(), has_caught_up: true });
    }

    /// Takes over the newest base tables that are on disk, where they are of this log. What is
    /// on disk of another log, or damaged, is set aside. Where much is missing, it is folded at
    /// once, and kept on disk, so that memory does not grow with the log.
    pub(super) async fn resume(&self, pace: Pace) -> Result<(), Error> {
        let Some(head) = self.reader.look().await? else { return Ok(()) };
        if !pace.is_far(self.take_over().await?.seen(), head) {
            return Ok(());
        }
        let Some(_lock) = self.store.lock().await.map_err(sql::Error::from)? else {
            return Ok(());
        };
        // Somebody else may have folded while this one waited.
        let mut fold = self.take_over().await?;
        let (reader, kept) = (&self.reader, &self.kept);
        Box::pin(sql::fold_into_files(reader, &mut fold, None, kept, pace)).await?;
        if fold.is_damaged() {
            *fold = Tables::default();
            return Ok(());
        }
        let files = kept.save(&fold).map_err(Error::Keep)?;
        let before = fold.next().saturating_sub(pace.hot);
        fold.let_go(kept, &files, before);
        Ok(())
    }

    async fn take_over(&self) -> Result<MutexGuard<'_, Tables>, Error> {
        let mut fold = self.fold.lock().await;
        let after = fold.seen();
        // Whoever could not wait may have folded further.
        if let Some(tables) = self.checkpoint(u64::MAX, after).await? {
            *fold = tables;
        }
        Ok(fold)
    }

    /// The newest base tables on disk that are of this log: at a position or before, and after
    /// another one.
    pub(super) async fn checkpoint(
        &self,
        position: u64,
        after: Option<u64>,
    ) -> Result<Option<Tables>, Error> {
        let checkpoints = self.kept.checkpoints(position).into_iter();
        for checkpoint in checkpoints.take_while(|checkpoint| Some(checkpoint.seen) > after) {
            let Some(tables) = self.kept.load_at(&checkpoint) else { continue };
            if self.reader.has_made(&tables).await? {
                return Ok(Some(tables));
            }
            self.kept.disown(&checkpoint);
        }
        Ok(None)
    }

    /// Puts the base tables on disk, and lets go of the rows that have rested for so many
    /// positions. For who holds the lock of the folder.
    pub(super) async fn keep(&self, hot: u64) -> Result<(), Error> {
        let tables = self.fold.lock().await.frozen_whole();
        let files = self.kept.save(&tables).map_err(Error::Keep)?;
        let before = tables.seen().unwrap_or(0).saturating_sub(hot);
        self.fold.lock().await.let_go(&self.kept, &files, before);
        Ok(())
    }

    /// Waits until a position is in the tables, for who must see what was written up to there.
    /// Gives how far they are.
    ///
    /// # Errors
    /// [`Error::Stale`] where they do not come so far in time.
    pub async fn reach(&self, position: u64, within: Duration) -> Result<u64, Error> {
        let mut published = self.published.subscribe();
        let is_there = |now: &Published| now.seen.is_some_and(|seen| seen >= position);
        let reached = tokio::time::timeout(within, published.wait_for(is_there)).await;
        match reached {
            Ok(Ok(now)) => Ok(now.seen.unwrap_or(position)),
            Ok(Err(_)) => Err(Error::Ended),
            Err(_) => {
                let reached = self.published.borrow().seen;
                Err(Error::Stale { wanted: position, reached, within })
            }
        }
    }

    /// Waits until everything is in the tables that was in the log when it was opened.
    pub(super) async fn ready(&self, within: Duration) -> Result<(), Error> {
        let mut published = self.published.subscribe();
        let ready = published.wait_for(|now| now.has_caught_up);
        match tokio::time::timeout(within, ready).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Error::Ended),
            Err(_) => Err(Error::Timeout(within)),
        }
    }

    /// Lets questions see the views as they are stored.
    pub(super) async fn show(&self, tables: &mut Tables) -> Result<(), Error> {
        let context = sql::session_of(tables)?;
        let status = sql::status(&context, &self.store, &self.views, tables);
        let status = Box::pin(status).await?;
        register::views(&context, &self.store, &self.views)?;
        let mut schemas = Vec::new();
        if let Some(catalog) = context.catalog(CATALOG) {
            for name in catalog.schema_names() {
                let schema = catalog.schema(&name).filter(|_| name != BASE);
                schemas.extend(schema.map(|schema| (name, schema)));
            }
        }
        self.shown.store(Arc::new(Shown { schemas, status }));
        Ok(())
    }

    /// Every table that a statement may name, as of now.
    pub(super) async fn head(
        &self,
        statement: &Statement,
        environment: Arc<RuntimeEnv>,
    ) -> Result<Snapshot, Error> {
        match self.need(statement)?.live {
            true => self.context_of(&*self.head_with_live().await?, environment),
            false => self.context_of(&self.head.load_full(), environment),
        }
    }

    /// What a statement needs beside base tables.
    pub(super) fn need(&self, statement: &Statement) -> Result<Need, Error> {
        Ok(Need::of(&self.template.resolve_table_references(statement)?))
    }

    /// Every table there is, to be listed.
    pub(super) async fn every_table(
        &self,
        environment: Arc<RuntimeEnv>,
    ) -> Result<Snapshot, Error> {
        self.context_of(&*self.head_with_live().await?, environment)
    }

    fn context_of(&self, head: &Head, environment: Arc<RuntimeEnv>) -> Result<Snapshot, Error> {
        let live = match &head.live {
            Some(live) => live.clone(),
            // To be listed, not to be read.
            None => Arc::new(live_tables(&LiveState::default())?),
        };
        let shown = self.shown.load();
        let mut schemas = shown.schemas.clone();
        schemas.push((BASE.to_owned(), Arc::new(FactSchema(head.tables.clone()))));
        schemas.push((LIVE.to_owned(), Arc::new(MadeSchema(live))));
        let status = self.with_copies(shown.status_at(&head.tables));
        let system = register::system(&status)?;
        schemas.push(("system".to_owned(), system));
        let context = self.context_with(schemas, environment)?;
        Ok(Snapshot { position: head.tables.position(), context })
    }

    /// An engine over these tables, with memory and disk of one question.
    pub(super) fn context_with(
        &self,
        schemas: Vec<(String, Arc<dyn SchemaProvider>)>,
        environment: Arc<RuntimeEnv>,
    ) -> Result<SessionContext, Error> {
        let catalog = MemoryCatalogProvider::new();
        for (name, schema) in schemas {
            drop(catalog.register_schema(&name, schema)?);
        }
        let catalogs = MemoryCatalogProviderList::new();
        drop(catalogs.register_catalog(CATALOG.to_owned(), Arc::new(catalog)));
        let state = SessionStateBuilder::new_from_existing(self.template.clone())
            .with_catalog_list(Arc::new(catalogs))
            .with_runtime_env(environment)
            .build();
        Ok(SessionContext::new_with_state(state))
    }

    /// The base tables with `live.*`, at one position.
    async fn head_with_live(&self) -> Result<Arc<Head>, Error> {
        // Whoever comes later finds a head that is no older.
        let mut live = self.live.lock().await;
        let head = self.head.load_full();
        let Some(seen) = head.tables.seen().filter(|_| head.live.is_none()) else {
            return Ok(head);
        };
        live.advance(&self.reader, seen).await?;
        let tables = Some(Arc::new(live_tables(&live.state)?));
        let with = Arc::new(Head { tables: head.tables.clone(), live: tables });
        drop(self.head.compare_and_swap(&head, with.clone()));
        Ok(with)
    }
}

/// How long who asks for a refresh waits for what follows the log.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(60);

fn live_tables(live: &LiveState) -> Result<Vec<BaseTable>, Error> {
    Ok(sql::live_tables(live)?)
}
