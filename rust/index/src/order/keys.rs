//! Keys of bodies, made once of their header and kept as long as there is room.

use std::sync::Arc;

use lightmail_mime::collation::Collation;
use lightmail_mime::order::{order, Order};

use crate::summaries::IdMap;

/// A message ID, hashed: equal when the IDs are, and nobody can make others so.
pub type MessageId = [u8; 16];

/// What SORT and THREAD compare of one body (`lightmail_mime::order::Order`), in one piece.
#[derive(Debug)]
pub struct Keys {
    /// Subject, From, To, Cc, display names of From and To, one after the other.
    octets: Box<[u8]>,
    /// Where each of them ends.
    ends: [u32; 6],
    /// The subject says that it is a reply, or forwarded.
    pub is_reply: bool,
    /// None: there is no valid one.
    pub message_id: Option<MessageId>,
    /// The ancestry, the oldest first.
    pub references: Box<[MessageId]>,
}

/// Which text of a message, in the order in which [`Keys`] holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// The base subject.
    Subject,
    /// The mailbox of the first From address.
    From,
    /// … To address
    To,
    /// … Cc address
    Cc,
    /// How the first From address is displayed.
    DisplayFrom,
    /// … To address
    DisplayTo,
}

impl Keys {
    /// header: the header block of the message. collation: how its texts are compared.
    pub fn new(header: &[u8], collation: Collation) -> Self {
        let Order {
            subject,
            is_reply,
            from,
            to,
            cc,
            display_from,
            display_to,
            message_id,
            references,
        } = order(header, collation);
        let texts = [&subject, &from, &to, &cc, &display_from, &display_to];
        let mut end = 0;
        let ends = texts.map(|text| {
            end += text.len() as u32;
            end
        });
        Self {
            octets: texts.map(Vec::as_slice).concat().into_boxed_slice(),
            ends,
            is_reply,
            message_id: message_id.map(|id| hashed(&id)),
            references: references.iter().map(|id| hashed(id)).collect(),
        }
    }

    /// One of the texts, ready to be compared.
    pub fn text(&self, which: Text) -> &[u8] {
        let index = which as usize;
        let start = index
            .checked_sub(1)
            .map_or(0, |before| self.ends[before] as usize);
        &self.octets[start..self.ends[index] as usize]
    }

    fn cost(&self) -> usize {
        self.octets.len() + size_of_val(&*self.references) + OVERHEAD
    }
}

fn hashed(id: &[u8]) -> MessageId {
    let mut hashed = [0; 16];
    hashed.copy_from_slice(&blake3::hash(id).as_bytes()[..16]);
    hashed
}

/// Memory of an entry beside what it holds: itself with its counts, its places in two allocations and in the table.
const OVERHEAD: usize = size_of::<Keys>() + 64 + 2 * size_of::<(u64, Arc<Keys>)>();

/// Keys by body id, of the default collation, bounded by octets. What was not used since half of the room was filled goes first.
#[derive(Debug)]
pub struct KeyCache {
    young: IdMap<Arc<Keys>>,
    old: IdMap<Arc<Keys>>,
    young_octets: usize,
    old_octets: usize,
    max_octets: usize,
}

impl KeyCache {
    /// One entry always has room.
    pub fn new(max_octets: usize) -> Self {
        Self {
            young: IdMap::default(),
            old: IdMap::default(),
            young_octets: 0,
            old_octets: 0,
            max_octets,
        }
    }

    /// Uses the keys of a body.
    pub fn get(&mut self, body_id: u64) -> Option<Arc<Keys>> {
        if let Some(keys) = self.young.get(&body_id) {
            return Some(Arc::clone(keys));
        }
        let keys = self.old.remove(&body_id)?;
        self.old_octets -= keys.cost();
        self.insert(body_id, Arc::clone(&keys));
        Some(keys)
    }

    /// Keeps the keys of a body.
    pub fn insert(&mut self, body_id: u64, keys: Arc<Keys>) {
        let cost = keys.cost();
        if self.young_octets + cost > self.max_octets / 2 {
            self.old = std::mem::take(&mut self.young);
            self.old_octets = std::mem::take(&mut self.young_octets);
        }
        self.young_octets += cost;
        if let Some(before) = self.young.insert(body_id, keys) {
            self.young_octets -= before.cost();
        }
    }

    /// How many bodies.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory held.
    pub fn octets(&self) -> usize {
        self.young_octets + self.old_octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back() {
        let keys = Keys::new(
            b"From: a <b@c>\r\nTo: d@e\r\nCc: f@g\r\nSubject: re: h\r\nMessage-ID: <i@j>\r\nReferences: <k@l>\r\n\r\n",
            Collation::default(),
        );
        let texts = [
            Text::Subject,
            Text::From,
            Text::To,
            Text::Cc,
            Text::DisplayFrom,
            Text::DisplayTo,
        ];
        assert_eq!(
            texts.map(|text| std::str::from_utf8(keys.text(text)).unwrap()),
            ["H", "B", "D", "F", "A", "D@E"]
        );
        assert!(keys.is_reply);
        assert_eq!(keys.message_id, Some(hashed(b"i@j")));
        assert_eq!(*keys.references, [hashed(b"k@l")]);
    }

    #[test]
    fn the_cache_is_bounded_and_keeps_what_is_used() {
        let keys = |subject: usize| {
            Arc::new(Keys::new(
                format!("Subject: {subject:090}\r\n\r\n").as_bytes(),
                Collation::default(),
            ))
        };
        let bound = 20 * keys(0).cost();
        let mut cache = KeyCache::new(bound);
        assert!(cache.is_empty());
        for id in 0..1_000 {
            cache.insert(id, keys(id as usize));
            assert!(cache.get(0).is_some(), "used all the time, at {id}");
            assert!(cache.octets() <= bound);
            assert_eq!(cache.octets(), cache.len() * keys(0).cost());
        }
        assert!(cache.len() >= 10);
        assert!(cache.get(1).is_none());
        assert!(cache.get(999).is_some());
        cache.insert(999, keys(7));
        assert_eq!(cache.octets(), cache.len() * keys(0).cost());

        let mut tiny = KeyCache::new(0);
        tiny.insert(1, keys(1));
        assert!(tiny.get(1).is_some());
    }
}
