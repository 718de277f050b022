//! The text of a message as SEARCH sees it: header fields and text parts, decoded and mapped by a collation.

use std::ops::{ControlFlow, Range};

use memchr::memmem;

use crate::charset::decode_labelled;
use crate::collation::Collation;
use crate::header;
use crate::parts::{Part, Parts, TextPart, Transfer};
use crate::transfer;
use crate::words::decode_words;

/// Which text (RFC 9051 §6.4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// BODY: text parts, no header fields.
    Body,
    /// TEXT: header fields too, those of inner messages and of parts included.
    Text,
}

/// A string looked for, folded once.
#[derive(Debug, Clone)]
pub struct Needle {
    collation: Collation,
    folded: String,
    finder: memmem::Finder<'static>,
}

impl Needle {
    /// text: as the client gave it, in UTF-8.
    pub fn new(text: &str, collation: Collation) -> Self {
        let folded = collation.map(text);
        let finder = memmem::Finder::new(folded.as_bytes()).into_owned();
        Self {
            collation,
            folded,
            finder,
        }
    }

    /// How it is compared.
    pub fn collation(&self) -> Collation {
        self.collation
    }

    /// The folded text.
    pub fn as_str(&self) -> &str {
        &self.folded
    }

    /// Whether it stands in text that is folded already.
    pub fn is_in(&self, folded: &str) -> bool {
        self.finder.find(folded.as_bytes()).is_some()
    }
}

/// Calls `visit` with each piece of decoded, folded text: one per header field, one per text part; in message order.
///
/// raw: the whole message. Stops when `visit` breaks. A piece that lies beyond `raw` is skipped.
pub fn for_each(
    parts: &Parts,
    raw: &[u8],
    scope: Scope,
    collation: Collation,
    mut visit: impl FnMut(&str) -> ControlFlow<()>,
) {
    let mut folded = String::new();
    for part in parts.text_parts() {
        match part {
            TextPart::Header(_) if scope == Scope::Body => {}
            TextPart::Header(range) => {
                for field in header::fields(slice(raw, &range)) {
                    folded.clear();
                    fold_field(&field, collation, &mut folded);
                    if visit(&folded).is_break() {
                        return;
                    }
                }
            }
            TextPart::Body(part) => {
                folded.clear();
                fold_body(part, slice(raw, &part.body), collation, &mut folded);
                if visit(&folded).is_break() {
                    return;
                }
            }
        }
    }
}

/// Whether the needle stands in the text of the message.
pub fn contains(parts: &Parts, raw: &[u8], scope: Scope, needle: &Needle) -> bool {
    let mut found = false;
    for_each(parts, raw, scope, needle.collation, |text| {
        found = needle.is_in(text);
        if found {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    found
}

fn slice<'a>(raw: &'a [u8], range: &Range<u64>) -> &'a [u8] {
    raw.get(range.start as usize..range.end as usize)
        .unwrap_or_default()
}

fn fold_field(field: &header::Field<'_>, collation: Collation, out: &mut String) {
    if !field.name.is_empty() {
        collation.map_into(&String::from_utf8_lossy(field.name), out);
        out.push_str(": ");
    }
    collation.map_into(&decode_words(field.value), out);
}

/// Octets above 127 in a part that says us-ascii, or nothing, and that are no UTF-8, are no text and match nothing.
fn fold_body(part: &Part, octets: &[u8], collation: Collation, out: &mut String) {
    if matches!(part.transfer, Transfer::Base64 | Transfer::QuotedPrintable) {
        let octets = transfer::decode(part.transfer, octets);
        collation.map_into(&decode_labelled(&part.charset, &octets), out);
    } else {
        collation.map_into(&decode_labelled(&part.charset, octets), out);
    }
}
