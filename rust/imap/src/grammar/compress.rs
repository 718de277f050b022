//! COMPRESS.

use super::cursor::Cursor;
use crate::command::Body;
use crate::error::Parsed;

/// ```text
/// compress  = "COMPRESS" SP algorithm
/// algorithm = "DEFLATE"
/// ```
/// RFC 4978 §5
pub(super) fn compress(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    const WHAT: &str = "DEFLATE";
    cursor.space()?;
    let algorithm = cursor.keyword(WHAT)?;
    match algorithm.as_bytes() {
        b"DEFLATE" => Ok(Body::Compress),
        _ => algorithm.expected(WHAT),
    }
}
