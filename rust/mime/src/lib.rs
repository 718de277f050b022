//! Message structure as octet ranges, ENVELOPE, BODYSTRUCTURE, sections, charsets; no I/O.
//!
//! The surface that other crates use:
//!
//! - [`analyze::Analyzer`]: push parser, chunk by chunk, gives a [`analyze::Summary`];
//! - [`parts::Parts`]: the compact part table, `decode(&[u8])`, `locate`, `leaf`, `text_parts`;
//! - [`header`]: iteration over fields, unfolding;
//! - [`charset`] and [`words`]: text and encoded words to UTF-8;
//! - [`collation`]: text as SEARCH, SORT and THREAD compare it;
//! - [`fuzzy`]: text that is like another;
//! - [`order`]: what SORT and THREAD compare;
//! - [`transfer`]: base64 and quoted-printable, streaming;
//! - [`text`]: the text of a message as SEARCH sees it.

pub mod address;
pub mod analyze;
mod boundary;
pub mod charset;
pub mod collation;
mod content;
pub mod date;
mod envelope;
pub mod fuzzy;
pub mod header;
mod html;
pub mod message_id;
mod node;
pub mod order;
pub mod params;
pub mod parts;
mod preview;
pub mod structure;
pub mod subject;
pub mod text;
mod tokens;
pub mod transfer;
mod utf7;
mod wire;
pub mod words;
