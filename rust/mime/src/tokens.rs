//! The tokens of structured header fields (RFC 5322 §3.2, RFC 2045 §5.1), one pass, no recursion, never an error.

/// A token. Comments and quoted strings come without their delimiters, backslashes undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// Octets that are neither blank nor special, 8-bit ones included.
    Atom(&'a [u8]),
    /// "…"; an opening quote without an end is a Special.
    Quoted(Vec<u8>),
    /// (…), with the comments inside it as text.
    Comment(Vec<u8>),
    /// […], brackets included.
    Literal(Vec<u8>),
    /// One of the special octets.
    Special(u8),
}

/// Reads tokens off an unfolded value.
#[derive(Debug, Clone)]
pub(crate) struct Tokens<'a> {
    rest: &'a [u8],
    special: fn(u8) -> bool,
    /// Whether blanks or comments stood before the token read last.
    pub(crate) spaced: bool,
    /// A quote without an end was met: quotes mean nothing from there on.
    unclosed: bool,
}

/// The specials of RFC 5322 §3.2.3; "." is one, "[" begins a literal.
pub(crate) fn is_special(octet: u8) -> bool {
    matches!(
        octet,
        b'(' | b')' | b'<' | b'>' | b'[' | b']' | b':' | b';' | b'@' | b'\\' | b',' | b'.' | b'"'
    )
}

/// The tspecials of RFC 2045 §5.1.
pub(crate) fn is_tspecial(octet: u8) -> bool {
    matches!(
        octet,
        b'(' | b')'
            | b'<'
            | b'>'
            | b'@'
            | b','
            | b';'
            | b':'
            | b'\\'
            | b'"'
            | b'/'
            | b'['
            | b']'
            | b'?'
            | b'='
    )
}

pub(crate) fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(value: &'a [u8], special: fn(u8) -> bool) -> Self {
        Self {
            rest: value,
            special,
            spaced: false,
            unclosed: false,
        }
    }

    /// What has not been read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn skip_blanks(&mut self) {
        let blanks = self
            .rest
            .iter()
            .take_while(|octet| is_blank(**octet))
            .count();
        self.rest = &self.rest[blanks..];
        self.spaced |= blanks > 0;
    }

    pub(crate) fn skip_octets(&mut self, octets: usize) {
        self.rest = &self.rest[octets..];
    }

    /// The next token, comments included. None at the end.
    pub(crate) fn next(&mut self) -> Option<Token<'a>> {
        self.spaced = false;
        self.next_spaced()
    }

    /// The next token that is no comment.
    pub(crate) fn next_no_comment(&mut self) -> Option<Token<'a>> {
        self.spaced = false;
        loop {
            match self.next_spaced() {
                Some(Token::Comment(_)) => self.spaced = true,
                token => return token,
            }
        }
    }

    fn next_spaced(&mut self) -> Option<Token<'a>> {
        self.skip_blanks();
        let octet = *self.rest.first()?;
        Some(match octet {
            b'"' => {
                self.rest = &self.rest[1..];
                match self.quoted() {
                    Some(text) => Token::Quoted(text),
                    None => Token::Special(b'"'),
                }
            }
            b'(' => Token::Comment(self.comment()),
            b'[' if (self.special)(b'[') => Token::Literal(self.literal()),
            _ if (self.special)(octet) => {
                self.rest = &self.rest[1..];
                Token::Special(octet)
            }
            _ => {
                let special = self.special;
                let end = self
                    .rest
                    .iter()
                    .position(|octet| is_blank(*octet) || special(*octet))
                    .unwrap_or(self.rest.len());
                let (atom, rest) = self.rest.split_at(end);
                self.rest = rest;
                Token::Atom(atom)
            }
        })
    }

    /// The text up to the closing quote; None, and nothing read, when there is none.
    fn quoted(&mut self) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        let mut rest = if self.unclosed { &[] } else { self.rest };
        loop {
            match rest {
                [b'\\', escaped, after @ ..] => {
                    text.push(*escaped);
                    rest = after;
                }
                [b'"', after @ ..] => {
                    self.rest = after;
                    return Some(text);
                }
                [octet, after @ ..] => {
                    text.push(*octet);
                    rest = after;
                }
                [] => {
                    // Looked for once: many such quotes stay linear.
                    self.unclosed = true;
                    return None;
                }
            }
        }
    }

    /// Up to an unescaped `end`, or to the end of the value when there is none.
    fn until(&mut self, end: u8) -> Vec<u8> {
        let mut text = Vec::new();
        while let Some((octet, rest)) = self.rest.split_first() {
            self.rest = rest;
            match (*octet, rest) {
                (b'\\', [escaped, rest @ ..]) => {
                    text.push(*escaped);
                    self.rest = rest;
                }
                (octet, _) if octet == end => break,
                (octet, _) => text.push(octet),
            }
        }
        text
    }

    fn literal(&mut self) -> Vec<u8> {
        self.rest = &self.rest[1..];
        let mut literal = vec![b'['];
        literal.append(&mut self.until(b']'));
        literal.push(b']');
        literal
    }

    fn comment(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        let mut depth = 0u32;
        while let Some((octet, rest)) = self.rest.split_first() {
            self.rest = rest;
            match (*octet, rest) {
                (b'\\', [escaped, rest @ ..]) => {
                    text.push(*escaped);
                    self.rest = rest;
                    continue;
                }
                (b'(', _) => depth += 1,
                (b')', _) => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            text.push(*octet);
        }
        if !text.is_empty() {
            text.remove(0); // the outermost "("
        }
        text
    }
}
