//! UIDBATCHES.

use super::cursor::Cursor;
use crate::command::Body;
use crate::error::Parsed;

/// `uidbatches = "UIDBATCHES" SP nz-number [SP nz-number ":" nz-number]`: messages in a batch, and which batches
/// (RFC 10022).
pub(super) fn uid_batches(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    cursor.space()?;
    let size = cursor.nz_number32("a count of messages")?;
    let batches = if cursor.rest().starts_with(b" ") && !cursor.rest().trim_ascii().is_empty() {
        cursor.space()?;
        let first = cursor.nz_number32("the number of a batch")?;
        cursor.expect(b':', "\":\"")?;
        Some((first, cursor.nz_number32("the number of a batch")?))
    } else {
        None
    };
    Ok(Body::UidBatches { size, batches })
}
