//! Message structure as octet ranges, ENVELOPE, BODYSTRUCTURE, sections, charsets; no I/O.
//!
//! The surface that other crates use:
//!
//! - [`analyze::Analyzer`]: push parser, chunk by chunk, gives a [`analyze::Summary`];
//! - [`parts::Parts`]: the compact part table, `decode(&[u8])`, `locate`, `leaf`, `text_parts`;
//! - [`header`]: iteration over fields, `HEADER.FIELDS` filtering, unfolding;
//! - [`charset`] and [`words`]: text and encoded words to UTF-8, case folding for SEARCH;
//! - [`transfer`]: base64 and quoted-printable, streaming;
//! - [`text`]: the text of a message as SEARCH sees it.

pub mod charset;
pub mod header;
pub mod parts;
pub mod text;
pub mod transfer;
mod utf7;
pub mod words;
