//! STATUS.

use super::cursor::Cursor;
use super::mailbox;
use crate::command::{Body, StatusItem};
use crate::error::Parsed;

/// `status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")"` (RFC 9051 §9)
pub(super) fn status(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    let mailbox = mailbox::only(cursor)?;
    cursor.space()?;
    cursor.open()?;
    let items = status_items(cursor)?;
    Ok(Body::Status { mailbox, items })
}

/// ```text
/// status-att =  "MESSAGES" / "UIDNEXT" / "UIDVALIDITY" / "UNSEEN" / "DELETED" / "SIZE"
/// status-att =/ "DELETED-STORAGE"    ; RFC 9208 §7
/// status-att =/ "RECENT"             ; RFC 3501
/// status-att =/ "HIGHESTMODSEQ"      ; RFC 7162 §7
/// status-att =/ "APPENDLIMIT"        ; RFC 7889 §4
/// status-att =/ "MAILBOXID"          ; RFC 8474 §7
/// ```
/// To the closing parenthesis; each item once, in the order written.
pub(super) fn status_items(cursor: &mut Cursor<'_>) -> Parsed<Vec<StatusItem>> {
    const WHAT: &str = "a STATUS item";
    let mut items = Vec::new();
    loop {
        let word = cursor.keyword(WHAT)?;
        let Some(item) = StatusItem::from_word(word.as_bytes()) else {
            return word.expected(WHAT);
        };
        if !items.contains(&item) {
            items.push(item);
        }
        if cursor.eat(b')') {
            return Ok(items);
        }
        cursor.expect(b' ', "a space or \")\"")?;
    }
}
