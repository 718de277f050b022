//! The parts of a CATENATE (RFC 4469), and the URLs that name them (RFC 5092).

use super::cursor::{Cursor, LITERAL_TO_COME};
use super::{fetch, Settings};
use crate::command::Mailbox;
use crate::error::{Error, Fault, Parsed};
use crate::fetch::{Partial, Section, SectionText};
use crate::framer::Literal;
use crate::url::{MessageUrl, Url};

/// One part, or what of it is here.
#[derive(Debug)]
pub(crate) enum Part {
    /// `TEXT`, or `UTF8 (`, and the literal that the text ends with.
    Text { utf8: bool },
    /// An URL that is here.
    Url(Box<Url>),
    /// `URL`, and the text ends with a literal that is it.
    UrlToCome,
}

/// ```text
/// cat-part     = text-literal / url                  ; RFC 4469 §5
/// cat-part     =/ utf8-literal                       ; RFC 6855 §4
/// text-literal = "TEXT" SP literal
/// url          = "URL" SP astring
/// ```
/// literal: what the text ends with, when it ends with one.
pub(crate) fn part(cursor: &mut Cursor<'_>, literal: Option<Literal>) -> Parsed<Part> {
    if cursor.eat_word(b"URL ") {
        return match cursor.astring("an URL") {
            Err(Error {
                fault: Fault::Expected(LITERAL_TO_COME),
                ..
            }) if literal.is_some() => Ok(Part::UrlToCome),
            other => other.map(|octets| Part::Url(Box::new(url(&octets, cursor.settings)))),
        };
    }
    let utf8 = cursor.eat_word(b"UTF8 (");
    if !utf8 && !cursor.eat_word(b"TEXT ") {
        return cursor.expected("TEXT or URL");
    }
    match literal {
        Some(literal) if literal.at == cursor.offset() && literal.binary == utf8 => {
            Ok(Part::Text { utf8 })
        }
        _ if utf8 => cursor.expected("a literal8"),
        _ => cursor.expected("a literal"),
    }
}

/// Any octets are one; whether they lead to a message is another question.
fn url(octets: &[u8], settings: Settings) -> Url {
    Url {
        octets: octets.to_vec(),
        target: message_url(octets, settings),
    }
}

/// Relative URLs that name a message or a part of one; None for all others, those of other servers among them.
///
/// ```text
/// iabsolute-path = "/" imailbox-ref iuid [isection] [ipartial]
/// irelative-path = imailbox-ref iuid [isection] [ipartial] / iuid-only [isection] [ipartial]
/// imailbox-ref   = enc-mailbox [";UIDVALIDITY=" nz-number]
/// iuid           = "/" iuid-only
/// iuid-only      = ";UID=" nz-number
/// isection       = "/;SECTION=" enc-section
/// ipartial       = "/;PARTIAL=" number ["." nz-number]
/// ```
/// RFC 5092 §11, without what lies beyond RFC 4469 §3: a search, a list of messages, URLAUTH.
fn message_url(octets: &[u8], settings: Settings) -> Option<MessageUrl> {
    if octets.iter().any(|octet| matches!(octet, b'?' | b'#')) {
        return None;
    }
    let text = std::str::from_utf8(octets).ok()?;
    let mut values = text.split("/;");
    let (mailbox, absolute, uid_validity) = if text.starts_with(';') {
        (None, false, None)
    } else {
        mailbox_ref(values.next()?)?
    };
    let mut value = values.next();
    let uid = match (value, &mailbox) {
        (Some(value), Some(_)) => named(value, "UID=")?,
        (Some(value), None) => named(value, ";UID=")?,
        (None, _) => return None,
    };
    let uid = nz_number(uid)?;
    value = values.next();
    let mut section = Section {
        part: Vec::new(),
        text: SectionText::Full,
    };
    if let Some(encoded) = value.and_then(|value| named(value, "SECTION=")) {
        let bracketed = [b"[".as_slice(), &unescaped(encoded)?, b"]"].concat();
        let mut cursor = Cursor::new(&bracketed, settings);
        section = fetch::section(&mut cursor).ok()?;
        if !cursor.is_at_end() || encoded.is_empty() {
            return None;
        }
        value = values.next();
    }
    let mut partial = None;
    if let Some(range) = value.and_then(|value| named(value, "PARTIAL=")) {
        partial = Some(octet_range(range)?);
        value = values.next();
    }
    value.is_none().then_some(MessageUrl {
        mailbox,
        absolute,
        uid_validity,
        uid,
        section,
        partial,
    })
}

/// A mailbox, whether its name is a whole one, and its UIDVALIDITY.
fn mailbox_ref(text: &str) -> Option<(Option<Mailbox>, bool, Option<u32>)> {
    let (name, uid_validity) = match text.split_once(';') {
        Some((name, value)) => (name, Some(nz_number(named(value, "UIDVALIDITY=")?)?)),
        None => (text, None),
    };
    let (name, absolute) = match name.strip_prefix('/') {
        Some(name) => (name, true),
        None => (name, false),
    };
    // "//server/…", and "imap:…": of another server, or of this one by a name of which nothing is known here.
    if name.is_empty() || name.starts_with('/') || !absolute && name.contains(':') {
        return None;
    }
    let name = String::from_utf8(unescaped(name)?).ok()?;
    Some((Some(Mailbox::new(name)), absolute, uid_validity))
}

/// The value of a parameter of this name, in any case.
fn named<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (start, value) = text.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then_some(value)
}

/// `nz-number`
fn nz_number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|octet| octet.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain)
}

/// `number ["." nz-number]`
fn octet_range(text: &str) -> Option<Partial> {
    let (start, octets) = match text.split_once('.') {
        Some((start, octets)) => (start, u64::from(nz_number(octets)?)),
        None => (text, u64::MAX),
    };
    let plain = start.bytes().all(|octet| octet.is_ascii_digit());
    let start = start.parse::<u32>().ok().filter(|_| plain)?;
    Some(Partial {
        start: u64::from(start),
        octets,
    })
}

/// Undoes `%xx`; None where no two hexadecimal digits follow, and for NUL.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        let octet = if octet == b'%' {
            let mut digit = || char::from(octets.next()?).to_digit(16);
            u8::try_from(digit()? * 16 + digit()?).ok()?
        } else {
            octet
        };
        if octet == 0 {
            return None;
        }
        out.push(octet);
    }
    Some(out)
}
