//! SEARCH, SORT, THREAD, ESEARCH (RFC 9051 §6.4.4, RFC 5256, RFC 7377).

use super::words::words;
use crate::fetch::FetchItems;
use crate::partial::PartialRange;
use crate::search::SearchProgram;
use crate::watch::Filter;

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
        /// How well they match (RFC 6203 §4).
        Relevancy = "RELEVANCY",
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
        /// How well they match, the best first (RFC 6203 §6).
        Relevancy = "RELEVANCY",
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
        !matches!(
            self,
            Self::Arrival | Self::Date | Self::Relevancy | Self::Size
        )
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
