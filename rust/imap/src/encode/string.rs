//! The choice between atom, quoted, literal and literal8 (RFC 9051 §4.3, §9).

use super::utf7;
use crate::grammar::octets::is_astring_char;

/// The shortest legal `string`, appended to `out`.
///
/// Quoted when it can be; a literal for CR, LF and eight-bit octets; literal8 for NUL (RFC 3516 §4.2: only where
/// the grammar has it). With `utf8`, quoted strings hold UTF-8 (RFC 6855 §3, RFC 9051 §4.3).
pub fn quoted(octets: &[u8], utf8: bool, out: &mut Vec<u8>) {
    let mut eight_bit = false;
    let mut escapes = 0;
    for octet in octets {
        match octet {
            0 => return literal(octets, octets.contains(&0), out),
            b'\r' | b'\n' => return literal(octets, octets.contains(&0), out),
            b'"' | b'\\' => escapes += 1,
            0x80.. => eight_bit = true,
            _ => {}
        }
    }
    if eight_bit && !(utf8 && std::str::from_utf8(octets).is_ok()) {
        return literal(octets, false, out);
    }
    out.reserve(octets.len() + escapes + 2);
    out.push(b'"');
    if escapes == 0 {
        out.extend_from_slice(octets);
    } else {
        for octet in octets {
            if matches!(octet, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(*octet);
        }
    }
    out.push(b'"');
}

/// Like [`quoted`], but an atom where that is legal and cannot be taken for NIL.
pub fn astring(octets: &[u8], utf8: bool, out: &mut Vec<u8>) {
    let bare = !octets.is_empty()
        && octets.iter().all(|octet| is_astring_char(*octet))
        && !octets.eq_ignore_ascii_case(b"NIL");
    if bare {
        out.extend_from_slice(octets);
    } else {
        quoted(octets, utf8, out);
    }
}

/// `mailbox`: modified UTF-7 (RFC 3501 §5.1.3), or UTF-8 when the client has enabled it (RFC 9051 §5.1).
pub fn mailbox_name(name: &str, utf8: bool, out: &mut Vec<u8>) {
    if utf8 {
        astring(name.as_bytes(), true, out);
    } else {
        astring(utf7::encode(name).as_bytes(), false, out);
    }
}

/// `"{" number64 "}" CRLF *CHAR8`, `"~{" number64 "}" CRLF *OCTET`
fn literal(octets: &[u8], binary: bool, out: &mut Vec<u8>) {
    if binary {
        out.push(b'~');
    }
    out.extend_from_slice(format!("{{{}}}\r\n", octets.len()).as_bytes());
    out.extend_from_slice(octets);
}
