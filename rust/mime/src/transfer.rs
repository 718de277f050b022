//! Content-Transfer-Encoding undone (RFC 2045 §6.7, §6.8): streaming, and tolerant of damage.
//!
//! Nothing is an error: what can be decoded is given. Base64 skips octets outside its alphabet, "=" ends a group of
//! four, and a group cut short gives the octets it has. In quoted-printable an "=" that starts nothing stays as it
//! is, and blanks before a line break are dropped.

use memchr::{memchr, memchr2};

use crate::parts::Transfer;

/// Where decoded octets go.
pub trait Sink {
    /// Takes octets in order.
    fn put(&mut self, octets: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, octets: &[u8]) {
        self.extend_from_slice(octets);
    }
}

/// A sink that only counts.
#[derive(Debug, Default, Clone, Copy)]
pub struct Count(pub u64);

impl Sink for Count {
    fn put(&mut self, octets: &[u8]) {
        self.0 += octets.len() as u64;
    }
}

/// Undoes one encoding, chunk by chunk.
#[derive(Debug, Clone)]
pub enum Decoder {
    /// Octets as they are; also for an encoding nobody can undo.
    Identity,
    /// base64
    Base64(Base64),
    /// quoted-printable
    QuotedPrintable(QuotedPrintable),
}

impl Decoder {
    /// A decoder at the start of a part.
    pub fn new(transfer: Transfer) -> Self {
        match transfer {
            Transfer::Identity | Transfer::Unknown => Self::Identity,
            Transfer::Base64 => Self::Base64(Base64::default()),
            Transfer::QuotedPrintable => Self::QuotedPrintable(QuotedPrintable::default()),
        }
    }

    /// Decodes the next octets.
    pub fn feed(&mut self, data: &[u8], out: &mut impl Sink) {
        match self {
            Self::Identity => out.put(data),
            Self::Base64(decoder) => decoder.feed(data, out),
            Self::QuotedPrintable(decoder) => decoder.feed(data, out),
        }
    }

    /// Gives what was held back.
    pub fn finish(&mut self, out: &mut impl Sink) {
        match self {
            Self::Identity => {}
            Self::Base64(decoder) => decoder.end_group(out),
            Self::QuotedPrintable(decoder) => decoder.finish(out),
        }
    }
}

/// A whole part at once.
pub fn decode(transfer: Transfer, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    let mut decoder = Decoder::new(transfer);
    decoder.feed(data, &mut out);
    decoder.finish(&mut out);
    out
}

/// Counts the decoded octets of a part without decoding it.
#[derive(Debug, Clone)]
pub struct Counter {
    decoder: Decoder,
    count: Count,
}

impl Counter {
    /// A counter at the start of a part.
    pub fn new(transfer: Transfer) -> Self {
        Self {
            decoder: Decoder::new(transfer),
            count: Count(0),
        }
    }

    /// Counts the next octets.
    pub fn feed(&mut self, data: &[u8]) {
        match &mut self.decoder {
            Decoder::Base64(decoder) => decoder.count(data, &mut self.count),
            decoder => decoder.feed(data, &mut self.count),
        }
    }

    /// The count for the whole part.
    pub fn finish(mut self) -> u64 {
        self.decoder.finish(&mut self.count);
        self.count.0
    }
}

const SKIP: u8 = 0xff;
const PAD: u8 = 0xfe;

const ALPHABET: [u8; 256] = {
    let mut table = [SKIP; 256];
    let mut index = 0;
    while index < 26 {
        table[b'A' as usize + index] = index as u8;
        table[b'a' as usize + index] = index as u8 + 26;
        index += 1;
    }
    index = 0;
    while index < 10 {
        table[b'0' as usize + index] = index as u8 + 52;
        index += 1;
    }
    table[b'+' as usize] = 62;
    table[b'/' as usize] = 63;
    table[b'=' as usize] = PAD;
    table
};

/// Base64 state: the group under way.
#[derive(Debug, Clone, Default)]
pub struct Base64 {
    bits: u32,
    count: u8,
}

impl Base64 {
    fn feed(&mut self, data: &[u8], out: &mut impl Sink) {
        let mut buffer = [0u8; 768];
        let mut filled = 0;
        let mut rest = data;
        while let Some((&octet, after)) = rest.split_first() {
            if filled + 3 > buffer.len() {
                out.put(&buffer[..filled]);
                filled = 0;
            }
            if self.count == 0 && rest.len() >= 4 {
                let group =
                    [rest[0], rest[1], rest[2], rest[3]].map(|octet| ALPHABET[octet as usize]);
                if (group[0] | group[1] | group[2] | group[3]) < 64 {
                    let bits = u32::from(group[0]) << 18
                        | u32::from(group[1]) << 12
                        | u32::from(group[2]) << 6
                        | u32::from(group[3]);
                    buffer[filled..filled + 3].copy_from_slice(&bits.to_be_bytes()[1..]);
                    filled += 3;
                    rest = &rest[4..];
                    continue;
                }
            }
            rest = after;
            match ALPHABET[octet as usize] {
                SKIP => {}
                PAD => {
                    out.put(&buffer[..filled]);
                    filled = 0;
                    self.end_group(out);
                }
                value => {
                    self.bits = self.bits << 6 | u32::from(value);
                    self.count += 1;
                    if self.count == 4 {
                        buffer[filled..filled + 3].copy_from_slice(&self.bits.to_be_bytes()[1..]);
                        filled += 3;
                        self.bits = 0;
                        self.count = 0;
                    }
                }
            }
        }
        out.put(&buffer[..filled]);
    }

    /// What `feed` would give, counted: only how many octets of the alphabet stand between two "=" matters.
    fn count(&mut self, data: &[u8], out: &mut Count) {
        let mut rest = data;
        while !rest.is_empty() {
            let at = memchr(b'=', rest).unwrap_or(rest.len());
            let letters = count_letters(&rest[..at]) + u64::from(self.count);
            out.0 += letters / 4 * 3;
            self.count = (letters % 4) as u8;
            if at == rest.len() {
                break;
            }
            self.end_group(out);
            rest = &rest[at + 1..];
        }
    }

    fn end_group(&mut self, out: &mut impl Sink) {
        let octets = (self.bits << (6 * (4 - u32::from(self.count.min(4))))).to_be_bytes();
        match self.count {
            2 => out.put(&octets[1..2]),
            3 => out.put(&octets[1..3]),
            _ => {}
        }
        self.bits = 0;
        self.count = 0;
    }
}

/// Octets of the base64 alphabet; in blocks whose sums fit an octet, which the compiler turns into vector code.
fn count_letters(data: &[u8]) -> u64 {
    data.chunks(255)
        .map(|block| {
            let letters: u8 = block
                .iter()
                .map(|octet| {
                    u8::from(octet.is_ascii_alphanumeric() | (*octet == b'+') | (*octet == b'/'))
                })
                .sum();
            u64::from(letters)
        })
        .sum()
}

/// More blanks than this before a line break are taken as text (no line of quoted-printable has more than 76 octets).
const MAX_BLANKS: usize = 1024;

/// Quoted-printable state: octets whose meaning depends on what follows.
#[derive(Debug, Clone, Default)]
pub struct QuotedPrintable {
    /// A run of blanks, or "=" and what came after it so far.
    held: Vec<u8>,
}

impl QuotedPrintable {
    fn feed(&mut self, data: &[u8], out: &mut impl Sink) {
        let mut rest = data;
        while !rest.is_empty() {
            rest = match self.held.first() {
                None => self.plain(rest, out),
                Some(b'=') => self.escape(rest, out),
                Some(_) => self.blanks(rest, out),
            };
        }
    }

    /// Nothing held: up to the next octet that matters.
    fn plain<'a>(&mut self, data: &'a [u8], out: &mut impl Sink) -> &'a [u8] {
        let at = memchr2(b'=', b'\n', data).unwrap_or(data.len());
        let line = &data[..at];
        let end_of_line = data.get(at) == Some(&b'\n');
        let text = trim_blanks(line, end_of_line || at == data.len());
        if end_of_line {
            // "text  \r\n": blanks go, the line break stays.
            let line_break = if line.ends_with(b"\r") { at - 1 } else { at };
            out.put(text);
            out.put(&data[line_break..=at]);
            return &data[at + 1..];
        }
        out.put(text);
        if text.len() < line.len() {
            self.held.extend_from_slice(&line[text.len()..]);
            return &data[at..];
        }
        if at < data.len() {
            self.held.push(b'=');
            return &data[at + 1..];
        }
        &[]
    }

    /// Held: a run of blanks, perhaps with a CR.
    fn blanks<'a>(&mut self, data: &'a [u8], out: &mut impl Sink) -> &'a [u8] {
        let octet = data[0];
        let after_cr = self.held.last() == Some(&b'\r');
        match octet {
            b'\n' => {
                out.put(if after_cr { b"\r\n" } else { b"\n" });
                self.held.clear();
                &data[1..]
            }
            b'\r' if !after_cr => {
                self.held.push(octet);
                &data[1..]
            }
            b' ' | b'\t' if !after_cr && self.held.len() < MAX_BLANKS => {
                self.held.push(octet);
                &data[1..]
            }
            _ => {
                out.put(&self.held);
                self.held.clear();
                data
            }
        }
    }

    /// Held: "=", then a hexadecimal digit, or blanks and perhaps a CR of a soft line break.
    fn escape<'a>(&mut self, data: &'a [u8], out: &mut impl Sink) -> &'a [u8] {
        let octet = data[0];
        let last = self.held[self.held.len() - 1];
        let fits = match (self.held.len(), last) {
            (1, _) => octet.is_ascii_hexdigit() || matches!(octet, b' ' | b'\t' | b'\r' | b'\n'),
            (_, b'\r') => octet == b'\n',
            (2, digit) if digit.is_ascii_hexdigit() => octet.is_ascii_hexdigit(),
            (length, _) => matches!(octet, b' ' | b'\t' | b'\r' | b'\n') && length < MAX_BLANKS,
        };
        if !fits {
            // What was held is text, but a run of blanks after the "=" may still end a line.
            out.put(&self.held[..1]);
            self.held.remove(0);
            if self.held.first().is_some_and(u8::is_ascii_hexdigit) {
                out.put(&self.held);
                self.held.clear();
            }
            return data;
        }
        if octet == b'\n' {
            self.held.clear();
        } else if self.held.len() == 2 && last.is_ascii_hexdigit() {
            out.put(&[nibble(last) << 4 | nibble(octet)]);
            self.held.clear();
        } else {
            self.held.push(octet);
        }
        &data[1..]
    }

    fn finish(&mut self, out: &mut impl Sink) {
        if self.held.first() == Some(&b'=') {
            // A soft line break at the very end is one without its line break; anything else is text.
            if self.held[1..]
                .iter()
                .any(|octet| !octet.is_ascii_whitespace())
            {
                out.put(&self.held);
            }
        } else if self.held.last() == Some(&b'\r') {
            out.put(b"\r");
        }
        self.held.clear();
    }
}

/// The line without the blanks (and one CR after them) that must wait for what follows.
///
/// A run of blanks counts in blocks of MAX_BLANKS from its start, as it does when it comes octet by octet.
fn trim_blanks(line: &[u8], trim: bool) -> &[u8] {
    if !trim {
        return line;
    }
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let blanks = line
        .iter()
        .rev()
        .take_while(|octet| matches!(octet, b' ' | b'\t'))
        .count();
    let held = if blanks == 0 {
        0
    } else {
        (blanks - 1) % MAX_BLANKS + 1
    };
    &line[..line.len() - held]
}

pub(crate) fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A') + 10,
    }
}
