//! LANGUAGE and COMPARATOR.

use super::cursor::Cursor;
use crate::command::Body;
use crate::error::{Error, Parsed};

/// Octets of the identifier of a collation (RFC 4790 §3.2).
const MAX_COLLATION_OCTETS: usize = 254;

/// ```text
/// language-cmd      = "LANGUAGE" *(SP lang-range-quoted)
/// lang-range-quoted = astring
/// language-range    = (1*8ALPHA *("-" 1*8alphanum)) / "*"
/// extended-language-range = (1*8ALPHA / "*") *("-" (1*8alphanum / "*"))
/// ```
/// RFC 5255 §3.5, RFC 4647 §2
pub(super) fn language(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    words(cursor, "a language range", is_language_range).map(Body::Language)
}

/// ```text
/// comparator-cmd    = "COMPARATOR" *(SP comp-order-quoted)
/// comp-order-quoted = astring
/// collation-order   = ["+" / "-"] collation-wild
/// collation-wild    = ("*" / (ALPHA ["*"])) *(collation-char ["*"])
/// collation-char    = ALPHA / DIGIT / "-" / ";" / "=" / "."
/// ```
/// RFC 5255 §4.10, RFC 4790 §3
pub(super) fn comparator(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    words(cursor, "a collation", is_collation_order).map(Body::Comparator)
}

fn words(
    cursor: &mut Cursor<'_>,
    what: &'static str,
    admitted: fn(&[u8]) -> bool,
) -> Parsed<Vec<String>> {
    let mut words = Vec::new();
    while cursor.eat(b' ') && !cursor.is_at_end() {
        let start = cursor.offset();
        let word = cursor.astring(what)?;
        match String::from_utf8(word.into_owned()) {
            Ok(word) if admitted(word.as_bytes()) => words.push(word),
            _ => return Err(Error::expected(what, start)),
        }
    }
    Ok(words)
}

fn is_language_range(range: &[u8]) -> bool {
    range
        .split(|&octet| octet == b'-')
        .enumerate()
        .all(|(place, subtag)| {
            let letters =
                |octet: &u8| octet.is_ascii_alphabetic() || place > 0 && octet.is_ascii_digit();
            subtag == b"*" || (1..=8).contains(&subtag.len()) && subtag.iter().all(letters)
        })
}

fn is_collation_order(order: &[u8]) -> bool {
    let wild = order
        .strip_prefix(b"+")
        .or_else(|| order.strip_prefix(b"-"));
    let wild = wild.unwrap_or(order);
    let begins = wild
        .first()
        .is_some_and(|&octet| octet == b'*' || octet.is_ascii_alphabetic());
    let known = |octet: &u8| octet.is_ascii_alphanumeric() || b"-;=.*".contains(octet);
    begins
        && wild.len() <= MAX_COLLATION_OCTETS
        && wild.iter().all(known)
        && !wild.windows(2).any(|pair| pair == b"**")
}
