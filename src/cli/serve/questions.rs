//! Everything that answers SQL beside a platform that runs: one engine, several doors.

#[cfg(feature = "analytics")]
use std::sync::Arc;

#[cfg(all(feature = "analytics", feature = "s3"))]
use anyhow::Context as _;
use axum::Router;

use crate::runtime::{Config, Platform};

/// How clients of SQL connect.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doors {
    /// By the Postgres protocol.
    pub(crate) postgres: Option<String>,
    /// By Arrow Flight SQL.
    pub(crate) flight: Option<String>,
}

/// Ports are taken, certificate and users read.
pub(super) struct Questions {
    #[cfg(feature = "sql-servers")]
    front: crate::runtime::sql::SqlFront,
    #[cfg(feature = "analytics")]
    config: Config,
}

/// Answers as long as this lives.
pub(super) struct Answering {
    #[cfg(all(feature = "analytics", feature = "s3"))]
    _mirroring: Option<crate::query::Mirroring>,
    #[cfg(feature = "analytics")]
    engine: Arc<crate::query::Engine>,
    #[cfg(feature = "sql-servers")]
    serving: crate::runtime::sql::SqlServing,
}

impl Questions {
    /// Takes the ports.
    ///
    /// # Errors
    /// Where a port, the certificate or the users cannot be had.
    #[cfg_attr(
        not(feature = "sql-servers"),
        expect(clippy::unused_async, reason = "ports are taken with the feature sql-servers")
    )]
    pub(super) async fn open(config: &Config) -> anyhow::Result<Self> {
        #[cfg(not(feature = "analytics"))]
        let _ = config;
        Ok(Self {
            #[cfg(feature = "sql-servers")]
            front: {
                use crate::runtime::sql::{SqlFront, USERS};
                SqlFront::open(&config.sql, std::env::var(USERS).ok().as_deref()).await?
            },
            #[cfg(feature = "analytics")]
            config: config.clone(),
        })
    }

    /// How clients connect.
    pub(super) fn doors(&self) -> Doors {
        #[cfg(feature = "sql-servers")]
        let doors = Doors { postgres: self.front.postgres(), flight: self.front.flight() };
        #[cfg(not(feature = "sql-servers"))]
        let doors = Doors::default();
        doors
    }

    /// Answers from a platform's log: the routes for the console's server, and all other doors.
    ///
    /// # Errors
    /// Where there are no threads to be had.
    #[cfg(feature = "analytics")]
    pub(super) fn start(self, platform: &Platform) -> anyhow::Result<(Router, Answering)> {
        let (log, limits) = (platform.log(), limits(&self.config));
        let engine = crate::query::Engine::follow(log.clone(), &self.config.data_dir, limits)?;
        #[cfg(feature = "s3")]
        let mirroring = mirror(&self.config, &engine)?;
        let door = crate::api::SqlDoor::new(engine.clone(), log);
        let answering = Answering {
            engine,
            #[cfg(feature = "s3")]
            _mirroring: mirroring,
            #[cfg(feature = "sql-servers")]
            serving: self.front.start(&door.sessions()),
        };
        Ok((door.routes(), answering))
    }

    /// Without the SQL engine there is nothing to ask.
    #[cfg(not(feature = "analytics"))]
    #[expect(clippy::unnecessary_wraps, reason = "as its other half")]
    pub(super) fn start(self, _platform: &Platform) -> anyhow::Result<(Router, Answering)> {
        Ok((Router::new(), Answering {}))
    }
}

impl Answering {
    /// What everything here asks.
    #[cfg(feature = "analytics")]
    pub(super) fn engine(&self) -> Arc<crate::query::Engine> {
        self.engine.clone()
    }

    /// Lets clients go, and leaves the base tables on disk for the next start.
    #[cfg_attr(
        not(feature = "analytics"),
        expect(clippy::unused_async, reason = "there is nobody to wait for")
    )]
    pub(super) async fn stop(self) {
        #[cfg(feature = "sql-servers")]
        self.serving.stop().await;
        #[cfg(feature = "analytics")]
        if let Err(error) = Box::pin(self.engine.rest()).await {
            tracing::warn!(%error, "the next start folds what is not on disk");
        }
    }
}

/// Keeps a copy of the views in a store, where one is configured.
#[cfg(all(feature = "analytics", feature = "s3"))]
fn mirror(
    config: &Config,
    engine: &crate::query::Engine,
) -> anyhow::Result<Option<crate::query::Mirroring>> {
    let Some(place) = config.projections.place() else { return Ok(None) };
    let objects = place.objects().context("use projections.store")?;
    let every = std::time::Duration::from_secs(config.projections.upload_every_s);
    let clock = Arc::new(crate::runtime::clock::SystemClock::new());
    Ok(Some(engine.mirror(objects, every, clock)?))
}

#[cfg(feature = "analytics")]
fn limits(config: &Config) -> crate::query::Limits {
    let (sql, default) = (&config.sql, crate::query::Limits::default());
    crate::query::Limits {
        threads: sql.threads.unwrap_or(default.threads),
        memory_bytes: sql.memory_mib << 20,
        spill_bytes: sql.spill_mib << 20,
        timeout: std::time::Duration::from_millis(sql.statement_timeout_ms.0),
        running: sql.running,
        checkpoint_events: sql.checkpoint_events,
        ..default
    }
}
