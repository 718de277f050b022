//! IMAP framing, grammar, typed commands and response encoding; no I/O.
//!
//! octets → [`framer`] → [`grammar`] → [`command::Command`]; responses are encoded by [`encode`].
//! Source: RFC 9051, RFC 3501 and the extensions named at each production.

pub mod command;
pub mod fetch;
pub mod search;
pub mod set;
