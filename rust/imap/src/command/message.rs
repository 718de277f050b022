//! Commands on messages (RFC 9051 §6.4), and APPEND.

use super::{Flag, Mailbox};
use crate::date::DateTime;
use crate::fetch::FetchItems;
use crate::partial::PartialRange;
use crate::set::SequenceSet;

/// FETCH
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// UID FETCH
    pub uid: bool,
    /// Of which messages.
    pub set: SequenceSet,
    /// What.
    pub items: FetchItems,
    /// Only messages with a greater MODSEQ (RFC 7162 §3.1.4.1).
    pub changed_since: Option<u64>,
    /// Report expunged messages (RFC 7162 §3.2.6); only with UID and `changed_since`.
    pub vanished: bool,
    /// Of the messages of the set only these (RFC 9394 §3.3); only with UID.
    pub partial: Option<PartialRange>,
}

/// What STORE does with its flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreOp {
    /// FLAGS
    Set,
    /// +FLAGS
    Add,
    /// -FLAGS
    Remove,
}

/// STORE
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// UID STORE
    pub uid: bool,
    /// Of which messages.
    pub set: SequenceSet,
    /// How.
    pub op: StoreOp,
    /// .SILENT
    pub silent: bool,
    /// May be empty.
    pub flags: Vec<Flag>,
    /// Leave messages with a greater MODSEQ alone (RFC 7162 §3.1.3).
    pub unchanged_since: Option<u64>,
}

/// COPY, MOVE
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// UID COPY, UID MOVE
    pub uid: bool,
    /// Which messages.
    pub set: SequenceSet,
    /// Where to.
    pub mailbox: Mailbox,
}

/// What REPLACE replaces (RFC 8508 §3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// UID REPLACE
    pub uid: bool,
    /// One number, or "*".
    pub set: SequenceSet,
}

/// What an APPEND says of its next message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageHead {
    /// May be empty.
    pub flags: Vec<Flag>,
    /// INTERNALDATE wanted.
    pub internaldate: Option<DateTime>,
    /// Inside `UTF8 (…)` (RFC 6855 §4): ")" follows the literal.
    pub utf8: bool,
    /// `CATENATE (`: parts follow instead of a literal (RFC 4469).
    pub catenate: bool,
}
