//! The one integration test binary. Every file beside this one is declared here.

#[cfg(feature = "analytics")]
mod bad_input;
#[cfg(all(feature = "analytics", feature = "dashboard"))]
mod board;
#[cfg(feature = "analytics")]
mod campaign;
mod examples;
#[cfg(feature = "analytics")]
mod facts;
#[cfg(all(feature = "sql-servers", feature = "kurrentdb"))]
mod flight;
#[cfg(feature = "analytics")]
mod kill;
#[cfg(feature = "kurrentdb")]
mod kurrentdb;
#[cfg(feature = "s3")]
mod lake;
#[cfg(feature = "analytics")]
mod notebooks;
#[cfg(feature = "analytics")]
mod projections;
#[cfg(feature = "analytics")]
mod reports;
#[cfg(feature = "analytics")]
mod shell;
mod sipp;
#[cfg(feature = "sql-servers")]
mod sql_clients;
#[cfg(any(feature = "analytics", feature = "kurrentdb"))]
#[cfg_attr(
    not(feature = "analytics"),
    allow(dead_code, unused_imports, reason = "the tests without SQL need a part of it")
)]
mod support;
mod tidy;
