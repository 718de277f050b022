//! Modified UTF-7, the form of mailbox names in IMAP4rev1 (RFC 3501 §5.1.3).
//!
//! Printable US-ASCII stands for itself, "&-" for "&"; everything else is UTF-16 in big-endian order in BASE64 with
//! "," for "/" and without padding, between "&" and "-".

/// The octet, counted from the start, that is not modified UTF-7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadUtf7 {
    /// Octets before it.
    pub offset: usize,
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

const fn is_direct(octet: u8) -> bool {
    matches!(octet, 0x20..=0x7e)
}

fn value(octet: u8) -> Option<u32> {
    Some(u32::from(match octet {
        b'A'..=b'Z' => octet - b'A',
        b'a'..=b'z' => octet - b'a' + 26,
        b'0'..=b'9' => octet - b'0' + 52,
        b'+' => 62,
        b',' => 63,
        _ => return None,
    }))
}

/// Modified UTF-7 to text.
///
/// Only the one form that [`encode`] makes is taken: no superfluous shifts, no BASE64 for what can stand for itself
/// (RFC 3501 §5.1.3). Else one mailbox would have two names.
pub fn decode(octets: &[u8]) -> Result<String, BadUtf7> {
    let mut text = String::with_capacity(octets.len());
    let mut at = 0;
    let mut after_shift = false;
    while let Some(octet) = octets.get(at).copied() {
        if octet != b'&' {
            if !is_direct(octet) {
                return Err(BadUtf7 { offset: at });
            }
            text.push(char::from(octet));
            at += 1;
            after_shift = false;
            continue;
        }
        let start = at + 1;
        let Some(len) = octets[start..].iter().position(|octet| *octet == b'-') else {
            return Err(BadUtf7 {
                offset: octets.len(),
            });
        };
        if len == 0 {
            text.push('&');
            after_shift = false;
        } else if after_shift {
            // Two shifts side by side: a superfluous one.
            return Err(BadUtf7 { offset: at });
        } else {
            shifted(&octets[start..start + len], start, &mut text)?;
            after_shift = true;
        }
        at = start + len + 1;
    }
    Ok(text)
}

/// The BASE64 between "&" and "-".
fn shifted(digits: &[u8], start: usize, text: &mut String) -> Result<(), BadUtf7> {
    let mut bits = 0_u32;
    let mut count = 0;
    let mut high: Option<u32> = None;
    for (index, digit) in digits.iter().enumerate() {
        let bad = BadUtf7 {
            offset: start + index,
        };
        bits = bits << 6 | value(*digit).ok_or(bad)?;
        count += 6;
        if count < 16 {
            continue;
        }
        count -= 16;
        let unit = bits >> count & 0xffff;
        bits &= (1 << count) - 1;
        let code = match (high.take(), unit) {
            (None, 0xd800..=0xdbff) => {
                high = Some(unit);
                continue;
            }
            (None, _) => unit,
            (Some(high), 0xdc00..=0xdfff) => 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00),
            (Some(_), _) => return Err(bad),
        };
        let character = char::from_u32(code).ok_or(bad)?;
        // What can stand for itself must.
        if u8::try_from(code).is_ok_and(is_direct) {
            return Err(bad);
        }
        text.push(character);
    }
    // Fewer than six bits may be left, all zero; half a surrogate pair may not.
    if high.is_some() || count >= 6 || bits != 0 {
        return Err(BadUtf7 {
            offset: start + digits.len(),
        });
    }
    Ok(())
}

/// Text to modified UTF-7.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '&' {
            out.push_str("&-");
            continue;
        }
        if u8::try_from(character).is_ok_and(is_direct) {
            out.push(character);
            continue;
        }
        out.push('&');
        let mut bits = 0_u32;
        let mut count = 0;
        let mut next = Some(character);
        while let Some(character) = next {
            for unit in character.encode_utf16(&mut [0; 2]) {
                bits = bits << 16 | u32::from(*unit);
                count += 16;
                while count >= 6 {
                    count -= 6;
                    out.push(char::from(ALPHABET[(bits >> count & 0x3f) as usize]));
                }
                bits &= (1 << count) - 1;
            }
            next = characters.next_if(|next| !u8::try_from(*next).is_ok_and(is_direct));
        }
        if count > 0 {
            out.push(char::from(ALPHABET[(bits << (6 - count) & 0x3f) as usize]));
        }
        out.push('-');
    }
    out
}
