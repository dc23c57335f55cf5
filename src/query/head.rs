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

use super::schemas::{FactSchema, MadeSchema};
use super::snapshot::{Past, Snapshot};
use super::{Engine, Error, register};
use crate::projection::live::LiveState;
use crate::projection::sql::{self, ViewStatus};
use crate::projection::table::BaseTable;
use crate::projection::tables::Tables;

/// The catalog and the schemas that each position has tables of its own for.
const CATALOG: &str = "ledgerline";
const BASE: &str = "public";
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
            _ => {
                let mut fold = self.fold.lock().await;
                if fold.is_gone() {
                    *fold = Tables::default();
                }
                self.reader.advance(&mut fold, None, |_| {}).await?;
                if fold.is_damaged() {
                    *fold = Tables::default();
                    self.reader.advance(&mut fold, None, |_| {}).await?;
                }
                self.publish(&fold);
            }
        }
        Ok(self.head.load_full())
    }

    /// Lets questions see what the fold is now.
    pub(super) fn publish(&self, fold: &Tables) {
        let tables = Arc::new(fold.frozen());
        self.head.store(Arc::new(Head { tables, live: None }));
        self.published.send_replace(Published { seen: fold.seen(), has_caught_up: true });
    }

    /// Takes over the base tables that are on disk, where they are of this log.
    pub(super) async fn resume(&self) -> Result<(), Error> {
        let mut fold = self.fold.lock().await;
        if let Some(tables) = self.kept.load()
            && self.reader.has_made(&tables).await?
        {
            *fold = tables;
        }
        Ok(())
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
        match self.names_live(statement)? {
            true => self.context_of(&*self.head_with_live().await?, environment),
            false => self.context_of(&*self.head.load_full(), environment),
        }
    }

    /// Whether a statement names a table of `live`.
    pub(super) fn names_live(&self, statement: &Statement) -> Result<bool, Error> {
        let named = self.template.resolve_table_references(statement)?;
        Ok(named.iter().any(|table| table.schema() == Some(LIVE)))
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
        let catalog = MemoryCatalogProvider::new();
        drop(catalog.register_schema(BASE, Arc::new(FactSchema(head.tables.clone())))?);
        drop(catalog.register_schema(LIVE, Arc::new(MadeSchema(live)))?);
        let shown = self.shown.load();
        for (name, schema) in &shown.schemas {
            drop(catalog.register_schema(name, schema.clone())?);
        }
        let catalogs = MemoryCatalogProviderList::new();
        drop(catalogs.register_catalog(CATALOG.to_owned(), Arc::new(catalog)));
        let state = SessionStateBuilder::new_from_existing(self.template.clone())
            .with_catalog_list(Arc::new(catalogs))
            .with_runtime_env(environment)
            .build();
        let context = SessionContext::new_with_state(state);
        let status = self.with_copies(shown.status_at(&head.tables));
        register::system(&context, &status)?;
        Ok(Snapshot { position: head.tables.position(), context })
    }

    /// The base tables with `live.*`, at one position.
    async fn head_with_live(&self) -> Result<Arc<Head>, Error> {
        // Whoever comes later finds a head that is no older.
        let mut live = self.live.lock().await;
        let head = self.head.load_full();
        let Some(seen) = head.tables.seen().filter(|_| head.live.is_none()) else {
            return Ok(head);
        };
        let next = live.position().map_or(0, |position| position.saturating_add(1));
        self.reader.each(next, Some(seen), |recorded| drop(live.apply(recorded))).await?;
        let tables = Some(Arc::new(live_tables(&live)?));
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
