//! Summaries of messages by body id, bounded by octets; what was not used for longest goes first.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::hint::black_box;

use lightmail_mime::parts::{BadParts, Parts};

use crate::header_index::HeaderIndex;
use crate::search::common::SearchText;

/// Octets of summaries that are asked for together, at most about.
const TOGETHER_OCTETS: u64 = 64 << 20;
/// Of one of them; nobody knows how long a header is before it is read, but not longer than its message, and servers
/// keep no more of it than this (`limits.header_octets`), unless they are told to.
const LONGEST_OCTETS: u64 = 1 << 20;

/// How many summaries are asked for together: a thousand headers of ordinary mail are little, of hostile mail too much.
#[derive(Debug, Default)]
pub(crate) struct Together {
    octets: u64,
}

impl Together {
    /// Whether that of a message of this size may be among them; the first always may.
    pub(crate) fn takes(&mut self, size: u64) -> bool {
        let room = self.octets < TOGETHER_OCTETS;
        self.octets += size.min(LONGEST_OCTETS);
        room
    }
}

/// What is kept of a message beside its octets (`lightmail_mime::analyze::Summary`).
#[derive(Debug)]
pub struct Summary {
    /// Header, envelope, body structure, part table and preview, one after the other.
    octets: Box<[u8]>,
    /// Where each of the first four ends.
    ends: [u32; 4],
    index: HeaderIndex,
    text: Option<Box<SearchText>>,
}

impl Summary {
    /// Refuses a part table that cannot be read, or is not of this header.
    pub fn new(
        header: &[u8],
        envelope: &[u8],
        bodystructure: &[u8],
        parts: &[u8],
        preview: &str,
    ) -> Result<Self, BadParts> {
        let octets = [header, envelope, bodystructure, parts, preview.as_bytes()].concat();
        let before_preview = octets.len() - preview.len();
        let end = |octets: usize| u32::try_from(octets).map_err(|_| BadParts { offset: 0 });
        let table = Parts::decode(parts)?;
        if table.rows()[0].header.end != header.len() as u64 {
            return Err(BadParts { offset: 0 });
        }
        Ok(Self {
            octets: octets.into_boxed_slice(),
            ends: [
                end(header.len())?,
                end(header.len() + envelope.len())?,
                end(header.len() + envelope.len() + bodystructure.len())?,
                end(before_preview)?,
            ],
            index: HeaderIndex::new(header),
            text: None,
        })
    }

    /// The header block of the message, its empty line included.
    pub fn header(&self) -> &[u8] {
        &self.octets[..self.ends[0] as usize]
    }

    /// Where the fields of [`Self::header`] are.
    pub(crate) fn index(&self) -> &HeaderIndex {
        &self.index
    }

    /// ENVELOPE in its wire form.
    pub fn envelope(&self) -> &[u8] {
        &self.octets[self.ends[0] as usize..self.ends[1] as usize]
    }

    /// BODYSTRUCTURE in its wire form.
    pub fn bodystructure(&self) -> &[u8] {
        &self.octets[self.ends[1] as usize..self.ends[2] as usize]
    }

    /// The part table. It could be read when the summary was made.
    pub fn parts(&self) -> Result<Parts, BadParts> {
        Parts::decode(&self.octets[self.ends[2] as usize..self.ends[3] as usize])
    }

    /// PREVIEW (RFC 8970), UTF-8; empty where there is no text.
    pub fn preview(&self) -> &[u8] {
        &self.octets[self.ends[3] as usize..]
    }

    fn cost(&self) -> usize {
        self.octets.len()
            + self.index.octets()
            + self.text.as_ref().map_or(0, |text| text.octets())
            + OVERHEAD
    }
}

/// Memory of an entry beside its octets: slot, its place in the table.
const OVERHEAD: usize = size_of::<Slot>() + 3 * size_of::<(u64, u32)>() / 2;

const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct Slot {
    id: u64,
    /// Towards what was used more recently.
    newer: u32,
    older: u32,
    summary: Summary,
}

/// Body ids are numbers of ours, given one after the other: nobody can choose them so that they collide.
#[derive(Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.write_u64(u64::from(*octet));
        }
    }

    fn write_u64(&mut self, value: u64) {
        // Fibonacci hashing; the table looks at both ends of the product.
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 32;
    }
}

pub(crate) type IdMap<V> = HashMap<u64, V, BuildHasherDefault<IdHasher>>;

/// The cache. All steps take constant time.
#[derive(Debug)]
pub struct SummaryCache {
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    places: IdMap<u32>,
    newest: u32,
    oldest: u32,
    octets: usize,
    max_octets: usize,
    hits: u64,
    misses: u64,
}

impl SummaryCache {
    /// One summary always has room, however small the bound.
    pub fn new(max_octets: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            places: IdMap::default(),
            newest: NONE,
            oldest: NONE,
            octets: 0,
            max_octets,
            hits: 0,
            misses: 0,
        }
    }

    /// Adds or replaces a summary; older ones make room.
    pub fn insert(&mut self, id: u64, summary: Summary) {
        self.remove(id);
        self.octets += summary.cost();
        let slot = Slot {
            id,
            newer: NONE,
            older: NONE,
            summary,
        };
        let place = match self.free.pop() {
            Some(place) => {
                self.slots[place as usize] = Some(slot);
                place
            }
            None => {
                self.slots.push(Some(slot));
                self.slots.len() as u32 - 1
            }
        };
        self.places.insert(id, place);
        self.link(place);
        self.shrink();
    }

    /// Uses a summary: it is now the newest.
    pub fn get(&mut self, id: u64) -> Option<&Summary> {
        let place = self.touch(id)?;
        self.slots[place as usize]
            .as_ref()
            .map(|slot| &slot.summary)
    }

    /// Like [`Self::get`], with the text that SEARCH compares, made when it is first asked for.
    pub(crate) fn get_text(&mut self, id: u64) -> Option<(&Summary, &SearchText)> {
        let place = self.touch(id)?;
        let summary = &mut self.slots[place as usize].as_mut()?.summary;
        if summary.text.is_none() {
            let text = SearchText::new(summary.header());
            self.octets += text.octets();
            summary.text = Some(Box::new(text));
            self.shrink();
        }
        let summary = &self.slots[place as usize].as_ref()?.summary;
        summary.text.as_deref().map(|text| (summary, text))
    }

    /// Whether it is here; counts as a hit or a miss, and as a use.
    pub fn look_up(&mut self, id: u64) -> bool {
        let place = self.touch(id);
        if let Some(Some(slot)) = place.map(|place| &self.slots[place as usize]) {
            // Callers look up whole windows and then read what they found. Fetched now, from memory that no cache
            // of the processor holds, many of these octets come side by side.
            black_box((slot.summary.octets.first(), slot.summary.index.first()));
        }
        let found = place.is_some();
        *(if found {
            &mut self.hits
        } else {
            &mut self.misses
        }) += 1;
        found
    }

    /// Whether it is here; changes nothing.
    pub fn contains(&self, id: u64) -> bool {
        self.places.contains_key(&id)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Memory held.
    pub fn octets(&self) -> usize {
        self.octets
    }

    /// Look-ups that found something.
    pub fn hits(&self) -> u64 {
        self.hits
    }

    /// Look-ups that did not.
    pub fn misses(&self) -> u64 {
        self.misses
    }

    /// Makes room, down to the newest.
    fn shrink(&mut self) {
        while self.octets > self.max_octets && self.oldest != self.newest {
            let Some(slot) = &self.slots[self.oldest as usize] else {
                return;
            };
            self.remove(slot.id);
        }
    }

    fn remove(&mut self, id: u64) {
        let Some(place) = self.places.remove(&id) else {
            return;
        };
        self.unlink(place);
        if let Some(slot) = self.slots[place as usize].take() {
            self.octets -= slot.summary.cost();
        }
        self.free.push(place);
    }

    fn touch(&mut self, id: u64) -> Option<u32> {
        let place = *self.places.get(&id)?;
        if place != self.newest {
            self.unlink(place);
            self.link(place);
        }
        Some(place)
    }

    fn link(&mut self, place: u32) {
        let older = self.newest;
        if let Some(Some(slot)) = self.slots.get_mut(place as usize) {
            slot.newer = NONE;
            slot.older = older;
        }
        match self.slots.get_mut(older as usize) {
            Some(Some(slot)) => slot.newer = place,
            _ => self.oldest = place,
        }
        self.newest = place;
    }

    fn unlink(&mut self, place: u32) {
        let Some(Some(slot)) = self.slots.get(place as usize) else {
            return;
        };
        let (newer, older) = (slot.newer, slot.older);
        match self.slots.get_mut(newer as usize) {
            Some(Some(slot)) => slot.older = older,
            _ => self.newest = older,
        }
        match self.slots.get_mut(older as usize) {
            Some(Some(slot)) => slot.newer = newer,
            _ => self.oldest = newer,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use lightmail_mime::analyze::{analyze, Limits};
    use proptest::prelude::*;

    use super::*;

    fn summary(octets: usize) -> Summary {
        let message = format!("Subject: a word\r\n\r\n{}", "x".repeat(octets));
        let made = analyze(message.as_bytes(), Limits::default());
        Summary::new(
            &made.header,
            &vec![b'e'; octets],
            &made.bodystructure,
            &made.parts,
            &made.preview,
        )
        .expect("parts")
    }

    proptest! {
        /// Against a list with the newest at its end.
        #[test]
        fn the_least_recently_used_goes_first(
            steps in proptest::collection::vec((0u8..4, 0u64..12, 0usize..200), 1..200),
            bound in 500usize..4000,
        ) {
            let mut cache = SummaryCache::new(bound);
            let mut model: VecDeque<(u64, usize)> = VecDeque::new();
            for (kind, id, octets) in steps {
                let found = model.iter().position(|entry| entry.0 == id);
                match kind {
                    0 => {
                        let new = summary(octets);
                        found.map(|index| model.remove(index));
                        model.push_back((id, new.cost()));
                        cache.insert(id, new);
                    }
                    1 => {
                        prop_assert_eq!(cache.contains(id), found.is_some());
                        continue;
                    }
                    2 => {
                        prop_assert_eq!(cache.look_up(id), found.is_some());
                        if let Some(entry) = found.and_then(|index| model.remove(index)) {
                            model.push_back(entry);
                        }
                    }
                    _ => {
                        let text = cache.get_text(id).map(|(_, text)| text.octets());
                        prop_assert_eq!(text.is_some(), found.is_some());
                        if let (Some(mut entry), Some(_)) = (found.and_then(|index| model.remove(index)), text) {
                            let (envelope, cost) = cache
                                .get(id)
                                .map(|summary| (summary.envelope().len(), summary.cost()))
                                .unwrap_or_default();
                            prop_assert!(cost > envelope);
                            entry.1 = cost;
                            model.push_back(entry);
                        }
                    }
                }
                while model.len() > 1 && model.iter().map(|entry| entry.1).sum::<usize>() > bound {
                    model.pop_front();
                }
                prop_assert_eq!(cache.octets(), model.iter().map(|entry| entry.1).sum::<usize>());
                prop_assert_eq!(cache.len(), model.len());
                for id in 0..12 {
                    prop_assert_eq!(cache.contains(id), model.iter().any(|entry| entry.0 == id));
                }
            }
        }
    }

    #[test]
    fn pieces_come_back() {
        let made = summary(7);
        assert_eq!(made.header(), b"Subject: a word\r\n\r\n");
        assert_eq!(made.envelope(), b"eeeeeee");
        assert!(made.bodystructure().starts_with(b"("));
        assert_eq!(made.parts().map(|parts| parts.octets()), Ok(26));
        assert_eq!(made.preview(), b"xxxxxxx");
        assert!(Summary::new(b"", b"", b"", b"\xff", "").is_err());
        let other = analyze(b"A: b\r\n\r\n", Limits::default());
        assert!(Summary::new(made.header(), b"", b"", &other.parts, "").is_err());
    }
}
