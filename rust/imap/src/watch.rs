//! Which mailboxes a command is about, and what a client wants to be told of them (RFC 5465, RFC 7377 §2.2).

use crate::command::Mailbox;
use crate::fetch::FetchItems;

/// `filter-mailboxes` (RFC 5465 §6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// The selected mailbox.
    Selected,
    /// The same, its expunges when a command admits them.
    SelectedDelayed,
    /// Mailboxes that mail is delivered to.
    Inboxes,
    /// Those of the personal namespace.
    Personal,
    /// Those subscribed to.
    Subscribed,
    /// These and all below them; never empty.
    Subtree(Vec<Mailbox>),
    /// These and those one level below them (RFC 7377 §2.2); never empty.
    SubtreeOne(Vec<Mailbox>),
    /// These; never empty.
    Mailboxes(Vec<Mailbox>),
}

impl Filter {
    /// Its word, in upper case.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Selected => "SELECTED",
            Self::SelectedDelayed => "SELECTED-DELAYED",
            Self::Inboxes => "INBOXES",
            Self::Personal => "PERSONAL",
            Self::Subscribed => "SUBSCRIBED",
            Self::Subtree(_) => "SUBTREE",
            Self::SubtreeOne(_) => "SUBTREE-ONE",
            Self::Mailboxes(_) => "MAILBOXES",
        }
    }

    /// The names it was given.
    pub fn names(&self) -> &[Mailbox] {
        match self {
            Self::Subtree(names) | Self::SubtreeOne(names) | Self::Mailboxes(names) => names,
            _ => &[],
        }
    }
}

/// `event-group`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventGroup {
    /// Of which mailboxes.
    pub filter: Filter,
    /// In upper case, each once, also those nobody knows; empty for NONE.
    pub events: Vec<String>,
    /// What to FETCH of a new message; only of the selected mailbox.
    pub attributes: Option<FetchItems>,
}

/// `notify-set`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// STATUS of each mailbox first.
    pub status: bool,
    /// Never empty.
    pub groups: Vec<EventGroup>,
}
