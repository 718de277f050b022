//! Header blocks: iteration over fields, unfolding (RFC 5322 §2.2).

use memchr::memchr;

/// One field of a header block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name as written, blanks before the colon removed; empty for a line without a colon.
    pub name: &'a [u8],
    /// What follows the colon, folds and the last line break included.
    pub value: &'a [u8],
    /// The whole field as stored.
    pub raw: &'a [u8],
}

/// The fields of a header block in order, the empty line at its end left out.
///
/// Lines end with LF; a bare CR does not end a line. A line that begins with a blank or a tab continues the field
/// before it. A line without a colon is a field without a name.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

/// Iterates over the fields of a header block.
pub fn fields(block: &[u8]) -> Fields<'_> {
    Fields { rest: block }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let rest = self.rest;
        if rest.is_empty() || rest.starts_with(b"\n") || rest.starts_with(b"\r\n") {
            self.rest = &[];
            return None;
        }
        let (raw, rest) = rest.split_at(field_end(rest));
        self.rest = rest;
        Some(split(raw))
    }
}

/// Where the field at the start of `rest` ends: after the first line that no continuation follows.
fn field_end(rest: &[u8]) -> usize {
    let mut end = 0;
    loop {
        match memchr(b'\n', &rest[end..]) {
            None => return rest.len(),
            Some(at) => end += at + 1,
        }
        if !matches!(rest.get(end), Some(b' ' | b'\t')) {
            return end;
        }
    }
}

fn split(raw: &[u8]) -> Field<'_> {
    // A colon in a later line of a field without one in its first would make that first line a name.
    let first = memchr(b'\n', raw).unwrap_or(raw.len());
    match memchr(b':', &raw[..first]) {
        Some(colon) => Field {
            name: raw[..colon].trim_ascii_end(),
            value: &raw[colon + 1..],
            raw,
        },
        None => Field {
            name: b"",
            value: raw,
            raw,
        },
    }
}

/// A value without its folds: each line break with the blanks after it made one blank, ends trimmed.
///
/// NUL stays as it is; so do blanks before a line break and within a line.
pub fn unfold(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value.trim_ascii();
    while let Some(at) = memchr(b'\n', rest) {
        let line = &rest[..at];
        out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        out.push(b' ');
        rest = rest[at..].trim_ascii_start();
    }
    out.extend_from_slice(rest);
    out
}
