//! The stored form of a body: independent zstd frames with a seek table; no I/O.
//!
//! ```text
//! frame … frame  skippable frame: { octets: u32, raw octets: u32 } per frame, count: u32, descriptor: u8, magic: u32
//! ```
//!
//! A body that is encrypted ([`Keyring`]) has a tag of 16 octets behind each frame, and more in its table:
//!
//! ```text
//! { octets: u32, raw octets: u32 } per frame, key check: 8, salt: 16, tag: 16, count: u32, descriptor: u8, magic: u32
//! ```
//!
//! All numbers are little-endian. Each frame holds `frame_octets` raw octets (the last one fewer), its own checksum and
//! nothing of its neighbours, so a range of the body is read from the frames that cover it alone. What does not
//! compress lies in a frame as it is, as raw blocks; there is no second format. `zstd -d` reads the whole
//! of one that is not encrypted.
//!
//! Source: the zstd seekable format, `contrib/seekable_format/zstd_seekable_compression_format.md` of zstd; RFC 8878.

mod crypt;
mod encode;
mod layout;

pub use crypt::{key_id, KeyError, Keyring, KEY_OCTETS};
pub use encode::{encode, encode_as, CompressError, Encoder, Options, Stored};
pub use layout::{decode_all, decode_all_as, Layout, LayoutError};

/// The skippable frame of the seek table (RFC 8878 §3.1.2: 0x184D2A5? is free for use).
const TABLE_MAGIC: u32 = 0x184D_2A5E;
/// The last four octets.
const FOOTER_MAGIC: u32 = 0x8F92_EAB1;
/// Magic and length of the skippable frame.
const TABLE_HEADER_OCTETS: usize = 8;
/// Count of frames, descriptor, magic.
const FOOTER_OCTETS: usize = 9;
/// Descriptor bit: entries carry a checksum. We write none, as each frame has its own.
const HAS_CHECKSUMS: u8 = 0x80;
/// Descriptor bit, of those that the format reserves: frames are encrypted, and so is told by which key.
const ENCRYPTED: u8 = 0x40;
/// Key check, salt and tag.
const ENCRYPTION_OCTETS: usize = crypt::CHECK_OCTETS + crypt::SALT_OCTETS + crypt::TAG_OCTETS;
/// No frame is larger, whatever a table says.
const MAX_FRAME_OCTETS: usize = 1 << 24;

/// A tail of this length holds the seek table of any body up to 60 MiB (with frames of 128 KiB).
pub const TAIL_OCTETS: usize = 4096;
