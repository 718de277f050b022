//! Octets to events: the framer and the grammar together, and the one command whose arguments are streamed, APPEND
//! (REPLACE is another form of it).

use std::collections::VecDeque;

use crate::appending::{Append, Step};
use crate::command::{Command, Mailbox, MessageHead, Replaced, Tag};
use crate::error::{Error, Parsed};
use crate::framer::{tag_of, Frame, Framer, Literal};
use crate::grammar::{check_beginning, parse, AppendText, Settings};
use crate::limits::Limits;
use crate::url::Url;

/// What the connection has to deal with next.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A command.
    Command(Command),
    /// A small synchronizing literal is awaited and will be held: send a continuation request.
    Continue,
    /// An APPEND has come to a message: answer with [`Decoder::accept_literal`] or [`Decoder::refuse_literal`].
    AppendMessage(AppendMessage),
    /// Octets of the accepted literal.
    LiteralData {
        /// Empty only for a literal of no octets.
        octets: &'a [u8],
        /// The literal is complete, and the message too where there is no CATENATE.
        last: bool,
    },
    /// CATENATE names octets of another message; answer with [`Decoder::refuse_literal`] when they cannot be had.
    AppendUrl(Url),
    /// CATENATE has come to octets of its own: answer with [`Decoder::accept_literal`] or [`Decoder::refuse_literal`].
    AppendText {
        /// Size.
        octets: u64,
        /// The client waits for a continuation request.
        synchronizing: bool,
    },
    /// The parts of a CATENATE are complete.
    AppendMessageEnd,
    /// The APPEND is complete.
    AppendEnd(Tag),
    /// The line asked for by [`Decoder::expect_line`], without its line end.
    Line(&'a [u8]),
    /// What cannot be a command; it is being skipped. When it is an APPEND, none of its messages is to be kept.
    Malformed(Malformed),
}

/// One message of an APPEND, announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendMessage {
    /// Of the command.
    pub tag: Tag,
    /// Of REPLACE, which is an APPEND of one message otherwise (RFC 8508).
    pub replaced: Option<Replaced>,
    /// Where to.
    pub mailbox: Mailbox,
    /// Flags and date.
    pub head: MessageHead,
    /// Size; 0 when CATENATE puts it together.
    pub octets: u64,
    /// The client waits for a continuation request.
    pub synchronizing: bool,
    /// literal8 (RFC 3516)
    pub binary: bool,
    /// False for the later messages of one APPEND (RFC 3502).
    pub first: bool,
}

/// Why something was no command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// None when not even a tag was found.
    pub tag: Option<Tag>,
    /// What was expected, and where.
    pub error: Error,
    /// The next command cannot be found: close the connection.
    pub fatal: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Decoder {
    framer: Framer,
    limits: Limits,
    utf8: bool,
    append: Option<Append>,
    /// What the last text of it says, as far as it was not told yet.
    steps: VecDeque<Step>,
    /// The command under way had a literal already: its beginning has been checked.
    checked: bool,
}

impl Decoder {
    /// For one connection.
    pub fn new(limits: Limits) -> Self {
        Self {
            framer: Framer::new(limits),
            limits,
            utf8: false,
            append: None,
            steps: VecDeque::new(),
            checked: false,
        }
    }

    /// Takes octets; copies them once.
    pub fn feed(&mut self, octets: &[u8]) {
        self.framer.feed(octets);
    }

    /// See [`Framer::pass`].
    pub fn pass(&mut self, octets: usize) -> Option<bool> {
        self.framer.pass(octets)
    }

    /// After [`Event::AppendMessage`] and [`Event::AppendText`]: its octets come as [`Event::LiteralData`].
    pub fn accept_literal(&mut self) {
        // A CATENATE has no literal of its own, and one of its parts may be waiting for its turn.
        if self.steps.is_empty() {
            self.framer.stream();
        }
    }

    /// After [`Event::AppendMessage`], [`Event::AppendUrl`] and [`Event::AppendText`]: gives the command up. Octets
    /// that arrive all the same are swallowed (RFC 7888 §4); no further event for this command.
    pub fn refuse_literal(&mut self) {
        self.framer.give_up();
        self.append = None;
        self.steps.clear();
    }

    /// The next line comes as [`Event::Line`] (IDLE's DONE, a SASL response). Call it before asking for the next event.
    pub fn expect_line(&mut self) {
        self.framer.expect_line();
    }

    /// Mailbox names are UTF-8 from the next command on (RFC 6855 §3, RFC 9051 §5.1).
    pub fn set_utf8(&mut self, enabled: bool) {
        self.utf8 = enabled;
    }

    /// Other limits from the next line on: wider ones after login.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.framer.set_limits(limits);
    }

    /// Drops everything buffered (STARTTLS, RFC 9051 §6.2.1); the count of octets dropped.
    pub fn discard(&mut self) -> usize {
        self.append = None;
        self.steps.clear();
        self.checked = false;
        self.framer.discard()
    }

    /// Octets taken and not yet handed out.
    pub fn buffered_octets(&self) -> usize {
        self.framer.buffered_octets()
    }

    /// The next event; None: needs more octets, or an answer to [`Event::AppendMessage`].
    pub fn next_event(&mut self) -> Option<Event<'_>> {
        loop {
            if let Some(step) = self.steps.pop_front() {
                if let Some(event) = self.step(step) {
                    return Some(event);
                }
                continue;
            }
            match self.framer.next_frame()? {
                Frame::Data { octets, last } => {
                    let octets = self.framer.octets(octets);
                    return Some(Event::LiteralData { octets, last });
                }
                Frame::Line { text } => return Some(Event::Line(self.framer.octets(text))),
                Frame::Malformed { text, error, fatal } => {
                    let tag = self.tag_of(text);
                    return Some(self.malformed(tag, error, fatal));
                }
                Frame::Command { text } => {
                    if let Some(event) = self.command(text) {
                        return Some(event);
                    }
                }
                Frame::Literal { text, literal } => {
                    if let Some(event) = self.literal(text, literal) {
                        return Some(event);
                    }
                }
            }
        }
    }

    fn settings(&self) -> Settings {
        Settings::new(&self.limits, self.utf8)
    }

    fn tag_of(&self, text: std::ops::Range<usize>) -> Option<Tag> {
        match &self.append {
            Some(append) => Some(append.tag.clone()),
            None => tag_of(self.framer.octets(text)).and_then(Tag::new),
        }
    }

    fn malformed(&mut self, tag: Option<Tag>, error: Error, fatal: bool) -> Event<'static> {
        self.append = None;
        self.steps.clear();
        self.checked = false;
        Event::Malformed(Malformed { tag, error, fatal })
    }

    /// A whole command, or the last text of an APPEND.
    fn command(&mut self, range: std::ops::Range<usize>) -> Option<Event<'static>> {
        self.checked = false;
        let settings = self.settings();
        let text = self.framer.octets(range.clone());
        let append = match self.append.take() {
            Some(append) => append,
            None => match parse(text, settings) {
                Ok(command) => return Some(Event::Command(command)),
                Err(error) => match without_literal(text, settings) {
                    Some(append) => append,
                    None => {
                        let tag = self.tag_of(range);
                        return Some(self.malformed(tag, error, false));
                    }
                },
            },
        };
        let tag = append.tag.clone();
        match read(append, text, None, settings, &self.limits) {
            Ok((append, steps)) => {
                (self.append, self.steps) = (Some(append), steps);
                None
            }
            Err(error) => Some(self.malformed(Some(tag), error, false)),
        }
    }

    /// A literal was announced: hold it, offer it as a message, or give the command up.
    fn literal(
        &mut self,
        range: std::ops::Range<usize>,
        literal: Literal,
    ) -> Option<Event<'static>> {
        let tag = self.tag_of(range.clone());
        let settings = self.settings();
        let text = self.framer.octets(range);
        let found = match self.append.take() {
            Some(append) => Ok(Found::Append(append)),
            None => first_literal(text, settings, self.checked),
        };
        let append = match found {
            Ok(Found::Inline) => return self.hold(tag, literal),
            Ok(Found::Append(append)) => read(append, text, Some(literal), settings, &self.limits),
            Err(error) => Err(error),
        };
        match append {
            Ok((append, steps)) => {
                (self.append, self.steps) = (Some(append), steps);
                self.checked = false;
                None
            }
            Err(error) => {
                let fatal = self.framer.give_up();
                Some(self.malformed(tag, error, fatal))
            }
        }
    }

    fn hold(&mut self, tag: Option<Tag>, literal: Literal) -> Option<Event<'static>> {
        match self.framer.hold() {
            Ok(()) => {
                self.checked = true;
                literal.synchronizing.then_some(Event::Continue)
            }
            Err((error, fatal)) => Some(self.malformed(tag, error, fatal)),
        }
    }

    /// One step of the APPEND under way; None: it takes nobody's doing.
    fn step(&mut self, step: Step) -> Option<Event<'static>> {
        let append = self.append.as_ref()?;
        let tag = append.tag.clone();
        Some(match step {
            Step::Message {
                head,
                literal,
                first,
            } => Event::AppendMessage(AppendMessage {
                tag,
                replaced: append.replaced.clone(),
                mailbox: append.mailbox.clone(),
                first,
                head: *head,
                octets: literal.map_or(0, |literal| literal.octets),
                synchronizing: literal.is_some_and(|literal| literal.synchronizing),
                binary: literal.is_some_and(|literal| literal.binary),
            }),
            Step::Url(url) => Event::AppendUrl(*url),
            Step::Text(literal) => Event::AppendText {
                octets: literal.octets,
                synchronizing: literal.synchronizing,
            },
            Step::UrlToCome(literal) => return self.hold(Some(tag), literal),
            Step::MessageEnd => Event::AppendMessageEnd,
            Step::End => {
                self.append = None;
                Event::AppendEnd(tag)
            }
        })
    }
}

enum Found {
    /// A literal to be held.
    Inline,
    /// The text has come to the first message.
    Append(Append),
}

/// A literal of a command of which nothing was streamed yet.
///
/// The first one is a chance to find the command wrong before its octets are sent. Later ones are not looked at,
/// else a command with many literals would be read many times.
fn first_literal(text: &[u8], settings: Settings, checked: bool) -> Result<Found, Error> {
    match AppendText::parse(text, settings)? {
        AppendText::Message {
            tag,
            replaced,
            mailbox,
            at,
        } => Ok(Found::Append(Append::new(tag, replaced, mailbox, at))),
        AppendText::Mailbox => Ok(Found::Inline),
        AppendText::Other if checked => Ok(Found::Inline),
        AppendText::Other => check_beginning(text, settings).map(|()| Found::Inline),
    }
}

/// An APPEND in one line, as there may be one of nothing but URLs.
fn without_literal(text: &[u8], settings: Settings) -> Option<Append> {
    match AppendText::parse(text, settings) {
        Ok(AppendText::Message {
            tag,
            replaced,
            mailbox,
            at,
        }) => Some(Append::new(tag, replaced, mailbox, at)),
        _ => None,
    }
}

fn read(
    mut append: Append,
    text: &[u8],
    literal: Option<Literal>,
    settings: Settings,
    limits: &Limits,
) -> Parsed<(Append, VecDeque<Step>)> {
    let steps = append.read(text, literal, settings, limits)?;
    Ok((append, steps))
}
