//! Sequence sets against a snapshot: which messages the client means (RFC 9051 §9 `sequence-set`).

use lightmail_imap::set::{Bound, SequenceSet};

use crate::snapshot::Snapshot;
use crate::uid_set::UidSet;

/// A set that names what is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadSet {
    /// A sequence number greater than the number of messages; "*" in an empty mailbox is one too.
    NoSuchMessage,
    /// "$" where no search result is saved.
    NothingSaved,
}

impl std::fmt::Display for BadSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoSuchMessage => "no message has this sequence number",
            Self::NothingSaved => "no search result is saved",
        })
    }
}

impl std::error::Error for BadSet {}

/// What a sequence number without a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// An error (RFC 9051 §9 `seq-number`: "should respond with a tagged BAD").
    Refused,
    /// A number that matches nothing. Clients search an empty mailbox for 1:*, and the field's servers let them.
    Skipped,
}

impl Snapshot {
    /// UIDs of the messages that a set of UIDs or a saved result names.
    ///
    /// "*" is the last message, and so n:* includes it even where n is greater (RFC 9051 §9 `seq-range`).
    pub fn resolve_uids(
        &self,
        set: &SequenceSet,
        saved: Option<&UidSet>,
    ) -> Result<UidSet, BadSet> {
        let (ranges, with_saved) = set.parts();
        let also = if with_saved {
            self.saved(saved)?
        } else {
            UidSet::new()
        };
        // In an empty mailbox "*" is UIDNEXT, which no message has: nothing is found whatever it is.
        let Some(last) = self.last_uid() else {
            return Ok(UidSet::new());
        };
        let number = |bound| match bound {
            Bound::Number(number) => number,
            Bound::Largest => last,
        };
        let named = self.existing(&UidSet::from_ranges(
            ranges.iter().map(|&(a, b)| (number(a), number(b))),
        ));
        Ok(if with_saved {
            named.union(&also)
        } else {
            named
        })
    }

    /// UIDs of the messages that a set of sequence numbers or a saved result names.
    ///
    /// QUIRK_ALL_OF_NOTHING: 1:* in an empty mailbox is nothing, where RFC 9051 §9 would have BAD: mail clients of all
    /// kinds fetch the flags of 1:* without looking at EXISTS, and some take BAD for the end of the account.
    pub fn resolve_seqs(
        &self,
        set: &SequenceSet,
        saved: Option<&UidSet>,
        absent: Absent,
    ) -> Result<UidSet, BadSet> {
        let (ranges, with_saved) = set.parts();
        let also = if with_saved {
            self.saved(saved)?
        } else {
            UidSet::new()
        };
        let last = self.len();
        let number = |bound| match bound {
            Bound::Number(number) => number,
            Bound::Largest => last,
        };
        let mut present = Vec::with_capacity(ranges.len());
        for &(a, b) in ranges {
            if last == 0 && (a, b) == (Bound::Number(1), Bound::Largest) {
                continue;
            }
            let (a, b) = (number(a), number(b));
            let (low, high) = (a.min(b), a.max(b));
            if absent == Absent::Refused && (high > last || low == 0) {
                return Err(BadSet::NoSuchMessage);
            }
            let (low, high) = (low.max(1), high.min(last));
            if low <= high {
                present.push((low, high));
            }
        }
        let named = self.uids_at(&UidSet::from_ranges(present));
        Ok(if with_saved {
            named.union(&also)
        } else {
            named
        })
    }

    /// "$" (RFC 9051 §6.4.4.1): messages that are gone are no longer in it.
    fn saved(&self, saved: Option<&UidSet>) -> Result<UidSet, BadSet> {
        saved
            .map(|saved| self.existing(saved))
            .ok_or(BadSet::NothingSaved)
    }

    /// Those of `uids` that are here.
    pub fn existing(&self, uids: &UidSet) -> UidSet {
        let mut set = UidSet::new();
        self.visit(uids, |chunk, range| {
            if range.len() == chunk.len() {
                chunk
                    .fixed
                    .ranges
                    .iter()
                    .for_each(|&(low, high)| set.extend(low, high));
            } else if chunk.fixed.ranges.len() == 1 {
                set.extend(
                    chunk.fixed.uids[range.start],
                    chunk.fixed.uids[range.end - 1],
                );
            } else {
                chunk.fixed.uids[range]
                    .iter()
                    .for_each(|&uid| set.push(uid));
            }
        });
        set
    }

    /// UIDs of the messages with these sequence numbers, all of which exist.
    fn uids_at(&self, seqs: &UidSet) -> UidSet {
        let mut set = UidSet::new();
        for &(low, high) in seqs.ranges() {
            let mut position = low - 1;
            while let Some((chunk, start)) = self.at(position).filter(|_| position < high) {
                let end = chunk.len().min(start + (high - position) as usize);
                if end - start == chunk.len() {
                    chunk
                        .fixed
                        .ranges
                        .iter()
                        .for_each(|&(low, high)| set.extend(low, high));
                } else {
                    chunk.fixed.uids[start..end]
                        .iter()
                        .for_each(|&uid| set.push(uid));
                }
                position += (end - start) as u32;
            }
        }
        set
    }

    /// Sequence numbers of these UIDs; UIDs that are not here are skipped.
    pub fn seqs(&self, uids: &UidSet) -> UidSet {
        let mut set = UidSet::new();
        for &(low, high) in uids.ranges() {
            let start = self.position(low);
            let end = high
                .checked_add(1)
                .map_or(self.len(), |next| self.position(next));
            if start < end {
                set.extend(start + 1, end);
            }
        }
        set
    }

    /// RFC 7162 §3.2.5.2: the highest UID up to which the client's (sequence number, UID) pairs still hold; 0 when
    /// none does. Both sets ascending; pairs after the first that fails, and those with "*", do not count.
    pub fn qresync_match(&self, seqs: &SequenceSet, uids: &SequenceSet) -> u32 {
        let (SequenceSet::Ranges(seqs), SequenceSet::Ranges(uids)) = (seqs, uids) else {
            return 0;
        };
        let mut pairs = Numbers::new(seqs).zip(Numbers::new(uids));
        let holds = |&(seq, uid): &(u32, u32)| {
            seq > 0
                && self
                    .at(seq - 1)
                    .is_some_and(|(chunk, index)| chunk.fixed.uids[index] == uid)
        };
        // A pair that holds names a message, each another one: no more steps than there are messages.
        let mut best = 0;
        while let Some((_, uid)) = pairs.next().filter(|pair| holds(pair) && pair.1 > best) {
            best = uid;
        }
        best
    }
}

/// The numbers of a set in the order written, up to the first "*".
struct Numbers<'a> {
    ranges: &'a [(Bound, Bound)],
    within: std::ops::RangeInclusive<u32>,
}

impl<'a> Numbers<'a> {
    fn new(ranges: &'a [(Bound, Bound)]) -> Self {
        Self {
            ranges,
            within: std::ops::RangeInclusive::new(1, 0),
        }
    }
}

impl Iterator for Numbers<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if let Some(number) = self.within.next() {
            return Some(number);
        }
        let (&(Bound::Number(a), Bound::Number(b)), rest) = self.ranges.split_first()? else {
            return None;
        };
        self.ranges = rest;
        self.within = a.min(b)..=a.max(b);
        self.within.next()
    }
}
