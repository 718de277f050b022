//! Typed commands (RFC 9051 §6). Invalid commands cannot be built: the grammar makes them, and the types whose
//! values could be wrong have checked constructors. `Debug` never shows a secret.

use std::fmt;

use crate::date::DateTime;
use crate::fetch::FetchItems;
use crate::partial::PartialRange;
use crate::search::SearchProgram;
use crate::set::SequenceSet;
use crate::watch::{Filter, Notify};

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

/// A closed set of words of the protocol, with their spelling.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$item_doc])* $item,)* }

        impl $name {
            /// Its spelling, in upper case.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$item => $text,)* }
            }

            /// None when `word`, in upper case, is none of them.
            pub(crate) fn from_word(word: &[u8]) -> Option<Self> {
                match std::str::from_utf8(word) {
                    $(Ok($text) => Some(Self::$item),)*
                    _ => None,
                }
            }
        }
    };
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

words! {
    /// A return option of SEARCH (RFC 9051 §6.4.4).
    SearchReturn {
        /// The lowest.
        Min = "MIN",
        /// The highest.
        Max = "MAX",
        /// All, as a set.
        All = "ALL",
        /// How many.
        Count = "COUNT",
        /// Some of them, by their position among all (RFC 9394 §3.1).
        Partial = "PARTIAL",
        /// Remember them as "$" (RFC 5182).
        Save = "SAVE",
        /// More searches like it will follow (RFC 5267 §4.2).
        Context = "CONTEXT",
        /// Tell how they change (RFC 5267 §4.3).
        Update = "UPDATE",
    }
}

/// SEARCH
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// UID SEARCH
    pub uid: bool,
    /// None without RETURN; never empty: RETURN () means ALL. Each once.
    pub returns: Option<Vec<SearchReturn>>,
    /// Which results PARTIAL asks for; it is among `returns` then, and ALL is not.
    pub partial: Option<PartialRange>,
    /// What to fetch of new messages that UPDATE adds (RFC 5465 §7).
    pub update: Option<FetchItems>,
    /// What to look for.
    pub program: SearchProgram,
}

words! {
    /// `sort-key` (RFC 5256 §5, RFC 5957 §5).
    SortKey {
        /// INTERNALDATE.
        Arrival = "ARRIVAL",
        /// The mailbox of the first Cc address.
        Cc = "CC",
        /// The sent date.
        Date = "DATE",
        /// How the first From address is displayed.
        DisplayFrom = "DISPLAYFROM",
        /// How the first To address is displayed.
        DisplayTo = "DISPLAYTO",
        /// The mailbox of the first From address.
        From = "FROM",
        /// Octets.
        Size = "SIZE",
        /// The base subject.
        Subject = "SUBJECT",
        /// The mailbox of the first To address.
        To = "TO",
    }
}

impl SortKey {
    /// Whether header fields are compared, not what a mailbox knows of its messages anyway.
    pub const fn needs_header(self) -> bool {
        !matches!(self, Self::Arrival | Self::Date | Self::Size)
    }
}

/// `sort-criterion`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortCriterion {
    /// By what.
    pub key: SortKey,
    /// REVERSE
    pub reverse: bool,
}

/// SORT
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// Never empty.
    pub criteria: Vec<SortCriterion>,
    /// What to look for, with a charset, and what to return (RFC 5267 §3).
    pub search: Search,
}

words! {
    /// `thread-alg` (RFC 5256 §5).
    ThreadAlgorithm {
        /// By base subject.
        OrderedSubject = "ORDEREDSUBJECT",
        /// By references and base subject.
        References = "REFERENCES",
        /// By references alone (draft-ietf-morg-inthread).
        Refs = "REFS",
    }
}

/// THREAD
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// UID THREAD
    pub uid: bool,
    /// How.
    pub algorithm: ThreadAlgorithm,
    /// What to look for; its charset is always given.
    pub program: SearchProgram,
}

/// ESEARCH
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultiSearch {
    /// Which mailboxes; None: the selected one. Never empty.
    pub sources: Option<Vec<Filter>>,
    /// What to look for, by UID.
    pub search: Search,
}

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
