//! Parts under way: what is known of each while the message is read.

use crate::content::Content;
use crate::parts::{Kind, Part, Transfer};
use crate::structure::Piece;

/// A part: its row of the table and its pieces of the wire form.
pub(crate) struct Node {
    pub(crate) part: Part,
    pub(crate) piece: Piece,
    /// Lines of the message before its body.
    pub(crate) lines_before: u64,
    /// multipart/digest
    pub(crate) is_digest: bool,
}

impl Node {
    /// A part whose header begins at octet `at`.
    pub(crate) fn new(depth: u32, at: u64) -> Self {
        Self {
            part: Part {
                depth,
                kind: Kind::Leaf,
                header: at..at,
                body: at..at,
                transfer: Transfer::Identity,
                decoded_octets: 0,
                is_text: false,
                is_html: false,
                charset: String::new(),
            },
            piece: Piece {
                depth,
                kind: Kind::Leaf,
                head: Vec::new(),
                tail: Vec::new(),
                octets: 0,
                lines: None,
                envelope: Vec::new(),
            },
            lines_before: 0,
            is_digest: false,
        }
    }

    /// The row and the wire form, from what the header says.
    pub(crate) fn describe(&mut self, content: &Content) {
        let part = &mut self.part;
        self.piece.kind = part.kind;
        let is_leaf = part.kind == Kind::Leaf;
        part.is_text = is_leaf && content.is("text");
        part.is_html = part.is_text && content.is_subtype("html");
        if part.is_text {
            part.charset = content.charset();
        }
        (self.piece.head, self.piece.tail) = if part.kind == Kind::Multipart {
            content.multipart_wire()
        } else {
            content.leaf_wire()
        };
        // RFC 2045 §6.4 allows no encoding of composite types: theirs is not undone.
        part.transfer = if is_leaf {
            content.transfer()
        } else {
            Transfer::Identity
        };
        let has_lines = part.is_text || part.kind == Kind::Message;
        self.piece.lines = has_lines.then_some(0);
        self.is_digest = part.kind == Kind::Multipart && content.is_subtype("digest");
    }

    /// The body ends at octet `end`, before which the message has `lines`.
    pub(crate) fn close(&mut self, end: u64, lines: u64) {
        let begin = self.part.body.start;
        let end = end.max(begin);
        self.part.body.end = end;
        self.piece.octets = end - begin;
        if self.piece.lines.is_some() {
            self.piece.lines = Some(lines.saturating_sub(self.lines_before));
        }
    }
}

/// Whether decoding changes the octets.
pub(crate) fn is_undone(transfer: Transfer) -> bool {
    matches!(transfer, Transfer::Base64 | Transfer::QuotedPrintable)
}

/// A line break that is body when something follows, and boundary when a boundary follows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    Nothing,
    Cr,
    Lf,
    CrLf,
}

impl Held {
    pub(crate) fn octets(self) -> &'static [u8] {
        match self {
            Self::Nothing => b"",
            Self::Cr => b"\r",
            Self::Lf => b"\n",
            Self::CrLf => b"\r\n",
        }
    }

    /// Lines that it ends.
    pub(crate) fn lines(self) -> u64 {
        u64::from(matches!(self, Self::Lf | Self::CrLf))
    }
}
