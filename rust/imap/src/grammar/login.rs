//! AUTHENTICATE and LOGIN.

use super::cursor::Cursor;
use crate::command::{Authenticate, Body, Login, Secret};
use crate::error::{Error, Parsed};

/// ```text
/// authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp] *(CRLF base64)
/// auth-type    = atom
/// initial-resp = (base64 / "=")
/// ```
/// RFC 9051 §9, RFC 4959 §3. The lines after the first are the SASL exchange, not the command.
pub(super) fn authenticate(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    cursor.space()?;
    let mechanism = cursor.atom("a SASL mechanism")?.to_ascii_uppercase();
    let initial = if cursor.eat(b' ') && !cursor.is_at_end() {
        Some(Secret::new(initial_response(cursor)?))
    } else {
        None
    };
    Ok(Body::Authenticate(Authenticate { mechanism, initial }))
}

fn initial_response(cursor: &mut Cursor<'_>) -> Parsed<Vec<u8>> {
    let start = cursor.offset();
    let text = cursor
        .while_octets(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/' | b'='));
    if text == b"=" {
        return Ok(Vec::new());
    }
    decode_base64(text).ok_or(Error::expected("base64", start))
}

/// ```text
/// base64          = *(4base64-char) [base64-terminal]
/// base64-terminal = (2base64-char "==") / (3base64-char "=")
/// ```
/// None when it is not, or empty.
fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    if text.is_empty() || !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text
        .strip_suffix(b"==")
        .or(text.strip_suffix(b"="))
        .unwrap_or(text);
    let mut octets = Vec::with_capacity(text.len() / 4 * 3);
    let mut bits = 0_u32;
    let mut count = 0;
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            octets.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    // Bits that stand for no octet are zero, so that each value has one form.
    (bits == 0).then_some(octets)
}

/// `login = "LOGIN" SP userid SP password`; `userid = astring`, `password = astring`
pub(super) fn login(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    cursor.space()?;
    let username = cursor.astring("a user name")?.into_owned();
    cursor.space()?;
    let password = Secret::new(cursor.astring("a password")?.into_owned());
    Ok(Body::Login(Login { username, password }))
}
