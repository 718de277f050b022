//! THREAD.

use super::cursor::Cursor;
use super::search::search_criteria;
use crate::command::{Body, Thread, ThreadAlgorithm};
use crate::error::Parsed;

/// ```text
/// thread     = "THREAD" SP thread-alg SP search-criteria
/// thread-alg = "ORDEREDSUBJECT" / "REFERENCES" / "REFS"
/// ```
/// RFC 5256 §5
pub(super) fn thread(cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Body> {
    const WHAT: &str = "ORDEREDSUBJECT, REFERENCES or REFS";
    cursor.space()?;
    let word = cursor.keyword(WHAT)?;
    let Some(algorithm) = ThreadAlgorithm::from_word(word.as_bytes()) else {
        return word.expected(WHAT);
    };
    cursor.space()?;
    Ok(Body::Thread(Thread {
        uid,
        algorithm,
        program: search_criteria(cursor)?,
    }))
}
