//! Octets in chunks of any size to lines, literals and whole commands, without understanding a command.
//!
//! Framing comes before parsing so that malformed input can be skipped without ever reading the octets of a
//! literal as a command. Whoever reads the frames decides what becomes of a literal when it is announced:
//!
//! - [`Framer::hold`]: it becomes part of the command, inline;
//! - [`Framer::stream`]: its octets are handed out as they come and never held;
//! - [`Framer::give_up`]: the command is skipped. A refused synchronizing literal is never sent, so the command
//!   ends with its line; the octets of a non-synchronizing one arrive all the same and are swallowed, with the
//!   rest of the line and what literals it announces in turn (RFC 7888 §3, §4).
//!
//! Every octet is looked at once, however small the chunks are: `scanned` remembers how far.

use std::ops::Range;

use memchr::memchr;

use crate::error::Error;
use crate::grammar::octets::is_tag_char;
use crate::limits::Limits;

/// Up to here a refused non-synchronizing literal is read and dropped; beyond, waiting for its end serves nobody
/// and the connection is better closed (RFC 7888 §4 leaves the choice).
pub const SWALLOW_OCTETS: u64 = 1 << 30;

/// The largest number of a literal: `number64` (RFC 9051 §9).
const MAX_NUMBER: u64 = i64::MAX as u64;

/// A literal announcement is looked for in the last octets of a line only; longer ones do not exist.
const ANNOUNCEMENT_OCTETS: usize = 64;

/// A line that is too long is answered by its tag if that is not longer than this.
const TAG_OCTETS: usize = 64;

/// A connection with nothing buffered gives a buffer larger than this back.
const IDLE_BUFFER_OCTETS: usize = 4096;

/// The announcement at the end of a line: `literal` or `literal8` (RFC 9051 §9, RFC 7888 §8, RFC 4466 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Literal {
    /// Octets that follow the line end.
    pub octets: u64,
    /// `{n}`: the peer waits for a continuation request. False for `{n+}`.
    pub synchronizing: bool,
    /// `~{n}`
    pub binary: bool,
    /// Where the announcement starts in the command.
    pub at: usize,
}

/// What comes next. Ranges are for [`Framer::octets`] and hold until the next call that changes the framer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A line of a command ended with a literal announcement. Decide: hold, stream or give up.
    Literal {
        /// The command so far, this line without its line end.
        text: Range<usize>,
        /// What was announced.
        literal: Literal,
    },
    /// A command is complete. After a streamed literal only what follows it.
    Command {
        /// Its octets without the last line end; inline literals with their announcement and line end.
        text: Range<usize>,
    },
    /// A line that was asked for by [`Framer::expect_line`].
    Line {
        /// Its octets without the line end.
        text: Range<usize>,
    },
    /// Octets of a streamed literal.
    Data {
        /// The octets; empty only for a literal of no octets.
        octets: Range<usize>,
        /// Nothing is missing.
        last: bool,
    },
    /// A line that is too long, or a literal whose size is not a number. Already being skipped.
    Malformed {
        /// The beginning of the command, for its tag.
        text: Range<usize>,
        /// What is wrong.
        error: Error,
        /// The next command cannot be found any more.
        fatal: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Lines of a command.
    Command,
    /// A literal was announced, nothing is decided.
    Deciding(Literal),
    /// Octets still to be read before the command goes on, held inline.
    Holding(u64),
    /// Octets still to be handed out.
    Streaming(u64),
    /// The rest of a line that nobody wants.
    SkippingLine,
    /// Octets of a literal that nobody wants.
    SkippingLiteral(u64),
    /// One line that is no command.
    Line,
    /// Nothing makes sense any more.
    Lost,
}

/// See the module.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    buffer: Vec<u8>,
    /// First octet of the command, or of what is not yet handed out.
    start: usize,
    /// First octet of the line under way.
    line: usize,
    /// No line end between `line` and here.
    scanned: usize,
    /// Inline literals of this command.
    literals: usize,
    state: State,
}

impl Framer {
    /// An empty framer.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            buffer: Vec::new(),
            start: 0,
            line: 0,
            scanned: 0,
            literals: 0,
            state: State::Command,
        }
    }

    /// Takes octets; copies them once.
    pub fn feed(&mut self, octets: &[u8]) {
        if self.state == State::Lost {
            return;
        }
        self.compact();
        self.buffer.extend_from_slice(octets);
    }

    /// Octets that a frame names.
    pub fn octets(&self, range: Range<usize>) -> &[u8] {
        self.buffer.get(range).unwrap_or_default()
    }

    /// Octets taken and not yet handed out.
    pub fn buffered_octets(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Lets `octets` octets of a streamed literal pass that the caller holds himself and has not fed; no copy.
    /// None when that is not possible now (then feed them), else whether they end the literal.
    pub fn pass(&mut self, octets: usize) -> Option<bool> {
        let State::Streaming(missing) = self.state else {
            return None;
        };
        if self.start != self.buffer.len() || octets == 0 || octets as u64 > missing {
            return None;
        }
        Some(self.streamed(missing - octets as u64))
    }

    /// The next line is no command: it comes as [`Frame::Line`]. Only between commands.
    pub fn expect_line(&mut self) {
        if self.state == State::Command && self.line == self.start {
            self.state = State::Line;
        }
    }

    /// Other limits from the next line on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Drops what is buffered and begins anew (STARTTLS, RFC 9051 §6.2.1); the count of octets dropped.
    pub fn discard(&mut self) -> usize {
        let dropped = self.buffered_octets();
        *self = Self::new(self.limits);
        dropped
    }

    /// The announced literal becomes part of the command; Err when that exceeds a limit, and the command is given up.
    /// The flag in the error says that the next command cannot be found any more.
    pub fn hold(&mut self) -> Result<(), (Error, bool)> {
        let State::Deciding(literal) = self.state else {
            return Ok(());
        };
        let held = (self.scanned - self.start) as u64;
        let error = if self.literals >= self.limits.literals {
            Error::limit(
                "literals in one command",
                self.limits.literals as u64,
                literal.at,
            )
        } else if literal.octets > (self.limits.command_octets as u64).saturating_sub(held) {
            Error::limit(
                "octets of one command",
                self.limits.command_octets as u64,
                literal.at,
            )
        } else {
            self.literals += 1;
            self.state = State::Holding(literal.octets);
            return Ok(());
        };
        Err((error, self.give_up()))
    }

    /// The announced literal is handed out as it comes; what led to it is dropped.
    pub fn stream(&mut self) {
        if let State::Deciding(literal) = self.state {
            self.next_command();
            self.state = State::Streaming(literal.octets);
        }
    }

    /// Skips the rest of the command whose literal was announced. True: the next one cannot be found.
    pub fn give_up(&mut self) -> bool {
        let State::Deciding(literal) = self.state else {
            return false;
        };
        if literal.synchronizing {
            self.next_command();
        } else if literal.octets > SWALLOW_OCTETS.max(self.limits.message_octets) {
            self.state = State::Lost;
            return true;
        } else {
            self.next_command();
            self.state = State::SkippingLiteral(literal.octets);
        }
        false
    }

    /// The next frame; None: needs more octets, or a decision about a literal.
    pub fn next_frame(&mut self) -> Option<Frame> {
        let frame = self.advance();
        if frame.is_none() {
            self.compact();
        }
        frame
    }

    fn advance(&mut self) -> Option<Frame> {
        loop {
            match self.state {
                State::Deciding(_) => return None,
                State::Lost => {
                    self.start = self.buffer.len();
                    self.scanned = self.start;
                    self.line = self.start;
                    return None;
                }
                State::Command => return self.command_line(),
                State::Line => return self.other_line(),
                State::Holding(missing) => {
                    let available = (self.buffer.len() - self.scanned) as u64;
                    let taken = missing.min(available);
                    self.scanned += taken as usize;
                    if taken < missing {
                        self.state = State::Holding(missing - taken);
                        return None;
                    }
                    self.line = self.scanned;
                    self.state = State::Command;
                }
                State::Streaming(missing) => {
                    let taken = missing.min(self.buffered_octets() as u64);
                    if taken == 0 && missing > 0 {
                        return None;
                    }
                    let octets = self.start..self.start + taken as usize;
                    self.scanned = octets.end;
                    let last = self.streamed(missing - taken);
                    return Some(Frame::Data { octets, last });
                }
                State::SkippingLiteral(missing) => {
                    let taken = missing.min(self.buffered_octets() as u64);
                    self.start += taken as usize;
                    self.line = self.start;
                    self.scanned = self.start;
                    if taken < missing {
                        self.state = State::SkippingLiteral(missing - taken);
                        return None;
                    }
                    self.state = State::SkippingLine;
                }
                State::SkippingLine => self.skip_line()?,
            }
        }
    }

    /// A line of a command: an announcement, the end of the command, or too long.
    fn command_line(&mut self) -> Option<Frame> {
        let held = self.line - self.start;
        let (limit, what) = match self.limits.command_octets.saturating_sub(held) {
            rest if rest < self.limits.line_octets => (rest, "octets of one command"),
            _ => (self.limits.line_octets, "octets in one line"),
        };
        let Some(text) = self.line_within(limit)? else {
            let total = if what == "octets in one line" {
                limit
            } else {
                self.limits.command_octets
            };
            let error = Error::limit(what, total as u64, held + limit);
            let word = self.first_word(error.offset);
            return Some(self.too_long(word, error));
        };
        let command = self.start..text.end;
        match announcement(self.octets(text), held) {
            Announcement::None => {
                self.next_command();
                Some(Frame::Command { text: command })
            }
            Announcement::Literal(literal) => {
                self.state = State::Deciding(literal);
                Some(Frame::Literal {
                    text: command,
                    literal,
                })
            }
            Announcement::Overflow { synchronizing, at } => {
                // Nobody can tell where a non-synchronizing literal of unknown size ends.
                let error = Error::limit("octets of a literal", MAX_NUMBER, at);
                if synchronizing {
                    self.next_command();
                } else {
                    self.state = State::Lost;
                }
                Some(Frame::Malformed {
                    text: command,
                    error,
                    fatal: !synchronizing,
                })
            }
        }
    }

    fn other_line(&mut self) -> Option<Frame> {
        let limit = self.limits.line_octets;
        match self.line_within(limit)? {
            Some(text) => {
                self.next_command();
                Some(Frame::Line { text })
            }
            None => {
                let error = Error::limit("octets in one line", limit as u64, limit);
                Some(self.too_long(self.start..self.start, error))
            }
        }
    }

    /// The line under way without its line end: None when it has not arrived, Some(None) when it is longer than `limit`.
    /// Its line end counts as scanned afterwards.
    ///
    /// QUIRK_BARE_LF: LF alone ends a line as CRLF does (people with telnet or netcat, and scripts; Dovecot and
    /// Cyrus do the same). No text of the grammar can contain LF, so nothing becomes ambiguous.
    fn line_within(&mut self, limit: usize) -> Option<Option<Range<usize>>> {
        let found = memchr(b'\n', &self.buffer[self.scanned..]).map(|at| self.scanned + at);
        let end = found.unwrap_or(self.buffer.len());
        let text = self.line..end - usize::from(end > self.line && self.buffer[end - 1] == b'\r');
        if text.len() > limit {
            return Some(None);
        }
        if let Some(end) = found {
            self.scanned = end + 1;
            return Some(Some(text));
        }
        self.scanned = end;
        None
    }

    /// The first word of a command of which `octets` are here, if it is a short one; else nothing.
    fn first_word(&self, octets: usize) -> Range<usize> {
        let text = self.octets(self.start..self.start + octets.min(TAG_OCTETS));
        self.start..self.start + memchr(b' ', text).unwrap_or(0)
    }

    /// Begins to skip a line that is too long.
    fn too_long(&mut self, text: Range<usize>, error: Error) -> Frame {
        self.start = self.line;
        self.scanned = self.line;
        self.state = State::SkippingLine;
        Frame::Malformed {
            text,
            error,
            fatal: false,
        }
    }

    /// Drops octets up to a line end that is not an announcement. None: needs more octets.
    fn skip_line(&mut self) -> Option<()> {
        let Some(at) = memchr(b'\n', &self.buffer[self.scanned..]) else {
            // What could be the beginning of an announcement stays, with its CR.
            self.scanned = self.buffer.len();
            self.start = self
                .start
                .max(self.scanned.saturating_sub(ANNOUNCEMENT_OCTETS + 1));
            self.line = self.start;
            return None;
        };
        let end = self.scanned + at;
        let text = self.start..end - usize::from(end > self.start && self.buffer[end - 1] == b'\r');
        let found = announcement(self.octets(text), 0);
        self.scanned = end + 1;
        match found {
            Announcement::Literal(literal) if !literal.synchronizing => {
                self.state = State::Deciding(literal);
                self.give_up();
            }
            Announcement::Overflow {
                synchronizing: false,
                ..
            } => self.state = State::Lost,
            _ => self.next_command(),
        }
        Some(())
    }

    /// What was streamed ends at `scanned`. True when nothing is missing.
    fn streamed(&mut self, missing: u64) -> bool {
        self.next_command();
        if missing > 0 {
            self.state = State::Streaming(missing);
        }
        missing == 0
    }

    fn next_command(&mut self) {
        self.start = self.scanned;
        self.line = self.scanned;
        self.literals = 0;
        self.state = State::Command;
    }

    /// Forgets what was handed out; amortized over the octets fed.
    fn compact(&mut self) {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            if self.buffer.capacity() > IDLE_BUFFER_OCTETS {
                self.buffer = Vec::new();
            }
        } else if self.start > self.buffer.len() / 2 {
            self.buffer.drain(..self.start);
        } else {
            return;
        }
        self.line -= self.start;
        self.scanned -= self.start;
        self.start = 0;
    }
}

/// `tag = 1*<any ASTRING-CHAR except "+">`, at the start of a command, when it is the whole text or SP follows.
pub fn tag_of(text: &[u8]) -> Option<&str> {
    let tag = text.split(|octet| *octet == b' ').next()?;
    if tag.is_empty() || !tag.iter().all(|octet| is_tag_char(*octet)) {
        return None;
    }
    std::str::from_utf8(tag).ok()
}

enum Announcement {
    None,
    Literal(Literal),
    Overflow { synchronizing: bool, at: usize },
}

/// `["~"] "{" 1*DIGIT ["+"] "}"` at the end of a line (RFC 9051 §9 literal, literal8; RFC 7888 §3).
/// `before`: octets of the command before this line.
///
/// A number that is none ("{-1}", "{x}", "{}") is no announcement: the line is malformed, nothing follows it.
fn announcement(line: &[u8], before: usize) -> Announcement {
    let Some(inner) = line.strip_suffix(b"}") else {
        return Announcement::None;
    };
    let (inner, synchronizing) = match inner.strip_suffix(b"+") {
        Some(inner) => (inner, false),
        None => (inner, true),
    };
    let window = inner.len().saturating_sub(ANNOUNCEMENT_OCTETS - 3);
    let digits = inner[window..]
        .iter()
        .rev()
        .take_while(|octet| octet.is_ascii_digit())
        .count();
    let brace = inner.len() - digits;
    if digits == 0 || brace == 0 || inner[brace - 1] != b'{' {
        return Announcement::None;
    }
    let binary = brace >= 2 && inner[brace - 2] == b'~';
    let at = before + brace - 1 - usize::from(binary);
    let number = inner[brace..].iter().try_fold(0_u64, |number, digit| {
        number
            .checked_mul(10)?
            .checked_add(u64::from(digit - b'0'))
            .filter(|number| *number <= MAX_NUMBER)
    });
    match number {
        Some(octets) => Announcement::Literal(Literal {
            octets,
            synchronizing,
            binary,
            at,
        }),
        None => Announcement::Overflow { synchronizing, at },
    }
}
