//! Commands on mailboxes (RFC 9051 §6.3).

use super::words::words;
use super::{Flag, Mailbox, StoreOp};
use crate::set::SequenceSet;

/// SELECT, EXAMINE
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// Which mailbox.
    pub mailbox: Mailbox,
    /// EXAMINE: read-only.
    pub examine: bool,
    /// CONDSTORE (RFC 7162 §3.1.8)
    pub condstore: bool,
    /// QRESYNC
    pub qresync: Option<Qresync>,
}

/// What the client knows of a mailbox (RFC 7162 §3.2.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qresync {
    /// Last known UIDVALIDITY.
    pub uid_validity: u32,
    /// Last known MODSEQ.
    pub modseq: u64,
    /// UIDs that the client has; without "*".
    pub known_uids: Option<SequenceSet>,
    /// Sequence numbers and the UIDs that belong to them; both without "*".
    pub seq_match: Option<(SequenceSet, SequenceSet)>,
}

/// CREATE
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    /// Without the delimiter that announces mailboxes below it (RFC 9051 §6.3.4).
    pub mailbox: Mailbox,
    /// "\\Sent" (RFC 6154 §3)
    pub special_use: Vec<Flag>,
}

/// DELETEACL, LISTRIGHTS
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acl {
    /// Which mailbox.
    pub mailbox: Mailbox,
    /// Whose rights; as sent.
    pub identifier: String,
}

/// SETACL
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAcl {
    /// Which mailbox.
    pub mailbox: Mailbox,
    /// Whose rights; as sent.
    pub identifier: String,
    /// How.
    pub op: StoreOp,
    /// Letters of RFC 4314 §2.1, and "c" and "d"; may be empty, and repeat itself.
    pub rights: String,
}

/// LIST in its basic and its extended form
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Reference name.
    pub reference: String,
    /// Never empty.
    pub patterns: Vec<String>,
    /// Selection options, several patterns or return options were given (RFC 9051 §6.3.9).
    pub extended: bool,
    /// Each once.
    pub select: Vec<ListSelect>,
    /// Each once.
    pub returns: Vec<ListReturn>,
    /// Items of RETURN (STATUS (…)) (RFC 5819).
    pub status: Vec<StatusItem>,
    /// Entries of RETURN (METADATA (…)) (RFC 9590), as in [`GetMetadata`].
    pub metadata: Vec<String>,
}

/// SETQUOTA
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetQuota {
    /// The name of a quota root.
    pub root: String,
    /// Resources in upper case, and their limits.
    pub limits: Vec<(String, u64)>,
}

/// How far below an entry GETMETADATA looks (RFC 5464 §4.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Not at all.
    Zero,
    /// One level.
    One,
    /// All levels.
    Infinity,
}

/// GETMETADATA
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetMetadata {
    /// "" for the server.
    pub mailbox: Mailbox,
    /// In lower case; never empty.
    pub entries: Vec<String>,
    /// Larger values are not wanted.
    pub max_octets: Option<u32>,
    /// What below the entries is wanted.
    pub depth: Depth,
}

/// SETMETADATA
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetMetadata {
    /// "" for the server.
    pub mailbox: Mailbox,
    /// Entries in lower case, and their values; None removes. Never empty.
    pub values: Vec<(String, Option<Vec<u8>>)>,
}

words! {
    /// A selection option of LIST (RFC 9051 §6.3.9.1).
    ListSelect {
        /// Names subscribed to.
        Subscribed = "SUBSCRIBED",
        /// Remote mailboxes too.
        Remote = "REMOTE",
        /// Parents of what matches.
        RecursiveMatch = "RECURSIVEMATCH",
        /// Mailboxes with a special use (RFC 6154 §2).
        SpecialUse = "SPECIAL-USE",
    }
}

words! {
    /// A return option of LIST (RFC 9051 §6.3.9.2).
    ListReturn {
        /// \Subscribed
        Subscribed = "SUBSCRIBED",
        /// \HasChildren, \HasNoChildren
        Children = "CHILDREN",
        /// Special uses (RFC 6154 §2).
        SpecialUse = "SPECIAL-USE",
        /// STATUS of each mailbox (RFC 5819).
        Status = "STATUS",
        /// MYRIGHTS of each mailbox (RFC 8440).
        MyRights = "MYRIGHTS",
        /// METADATA of each mailbox (RFC 9590).
        Metadata = "METADATA",
    }
}

words! {
    /// An item of STATUS (RFC 9051 §6.3.11).
    StatusItem {
        /// How many messages.
        Messages = "MESSAGES",
        /// How many recent ones (RFC 3501 §6.3.10).
        Recent = "RECENT",
        /// The next UID.
        UidNext = "UIDNEXT",
        /// UIDVALIDITY.
        UidValidity = "UIDVALIDITY",
        /// How many without \Seen.
        Unseen = "UNSEEN",
        /// How many with \Deleted.
        Deleted = "DELETED",
        /// Octets of those with \Deleted (RFC 9208 §4.1.4).
        DeletedStorage = "DELETED-STORAGE",
        /// Octets of all messages.
        Size = "SIZE",
        /// The highest MODSEQ (RFC 7162 §3.1.2.1).
        HighestModSeq = "HIGHESTMODSEQ",
        /// What names it for as long as it exists (RFC 8474 §4.3).
        MailboxId = "MAILBOXID",
        /// The largest message (RFC 7889 §4).
        AppendLimit = "APPENDLIMIT",
    }
}
