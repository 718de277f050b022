//! FETCH: whole responses in windows, in sequence order.
//!
//! items as the client wrote them → a plan → per message: columns, summary, octet ranges → pieces of the response:
//! octets that are ready, and [`slot::BodySlot`]s that are filled from the body store.
//! Source: RFC 9051 §6.4.5, §7.5.2; RFC 3516; RFC 7162 §3.1.4; RFC 8514.

mod plan;
mod render;
mod run;
pub mod slot;

pub use run::{Contents, FetchOptions, FetchRun, Need, Piece, UnknownEncoding};
