//! Windows of results: PARTIAL (RFC 9394 §4).

use std::fmt;

/// `partial-range`: positions among results in ascending order of UID, from 1; or from the end, backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartialRange {
    /// Position 1 is the last result: `-1:-100`.
    pub from_end: bool,
    /// As written; may be greater than `last`. Never 0.
    pub first: u32,
    /// As written. Never 0.
    pub last: u32,
}

impl PartialRange {
    /// How many results there are at most.
    pub fn extent(&self) -> u32 {
        self.first.abs_diff(self.last).saturating_add(1)
    }

    /// Which of `count` results are meant, as their first position from 0 and the one behind their last.
    pub fn window(&self, count: u64) -> (u64, u64) {
        let low = u64::from(self.first.min(self.last)) - 1;
        let high = u64::from(self.first.max(self.last));
        let (low, high) = (low.min(count), high.min(count));
        if self.from_end {
            (count - high, count - low)
        } else {
            (low, high)
        }
    }
}

/// The wire form, as it was written.
impl fmt::Display for PartialRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.from_end { "-" } else { "" };
        write!(out, "{sign}{}:{sign}{}", self.first, self.last)
    }
}
