//! The stored form to raw octets: the seek table, ranges, frames.

use std::cell::RefCell;
use std::fmt;
use std::io::Cursor;
use std::ops::Range;

use zstd::bulk::Decompressor;

use crate::crypt::{Cipher, Part, CHECK_OCTETS, SALT_OCTETS, TAG_OCTETS};
use crate::{
    KeyError, Keyring, ENCRYPTED, ENCRYPTION_OCTETS, FOOTER_MAGIC, FOOTER_OCTETS, HAS_CHECKSUMS,
    MAX_FRAME_OCTETS, TABLE_HEADER_OCTETS, TABLE_MAGIC,
};

/// Why a stored body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayoutError {
    /// It is damaged, or no stored body; says where it showed.
    Corrupt(&'static str),
    /// The seek table is longer than the tail given: this many octets are needed.
    NeedTail(u64),
    /// It is encrypted, and the key is not at hand. Nothing is known to be wrong with it.
    Key(KeyError),
}

impl From<KeyError> for LayoutError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt(what) => write!(f, "corrupt body: {what}"),
            Self::NeedTail(octets) => write!(f, "the last {octets} octets are needed"),
            Self::Key(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for LayoutError {}

fn corrupt<T>(what: &'static str) -> Result<T, LayoutError> {
    Err(LayoutError::Corrupt(what))
}

/// The seek table of a stored body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Where each frame ends, in the stored form and in the body.
    ends: Vec<(u64, u64)>,
    cipher: Option<Cipher>,
}

impl Layout {
    /// Reads the seek table from the last octets of a stored body that has `stored_octets` in all, and is not encrypted.
    pub fn parse(tail: &[u8], stored_octets: u64) -> Result<Self, LayoutError> {
        Self::parse_as(tail, stored_octets, "", &Keyring::none())
    }

    /// The same of a stored body that has this object key, which tells by which key it is encrypted, if it is.
    ///
    /// Nothing the table says is believed before it fits: the frames it lists must fill the stored form exactly. That of
    /// a body that is encrypted is the one that was written.
    pub fn parse_as(
        tail: &[u8],
        stored_octets: u64,
        object_key: &str,
        keyring: &Keyring,
    ) -> Result<Self, LayoutError> {
        if tail.len() as u64 > stored_octets {
            return corrupt("longer than it should be");
        }
        let Some((rest, footer)) = tail.split_last_chunk::<FOOTER_OCTETS>() else {
            return if tail.len() as u64 == stored_octets {
                corrupt("shorter than its footer")
            } else {
                Err(LayoutError::NeedTail(
                    stored_octets.min(crate::TAIL_OCTETS as u64),
                ))
            };
        };
        if number(&footer[5..]) != FOOTER_MAGIC {
            return corrupt("no footer");
        }
        let frames = number(&footer[..4]) as usize;
        let (entry_octets, extra_octets) = match footer[4] {
            0 => (8, 0),
            HAS_CHECKSUMS => (12, 0),
            ENCRYPTED => (8, ENCRYPTION_OCTETS),
            _ => return corrupt("unknown descriptor"),
        };
        // 2^32 frames of 12 octets do not overflow 64 bits.
        let entries_octets = frames as u64 * entry_octets as u64 + extra_octets as u64;
        let table_octets = entries_octets + (TABLE_HEADER_OCTETS + FOOTER_OCTETS) as u64;
        if table_octets > stored_octets {
            return corrupt("table longer than the body");
        }
        if table_octets > tail.len() as u64 {
            return Err(LayoutError::NeedTail(table_octets));
        }
        let table = &rest[tail.len() - table_octets as usize..];
        let (header, entries) = table.split_at(TABLE_HEADER_OCTETS);
        let table_length = entries_octets + FOOTER_OCTETS as u64;
        if number(header) != TABLE_MAGIC || u64::from(number(&header[4..])) != table_length {
            return corrupt("no table");
        }
        let (entries, encryption) = entries.split_at(entries.len() - extra_octets);
        let cipher = match (keyring.named(object_key)?, extra_octets) {
            (None, 0) => None,
            (None, _) => return corrupt("encrypted, and its name tells no key"),
            (Some(_), 0) => return corrupt("not encrypted, as its name says it is"),
            (Some(key), _) => {
                let (check, rest) = encryption.split_at(CHECK_OCTETS);
                if check != key.check() {
                    return Err(KeyError::Other(key.id.to_owned()).into());
                }
                let (salt, tag) = rest.split_at(SALT_OCTETS);
                let salt = salt.first_chunk().copied().unwrap_or_default();
                let cipher = key.cipher(object_key, salt);
                let tagged = [&table[..table.len() - TAG_OCTETS], footer].concat();
                if cipher.ready().check(&tagged, tag).is_err() {
                    return corrupt("another seek table than was written");
                }
                Some(cipher)
            }
        };
        let mut ends = Vec::with_capacity(frames);
        let (mut stored, mut raw) = (0u64, 0u64);
        for entry in entries.chunks_exact(entry_octets) {
            let (frame_stored, frame_raw) = (number(entry), number(&entry[4..]));
            if frame_stored == 0 || frame_raw == 0 || frame_raw as usize > MAX_FRAME_OCTETS {
                return corrupt("impossible frame");
            }
            stored += u64::from(frame_stored);
            raw += u64::from(frame_raw);
            ends.push((stored, raw));
        }
        if stored + table_octets != stored_octets {
            return corrupt("frames do not fill the body");
        }
        Ok(Self { ends, cipher })
    }

    /// Octets of the body.
    pub fn raw_octets(&self) -> u64 {
        self.ends.last().map_or(0, |(_, raw)| *raw)
    }

    /// The stored range that covers a raw range; empty when that lies beyond the end.
    pub fn read_plan(&self, raw: &Range<u64>) -> Range<u64> {
        let frames = self.frames(raw);
        let start = self.start(frames.start).0;
        let end = self.start(frames.end).0;
        start..end.max(start)
    }

    /// Appends the raw range, as far as the body goes.
    ///
    /// stored: the octets from `stored_start` on; they must cover what [`Layout::read_plan`] named.
    pub fn decode(
        &self,
        stored: &[u8],
        stored_start: u64,
        raw: &Range<u64>,
        out: &mut Vec<u8>,
    ) -> Result<(), LayoutError> {
        let mut scratch = Vec::new();
        let mut opened = Vec::new();
        let cipher = self.cipher.as_ref().map(Cipher::ready);
        for frame in self.frames(raw) {
            let (from, begin) = self.start(frame);
            let (to, end) = self.ends[frame];
            let octets = from
                .checked_sub(stored_start)
                .zip(to.checked_sub(stored_start))
                .and_then(|(from, to)| stored.get(from as usize..to as usize));
            let Some(octets) = octets else {
                return corrupt("octets missing");
            };
            let octets = match &cipher {
                None => octets,
                Some(cipher) => {
                    let part = Part::Frame {
                        number: frame as u64,
                        last: frame + 1 == self.ends.len(),
                    };
                    if cipher.open(part, octets, &mut opened).is_err() {
                        return corrupt("another frame than was written");
                    }
                    &opened
                }
            };
            let frame_octets = (end - begin) as usize;
            if raw.start <= begin && raw.end >= end {
                decompress(octets, frame_octets, out)?;
            } else {
                scratch.clear();
                decompress(octets, frame_octets, &mut scratch)?;
                let from = raw.start.saturating_sub(begin) as usize;
                let to = (raw.end.min(end) - begin) as usize;
                out.extend_from_slice(&scratch[from..to]);
            }
        }
        Ok(())
    }

    /// The frames that a raw range touches.
    fn frames(&self, raw: &Range<u64>) -> Range<usize> {
        if raw.is_empty() {
            return 0..0;
        }
        let first = self.ends.partition_point(|(_, end)| *end <= raw.start);
        let last = self.ends.partition_point(|(_, end)| *end < raw.end);
        first..(last + 1).min(self.ends.len()).max(first)
    }

    /// Where a frame begins, in the stored form and in the body.
    fn start(&self, frame: usize) -> (u64, u64) {
        match frame.checked_sub(1) {
            None => (0, 0),
            Some(before) => self.ends[before],
        }
    }
}

/// A whole stored body that is not encrypted to raw octets.
pub fn decode_all(stored: &[u8]) -> Result<Vec<u8>, LayoutError> {
    decode_all_as(stored, "", &Keyring::none())
}

/// A whole stored body that has this object key to raw octets.
pub fn decode_all_as(
    stored: &[u8],
    object_key: &str,
    keyring: &Keyring,
) -> Result<Vec<u8>, LayoutError> {
    let layout = Layout::parse_as(stored, stored.len() as u64, object_key, keyring)?;
    // The table may promise more than there is: at most what the largest frame takes is reserved before it is read.
    let mut out = Vec::with_capacity(layout.raw_octets().min(MAX_FRAME_OCTETS as u64) as usize);
    layout.decode(stored, 0, &(0..layout.raw_octets()), &mut out)?;
    Ok(out)
}

/// The first four octets as a number; the callers hand over at least four.
fn number(octets: &[u8]) -> u32 {
    octets
        .first_chunk()
        .map_or(0, |octets| u32::from_le_bytes(*octets))
}

thread_local! {
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

fn decompress(frame: &[u8], raw_octets: usize, out: &mut Vec<u8>) -> Result<(), LayoutError> {
    DECOMPRESSOR.with_borrow_mut(|kept| {
        let decompressor = match kept {
            Some(decompressor) => decompressor,
            None => match Decompressor::new() {
                Ok(decompressor) => kept.insert(decompressor),
                Err(_) => return corrupt("no memory to read it"),
            },
        };
        let begin = out.len();
        out.reserve(raw_octets);
        let mut target = Cursor::new(&mut *out);
        target.set_position(begin as u64);
        match decompressor.decompress_to_buffer(frame, &mut target) {
            Ok(octets) if octets == raw_octets => Ok(()),
            _ => corrupt("damaged frame"),
        }
    })
}
