//! Mailbox snapshots, sequence sets, criteria evaluation, FETCH rendering; no I/O.
//!
//! packed rows → [`snapshot::Snapshot`] → what a client must be told ([`advance`]), which messages it means
//! ([`resolve`]).

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod advance;
mod batches;
mod chunk;
mod dates;
mod digits;
pub mod fetch;
pub mod flags;
mod header_index;
mod object_id;
pub mod order;
mod query;
pub mod resolve;
pub mod row;
pub mod search;
pub mod snapshot;
pub mod summaries;
pub mod uid_set;
mod walk;
