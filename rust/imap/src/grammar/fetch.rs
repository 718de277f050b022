//! FETCH.

use std::collections::HashSet;

use super::cursor::{Cursor, Keyword};
use super::partial;
use super::set::sequence_set;
use crate::command::{Body, Fetch};
use crate::error::{Error, Parsed};
use crate::fetch::{FetchItem, FetchItems, Partial, Section, SectionText};
use crate::partial::PartialRange;

/// ```text
/// fetch           = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att /
///                   "(" fetch-att *(SP fetch-att) ")") [fetch-modifiers]
/// fetch-modifiers = SP "(" fetch-modifier *(SP fetch-modifier) ")"
/// ```
/// RFC 9051 §9, RFC 4466 §3
pub(super) fn fetch(cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Body> {
    cursor.space()?;
    let set = sequence_set(cursor)?;
    cursor.space()?;
    let mut items = Items::default();
    if cursor.eat(b'(') {
        items.found = attributes_to_close(cursor)?.0;
    } else {
        let word = attribute_word(cursor);
        match macro_items(word.as_bytes()) {
            Some(all) => all.iter().for_each(|item| items.push(item.clone())),
            None => items.push(attribute(cursor, &word)?),
        }
    }
    let modifiers = modifiers(cursor, uid)?;
    Ok(Body::Fetch(Fetch {
        uid,
        set,
        items: FetchItems(items.found),
        changed_since: modifiers.changed_since,
        vanished: modifiers.vanished,
        partial: modifiers.partial,
    }))
}

/// `fetch-att *(SP fetch-att) ")"`
pub(super) fn attributes_to_close(cursor: &mut Cursor<'_>) -> Parsed<FetchItems> {
    let mut items = Items::default();
    loop {
        let word = attribute_word(cursor);
        items.push(attribute(cursor, &word)?);
        if cursor.eat(b')') {
            return Ok(FetchItems(items.found));
        }
        cursor.expect(b' ', "a space or \")\"")?;
    }
}

/// The macros (RFC 9051 §6.4.5): not to be mixed with other items.
fn macro_items(word: &[u8]) -> Option<&'static [FetchItem]> {
    const FULL: [FetchItem; 5] = [
        FetchItem::Flags,
        FetchItem::InternalDate,
        FetchItem::Rfc822Size,
        FetchItem::Envelope,
        FetchItem::Body,
    ];
    match word {
        b"FAST" => Some(&FULL[..3]),
        b"ALL" => Some(&FULL[..4]),
        b"FULL" => Some(&FULL),
        _ => None,
    }
}

/// Items in the order written, each once.
#[derive(Default)]
struct Items {
    found: Vec<FetchItem>,
    /// The same, once there are too many to look through for each.
    seen: HashSet<FetchItem>,
}

impl Items {
    const FEW: usize = 16;

    fn push(&mut self, item: FetchItem) {
        if self.found.len() == Self::FEW {
            self.seen.extend(self.found.iter().cloned());
        }
        let new = if self.found.len() < Self::FEW {
            !self.found.contains(&item)
        } else {
            self.seen.insert(item.clone())
        };
        if new {
            self.found.push(item);
        }
    }
}

/// Letters, digits and dots: "[" would belong to an atom.
fn attribute_word(cursor: &mut Cursor<'_>) -> Keyword {
    let at = cursor.offset();
    Keyword::new(
        cursor.while_octets(|octet| octet.is_ascii_alphanumeric() || octet == b'.'),
        at,
    )
}

/// ```text
/// fetch-att = "ENVELOPE" / "FLAGS" / "INTERNALDATE" / "RFC822.SIZE" / "BODY" ["STRUCTURE"] / "UID" /
///             "BODY" section [partial] / "BODY.PEEK" section [partial] /
///             "BINARY" [".PEEK"] section-binary [partial] / "BINARY.SIZE" section-binary
/// fetch-att =/ "RFC822" [".HEADER" / ".TEXT"]           ; RFC 3501 §9
/// fetch-att =/ fetch-mod-sequence                       ; "MODSEQ", RFC 7162 §7
/// fetch-att =/ "SAVEDATE"                               ; RFC 8514 §5
/// fetch-att =/ "EMAILID" / "THREADID"                   ; RFC 8474 §7
/// fetch-att =/ "PREVIEW" [SP "(" preview-mod *(SP preview-mod) ")"]    preview-mod = "LAZY" ; RFC 8970 §6
/// ```
/// QUIRK_RFC822_PEEK: RFC822.PEEK, RFC822.TEXT.PEEK and RFC822.HEADER.PEEK are forms of RFC 1730 that Outlook still
/// sends.
fn attribute(cursor: &mut Cursor<'_>, word: &Keyword) -> Parsed<FetchItem> {
    Ok(match word.as_bytes() {
        b"FLAGS" => FetchItem::Flags,
        b"UID" => FetchItem::Uid,
        b"INTERNALDATE" => FetchItem::InternalDate,
        b"RFC822.SIZE" => FetchItem::Rfc822Size,
        b"ENVELOPE" => FetchItem::Envelope,
        b"BODYSTRUCTURE" => FetchItem::BodyStructure,
        b"MODSEQ" => FetchItem::ModSeq,
        b"SAVEDATE" => FetchItem::SaveDate,
        b"EMAILID" => FetchItem::EmailId,
        b"THREADID" => FetchItem::ThreadId,
        b"PREVIEW" => FetchItem::Preview {
            lazy: lazy(cursor)?,
        },
        b"BODY" if cursor.peek() != Some(b'[') => FetchItem::Body,
        b"BODY" | b"BODY.PEEK" => FetchItem::BodySection {
            section: section(cursor)?,
            peek: word.as_bytes().ends_with(b"PEEK"),
            partial: octet_range(cursor)?,
        },
        b"BINARY" | b"BINARY.PEEK" => FetchItem::Binary {
            part: section_binary(cursor)?,
            peek: word.as_bytes().ends_with(b"PEEK"),
            partial: octet_range(cursor)?,
        },
        b"BINARY.SIZE" => FetchItem::BinarySize {
            part: section_binary(cursor)?,
        },
        b"RFC822" => FetchItem::Rfc822 { peek: false },
        b"RFC822.PEEK" => FetchItem::Rfc822 { peek: true },
        b"RFC822.HEADER" | b"RFC822.HEADER.PEEK" => FetchItem::Rfc822Header,
        b"RFC822.TEXT" => FetchItem::Rfc822Text { peek: false },
        b"RFC822.TEXT.PEEK" => FetchItem::Rfc822Text { peek: true },
        _ => return word.expected("a FETCH item"),
    })
}

/// `[SP "(" preview-mod *(SP preview-mod) ")"]`. Where PREVIEW stands without the parentheses of a list, what follows
/// may be the modifiers of FETCH instead.
fn lazy(cursor: &mut Cursor<'_>) -> Parsed<bool> {
    let mut lazy = false;
    if !cursor.eat_word(b" (LAZY") {
        return Ok(lazy);
    }
    while !lazy || cursor.eat_word(b" LAZY") {
        lazy = true;
    }
    cursor.close()?;
    Ok(lazy)
}

/// ```text
/// section         = "[" [section-spec] "]"
/// section-spec    = section-msgtext / (section-part ["." section-text])
/// section-part    = nz-number *("." nz-number)
/// section-text    = section-msgtext / "MIME"
/// section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"
/// ```
pub(super) fn section(cursor: &mut Cursor<'_>) -> Parsed<Section> {
    cursor.expect(b'[', "\"[\"")?;
    let (part, more) = section_part(cursor)?;
    let text = if more {
        section_text(cursor, !part.is_empty())?
    } else {
        SectionText::Full
    };
    cursor.expect(b']', "\"]\"")?;
    Ok(Section { part, text })
}

/// `section-binary = "[" [section-part] "]"`
fn section_binary(cursor: &mut Cursor<'_>) -> Parsed<Vec<u32>> {
    cursor.expect(b'[', "\"[\"")?;
    let (part, more) = section_part(cursor)?;
    if more {
        return cursor.expected("a part number or \"]\"");
    }
    cursor.expect(b']', "\"]\"")?;
    Ok(part)
}

/// Part numbers, and whether a section text follows.
fn section_part(cursor: &mut Cursor<'_>) -> Parsed<(Vec<u32>, bool)> {
    let mut part = Vec::new();
    while cursor.peek().is_some_and(|octet| octet.is_ascii_digit()) {
        part.push(cursor.nz_number32("a part number")?);
        if !cursor.eat(b'.') {
            return Ok((part, false));
        }
    }
    let more = !part.is_empty() || cursor.peek() != Some(b']');
    Ok((part, more))
}

fn section_text(cursor: &mut Cursor<'_>, of_part: bool) -> Parsed<SectionText> {
    let word = attribute_word(cursor);
    Ok(match word.as_bytes() {
        b"HEADER" => SectionText::Header,
        b"TEXT" => SectionText::Text,
        b"MIME" if of_part => SectionText::Mime,
        b"HEADER.FIELDS" => SectionText::HeaderFields {
            exclude: false,
            names: header_list(cursor)?,
        },
        b"HEADER.FIELDS.NOT" => SectionText::HeaderFields {
            exclude: true,
            names: header_list(cursor)?,
        },
        _ if of_part => return word.expected("a part number, HEADER, HEADER.FIELDS, MIME or TEXT"),
        _ => return word.expected("a part number, HEADER, HEADER.FIELDS or TEXT"),
    })
}

/// `header-list = "(" header-fld-name *(SP header-fld-name) ")"`, `header-fld-name = astring`
fn header_list(cursor: &mut Cursor<'_>) -> Parsed<Vec<Vec<u8>>> {
    cursor.space()?;
    cursor.open()?;
    let mut names = Vec::new();
    loop {
        names.push(cursor.astring("a header field name")?.into_owned());
        if cursor.eat(b')') {
            return Ok(names);
        }
        cursor.expect(b' ', "a space or \")\"")?;
    }
}

/// `partial = "<" number64 "." nz-number64 ">"`
fn octet_range(cursor: &mut Cursor<'_>) -> Parsed<Option<Partial>> {
    if !cursor.eat(b'<') {
        return Ok(None);
    }
    let start = cursor.number64("the first octet")?;
    cursor.expect(b'.', "\".\" and a count of octets")?;
    let octets = cursor.nz_number64("a count of octets")?;
    cursor.expect(b'>', "\">\"")?;
    Ok(Some(Partial { start, octets }))
}

/// What stands behind the items.
#[derive(Default)]
struct Modifiers {
    changed_since: Option<u64>,
    vanished: bool,
    partial: Option<PartialRange>,
}

/// ```text
/// fetch-modifier      =/ chgsince-fetch-mod / rexpunges-fetch-mod / modifier-partial
/// chgsince-fetch-mod  = "CHANGEDSINCE" SP mod-sequence-value
/// rexpunges-fetch-mod = "VANISHED"                      ; only in UID FETCH, only with CHANGEDSINCE
/// modifier-partial    = "PARTIAL" SP partial-range      ; only in UID FETCH
/// ```
/// RFC 7162 §7, §3.2.6; RFC 9394 §3.3.
/// QUIRK_CHANGEDSINCE_0: 0 is taken, though a MODSEQ is at least 1: libraries hand on what their caller remembers of
/// a mailbox never seen before.
fn modifiers(cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Modifiers> {
    const WHAT: &str = "CHANGEDSINCE, PARTIAL or VANISHED, each once";
    let mut found = Modifiers::default();
    if !cursor.eat_space_open() {
        return Ok(found);
    }
    let start = cursor.offset();
    loop {
        let word = cursor.keyword(WHAT)?;
        match word.as_bytes() {
            b"CHANGEDSINCE" if found.changed_since.is_none() => {
                cursor.space()?;
                found.changed_since = Some(cursor.number64("a MODSEQ")?);
            }
            b"VANISHED" if !found.vanished => found.vanished = true,
            b"PARTIAL" if found.partial.is_none() => found.partial = Some(partial::range(cursor)?),
            _ => return word.expected(WHAT),
        }
        if cursor.eat(b')') {
            break;
        }
        cursor.expect(b' ', "a space or \")\"")?;
    }
    if found.vanished && !(uid && found.changed_since.is_some()) {
        return Err(Error::expected(
            "VANISHED only in UID FETCH with CHANGEDSINCE",
            start,
        ));
    }
    if found.partial.is_some() && !uid {
        return Err(Error::expected("PARTIAL only in UID FETCH", start));
    }
    Ok(found)
}
