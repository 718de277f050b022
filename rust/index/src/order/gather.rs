//! The messages to be ordered, with what is compared of them.

use std::collections::HashSet;
use std::sync::Arc;

use lightmail_mime::collation::Collation;

use super::keys::{KeyCache, Keys};
use crate::snapshot::Snapshot;
use crate::summaries::{IdMap, SummaryCache, Together};
use crate::uid_set::UidSet;

/// One message: what its mailbox knows of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub uid: u32,
    pub size: u64,
    pub body_id: u64,
    /// INTERNALDATE, seconds UTC.
    pub arrival: i64,
    /// The sent date; INTERNALDATE where there is none (RFC 5256 §2.2).
    pub sent: i64,
}

/// Messages in the order of the mailbox.
#[derive(Debug)]
pub struct Gathered {
    pub(super) entries: Vec<Entry>,
    /// One for each message, or empty: none are asked for.
    pub(super) keys: Vec<Option<Arc<Keys>>>,
    /// Places of messages whose keys are not known yet.
    waiting: Vec<u32>,
    collation: Collation,
}

impl Gathered {
    /// found: messages of the view. with_keys: more is compared than their dates and sizes. collation: how.
    pub fn new(view: &Snapshot, found: &UidSet, with_keys: bool, collation: Collation) -> Self {
        let entries: Vec<Entry> = view
            .rows(found)
            .into_iter()
            .map(|row| Entry {
                uid: row.uid,
                size: row.size,
                body_id: row.body_id,
                arrival: row.internaldate,
                sent: if row.sent_date == 0 {
                    row.internaldate
                } else {
                    row.sent_date
                },
            })
            .collect();
        let count = if with_keys { entries.len() } else { 0 };
        Self {
            entries,
            keys: vec![None; count],
            waiting: (0..count as u32).collect(),
            collation,
        }
    }

    /// How many messages.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How texts are compared.
    pub fn collation(&self) -> Collation {
        self.collation
    }

    /// Takes the keys that are known; kept are those of the default collation.
    pub fn use_keys(&mut self, cache: &mut KeyCache) {
        if self.collation != Collation::default() {
            return;
        }
        let (entries, keys) = (&self.entries, &mut self.keys);
        self.waiting.retain(|&place| {
            let known = cache.get(entries[place as usize].body_id);
            let missing = known.is_none();
            keys[place as usize] = known;
            missing
        });
    }

    /// Body ids, at most `messages` and each once, of messages whose keys are not known and whose summary is not in the
    /// cache; fewer when they may be long.
    pub fn missing_summaries(&self, summaries: &SummaryCache, messages: usize) -> Vec<u64> {
        let mut seen = HashSet::new();
        let mut together = Together::default();
        self.waiting
            .iter()
            .map(|&place| self.entries[place as usize])
            .filter(|entry| !summaries.contains(entry.body_id) && seen.insert(entry.body_id))
            .take(messages)
            .take_while(|entry| together.takes(entry.size))
            .map(|entry| entry.body_id)
            .collect()
    }

    /// The headers of those that wait and have a summary in the cache, at most about `octets` of them. Copies: keys are
    /// made without a hold on the cache.
    pub fn waiting_headers(
        &self,
        summaries: &mut SummaryCache,
        octets: usize,
    ) -> Vec<(u64, Box<[u8]>)> {
        let mut headers: Vec<(u64, Box<[u8]>)> = Vec::new();
        let mut seen = HashSet::new();
        let mut taken = 0;
        for &place in &self.waiting {
            let body_id = self.entries[place as usize].body_id;
            if taken >= octets {
                break;
            }
            if let Some(summary) = summaries.get(body_id).filter(|_| seen.insert(body_id)) {
                taken += summary.header().len();
                headers.push((body_id, summary.header().into()));
            }
        }
        headers
    }

    /// Takes keys that have just been made, and keeps those of the default collation in the cache.
    pub fn take(&mut self, made: Vec<(u64, Arc<Keys>)>, cache: &mut KeyCache) {
        let made: IdMap<Arc<Keys>> = made.into_iter().collect();
        let (entries, keys) = (&self.entries, &mut self.keys);
        self.waiting.retain(|&place| {
            let known = made.get(&entries[place as usize].body_id);
            keys[place as usize] = known.map(Arc::clone);
            known.is_none()
        });
        if self.collation == Collation::default() {
            for (body_id, keys) in made {
                cache.insert(body_id, keys);
            }
        }
    }

    /// Whether the keys of all messages are known.
    pub fn done(&self) -> bool {
        self.waiting.is_empty()
    }
}
