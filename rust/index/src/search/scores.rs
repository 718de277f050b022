//! How well messages match a search with a FUZZY key (RFC 6203 §4).

use crate::digits;
use crate::uid_set::UidSet;

/// The scores of the messages that were found, 1 to 100.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scores {
    uids: UidSet,
    /// How many UIDs there are before each range of `uids`.
    before: Vec<u32>,
    /// In the order of the UIDs.
    scores: Vec<u8>,
}

impl Scores {
    /// scores: one for each UID, in their order.
    pub(super) fn new(uids: UidSet, scores: Vec<u8>) -> Self {
        let ranges = uids.ranges().iter();
        let before = ranges
            .scan(0, |count, &(low, high)| {
                let start = *count;
                *count += high - low + 1;
                Some(start)
            })
            .collect();
        Self {
            uids,
            before,
            scores,
        }
    }

    /// Of one message; None: it was not found.
    pub fn of(&self, uid: u32) -> Option<u8> {
        let ranges = self.uids.ranges();
        let range = ranges.partition_point(|&(_, high)| high < uid);
        let &(low, _) = ranges.get(range).filter(|&&(low, _)| low <= uid)?;
        let place = self.before[range] + (uid - low);
        self.scores.get(place as usize).copied()
    }

    /// `score-list = "(" [score *(SP score)] ")"` (RFC 6203 §7): of these messages, in this order.
    pub fn write(&self, uids: impl Iterator<Item = u32>, out: &mut Vec<u8>) {
        out.push(b'(');
        for (place, score) in uids.filter_map(|uid| self.of(uid)).enumerate() {
            if place > 0 {
                out.push(b' ');
            }
            digits::push(out, u64::from(score));
        }
        out.push(b')');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_uid() {
        let scores = Scores::new(
            UidSet::from_ranges([(2, 3), (7, 7), (10, 11)]),
            vec![1, 2, 3, 4, 100],
        );
        let of = |uid| scores.of(uid);
        assert_eq!([2, 3, 7, 10, 11].map(of), [1, 2, 3, 4, 100].map(Some));
        assert_eq!([1, 4, 8, 12].map(of), [None; 4]);
        let mut out = Vec::new();
        scores.write([11, 2, 5, 7].into_iter(), &mut out);
        scores.write([].into_iter(), &mut out);
        assert_eq!(out, b"(100 1 3)()");
    }
}
