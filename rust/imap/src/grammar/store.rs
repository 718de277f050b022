//! STORE.

use super::cursor::Cursor;
use super::set::sequence_set;
use crate::command::{Body, Flag, Store, StoreOp};
use crate::error::Parsed;

/// ```text
/// store           = "STORE" SP sequence-set [store-modifiers] SP store-att-flags
/// store-modifiers = SP "(" store-modifier *(SP store-modifier) ")"
/// store-modifier  =/ "UNCHANGEDSINCE" SP mod-sequence-valzer
/// store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag)))
/// ```
/// RFC 9051 §9, RFC 4466 §3, RFC 7162 §7
pub(super) fn store(cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Body> {
    const WHAT: &str = "FLAGS, +FLAGS or -FLAGS";
    cursor.space()?;
    let set = sequence_set(cursor)?;
    let unchanged_since = if cursor.eat_space_open() {
        let word = cursor.keyword("UNCHANGEDSINCE")?;
        if word.as_bytes() != b"UNCHANGEDSINCE" {
            return word.expected("UNCHANGEDSINCE");
        }
        cursor.space()?;
        let modseq = cursor.number64("a MODSEQ")?;
        cursor.close()?;
        Some(modseq)
    } else {
        None
    };
    cursor.space()?;
    let word = cursor.keyword(WHAT)?;
    let (op, silent) = match word.as_bytes() {
        b"FLAGS" => (StoreOp::Set, false),
        b"FLAGS.SILENT" => (StoreOp::Set, true),
        b"+FLAGS" => (StoreOp::Add, false),
        b"+FLAGS.SILENT" => (StoreOp::Add, true),
        b"-FLAGS" => (StoreOp::Remove, false),
        b"-FLAGS.SILENT" => (StoreOp::Remove, true),
        _ => return word.expected(WHAT),
    };
    cursor.space()?;
    let flags = if cursor.eat(b'(') {
        cursor.flags_to_close()?
    } else {
        bare_flags(cursor)?
    };
    Ok(Body::Store(Store {
        uid,
        set,
        op,
        silent,
        flags,
        unchanged_since,
    }))
}

fn bare_flags(cursor: &mut Cursor<'_>) -> Parsed<Vec<Flag>> {
    let mut flags = Vec::new();
    loop {
        flags.push(cursor.flag()?);
        if !cursor.eat(b' ') || cursor.is_at_end() {
            return Ok(flags);
        }
    }
}
