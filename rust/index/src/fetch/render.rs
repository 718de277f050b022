//! One message's FETCH response.

use std::collections::HashMap;
use std::ops::Range;

use lightmail_imap::encode;
use lightmail_imap::fetch::Partial;
use lightmail_mime::parts::{Leaf, Parts, Transfer, What};
use lightmail_mime::structure::body_from_bodystructure;

use super::plan::{Item, Plan, Source};
use super::run::{FetchOptions, Piece};
use super::slot::BodySlot;
use crate::advance::begin_uid_fetch;
use crate::dates::DateWriter;
use crate::digits;
use crate::flags::FlagWriter;
use crate::header_index::HeaderIndex;
use crate::object_id::{push_email_id, thread_id};
use crate::summaries::Summary;
use crate::walk::Message;

/// Octets that were read for rendering: by body and first octet.
pub(super) type Offered = HashMap<(u64, u64), Vec<u8>>;

/// The response in the making.
#[derive(Debug, Default)]
pub(super) struct Output {
    pieces: Vec<Piece>,
    pub octets: Vec<u8>,
    /// Octets in `pieces`, slots not counted.
    before: usize,
    scratch: Vec<u8>,
    /// Contents alone, without what says how long they are.
    bare: bool,
    /// Something that was asked for does not exist.
    absent: bool,
}

impl Output {
    pub fn with_capacity(octets: usize) -> Self {
        Self {
            octets: Vec::with_capacity(octets),
            ..Self::default()
        }
    }

    /// Octets so far, slots not counted.
    pub fn len(&self) -> usize {
        self.before + self.octets.len()
    }

    fn slot(&mut self, slot: BodySlot) {
        self.before += self.octets.len();
        self.pieces
            .push(Piece::Octets(std::mem::take(&mut self.octets)));
        self.pieces.push(Piece::Slot(slot));
    }

    pub fn finish(mut self) -> Vec<Piece> {
        if !self.octets.is_empty() {
            self.pieces.push(Piece::Octets(self.octets));
        }
        self.pieces
    }

    fn literal(&mut self, octets: u64, binary: bool) {
        if self.bare {
            return;
        }
        self.octets
            .extend_from_slice(if binary { b"~{" } else { b"{" });
        digits::push(&mut self.octets, octets);
        self.octets.extend_from_slice(b"}\r\n");
    }

    /// A literal whose octets are here.
    fn inline(&mut self, content: &[u8], partial: Option<Partial>) {
        let (start, octets) = clip(content.len() as u64, partial);
        self.literal(octets, false);
        self.octets
            .extend_from_slice(&content[start as usize..(start + octets) as usize]);
    }

    fn nil(&mut self) {
        self.absent = true;
        if !self.bare {
            self.octets.extend_from_slice(b"NIL");
        }
    }

    fn number(&mut self, name: &[u8], number: u64) {
        self.octets.extend_from_slice(name);
        digits::push(&mut self.octets, number);
    }
}

/// Why a message cannot be rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// Its summary or octets of it are missing.
    Missing,
    /// BINARY of an encoding that nobody can undo.
    UnknownEncoding,
}

/// What is known of a message beside its columns.
pub(super) struct Known<'a> {
    pub summary: Option<&'a Summary>,
    pub parts: Option<Parts>,
    pub offered: &'a Offered,
}

impl Known<'_> {
    /// The header of a message within the message: None when there is no such part, Err with what must be read.
    pub fn inner_header(&self, body_id: u64, numbers: &[u32]) -> Result<Option<&[u8]>, Range<u64>> {
        let Some(range) = self.range(numbers, What::Header) else {
            return Ok(None);
        };
        match self.offered.get(&(body_id, range.start)) {
            Some(octets) => Ok(Some(octets)),
            None => Err(range),
        }
    }

    fn range(&self, numbers: &[u32], what: What) -> Option<Range<u64>> {
        self.parts
            .as_ref()
            .and_then(|parts| parts.locate(numbers, what))
    }

    fn leaf(&self, numbers: &[u32]) -> Option<Leaf> {
        self.parts.as_ref().and_then(|parts| parts.leaf(numbers))
    }
}

/// Writes responses, one message after the other.
#[derive(Debug)]
pub(super) struct Renderer {
    pub plan: Plan,
    pub options: FetchOptions,
    pub flags: FlagWriter,
    pub dates: DateWriter,
}

impl Renderer {
    /// Whether all that this message takes is here; to be asked before anything of it is written.
    pub fn obstacle(&self, message: Message<'_>, known: &Known<'_>) -> Option<Obstacle> {
        self.plan.items.iter().find_map(|item| match item {
            Item::Octets {
                source: Source::InnerFields { numbers, .. },
                ..
            } => known
                .inner_header(message.body_id(), numbers)
                .err()
                .map(|_| Obstacle::Missing),
            Item::Binary { numbers, .. } | Item::BinarySize { numbers, .. } => known
                .leaf(numbers)
                .filter(|leaf| leaf.transfer == Transfer::Unknown)
                .map(|_| Obstacle::UnknownEncoding),
            _ => None,
        })
    }

    /// `* n FETCH (…)`
    pub fn write(&mut self, message: Message<'_>, known: &Known<'_>, out: &mut Output) {
        let uid = message.uid();
        let mut opening: &[u8] = b" FETCH (";
        if self.options.uid_only {
            begin_uid_fetch(&mut out.octets, uid);
            opening = b"";
        } else {
            out.octets.extend_from_slice(b"* ");
            out.number(b"", u64::from(message.seq));
        }
        if self.options.uid && !self.plan.has_uid && !self.options.uid_only {
            out.octets.extend_from_slice(opening);
            out.number(b"UID ", u64::from(uid));
            opening = b" ";
        }
        // Which flags are set is told before bodies that may take long.
        let seen_now = || {
            self.options
                .flags_for
                .as_ref()
                .is_some_and(|uids| uids.contains(uid))
        };
        if !self.plan.has_flags && seen_now() {
            out.octets.extend_from_slice(opening);
            self.flags(message, out);
            opening = b" ";
        }
        if self.options.modseq && !self.plan.has_modseq {
            out.octets.extend_from_slice(opening);
            modseq(message, out);
            opening = b" ";
        }
        let items = std::mem::take(&mut self.plan.items);
        for item in &items {
            out.octets.extend_from_slice(opening);
            opening = b" ";
            self.item(item, message, known, out);
        }
        self.plan.items = items;
        out.octets.extend_from_slice(b")\r\n");
    }

    fn flags(&mut self, message: Message<'_>, out: &mut Output) {
        let recent = !self.options.rev2 && message.uid() >= self.options.recent_from;
        out.octets.extend_from_slice(b"FLAGS ");
        self.flags.write(&mut out.octets, message.flags(), recent);
    }

    fn item(&mut self, item: &Item, message: Message<'_>, known: &Known<'_>, out: &mut Output) {
        match item {
            Item::Flags => self.flags(message, out),
            Item::Uid => out.number(b"UID ", u64::from(message.uid())),
            Item::InternalDate => {
                out.octets.extend_from_slice(b"INTERNALDATE ");
                let (seconds, zone) = message.internaldate();
                self.dates.write(&mut out.octets, seconds, zone);
            }
            Item::Size => out.number(b"RFC822.SIZE ", message.size()),
            Item::ModSeq => modseq(message, out),
            Item::SaveDate => {
                out.octets.extend_from_slice(b"SAVEDATE ");
                match message.savedate() {
                    0 => out.nil(),
                    seconds => self.dates.write(&mut out.octets, seconds, 0),
                }
            }
            Item::EmailId => {
                out.octets.extend_from_slice(b"EMAILID (");
                push_email_id(message.body_id(), &mut out.octets);
                out.octets.push(b')');
            }
            Item::ThreadId => {
                out.octets.extend_from_slice(b"THREADID ");
                match known.summary {
                    Some(summary) => {
                        let id = thread_id(summary.header(), summary.index(), message.body_id());
                        out.octets.push(b'(');
                        out.octets.extend_from_slice(id.as_bytes());
                        out.octets.push(b')');
                    }
                    None => out.nil(),
                }
            }
            Item::Preview => {
                out.octets.extend_from_slice(b"PREVIEW ");
                let text = known.summary.map_or(&b""[..], Summary::preview);
                let utf8 = self.options.utf8 || self.options.rev2;
                encode::quoted(text, utf8, &mut out.octets);
            }
            Item::Envelope => {
                out.octets.extend_from_slice(b"ENVELOPE ");
                out.octets
                    .extend_from_slice(known.summary.map_or(b"NIL", Summary::envelope));
            }
            Item::BodyStructure => {
                out.octets.extend_from_slice(b"BODYSTRUCTURE ");
                out.octets
                    .extend_from_slice(known.summary.map_or(b"NIL", Summary::bodystructure));
            }
            Item::Body => {
                out.octets.extend_from_slice(b"BODY ");
                let structure = known.summary.map_or(&b"NIL"[..], Summary::bodystructure);
                out.octets.append(&mut body_from_bodystructure(structure));
            }
            Item::Octets {
                label,
                source,
                partial,
            } => {
                out.octets.extend_from_slice(label);
                octets(message, source, *partial, known, out);
            }
            Item::Binary {
                label,
                numbers,
                partial,
            } => {
                out.octets.extend_from_slice(label);
                binary(message, known.leaf(numbers), *partial, out);
            }
            Item::BinarySize { label, numbers } => {
                out.number(
                    label,
                    known.leaf(numbers).map_or(0, |leaf| leaf.decoded_octets),
                );
            }
        }
    }
}

impl Renderer {
    /// The octets of the sections asked for, one behind the other; None when one of them does not exist.
    pub fn contents(&self, message: Message<'_>, known: &Known<'_>) -> Option<Vec<Piece>> {
        let mut out = Output {
            bare: true,
            ..Output::default()
        };
        for item in &self.plan.items {
            if let Item::Octets {
                source, partial, ..
            } = item
            {
                octets(message, source, *partial, known, &mut out);
            }
        }
        (!out.absent).then(|| out.finish())
    }
}

fn modseq(message: Message<'_>, out: &mut Output) {
    out.number(b"MODSEQ (", message.modseq());
    out.octets.push(b')');
}

/// The part of `octets` octets that is wanted, as first octet and count; beyond the end nothing is.
fn clip(octets: u64, partial: Option<Partial>) -> (u64, u64) {
    partial.map_or((0, octets), |partial| {
        let start = partial.start.min(octets);
        (start, partial.octets.min(octets - start))
    })
}

fn octets(
    message: Message<'_>,
    source: &Source,
    partial: Option<Partial>,
    known: &Known<'_>,
    out: &mut Output,
) {
    let range = match source {
        Source::Whole => Some(0..message.size()),
        Source::Header => {
            return out.inline(known.summary.map_or(b"", Summary::header), partial);
        }
        Source::Fields(names) => {
            return fields(known.summary, partial, out, |summary, passed| {
                names.apply(summary.header(), summary.index(), passed);
            });
        }
        // Err cannot be: the message would have been an obstacle.
        Source::InnerFields { numbers, names } => {
            let header = known.inner_header(message.body_id(), numbers);
            return fields(header.ok().flatten(), partial, out, |header, passed| {
                names.apply(header, &HeaderIndex::new(header), passed);
            });
        }
        Source::Part { numbers, what } => known.range(numbers, *what),
    };
    // A part that is not there is NIL, as the field's servers have it; its name may still be asked for (RFC 9051 §9
    // `nstring`).
    let Some(range) = range else { return out.nil() };
    let (start, octets) = clip(range.end - range.start, partial);
    out.literal(octets, false);
    if octets > 0 {
        out.slot(BodySlot {
            uid: message.uid(),
            body_id: message.body_id(),
            start: range.start + start,
            raw_octets: octets,
            octets,
            decode: Transfer::Identity,
            skip: 0,
        });
    }
}

/// "A substring fetch of HEADER.FIELDS is calculated after subsetting the header" (RFC 9051 §6.4.5).
fn fields<H>(
    header: Option<H>,
    partial: Option<Partial>,
    out: &mut Output,
    filter: impl FnOnce(H, &mut Vec<u8>),
) {
    let Some(header) = header else {
        return out.nil();
    };
    // The count comes first on the wire.
    let mut passed = std::mem::take(&mut out.scratch);
    filter(header, &mut passed);
    out.inline(&passed, partial);
    passed.clear();
    out.scratch = passed;
}

fn binary(message: Message<'_>, leaf: Option<Leaf>, partial: Option<Partial>, out: &mut Output) {
    let Some(leaf) = leaf else { return out.nil() };
    let (start, octets) = clip(leaf.decoded_octets, partial);
    // Text goes as a `string`; what may hold NUL as a literal8 (RFC 3516 §4.3). Text in base64 may be UTF-16.
    out.literal(octets, !(leaf.is_text && leaf.transfer != Transfer::Base64));
    if octets == 0 {
        return;
    }
    let identity = leaf.transfer == Transfer::Identity;
    let raw = leaf.range.end - leaf.range.start;
    out.slot(BodySlot {
        uid: message.uid(),
        body_id: message.body_id(),
        start: leaf.range.start + if identity { start } else { 0 },
        raw_octets: if identity { octets } else { raw },
        octets,
        decode: leaf.transfer,
        skip: if identity { 0 } else { start },
    });
}
