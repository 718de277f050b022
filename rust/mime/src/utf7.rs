//! UTF-7 (RFC 2152) to text, as old mail has it. Tolerant: what is no UTF-7 stays as it is.

use memchr::memchr;

/// Decodes; octets above 127 are read as windows-1252.
pub fn decode(octets: &[u8]) -> String {
    let mut out = String::with_capacity(octets.len());
    let mut rest = octets;
    while let Some(at) = memchr(b'+', rest) {
        out.push_str(&crate::charset::guess(&rest[..at]));
        rest = &rest[at + 1..];
        let end = rest
            .iter()
            .position(|octet| value(*octet).is_none())
            .unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after.strip_prefix(b"-").unwrap_or(after);
        if run.is_empty() {
            out.push('+');
        } else {
            utf16(run, &mut out);
        }
    }
    out.push_str(&crate::charset::guess(rest));
    out
}

fn value(octet: u8) -> Option<u32> {
    let value = match octet {
        b'A'..=b'Z' => octet - b'A',
        b'a'..=b'z' => octet - b'a' + 26,
        b'0'..=b'9' => octet - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

fn utf16(run: &[u8], out: &mut String) {
    let mut bits = 0u32;
    let mut count = 0;
    let mut units = Vec::with_capacity(run.len() * 6 / 16);
    for value in run.iter().filter_map(|octet| value(*octet)) {
        bits = bits << 6 | value;
        count += 6;
        if count >= 16 {
            count -= 16;
            units.push((bits >> count) as u16);
            bits &= (1 << count) - 1;
        }
    }
    out.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
}
