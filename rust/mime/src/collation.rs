//! Collations (RFC 4790): text in a form whose octets are compared, for equality, substrings and order.
//!
//! i;unicode-casemap (RFC 5051): each character is titlecased by its simple mapping, then decomposed as far as Unicode
//! does (canonical and compatibility mappings); nothing is reordered.

use unicode_normalization::char::decompose_compatible;

/// Which collation. All of them take any text, and have all three operations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Collation {
    /// i;unicode-casemap (RFC 5051)
    #[default]
    UnicodeCasemap,
    /// i;ascii-casemap (RFC 4790 §9.2)
    AsciiCasemap,
}

impl Collation {
    /// All there are. Not i;octet, which is for protocols that explicitly allow it (RFC 4790 §9.3.1): RFC 5255 does not.
    pub const ALL: [Self; 2] = [Self::UnicodeCasemap, Self::AsciiCasemap];

    /// The identifier in the registry (RFC 4790 §10).
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnicodeCasemap => "i;unicode-casemap",
            Self::AsciiCasemap => "i;ascii-casemap",
        }
    }

    /// By its identifier.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// Text as this collation compares it.
    pub fn map(self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        self.map_into(text, &mut out);
        out
    }

    /// [`Self::map`], appended to `out`.
    pub fn map_into(self, text: &str, out: &mut String) {
        match self {
            Self::UnicodeCasemap => casemap_into(text, out),
            Self::AsciiCasemap => casemap_ascii(text, out),
        }
    }
}

/// Text as i;unicode-casemap compares it, for equality, substrings and order (RFC 5051 §2).
pub fn casemap(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    casemap_into(text, &mut out);
    out
}

/// [`casemap`], appended to `out`.
pub fn casemap_into(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(found) = first_not_ascii(rest.as_bytes()) {
        let (ascii, other) = rest.split_at(found);
        casemap_ascii(ascii, out);
        let end = other.bytes().position(|octet| octet.is_ascii());
        let (other, after) = other.split_at(end.unwrap_or(other.len()));
        for character in other.chars() {
            decompose_compatible(titlecase(character), |part| out.push(part));
        }
        rest = after;
    }
    casemap_ascii(rest, out);
}

/// In blocks, which are looked at as a whole.
fn first_not_ascii(octets: &[u8]) -> Option<usize> {
    let mut blocks = octets.chunks(64).enumerate();
    let (index, block) = blocks.find(|(_, block)| !block.is_ascii())?;
    Some(index * 64 + block.iter().position(|octet| !octet.is_ascii())?)
}

fn casemap_ascii(text: &str, out: &mut String) {
    let begin = out.len();
    out.push_str(text);
    out[begin..].make_ascii_uppercase();
}

/// The simple titlecase mapping of Unicode: the upper case where that is one character, but for these.
fn titlecase(character: char) -> char {
    let code = character as u32;
    let mapped = match code {
        // Digraphs have a titlecase form of their own.
        0x1c4..=0x1c6 => 0x1c5,
        0x1c7..=0x1c9 => 0x1c8,
        0x1ca..=0x1cc => 0x1cb,
        0x1f1..=0x1f3 => 0x1f2,
        // Georgian has capitals, and no titlecase.
        0x10d0..=0x10fa | 0x10fd..=0x10ff => code,
        // Greek with an iota below.
        0x1f80..=0x1f87 | 0x1f90..=0x1f97 | 0x1fa0..=0x1fa7 => code + 8,
        0x1fb3 | 0x1fc3 | 0x1ff3 => code + 9,
        _ => {
            let mut upper = character.to_uppercase();
            return match (upper.next(), upper.next()) {
                (Some(one), None) => one,
                _ => character,
            };
        }
    };
    char::from_u32(mapped).unwrap_or(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5051 §2: U+01C6 becomes U+01C5, then "D", "z" and a caron.
    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(casemap("\u{1c6}"), "Dz\u{30c}");
        assert_eq!(casemap("\u{1c4}"), "Dz\u{30c}");
    }

    #[test]
    fn case_and_composition_do_not_matter() {
        assert_eq!(casemap("Größe ÀÉ x_"), casemap("gRÖßE àe\u{301} X_"));
        assert_eq!(casemap("ﬁ Å ①"), "fi A\u{30a} 1");
        assert_eq!(casemap("ς"), casemap("Σ"));
        assert_eq!(casemap("ß"), "ß");
        assert_eq!(casemap("ა"), "ა");
        assert_eq!(casemap("ᾳ"), casemap("ᾼ"));
        assert_ne!(casemap("é"), casemap("e"));
        assert_eq!(casemap("한"), casemap("\u{1112}\u{1161}\u{11ab}"));
        let long = "a".repeat(100) + "é" + &"b".repeat(100);
        assert_eq!(
            casemap(&long),
            "A".repeat(100) + "E\u{301}" + &"B".repeat(100)
        );
    }

    #[test]
    fn collations_by_name() {
        for collation in Collation::ALL {
            assert_eq!(Collation::named(collation.name()), Some(collation));
        }
        assert_eq!(Collation::named("i;octet"), None);
        let mapped = Collation::ALL.map(|collation| collation.map("aZé"));
        assert_eq!(mapped, ["AZE\u{301}", "AZé"]);
    }

    #[test]
    fn letters_collate_before_an_underscore() {
        assert!(casemap("a_") > casemap("aa"));
    }
}
