//! Address lists (RFC 5322 §3.4, §4.4), read as real mail has them.

use crate::tokens::{is_special, Token, Tokens};

/// Stands for the part before "@" where there is none.
pub const MISSING_MAILBOX: &[u8] = b"MISSING_MAILBOX";
/// Stands for the part after "@" where there is none.
pub const MISSING_DOMAIN: &[u8] = b"MISSING_DOMAIN";

/// One entry of a list, in the terms of ENVELOPE (RFC 9051 §7.5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A mailbox.
    Mailbox {
        /// Display name as written, quotes undone, encoded words kept.
        name: Option<Vec<u8>>,
        /// Source route, e.g. `@a,@b`.
        route: Option<Vec<u8>>,
        /// Before the "@", quotes undone.
        mailbox: Vec<u8>,
        /// After the "@".
        host: Vec<u8>,
    },
    /// A group begins.
    GroupStart(Vec<u8>),
    /// It ends.
    GroupEnd,
}

/// The addresses of a list, at most `limit` entries. value: folds undone.
pub fn parse(value: &[u8], limit: usize) -> Vec<Address> {
    let mut parser = Parser {
        tokens: Tokens::new(value, is_special),
        found: Vec::new(),
        limit,
        in_group: false,
        entry: Entry::default(),
    };
    parser.run();
    parser.found
}

/// What has been read of the entry under way.
#[derive(Default)]
struct Entry<'a> {
    /// Words and dots before any "@", each with whether blanks stood before it.
    words: Vec<(Token<'a>, bool)>,
    comment: Option<Vec<u8>>,
    name: Option<Vec<u8>>,
    route: Option<Vec<u8>>,
    mailbox: Option<Vec<u8>>,
    host: Vec<u8>,
    host_ended: bool,
    /// After "@".
    at: bool,
    angle: Angle,
}

/// Where in an entry `<` and `>` have been met.
#[derive(Default, PartialEq, Eq, Clone, Copy)]
enum Angle {
    #[default]
    Before,
    Inside,
    /// Nothing more belongs to the address.
    After,
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    found: Vec<Address>,
    limit: usize,
    in_group: bool,
    entry: Entry<'a>,
}

impl<'a> Parser<'a> {
    fn run(&mut self) {
        while let Some(token) = self.tokens.next() {
            if self.found.len() >= self.limit {
                break;
            }
            let spaced = self.tokens.spaced;
            match token {
                Token::Comment(text) => self.entry.comment = Some(text),
                Token::Special(b',') => self.end_entry(),
                Token::Special(b';') if self.in_group || self.entry.angle != Angle::Inside => {
                    self.end_entry();
                    self.end_group();
                }
                Token::Special(b'<') if self.entry.angle == Angle::Before => self.open_angle(),
                Token::Special(b'>') if self.entry.angle == Angle::Inside => self.close_angle(),
                Token::Special(b':') if self.begins_group() => self.begin_group(),
                Token::Special(b'@') => self.at_sign(),
                // A quote without an end.
                Token::Special(b'"') => {}
                token => self.word(token, spaced),
            }
        }
        if self.found.len() < self.limit {
            self.end_entry();
        }
        self.end_group();
    }

    fn open_angle(&mut self) {
        let entry = &mut self.entry;
        if entry.at {
            // "user@host <user@host>": the first is a name.
            let mut name = entry.mailbox.take().unwrap_or_default();
            name.push(b'@');
            name.append(&mut entry.host);
            entry.at = false;
            entry.name = Some(name);
        } else if !entry.words.is_empty() {
            entry.name = Some(phrase(&std::mem::take(&mut entry.words)));
        }
        entry.angle = Angle::Inside;
        self.entry.route = self.route();
    }

    /// `obs-route = obs-domain-list ":"` right after "<" (RFC 5322 §4.4).
    fn route(&mut self) -> Option<Vec<u8>> {
        let mut ahead = self.tokens.clone();
        let mut route = vec![b'@'];
        if ahead.next_no_comment()? != Token::Special(b'@') {
            return None;
        }
        loop {
            match ahead.next_no_comment()? {
                Token::Special(b':') => {
                    self.tokens = ahead;
                    return Some(route);
                }
                Token::Special(b'<' | b'>' | b';') => return None,
                token => append(&token, &mut route),
            }
        }
    }

    fn close_angle(&mut self) {
        self.entry.angle = Angle::After;
        if !self.entry.at {
            self.entry.mailbox = Some(join(&std::mem::take(&mut self.entry.words)));
        }
    }

    fn begins_group(&self) -> bool {
        !self.in_group && self.entry.angle == Angle::Before && !self.entry.at
    }

    fn begin_group(&mut self) {
        let entry = std::mem::take(&mut self.entry);
        self.found.push(Address::GroupStart(phrase(&entry.words)));
        self.in_group = true;
    }

    fn at_sign(&mut self) {
        let entry = &mut self.entry;
        if entry.angle == Angle::After {
            return;
        }
        if entry.at {
            entry.host_ended = true;
        } else {
            entry.mailbox = Some(join(&std::mem::take(&mut entry.words)));
            entry.at = true;
        }
    }

    fn word(&mut self, token: Token<'a>, spaced: bool) {
        let entry = &mut self.entry;
        if entry.angle == Angle::After {
            return;
        }
        if entry.at {
            // Blanks in a domain stand around its dots only; what else follows is no part of it.
            let inside =
                !spaced || entry.host.is_empty() || entry.host.ends_with(b".") || token == DOT;
            entry.host_ended |= !inside;
            if !entry.host_ended {
                append(&token, &mut entry.host);
            }
        } else {
            entry.words.push((token, spaced));
        }
    }

    fn end_entry(&mut self) {
        let entry = std::mem::take(&mut self.entry);
        if entry.words.is_empty() && !entry.at && entry.angle == Angle::Before {
            return;
        }
        // "user@host (Name)": the old way to give a name.
        let mut name = if entry.angle == Angle::Before {
            entry.comment
        } else {
            entry.name
        };
        let mailbox = match entry.mailbox {
            Some(mailbox) => mailbox,
            None if entry.angle == Angle::Before && is_name(&entry.words) => {
                name = Some(phrase(&entry.words));
                Vec::new()
            }
            None => join(&entry.words),
        };
        let or = |text: Vec<u8>, missing: &[u8]| {
            if text.is_empty() {
                missing.to_vec()
            } else {
                text
            }
        };
        self.found.push(Address::Mailbox {
            name,
            route: entry.route,
            mailbox: or(mailbox, MISSING_MAILBOX),
            host: or(entry.host, MISSING_DOMAIN),
        });
    }

    fn end_group(&mut self) {
        if std::mem::take(&mut self.in_group) {
            self.found.push(Address::GroupEnd);
        }
    }
}

const DOT: Token<'_> = Token::Special(b'.');

/// Whether words without an address are rather a name than a local part.
fn is_name(words: &[(Token<'_>, bool)]) -> bool {
    matches!(words, [(Token::Quoted(_), _), ..])
        || words
            .iter()
            .skip(1)
            .any(|(word, spaced)| *spaced && *word != DOT)
}

fn append(token: &Token<'_>, out: &mut Vec<u8>) {
    match token {
        Token::Atom(text) => out.extend_from_slice(text),
        Token::Quoted(text) | Token::Comment(text) | Token::Literal(text) => {
            out.extend_from_slice(text)
        }
        Token::Special(octet) => out.push(*octet),
    }
}

/// A display name: words with one blank where any stood between them.
fn phrase(words: &[(Token<'_>, bool)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (word, spaced) in words {
        if *spaced && !out.is_empty() {
            out.push(b' ');
        }
        append(word, &mut out);
    }
    out
}

/// A local part: like a display name, but blanks around dots mean nothing.
fn join(words: &[(Token<'_>, bool)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut after_dot = true;
    for (word, spaced) in words {
        let dot = *word == DOT;
        if *spaced && !after_dot && !dot {
            out.push(b' ');
        }
        append(word, &mut out);
        after_dot = dot;
    }
    out
}
