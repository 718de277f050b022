//! SORT and THREAD: the keys of messages, gathered from summaries and kept; the order they make.
//!
//! messages found by a search → [`Gathered`] has the keys of each → [`Gathered::sort`],
//! [`Gathered::thread`].
//! Source: RFC 5256, RFC 5957.

mod forest;
mod gather;
mod keys;
mod list;
mod sort;
mod thread;

pub use gather::Gathered;
pub use keys::{KeyCache, Keys};
pub use list::UidList;
