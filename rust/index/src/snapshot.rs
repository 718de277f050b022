//! An immutable state of one mailbox. A change gives a new one that shares the untouched chunks.

use std::sync::Arc;

use crate::chunk::{Chunk, Filler, CHUNK, SPARSE};
use crate::flags::Keywords;
use crate::row::{read_block, BadRow, Row};
use crate::uid_set::UidSet;

/// A mailbox: messages in UID order, their sequence numbers from 1.
#[derive(Debug, Clone)]
pub struct Snapshot {
    chunks: Vec<Arc<Chunk>>,
    /// How many messages come before each chunk; one more than there are chunks.
    before: Vec<u32>,
    keywords: Keywords,
    uid_next: u64,
    highest_modseq: u64,
    unseen: u64,
    deleted: u64,
    size_octets: u64,
}

/// What a mailbox is beside its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxState {
    /// In bit order.
    pub keywords: Keywords,
    /// UIDNEXT.
    pub uid_next: u64,
    /// HIGHESTMODSEQ.
    pub highest_modseq: u64,
}

impl Snapshot {
    /// A mailbox nothing was ever put in (RFC 7162 §3.1.2.1: its HIGHESTMODSEQ is 1).
    pub fn empty() -> Self {
        Self::assemble(
            Vec::new(),
            MailboxState {
                keywords: Keywords::default(),
                uid_next: 1,
                highest_modseq: 1,
            },
        )
    }

    /// From blocks of packed rows, in any order; of several rows with one UID the last counts.
    pub fn load(blocks: &[&[u8]], state: MailboxState) -> Result<Self, BadRow> {
        let mut filler = Filler::default();
        let mut last = 0;
        for (number, block) in blocks.iter().enumerate() {
            let mut ordered = true;
            let outcome = read_block(number, block, |row| {
                ordered = row.uid > last;
                last = row.uid;
                filler.push(&row);
                if ordered {
                    Ok(())
                } else {
                    Err("not in order")
                }
            });
            if !ordered {
                // Rare: from the start again, into rows that can be sorted.
                return Ok(Self::from_rows(&sorted_rows(blocks)?, state));
            }
            outcome?;
        }
        Ok(Self::assemble(filler.finish(), state))
    }

    /// From rows in ascending UID order.
    fn from_rows(rows: &[Row], state: MailboxState) -> Self {
        let mut filler = Filler::default();
        for row in rows {
            filler.push(row);
        }
        Self::assemble(filler.finish(), state)
    }

    fn assemble(chunks: Vec<Arc<Chunk>>, state: MailboxState) -> Self {
        let mut before = Vec::with_capacity(chunks.len() + 1);
        let (mut messages, mut unseen, mut deleted, mut size_octets) = (0, 0, 0, 0u64);
        for chunk in &chunks {
            before.push(messages);
            messages += chunk.len() as u32;
            unseen += u64::from(chunk.unseen);
            deleted += u64::from(chunk.deleted);
            size_octets = size_octets.saturating_add(chunk.fixed.size_octets);
        }
        before.push(messages);
        Self {
            chunks,
            before,
            keywords: state.keywords,
            uid_next: state.uid_next,
            highest_modseq: state.highest_modseq,
            unseen,
            deleted,
            size_octets,
        }
    }

    /// A new state with these rows added or replaced and these UIDs gone; a UID in both is gone.
    pub fn apply(
        &self,
        blocks: &[&[u8]],
        expunged: &UidSet,
        state: MailboxState,
    ) -> Result<Self, BadRow> {
        Ok(self.changed(&sorted_rows(blocks)?, expunged, state))
    }

    /// [`Self::apply`] with rows in ascending UID order. Costs the chunks plus the messages of those touched.
    pub(crate) fn changed(&self, mut rows: &[Row], expunged: &UidSet, state: MailboxState) -> Self {
        let mut out = Assembly {
            chunks: Vec::with_capacity(self.chunks.len() + 1),
            thinned: false,
        };
        for (index, chunk) in self.chunks.iter().enumerate() {
            // The last chunk takes what comes after it, as long as it has room.
            let takes_tail = index + 1 == self.chunks.len() && chunk.len() < CHUNK;
            let here = if takes_tail {
                rows.len()
            } else {
                rows.partition_point(|row| row.uid <= chunk.last())
            };
            let (mine, rest) = rows.split_at(here);
            rows = rest;
            let thinned = expunged.touches(chunk.first(), chunk.last());
            if mine.is_empty() && !thinned {
                out.push(Arc::clone(chunk), false);
            } else if let Some(patched) = (!thinned).then(|| chunk.patched(mine)).flatten() {
                out.push(Arc::new(patched), false);
            } else {
                for rebuilt in merged(chunk.rows(), mine, expunged) {
                    out.push(rebuilt, thinned);
                }
            }
        }
        for added in merged(std::iter::empty(), rows, expunged) {
            out.push(added, false);
        }
        Self::assemble(out.chunks, state)
    }

    pub(crate) fn state(&self) -> MailboxState {
        MailboxState {
            keywords: self.keywords.clone(),
            uid_next: self.uid_next,
            highest_modseq: self.highest_modseq,
        }
    }

    pub(crate) fn chunks(&self) -> &[Arc<Chunk>] {
        &self.chunks
    }

    /// Chunks with the number of messages before each.
    pub(crate) fn numbered_chunks(&self) -> impl Iterator<Item = (u32, &Chunk)> {
        self.before
            .iter()
            .copied()
            .zip(self.chunks.iter().map(|chunk| &**chunk))
    }

    /// EXISTS.
    pub fn len(&self) -> u32 {
        self.before.last().copied().unwrap_or(0)
    }

    /// Whether there are no messages.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// In bit order.
    pub fn keywords(&self) -> &Keywords {
        &self.keywords
    }

    /// UIDNEXT.
    pub fn uid_next(&self) -> u64 {
        self.uid_next
    }

    /// HIGHESTMODSEQ.
    pub fn highest_modseq(&self) -> u64 {
        self.highest_modseq
    }

    /// Messages without \Seen.
    pub fn unseen(&self) -> u64 {
        self.unseen
    }

    /// Messages with \Deleted.
    pub fn deleted(&self) -> u64 {
        self.deleted
    }

    /// Sum of RFC822.SIZE.
    pub fn size_octets(&self) -> u64 {
        self.size_octets
    }

    /// Memory held, chunks that are shared with other states included.
    pub fn memory_octets(&self) -> usize {
        size_of::<Self>()
            + self
                .chunks
                .iter()
                .map(|chunk| chunk.octets() + size_of::<(Arc<Chunk>, u32)>())
                .sum::<usize>()
    }

    /// The UID of the last message.
    pub fn last_uid(&self) -> Option<u32> {
        self.chunks.last().map(|chunk| chunk.last())
    }

    /// How many messages have a UID below `uid`: the position, from 0, of the first that has not.
    pub(crate) fn position(&self, uid: u32) -> u32 {
        let index = self.chunks.partition_point(|chunk| chunk.last() < uid);
        let within = self
            .chunks
            .get(index)
            .map_or(0, |chunk| chunk.lower_bound(uid) as u32);
        self.before[index] + within
    }

    /// The number of the chunk of a position from 0, and the index in it; beyond the last chunk at the end.
    pub(crate) fn place(&self, position: u32) -> (usize, usize) {
        let chunk = self.before.partition_point(|&before| before <= position) - 1;
        (chunk, (position - self.before[chunk]) as usize)
    }

    /// The chunk of a position from 0, and the index in it; None at the end and beyond.
    pub(crate) fn at(&self, position: u32) -> Option<(&Chunk, usize)> {
        let (number, index) = self.place(position);
        self.chunks.get(number).map(|chunk| (&**chunk, index))
    }

    fn find(&self, uid: u32) -> Option<(&Chunk, usize)> {
        let chunk = self
            .chunks
            .get(self.chunks.partition_point(|chunk| chunk.last() < uid))?;
        chunk.find(uid).map(|index| (&**chunk, index))
    }

    /// The sequence number of a message; None when it is not here.
    pub fn seq(&self, uid: u32) -> Option<u32> {
        let position = self.position(uid);
        let (chunk, index) = self.at(position)?;
        (chunk.fixed.uids[index] == uid).then_some(position + 1)
    }

    /// The message with this UID.
    pub fn row(&self, uid: u32) -> Option<Row> {
        self.find(uid).map(|(chunk, index)| chunk.row(index))
    }
}

/// Chunks in the making: neighbours that became sparse are put together.
struct Assembly {
    chunks: Vec<Arc<Chunk>>,
    /// Whether the last chunk has lost messages.
    thinned: bool,
}

impl Assembly {
    fn push(&mut self, chunk: Arc<Chunk>, thinned: bool) {
        match self.chunks.last_mut() {
            Some(last) if (thinned || self.thinned) && last.len() + chunk.len() <= SPARSE => {
                let mut filler = Filler::default();
                for row in last.rows().chain(chunk.rows()) {
                    filler.push(&row);
                }
                self.chunks.pop();
                self.chunks.extend(filler.finish());
                self.thinned = true;
            }
            _ => {
                self.chunks.push(chunk);
                self.thinned = thinned;
            }
        }
    }
}

/// Old rows with the new ones added or put in their place, without those expunged. All ascending.
fn merged(old: impl Iterator<Item = Row>, new: &[Row], expunged: &UidSet) -> Vec<Arc<Chunk>> {
    let mut filler = Filler::default();
    let mut keep = |row: &Row| {
        if !expunged.contains(row.uid) {
            filler.push(row);
        }
    };
    let mut new = new.iter().peekable();
    for row in old {
        while let Some(earlier) = new.next_if(|other| other.uid < row.uid) {
            keep(earlier);
        }
        keep(new.next_if(|other| other.uid == row.uid).unwrap_or(&row));
    }
    new.for_each(keep);
    filler.finish()
}

/// All rows by ascending UID, the last of each.
fn sorted_rows(blocks: &[&[u8]]) -> Result<Vec<Row>, BadRow> {
    let mut rows: Vec<Row> = Vec::new();
    for (number, block) in blocks.iter().enumerate() {
        read_block(number, block, |row| {
            rows.push(row);
            Ok(())
        })?;
    }
    if !rows.is_sorted_by(|a, b| a.uid < b.uid) {
        rows.sort_by_key(|row| row.uid);
        rows.reverse();
        rows.dedup_by_key(|row| row.uid);
        rows.reverse();
    }
    Ok(rows)
}
