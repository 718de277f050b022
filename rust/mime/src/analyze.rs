//! The push parser: a message in chunks of any size, what is kept of it at the end.
//!
//! Lines end with LF; a bare CR ends none. Memory is bounded by [`Limits`], not by the message: of headers what the
//! limit allows is held, of bodies only the start of a line that may be a boundary. Work is linear in the octets:
//! bodies are searched for LF "--", and at such a line the boundaries of at most `depth` multiparts are compared.
//!
//! Source: RFC 5322 §2, RFC 2046 §5.1, RFC 9051 §7.5.2.

use memchr::{memchr, memchr_iter, memmem};

use crate::boundary::{Boundaries, MAX_LINE_OCTETS};
use crate::content::Content;
use crate::date;
use crate::envelope::Fields;
use crate::header::{self, unfold};
use crate::node::{is_undone, Held, Node};
use crate::parts::{Kind, Parts};
use crate::preview::Sample;
use crate::structure::{bodystructure, Piece};
use crate::subject::base_subject;
use crate::transfer::Counter;
use crate::words::decode_words;

/// Bounds on what a message can make us hold (law 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Levels of multiparts and messages within each other; what lies deeper is one application/octet-stream.
    pub depth: u32,
    /// Parts of a message; what follows belongs to the last one.
    pub parts: usize,
    /// Octets of one header; what follows belongs to the body. All inner headers together may have eight times as many
    /// until their fields are no longer looked at.
    pub header_octets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 100,
            parts: 10_000,
            header_octets: 1 << 20,
        }
    }
}

/// Inner headers are read until they have this many times `header_octets`.
const INNER_HEADERS: usize = 8;
/// All ENVELOPEs of a message together list no more addresses: one takes two octets in a header and thirty there.
const MAX_ADDRESSES: usize = 20_000;

/// What is kept of a message beside its octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// RFC822.SIZE
    pub octets: u64,
    /// The header with its empty line, as stored.
    pub header: Vec<u8>,
    /// ENVELOPE in wire form.
    pub envelope: Vec<u8>,
    /// BODYSTRUCTURE in wire form.
    pub bodystructure: Vec<u8>,
    /// The part table.
    pub parts: Vec<u8>,
    /// The Date field; None when there is none that can be read.
    pub sent: Option<date::Date>,
    /// The Message-ID, its angle brackets included; empty when there is none.
    pub message_id: Vec<u8>,
    /// Subject, decoded.
    pub subject: String,
    /// Base subject (RFC 5256 §2.1).
    pub base_subject: String,
    /// The first words (RFC 8970), at most 200 characters.
    pub preview: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// In the header of the last part.
    Header,
    /// In the body of the last part, which is a leaf.
    Leaf,
    /// In what a multipart has before its first and after its last part.
    Between,
}

/// See the module. One message, then [`Analyzer::finish`].
pub struct Analyzer {
    limits: Limits,
    /// Octets and lines read so far.
    octets: u64,
    lines: u64,
    nodes: Vec<Node>,
    boundaries: Boundaries,
    mode: Mode,
    /// The header under way, and where its last line begins.
    header: Vec<u8>,
    header_line: usize,
    inner_header_octets: usize,
    /// The start of a body line that may be a boundary.
    line: Vec<u8>,
    at_line_start: bool,
    /// The rest of a boundary line is skipped.
    skip_line: bool,
    held: Held,
    counter: Option<Counter>,
    sampling: bool,
    plain: Option<Sample>,
    html: Option<Sample>,
    addresses_left: usize,
    main_header: Vec<u8>,
    main: Fields,
}

impl Analyzer {
    /// A parser before the first octet of a message.
    pub fn new(limits: Limits) -> Self {
        let mut analyzer = Self {
            limits,
            octets: 0,
            lines: 0,
            nodes: Vec::with_capacity(4),
            boundaries: Boundaries::default(),
            mode: Mode::Header,
            header: Vec::new(),
            header_line: 0,
            inner_header_octets: 0,
            line: Vec::new(),
            at_line_start: true,
            skip_line: false,
            held: Held::Nothing,
            counter: None,
            sampling: false,
            plain: None,
            html: None,
            addresses_left: MAX_ADDRESSES,
            main_header: Vec::new(),
            main: Fields::default(),
        };
        analyzer.begin_part(0);
        analyzer
    }

    /// Takes the next octets.
    pub fn feed(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            data = if self.skip_line {
                self.skip(data)
            } else if self.mode == Mode::Header {
                self.header_octets(data)
            } else {
                self.body_octets(data)
            };
        }
    }

    /// After the last octet.
    pub fn finish(mut self) -> Summary {
        // A boundary that is cut short ends a part and begins none: most often it was the last one.
        if self.mode == Mode::Header {
            match self.boundaries.find(&self.header[self.header_line..]) {
                Some((index, _)) => self.header_boundary(index, true),
                None => self.end_header(),
            }
        }
        let line = std::mem::take(&mut self.line);
        match self.boundaries.find(&line) {
            Some((index, _)) => self.body_boundary(index, true, &line),
            None => self.consume(&line),
        }
        // A message begins a part of its own.
        while self.mode == Mode::Header {
            self.end_header();
        }
        let held = std::mem::replace(&mut self.held, Held::Nothing);
        self.leaf_octets(held.octets());
        self.close_parts(0, self.octets, self.lines);
        self.summary()
    }

    fn summary(mut self) -> Summary {
        let rows = self
            .nodes
            .iter_mut()
            .map(|node| node.part.clone())
            .collect();
        let pieces: Vec<Piece> = self.nodes.into_iter().map(|node| node.piece).collect();
        let subject = decode_words(self.main.subject.as_deref().unwrap_or_default());
        let samples = self.plain.into_iter().chain(self.html);
        Summary {
            octets: self.octets,
            header: self.main_header,
            envelope: pieces
                .first()
                .map(|piece| piece.envelope.clone())
                .unwrap_or_default(),
            bodystructure: bodystructure(&pieces),
            // The rows form a tree by construction.
            parts: Parts::new(rows)
                .map(|parts| parts.encode())
                .unwrap_or_default(),
            sent: self.main.date.as_deref().and_then(date::parse),
            message_id: message_id(self.main.message_id.as_deref().unwrap_or_default()),
            base_subject: base_subject(&subject),
            subject,
            preview: samples
                .map(|sample| sample.preview())
                .find(|text| !text.is_empty())
                .unwrap_or_default(),
        }
    }

    // ---- parts

    /// A part whose header begins here.
    fn begin_part(&mut self, depth: u32) {
        self.nodes.push(Node::new(depth, self.octets));
        self.header.clear();
        self.header_line = 0;
        self.mode = Mode::Header;
        self.held = Held::Nothing;
    }

    /// Ends the part under way and those around it but for the outer `keep`: their bodies end at `end`, before which
    /// the message has `lines`.
    fn close_parts(&mut self, keep: usize, end: u64, lines: u64) {
        self.sampling = false;
        self.invent_child(keep, end);
        if self.mode == Mode::Leaf {
            let decoded = self.counter.take().map(Counter::finish);
            if let Some(node) = self.nodes.last_mut() {
                node.close(end, lines);
                node.part.decoded_octets = decoded.unwrap_or(node.piece.octets);
            }
        }
        for index in self.boundaries.keep(keep) {
            let node = &mut self.nodes[index];
            node.close(end, lines);
            node.part.decoded_octets = node.piece.octets;
        }
        self.mode = Mode::Between;
    }

    /// A multipart without a part gets one, as the grammar wants at least one (RFC 9051 §9 body-type-mpart).
    fn invent_child(&mut self, keep: usize, end: u64) {
        let Some(last) = self.nodes.last() else {
            return;
        };
        if last.part.kind != Kind::Multipart || self.boundaries.len() <= keep {
            return;
        }
        let (depth, at) = (last.part.depth + 1, end.max(last.part.body.start));
        self.begin_part(depth);
        self.mode = Mode::Between;
        if let Some(node) = self.nodes.last_mut() {
            node.part.header = at..at;
            node.part.body = at..at;
            node.lines_before = self.lines;
            node.describe(&Content::text_plain());
        }
    }

    // ---- headers

    fn header_octets<'a>(&mut self, data: &'a [u8]) -> &'a [u8] {
        let line_end = memchr(b'\n', data).map(|at| at + 1);
        let room = self.limits.header_octets.max(1) - self.header.len();
        let take = line_end.unwrap_or(data.len()).min(room);
        let (line, rest) = data.split_at(take);
        self.header.extend_from_slice(line);
        self.octets += take as u64;
        if line_end == Some(take) {
            self.lines += 1;
            self.header_line_end();
        } else if take == room {
            self.end_header();
            self.at_line_start = false;
        }
        rest
    }

    fn header_line_end(&mut self) {
        let line = &self.header[self.header_line..];
        if matches!(line, b"\n" | b"\r\n") {
            self.end_header();
        } else if let Some((index, last)) = self.boundaries.find(line) {
            self.header_boundary(index, last);
        } else if self.nodes.len() > 1
            && self.inner_header_octets >= self.limits.header_octets * INNER_HEADERS
        {
            self.header.truncate(self.header_line);
        } else {
            self.header_line = self.header.len();
        }
    }

    /// The header's last line is a boundary: the header ends before it, and the body is empty.
    fn header_boundary(&mut self, index: usize, last: bool) {
        let line = self.header.split_off(self.header_line);
        // The line break before a boundary belongs to it (RFC 2046 §5.1.1).
        let held = match self.header.as_slice() {
            [.., b'\r', b'\n'] => Held::CrLf,
            [.., b'\n'] => Held::Lf,
            _ => Held::Nothing,
        };
        self.header
            .truncate(self.header.len() - held.octets().len());
        let begin = self.octets - (line.len() + held.octets().len()) as u64;
        let lines = self.lines - u64::from(line.ends_with(b"\n")) - held.lines();
        let (octets, all_lines) = (self.octets, self.lines);
        (self.octets, self.lines) = (begin, lines);
        self.end_header();
        while self.mode == Mode::Header {
            self.end_header();
        }
        (self.octets, self.lines) = (octets, all_lines);
        self.boundary(index, last, begin, lines);
    }

    fn end_header(&mut self) {
        let header = std::mem::take(&mut self.header);
        let index = self.nodes.len() - 1;
        let parent = self.parent(index);
        let is_message = parent.is_none_or(|parent| self.nodes[parent].part.kind == Kind::Message);
        let in_digest = parent.is_some_and(|parent| self.nodes[parent].is_digest);
        let mut content = Content::text_plain();
        let mut fields = Fields::default();
        for field in header::fields(&header) {
            content.take(&field);
            if is_message {
                fields.take(&field);
            }
        }
        if in_digest {
            content.default_to_message();
        }
        if is_message {
            self.nodes[index].piece.envelope = fields.wire(&mut self.addresses_left);
        }
        if index == 0 {
            self.main_header = header;
            self.main = fields;
        } else {
            self.inner_header_octets += header.len();
            self.header = header;
        }
        self.begin_body(index, content);
    }

    /// The part around the last one.
    fn parent(&self, index: usize) -> Option<usize> {
        let depth = self.nodes[index].part.depth.checked_sub(1)?;
        self.boundaries.open_at(depth)
    }

    fn begin_body(&mut self, index: usize, mut content: Content) {
        let at = self.octets;
        let depth = self.nodes[index].part.depth;
        let deepest = depth >= self.limits.depth || self.nodes.len() >= self.limits.parts.max(1);
        let mut boundary = None;
        if content.is("multipart") {
            match content.boundary() {
                Some(_) if deepest => content.set_type("application", "octet-stream"),
                Some(found) => boundary = Some(found),
                // RFC 2045 §5.2: what is syntactically wrong is text/plain, and so can be read.
                None => content.set_type("text", "plain"),
            }
        } else if content.is_message() && deepest {
            content.set_type("application", "octet-stream");
        }
        let node = &mut self.nodes[index];
        node.part.header.end = at;
        node.part.body = at..at;
        node.lines_before = self.lines;
        self.held = Held::Nothing;
        self.at_line_start = true;
        if let Some(boundary) = boundary {
            node.part.kind = Kind::Multipart;
            node.describe(&content);
            self.boundaries.open(index, depth, Some(&boundary));
            self.mode = Mode::Between;
        } else if content.is_message() {
            node.part.kind = Kind::Message;
            node.describe(&content);
            self.boundaries.open(index, depth, None);
            self.begin_part(depth + 1);
        } else {
            node.describe(&content);
            let (part, attachment) = (&node.part, content.is_attachment());
            self.counter = is_undone(part.transfer).then(|| Counter::new(part.transfer));
            let target = if part.is_html {
                &mut self.html
            } else {
                &mut self.plain
            };
            let readable = part.is_html || content.is_subtype("plain");
            if part.is_text && readable && !attachment && target.is_none() {
                *target = Some(Sample::new(
                    part.transfer,
                    part.charset.clone(),
                    part.is_html,
                ));
                self.sampling = true;
            }
            self.mode = Mode::Leaf;
        }
    }

    // ---- bodies

    fn body_octets<'a>(&mut self, data: &'a [u8]) -> &'a [u8] {
        if !self.line.is_empty() {
            return self.more_of_line(data);
        }
        if !self.boundaries.any() {
            self.consume(data);
            return &[];
        }
        if self.at_line_start && data[0] == b'-' {
            let end = memchr(b'\n', data).map_or(data.len(), |at| at + 1);
            if data[end - 1] != b'\n' && data.len() < MAX_LINE_OCTETS {
                return self.more_of_line(data);
            }
            self.body_line(&data[..end.min(MAX_LINE_OCTETS)]);
            return &data[end.min(MAX_LINE_OCTETS)..];
        }
        // The next line that begins with "--"; or one at the end of the chunk that may go on so.
        let next = memmem::find(data, b"\n--").map(|at| at + 1);
        let end = next.unwrap_or(if data.ends_with(b"\n-") {
            data.len() - 1
        } else {
            data.len()
        });
        let (octets, rest) = data.split_at(end);
        self.consume(octets);
        self.at_line_start = octets.ends_with(b"\n");
        rest
    }

    /// Gathers a line until it is whole or cannot be a boundary.
    fn more_of_line<'a>(&mut self, data: &'a [u8]) -> &'a [u8] {
        let end = memchr(b'\n', data).map_or(data.len(), |at| at + 1);
        let take = end.min(MAX_LINE_OCTETS - self.line.len());
        self.line.extend_from_slice(&data[..take]);
        let open = !self.line.ends_with(b"\n") && self.line.len() < MAX_LINE_OCTETS;
        if open && (self.line == b"-" || self.line.starts_with(b"--")) {
            return &data[take..];
        }
        let line = std::mem::take(&mut self.line);
        self.body_line(&line);
        &data[take..]
    }

    /// A whole line, or the start of a long one.
    fn body_line(&mut self, line: &[u8]) {
        let whole = line.ends_with(b"\n");
        match self.boundaries.find(line) {
            Some((index, last)) => self.body_boundary(index, last, line),
            None => {
                self.consume(line);
                self.at_line_start = whole;
            }
        }
    }

    fn body_boundary(&mut self, index: usize, last: bool, line: &[u8]) {
        let whole = line.ends_with(b"\n");
        let (begin, lines) = (self.octets, self.lines);
        self.octets += line.len() as u64;
        self.lines += u64::from(whole);
        self.skip_line = !whole;
        self.boundary(index, last, begin, lines);
    }

    /// The rest of a boundary line, which means nothing (RFC 2046 §5.1.1).
    fn skip<'a>(&mut self, data: &'a [u8]) -> &'a [u8] {
        let end = memchr(b'\n', data).map(|at| at + 1);
        let take = end.unwrap_or(data.len());
        self.octets += take as u64;
        if end.is_some() {
            self.lines += 1;
            self.skip_line = false;
        }
        let at = self.octets;
        if let (Mode::Header, Some(node)) = (self.mode, self.nodes.last_mut()) {
            node.part.header = at..at;
            node.part.body = at..at;
        }
        &data[take..]
    }

    /// A boundary line of an open multipart, which begins at octet `begin`, before which there are `lines`.
    fn boundary(&mut self, index: usize, last: bool, begin: u64, lines: u64) {
        let held = std::mem::replace(&mut self.held, Held::Nothing);
        let end = begin - held.octets().len() as u64;
        self.close_parts(index + 1, end, lines - held.lines());
        let depth = self.boundaries.depth();
        self.at_line_start = true;
        if last {
            self.boundaries.end_last();
        } else {
            self.begin_part(depth + 1);
            if self.nodes.len() >= self.limits.parts {
                self.boundaries.end_all();
            }
        }
    }

    /// Body octets that are no boundary.
    fn consume(&mut self, data: &[u8]) {
        self.octets += data.len() as u64;
        self.lines += memchr_iter(b'\n', data).count() as u64;
        let mut data = data;
        if let (Held::Cr, [b'\n', rest @ ..]) = (self.held, data) {
            self.held = Held::CrLf;
            data = rest;
        }
        if data.is_empty() {
            return;
        }
        let held = match data {
            [.., b'\r', b'\n'] => Held::CrLf,
            [.., b'\n'] => Held::Lf,
            [.., b'\r'] => Held::Cr,
            _ => Held::Nothing,
        };
        let before = std::mem::replace(&mut self.held, held);
        self.leaf_octets(before.octets());
        self.leaf_octets(&data[..data.len() - held.octets().len()]);
    }

    fn leaf_octets(&mut self, data: &[u8]) {
        if self.mode != Mode::Leaf || data.is_empty() {
            return;
        }
        if let Some(counter) = &mut self.counter {
            counter.feed(data);
        }
        if self.sampling {
            let html = self.nodes.last().is_some_and(|node| node.part.is_html);
            let sample = if html {
                &mut self.html
            } else {
                &mut self.plain
            };
            if let Some(sample) = sample {
                sample.feed(data);
            }
        }
    }
}

/// The first `<…>` of a Message-ID, or all of it where there is none.
fn message_id(value: &[u8]) -> Vec<u8> {
    let id = memchr(b'<', value).and_then(|start| {
        let end = memchr(b'>', &value[start..])?;
        Some(&value[start..=start + end])
    });
    unfold(id.unwrap_or(value))
}

/// A whole message at once.
pub fn analyze(message: &[u8], limits: Limits) -> Summary {
    let mut analyzer = Analyzer::new(limits);
    analyzer.feed(message);
    analyzer.finish()
}
