//! Keys that the columns of a snapshot decide, for all messages at once.

use lightmail_imap::date::days_from_date;
use lightmail_imap::search::{Date, DateField, DateRelation};

use super::bits::Bits;
use crate::chunk::Chunk;
use crate::flags::SEEN;
use crate::snapshot::Snapshot;
use crate::uid_set::UidSet;

/// Positions of messages that pass; `whole` may decide for all of a chunk.
fn positions(
    view: &Snapshot,
    whole: impl Fn(&Chunk) -> Option<bool>,
    one: impl Fn(&Chunk, usize) -> bool,
) -> Bits {
    let mut bits = Bits::none(view.len());
    for (before, chunk) in view.numbered_chunks() {
        match whole(chunk) {
            Some(true) => bits.set_range(before, before + chunk.len() as u32),
            Some(false) => {}
            None => {
                for (index, position) in (0..chunk.len()).zip(before..) {
                    if one(chunk, index) {
                        bits.set(position);
                    }
                }
            }
        }
    }
    bits
}

/// The flag of this mask is set; no mask: a flag that no message has.
pub(super) fn flag(view: &Snapshot, mask: Option<u64>) -> Bits {
    let Some(mask) = mask else {
        return Bits::none(view.len());
    };
    positions(
        view,
        |chunk| {
            if chunk.any & mask == 0 {
                Some(false)
            } else {
                (chunk.all & mask != 0).then_some(true)
            }
        },
        |chunk, index| chunk.flags[index] & mask != 0,
    )
}

/// RECENT: from this UID on.
pub(super) fn recent(view: &Snapshot, recent_from: u32) -> Bits {
    let mut bits = Bits::none(view.len());
    bits.set_range(view.position(recent_from), view.len());
    bits
}

/// NEW: recent and without \Seen.
pub(super) fn new(view: &Snapshot, recent_from: u32) -> Bits {
    let mut bits = flag(view, Some(SEEN));
    bits.invert();
    bits.intersect(&recent(view, recent_from));
    bits
}

pub(super) fn larger(view: &Snapshot, octets: u64) -> Bits {
    positions(
        view,
        |_| None,
        |chunk, index| chunk.fixed.sizes[index] > octets,
    )
}

pub(super) fn smaller(view: &Snapshot, octets: u64) -> Bits {
    positions(
        view,
        |_| None,
        |chunk, index| chunk.fixed.sizes[index] < octets,
    )
}

/// MODSEQ n: n or greater (RFC 7162 §3.1.5).
pub(super) fn modseq(view: &Snapshot, least: u64) -> Bits {
    positions(
        view,
        |chunk| (chunk.max_modseq < least).then_some(false),
        |chunk, index| chunk.modseqs[index] >= least,
    )
}

/// YOUNGER: INTERNALDATE at this moment or later (RFC 5032 §3).
pub(super) fn since_moment(view: &Snapshot, moment: i64) -> Bits {
    positions(
        view,
        |_| None,
        |chunk, index| chunk.fixed.internaldates[index] >= moment,
    )
}

/// OLDER: at this moment or earlier.
pub(super) fn until_moment(view: &Snapshot, moment: i64) -> Bits {
    positions(
        view,
        |_| None,
        |chunk, index| chunk.fixed.internaldates[index] <= moment,
    )
}

/// BEFORE, ON, SINCE and their kin compare the day as the message's own zone has it: "disregarding time and timezone"
/// (RFC 9051 §6.4.4). A message without a Date header was not sent on any day. SAVEDATE is a day in UTC.
pub(super) fn date(view: &Snapshot, field: DateField, relation: DateRelation, date: Date) -> Bits {
    const DAY_S: i64 = 86_400;
    let start = days_from_date(date) * DAY_S;
    let days = match relation {
        DateRelation::Before => i64::MIN..start,
        DateRelation::On => start..start + DAY_S,
        DateRelation::Since => start..i64::MAX,
    };
    let local = |seconds: i64, zone: i16| seconds.saturating_add(i64::from(zone) * 60);
    match field {
        DateField::Internal => positions(
            view,
            |_| None,
            |chunk, index| {
                days.contains(&local(
                    chunk.fixed.internaldates[index],
                    chunk.fixed.internaldate_zones[index],
                ))
            },
        ),
        DateField::Sent => positions(
            view,
            |_| None,
            |chunk, index| {
                let seconds = chunk.fixed.sent_dates[index];
                seconds != 0 && days.contains(&local(seconds, chunk.fixed.sent_zones[index]))
            },
        ),
        DateField::Saved => positions(
            view,
            |_| None,
            |chunk, index| days.contains(&chunk.fixed.savedates[index]),
        ),
    }
}

/// Messages with this body.
pub(super) fn body(view: &Snapshot, body_id: u64) -> Bits {
    positions(
        view,
        |_| None,
        |chunk, index| chunk.fixed.body_ids[index] == body_id,
    )
}

/// Messages of a set, all of which are in the view.
pub(super) fn members(view: &Snapshot, uids: &UidSet) -> Bits {
    let mut bits = Bits::none(view.len());
    for &(low, high) in view.seqs(uids).ranges() {
        bits.set_range(low - 1, high);
    }
    bits
}

/// UIDs at these positions.
pub(super) fn uids(view: &Snapshot, bits: &Bits) -> UidSet {
    let mut set = UidSet::new();
    let mut chunks = view.numbered_chunks();
    let mut current = chunks.next();
    for position in bits.iter() {
        while let Some((before, chunk)) = current {
            if let Some(&uid) = chunk.fixed.uids.get((position - before) as usize) {
                set.push(uid);
                break;
            }
            current = chunks.next();
        }
    }
    set
}
