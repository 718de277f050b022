//! APPEND and REPLACE up to each of their messages, which are streamed and never seen here.

use super::cursor::{Cursor, LITERAL_TO_COME};
use super::{tag, Settings};
use crate::command::{Body, Mailbox, MessageHead, Replaced, Tag};
use crate::error::{Error, Fault, Parsed};
use crate::framer::Literal;
use crate::set::SequenceSet;

/// What the text up to an announced literal is.
#[derive(Debug)]
pub(crate) enum AppendText {
    /// Another command than APPEND and REPLACE.
    Other,
    /// One of these, and the literal is its mailbox name.
    Mailbox,
    /// One of these, and the literal is its first message.
    Message {
        tag: Tag,
        replaced: Option<Replaced>,
        mailbox: Mailbox,
        head: MessageHead,
    },
}

/// ```text
/// append          = "APPEND" SP mailbox 1*append-message       ; RFC 3502 §6.3.11
/// append-message  = append-opts SP append-data                 ; RFC 4466 §3
/// append-opts     = [SP flag-list] [SP date-time]
/// append-data     = literal / literal8 / append-data-ext
/// append-data     =/ utf8-literal                              ; RFC 6855 §4
/// utf8-literal    = "UTF8" SP "(" literal8 ")"
/// replace         = "REPLACE" SP seq-number SP mailbox append-message     ; RFC 8508 §5
/// uid             =/ "UID" SP replace
/// ```
impl AppendText {
    /// `text`: a command up to the announcement of `literal`, with which it ends.
    pub(crate) fn parse(text: &[u8], literal: Literal, settings: Settings) -> Parsed<Self> {
        let mut cursor = Cursor::new(text, settings);
        let tag = tag(&mut cursor)?;
        let replaced = if cursor.eat_word(b" APPEND ") {
            None
        } else if cursor.eat_word(b" REPLACE ") {
            Some(replaced(&mut cursor, false)?)
        } else if cursor.eat_word(b" UID REPLACE ") {
            Some(replaced(&mut cursor, true)?)
        } else {
            return Ok(Self::Other);
        };
        let mailbox = match cursor.mailbox() {
            Err(Error {
                fault: Fault::Expected(LITERAL_TO_COME),
                ..
            }) => return Ok(Self::Mailbox),
            other => other?,
        };
        let head = head(&mut cursor, literal)?;
        Ok(Self::Message {
            tag,
            replaced,
            mailbox,
            head,
        })
    }
}

/// `seq-number SP`
fn replaced(cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Replaced> {
    const WHAT: &str = "the number of one message";
    let start = cursor.offset();
    let set = super::set::sequence_set(cursor)?;
    match &set {
        SequenceSet::Ranges(ranges) if matches!(ranges[..], [(low, high)] if low == high) => {}
        _ => return Err(Error::expected(WHAT, start)),
    }
    cursor.space()?;
    Ok(Replaced { uid, set })
}

/// The text between two messages of an APPEND, up to the announcement of `literal`, with which it ends.
pub(crate) fn message_head(
    text: &[u8],
    literal: Literal,
    settings: Settings,
) -> Parsed<MessageHead> {
    head(&mut Cursor::new(text, settings), literal)
}

fn head(cursor: &mut Cursor<'_>, literal: Literal) -> Parsed<MessageHead> {
    const WHAT: &str = "a message as a literal";
    let mut head = MessageHead {
        flags: Vec::new(),
        internaldate: None,
        utf8: false,
    };
    cursor.space()?;
    if cursor.eat(b'(') {
        head.flags = cursor.flags_to_close()?;
        cursor.space()?;
    }
    if cursor.peek() == Some(b'"') {
        head.internaldate = Some(super::date::date_time(cursor)?);
        cursor.space()?;
    }
    if cursor.eat_word(b"UTF8 (") {
        if !literal.binary {
            return cursor.expected("a literal8");
        }
        head.utf8 = true;
    }
    if cursor.offset() == literal.at {
        Ok(head)
    } else {
        cursor.expected(WHAT)
    }
}

/// A REPLACE that ended without a message literal: finds what is wrong with it.
pub(super) fn replace_without_message(cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Body> {
    cursor.space()?;
    replaced(cursor, uid)?;
    nothing(cursor)
}

/// An APPEND that ended without a message literal: finds what is wrong with it.
pub(super) fn without_message(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    cursor.space()?;
    nothing(cursor)
}

fn nothing(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    cursor.mailbox()?;
    let nowhere = Literal {
        octets: 0,
        synchronizing: true,
        binary: true,
        at: usize::MAX,
    };
    head(cursor, nowhere)?;
    cursor.expected("a message as a literal")
}
