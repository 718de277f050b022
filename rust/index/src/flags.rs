//! Flags as bits, as names, and on the wire.

use std::sync::Arc;

/// \Answered
pub const ANSWERED: u64 = 1;
/// \Flagged
pub const FLAGGED: u64 = 1 << 1;
/// \Deleted
pub const DELETED: u64 = 1 << 2;
/// \Seen
pub const SEEN: u64 = 1 << 3;
/// \Draft
pub const DRAFT: u64 = 1 << 4;

/// System flags by bit. \Recent is none of them: it belongs to a session, not to a message (RFC 3501 §2.3.2).
pub const SYSTEM_FLAGS: [&str; 5] = ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"];
/// The bit of the mailbox's first keyword.
pub const FIRST_KEYWORD_BIT: u32 = 5;
/// How many keywords a mailbox can have.
pub const MAX_KEYWORDS: usize = 59;

/// The keywords of a mailbox, in bit order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keywords(Arc<[Box<str>]>);

impl Keywords {
    /// Names beyond [`MAX_KEYWORDS`] have no bit and are dropped.
    pub fn new(names: impl IntoIterator<Item = impl Into<Box<str>>>) -> Self {
        Self(
            names
                .into_iter()
                .take(MAX_KEYWORDS)
                .map(Into::into)
                .collect(),
        )
    }

    /// The names, in bit order.
    pub fn names(&self) -> &[Box<str>] {
        &self.0
    }

    /// The bit mask of a flag by its name, whatever its case (RFC 9051 §2.3.2); None when no message can have it.
    pub fn mask(&self, name: &str) -> Option<u64> {
        let all = SYSTEM_FLAGS
            .iter()
            .copied()
            .chain(self.0.iter().map(|keyword| &**keyword));
        all.zip(0..)
            .find(|(flag, _)| flag.eq_ignore_ascii_case(name))
            .map(|(_, bit)| 1 << bit)
    }

    /// The names of the flags set, in bit order. Bits without a name are passed over.
    pub fn names_of(&self, flags: u64) -> impl Iterator<Item = &str> {
        SYSTEM_FLAGS
            .iter()
            .copied()
            .chain(self.0.iter().map(|keyword| &**keyword))
            .zip(0..)
            .filter(move |&(_, bit)| flags >> bit & 1 == 1)
            .map(|(name, _)| name)
    }
}

/// How many flag lists a [`FlagWriter`] remembers: mailboxes have few combinations.
const REMEMBERED: usize = 16;

#[derive(Debug, Clone)]
struct Remembered {
    flags: u64,
    recent: bool,
    list: Box<[u8]>,
}

/// Writes flag lists; the lists written last are remembered as octets.
#[derive(Debug, Clone)]
pub struct FlagWriter {
    keywords: Keywords,
    remembered: [Option<Remembered>; REMEMBERED],
}

impl FlagWriter {
    /// For one mailbox.
    pub fn new(keywords: Keywords) -> Self {
        Self {
            keywords,
            remembered: [const { None }; REMEMBERED],
        }
    }

    /// Appends `(\Seen $Work)`, with \Recent first when `recent` (RFC 9051 §7.5.2 FLAGS).
    pub fn write(&mut self, out: &mut Vec<u8>, flags: u64, recent: bool) {
        let slot = (flags ^ flags >> 4 ^ flags >> 8) as usize % REMEMBERED;
        match &mut self.remembered[slot] {
            Some(known) if known.flags == flags && known.recent == recent => {
                out.extend_from_slice(&known.list);
            }
            other => {
                let mut list = vec![b'('];
                let names = recent
                    .then_some("\\Recent")
                    .into_iter()
                    .chain(self.keywords.names_of(flags));
                for (index, name) in names.enumerate() {
                    if index > 0 {
                        list.push(b' ');
                    }
                    list.extend_from_slice(name.as_bytes());
                }
                list.push(b')');
                out.extend_from_slice(&list);
                *other = Some(Remembered {
                    flags,
                    recent,
                    list: list.into(),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_by_name_and_on_the_wire() {
        let keywords = Keywords::new(["$Forwarded", "Work"]);
        assert_eq!(keywords.mask("\\seen"), Some(SEEN));
        assert_eq!(keywords.mask("WORK"), Some(1 << 6));
        assert_eq!(keywords.mask("Home"), None);
        assert_eq!(keywords.mask("\\Recent"), None);
        let mut writer = FlagWriter::new(keywords);
        for _ in 0..2 {
            let mut out = Vec::new();
            writer.write(&mut out, SEEN | 1 << 6 | 1 << 40, false);
            writer.write(&mut out, SEEN | 1 << 6, true);
            writer.write(&mut out, 0, false);
            assert_eq!(out, b"(\\Seen Work)(\\Recent \\Seen Work)()");
        }
    }

    #[test]
    fn every_keyword_has_a_bit() {
        let names: Vec<String> = (0..70).map(|number| format!("k{number}")).collect();
        let keywords = Keywords::new(names.iter().map(String::as_str));
        assert_eq!(keywords.names().len(), MAX_KEYWORDS);
        assert_eq!(keywords.mask("k58"), Some(1 << 63));
        assert_eq!(keywords.mask("k59"), None);
        assert_eq!(keywords.names_of(u64::MAX).count(), 64);
    }
}
