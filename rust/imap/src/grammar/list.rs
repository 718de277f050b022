//! LIST, LSUB and XLIST.

use super::cursor::Cursor;
use super::metadata::entries_to_close;
use super::status::status_items;
use crate::command::{Body, List, ListReturn, ListSelect};
use crate::error::{Error, Parsed};

/// More patterns than anyone sends; each is matched with each mailbox.
const MAX_PATTERNS: usize = 64;

/// ```text
/// list        = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]
/// mbox-or-pat = list-mailbox / patterns
/// patterns    = "(" list-mailbox *(SP list-mailbox) ")"
/// ```
/// RFC 9051 §9, RFC 5258 §6
pub(super) fn list(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    let mut list = List {
        reference: String::new(),
        patterns: Vec::with_capacity(1),
        extended: false,
        select: Vec::new(),
        returns: Vec::new(),
        status: Vec::new(),
        metadata: Vec::new(),
    };
    if cursor.eat_space_open() {
        list.extended = true;
        list.select = select_options(cursor)?;
    }
    cursor.space()?;
    list.reference = reference(cursor)?;
    if cursor.eat_space_open() {
        list.extended = true;
        loop {
            if list.patterns.len() >= MAX_PATTERNS {
                return Err(Error::limit(
                    "LIST patterns",
                    MAX_PATTERNS as u64,
                    cursor.offset(),
                ));
            }
            list.patterns.push(pattern(cursor)?);
            if cursor.eat(b')') {
                break;
            }
            cursor.expect(b' ', "a space or \")\"")?;
        }
    } else {
        cursor.space()?;
        list.patterns.push(pattern(cursor)?);
    }
    if cursor.rest().starts_with(b" ") && !cursor.rest().trim_ascii().is_empty() {
        cursor.space()?;
        let word = cursor.keyword("RETURN")?;
        if word.as_bytes() != b"RETURN" {
            return word.expected("RETURN");
        }
        list.extended = true;
        cursor.space()?;
        cursor.open()?;
        return_options(cursor, &mut list)?;
    }
    Ok(Body::List(list))
}

/// `lsub = "LSUB" SP mailbox SP list-mailbox` (RFC 3501 §9)
pub(super) fn lsub(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    cursor.space()?;
    let reference = reference(cursor)?;
    cursor.space()?;
    let pattern = pattern(cursor)?;
    Ok(Body::Lsub { reference, pattern })
}

/// `xlist = "XLIST" SP mailbox SP list-mailbox`, as LIST was before it was extended
pub(super) fn xlist(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    cursor.space()?;
    let reference = reference(cursor)?;
    cursor.space()?;
    let pattern = pattern(cursor)?;
    Ok(Body::Xlist { reference, pattern })
}

fn reference(cursor: &mut Cursor<'_>) -> Parsed<String> {
    let start = cursor.offset();
    let octets = cursor.astring("a reference name")?;
    cursor.mailbox_text(&octets, start)
}

/// The wildcards are no characters of modified BASE64: a pattern decodes like a name.
fn pattern(cursor: &mut Cursor<'_>) -> Parsed<String> {
    let start = cursor.offset();
    let octets = cursor.list_mailbox("a mailbox name or pattern")?;
    cursor.mailbox_text(&octets, start)
}

/// ```text
/// list-select-opts            = "(" [(*(list-select-opt SP) list-select-base-opt *(SP list-select-opt))
///                                  / (list-select-independent-opt *(SP list-select-independent-opt))] ")"
/// list-select-base-opt        = "SUBSCRIBED" / option-extension
/// list-select-independent-opt = "REMOTE" / option-extension
/// list-select-independent-opt =/ "SPECIAL-USE"        ; RFC 6154 §6
/// list-select-mod-opt         = "RECURSIVEMATCH" / option-extension
/// ```
/// The "(" is taken. RECURSIVEMATCH needs a base option beside it (RFC 9051 §6.3.9.1).
fn select_options(cursor: &mut Cursor<'_>) -> Parsed<Vec<ListSelect>> {
    const WHAT: &str = "a LIST selection option";
    let start = cursor.offset();
    let mut options = Vec::new();
    if cursor.eat(b')') {
        return Ok(options);
    }
    loop {
        let word = cursor.keyword(WHAT)?;
        let Some(option) = ListSelect::from_word(word.as_bytes()) else {
            return word.expected(WHAT);
        };
        if !options.contains(&option) {
            options.push(option);
        }
        if cursor.eat(b')') {
            break;
        }
        cursor.expect(b' ', "a space or \")\"")?;
    }
    if options.contains(&ListSelect::RecursiveMatch) && !options.contains(&ListSelect::Subscribed) {
        return Err(Error::expected("SUBSCRIBED beside RECURSIVEMATCH", start));
    }
    Ok(options)
}

/// ```text
/// list-return-opts = "RETURN" SP "(" [return-option *(SP return-option)] ")"
/// return-option    = "SUBSCRIBED" / "CHILDREN" / status-option / option-extension
/// return-option    =/ "SPECIAL-USE"                    ; RFC 6154 §6
/// return-option    =/ "MYRIGHTS"                       ; RFC 8440 §5
/// status-option    = "STATUS" SP "(" status-att *(SP status-att) ")"
/// return-option    =/ "METADATA" SP "(" entry *(SP entry) ")" ; RFC 9590 §5
/// ```
/// The "(" is taken.
fn return_options(cursor: &mut Cursor<'_>, list: &mut List) -> Parsed<()> {
    const WHAT: &str = "a LIST return option";
    if cursor.eat(b')') {
        return Ok(());
    }
    loop {
        let word = cursor.keyword(WHAT)?;
        let Some(option) = ListReturn::from_word(word.as_bytes()) else {
            return word.expected(WHAT);
        };
        if option == ListReturn::Status {
            cursor.space()?;
            cursor.open()?;
            list.status = status_items(cursor)?;
        }
        if option == ListReturn::Metadata {
            cursor.space()?;
            cursor.open()?;
            list.metadata = entries_to_close(cursor)?;
        }
        if !list.returns.contains(&option) {
            list.returns.push(option);
        }
        if cursor.eat(b')') {
            return Ok(());
        }
        cursor.expect(b' ', "a space or \")\"")?;
    }
}
