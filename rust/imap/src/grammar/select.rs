//! SELECT and EXAMINE.

use super::cursor::Cursor;
use super::set::known_set;
use crate::command::{Body, Qresync, Select};
use crate::error::Parsed;

/// ```text
/// select        = "SELECT" SP mailbox [select-params]
/// examine       = "EXAMINE" SP mailbox [select-params]
/// select-params = SP "(" select-param *(SP select-param) ")"
/// select-param  =/ condstore-param
/// select-param  =/ "QRESYNC" SP "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"
/// ```
/// RFC 9051 §9, RFC 4466 §3, RFC 7162 §7
pub(super) fn select(cursor: &mut Cursor<'_>, examine: bool) -> Parsed<Body> {
    const WHAT: &str = "CONDSTORE or QRESYNC, each once";
    cursor.space()?;
    let mut select = Select {
        mailbox: cursor.mailbox()?,
        examine,
        condstore: false,
        qresync: None,
    };
    if !cursor.eat_space_open() {
        return Ok(Body::Select(select));
    }
    loop {
        let word = cursor.keyword(WHAT)?;
        match word.as_bytes() {
            b"CONDSTORE" if !select.condstore => select.condstore = true,
            b"QRESYNC" if select.qresync.is_none() => select.qresync = Some(qresync(cursor)?),
            _ => return word.expected(WHAT),
        }
        if cursor.eat(b')') {
            return Ok(Body::Select(select));
        }
        cursor.expect(b' ', "a space or \")\"")?;
    }
}

/// ```text
/// uidvalidity    = nz-number
/// known-uids     = sequence-set
/// seq-match-data = "(" known-sequence-set SP known-uid-set ")"
/// ```
fn qresync(cursor: &mut Cursor<'_>) -> Parsed<Qresync> {
    cursor.space()?;
    cursor.open()?;
    let uid_validity = cursor.nz_number32("UIDVALIDITY")?;
    cursor.space()?;
    let modseq = cursor.nz_number64("a MODSEQ")?;
    let mut found = Qresync {
        uid_validity,
        modseq,
        known_uids: None,
        seq_match: None,
    };
    if cursor.rest().starts_with(b" ") && !cursor.rest().starts_with(b" (") {
        cursor.space()?;
        found.known_uids = Some(known_set(cursor)?);
    }
    if cursor.eat_space_open() {
        let seqs = known_set(cursor)?;
        cursor.space()?;
        let uids = known_set(cursor)?;
        cursor.close()?;
        found.seq_match = Some((seqs, uids));
    }
    cursor.close()?;
    Ok(found)
}
