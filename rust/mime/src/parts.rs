//! The part table: what FETCH needs to find octets, without the message.

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

/// A part that is not a multipart: where its content is and how it is encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Octets of the content in the raw message.
    pub range: Range<u64>,
    /// How they are encoded.
    pub transfer: Transfer,
    /// Octets once decoded.
    pub decoded_octets: u64,
    /// Lower-case "text", "message", …
    pub is_text: bool,
    /// Charset as written, empty when none.
    pub charset: String,
}
