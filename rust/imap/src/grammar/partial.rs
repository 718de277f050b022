//! PARTIAL, the return option of SEARCH and the modifier of UID FETCH.

use super::cursor::Cursor;
use crate::error::Parsed;
use crate::partial::PartialRange;

/// ```text
/// modifier-partial    = "PARTIAL" SP partial-range
/// partial-range       = partial-range-first / partial-range-last
/// partial-range-first = nz-number ":" nz-number
/// partial-range-last  = MINUS nz-number ":" MINUS nz-number
/// ```
/// RFC 9394 §4; the word is taken.
pub(super) fn range(cursor: &mut Cursor<'_>) -> Parsed<PartialRange> {
    cursor.space()?;
    let from_end = cursor.eat(b'-');
    let first = cursor.nz_number32("a position among the results")?;
    cursor.expect(b':', "\":\"")?;
    if from_end {
        cursor.expect(b'-', "\"-\", as before the first position")?;
    }
    let last = cursor.nz_number32("a position among the results")?;
    Ok(PartialRange {
        from_end,
        first,
        last,
    })
}
