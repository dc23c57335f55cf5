//! What is derived from the log: live folds that decisions read, and SQL views.
//!
//! In: recorded facts in order of position. Out: states and tables, each with the position it
//! is true at. Invariants: everything here can be thrown away and comes back equal from a
//! replay; no clock and no look-up but the log. Deliberately absent: deciding anything.

#[cfg(feature = "analytics")]
pub(crate) mod front_matter;
#[cfg(feature = "analytics")]
mod graph;
#[cfg(all(test, feature = "analytics"))]
pub(crate) mod history;
pub mod live;
#[cfg(feature = "analytics")]
pub(crate) mod sketch;
#[cfg(feature = "analytics")]
pub mod sql;
#[cfg(feature = "analytics")]
pub(crate) mod store;
#[cfg(feature = "analytics")]
pub(crate) mod table;
#[cfg(feature = "analytics")]
pub(crate) mod tables;
#[cfg(feature = "analytics")]
mod view;
#[cfg(feature = "analytics")]
mod window;
