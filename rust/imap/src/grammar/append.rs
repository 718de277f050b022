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
    /// One of these; its first message begins at `at`.
    Message {
        tag: Tag,
        replaced: Option<Replaced>,
        mailbox: Mailbox,
        at: usize,
    },
}

/// ```text
/// append          = "APPEND" SP mailbox 1*append-message       ; RFC 3502 §6.3.11
/// append-message  = append-opts SP append-data                 ; RFC 4466 §3
/// append-opts     = [SP flag-list] [SP date-time]
/// append-data     = literal / literal8 / append-data-ext
/// append-data     =/ utf8-literal                              ; RFC 6855 §4
/// append-data     =/ "CATENATE" SP "(" cat-part *(SP cat-part) ")"        ; RFC 4469 §5
/// utf8-literal    = "UTF8" SP "(" literal8 ")"
/// replace         = "REPLACE" SP seq-number SP mailbox append-message     ; RFC 8508 §5
/// uid             =/ "UID" SP replace
/// ```
impl AppendText {
    /// `text`: a command, whole or up to the announcement of a literal.
    pub(crate) fn parse(text: &[u8], settings: Settings) -> Parsed<Self> {
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
        Ok(Self::Message {
            tag,
            replaced,
            mailbox,
            at: cursor.offset(),
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

/// A message up to its literal, with which the text ends, or up to the first part of CATENATE.
pub(crate) fn message_head(
    cursor: &mut Cursor<'_>,
    literal: Option<Literal>,
) -> Parsed<MessageHead> {
    const WHAT: &str = "a message as a literal";
    let mut head = MessageHead {
        flags: Vec::new(),
        internaldate: None,
        utf8: false,
        catenate: false,
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
    if cursor.eat_word(b"CATENATE (") {
        head.catenate = true;
        return Ok(head);
    }
    if cursor.eat_word(b"UTF8 (") {
        if literal.is_some_and(|literal| !literal.binary) {
            return cursor.expected("a literal8");
        }
        head.utf8 = true;
    }
    if literal.is_some_and(|literal| literal.at == cursor.offset()) {
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
    message_head(cursor, None)?;
    cursor.expected("a message as a literal")
}
