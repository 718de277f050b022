//! Sequence sets as the client wrote them (RFC 9051 §9 `sequence-set`).

/// One end of a range: a number, or `*`, the largest number in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// A non-zero number.
    Number(u32),
    /// `*`
    Largest,
}

/// `sequence-set`, or `$`, the saved search result (RFC 5182 §2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SequenceSet {
    /// Ranges in the order written; a single number is a range from itself to itself. Never empty.
    Ranges(Vec<(Bound, Bound)>),
    /// `$`
    Saved,
}
