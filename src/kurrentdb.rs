//! KurrentDB's protocol in front of the log.

mod persistent;
