//! What a client must be told: two states in, untagged responses and the client's new view out.

use std::sync::Arc;

use crate::chunk::Chunk;
use crate::digits;
use crate::flags::FlagWriter;
use crate::row::Row;
use crate::snapshot::Snapshot;
use crate::uid_set::UidSet;

/// How a client wants to be told.
#[derive(Debug, Clone, Copy, Default)]
pub struct Telling<'a> {
    /// EXPUNGE may be announced now (RFC 9051 §7.5.1).
    pub expunge: bool,
    /// FETCH responses carry UID.
    pub uid: bool,
    /// FETCH responses carry MODSEQ (CONDSTORE is on).
    pub modseq: bool,
    /// VANISHED instead of EXPUNGE (QRESYNC is on).
    pub vanished: bool,
    /// Messages with this UID or a greater one are \Recent to this session.
    pub recent_from: u32,
    /// Neither RECENT nor \Recent (RFC 9051 Appendix E).
    pub rev2: bool,
    /// UIDFETCH instead of FETCH; goes with `vanished` (RFC 9586).
    pub uid_only: bool,
    /// Messages whose change the client made itself and does not want to hear of.
    pub silent: Option<&'a UidSet>,
}

/// What a FETCH response with flags carries beside them.
#[derive(Debug, Clone, Copy)]
pub struct FlagItems {
    /// UID
    pub uid: bool,
    /// MODSEQ
    pub modseq: bool,
    /// From this UID on \Recent is shown; never when `rev2`.
    pub recent_from: u32,
    /// IMAP4rev2 knows no \Recent.
    pub rev2: bool,
    /// `* uid UIDFETCH (…)` (RFC 9586 §3.3)
    pub uid_only: bool,
}

/// Writes `* n FETCH (…)` for messages of one mailbox.
struct FetchLines {
    octets: Vec<u8>,
    flags: FlagWriter,
    items: FlagItems,
}

impl FetchLines {
    /// with_flags: else MODSEQ alone, which a client that stored with .SILENT still needs (RFC 7162 §3.1.3).
    fn write(&mut self, seq: u32, uid: u32, flags: u64, modseq: u64, with_flags: bool) {
        let out = &mut self.octets;
        if self.items.uid_only {
            begin_uid_fetch(out, uid);
        } else {
            out.extend_from_slice(b"* ");
            digits::push(out, u64::from(seq));
            out.extend_from_slice(b" FETCH (");
        }
        if self.items.uid && !self.items.uid_only {
            out.extend_from_slice(b"UID ");
            digits::push(out, u64::from(uid));
            out.push(b' ');
        }
        if with_flags {
            out.extend_from_slice(b"FLAGS ");
            self.flags.write(
                out,
                flags,
                !self.items.rev2 && uid >= self.items.recent_from,
            );
            out.extend_from_slice(if self.items.modseq { b" " } else { b"" });
        }
        if self.items.modseq {
            out.extend_from_slice(b"MODSEQ (");
            digits::push(out, modseq);
            out.push(b')');
        }
        out.extend_from_slice(b")\r\n");
    }
}

/// The walk over the old view and the new state, side by side.
struct Walk<'a> {
    telling: Telling<'a>,
    lines: FetchLines,
    /// The sequence number of the last message in the view that results.
    seq: u32,
    gone: UidSet,
    /// Rows of those gone, when they stay in the view.
    kept: Vec<Row>,
    added: bool,
}

impl Walk<'_> {
    fn both(&mut self, old: &Chunk, at_old: usize, new: &Chunk, at_new: usize) {
        self.seq += 1;
        let (flags, modseq) = (new.flags[at_new], new.modseqs[at_new]);
        let same_modseq = !self.telling.modseq || modseq == old.modseqs[at_old];
        if same_modseq && flags == old.flags[at_old] {
            return;
        }
        let uid = new.fixed.uids[at_new];
        let silent = self
            .telling
            .silent
            .is_some_and(|silent| silent.contains(uid));
        if !silent || self.telling.modseq {
            self.lines.write(self.seq, uid, flags, modseq, !silent);
        }
    }

    fn gone(&mut self, old: &Chunk, index: usize) {
        self.gone.push(old.fixed.uids[index]);
        if !self.telling.expunge {
            self.seq += 1;
            self.kept.push(old.row(index));
        }
    }

    fn added(&mut self, messages: usize) {
        self.seq += messages as u32;
        self.added |= messages > 0;
    }
}

impl Snapshot {
    /// What the client that knows `self` must be told to know `new`, and what it then knows.
    ///
    /// Order: EXPUNGE (the greatest number first, so that no number shifts) or VANISHED, EXISTS, RECENT, FETCH.
    /// Untouched chunks are skipped by identity. Where EXPUNGE may not be announced, messages that are gone stay in
    /// the view that is returned. Relies on new messages having greater UIDs than all that were ever there (law 2).
    /// Source: RFC 9051 §7.5.1, §7.4.1; RFC 7162 §3.2.
    pub fn advance(
        self: &Arc<Self>,
        new: &Arc<Self>,
        telling: Telling<'_>,
    ) -> (Arc<Self>, Vec<u8>) {
        if Arc::ptr_eq(self, new) {
            return (Arc::clone(new), Vec::new());
        }
        let items = FlagItems {
            uid: telling.uid,
            modseq: telling.modseq,
            recent_from: telling.recent_from,
            rev2: telling.rev2,
            uid_only: telling.uid_only,
        };
        let mut walk = Walk {
            telling,
            lines: FetchLines {
                octets: Vec::new(),
                flags: FlagWriter::new(new.keywords().clone()),
                items,
            },
            seq: 0,
            gone: UidSet::new(),
            kept: Vec::new(),
            added: false,
        };
        self.compare(new, &mut walk);
        let view = if walk.kept.is_empty() {
            Arc::clone(new)
        } else {
            Arc::new(new.changed(&walk.kept, &UidSet::new(), new.state()))
        };
        let mut octets = Vec::new();
        if telling.expunge && !walk.gone.is_empty() {
            self.write_expunges(&mut octets, &walk.gone, telling.vanished);
        }
        let recent = |snapshot: &Self| snapshot.recent_count(telling.recent_from);
        if walk.added {
            number_line(&mut octets, view.len(), b" EXISTS\r\n");
        }
        if !telling.rev2 && (walk.added || recent(self) != recent(&view)) {
            number_line(&mut octets, recent(&view), b" RECENT\r\n");
        }
        octets.append(&mut walk.lines.octets);
        (view, octets)
    }

    fn compare(&self, new: &Self, walk: &mut Walk<'_>) {
        let (mut olds, mut news) = (self.chunks(), new.chunks());
        let (mut at_old, mut at_new) = (0, 0);
        while let (Some(old), Some(added)) = (olds.first(), news.first()) {
            if at_old == 0 && at_new == 0 {
                let same = Arc::ptr_eq(old, added);
                if same || Arc::ptr_eq(&old.fixed, &added.fixed) {
                    if same {
                        walk.seq += old.len() as u32;
                    } else {
                        (0..old.len()).for_each(|index| walk.both(old, index, added, index));
                    }
                    (olds, news) = (&olds[1..], &news[1..]);
                    continue;
                }
            }
            while at_old < old.len() && at_new < added.len() {
                match old.fixed.uids[at_old].cmp(&added.fixed.uids[at_new]) {
                    std::cmp::Ordering::Equal => {
                        walk.both(old, at_old, added, at_new);
                        at_old += 1;
                        at_new += 1;
                    }
                    std::cmp::Ordering::Less => {
                        walk.gone(old, at_old);
                        at_old += 1;
                    }
                    std::cmp::Ordering::Greater => {
                        walk.added(1);
                        at_new += 1;
                    }
                }
            }
            if at_old == old.len() {
                (olds, at_old) = (&olds[1..], 0);
            }
            if at_new == added.len() {
                (news, at_new) = (&news[1..], 0);
            }
        }
        for old in olds {
            (std::mem::take(&mut at_old)..old.len()).for_each(|index| walk.gone(old, index));
        }
        for added in news {
            walk.added(added.len() - std::mem::take(&mut at_new));
        }
    }

    fn write_expunges(&self, octets: &mut Vec<u8>, gone: &UidSet, vanished: bool) {
        if vanished {
            octets.extend_from_slice(b"* VANISHED ");
            gone.write(octets);
            octets.extend_from_slice(b"\r\n");
            return;
        }
        for &(low, high) in self.seqs(gone).ranges().iter().rev() {
            for seq in (low..=high).rev() {
                number_line(octets, seq, b" EXPUNGE\r\n");
            }
        }
    }

    /// Untagged FETCH responses with FLAGS of these messages; UIDs that are not here are skipped.
    pub fn fetch_flags(&self, uids: &UidSet, items: FlagItems) -> Vec<u8> {
        let mut lines = FetchLines {
            octets: Vec::new(),
            flags: FlagWriter::new(self.keywords().clone()),
            items,
        };
        self.visit(uids, |chunk, range| {
            let mut seq = self.position(chunk.fixed.uids[range.start]);
            for index in range {
                seq += 1;
                lines.write(
                    seq,
                    chunk.fixed.uids[index],
                    chunk.flags[index],
                    chunk.modseqs[index],
                    true,
                );
            }
        });
        lines.octets
    }
}

/// `uidfetch-resp = uniqueid SP "UIDFETCH" SP msg-att` (RFC 9586 §4), up to its first item: its number is the UID.
pub(crate) fn begin_uid_fetch(out: &mut Vec<u8>, uid: u32) {
    out.extend_from_slice(b"* ");
    digits::push(out, u64::from(uid));
    out.extend_from_slice(b" UIDFETCH (");
}

fn number_line(octets: &mut Vec<u8>, number: u32, rest: &[u8]) {
    octets.extend_from_slice(b"* ");
    digits::push(octets, u64::from(number));
    octets.extend_from_slice(rest);
}
