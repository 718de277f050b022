//! BODYSTRUCTURE and BODY (RFC 9051 §7.5.2) from the tree of parts. No recursion.

use crate::parts::Kind;
use crate::wire::number;

/// One part with the pieces of its wire form.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) depth: u32,
    pub(crate) kind: Kind,
    /// Before the size (Leaf, Message), or after the parts (Multipart).
    pub(crate) head: Vec<u8>,
    /// Extension data.
    pub(crate) tail: Vec<u8>,
    pub(crate) octets: u64,
    /// For text and messages.
    pub(crate) lines: Option<u64>,
    /// Of a part that is a message.
    pub(crate) envelope: Vec<u8>,
}

/// pieces: in message order, forming a tree by their depths; a Message is followed by the message in it.
pub(crate) fn bodystructure(pieces: &[Piece]) -> Vec<u8> {
    let mut out = Vec::with_capacity(pieces.len() * 96);
    let mut open: Vec<&Piece> = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        while let Some(outer) = open.pop_if(|outer| outer.depth >= piece.depth) {
            close(outer, &mut out);
        }
        out.push(b'(');
        if piece.kind != Kind::Multipart {
            out.extend_from_slice(&piece.head);
            out.push(b' ');
            number(piece.octets, &mut out);
        }
        if piece.kind == Kind::Message {
            out.push(b' ');
            if let Some(message) = pieces.get(index + 1) {
                out.extend_from_slice(&message.envelope);
            }
            out.push(b' ');
        }
        open.push(piece);
    }
    while let Some(outer) = open.pop() {
        close(outer, &mut out);
    }
    out
}

fn close(piece: &Piece, out: &mut Vec<u8>) {
    if piece.kind == Kind::Multipart {
        out.push(b' ');
        out.extend_from_slice(&piece.head);
    }
    if let Some(lines) = piece.lines {
        out.push(b' ');
        number(lines, out);
    }
    out.extend_from_slice(&piece.tail);
    out.push(b')');
}

/// BODY: a BODYSTRUCTURE without its extension data.
///
/// Takes what [`crate::analyze`] wrote; of anything else it gives what it can read, without failing.
pub fn body_from_bodystructure(structure: &[u8]) -> Vec<u8> {
    let mut shortener = Shortener {
        rest: structure,
        out: Vec::with_capacity(structure.len()),
    };
    let _ = shortener.run();
    shortener.out
}

struct Shortener<'a> {
    rest: &'a [u8],
    out: Vec<u8>,
}

impl Shortener<'_> {
    /// None where the input ends too early.
    fn run(&mut self) -> Option<()> {
        // For each body around the one that is read: whether it is a multipart (else a message).
        let mut open: Vec<bool> = Vec::new();
        loop {
            self.take(b'(')?;
            if self.rest.first() == Some(&b'(') {
                open.push(true);
                continue;
            }
            for field in 0..7 {
                if field > 0 {
                    self.take(b' ')?;
                }
                self.copy_value()?;
            }
            match self.rest {
                [b' ', b'(', ..] => {
                    self.take(b' ')?;
                    self.copy_value()?;
                    self.take(b' ')?;
                    open.push(false);
                    continue;
                }
                [b' ', b'0'..=b'9', ..] => {
                    self.take(b' ')?;
                    self.copy_value()?;
                }
                _ => {}
            }
            self.close()?;
            loop {
                match open.last() {
                    None => return Some(()),
                    Some(true) if self.rest.first() == Some(&b'(') => break,
                    // The subtype of a multipart, the lines of a message.
                    Some(_) => {
                        self.take(b' ')?;
                        self.copy_value()?;
                        self.close()?;
                        open.pop();
                    }
                }
            }
        }
    }

    fn take(&mut self, octet: u8) -> Option<()> {
        self.rest = self.rest.strip_prefix(&[octet])?;
        self.out.push(octet);
        Some(())
    }

    fn copy_value(&mut self) -> Option<()> {
        let (value, rest) = self.rest.split_at(value_octets(self.rest)?);
        self.out.extend_from_slice(value);
        self.rest = rest;
        Some(())
    }

    /// Past the extension data and the parenthesis that ends a body.
    fn close(&mut self) -> Option<()> {
        loop {
            match self.rest.split_first()? {
                (b')', rest) => {
                    self.rest = rest;
                    self.out.push(b')');
                    return Some(());
                }
                (b' ', rest) => self.rest = rest,
                _ => self.rest = &self.rest[value_octets(self.rest)?..],
            }
        }
    }
}

/// Octets of the value at the start: a string, NIL, a number, or a list with all in it.
fn value_octets(data: &[u8]) -> Option<usize> {
    let mut at = 0;
    let mut depth = 0u32;
    loop {
        match data.get(at)? {
            b'(' => {
                depth += 1;
                at += 1;
            }
            b')' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            b' ' if depth > 0 => {
                at += 1;
                continue;
            }
            b'"' => at += quoted_octets(&data[at..])?,
            b'{' => at += literal_octets(&data[at..])?,
            _ => {
                let atom = data[at..]
                    .iter()
                    .position(|octet| matches!(octet, b' ' | b'(' | b')'));
                at += atom.filter(|octets| *octets > 0)?;
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

fn quoted_octets(data: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', &data[at..])?;
        if data[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
        data.get(at)?;
    }
}

fn literal_octets(data: &[u8]) -> Option<usize> {
    let end = memchr::memchr(b'}', data.get(..data.len().min(24))?)?;
    let octets: usize = std::str::from_utf8(&data[1..end]).ok()?.parse().ok()?;
    let whole = (end + 3).checked_add(octets)?;
    (whole <= data.len()).then_some(whole)
}
