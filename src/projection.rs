//! What is derived from the log: live folds that decisions read, and SQL views.
//!
//! In: recorded facts in order of position. Out: states and tables, each with the position it
//! is true at. Invariants: everything here can be thrown away and comes back equal from a
//! replay; no clock and no look-up but the log. Deliberately absent: deciding anything.

pub mod live;
