//! IMAP strings (RFC 9051 §9 `nstring`): quoted where that is legal and short, else a literal.

/// Longer strings go as literals, as many clients read quoted strings into small buffers.
const MAX_QUOTED_OCTETS: usize = 4096;

/// Appends a `string`.
///
/// NUL cannot stand in any string but a literal8, which ENVELOPE and BODYSTRUCTURE do not allow: U+FFFD stands for it.
pub(crate) fn string(text: &[u8], out: &mut Vec<u8>) {
    let plain = |octet: &u8| (0x20..0x7f).contains(octet) || *octet == b'\t';
    if text.len() <= MAX_QUOTED_OCTETS && text.iter().all(plain) {
        out.push(b'"');
        for octet in text {
            if matches!(octet, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(*octet);
        }
        out.push(b'"');
        return;
    }
    let replaced;
    let text = if memchr::memchr(0, text).is_some() {
        replaced = replace_nul(text);
        &replaced
    } else {
        text
    };
    out.push(b'{');
    number(text.len() as u64, out);
    out.extend_from_slice(b"}\r\n");
    out.extend_from_slice(text);
}

/// Appends a `string`, or NIL for None.
pub(crate) fn nstring(text: Option<&[u8]>, out: &mut Vec<u8>) {
    match text {
        Some(text) => string(text, out),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// Appends a decimal number.
pub(crate) fn number(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(number.to_string().as_bytes());
}

fn replace_nul(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 16);
    for octet in text {
        match octet {
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            octet => out.push(*octet),
        }
    }
    out
}
