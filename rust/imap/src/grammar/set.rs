//! Sequence sets.

use super::cursor::Cursor;
use crate::error::{Error, Parsed};
use crate::set::{Bound, SequenceSet};

/// ```text
/// sequence-set     = (seq-number / seq-range) ["," sequence-set]
/// sequence-set     =/ seq-last-command
/// seq-range        = seq-number ":" seq-number
/// seq-last-command = "$"
/// ```
/// RFC 9051 §9; "$" RFC 5182 §4. What follows "$" is no part of the set.
pub(super) fn sequence_set(cursor: &mut Cursor<'_>) -> Parsed<SequenceSet> {
    if cursor.eat(b'$') {
        return Ok(SequenceSet::Saved);
    }
    let mut ranges = Vec::with_capacity(1);
    loop {
        let start = cursor.offset();
        let low = seq_number(cursor)?;
        let high = if cursor.eat(b':') {
            seq_number(cursor)?
        } else {
            low
        };
        if ranges.len() >= cursor.settings.set_ranges {
            let limit = cursor.settings.set_ranges as u64;
            return Err(Error::limit("ranges in a sequence set", limit, start));
        }
        ranges.push((low, high));
        if !cursor.eat(b',') {
            return Ok(SequenceSet::Ranges(ranges));
        }
        if cursor.eat(b'$') {
            return Ok(SequenceSet::RangesAndSaved(ranges));
        }
    }
}

/// `seq-number = nz-number / "*"`
fn seq_number(cursor: &mut Cursor<'_>) -> Parsed<Bound> {
    if cursor.eat(b'*') {
        return Ok(Bound::Largest);
    }
    cursor.nz_number32("a message number").map(Bound::Number)
}

/// `known-uids`, `known-uid-set`, `known-sequence-set`: a sequence set in which "*" is not allowed (RFC 7162 §7).
pub(super) fn known_set(cursor: &mut Cursor<'_>) -> Parsed<SequenceSet> {
    let start = cursor.offset();
    let set = sequence_set(cursor)?;
    let numbers_only = match &set {
        SequenceSet::Saved | SequenceSet::RangesAndSaved(_) => false,
        SequenceSet::Ranges(ranges) => ranges
            .iter()
            .all(|(low, high)| *low != Bound::Largest && *high != Bound::Largest),
    };
    if numbers_only {
        Ok(set)
    } else {
        Err(Error::expected(
            "a set of numbers without \"*\" and \"$\"",
            start,
        ))
    }
}
