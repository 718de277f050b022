//! SEARCH: cheapest criteria first.
//!
//! keys as the client wrote them → columns decide what they can for all messages at once → summaries decide header
//! keys → octets of bodies decide the rest. The answer is exact.
//! Source: RFC 9051 §6.4.4, RFC 5032, RFC 7162 §3.1.5, RFC 8514.

mod bits;
mod columns;
pub(crate) mod common;
mod lasting;
mod program;
mod run;
mod scope;
mod scores;

pub use program::SearchError;
pub use run::{SearchContext, SearchRun};
pub use scores::Scores;
