//! Content-Type, Content-Disposition and their parameters (RFC 2045 §5.1, RFC 2183), continuations (RFC 2231).

use std::borrow::Cow;

use crate::tokens::{is_blank, is_tspecial, Token, Tokens};
use crate::transfer::nibble;

/// Parameters in order, names as written.
pub type Params = Vec<(Vec<u8>, Vec<u8>)>;

/// A Content-Type. value: folds undone. None when it is not one (RFC 2045 §5.2: then text/plain is assumed).
pub fn content_type(value: &[u8]) -> Option<(Vec<u8>, Vec<u8>, Params)> {
    let mut tokens = Tokens::new(value, is_tspecial);
    let Some(Token::Atom(kind)) = tokens.next_no_comment() else {
        return None;
    };
    let Some(Token::Special(b'/')) = tokens.next_no_comment() else {
        return None;
    };
    let Some(Token::Atom(subtype)) = tokens.next_no_comment() else {
        return None;
    };
    Some((kind.to_vec(), subtype.to_vec(), params(tokens)))
}

/// A Content-Disposition; None when it is empty.
pub fn disposition(value: &[u8]) -> Option<(Vec<u8>, Params)> {
    let mut tokens = Tokens::new(value, is_tspecial);
    match tokens.next_no_comment() {
        Some(Token::Atom(kind)) => Some((kind.to_vec(), params(tokens))),
        _ => None,
    }
}

/// One token and nothing else, as in Content-Transfer-Encoding.
pub fn token(value: &[u8]) -> Option<Vec<u8>> {
    let mut tokens = Tokens::new(value, is_tspecial);
    let token = match tokens.next_no_comment() {
        Some(Token::Atom(token)) => token.to_vec(),
        Some(Token::Quoted(token)) => token,
        _ => return None,
    };
    tokens.next_no_comment().is_none().then_some(token)
}

/// The tags of a Content-Language (RFC 3282).
pub fn languages(value: &[u8]) -> Vec<Vec<u8>> {
    let mut tokens = Tokens::new(value, is_tspecial);
    let mut found = Vec::new();
    while let Some(token) = tokens.next_no_comment() {
        if let Token::Atom(tag) = token {
            found.push(tag.to_vec());
        }
    }
    found
}

/// The value of a parameter, names compared without regard to case.
pub fn get<'a>(params: &'a Params, name: &str) -> Option<&'a [u8]> {
    params
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, value)| value.as_slice())
}

/// The value of a parameter as text; one in the extended form (`name*=charset'language'text`, RFC 2231 §4) decoded.
pub fn text<'a>(params: &'a Params, name: &str) -> Option<Cow<'a, [u8]>> {
    if let Some(value) = get(params, name) {
        return Some(Cow::Borrowed(value));
    }
    let value = get(params, &format!("{name}*"))?;
    let quoted = value
        .splitn(3, |octet| *octet == b'\'')
        .nth(2)
        .unwrap_or(value);
    let mut out = Vec::with_capacity(quoted.len());
    let mut rest = quoted;
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        match (octet, rest) {
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                out.push(nibble(*high) << 4 | nibble(*low));
                rest = after;
            }
            _ => out.push(octet),
        }
    }
    Some(Cow::Owned(out))
}

/// `*(";" attribute "=" value)`; what cannot be read is skipped up to the next ";".
fn params(mut tokens: Tokens<'_>) -> Params {
    let mut found = Params::new();
    loop {
        match tokens.next_no_comment() {
            None => break,
            Some(Token::Special(b';')) => {}
            Some(_) => continue,
        }
        // Several ";" in a row, or one at the end.
        let mut ahead = tokens.clone();
        let Some(Token::Atom(name)) = ahead.next_no_comment() else {
            continue;
        };
        tokens = ahead.clone();
        let Some(Token::Special(b'=')) = ahead.next_no_comment() else {
            continue;
        };
        tokens = ahead;
        if let Some(value) = param_value(&mut tokens) {
            found.push((name.to_vec(), value));
        }
    }
    join_continuations(found)
}

/// None when it is a quoted string without an end.
fn param_value(tokens: &mut Tokens<'_>) -> Option<Vec<u8>> {
    let mut ahead = tokens.clone();
    match ahead.next_no_comment() {
        Some(Token::Quoted(text)) => {
            *tokens = ahead;
            Some(text)
        }
        Some(Token::Special(b'"')) => {
            *tokens = ahead;
            None
        }
        _ => {
            let mut blanks = tokens.clone();
            blanks.skip_blanks();
            let end = unquoted_octets(blanks.rest());
            let value = blanks.rest()[..end].trim_ascii_end();
            blanks.skip_octets(end);
            *tokens = blanks;
            Some(value.to_vec())
        }
    }
}

/// Senders leave quotes out around "=", "/", ":" and the like, and around blanks: the value ends before a ";" or a
/// comment; and before a blank, when what follows that holds a "=", as then a ";" was left out.
fn unquoted_octets(rest: &[u8]) -> usize {
    let end = rest
        .iter()
        .position(|octet| matches!(octet, b';' | b'('))
        .unwrap_or(rest.len());
    let word = rest[..end]
        .iter()
        .position(|octet| is_blank(*octet))
        .unwrap_or(end);
    if rest[word..end].contains(&b'=') {
        word
    } else {
        end
    }
}

/// One part of a value that was cut into several: `name*0`, `name*1*`, …
struct Segment {
    base: Vec<u8>,
    number: u32,
    extended: bool,
    value: Vec<u8>,
}

/// Joins `name*0`, `name*1*`, … under `name`, or under `name*` when a piece is percent-encoded (RFC 2231 §3, §4.1).
///
/// The octets stay as they are. Pieces after a gap stay apart.
fn join_continuations(params: Params) -> Params {
    let mut plain = Params::with_capacity(params.len());
    let mut segments = Vec::new();
    for (name, value) in params {
        match segment(&name) {
            Some((base, number, extended)) => {
                segments.push(Segment {
                    base: base.to_ascii_lowercase(),
                    number,
                    extended,
                    value,
                });
            }
            None => plain.push((name, value)),
        }
    }
    segments.sort_by(|a, b| a.base.cmp(&b.base).then(a.number.cmp(&b.number)));
    let mut rest = segments.into_iter().peekable();
    while let Some(first) = rest.next() {
        let mut run = vec![first];
        while let Some(next) = rest.next_if(|next| next.base == run[0].base) {
            run.push(next);
        }
        let whole = run
            .iter()
            .enumerate()
            .all(|(index, segment)| segment.number as usize == index);
        if whole {
            let extended = run.iter().any(|segment| segment.extended);
            let mut name = run[0].base.clone();
            if extended {
                name.push(b'*');
            }
            let value = run.into_iter().flat_map(|segment| segment.value).collect();
            plain.push((name, value));
        } else {
            plain.extend(run.into_iter().map(|segment| {
                let star = if segment.extended { "*" } else { "" };
                let mut name = segment.base;
                name.extend_from_slice(format!("*{}{star}", segment.number).as_bytes());
                (name, segment.value)
            }));
        }
    }
    plain
}

/// `base*number` or `base*number*`.
fn segment(name: &[u8]) -> Option<(&[u8], u32, bool)> {
    let (inner, extended) = match name.strip_suffix(b"*") {
        Some(inner) => (inner, true),
        None => (name, false),
    };
    let star = memchr::memrchr(b'*', inner)?;
    let digits = &inner[star + 1..];
    if star == 0 || digits.is_empty() || digits.len() > 6 || !digits.iter().all(u8::is_ascii_digit)
    {
        return None;
    }
    let number = digits
        .iter()
        .fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    Some((&inner[..star], number, extended))
}
