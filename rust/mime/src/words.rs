//! Encoded words (RFC 2047) in header values to text.

use memchr::memchr;

use crate::charset::{decode_text, guess};
use crate::header;
use crate::parts::Transfer;
use crate::transfer;

/// One encoded word: `=?charset*language?B|Q?text?=`.
struct Word<'a> {
    charset: &'a [u8],
    base64: bool,
    text: &'a [u8],
    octets: usize,
}

impl<'a> Word<'a> {
    /// The word at the start of `data`. Tolerates blanks in the text, which some senders leave.
    fn parse(data: &'a [u8]) -> Option<Self> {
        let rest = data.strip_prefix(b"=?")?;
        let charset_end = memchr(b'?', rest.get(..rest.len().min(64))?)?;
        let charset = &rest[..charset_end];
        if charset.is_empty() || !charset.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        let [encoding, b'?', text @ ..] = &rest[charset_end + 1..] else {
            return None;
        };
        let base64 = match encoding {
            b'B' | b'b' => true,
            b'Q' | b'q' => false,
            _ => return None,
        };
        // The text has no "?" (RFC 2047 §2): looking no further keeps many broken words linear.
        let end = memchr(b'?', text)?;
        if text.get(end + 1) != Some(&b'=') {
            return None;
        }
        let language = memchr(b'*', charset).unwrap_or(charset.len());
        Some(Self {
            charset: &charset[..language],
            base64,
            text: &text[..end],
            octets: data.len() - (text.len() - end - 2),
        })
    }

    fn decode(&self, out: &mut Vec<u8>) {
        if self.base64 {
            out.extend_from_slice(&transfer::decode(Transfer::Base64, self.text));
            return;
        }
        let mut rest = self.text;
        while let Some((&octet, after)) = rest.split_first() {
            rest = after;
            match (octet, rest) {
                (b'_', _) => out.push(b' '),
                (b'=', [high, low, after @ ..])
                    if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
                {
                    out.push(transfer::nibble(*high) << 4 | transfer::nibble(*low));
                    rest = after;
                }
                _ => out.push(octet),
            }
        }
    }
}

/// A header value to text: folds undone, encoded words and raw 8-bit octets decoded.
///
/// Blanks between two encoded words are dropped, and neighbours of one charset are joined before they are read, as
/// senders split characters between them (against RFC 2047 §5).
pub fn decode_words(value: &[u8]) -> String {
    let unfolded;
    let value = if memchr(b'\n', value).is_some() {
        unfolded = header::unfold(value);
        &unfolded
    } else {
        value.trim_ascii()
    };
    let mut out = String::with_capacity(value.len());
    let mut plain = 0; // start of text not yet written
    let mut at = 0;
    let mut pending: Option<(&[u8], Vec<u8>)> = None; // charset and octets of the words just read
    while let Some(found) = memchr(b'=', &value[at..]) {
        let start = at + found;
        let Some(word) = Word::parse(&value[start..]) else {
            at = start + 1;
            continue;
        };
        let between = &value[plain..start];
        match &mut pending {
            Some((charset, octets)) if between.trim_ascii().is_empty() => {
                if charset.eq_ignore_ascii_case(word.charset) {
                    word.decode(octets);
                } else {
                    flush(&mut pending, &mut out);
                }
            }
            _ => {
                flush(&mut pending, &mut out);
                out.push_str(&guess(between));
            }
        }
        if pending.is_none() {
            let mut octets = Vec::with_capacity(word.text.len());
            word.decode(&mut octets);
            pending = Some((word.charset, octets));
        }
        at = start + word.octets;
        plain = at;
    }
    flush(&mut pending, &mut out);
    out.push_str(&guess(&value[plain..]));
    out
}

fn flush(pending: &mut Option<(&[u8], Vec<u8>)>, out: &mut String) {
    if let Some((charset, octets)) = pending.take() {
        let charset = String::from_utf8_lossy(charset);
        out.push_str(&decode_text(&charset, &octets));
    }
}
