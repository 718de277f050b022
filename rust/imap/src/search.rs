//! SEARCH keys as a typed tree (RFC 9051 §6.4.4, §9 `search-key`).

use crate::set::SequenceSet;

/// A day without time and zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// Four digits.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

/// Which date of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateField {
    /// INTERNALDATE: BEFORE, ON, SINCE
    Internal,
    /// The Date header: SENTBEFORE, SENTON, SENTSINCE
    Sent,
    /// SAVEDBEFORE, SAVEDON, SAVEDSINCE (RFC 8514)
    Saved,
}

/// How to compare with a date, ignoring time and zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateRelation {
    /// Earlier.
    Before,
    /// Equal.
    On,
    /// Equal or later.
    Since,
}

/// One search key. Text is as the client sent it, in the charset of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchKey {
    /// ALL
    All,
    /// ANSWERED, UNSEEN, KEYWORD x, …: the flag's name ("\\Seen", "$Work") and whether it must be set.
    Flag {
        /// System flag with its backslash, or keyword.
        name: String,
        /// False for UNANSWERED, UNKEYWORD, …
        set: bool,
    },
    /// NEW: recent and not seen.
    New,
    /// OLD: not recent.
    Old,
    /// RECENT
    Recent,
    /// BEFORE, SENTSINCE, …
    Date {
        /// Which date.
        field: DateField,
        /// How.
        relation: DateRelation,
        /// With what.
        date: Date,
    },
    /// LARGER n
    Larger(u64),
    /// SMALLER n
    Smaller(u64),
    /// YOUNGER n (RFC 5032), seconds
    Younger(u64),
    /// OLDER n (RFC 5032), seconds
    Older(u64),
    /// HEADER field text; also FROM, TO, CC, BCC and SUBJECT. Empty text: the field exists.
    Header {
        /// Field name as written.
        name: Vec<u8>,
        /// Substring wanted.
        text: Vec<u8>,
    },
    /// BODY text
    Body(Vec<u8>),
    /// TEXT text
    Text(Vec<u8>),
    /// A sequence set
    Sequence(SequenceSet),
    /// UID set
    Uid(SequenceSet),
    /// EMAILID id (RFC 8474 §6)
    EmailId(String),
    /// THREADID id (RFC 8474 §6)
    ThreadId(String),
    /// MODSEQ n, the entry name is accepted and ignored (RFC 7162 §3.1.5)
    ModSeq(u64),
    /// FILTER name (RFC 5466 §3.1); to be replaced by what it stands for, see [`SearchProgram::filled`]
    Filter(String),
    /// FUZZY (RFC 6203): strings in it need not match as they stand.
    Fuzzy(Box<SearchKey>),
    /// NOT
    Not(Box<SearchKey>),
    /// OR
    Or(Box<SearchKey>, Box<SearchKey>),
    /// Several keys side by side or in parentheses, or one in parentheses that holds a FILTER; never empty.
    And(Vec<SearchKey>),
}

/// The keys of one SEARCH with the charset of their text (RFC 9051 §6.4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchProgram {
    /// CHARSET as written, None when not given (then UTF-8).
    pub charset: Option<String>,
    /// The keys.
    pub key: SearchKey,
}

impl SearchKey {
    /// Whether this key or one inside it is `wanted`. As deep as the nesting that the grammar allowed.
    pub(crate) fn any(&self, wanted: &impl Fn(&Self) -> bool) -> bool {
        wanted(self)
            || match self {
                Self::Not(key) | Self::Fuzzy(key) => key.any(wanted),
                Self::Or(left, right) => left.any(wanted) || right.any(wanted),
                Self::And(keys) => keys.iter().any(|key| key.any(wanted)),
                _ => false,
            }
    }
}

impl SearchProgram {
    /// Some key looks into header fields.
    pub fn needs_summary(&self) -> bool {
        self.key
            .any(&|key| matches!(key, SearchKey::Header { .. } | SearchKey::ThreadId(_)))
    }

    /// Some key looks into the text of messages.
    pub fn needs_octets(&self) -> bool {
        self.key
            .any(&|key| matches!(key, SearchKey::Body(_) | SearchKey::Text(_)))
    }

    /// Some key names messages by sequence number, so the numbers must hold while it is answered (RFC 7162 §3.2.10.2).
    pub fn uses_sequence_numbers(&self) -> bool {
        self.key
            .any(&|key| matches!(key, SearchKey::Sequence(set) if *set != SequenceSet::Saved))
    }

    /// Some key is FUZZY: messages have scores (RFC 6203 §4).
    pub fn is_fuzzy(&self) -> bool {
        self.key.any(&|key| matches!(key, SearchKey::Fuzzy(_)))
    }

    /// Some key is MODSEQ: the answer carries one (RFC 7162 §3.1.5).
    pub fn uses_modseq(&self) -> bool {
        self.key.any(&|key| matches!(key, SearchKey::ModSeq(_)))
    }
}
