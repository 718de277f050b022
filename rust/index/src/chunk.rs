//! About a thousand messages in columns. What never changes of a message is shared between the states of a chunk.

use std::sync::Arc;

use crate::flags::{DELETED, SEEN};
use crate::row::Row;

/// Messages in a full chunk.
pub(crate) const CHUNK: usize = 1024;
/// Neighbours that together have no more than this are put together when one of them loses messages.
pub(crate) const SPARSE: usize = CHUNK / 2;

/// The columns that never change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fixed {
    pub uids: Vec<u32>,
    /// The same as ranges; nearly always few.
    pub ranges: Vec<(u32, u32)>,
    pub sizes: Vec<u64>,
    pub body_ids: Vec<u64>,
    pub internaldates: Vec<i64>,
    pub internaldate_zones: Vec<i16>,
    pub savedates: Vec<i64>,
    pub sent_dates: Vec<i64>,
    pub sent_zones: Vec<i16>,
    pub size_octets: u64,
}

impl Fixed {
    fn push(&mut self, row: &Row) {
        match self.ranges.last_mut() {
            Some(last) if row.uid - 1 == last.1 => last.1 = row.uid,
            _ => self.ranges.push((row.uid, row.uid)),
        }
        self.uids.push(row.uid);
        self.sizes.push(row.size);
        self.body_ids.push(row.body_id);
        self.internaldates.push(row.internaldate);
        self.internaldate_zones.push(row.internaldate_zone);
        self.savedates.push(row.savedate);
        self.sent_dates.push(row.sent_date);
        self.sent_zones.push(row.sent_zone);
        self.size_octets = self.size_octets.saturating_add(row.size);
    }

    fn octets(&self) -> usize {
        self.uids.capacity() * 4
            + self.ranges.capacity() * 8
            + (self.sizes.capacity() + self.body_ids.capacity()) * 8
            + (self.internaldates.capacity()
                + self.savedates.capacity()
                + self.sent_dates.capacity())
                * 8
            + (self.internaldate_zones.capacity() + self.sent_zones.capacity()) * 2
    }
}

/// One chunk: never empty, UIDs ascending.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chunk {
    pub fixed: Arc<Fixed>,
    pub flags: Vec<u64>,
    pub modseqs: Vec<u64>,
    pub unseen: u32,
    pub deleted: u32,
    /// Flags that some message has.
    pub any: u64,
    /// Flags that all messages have.
    pub all: u64,
    pub max_modseq: u64,
}

impl Chunk {
    pub fn len(&self) -> usize {
        self.flags.len()
    }

    pub fn first(&self) -> u32 {
        self.fixed.uids.first().copied().unwrap_or(0)
    }

    pub fn last(&self) -> u32 {
        self.fixed.uids.last().copied().unwrap_or(0)
    }

    /// The index of the first message with this UID or a greater one.
    pub fn lower_bound(&self, uid: u32) -> usize {
        match self.fixed.ranges.as_slice() {
            &[(low, _)] => (uid.saturating_sub(low) as usize).min(self.len()),
            _ => self.fixed.uids.partition_point(|&other| other < uid),
        }
    }

    /// The index of the message with this UID.
    pub fn find(&self, uid: u32) -> Option<usize> {
        let index = self.lower_bound(uid);
        (self.fixed.uids.get(index) == Some(&uid)).then_some(index)
    }

    /// The message at `index`, which must be below `len`.
    pub fn row(&self, index: usize) -> Row {
        let fixed = &*self.fixed;
        Row {
            uid: fixed.uids[index],
            size: fixed.sizes[index],
            flags: self.flags[index],
            modseq: self.modseqs[index],
            body_id: fixed.body_ids[index],
            internaldate: fixed.internaldates[index],
            internaldate_zone: fixed.internaldate_zones[index],
            savedate: fixed.savedates[index],
            sent_date: fixed.sent_dates[index],
            sent_zone: fixed.sent_zones[index],
        }
    }

    pub fn rows(&self) -> impl Iterator<Item = Row> + '_ {
        (0..self.len()).map(|index| self.row(index))
    }

    /// The same messages with other flags and MODSEQs; None when `rows` name others, or say else of what never changes.
    ///
    /// rows: ascending.
    pub fn patched(&self, rows: &[Row]) -> Option<Self> {
        let mut patched = Self {
            fixed: Arc::clone(&self.fixed),
            ..Self::default()
        };
        for row in rows {
            let index = self.find(row.uid)?;
            let same = Row {
                flags: row.flags,
                modseq: row.modseq,
                ..self.row(index)
            };
            if same != *row {
                return None;
            }
            if patched.flags.is_empty() {
                patched.flags.clone_from(&self.flags);
                patched.modseqs.clone_from(&self.modseqs);
            }
            patched.flags[index] = row.flags;
            patched.modseqs[index] = row.modseq;
        }
        patched.count();
        Some(patched)
    }

    /// Sets the counters from the columns.
    fn count(&mut self) {
        self.unseen = self
            .flags
            .iter()
            .map(|flags| u32::from(flags & SEEN == 0))
            .sum();
        self.deleted = self
            .flags
            .iter()
            .map(|flags| u32::from(flags & DELETED != 0))
            .sum();
        self.any = self.flags.iter().fold(0, |any, flags| any | flags);
        self.all = self.flags.iter().fold(u64::MAX, |all, flags| all & flags);
        self.max_modseq = self.modseqs.iter().copied().max().unwrap_or(0);
    }

    pub fn octets(&self) -> usize {
        size_of::<Self>()
            + size_of::<Fixed>()
            + self.fixed.octets()
            + (self.flags.capacity() + self.modseqs.capacity()) * 8
    }
}

/// Fills chunks with rows in ascending order.
#[derive(Debug, Default)]
pub(crate) struct Filler {
    fixed: Fixed,
    flags: Vec<u64>,
    modseqs: Vec<u64>,
    full: Vec<Arc<Chunk>>,
}

impl Filler {
    pub fn push(&mut self, row: &Row) {
        if self.flags.len() == CHUNK {
            self.close();
        }
        if self.flags.is_empty() && !self.full.is_empty() {
            // One chunk was full, so this one is likely to be: room for all at once.
            self.reserve();
        }
        self.fixed.push(row);
        self.flags.push(row.flags);
        self.modseqs.push(row.modseq);
    }

    fn reserve(&mut self) {
        let fixed = &mut self.fixed;
        fixed.uids.reserve_exact(CHUNK);
        fixed.sizes.reserve_exact(CHUNK);
        fixed.body_ids.reserve_exact(CHUNK);
        fixed.internaldates.reserve_exact(CHUNK);
        fixed.internaldate_zones.reserve_exact(CHUNK);
        fixed.savedates.reserve_exact(CHUNK);
        fixed.sent_dates.reserve_exact(CHUNK);
        fixed.sent_zones.reserve_exact(CHUNK);
        self.flags.reserve_exact(CHUNK);
        self.modseqs.reserve_exact(CHUNK);
    }

    fn close(&mut self) {
        if self.flags.is_empty() {
            return;
        }
        let mut chunk = Chunk {
            fixed: Arc::new(std::mem::take(&mut self.fixed)),
            flags: std::mem::take(&mut self.flags),
            modseqs: std::mem::take(&mut self.modseqs),
            ..Chunk::default()
        };
        chunk.count();
        self.full.push(Arc::new(chunk));
    }

    pub fn finish(mut self) -> Vec<Arc<Chunk>> {
        self.close();
        self.full
    }
}
