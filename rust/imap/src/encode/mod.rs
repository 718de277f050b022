//! Values to their form on the wire.

pub mod fetch;
pub mod search;
pub mod string;
pub mod utf7;

pub use fetch::fetch_items;
pub use search::{search_criteria, search_program, sort_criteria};
pub use string::{astring, mailbox_name, quoted};
