//! Raw octets to the stored form.

use std::cell::RefCell;
use std::fmt;
use std::io::Cursor;

use zstd::bulk::Compressor;

use crate::crypt::{new_salt, Cipher, Part, CHECK_OCTETS, SALT_OCTETS};
use crate::{
    KeyError, Keyring, ENCRYPTED, ENCRYPTION_OCTETS, FOOTER_MAGIC, FOOTER_OCTETS, MAX_FRAME_OCTETS,
    TABLE_MAGIC,
};

/// The compressor or the cipher gave up; only want of memory makes the one, and too much in a frame the other.
#[derive(Debug)]
pub struct CompressError(String);

impl fmt::Display for CompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot encode: {}", self.0)
    }
}

impl std::error::Error for CompressError {}

/// What is known of a stored body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Octets of the body.
    pub raw_octets: u64,
    /// Octets of its stored form.
    pub stored_octets: u64,
    /// blake3-256 of the raw octets.
    pub digest: [u8; 32],
}

/// How a body is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Raw octets of a frame, taken into 1 KiB ..= 16 MiB.
    pub frame_octets: usize,
    /// Of zstd, from 1 to 19.
    pub level: i32,
    /// A frame that would shrink by less is stored as it is: base64 shrinks by 24 %, and is read five times as fast
    /// when it is stored as it is.
    pub min_gain_percent: u8,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            frame_octets: 131_072,
            level: 1,
            min_gain_percent: 5,
        }
    }
}

/// At this level zstd leaves literals as they are: what has no repetitions becomes raw blocks.
const PLAIN_LEVEL: i32 = -1;

/// Raw octets in, stored octets out, in chunks; holds at most one frame.
pub struct Encoder {
    options: Options,
    /// The last frame was not worth compressing: the next most likely is not either.
    plain: bool,
    pending: Vec<u8>,
    hasher: blake3::Hasher,
    table: Vec<(u32, u32)>,
    raw_octets: u64,
    stored_octets: u64,
    encryption: Option<Encryption>,
}

/// What goes into the table is made before the first frame is.
struct Encryption {
    cipher: Cipher,
    check: [u8; CHECK_OCTETS],
    salt: [u8; SALT_OCTETS],
}

impl Encoder {
    /// An encoder before the first octet of a body.
    pub fn new(mut options: Options) -> Self {
        options.frame_octets = options.frame_octets.clamp(1024, MAX_FRAME_OCTETS);
        Self {
            options,
            plain: false,
            pending: Vec::new(),
            hasher: blake3::Hasher::new(),
            table: Vec::new(),
            raw_octets: 0,
            stored_octets: 0,
            encryption: None,
        }
    }

    /// For an object of this key, which tells whether it is encrypted, and how.
    pub fn new_as(options: Options, object_key: &str, keyring: &Keyring) -> Result<Self, KeyError> {
        let mut encoder = Self::new(options);
        if let Some(key) = keyring.named(object_key)? {
            let salt = new_salt()?;
            encoder.encryption = Some(Encryption {
                cipher: key.cipher(object_key, salt),
                check: key.check(),
                salt,
            });
        }
        Ok(encoder)
    }

    /// Takes the next raw octets; appends the stored octets that are ready. A frame waits for what follows it: the last
    /// one is told from the others.
    pub fn feed(&mut self, mut data: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
        self.raw_octets += data.len() as u64;
        if !self.pending.is_empty() {
            let (head, rest) = data.split_at(
                data.len()
                    .min(self.options.frame_octets - self.pending.len()),
            );
            self.pending.extend_from_slice(head);
            data = rest;
            if data.is_empty() {
                return Ok(());
            }
            let mut frame = std::mem::take(&mut self.pending);
            self.frame(&frame, false, out)?;
            frame.clear();
            self.pending = frame;
        }
        while data.len() > self.options.frame_octets {
            let (frame, rest) = data.split_at(self.options.frame_octets);
            self.frame(frame, false, out)?;
            data = rest;
        }
        self.pending.extend_from_slice(data);
        Ok(())
    }

    /// Raw octets fed so far.
    pub fn raw_octets(&self) -> u64 {
        self.raw_octets
    }

    /// Stored octets given so far.
    pub fn stored_octets(&self) -> u64 {
        self.stored_octets
    }

    /// Appends the last frame and the seek table.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<Stored, CompressError> {
        let frame = std::mem::take(&mut self.pending);
        self.last(&frame, out)
    }

    fn last(mut self, frame: &[u8], out: &mut Vec<u8>) -> Result<Stored, CompressError> {
        if !frame.is_empty() {
            self.frame(frame, true, out)?;
        }
        let begin = out.len();
        let entries = self.table.len() as u32;
        let (extra_octets, descriptor) = match self.encryption {
            Some(_) => (ENCRYPTION_OCTETS, ENCRYPTED),
            None => (0, 0),
        };
        let table_octets = entries * 8 + (extra_octets + FOOTER_OCTETS) as u32;
        out.extend_from_slice(&TABLE_MAGIC.to_le_bytes());
        out.extend_from_slice(&table_octets.to_le_bytes());
        for (stored, raw) in &self.table {
            out.extend_from_slice(&stored.to_le_bytes());
            out.extend_from_slice(&raw.to_le_bytes());
        }
        let mut footer = [0; FOOTER_OCTETS];
        footer[..4].copy_from_slice(&entries.to_le_bytes());
        footer[4] = descriptor;
        footer[5..].copy_from_slice(&FOOTER_MAGIC.to_le_bytes());
        if let Some(encryption) = &self.encryption {
            out.extend_from_slice(&encryption.check);
            out.extend_from_slice(&encryption.salt);
            let tagged = [&out[begin..], &footer].concat();
            let tag = encryption.cipher.ready().tag(&tagged);
            out.extend_from_slice(&tag.map_err(|_| refused())?);
        }
        out.extend_from_slice(&footer);
        self.stored_octets += (out.len() - begin) as u64;
        Ok(Stored {
            raw_octets: self.raw_octets,
            stored_octets: self.stored_octets,
            digest: *self.hasher.finalize().as_bytes(),
        })
    }

    /// Whether a frame shrinks enough.
    fn worth(&self, raw: usize, stored: usize) -> bool {
        stored * 100 <= raw * (100 - usize::from(self.options.min_gain_percent.min(100)))
    }

    fn frame(&mut self, raw: &[u8], last: bool, out: &mut Vec<u8>) -> Result<(), CompressError> {
        self.hasher.update(raw);
        let begin = out.len();
        let level = if self.plain {
            PLAIN_LEVEL
        } else {
            self.options.level
        };
        compress(level, raw, out)?;
        if self.plain == self.worth(raw.len(), out.len() - begin) {
            self.plain = !self.plain;
            out.truncate(begin);
            compress(
                if self.plain {
                    PLAIN_LEVEL
                } else {
                    self.options.level
                },
                raw,
                out,
            )?;
        }
        if let Some(encryption) = &self.encryption {
            let number = self.table.len() as u64;
            let sealed = encryption.cipher.ready();
            let part = Part::Frame { number, last };
            sealed.seal(part, out, begin).map_err(|_| refused())?;
        }
        let stored = out.len() - begin;
        // Both are below 2^25: a frame holds at most MAX_FRAME_OCTETS.
        self.table.push((stored as u32, raw.len() as u32));
        self.stored_octets += stored as u64;
        Ok(())
    }
}

fn refused() -> CompressError {
    CompressError("the cipher refuses it".to_owned())
}

/// A whole body in one call; the octets are not copied before they are compressed.
pub fn encode(raw: &[u8], options: Options) -> Result<(Vec<u8>, Stored), CompressError> {
    encode_as(raw, Encoder::new(options))
}

/// The same by an encoder that has been made for it.
pub fn encode_as(raw: &[u8], mut encoder: Encoder) -> Result<(Vec<u8>, Stored), CompressError> {
    let mut out = Vec::with_capacity(raw.len() / 2 + 128);
    encoder.raw_octets = raw.len() as u64;
    let mut rest = raw;
    while rest.len() > encoder.options.frame_octets {
        let (frame, following) = rest.split_at(encoder.options.frame_octets);
        encoder.frame(frame, false, &mut out)?;
        rest = following;
    }
    let stored = encoder.last(rest, &mut out)?;
    Ok((out, stored))
}

thread_local! {
    /// A compressor costs more to make than a small message to compress.
    static COMPRESSORS: RefCell<Vec<(i32, Compressor<'static>)>> = const { RefCell::new(Vec::new()) };
}

fn compress(level: i32, raw: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
    let failed = |error: std::io::Error| CompressError(error.to_string());
    COMPRESSORS.with_borrow_mut(|kept| {
        let index = match kept.iter().position(|(of, _)| *of == level) {
            Some(index) => index,
            None => {
                let mut compressor = Compressor::new(level).map_err(failed)?;
                compressor.include_checksum(true).map_err(failed)?;
                // One for each of the two levels in use; a third comes with a changed configuration.
                kept.truncate(1);
                kept.push((level, compressor));
                kept.len() - 1
            }
        };
        let begin = out.len();
        out.reserve(zstd::zstd_safe::compress_bound(raw.len()));
        let mut target = Cursor::new(out);
        target.set_position(begin as u64);
        kept[index]
            .1
            .compress_to_buffer(raw, &mut target)
            .map_err(failed)?;
        Ok(())
    })
}
