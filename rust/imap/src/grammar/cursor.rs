//! The tokens that all commands are made of (RFC 9051 §9).

use std::borrow::Cow;

use memchr::memchr3;

use super::octets::{is_astring_char, is_atom_char, is_list_char};
use super::Settings;
use crate::command::{Flag, Mailbox};
use crate::encode::utf7;
use crate::error::{Error, Parsed};

/// The hierarchy delimiter of every mailbox name.
const DELIMITER: char = '/';

/// The largest `number64` and `mod-sequence-value`.
const MAX_NUMBER64: u64 = i64::MAX as u64;

/// A place in the text of one command.
///
/// The text holds inline literals as they came: announcement, line end, octets.
pub(crate) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    pub(crate) settings: Settings,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a [u8], settings: Settings) -> Self {
        Self {
            text,
            at: 0,
            settings,
        }
    }

    /// Behind the first `at` octets, which have been read before.
    pub(crate) fn beyond(text: &'a [u8], at: usize, settings: Settings) -> Self {
        Self {
            text,
            at: at.min(text.len()),
            settings,
        }
    }

    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.text[self.at..]
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// What was expected here.
    pub(crate) fn expected<T>(&self, what: &'static str) -> Parsed<T> {
        Err(Error::expected(what, self.at))
    }

    /// Takes `octet` when it is next.
    pub(crate) fn eat(&mut self, octet: u8) -> bool {
        let found = self.peek() == Some(octet);
        self.at += usize::from(found);
        found
    }

    pub(crate) fn expect(&mut self, octet: u8, what: &'static str) -> Parsed<()> {
        if self.eat(octet) {
            Ok(())
        } else {
            self.expected(what)
        }
    }

    /// `SP`: exactly one (RFC 9051 §9, rule 2).
    pub(crate) fn space(&mut self) -> Parsed<()> {
        self.expect(b' ', "a space")
    }

    pub(crate) fn open(&mut self) -> Parsed<()> {
        self.expect(b'(', "\"(\"")
    }

    pub(crate) fn close(&mut self) -> Parsed<()> {
        self.expect(b')', "\")\"")
    }

    /// The end of the command.
    ///
    /// QUIRK_TRAILING_SPACE: spaces before the end are skipped. Python's imaplib joins arguments with spaces even
    /// when one is empty, and people type them; Dovecot accepts them too.
    pub(crate) fn end(&mut self) -> Parsed<()> {
        while self.eat(b' ') {}
        if self.is_at_end() {
            Ok(())
        } else {
            self.expected("the end of the line")
        }
    }

    /// SP and "(": a parenthesised argument follows. Takes nothing when it does not.
    pub(crate) fn eat_space_open(&mut self) -> bool {
        let found = self.rest().starts_with(b" (");
        self.at += if found { 2 } else { 0 };
        found
    }

    /// Takes `word` in any case, when it is next.
    pub(crate) fn eat_word(&mut self, word: &[u8]) -> bool {
        let found = self
            .rest()
            .get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word));
        self.at += if found { word.len() } else { 0 };
        found
    }

    /// Octets as long as `wanted` holds; may be none.
    pub(crate) fn while_octets(&mut self, wanted: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let count = rest
            .iter()
            .position(|octet| !wanted(*octet))
            .unwrap_or(rest.len());
        self.at += count;
        &rest[..count]
    }

    /// `atom = 1*ATOM-CHAR`
    pub(crate) fn atom(&mut self, what: &'static str) -> Parsed<&'a str> {
        let atom = self.while_octets(is_atom_char);
        // ATOM-CHAR is ASCII.
        match std::str::from_utf8(atom) {
            Ok(text) if !text.is_empty() => Ok(text),
            _ => self.expected(what),
        }
    }

    /// An atom in upper case, for comparison with the words of the protocol.
    pub(crate) fn keyword(&mut self, what: &'static str) -> Parsed<Keyword> {
        let start = self.at;
        let atom = self.atom(what)?;
        Ok(Keyword::new(atom.as_bytes(), start))
    }

    /// `number`: 0 <= n < 2^32
    pub(crate) fn number32(&mut self, what: &'static str) -> Parsed<u32> {
        self.digits(what, u64::from(u32::MAX))
            .map(|number| number as u32)
    }

    /// `nz-number`: 0 < n < 2^32, no leading zero
    pub(crate) fn nz_number32(&mut self, what: &'static str) -> Parsed<u32> {
        self.not_zero(what)?;
        self.number32(what)
    }

    /// `number64`, `mod-sequence-valzer`: 0 <= n < 2^63
    pub(crate) fn number64(&mut self, what: &'static str) -> Parsed<u64> {
        self.digits(what, MAX_NUMBER64)
    }

    /// `nz-number64`, `mod-sequence-value`
    pub(crate) fn nz_number64(&mut self, what: &'static str) -> Parsed<u64> {
        self.not_zero(what)?;
        self.number64(what)
    }

    fn not_zero(&self, what: &'static str) -> Parsed<()> {
        match self.peek() {
            Some(b'1'..=b'9') => Ok(()),
            _ => self.expected(what),
        }
    }

    fn digits(&mut self, what: &'static str, max: u64) -> Parsed<u64> {
        let start = self.at;
        let digits = self.while_octets(|octet| octet.is_ascii_digit());
        if digits.is_empty() {
            return self.expected(what);
        }
        digits
            .iter()
            .try_fold(0_u64, |number, digit| {
                number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
            })
            .filter(|number| *number <= max)
            .ok_or(Error::expected(what, start))
    }

    /// Exactly `count` digits.
    pub(crate) fn fixed_digits(&mut self, count: usize, what: &'static str) -> Parsed<u32> {
        match self.rest().get(..count) {
            Some(digits) if digits.iter().all(u8::is_ascii_digit) => {
                self.at += count;
                Ok(digits
                    .iter()
                    .fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
            }
            _ => self.expected(what),
        }
    }

    /// `astring = 1*ASTRING-CHAR / string`
    pub(crate) fn astring(&mut self, what: &'static str) -> Parsed<Cow<'a, [u8]>> {
        self.string_or(is_astring_char, what)
    }

    /// `list-mailbox = 1*list-char / string`
    pub(crate) fn list_mailbox(&mut self, what: &'static str) -> Parsed<Cow<'a, [u8]>> {
        self.string_or(is_list_char, what)
    }

    fn string_or(
        &mut self,
        bare: impl Fn(u8) -> bool,
        what: &'static str,
    ) -> Parsed<Cow<'a, [u8]>> {
        match self.peek() {
            Some(b'"' | b'{') => self.string(what),
            Some(octet) if bare(octet) => Ok(Cow::Borrowed(self.while_octets(bare))),
            _ => self.expected(what),
        }
    }

    /// `string = quoted / literal`
    pub(crate) fn string(&mut self, what: &'static str) -> Parsed<Cow<'a, [u8]>> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal(),
            _ => self.expected(what),
        }
    }

    /// `nstring = string / nil`
    pub(crate) fn nstring(&mut self, what: &'static str) -> Parsed<Option<Cow<'a, [u8]>>> {
        if self.eat_word(b"NIL") {
            return Ok(None);
        }
        self.string(what).map(Some)
    }

    /// `value = nstring / literal8`, octets as they are (RFC 5464 §5)
    pub(crate) fn value(&mut self, what: &'static str) -> Parsed<Option<Cow<'a, [u8]>>> {
        if self.peek() == Some(b'~') {
            self.at += 1;
            return self.literal_octets(true).map(Some);
        }
        self.nstring(what)
    }

    /// ```text
    /// quoted      = DQUOTE *QUOTED-CHAR DQUOTE
    /// QUOTED-CHAR = <any TEXT-CHAR except quoted-specials> / "\" quoted-specials / UTF8-2 / UTF8-3 / UTF8-4
    /// ```
    /// QUIRK_8BIT_QUOTED: octets with the eighth bit are taken whatever they are. RFC 3501 forbids them, RFC 9051
    /// wants UTF-8, and SEARCH CHARSET ISO-8859-1 is sent in quotes by scripts; who uses the string judges it.
    fn quoted(&mut self) -> Parsed<Cow<'a, [u8]>> {
        self.at += 1;
        let mut unescaped: Option<Vec<u8>> = None;
        loop {
            let rest = self.rest();
            let Some(plain) = memchr3(b'"', b'\\', b'\n', rest) else {
                self.at = self.text.len();
                return self.expected("a closing quote");
            };
            let run = &rest[..plain];
            if let Some(bad) = run.iter().position(|octet| matches!(octet, 0 | b'\r')) {
                self.at += bad;
                return self.expected("a character that quotes may hold");
            }
            self.at += plain;
            match rest[plain] {
                b'"' => {
                    self.at += 1;
                    return Ok(match unescaped {
                        None => Cow::Borrowed(run),
                        Some(mut octets) => {
                            octets.extend_from_slice(run);
                            Cow::Owned(octets)
                        }
                    });
                }
                b'\\' => {
                    let Some(special @ (b'"' | b'\\')) = rest.get(plain + 1).copied() else {
                        self.at += 1;
                        return self.expected("\\\" or \\\\");
                    };
                    self.at += 2;
                    let octets = unescaped.get_or_insert_default();
                    octets.extend_from_slice(run);
                    octets.push(special);
                }
                _ => return self.expected("a closing quote"),
            }
        }
    }

    /// `literal = "{" number64 ["+"] "}" CRLF *CHAR8`
    fn literal(&mut self) -> Parsed<Cow<'a, [u8]>> {
        self.literal_octets(false)
    }

    /// `binary`: NUL may be among them (`literal8`).
    fn literal_octets(&mut self, binary: bool) -> Parsed<Cow<'a, [u8]>> {
        const WHAT: &str = "a literal";
        let start = self.at;
        self.expect(b'{', WHAT)?;
        let octets = self.number64("a literal's count of octets")?;
        self.eat(b'+');
        self.expect(b'}', "\"}\"")?;
        if self.is_at_end() {
            // Only when the framer's announcement is parsed before the octets are there.
            return Err(Error::expected(LITERAL_TO_COME, start));
        }
        self.eat(b'\r');
        self.expect(b'\n', "the end of the line")?;
        let content = usize::try_from(octets)
            .ok()
            .and_then(|octets| self.rest().get(..octets))
            .ok_or(Error::expected(WHAT, start))?;
        self.at += content.len();
        match memchr::memchr(0, content) {
            // CHAR8 = %x01-ff
            Some(at) if !binary => Err(Error::expected(
                "an octet other than NUL",
                self.at - content.len() + at,
            )),
            _ => Ok(Cow::Borrowed(content)),
        }
    }

    /// `mailbox = "INBOX" / astring`, decoded.
    ///
    /// A delimiter at the end of a name announces mailboxes below it, and is no part of the name (RFC 9051 §6.3.4).
    ///
    /// QUIRK_TRAILING_DELIMITER: not only CREATE and RENAME have such names: Outlook, and clients whose user set a root
    /// folder, keep the delimiter in SELECT, SUBSCRIBE and others too.
    pub(crate) fn mailbox(&mut self) -> Parsed<Mailbox> {
        let start = self.at;
        let octets = self.astring("a mailbox name")?;
        let mut name = self.mailbox_text(&octets, start)?;
        if name.len() > 1 && name.ends_with(DELIMITER) {
            name.pop();
        }
        Ok(Mailbox::new(name))
    }

    /// Octets of a mailbox name or pattern to text: modified UTF-7 (RFC 3501 §5.1.3), or UTF-8 once that is
    /// enabled (RFC 6855 §3, RFC 9051 §5.1).
    pub(crate) fn mailbox_text(&self, octets: &[u8], start: usize) -> Parsed<String> {
        if self.settings.utf8 {
            let text = std::str::from_utf8(octets).ok();
            return text
                .map(str::to_owned)
                .ok_or(Error::expected("a mailbox name in UTF-8", start));
        }
        utf7::decode(octets).map_err(|_| Error::expected("a mailbox name in modified UTF-7", start))
    }

    /// ```text
    /// flag           = "\Answered" / … / flag-keyword / flag-extension
    /// flag-extension = "\" atom        flag-keyword = "$MDNSent" / … / atom
    /// ```
    pub(crate) fn flag(&mut self) -> Parsed<Flag> {
        let start = self.at;
        self.eat(b'\\');
        self.atom("a flag")?;
        Ok(Flag::from_parsed(&self.text[start..self.at]))
    }

    /// `flag-list = "(" [flag *(SP flag)] ")"`; the "(" is already taken.
    pub(crate) fn flags_to_close(&mut self) -> Parsed<Vec<Flag>> {
        let mut flags = Vec::new();
        if self.eat(b')') {
            return Ok(flags);
        }
        loop {
            flags.push(self.flag()?);
            if self.eat(b')') {
                return Ok(flags);
            }
            self.expect(b' ', "a space or \")\"")?;
        }
    }
}

/// What a parser expects when the text ends with the announcement of a literal that is not there yet.
pub(crate) const LITERAL_TO_COME: &str = "the octets of a literal";

/// A short word in upper case.
pub(crate) struct Keyword {
    octets: [u8; Self::MAX],
    len: usize,
    /// Where it started.
    pub(crate) at: usize,
}

impl Keyword {
    /// Longer than any word of the protocol.
    const MAX: usize = 24;

    /// A longer word becomes an empty one: it equals none.
    pub(crate) fn new(word: &[u8], at: usize) -> Self {
        let mut octets = [0; Self::MAX];
        let mut len = 0;
        if word.len() <= Self::MAX {
            for (to, from) in octets.iter_mut().zip(word) {
                *to = from.to_ascii_uppercase();
            }
            len = word.len();
        }
        Self { octets, len, at }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.octets[..self.len]
    }

    /// This word is not one of those expected.
    pub(crate) fn expected<T>(&self, what: &'static str) -> Parsed<T> {
        Err(Error::expected(what, self.at))
    }
}
