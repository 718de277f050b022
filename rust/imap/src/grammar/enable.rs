//! ENABLE.

use super::cursor::Cursor;
use crate::command::Body;
use crate::error::Parsed;

/// `enable = "ENABLE" 1*(SP capability)` (RFC 9051 §9, RFC 5161 §4)
pub(super) fn enable(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    let mut capabilities = Vec::new();
    cursor.space()?;
    loop {
        capabilities.push(cursor.atom("a capability")?.to_ascii_uppercase());
        if !cursor.eat(b' ') || cursor.is_at_end() {
            return Ok(Body::Enable(capabilities));
        }
    }
}
