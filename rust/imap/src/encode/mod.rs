//! Values to their form on the wire.

pub mod string;
pub mod utf7;

pub use string::{astring, mailbox_name, quoted};
