//! Octets to events: the framer and the grammar together, and the one command whose arguments are streamed, APPEND.

use crate::command::{Command, Mailbox, MessageHead, Replaced, Tag};
use crate::error::Error;
use crate::framer::{tag_of, Frame, Framer, Literal};
use crate::grammar::{check_beginning, message_head, parse, AppendText, Settings};
use crate::limits::Limits;

/// What the connection has to deal with next.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A command.
    Command(Command),
    /// A small synchronizing literal is awaited and will be held: send a continuation request.
    Continue,
    /// An APPEND has come to a message: answer with [`Decoder::accept_literal`] or [`Decoder::refuse_literal`].
    AppendMessage(AppendMessage),
    /// Octets of the accepted message.
    LiteralData {
        /// Empty only for a message of no octets.
        octets: &'a [u8],
        /// The message is complete.
        last: bool,
    },
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
    /// Size.
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

/// An APPEND after its first message literal was accepted.
#[derive(Debug)]
struct Append {
    tag: Tag,
    replaced: Option<Replaced>,
    mailbox: Mailbox,
    messages: usize,
    /// ")" must follow the message.
    utf8: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Decoder {
    framer: Framer,
    limits: Limits,
    utf8: bool,
    append: Option<Append>,
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

    /// After [`Event::AppendMessage`]: its octets come as [`Event::LiteralData`].
    pub fn accept_literal(&mut self) {
        self.framer.stream();
    }

    /// After [`Event::AppendMessage`]: gives the command up. Octets that arrive all the same are swallowed
    /// (RFC 7888 §4); no further event for this command.
    pub fn refuse_literal(&mut self) {
        self.framer.give_up();
        self.append = None;
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
                Frame::Command { text } => return Some(self.command(text)),
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
        self.checked = false;
        Event::Malformed(Malformed { tag, error, fatal })
    }

    /// A whole command, or the end of an APPEND.
    fn command(&mut self, range: std::ops::Range<usize>) -> Event<'static> {
        self.checked = false;
        let settings = self.settings();
        let text = self.framer.octets(range.clone());
        let result = match &self.append {
            None => parse(text, settings).map(Event::Command),
            Some(append) => after_message(text, append.utf8).and_then(|(rest, offset)| {
                // QUIRK_TRAILING_SPACE, as everywhere.
                if rest.iter().all(|octet| *octet == b' ') {
                    Ok(Event::AppendEnd(append.tag.clone()))
                } else {
                    Err(Error::expected(
                        "the end of the line, or a message as a literal",
                        offset,
                    ))
                }
            }),
        };
        match result {
            Ok(event) => {
                self.append = None;
                event
            }
            Err(error) => {
                let tag = self.tag_of(range);
                self.malformed(tag, error, false)
            }
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
            Some(append) => next_message(append, text, literal, settings).map(Found::Message),
            None => first_literal(text, literal, settings, self.checked),
        };
        let result = match found {
            Ok(Found::Inline) => match self.framer.hold() {
                Ok(()) => {
                    self.checked = true;
                    return literal.synchronizing.then_some(Event::Continue);
                }
                Err((error, fatal)) => return Some(self.malformed(tag, error, fatal)),
            },
            Ok(Found::Message(found)) => self.message(found, literal),
            Err(error) => Err(error),
        };
        Some(match result {
            Ok(message) => Event::AppendMessage(message),
            Err(error) => {
                let fatal = self.framer.give_up();
                self.malformed(tag, error, fatal)
            }
        })
    }

    fn message(
        &mut self,
        found: (Append, MessageHead),
        literal: Literal,
    ) -> Result<AppendMessage, Error> {
        let (append, head) = found;
        if literal.octets > self.limits.message_octets {
            return Err(Error::limit(
                "octets of a message",
                self.limits.message_octets,
                literal.at,
            ));
        }
        if append.messages > self.limits.messages {
            return Err(Error::limit(
                "messages in one APPEND",
                self.limits.messages as u64,
                literal.at,
            ));
        }
        let message = AppendMessage {
            tag: append.tag.clone(),
            replaced: append.replaced.clone(),
            mailbox: append.mailbox.clone(),
            head,
            octets: literal.octets,
            synchronizing: literal.synchronizing,
            binary: literal.binary,
            first: append.messages == 1,
        };
        self.append = Some(append);
        self.checked = false;
        Ok(message)
    }
}

enum Found {
    /// A literal to be held.
    Inline,
    /// A message to be streamed.
    Message((Append, MessageHead)),
}

/// A literal of a command of which nothing was streamed yet.
///
/// The first one is a chance to find the command wrong before its octets are sent. Later ones are not looked at,
/// else a command with many literals would be read many times.
fn first_literal(
    text: &[u8],
    literal: Literal,
    settings: Settings,
    checked: bool,
) -> Result<Found, Error> {
    match AppendText::parse(text, literal, settings)? {
        AppendText::Message {
            tag,
            replaced,
            mailbox,
            head,
        } => {
            let append = Append {
                tag,
                replaced,
                mailbox,
                messages: 1,
                utf8: head.utf8,
            };
            Ok(Found::Message((append, head)))
        }
        AppendText::Mailbox => Ok(Found::Inline),
        AppendText::Other if checked => Ok(Found::Inline),
        AppendText::Other => check_beginning(text, settings).map(|()| Found::Inline),
    }
}

fn next_message(
    mut append: Append,
    text: &[u8],
    literal: Literal,
    settings: Settings,
) -> Result<(Append, MessageHead), Error> {
    let (rest, offset) = after_message(text, append.utf8)?;
    if append.replaced.is_some() {
        // RFC 8508 §4.7: one message for one.
        return Err(Error::expected("the end of the line", offset));
    }
    let literal = Literal {
        at: literal.at.saturating_sub(offset),
        ..literal
    };
    let head = message_head(rest, literal, settings).map_err(|error| Error {
        offset: error.offset + offset,
        ..error
    })?;
    append.messages += 1;
    append.utf8 = head.utf8;
    Ok((append, head))
}

/// What follows a message, without the ")" of `UTF8 (…)`, and where it begins.
fn after_message(text: &[u8], utf8: bool) -> Result<(&[u8], usize), Error> {
    if !utf8 {
        return Ok((text, 0));
    }
    match text.strip_prefix(b")") {
        Some(rest) => Ok((rest, 1)),
        None => Err(Error::expected("\")\" after the message", 0)),
    }
}
