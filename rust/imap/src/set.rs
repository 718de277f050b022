//! Sequence sets as the client wrote them (RFC 9051 §9 `sequence-set`).

use std::fmt;

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
    /// Ranges with `$` behind them, as in `1:5,$` (RFC 9051 §9).
    RangesAndSaved(Vec<(Bound, Bound)>),
}

impl SequenceSet {
    /// The ranges, in the order written, and whether "$" is there too.
    pub fn parts(&self) -> (&[(Bound, Bound)], bool) {
        match self {
            Self::Ranges(ranges) => (ranges, false),
            Self::Saved => (&[], true),
            Self::RangesAndSaved(ranges) => (ranges, true),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(out),
            Self::Largest => out.write_str("*"),
        }
    }
}

/// The wire form.
impl fmt::Display for SequenceSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ranges, saved) = self.parts();
        for (index, (low, high)) in ranges.iter().enumerate() {
            if index > 0 {
                out.write_str(",")?;
            }
            low.fmt(out)?;
            if low != high {
                write!(out, ":{high}")?;
            }
        }
        match (saved, ranges.is_empty()) {
            (false, _) => Ok(()),
            (true, true) => out.write_str("$"),
            (true, false) => out.write_str(",$"),
        }
    }
}
