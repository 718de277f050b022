//! Questions about flags, MODSEQs and bodies of a snapshot, answered as sets of UIDs.

use crate::chunk::Chunk;
use crate::flags::SEEN;
use crate::row::Row;
use crate::snapshot::Snapshot;
use crate::uid_set::UidSet;

impl Snapshot {
    /// All UIDs. Costs the chunks and the gaps, not the messages.
    pub fn uids(&self) -> UidSet {
        let mut set = UidSet::new();
        for chunk in self.chunks() {
            for &(low, high) in &chunk.fixed.ranges {
                set.extend(low, high);
            }
        }
        set
    }

    /// Sequence number of the first message without \Seen.
    pub fn first_unseen(&self) -> Option<u32> {
        let (before, chunk) = self.numbered_chunks().find(|(_, chunk)| chunk.unseen > 0)?;
        let index = chunk.flags.iter().position(|flags| flags & SEEN == 0)?;
        Some(before + index as u32 + 1)
    }

    /// Messages with uid >= recent_from.
    pub fn recent_count(&self, recent_from: u32) -> u32 {
        self.len() - self.position(recent_from)
    }

    /// UIDs that have all flags of `bits` and none of `without`, of `within` only when given.
    pub fn flagged(&self, bits: u64, without: u64, within: Option<&UidSet>) -> UidSet {
        self.select(
            within,
            |chunk| {
                if bits & !chunk.any != 0 || without & chunk.all != 0 {
                    Some(false)
                } else {
                    (bits & !chunk.all == 0 && without & chunk.any == 0).then_some(true)
                }
            },
            |chunk, index| chunk.flags[index] & (bits | without) == bits & !without,
        )
    }

    /// UIDs with a greater MODSEQ, of `within` only when given (RFC 7162 §3.1.4.1).
    pub fn changed_since(&self, modseq: u64, within: Option<&UidSet>) -> UidSet {
        self.select(
            within,
            |chunk| (chunk.max_modseq <= modseq).then_some(false),
            |chunk, index| chunk.modseqs[index] > modseq,
        )
    }

    /// UIDs of messages that pass; `whole` may decide for all of a chunk.
    fn select(
        &self,
        within: Option<&UidSet>,
        whole: impl Fn(&Chunk) -> Option<bool>,
        one: impl Fn(&Chunk, usize) -> bool,
    ) -> UidSet {
        let mut set = UidSet::new();
        let verdict = |chunk: &Chunk| whole(chunk);
        match within {
            None => {
                for chunk in self.chunks() {
                    match verdict(chunk) {
                        Some(false) => {}
                        Some(true) => chunk
                            .fixed
                            .ranges
                            .iter()
                            .for_each(|&(low, high)| set.extend(low, high)),
                        None => {
                            for (index, &uid) in chunk.fixed.uids.iter().enumerate() {
                                if one(chunk, index) {
                                    set.push(uid);
                                }
                            }
                        }
                    }
                }
            }
            Some(within) => self.visit(within, |chunk, range| {
                let all = verdict(chunk);
                for index in range {
                    if all.unwrap_or_else(|| one(chunk, index)) {
                        set.push(chunk.fixed.uids[index]);
                    }
                }
            }),
        }
        set
    }

    /// Calls `each` with every run of messages of `uids`, in order: the chunk and the indices in it.
    pub(crate) fn visit<'a>(
        &'a self,
        uids: &UidSet,
        mut each: impl FnMut(&'a Chunk, std::ops::Range<usize>),
    ) {
        let chunks = self.chunks();
        let mut from = 0;
        for &(low, high) in uids.ranges() {
            from += chunks[from..].partition_point(|chunk| chunk.last() < low);
            for chunk in chunks[from..]
                .iter()
                .take_while(|chunk| chunk.first() <= high)
            {
                let start = chunk.lower_bound(low);
                let end = if high >= chunk.last() {
                    chunk.len()
                } else {
                    chunk.lower_bound(high + 1)
                };
                if start < end {
                    each(chunk, start..end);
                }
            }
        }
    }

    /// The greatest MODSEQ of these messages; 0 when none of them is here.
    pub fn max_modseq(&self, uids: &UidSet) -> u64 {
        let mut most = 0;
        self.visit(uids, |chunk, range| {
            most = chunk.modseqs[range].iter().copied().fold(most, u64::max);
        });
        most
    }

    /// These messages in UID order; UIDs that are not here are skipped.
    pub fn rows(&self, uids: &UidSet) -> Vec<Row> {
        let mut rows = Vec::new();
        self.visit(uids, |chunk, range| {
            rows.extend(range.map(|index| chunk.row(index)))
        });
        rows
    }

    /// Body ids of these messages, in UID order.
    pub fn body_ids(&self, uids: &UidSet) -> Vec<u64> {
        let mut ids = Vec::new();
        self.visit(uids, |chunk, range| {
            ids.extend_from_slice(&chunk.fixed.body_ids[range])
        });
        ids
    }
}
