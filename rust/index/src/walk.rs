//! The messages of a set, one after the other, with their sequence numbers.

use std::sync::Arc;

use crate::chunk::Chunk;
use crate::snapshot::Snapshot;
use crate::uid_set::UidSet;

/// Where a walk over the messages of a set is. UIDs that are not in the view are passed over.
#[derive(Debug, Clone)]
pub(crate) struct Walker {
    view: Arc<Snapshot>,
    uids: Arc<UidSet>,
    /// The range of the set.
    range: usize,
    chunk: usize,
    index: usize,
    /// Messages of the view before this one.
    before: u32,
    backwards: bool,
}

/// One message of a walk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Message<'a> {
    pub seq: u32,
    chunk: &'a Chunk,
    index: usize,
}

impl Message<'_> {
    pub fn uid(&self) -> u32 {
        self.chunk.fixed.uids[self.index]
    }

    pub fn flags(&self) -> u64 {
        self.chunk.flags[self.index]
    }

    pub fn modseq(&self) -> u64 {
        self.chunk.modseqs[self.index]
    }

    pub fn body_id(&self) -> u64 {
        self.chunk.fixed.body_ids[self.index]
    }

    pub fn size(&self) -> u64 {
        self.chunk.fixed.sizes[self.index]
    }

    /// Seconds UTC and minutes east.
    pub fn internaldate(&self) -> (i64, i16) {
        (
            self.chunk.fixed.internaldates[self.index],
            self.chunk.fixed.internaldate_zones[self.index],
        )
    }

    pub fn savedate(&self) -> i64 {
        self.chunk.fixed.savedates[self.index]
    }
}

impl Walker {
    pub fn new(view: Arc<Snapshot>, uids: Arc<UidSet>) -> Self {
        let mut walker = Self {
            view,
            uids,
            range: 0,
            chunk: 0,
            index: 0,
            before: 0,
            backwards: false,
        };
        walker.settle();
        walker
    }

    /// From the last message to the first.
    pub fn backwards(view: Arc<Snapshot>, uids: Arc<UidSet>) -> Self {
        let last = view.len().checked_sub(1);
        let (chunk, index) = last.map_or((0, 0), |last| view.place(last));
        let mut walker = Self {
            range: uids.ranges().len().wrapping_sub(1),
            view,
            uids,
            chunk,
            index,
            before: last.unwrap_or(0),
            backwards: true,
        };
        walker.settle_back();
        walker
    }

    /// The message the walk is at; None at its end.
    pub fn message(&self) -> Option<Message<'_>> {
        self.uids.ranges().get(self.range)?;
        let chunk = self.view.chunks().get(self.chunk)?;
        Some(Message {
            seq: self.before + 1,
            chunk,
            index: self.index,
        })
    }

    /// Moves on to the next message.
    pub fn step(&mut self) {
        if self.backwards {
            return self.step_back();
        }
        let Some(chunk) = self.view.chunks().get(self.chunk) else {
            return;
        };
        self.before += 1;
        self.index += 1;
        if self.index == chunk.len() {
            (self.chunk, self.index) = (self.chunk + 1, 0);
        }
        self.settle();
    }

    fn step_back(&mut self) {
        match self.before.checked_sub(1) {
            Some(before) => self.before = before,
            None => return self.end(),
        }
        (self.chunk, self.index) = self.view.place(self.before);
        self.settle_back();
    }

    /// From the current message back to the first one that is in the set.
    fn settle_back(&mut self) {
        let uids = Arc::clone(&self.uids);
        let ranges = uids.ranges();
        while let (Some(&(low, high)), Some(chunk)) =
            (ranges.get(self.range), self.view.chunks().get(self.chunk))
        {
            let uid = chunk.fixed.uids[self.index];
            if uid < low {
                let here = ranges[..self.range].partition_point(|range| range.0 <= uid);
                self.range = here.wrapping_sub(1);
            } else if uid <= high {
                return;
            } else {
                // `high` is less than a UID, so that one more is none too many.
                match self.view.position(high + 1).checked_sub(1) {
                    Some(before) => self.before = before,
                    None => return self.end(),
                }
                (self.chunk, self.index) = self.view.place(self.before);
            }
        }
    }

    fn end(&mut self) {
        self.range = usize::MAX;
    }

    /// From the current message on to the first one that is in the set.
    fn settle(&mut self) {
        let ranges = self.uids.ranges();
        while let (Some(&(low, high)), Some(chunk)) =
            (ranges.get(self.range), self.view.chunks().get(self.chunk))
        {
            let uid = chunk.fixed.uids[self.index];
            if uid > high {
                self.range += ranges[self.range..].partition_point(|range| range.1 < uid);
            } else if uid >= low {
                return;
            } else {
                self.before = self.view.position(low);
                (self.chunk, self.index) = self.view.place(self.before);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flags::Keywords;
    use crate::row::{tests::pack, Row};
    use crate::snapshot::MailboxState;

    proptest! {
        #[test]
        fn visits_what_is_in_both(
            here in proptest::collection::btree_set(1u32..6000, 0..4000),
            ranges in proptest::collection::vec((1u32..7000, 0u32..300), 0..20),
        ) {
            let packed: String = here.iter().map(|&uid| pack(&Row { uid, ..Row::default() })).collect();
            let state = MailboxState { keywords: Keywords::default(), uid_next: 7000, highest_modseq: 1 };
            let view = Arc::new(Snapshot::load(&[packed.as_bytes()], state).unwrap());
            let uids = Arc::new(UidSet::from_ranges(ranges.iter().map(|&(low, more)| (low, low + more))));
            let wanted: Vec<(u32, u32)> =
                here.iter().zip(1..).filter(|(uid, _)| uids.contains(**uid)).map(|(uid, seq)| (*uid, seq)).collect();
            let visited = |mut walker: Walker| {
                let mut seen = Vec::new();
                while let Some(message) = walker.message() {
                    seen.push((message.uid(), message.seq));
                    walker.step();
                }
                seen
            };
            let mut back = visited(Walker::backwards(Arc::clone(&view), Arc::clone(&uids)));
            back.reverse();
            prop_assert_eq!(&back, &wanted);
            prop_assert_eq!(visited(Walker::new(view, uids)), wanted);
        }
    }
}
