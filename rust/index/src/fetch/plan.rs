//! The items of a FETCH, prepared once for all messages.

use lightmail_imap::encode;
use lightmail_imap::fetch::{FetchItem, FetchItems, Partial, Section, SectionText};
use lightmail_mime::parts::What;

use crate::digits;
use crate::header_index::FieldNames;

/// Where the octets of a section come from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// The message as it is: its size is known without a summary.
    Whole,
    /// The header of the message.
    Header,
    /// Fields of it.
    Fields(Box<FieldNames>),
    /// Fields of the header of a message within the message.
    InnerFields {
        numbers: Vec<u32>,
        names: Box<FieldNames>,
    },
    /// An octet range of the message.
    Part { numbers: Vec<u32>, what: What },
}

/// One item; `label` is its name in the response, with the blank after it.
#[derive(Debug, Clone)]
pub(super) enum Item {
    Flags,
    Uid,
    InternalDate,
    Size,
    Envelope,
    Body,
    BodyStructure,
    ModSeq,
    SaveDate,
    EmailId,
    ThreadId,
    Preview,
    Octets {
        label: Vec<u8>,
        source: Source,
        partial: Option<Partial>,
    },
    Binary {
        label: Vec<u8>,
        numbers: Vec<u32>,
        partial: Option<Partial>,
    },
    BinarySize {
        label: Vec<u8>,
        numbers: Vec<u32>,
    },
}

/// All items, and what answering them takes.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub items: Vec<Item>,
    pub has_flags: bool,
    pub has_uid: bool,
    pub has_modseq: bool,
    pub needs_summary: bool,
    pub needs_parts: bool,
    pub has_inner_fields: bool,
}

impl Plan {
    /// utf8: UTF8=ACCEPT is on, and field names may be echoed so.
    pub fn new(items: &FetchItems, utf8: bool) -> Self {
        let items: Vec<Item> = items.0.iter().map(|item| prepare(item, utf8)).collect();
        let any = |wanted: fn(&Item) -> bool| items.iter().any(wanted);
        Self {
            has_flags: any(|item| matches!(item, Item::Flags)),
            has_uid: any(|item| matches!(item, Item::Uid)),
            has_modseq: any(|item| matches!(item, Item::ModSeq)),
            needs_summary: any(|item| match item {
                Item::Flags
                | Item::Uid
                | Item::InternalDate
                | Item::Size
                | Item::ModSeq
                | Item::SaveDate
                | Item::EmailId => false,
                Item::Octets { source, .. } => !matches!(source, Source::Whole),
                _ => true,
            }),
            needs_parts: any(|item| match item {
                Item::Octets { source, .. } => {
                    matches!(source, Source::Part { .. } | Source::InnerFields { .. })
                }
                Item::Binary { .. } | Item::BinarySize { .. } => true,
                _ => false,
            }),
            has_inner_fields: any(|item| {
                matches!(
                    item,
                    Item::Octets {
                        source: Source::InnerFields { .. },
                        ..
                    }
                )
            }),
            items,
        }
    }
}

fn prepare(item: &FetchItem, utf8: bool) -> Item {
    match item {
        FetchItem::Flags => Item::Flags,
        FetchItem::Uid => Item::Uid,
        FetchItem::InternalDate => Item::InternalDate,
        FetchItem::Rfc822Size => Item::Size,
        FetchItem::Envelope => Item::Envelope,
        FetchItem::Body => Item::Body,
        FetchItem::BodyStructure => Item::BodyStructure,
        FetchItem::ModSeq => Item::ModSeq,
        FetchItem::SaveDate => Item::SaveDate,
        FetchItem::EmailId => Item::EmailId,
        FetchItem::ThreadId => Item::ThreadId,
        // Made at delivery: there is no delay that LAZY would spare anyone.
        FetchItem::Preview { .. } => Item::Preview,
        FetchItem::BodySection {
            section, partial, ..
        } => Item::Octets {
            label: section_label(section, *partial, utf8),
            source: source(section),
            partial: *partial,
        },
        FetchItem::Binary { part, partial, .. } => Item::Binary {
            label: label(b"BINARY[", part, *partial),
            numbers: part.clone(),
            partial: *partial,
        },
        FetchItem::BinarySize { part } => Item::BinarySize {
            label: label(b"BINARY.SIZE[", part, None),
            numbers: part.clone(),
        },
        FetchItem::Rfc822 { .. } => message_item(b"RFC822 ", Source::Whole),
        FetchItem::Rfc822Header => message_item(b"RFC822.HEADER ", Source::Header),
        FetchItem::Rfc822Text { .. } => message_item(
            b"RFC822.TEXT ",
            Source::Part {
                numbers: Vec::new(),
                what: What::Text,
            },
        ),
    }
}

fn message_item(label: &[u8], source: Source) -> Item {
    Item::Octets {
        label: label.to_vec(),
        source,
        partial: None,
    }
}

fn source(section: &Section) -> Source {
    let numbers = section.part.clone();
    let what = match &section.text {
        SectionText::Full if numbers.is_empty() => return Source::Whole,
        SectionText::Header if numbers.is_empty() => return Source::Header,
        SectionText::HeaderFields { exclude, names } => {
            let names = Box::new(FieldNames::new(names, *exclude));
            return if numbers.is_empty() {
                Source::Fields(names)
            } else {
                Source::InnerFields { numbers, names }
            };
        }
        SectionText::Full => What::Full,
        SectionText::Header => What::Header,
        SectionText::Text => What::Text,
        SectionText::Mime => What::Mime,
    };
    Source::Part { numbers, what }
}

/// `BODY[2.HEADER.FIELDS (Date From)]<0> `: field names as the client wrote them.
fn section_label(section: &Section, partial: Option<Partial>, utf8: bool) -> Vec<u8> {
    let mut out = b"BODY[".to_vec();
    push_numbers(&mut out, &section.part);
    let text: &[u8] = match &section.text {
        SectionText::Full => b"",
        SectionText::Header => b"HEADER",
        SectionText::HeaderFields { exclude: false, .. } => b"HEADER.FIELDS (",
        SectionText::HeaderFields { exclude: true, .. } => b"HEADER.FIELDS.NOT (",
        SectionText::Text => b"TEXT",
        SectionText::Mime => b"MIME",
    };
    if !section.part.is_empty() && !text.is_empty() {
        out.push(b'.');
    }
    out.extend_from_slice(text);
    if let SectionText::HeaderFields { names, .. } = &section.text {
        for (index, name) in names.iter().enumerate() {
            if index > 0 {
                out.push(b' ');
            }
            encode::astring(name, utf8, &mut out);
        }
        out.push(b')');
    }
    close(&mut out, partial);
    out
}

fn label(begin: &[u8], numbers: &[u32], partial: Option<Partial>) -> Vec<u8> {
    let mut out = begin.to_vec();
    push_numbers(&mut out, numbers);
    close(&mut out, partial);
    out
}

fn push_numbers(out: &mut Vec<u8>, numbers: &[u32]) {
    for (index, number) in numbers.iter().enumerate() {
        if index > 0 {
            out.push(b'.');
        }
        digits::push(out, u64::from(*number));
    }
}

/// "A partial fetch that starts at octet 0 is returned as a partial fetch" (RFC 9051 §6.4.5).
fn close(out: &mut Vec<u8>, partial: Option<Partial>) {
    out.push(b']');
    if let Some(partial) = partial {
        out.push(b'<');
        digits::push(out, partial.start);
        out.push(b'>');
    }
    out.push(b' ');
}
