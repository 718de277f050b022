//! Why octets are not a command: a value that says what was expected, and where.

use std::fmt;

/// What was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Something else was expected; a noun phrase ("a mailbox name").
    Expected(&'static str),
    /// More than a limit allows.
    Limit {
        /// What there is too much of ("literals in one command").
        what: &'static str,
        /// How much is allowed.
        limit: u64,
    },
}

/// A fault and the octet, counted from the start of the command, where it was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error {
    /// What was wrong.
    pub fault: Fault,
    /// Octets of the command before it.
    pub offset: usize,
}

/// What a parser of the grammar answers.
pub type Parsed<T> = Result<T, Error>;

impl Error {
    /// Something else was expected at `offset`.
    pub const fn expected(what: &'static str, offset: usize) -> Self {
        Self {
            fault: Fault::Expected(what),
            offset,
        }
    }

    /// A limit was exceeded at `offset`.
    pub const fn limit(what: &'static str, limit: u64, offset: usize) -> Self {
        Self {
            fault: Fault::Limit { what, limit },
            offset,
        }
    }

    /// Whether a limit was exceeded: `[TOOBIG]`, `[LIMIT]`.
    pub const fn is_limit(&self) -> bool {
        matches!(self.fault, Fault::Limit { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            Fault::Expected(what) => write!(out, "expected {what} at octet {}", self.offset),
            Fault::Limit { what, limit } => write!(
                out,
                "too much at octet {}: {what}, at most {limit}",
                self.offset
            ),
        }
    }
}

impl std::error::Error for Error {}
