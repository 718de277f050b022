//! Header blocks: iteration over fields, unfolding, HEADER.FIELDS (RFC 5322 §2.2, RFC 9051 §6.4.5.1).

use std::iter::once;

use memchr::{memchr, memchr_iter};

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

/// The value of the first field of this name, folds included.
pub fn get<'a>(block: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    fields(block)
        .find(|field| field.name.eq_ignore_ascii_case(name))
        .map(|field| field.value)
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

/// HEADER.FIELDS, or with `exclude` HEADER.FIELDS.NOT: names prepared once, applied to many header blocks.
#[derive(Debug, Clone)]
pub struct Filter {
    /// In lower case, each once, in order.
    names: Vec<Vec<u8>>,
    exclude: bool,
    /// Which of them begin with this octet, in lower or upper case.
    by_first: Box<[(u16, u16); 256]>,
    longest: usize,
}

impl Filter {
    /// Names are compared without regard to case; more than 65,535 of them are not looked at.
    pub fn new<N: AsRef<[u8]>>(names: &[N], exclude: bool) -> Self {
        let mut names: Vec<Vec<u8>> = names
            .iter()
            .map(|name| name.as_ref().to_ascii_lowercase())
            .collect();
        names.sort();
        names.dedup();
        names.truncate(usize::from(u16::MAX));
        let mut by_first = Box::new([(0, 0); 256]);
        for (index, name) in names.iter().enumerate() {
            let octet = name.first().copied().unwrap_or_default();
            let index = index as u16;
            for octet in [octet, octet.to_ascii_uppercase()] {
                let (begin, end) = &mut by_first[usize::from(octet)];
                if *begin == *end {
                    *begin = index;
                }
                *end = index + 1;
            }
        }
        let longest = names.iter().map(Vec::len).max().unwrap_or(0);
        Self {
            names,
            exclude,
            by_first,
            longest,
        }
    }

    /// Appends the fields that pass, as stored, and an empty line.
    pub fn apply(&self, block: &[u8], out: &mut Vec<u8>) {
        let begin = out.len();
        let mut start = 0;
        let line_ends = memchr_iter(b'\n', block).map(|at| at + 1);
        for end in line_ends.chain(once(block.len())) {
            if end == start || matches!(block.get(end), Some(b' ' | b'\t')) {
                continue;
            }
            let raw = &block[start..end];
            if raw.starts_with(b"\n") || raw.starts_with(b"\r\n") {
                break;
            }
            if self.names_field(raw) != self.exclude {
                out.extend_from_slice(raw);
            }
            start = end;
        }
        if out.len() > begin && !out.ends_with(b"\n") {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    fn names_field(&self, raw: &[u8]) -> bool {
        let (begin, end) = self.by_first[usize::from(raw[0])];
        if begin == end {
            return false;
        }
        let window = &raw[..raw.len().min(self.longest + 1)];
        let name = match window.iter().position(|octet| *octet == b':') {
            Some(colon) => window[..colon].trim_ascii_end(),
            // Blanks before the colon may reach beyond the window.
            None if window.iter().any(u8::is_ascii_whitespace) => split(raw).name,
            None => return false,
        };
        self.names[usize::from(begin)..usize::from(end)]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// HEADER.FIELDS: the fields named, or with `exclude` (HEADER.FIELDS.NOT) all others, as stored, and an empty line.
///
/// Names are compared without regard to case.
pub fn filter<N: AsRef<[u8]>>(block: &[u8], names: &[N], exclude: bool, out: &mut Vec<u8>) {
    Filter::new(names, exclude).apply(block, out);
}
