//! A search that is kept and asked again: what it says of messages by number, or by "*", is settled once.

use lightmail_imap::search::{SearchKey, SearchProgram};
use lightmail_imap::set::{Bound, SequenceSet};

use crate::resolve::{Absent, BadSet};
use crate::snapshot::Snapshot;
use crate::uid_set::UidSet;

impl Snapshot {
    /// The same search with sequence numbers and "$" replaced by the UIDs they mean now (RFC 5267 §4.3), and "*" among
    /// UIDs by the last one; what begins below "*" goes on to the greatest UID there can be.
    pub fn lasting(
        &self,
        program: &SearchProgram,
        saved: Option<&UidSet>,
    ) -> Result<SearchProgram, BadSet> {
        Ok(SearchProgram {
            charset: program.charset.clone(),
            key: self.lasting_key(&program.key, saved)?,
        })
    }

    /// As deep as the nesting that the grammar allowed.
    fn lasting_key(&self, key: &SearchKey, saved: Option<&UidSet>) -> Result<SearchKey, BadSet> {
        Ok(match key {
            SearchKey::Sequence(set) => uid_key(&self.resolve_seqs(set, saved, Absent::Skipped)?),
            SearchKey::Uid(SequenceSet::Saved) => {
                uid_key(&self.resolve_uids(&SequenceSet::Saved, saved)?)
            }
            SearchKey::Uid(SequenceSet::Ranges(ranges)) => {
                let last = self.last_uid().unwrap_or(u32::MAX);
                let settled = ranges.iter().map(|&(low, high)| match (low, high) {
                    (Bound::Largest, Bound::Largest) => (last, last),
                    (Bound::Number(number), Bound::Largest)
                    | (Bound::Largest, Bound::Number(number)) => (number.min(last), u32::MAX),
                    (Bound::Number(low), Bound::Number(high)) => (low, high),
                });
                uid_key(&UidSet::from_ranges(settled))
            }
            SearchKey::Fuzzy(key) => SearchKey::Fuzzy(Box::new(self.lasting_key(key, saved)?)),
            SearchKey::Not(key) => SearchKey::Not(Box::new(self.lasting_key(key, saved)?)),
            SearchKey::Or(left, right) => SearchKey::Or(
                Box::new(self.lasting_key(left, saved)?),
                Box::new(self.lasting_key(right, saved)?),
            ),
            SearchKey::And(keys) => {
                let keys = keys.iter().map(|key| self.lasting_key(key, saved));
                SearchKey::And(keys.collect::<Result<_, _>>()?)
            }
            other => other.clone(),
        })
    }
}

/// No set is empty: what matches nothing is NOT ALL.
fn uid_key(uids: &UidSet) -> SearchKey {
    if uids.first().is_none() {
        return SearchKey::Not(Box::new(SearchKey::All));
    }
    let ranges = uids.ranges().iter();
    SearchKey::Uid(SequenceSet::Ranges(
        ranges
            .map(|&(low, high)| (Bound::Number(low), Bound::Number(high)))
            .collect(),
    ))
}
