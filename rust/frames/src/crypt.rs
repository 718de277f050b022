//! Encryption of stored bodies: AES-256-GCM over each frame, with a key of its own for each object.
//!
//! An object key that ends in `.ID` names the key that the object is encrypted by; the name comes from the
//! database, so an object that was put there in plain, or under another name, is not taken for it.
//!
//! ```text
//! key of the object   blake3, keyed by the key ID: "lightmail stored body 1" ‖ salt ‖ object key
//! nonce               number of the frame: u64, kind: u32      kind: 0 a frame, 1 the last frame, 2 the seek table
//! additional data     the object key; for the seek table also the table itself
//! ```
//!
//! So a frame opens only as what it is: this frame of this object. The salt is drawn at random for each object, and
//! a nonce is used once for each key, whatever becomes of object keys.

use std::fmt;

use ring::aead::{Aad, LessSafeKey, Nonce, UnboundKey, AES_256_GCM};
use ring::rand::{SecureRandom, SystemRandom};

/// Octets of a key.
pub const KEY_OCTETS: usize = 32;
/// Octets by which a frame grows.
pub(crate) const TAG_OCTETS: usize = 16;
pub(crate) const SALT_OCTETS: usize = 16;
/// Of a keyed hash of nothing: tells one key from another, and nothing else of it.
pub(crate) const CHECK_OCTETS: usize = 8;

const OBJECT_CONTEXT: &[u8] = b"lightmail stored body 1";
const CHECK_CONTEXT: &[u8] = b"lightmail key check 1";

/// Why an object cannot be encrypted or read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyError {
    /// There is no key of this id.
    Missing(String),
    /// The key of this id is not the one that was used.
    Other(String),
    /// The system gives no random octets.
    NoRandom,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(id) => write!(f, "there is no key \"{id}\""),
            Self::Other(id) => write!(f, "it was encrypted with another key \"{id}\""),
            Self::NoRandom => write!(f, "the system gives no random octets"),
        }
    }
}

impl std::error::Error for KeyError {}

/// Keys by their ids.
pub struct Keyring {
    keys: Vec<(String, [u8; KEY_OCTETS])>,
}

impl Keyring {
    /// Without keys: nothing is encrypted, and nothing that is can be read.
    pub const fn none() -> Self {
        Self { keys: Vec::new() }
    }

    /// ids: told apart by the caller.
    pub fn new(keys: Vec<(String, [u8; KEY_OCTETS])>) -> Self {
        Self { keys }
    }

    /// The key that an object key names; `None` for an object in plain.
    pub(crate) fn named(&self, object_key: &str) -> Result<Option<Named<'_>>, KeyError> {
        let Some(id) = key_id(object_key) else {
            return Ok(None);
        };
        match self.keys.iter().find(|(known, _)| known == id) {
            Some((id, key)) => Ok(Some(Named { id, key })),
            None => Err(KeyError::Missing(id.to_owned())),
        }
    }
}

/// One key of a ring.
pub(crate) struct Named<'a> {
    pub id: &'a str,
    key: &'a [u8; KEY_OCTETS],
}

impl Named<'_> {
    pub fn check(&self) -> [u8; CHECK_OCTETS] {
        let hash = blake3::keyed_hash(self.key, CHECK_CONTEXT);
        hash.as_bytes().first_chunk().copied().unwrap_or_default()
    }

    pub fn cipher(&self, object_key: &str, salt: [u8; SALT_OCTETS]) -> Cipher {
        let mut hasher = blake3::Hasher::new_keyed(self.key);
        hasher.update(OBJECT_CONTEXT);
        hasher.update(&salt);
        hasher.update(object_key.as_bytes());
        Cipher {
            key: *hasher.finalize().as_bytes(),
            object_key: object_key.as_bytes().into(),
        }
    }
}

/// Which key an object is encrypted by, as its own key tells: what follows the dot in its last part.
pub fn key_id(object_key: &str) -> Option<&str> {
    let name = object_key.rsplit('/').next().unwrap_or_default();
    name.split_once('.').map(|(_, id)| id)
}

/// What is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Frame { number: u64, last: bool },
    Table,
}

impl Part {
    fn nonce(self) -> Nonce {
        let (number, kind) = match self {
            Self::Frame { number, last } => (number, u32::from(last)),
            Self::Table => (0, 2),
        };
        let mut octets = [0; 12];
        octets[..8].copy_from_slice(&number.to_le_bytes());
        octets[8..].copy_from_slice(&kind.to_le_bytes());
        Nonce::assume_unique_for_key(octets)
    }
}

/// What one object is encrypted with.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Cipher {
    key: [u8; KEY_OCTETS],
    object_key: Box<[u8]>,
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher")
    }
}

impl Cipher {
    /// Ready for work: its tables are made once for each call of ours, and take a fraction of a microsecond.
    pub fn ready(&self) -> Ready<'_> {
        // A key of any other length cannot be made; this one has it.
        let key = UnboundKey::new(&AES_256_GCM, &self.key).ok();
        Ready {
            key: key.map(LessSafeKey::new),
            object_key: &self.object_key,
        }
    }
}

/// A refusal of the cipher: wrong octets, or more of them than it takes.
pub(crate) struct Refused;

pub(crate) struct Ready<'a> {
    key: Option<LessSafeKey>,
    object_key: &'a [u8],
}

impl Ready<'_> {
    /// Encrypts what is in `out` from `begin` on, where it is, and appends the tag.
    pub fn seal(&self, part: Part, out: &mut Vec<u8>, begin: usize) -> Result<(), Refused> {
        let key = self.key.as_ref().ok_or(Refused)?;
        let tag = key
            .seal_in_place_separate_tag(part.nonce(), Aad::from(self.object_key), &mut out[begin..])
            .map_err(|_| Refused)?;
        out.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// `scratch` becomes what was encrypted. Copies the octets once, as they are decrypted where they are.
    pub fn open(&self, part: Part, sealed: &[u8], scratch: &mut Vec<u8>) -> Result<(), Refused> {
        let key = self.key.as_ref().ok_or(Refused)?;
        scratch.clear();
        scratch.extend_from_slice(sealed);
        let octets = key
            .open_in_place(part.nonce(), Aad::from(self.object_key), scratch)
            .map_err(|_| Refused)?
            .len();
        scratch.truncate(octets);
        Ok(())
    }

    /// The tag of the seek table.
    pub fn tag(&self, table: &[u8]) -> Result<[u8; TAG_OCTETS], Refused> {
        let key = self.key.as_ref().ok_or(Refused)?;
        let tag = key
            .seal_in_place_separate_tag(Part::Table.nonce(), self.about(table), &mut [])
            .map_err(|_| Refused)?;
        tag.as_ref().try_into().map_err(|_| Refused)
    }

    /// Whether the seek table is the one that got this tag.
    pub fn check(&self, table: &[u8], tag: &[u8]) -> Result<(), Refused> {
        let key = self.key.as_ref().ok_or(Refused)?;
        let tag = tag.try_into().map_err(|_| Refused)?;
        key.open_in_place_separate_tag(Part::Table.nonce(), self.about(table), tag, &mut [], 0..)
            .map_err(|_| Refused)?;
        Ok(())
    }

    /// The length of the object key goes in front: where it ends is certain.
    fn about(&self, table: &[u8]) -> Aad<Vec<u8>> {
        let length = self.object_key.len() as u64;
        Aad::from([&length.to_le_bytes(), self.object_key, table].concat())
    }
}

/// Random octets for one object.
pub(crate) fn new_salt() -> Result<[u8; SALT_OCTETS], KeyError> {
    let mut salt = [0; SALT_OCTETS];
    SystemRandom::new()
        .fill(&mut salt)
        .map_err(|_| KeyError::NoRandom)?;
    Ok(salt)
}
