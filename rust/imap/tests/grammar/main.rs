//! One module per command family; examples are those of the RFCs where they have any.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod acl;
mod append;
mod connection;
mod fetch;
mod list;
mod mailbox;
mod search;
mod set;
mod sort;
mod strings;
mod thread;
mod watch;

use lightmail_imap::command::Body;
use lightmail_imap::error::{Error, Fault};
use lightmail_imap::grammar::{parse, Settings};
use lightmail_imap::limits::Limits;

pub fn settings() -> Settings {
    Settings::new(&Limits::default(), false)
}

/// What `line`, without a tag, is parsed to.
pub fn body(line: &str) -> Body {
    parse(format!("a1 {line}").as_bytes(), settings())
        .unwrap_or_else(|error| panic!("{line}: {error}"))
        .body
}

/// What was expected, and at which octet of `line`, without its tag.
pub fn fails(line: &str) -> (&'static str, usize) {
    fails_with(line.as_bytes(), settings())
}

pub fn fails_with(line: &[u8], settings: Settings) -> (&'static str, usize) {
    let mut text = b"a1 ".to_vec();
    text.extend_from_slice(line);
    match parse(&text, settings) {
        Err(Error {
            fault: Fault::Expected(what),
            offset,
        }) => (what, offset - 3),
        other => panic!("{:?}: {other:?}", String::from_utf8_lossy(line)),
    }
}
