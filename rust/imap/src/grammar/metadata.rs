//! GETMETADATA, SETMETADATA, and the entries that LIST returns.

use super::cursor::Cursor;
use super::mailbox;
use crate::command::{Body, Depth, GetMetadata, Mailbox, SetMetadata};
use crate::error::{Error, Parsed};

/// More entries than anyone asks for in one command.
const MAX_ENTRIES: usize = 256;
const ENTRY: &str = "an entry, as in /shared/comment";

/// ```text
/// getmetadata        = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries
/// getmetadata-option = "MAXSIZE" SP number / "DEPTH" SP ("0" / "1" / "infinity")
/// entries            = entry / "(" entry *(SP entry) ")"
/// ```
/// RFC 5464 §5. Its examples write the options behind the mailbox, and so do clients; some of its examples write
/// several entries without parentheses (§4.4.1).
pub(super) fn get_metadata(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    let mut get = GetMetadata {
        mailbox: Mailbox::new(String::new()),
        entries: Vec::new(),
        max_octets: None,
        depth: Depth::Zero,
    };
    if cursor.eat_space_open() {
        options(cursor, &mut get)?;
        get.mailbox = mailbox::only(cursor)?;
    } else {
        get.mailbox = mailbox::only(cursor)?;
        if is_option(cursor) {
            cursor.space()?;
            cursor.open()?;
            options(cursor, &mut get)?;
        }
    }
    if cursor.eat_space_open() {
        get.entries = entries_to_close(cursor)?;
    } else {
        cursor.space()?;
        get.entries.push(entry(cursor)?);
        while get.entries.len() < MAX_ENTRIES && cursor.rest().starts_with(b" /") {
            cursor.space()?;
            get.entries.push(entry(cursor)?);
        }
    }
    Ok(Body::GetMetadata(get))
}

/// Whether ` (` and the word of an option follow: entries begin with a slash.
fn is_option(cursor: &Cursor<'_>) -> bool {
    let rest = cursor.rest();
    rest.starts_with(b" (") && rest.get(2).is_some_and(u8::is_ascii_alphabetic)
}

/// The "(" is taken.
fn options(cursor: &mut Cursor<'_>, get: &mut GetMetadata) -> Parsed<()> {
    const WHAT: &str = "MAXSIZE or DEPTH";
    const DEPTH: &str = "0, 1 or infinity";
    loop {
        let word = cursor.keyword(WHAT)?;
        cursor.space()?;
        match word.as_bytes() {
            b"MAXSIZE" => get.max_octets = Some(cursor.number32("a count of octets")?),
            b"DEPTH" => {
                let depth = cursor.keyword(DEPTH)?;
                get.depth = match depth.as_bytes() {
                    b"0" => Depth::Zero,
                    b"1" => Depth::One,
                    b"INFINITY" => Depth::Infinity,
                    _ => return depth.expected(DEPTH),
                };
            }
            _ => return word.expected(WHAT),
        }
        if cursor.eat(b')') {
            return Ok(());
        }
        cursor.expect(b' ', "a space or \")\"")?;
    }
}

/// ```text
/// setmetadata  = "SETMETADATA" SP mailbox SP entry-values
/// entry-values = "(" entry-value *(SP entry-value) ")"
/// entry-value  = entry SP value
/// value        = nstring / literal8
/// ```
/// RFC 5464 §5
pub(super) fn set_metadata(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    let mailbox = mailbox::only(cursor)?;
    cursor.space()?;
    cursor.open()?;
    let mut values = Vec::new();
    loop {
        bounded(values.len(), cursor)?;
        let start = cursor.offset();
        let entry = entry(cursor)?;
        if !can_be_set(&entry) {
            return Err(Error::expected(ENTRY, start));
        }
        cursor.space()?;
        let value = cursor.value("a value")?;
        values.push((entry, value.map(|octets| octets.into_owned())));
        if cursor.eat(b')') {
            return Ok(Body::SetMetadata(SetMetadata { mailbox, values }));
        }
        cursor.expect(b' ', "a space or \")\"")?;
    }
}

/// `entry *(SP entry) ")"`; the "(" is taken.
pub(super) fn entries_to_close(cursor: &mut Cursor<'_>) -> Parsed<Vec<String>> {
    let mut entries = Vec::new();
    loop {
        bounded(entries.len(), cursor)?;
        entries.push(entry(cursor)?);
        if cursor.eat(b')') {
            return Ok(entries);
        }
        cursor.expect(b' ', "a space or \")\"")?;
    }
}

fn bounded(count: usize, cursor: &Cursor<'_>) -> Parsed<()> {
    if count < MAX_ENTRIES {
        return Ok(());
    }
    Err(Error::limit(
        "metadata entries",
        MAX_ENTRIES as u64,
        cursor.offset(),
    ))
}

/// `entry = astring`: components behind slashes, the first of them "private" or "shared"; no "*", no "%", nothing
/// but ASCII, no controls (RFC 5464 §3.2). In lower case: entries are case-insensitive.
fn entry(cursor: &mut Cursor<'_>) -> Parsed<String> {
    let start = cursor.offset();
    let octets = cursor.astring(ENTRY)?;
    let good = octets
        .iter()
        .all(|octet| matches!(octet, 0x20..=0x7e) && !matches!(octet, b'*' | b'%'));
    let name = String::from_utf8_lossy(&octets).to_ascii_lowercase();
    let mut components = name.split('/');
    if good
        && components.next() == Some("")
        && matches!(components.next(), Some("private" | "shared"))
        && components.all(|component| !component.is_empty())
    {
        Ok(name)
    } else {
        Err(Error::expected(ENTRY, start))
    }
}

/// Two components at least, four in the vendors' part (RFC 5464 §3.2).
fn can_be_set(entry: &str) -> bool {
    let components: Vec<&str> = entry.split('/').skip(1).collect();
    match components.get(1) {
        None => false,
        Some(&"vendor") => components.len() >= 4,
        Some(_) => true,
    }
}
