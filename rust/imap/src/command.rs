//! Typed commands (RFC 9051 §6). Invalid commands cannot be built: the grammar makes them, and the types whose
//! values could be wrong have checked constructors. `Debug` never shows a secret.

mod mailbox;
mod message;
mod search;
mod words;

use std::fmt;

pub use mailbox::*;
pub use message::*;
pub use search::*;

use crate::set::SequenceSet;
use crate::watch::Notify;

/// `command = tag SP (…) CRLF`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What the client calls it.
    pub tag: Tag,
    /// What it wants.
    pub body: Body,
}

/// `tag = 1*<any ASTRING-CHAR except "+">`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(String);

impl Tag {
    /// None when `text` is no tag.
    pub fn new(text: &str) -> Option<Self> {
        (crate::framer::tag_of(text.as_bytes()) == Some(text)).then(|| Self(text.to_owned()))
    }

    /// Its characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A mailbox name, decoded to Unicode; "INBOX" in upper case (RFC 9051 §5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox(String);

impl Mailbox {
    /// Any case of "INBOX" is INBOX (RFC 9051 §9 `mailbox`).
    pub fn new(mut name: String) -> Self {
        if name.eq_ignore_ascii_case("INBOX") {
            name.make_ascii_uppercase();
        }
        Self(name)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `flag`, as the client wrote it: "\\Seen", "$Work".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag(String);

impl Flag {
    /// None when `text` is neither an atom nor a backslash and an atom.
    pub fn new(text: &str) -> Option<Self> {
        let atom = text.strip_prefix('\\').unwrap_or(text).as_bytes();
        let good = !atom.is_empty()
            && atom
                .iter()
                .all(|octet| crate::grammar::octets::is_atom_char(*octet));
        good.then(|| Self(text.to_owned()))
    }

    /// For the grammar, which has looked at each octet.
    pub(crate) fn from_parsed(octets: &[u8]) -> Self {
        Self(octets.iter().map(|octet| char::from(*octet)).collect())
    }

    /// Its characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Octets that no log may show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes them.
    pub fn new(octets: Vec<u8>) -> Self {
        Self(octets)
    }

    /// The octets.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("…")
    }
}

/// Everything of a command but its tag. APPEND is not here: its messages are streamed (see [`crate::decoder`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// RFC 9051 §6.1.1
    Capability,
    /// RFC 9051 §6.1.2
    Noop,
    /// RFC 9051 §6.1.3
    Logout,
    /// RFC 9051 §6.2.1
    StartTls,
    /// RFC 9051 §6.2.2
    Authenticate(Authenticate),
    /// RFC 9051 §6.2.3
    Login(Login),
    /// RFC 9051 §6.3.1; names in upper case.
    Enable(Vec<String>),
    /// RFC 4978 §3; DEFLATE is the only algorithm there is.
    Compress,
    /// RFC 5255 §3.2: language ranges, as sent.
    Language(Vec<String>),
    /// RFC 5255 §4.7: collations wanted, as sent.
    Comparator(Vec<String>),
    /// RFC 8437 §3
    Unauthenticate,
    /// RFC 9051 §6.3.2, §6.3.3: SELECT and EXAMINE
    Select(Select),
    /// RFC 9051 §6.3.4
    Create(Create),
    /// RFC 9051 §6.3.5
    Delete(Mailbox),
    /// RFC 9051 §6.3.6
    Rename {
        /// The name now.
        source: Mailbox,
        /// The name wanted.
        target: Mailbox,
    },
    /// RFC 9051 §6.3.7
    Subscribe(Mailbox),
    /// RFC 9051 §6.3.8
    Unsubscribe(Mailbox),
    /// RFC 9051 §6.3.9
    List(List),
    /// RFC 3501 §6.3.9
    Lsub {
        /// Reference name.
        reference: String,
        /// Pattern.
        pattern: String,
    },
    /// The forerunner of SPECIAL-USE, for clients that know no other.
    Xlist {
        /// Reference name.
        reference: String,
        /// Pattern.
        pattern: String,
    },
    /// RFC 9051 §6.3.10
    Namespace,
    /// RFC 9051 §6.3.11
    Status {
        /// Which mailbox.
        mailbox: Mailbox,
        /// Never empty.
        items: Vec<StatusItem>,
    },
    /// RFC 9208 §4.1.1; the name of a quota root.
    GetQuota(String),
    /// RFC 9208 §4.1.2
    GetQuotaRoot(Mailbox),
    /// RFC 9208 §4.1.3
    SetQuota(SetQuota),
    /// RFC 4314 §3.1
    SetAcl(SetAcl),
    /// RFC 4314 §3.2
    DeleteAcl(Acl),
    /// RFC 4314 §3.3
    GetAcl(Mailbox),
    /// RFC 4314 §3.4
    ListRights(Acl),
    /// RFC 4314 §3.5
    MyRights(Mailbox),
    /// RFC 5464 §4.2
    GetMetadata(GetMetadata),
    /// RFC 5464 §4.3
    SetMetadata(SetMetadata),
    /// RFC 9051 §6.3.13
    Idle,
    /// RFC 3501 §6.4.1
    Check,
    /// RFC 9051 §6.4.1
    Close,
    /// RFC 9051 §6.4.2
    Unselect,
    /// RFC 9051 §6.4.3; with a set it is UID EXPUNGE, §6.4.9.
    Expunge(Option<SequenceSet>),
    /// RFC 10022
    UidBatches {
        /// Messages in a batch; never 0.
        size: u32,
        /// The first and the last batch wanted, from 1, as written; None for all.
        batches: Option<(u32, u32)>,
    },
    /// RFC 9051 §6.4.4
    Search(Search),
    /// RFC 5256 §3
    Sort(Sort),
    /// RFC 5256 §3
    Thread(Thread),
    /// RFC 7377 §2
    MultiSearch(MultiSearch),
    /// RFC 5267 §4.3.5: tags of searches.
    CancelUpdate(Vec<String>),
    /// RFC 5465 §3.1; None for NONE.
    Notify(Option<Notify>),
    /// RFC 9051 §6.4.5
    Fetch(Fetch),
    /// RFC 9051 §6.4.6
    Store(Store),
    /// RFC 9051 §6.4.7
    Copy(Copy),
    /// RFC 9051 §6.4.8
    Move(Copy),
    /// RFC 2971 §3.1; None for NIL. Fields in the order written.
    Id(Option<Vec<(String, Option<String>)>>),
}

impl Body {
    /// What logs and metrics call it.
    pub fn name(&self) -> &'static str {
        let (plain, by_uid, uid) = match self {
            Self::Search(search) => ("SEARCH", "UID SEARCH", search.uid),
            Self::Thread(thread) => ("THREAD", "UID THREAD", thread.uid),
            Self::Sort(sort) => ("SORT", "UID SORT", sort.search.uid),
            Self::Fetch(fetch) => ("FETCH", "UID FETCH", fetch.uid),
            Self::Store(store) => ("STORE", "UID STORE", store.uid),
            Self::Copy(copy) => ("COPY", "UID COPY", copy.uid),
            Self::Move(copy) => ("MOVE", "UID MOVE", copy.uid),
            Self::Expunge(uids) => ("EXPUNGE", "UID EXPUNGE", uids.is_some()),
            Self::Select(select) => ("SELECT", "EXAMINE", select.examine),
            Self::Capability => return "CAPABILITY",
            Self::Noop => return "NOOP",
            Self::Logout => return "LOGOUT",
            Self::StartTls => return "STARTTLS",
            Self::Compress => return "COMPRESS",
            Self::Language(_) => return "LANGUAGE",
            Self::Comparator(_) => return "COMPARATOR",
            Self::Unauthenticate => return "UNAUTHENTICATE",
            Self::Authenticate(_) => return "AUTHENTICATE",
            Self::Login(_) => return "LOGIN",
            Self::Enable(_) => return "ENABLE",
            Self::Create(_) => return "CREATE",
            Self::Delete(_) => return "DELETE",
            Self::Rename { .. } => return "RENAME",
            Self::Subscribe(_) => return "SUBSCRIBE",
            Self::Unsubscribe(_) => return "UNSUBSCRIBE",
            Self::List(_) => return "LIST",
            Self::Lsub { .. } => return "LSUB",
            Self::Xlist { .. } => return "XLIST",
            Self::Namespace => return "NAMESPACE",
            Self::Status { .. } => return "STATUS",
            Self::GetQuota(_) => return "GETQUOTA",
            Self::GetQuotaRoot(_) => return "GETQUOTAROOT",
            Self::SetQuota(_) => return "SETQUOTA",
            Self::SetAcl(_) => return "SETACL",
            Self::DeleteAcl(_) => return "DELETEACL",
            Self::GetAcl(_) => return "GETACL",
            Self::ListRights(_) => return "LISTRIGHTS",
            Self::MyRights(_) => return "MYRIGHTS",
            Self::GetMetadata(_) => return "GETMETADATA",
            Self::SetMetadata(_) => return "SETMETADATA",
            Self::Idle => return "IDLE",
            Self::MultiSearch(_) => return "ESEARCH",
            Self::CancelUpdate(_) => return "CANCELUPDATE",
            Self::Notify(_) => return "NOTIFY",
            Self::Check => return "CHECK",
            Self::Close => return "CLOSE",
            Self::UidBatches { .. } => return "UIDBATCHES",
            Self::Unselect => return "UNSELECT",
            Self::Id(_) => return "ID",
        };
        if uid {
            by_uid
        } else {
            plain
        }
    }
}

/// AUTHENTICATE
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticate {
    /// In upper case.
    pub mechanism: String,
    /// The initial response, decoded (RFC 4959); empty for "=".
    pub initial: Option<Secret>,
}

/// LOGIN
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// As sent.
    pub username: Vec<u8>,
    /// As sent.
    pub password: Secret,
}
