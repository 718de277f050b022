//! Octets in some charset to text: bodies, encoded words (RFC 2047), SEARCH strings.
//!
//! Nothing here fails on a message: an unknown charset is read as UTF-8 where that is valid, else as windows-1252
//! (whose printable octets include ISO-8859-1), and what is no character becomes U+FFFD.

use std::borrow::Cow;

use encoding_rs::{Encoding, REPLACEMENT, UTF_16BE, UTF_16LE, UTF_8, WINDOWS_1252};

pub use crate::words::decode_words;

use crate::utf7;

/// Why a SEARCH string cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryError {
    /// `NO [BADCHARSET]` (RFC 9051 §6.4.4).
    UnknownCharset,
    /// The octets are not text in this charset.
    NotText,
}

enum Charset {
    Known(&'static Encoding),
    Utf7,
    /// us-ascii, nothing, or a name nobody knows.
    Guess,
}

/// Names that mail uses and the Encoding Standard does not list.
const ALIASES: &[(&str, &Encoding)] = &[
    ("cp932", encoding_rs::SHIFT_JIS),
    ("cp936", encoding_rs::GBK),
    ("cp949", encoding_rs::EUC_KR),
    ("cp950", encoding_rs::BIG5),
    ("cp1256", encoding_rs::WINDOWS_1256),
    ("eucjp", encoding_rs::EUC_JP),
    ("euckr", encoding_rs::EUC_KR),
    ("latin-1", WINDOWS_1252),
    ("macroman", encoding_rs::MACINTOSH),
    ("utf-16be", UTF_16BE),
    ("utf-16le", UTF_16LE),
    ("utf8mb4", UTF_8),
];

fn lookup(name: &str) -> Charset {
    let name = name
        .trim_matches(|c: char| c.is_ascii_whitespace() || matches!(c, '"' | '\'' | ';' | '\\'));
    // The Encoding Standard reads "us-ascii" as windows-1252; mail labelled so holds any charset.
    if name.is_empty()
        || name.eq_ignore_ascii_case("us-ascii")
        || name.eq_ignore_ascii_case("ascii")
    {
        return Charset::Guess;
    }
    if ["utf-7", "utf7", "unicode-1-1-utf-7"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
    {
        return Charset::Utf7;
    }
    let known = Encoding::for_label(name.as_bytes())
        .or_else(|| {
            let alias = ALIASES
                .iter()
                .find(|(alias, _)| name.eq_ignore_ascii_case(alias));
            alias.map(|(_, encoding)| *encoding)
        })
        .or_else(|| Encoding::for_label(name.replace('_', "-").as_bytes()))
        // "replacement" stands for charsets that are dangerous to decode (ISO-2022-KR, HZ).
        .filter(|encoding| *encoding != REPLACEMENT);
    known.map_or(Charset::Guess, Charset::Known)
}

/// Text of a body or an encoded word to UTF-8. charset: as written, empty when none.
pub fn decode_text<'a>(charset: &str, octets: &'a [u8]) -> Cow<'a, str> {
    decode(charset, octets).unwrap_or_else(|| guess(octets))
}

/// The same for comparing: where no charset is known nothing is guessed but UTF-8.
pub fn decode_labelled<'a>(charset: &str, octets: &'a [u8]) -> Cow<'a, str> {
    decode(charset, octets).unwrap_or_else(|| String::from_utf8_lossy(octets))
}

fn decode<'a>(charset: &str, octets: &'a [u8]) -> Option<Cow<'a, str>> {
    match lookup(charset) {
        Charset::Known(encoding) if encoding == UTF_16LE && octets.starts_with(b"\xfe\xff") => {
            Some(UTF_16BE.decode_with_bom_removal(octets).0)
        }
        Charset::Known(encoding) => Some(encoding.decode_with_bom_removal(octets).0),
        Charset::Utf7 => Some(Cow::Owned(utf7::decode(octets))),
        Charset::Guess => None,
    }
}

/// Octets without a known charset: UTF-8 where that is valid, else windows-1252.
pub fn guess(octets: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(octets) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(octets).0,
    }
}

/// A string of a SEARCH command to UTF-8. charset: as the client gave it, None means UTF-8.
pub fn decode_query(charset: Option<&str>, octets: &[u8]) -> Result<String, QueryError> {
    let name = charset.unwrap_or("utf-8");
    let text = match lookup(name) {
        Charset::Known(encoding) => {
            encoding.decode_without_bom_handling_and_without_replacement(octets)
        }
        Charset::Utf7 => Some(Cow::Owned(utf7::decode(octets))),
        Charset::Guess
            if name.eq_ignore_ascii_case("us-ascii") || name.eq_ignore_ascii_case("ascii") =>
        {
            octets.is_ascii().then(|| guess(octets))
        }
        Charset::Guess => return Err(QueryError::UnknownCharset),
    };
    text.map(Cow::into_owned).ok_or(QueryError::NotText)
}
