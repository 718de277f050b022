//! IMAP framing, grammar, typed commands and response encoding; no I/O.
//!
//! octets → [`framer`] → [`grammar`] → [`command::Command`], put together in [`decoder`]; values become octets again
//! in [`encode`] and [`date`]. Source: RFC 9051, RFC 3501 and the extensions named at each production.

mod appending;
pub mod command;
pub mod date;
pub mod decoder;
pub mod encode;
pub mod error;
pub mod fetch;
mod filters;
pub mod framer;
pub mod grammar;
pub mod limits;
pub mod partial;
pub mod search;
pub mod set;
pub mod url;
pub mod watch;
