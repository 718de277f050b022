//! Bounds on what one connection may send (law: memory is bounded by configuration, never by the peer).

/// Counts and octets; each is the largest value allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// One line without its literals and its line end.
    pub line_octets: usize,
    /// One command with all its inline literals.
    pub command_octets: usize,
    /// Inline literals in one command.
    pub literals: usize,
    /// One message literal of an APPEND.
    pub message_octets: u64,
    /// Messages in one APPEND (RFC 3502).
    pub messages: usize,
    /// Parentheses, NOT and OR inside each other.
    pub nesting: usize,
    /// Ranges in one sequence set.
    pub set_ranges: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line_octets: 65_536,
            command_octets: 262_144,
            literals: 256,
            message_octets: 52_428_800,
            messages: 4096,
            nesting: 32,
            set_ranges: 10_000,
        }
    }
}
