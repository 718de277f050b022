//! URLs of messages as typed values (RFC 5092), as far as CATENATE takes them (RFC 4469).

use crate::command::Mailbox;
use crate::fetch::{Partial, Section};

/// What a client gave as an URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// As written.
    pub octets: Vec<u8>,
    /// None when it is no URL, or one of something else than a message of this server.
    pub target: Option<MessageUrl>,
}

/// A message of this server, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageUrl {
    /// None: the selected mailbox.
    pub mailbox: Option<Mailbox>,
    /// The name is a whole one; else it stands beside that of the selected mailbox (RFC 3986 §5.2.3).
    pub absolute: bool,
    /// Of the mailbox that is meant, where that matters.
    pub uid_validity: Option<u32>,
    /// Of the message; never 0.
    pub uid: u32,
    /// Which octets of it.
    pub section: Section,
    /// A part of them.
    pub partial: Option<Partial>,
}
