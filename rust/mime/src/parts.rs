//! The part table: what FETCH and SEARCH need to find octets, without the message.
//!
//! Stored form, all numbers as LEB128 varints: a version octet, the count of parts, then per part in the order of
//! the message (outer before inner): flags octet, depth, gap from the previous part's end of header to the start of this
//! one's header, octets of the header, octets of the body, and where they say something, decoded octets and charset.

use std::ops::Range;

/// What of a part (RFC 9051 §6.4.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The content of the part; for no part number the whole message.
    Full,
    /// HEADER: of the message itself, or of a message/rfc822 part.
    Header,
    /// TEXT: likewise.
    Text,
    /// MIME: the header of the part itself.
    Mime,
}

/// Content-Transfer-Encoding as far as BINARY can undo it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// 7bit, 8bit, binary or nothing: octets are what they are.
    Identity,
    /// base64
    Base64,
    /// quoted-printable
    QuotedPrintable,
    /// Something nobody can undo.
    Unknown,
}

/// What a part is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Octets.
    Leaf,
    /// Parts one level deeper, any number of them.
    Multipart,
    /// A message/rfc822: exactly one part one level deeper, the message in it.
    Message,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// 0 for the message itself.
    pub depth: u32,
    /// What follows one level deeper.
    pub kind: Kind,
    /// Octets of the header with its empty line, in the raw message.
    pub header: Range<u64>,
    /// Octets of the body, without the line break that belongs to the boundary after it.
    pub body: Range<u64>,
    /// How the body is encoded.
    pub transfer: Transfer,
    /// Octets of the body once decoded.
    pub decoded_octets: u64,
    /// text/…
    pub is_text: bool,
    /// text/html
    pub is_html: bool,
    /// Charset as written, empty when none.
    pub charset: String,
}

/// A part that is not a multipart: where its content is and how it is encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Octets of the content in the raw message.
    pub range: Range<u64>,
    /// How they are encoded.
    pub transfer: Transfer,
    /// Octets once decoded.
    pub decoded_octets: u64,
    /// text/…
    pub is_text: bool,
    /// Charset as written, empty when none.
    pub charset: String,
}

/// Octets that SEARCH BODY and TEXT look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextPart<'a> {
    /// Header fields, by their octets in the raw message: of a message or of a part.
    Header(Range<u64>),
    /// The body of a text part.
    Body(&'a Part),
}

/// The table was not written by this library, or is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadParts {
    /// Octet offset of the damage.
    pub offset: usize,
}

impl std::fmt::Display for BadParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "damaged part table at octet {}", self.offset)
    }
}

impl std::error::Error for BadParts {}

/// The part table of one message. Never empty: row 0 is the message itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    rows: Vec<Part>,
    /// Index after the last row below each row.
    ends: Vec<u32>,
}

const VERSION: u8 = 1;
const KIND_MULTIPART: u8 = 1;
const KIND_MESSAGE: u8 = 2;
const KIND_MASK: u8 = 3;
const TRANSFER_SHIFT: u8 = 2;
const IS_TEXT: u8 = 1 << 4;
const IS_HTML: u8 = 1 << 5;
const HAS_CHARSET: u8 = 1 << 6;
const HAS_DECODED: u8 = 1 << 7;

impl Parts {
    /// From rows in message order; None when they do not form a tree whose ranges lie within each other.
    pub fn new(rows: Vec<Part>) -> Option<Self> {
        let mut ends = vec![0; rows.len()];
        let mut open: Vec<usize> = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            let close_to = open.len().min(row.depth as usize);
            for closed in open.drain(close_to..) {
                ends[closed] = u32::try_from(index).ok()?;
            }
            let parent = open.last().map(|parent| &rows[*parent]);
            let fits = match parent {
                None => index == 0 && row.depth == 0 && row.header.start == 0,
                Some(parent) => {
                    row.depth == parent.depth + 1
                        && match parent.kind {
                            Kind::Leaf => false,
                            Kind::Multipart => true,
                            Kind::Message => open.last() == Some(&(index - 1)),
                        }
                        && row.header.start >= parent.body.start
                        && row.body.end <= parent.body.end
                        && row.header.start >= rows[index - 1].header.end
                }
            };
            if !fits || row.header.start > row.header.end || row.header.end != row.body.start {
                return None;
            }
            if row.body.start > row.body.end {
                return None;
            }
            open.push(index);
        }
        if rows.is_empty() {
            return None;
        }
        for closed in open {
            ends[closed] = u32::try_from(rows.len()).ok()?;
        }
        let whole = rows
            .iter()
            .zip(&ends)
            .enumerate()
            .all(|(index, (row, end))| row.kind != Kind::Message || *end as usize > index + 1);
        whole.then_some(Self { rows, ends })
    }

    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(2 + self.rows.len() * 12);
        out.push(VERSION);
        put(&mut out, self.rows.len() as u64);
        let mut last = 0;
        for row in &self.rows {
            let plain = row.body.end - row.body.start;
            let mut flags = match row.kind {
                Kind::Leaf => 0,
                Kind::Multipart => KIND_MULTIPART,
                Kind::Message => KIND_MESSAGE,
            };
            flags |= match row.transfer {
                Transfer::Identity => 0,
                Transfer::Base64 => 1,
                Transfer::QuotedPrintable => 2,
                Transfer::Unknown => 3,
            } << TRANSFER_SHIFT;
            flags |= if row.is_text { IS_TEXT } else { 0 };
            flags |= if row.is_html { IS_HTML } else { 0 };
            flags |= if row.charset.is_empty() {
                0
            } else {
                HAS_CHARSET
            };
            flags |= if row.decoded_octets == plain {
                0
            } else {
                HAS_DECODED
            };
            out.push(flags);
            put(&mut out, u64::from(row.depth));
            put(&mut out, row.header.start - last);
            put(&mut out, row.header.end - row.header.start);
            put(&mut out, plain);
            if flags & HAS_DECODED != 0 {
                put(&mut out, row.decoded_octets);
            }
            if flags & HAS_CHARSET != 0 {
                put(&mut out, row.charset.len() as u64);
                out.extend_from_slice(row.charset.as_bytes());
            }
            last = row.header.end;
        }
        out
    }

    /// Reads the stored form; checks that it is a tree whose ranges lie within each other.
    pub fn decode(stored: &[u8]) -> Result<Self, BadParts> {
        let mut reader = Reader { stored, offset: 0 };
        if reader.octet()? != VERSION {
            return Err(BadParts { offset: 0 });
        }
        let count = reader.number()?;
        // Every row takes at least five octets: a count beyond that is damage, found before anything is allocated.
        if count > (stored.len() as u64) / 5 {
            return Err(BadParts { offset: 1 });
        }
        let mut rows = Vec::with_capacity(count as usize);
        let mut last = 0u64;
        for _ in 0..count {
            let row = reader.row(last)?;
            last = row.header.end;
            rows.push(row);
        }
        if reader.offset != stored.len() {
            return Err(BadParts {
                offset: reader.offset,
            });
        }
        Self::new(rows).ok_or(BadParts { offset: 0 })
    }

    /// All rows, the message itself first.
    pub fn rows(&self) -> &[Part] {
        &self.rows
    }

    /// Octets of the whole message.
    pub fn octets(&self) -> u64 {
        self.rows[0].body.end
    }

    /// The octets that a section names, in the raw message; None when there is no such part or it has no such section.
    ///
    /// numbers: part numbers from the outside in, empty for the message itself (RFC 9051 §6.4.5.1).
    pub fn locate(&self, numbers: &[u32], what: What) -> Option<Range<u64>> {
        if numbers.is_empty() {
            let message = &self.rows[0];
            return match what {
                What::Full => Some(0..message.body.end),
                What::Header => Some(message.header.clone()),
                What::Text => Some(message.body.clone()),
                What::Mime => None,
            };
        }
        let index = self.find(numbers)?;
        let part = &self.rows[index];
        match what {
            What::Full => Some(part.body.clone()),
            What::Mime => Some(part.header.clone()),
            What::Header | What::Text if part.kind != Kind::Message => None,
            What::Header => Some(self.rows[index + 1].header.clone()),
            What::Text => Some(self.rows[index + 1].body.clone()),
        }
    }

    /// The part that BINARY names: None when there is no such part or it is a multipart.
    ///
    /// No numbers: the whole message, as it is.
    pub fn leaf(&self, numbers: &[u32]) -> Option<Leaf> {
        if numbers.is_empty() {
            let octets = self.octets();
            return Some(Leaf {
                range: 0..octets,
                transfer: Transfer::Identity,
                decoded_octets: octets,
                is_text: false,
                charset: String::new(),
            });
        }
        let part = &self.rows[self.find(numbers)?];
        (part.kind != Kind::Multipart).then(|| Leaf {
            range: part.body.clone(),
            transfer: part.transfer,
            decoded_octets: part.decoded_octets,
            is_text: part.is_text,
            charset: part.charset.clone(),
        })
    }

    /// What SEARCH looks at, in the order of the message.
    pub fn text_parts(&self) -> impl Iterator<Item = TextPart<'_>> {
        self.rows.iter().flat_map(|row| {
            let header = (!row.header.is_empty()).then(|| TextPart::Header(row.header.clone()));
            let body = (row.is_text && row.kind == Kind::Leaf).then_some(TextPart::Body(row));
            header.into_iter().chain(body)
        })
    }

    /// Row of a part. The numbering of a message that is no multipart has one part, 1, which is its body.
    fn find(&self, numbers: &[u32]) -> Option<usize> {
        let mut index = 0;
        for (level, number) in numbers.iter().enumerate() {
            if level > 0 {
                match self.rows[index].kind {
                    Kind::Leaf => return None,
                    Kind::Multipart => {}
                    Kind::Message => index += 1,
                }
            }
            if self.rows[index].kind == Kind::Multipart {
                index = self.child(index, *number)?;
            } else if *number != 1 {
                return None;
            }
        }
        Some(index)
    }

    fn child(&self, parent: usize, number: u32) -> Option<usize> {
        let end = self.ends[parent] as usize;
        let mut index = parent + 1;
        for _ in 1..number {
            if index >= end {
                return None;
            }
            index = self.ends[index] as usize;
        }
        (number >= 1 && index < end).then_some(index)
    }
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number as u8 & 0x7f) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

struct Reader<'a> {
    stored: &'a [u8],
    offset: usize,
}

impl Reader<'_> {
    fn damage<T>(&self) -> Result<T, BadParts> {
        Err(BadParts {
            offset: self.offset,
        })
    }

    fn octet(&mut self) -> Result<u8, BadParts> {
        let Some(octet) = self.stored.get(self.offset) else {
            return self.damage();
        };
        self.offset += 1;
        Ok(*octet)
    }

    fn number(&mut self) -> Result<u64, BadParts> {
        let mut number = 0u64;
        for shift in (0..63).step_by(7) {
            let octet = self.octet()?;
            number |= u64::from(octet & 0x7f) << shift;
            if octet & 0x80 == 0 {
                // Sums of a few such numbers cannot overflow.
                return if number < 1 << 56 {
                    Ok(number)
                } else {
                    self.damage()
                };
            }
        }
        self.damage()
    }

    fn row(&mut self, last: u64) -> Result<Part, BadParts> {
        let flags = self.octet()?;
        let kind = match flags & KIND_MASK {
            0 => Kind::Leaf,
            KIND_MULTIPART => Kind::Multipart,
            KIND_MESSAGE => Kind::Message,
            _ => return self.damage(),
        };
        let transfer = match (flags >> TRANSFER_SHIFT) & 3 {
            0 => Transfer::Identity,
            1 => Transfer::Base64,
            2 => Transfer::QuotedPrintable,
            _ => Transfer::Unknown,
        };
        let Ok(depth) = u32::try_from(self.number()?) else {
            return self.damage();
        };
        let start = last + self.number()?;
        let header = start..start + self.number()?;
        let plain = self.number()?;
        let body = header.end..header.end + plain;
        if body.end >= 1 << 62 {
            return self.damage();
        }
        let decoded_octets = if flags & HAS_DECODED != 0 {
            self.number()?
        } else {
            plain
        };
        let mut charset = String::new();
        if flags & HAS_CHARSET != 0 {
            let octets = self.number()? as usize;
            let name = self
                .stored
                .get(self.offset..)
                .and_then(|rest| rest.get(..octets));
            let Some(name) = name.and_then(|name| std::str::from_utf8(name).ok()) else {
                return self.damage();
            };
            charset = name.to_owned();
            self.offset += octets;
        }
        Ok(Part {
            depth,
            kind,
            header,
            body,
            transfer,
            decoded_octets,
            is_text: flags & IS_TEXT != 0,
            is_html: flags & IS_HTML != 0,
            charset,
        })
    }
}
