//! An APPEND or REPLACE under way: what the text between its literals says, in order.

use std::collections::VecDeque;

use crate::command::{Mailbox, MessageHead, Replaced, Tag};
use crate::error::{Error, Parsed};
use crate::framer::Literal;
use crate::grammar::catenate::{part, Part};
use crate::grammar::{message_head, Cursor, Settings};
use crate::limits::Limits;
use crate::url::Url;

/// What the text says, one thing at a time. A literal, where there is one, is what the text ends with.
#[derive(Debug)]
pub(crate) enum Step {
    /// A message begins, the first one or another; its octets are the literal, or what CATENATE names when there is none.
    Message {
        head: Box<MessageHead>,
        literal: Option<Literal>,
        first: bool,
    },
    /// CATENATE: octets of another message.
    Url(Box<Url>),
    /// CATENATE: octets of a literal.
    Text(Literal),
    /// An URL is in a literal, and is known when that is here.
    UrlToCome(Literal),
    /// CATENATE: the message is complete.
    MessageEnd,
    /// The command is complete.
    End,
}

/// Where the text stands.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Behind the mailbox.
    Mailbox,
    /// Behind a message; ")" of `UTF8 (` is still to come.
    Message { utf8: bool },
    /// In a CATENATE, where a part may begin.
    Parts { first: bool },
    /// In a CATENATE, behind a literal; ")" of `UTF8 (` is still to come.
    Text { utf8: bool },
}

#[derive(Debug)]
pub(crate) struct Append {
    pub(crate) tag: Tag,
    pub(crate) replaced: Option<Replaced>,
    pub(crate) mailbox: Mailbox,
    /// Begun so far.
    messages: usize,
    place: Place,
    /// So much of the text has been read before: the next text begins with it.
    read: usize,
}

impl Append {
    /// at: octets of the command up to the end of its mailbox.
    pub(crate) fn new(tag: Tag, replaced: Option<Replaced>, mailbox: Mailbox, at: usize) -> Self {
        Self {
            tag,
            replaced,
            mailbox,
            messages: 0,
            place: Place::Mailbox,
            read: at,
        }
    }

    /// What a text says that ends with the announcement of a literal, or with the command.
    ///
    /// The text: from the beginning of the command, or from the last literal that was streamed.
    pub(crate) fn read(
        &mut self,
        text: &[u8],
        literal: Option<Literal>,
        settings: Settings,
        limits: &Limits,
    ) -> Parsed<VecDeque<Step>> {
        let mut cursor = Cursor::beyond(text, std::mem::take(&mut self.read), settings);
        let mut steps = VecDeque::new();
        loop {
            match self.place {
                Place::Mailbox => {
                    let head = message_head(&mut cursor, literal)?;
                    steps.push_back(self.message(head, literal, limits)?);
                    if !matches!(self.place, Place::Parts { .. }) {
                        return Ok(steps);
                    }
                }
                Place::Message { utf8 } => {
                    close_utf8(&mut cursor, utf8)?;
                    // QUIRK_TRAILING_SPACE, as everywhere.
                    if literal.is_none() && cursor.rest().iter().all(|octet| *octet == b' ') {
                        steps.push_back(Step::End);
                        return Ok(steps);
                    }
                    let head = self.next_head(&mut cursor, literal)?;
                    steps.push_back(self.message(head, literal, limits)?);
                    if !matches!(self.place, Place::Parts { .. }) {
                        return Ok(steps);
                    }
                }
                Place::Text { utf8 } => {
                    close_utf8(&mut cursor, utf8)?;
                    self.place = Place::Parts { first: false };
                }
                Place::Parts { first } => {
                    let start = cursor.offset();
                    if !first {
                        if cursor.eat(b')') {
                            steps.push_back(Step::MessageEnd);
                            self.place = Place::Message { utf8: false };
                            continue;
                        }
                        cursor.expect(b' ', "a space or \")\"")?;
                    }
                    match (part(&mut cursor, literal)?, literal) {
                        (Part::Url(url), _) => {
                            steps.push_back(Step::Url(url));
                            self.place = Place::Parts { first: false };
                        }
                        (Part::Text { utf8 }, Some(literal)) => {
                            bounded(literal, limits)?;
                            steps.push_back(Step::Text(literal));
                            self.place = Place::Text { utf8 };
                            return Ok(steps);
                        }
                        (Part::UrlToCome, Some(literal)) => {
                            steps.push_back(Step::UrlToCome(literal));
                            self.read = start;
                            return Ok(steps);
                        }
                        (_, None) => return Err(Error::expected("a literal", start)),
                    }
                }
            }
        }
    }

    /// The head of a message behind another one.
    fn next_head(&self, cursor: &mut Cursor<'_>, literal: Option<Literal>) -> Parsed<MessageHead> {
        let start = cursor.offset();
        if self.replaced.is_some() {
            // RFC 8508 §4.7: one message for one.
            return Err(Error::expected("the end of the line", start));
        }
        message_head(cursor, literal).map_err(|error| match literal {
            Some(_) => error,
            None => Error::expected("the end of the line, or a message as a literal", start),
        })
    }

    fn message(
        &mut self,
        head: MessageHead,
        literal: Option<Literal>,
        limits: &Limits,
    ) -> Parsed<Step> {
        self.messages += 1;
        let literal = literal.filter(|_| !head.catenate);
        if let Some(literal) = literal {
            bounded(literal, limits)?;
        }
        if self.messages > limits.messages {
            let at = literal.map_or(0, |literal| literal.at);
            let most = limits.messages as u64;
            return Err(Error::limit("messages in one APPEND", most, at));
        }
        self.place = if head.catenate {
            Place::Parts { first: true }
        } else {
            Place::Message { utf8: head.utf8 }
        };
        Ok(Step::Message {
            head: Box::new(head),
            literal,
            first: self.messages == 1,
        })
    }
}

fn bounded(literal: Literal, limits: &Limits) -> Parsed<()> {
    let most = limits.message_octets;
    if literal.octets > most {
        return Err(Error::limit("octets of a message", most, literal.at));
    }
    Ok(())
}

fn close_utf8(cursor: &mut Cursor<'_>, utf8: bool) -> Parsed<()> {
    if utf8 {
        cursor.expect(b')', "\")\" after the message")?;
    }
    Ok(())
}
