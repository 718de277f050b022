//! COPY and MOVE.

use super::cursor::Cursor;
use super::set::sequence_set;
use crate::command::Copy;
use crate::error::Parsed;

/// ```text
/// copy = "COPY" SP sequence-set SP mailbox
/// move = "MOVE" SP sequence-set SP mailbox        ; RFC 6851 §4
/// ```
pub(super) fn copy(cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Copy> {
    cursor.space()?;
    let set = sequence_set(cursor)?;
    cursor.space()?;
    let mailbox = cursor.mailbox()?;
    Ok(Copy { uid, set, mailbox })
}
