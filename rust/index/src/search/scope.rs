//! Which messages a search has to look at, by the sets among its keys alone.

use lightmail_imap::search::{SearchKey, SearchProgram};
use lightmail_imap::set::SequenceSet;

use crate::resolve::{Absent, BadSet};
use crate::snapshot::Snapshot;
use crate::uid_set::UidSet;

impl Snapshot {
    /// The messages that can match for all that is said of numbers and UIDs; whatever else is asked of them is not
    /// looked at ("the total number of searched messages", RFC 9738 §3.1).
    pub fn scope(&self, program: &SearchProgram, saved: Option<&UidSet>) -> Result<UidSet, BadSet> {
        self.scope_of(&program.key, saved)
    }

    /// As deep as the nesting that the grammar allowed.
    fn scope_of(&self, key: &SearchKey, saved: Option<&UidSet>) -> Result<UidSet, BadSet> {
        Ok(match key {
            SearchKey::Sequence(set) => self.resolve_seqs(set, saved, Absent::Skipped)?,
            SearchKey::Uid(set) => self.resolve_uids(set, saved)?,
            SearchKey::And(keys) => {
                let mut scope = self.uids();
                for key in keys {
                    scope = scope.intersection(&self.scope_of(key, saved)?);
                }
                scope
            }
            SearchKey::Or(left, right) => self
                .scope_of(left, saved)?
                .union(&self.scope_of(right, saved)?),
            SearchKey::Fuzzy(key) => self.scope_of(key, saved)?,
            SearchKey::Not(key) => match &**key {
                SearchKey::All => UidSet::new(),
                SearchKey::Sequence(SequenceSet::Ranges(_)) | SearchKey::Uid(_) => {
                    self.uids().difference(&self.scope_of(key, saved)?)
                }
                _ => self.uids(),
            },
            _ => self.uids(),
        })
    }
}
