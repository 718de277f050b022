//! The header fields that clients search most, decoded and folded once.

use lightmail_mime::charset::decode_words;
use lightmail_mime::collation::Collation;
use lightmail_mime::header;

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Common {
    /// SUBJECT
    Subject,
    /// FROM
    From,
    /// TO
    To,
    /// CC
    Cc,
    /// BCC
    Bcc,
}

/// Their names, in the order of [`Common`].
const NAMES: [&[u8]; 5] = [b"Subject", b"From", b"To", b"Cc", b"Bcc"];

impl Common {
    /// By the name of the field, whatever its case.
    pub fn named(name: &[u8]) -> Option<Self> {
        let all = [Self::Subject, Self::From, Self::To, Self::Cc, Self::Bcc];
        all.into_iter()
            .zip(NAMES)
            .find(|(_, known)| known.eq_ignore_ascii_case(name))
            .map(|(common, _)| common)
    }
}

/// Appends a header value as SEARCH compares it: folds and encoded words undone, mapped by a collation.
///
/// Eight-bit octets that are not UTF-8 have no charset (RFC 6532 §3.1) and are no characters: a search for one letter
/// does not find whatever some other charset would have made of them. Dovecot and Cyrus hold it so.
pub(super) fn push_folded(value: &[u8], collation: Collation, out: &mut String) {
    collation.map_into(
        &decode_words(String::from_utf8_lossy(value).as_bytes()),
        out,
    );
}

/// Values mapped by the default collation, fields of one name one after the other.
#[derive(Debug)]
pub struct SearchText {
    text: Box<str>,
    ends: [u32; 5],
    /// Bit n: there is such a field.
    present: u8,
}

impl SearchText {
    /// header: the header block of a message.
    pub fn new(header: &[u8]) -> Self {
        let mut values: [String; 5] = Default::default();
        let mut present = 0;
        for field in header::fields(header) {
            if let Some(common) = Common::named(field.name) {
                let value = &mut values[common as usize];
                if present >> common as u8 & 1 == 1 {
                    // Not a text that any client can search for across two fields.
                    value.push('\n');
                }
                push_folded(field.value, Collation::default(), value);
                present |= 1 << common as u8;
            }
        }
        let mut end = 0;
        let ends = values.each_ref().map(|value| {
            end += value.len() as u32;
            end
        });
        Self {
            text: values.concat().into_boxed_str(),
            ends,
            present,
        }
    }

    /// The folded value; None when there is no such field.
    pub fn value(&self, common: Common) -> Option<&str> {
        let index = common as usize;
        let start = index
            .checked_sub(1)
            .map_or(0, |before| self.ends[before] as usize);
        (self.present >> index & 1 == 1).then(|| &self.text[start..self.ends[index] as usize])
    }

    /// Memory held.
    pub fn octets(&self) -> usize {
        self.text.len() + size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_fields_folded() {
        let text = SearchText::new(
            b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= \xa3\r\nFROM: A\r\nX-Other: y\r\nTo: B,\r\n c@D\r\nto: E\r\nBcc:\r\n\r\n",
        );
        assert_eq!(text.value(Common::Subject), Some("GRU\u{308}ßE \u{fffd}"));
        assert_eq!(text.value(Common::From), Some("A"));
        assert_eq!(text.value(Common::To), Some("B, C@D\nE"));
        assert_eq!(text.value(Common::Cc), None);
        assert_eq!(text.value(Common::Bcc), Some(""));
        assert_eq!(Common::named(b"SUBJECT"), Some(Common::Subject));
        assert_eq!(Common::named(b"Date"), None);
    }
}
