//! FETCH items as a client writes them (RFC 9051 §9 `fetch-att`).

use super::string::astring;
use crate::fetch::{FetchItem, FetchItems, Partial, Section, SectionText};

/// `"(" fetch-att *(SP fetch-att) ")"`
pub fn fetch_items(items: &FetchItems, out: &mut Vec<u8>) {
    out.push(b'(');
    for (index, item) in items.0.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        fetch_item(item, out);
    }
    out.push(b')');
}

fn fetch_item(item: &FetchItem, out: &mut Vec<u8>) {
    let word: &[u8] = match item {
        FetchItem::Flags => b"FLAGS",
        FetchItem::Uid => b"UID",
        FetchItem::InternalDate => b"INTERNALDATE",
        FetchItem::Rfc822Size => b"RFC822.SIZE",
        FetchItem::Envelope => b"ENVELOPE",
        FetchItem::Body => b"BODY",
        FetchItem::BodyStructure => b"BODYSTRUCTURE",
        FetchItem::ModSeq => b"MODSEQ",
        FetchItem::SaveDate => b"SAVEDATE",
        FetchItem::EmailId => b"EMAILID",
        FetchItem::ThreadId => b"THREADID",
        FetchItem::Preview { lazy: false } => b"PREVIEW",
        FetchItem::Preview { lazy: true } => b"PREVIEW (LAZY)",
        FetchItem::BodySection { peek: false, .. } => b"BODY",
        FetchItem::BodySection { peek: true, .. } => b"BODY.PEEK",
        FetchItem::Binary { peek: false, .. } => b"BINARY",
        FetchItem::Binary { peek: true, .. } => b"BINARY.PEEK",
        FetchItem::BinarySize { .. } => b"BINARY.SIZE",
        FetchItem::Rfc822 { peek: false } => b"RFC822",
        FetchItem::Rfc822 { peek: true } => b"RFC822.PEEK",
        FetchItem::Rfc822Header => b"RFC822.HEADER",
        FetchItem::Rfc822Text { peek: false } => b"RFC822.TEXT",
        FetchItem::Rfc822Text { peek: true } => b"RFC822.TEXT.PEEK",
    };
    out.extend_from_slice(word);
    match item {
        FetchItem::BodySection {
            section: wanted,
            partial: range,
            ..
        } => {
            section(wanted, out);
            partial(range.as_ref(), out);
        }
        FetchItem::Binary {
            part,
            partial: range,
            ..
        } => {
            section_binary(part, out);
            partial(range.as_ref(), out);
        }
        FetchItem::BinarySize { part } => section_binary(part, out),
        _ => {}
    }
}

/// `section = "[" [section-spec] "]"`
pub fn section(section: &Section, out: &mut Vec<u8>) {
    out.push(b'[');
    part_numbers(&section.part, out);
    if !section.part.is_empty() && section.text != SectionText::Full {
        out.push(b'.');
    }
    match &section.text {
        SectionText::Full => {}
        SectionText::Header => out.extend_from_slice(b"HEADER"),
        SectionText::Text => out.extend_from_slice(b"TEXT"),
        SectionText::Mime => out.extend_from_slice(b"MIME"),
        SectionText::HeaderFields { exclude, names } => {
            out.extend_from_slice(b"HEADER.FIELDS");
            out.extend_from_slice(if *exclude { b".NOT (" } else { b" (" });
            for (index, name) in names.iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                astring(name, false, out);
            }
            out.push(b')');
        }
    }
    out.push(b']');
}

fn section_binary(part: &[u32], out: &mut Vec<u8>) {
    out.push(b'[');
    part_numbers(part, out);
    out.push(b']');
}

fn part_numbers(part: &[u32], out: &mut Vec<u8>) {
    for (index, number) in part.iter().enumerate() {
        if index > 0 {
            out.push(b'.');
        }
        out.extend_from_slice(format!("{number}").as_bytes());
    }
}

fn partial(range: Option<&Partial>, out: &mut Vec<u8>) {
    if let Some(Partial { start, octets }) = range {
        out.extend_from_slice(format!("<{start}.{octets}>").as_bytes());
    }
}
