//! astring, quoted, literal; mailbox names.

use lightmail_imap::command::Body;
use lightmail_imap::grammar::{parse, Settings};

use crate::{fails, fails_with, settings};

fn mailbox(line: &[u8]) -> String {
    let mut text = b"a1 DELETE ".to_vec();
    text.extend_from_slice(line);
    match parse(&text, settings()).unwrap().body {
        Body::Delete(mailbox) => mailbox.as_str().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn forms_of_a_mailbox_name() {
    assert_eq!(mailbox(b"[Gmail]/x"), "[Gmail]/x");
    assert_eq!(mailbox(b"\"a b\""), "a b");
    assert_eq!(mailbox(b"{3}\r\na b"), "a b");
    assert_eq!(mailbox(b"{3}\na b"), "a b");
    assert_eq!(mailbox(b"\"\""), "");
    assert_eq!(mailbox(b"{0+}\r\n"), "");
    // RFC 9051 §5.1: INBOX in any case, and nothing else
    assert_eq!(mailbox(b"iNbOx"), "INBOX");
    assert_eq!(mailbox(b"\"inbox\""), "INBOX");
    assert_eq!(mailbox(b"inbox/x"), "inbox/x");
}

#[test]
fn modified_utf7_or_utf8() {
    // RFC 3501 §5.1.3
    assert_eq!(
        mailbox(b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        "~peter/mail/\u{53f0}\u{5317}/\u{65e5}\u{672c}\u{8a9e}"
    );
    assert_eq!(
        fails("DELETE x&Jjo!"),
        ("a mailbox name in modified UTF-7", 7)
    );
    assert_eq!(
        fails_with("DELETE \"\u{53f0}\"".as_bytes(), settings()),
        ("a mailbox name in modified UTF-7", 7)
    );
    // RFC 6855 §3, RFC 9051 §5.1
    let utf8 = Settings {
        utf8: true,
        ..settings()
    };
    let command = parse("a DELETE \"\u{53f0}&\"".as_bytes(), utf8).unwrap();
    assert_eq!(
        format!("{:?}", command.body),
        "Delete(Mailbox(\"\u{53f0}&\"))"
    );
    assert_eq!(
        fails_with(b"DELETE \"\xff\"", utf8),
        ("a mailbox name in UTF-8", 7)
    );
}

#[test]
fn malformed_strings_say_where() {
    assert_eq!(fails("DELETE \"abc"), ("a closing quote", 11));
    assert_eq!(fails("DELETE \"a\\bc\""), ("\\\" or \\\\", 10));
    assert_eq!(fails("DELETE \"a\\"), ("\\\" or \\\\", 10));
    assert_eq!(
        fails("DELETE \"a\0c\""),
        ("a character that quotes may hold", 9)
    );
    assert_eq!(
        fails("DELETE \"a\rc\""),
        ("a character that quotes may hold", 9)
    );
    assert_eq!(fails("DELETE {3}\r\na\0c"), ("an octet other than NUL", 13));
    assert_eq!(fails("DELETE {9}\r\nabc"), ("a literal", 7));
    assert_eq!(fails("DELETE {-1}"), ("a literal's count of octets", 8));
    assert_eq!(fails("DELETE {}"), ("a literal's count of octets", 8));
    assert_eq!(
        fails("DELETE {99999999999999999999}"),
        ("a literal's count of octets", 8)
    );
    assert_eq!(fails("DELETE a*b"), ("the end of the line", 8));
    assert_eq!(fails("DELETE ~{1}\r\na"), ("the end of the line", 8));
}

#[test]
fn a_literal_may_hold_anything_but_nul() {
    assert_eq!(mailbox(b"{10}\r\na\"(\\) {3}+"), "a\"(\\) {3}+");
}

#[test]
fn long_runs_of_escapes_are_read_once() {
    let quoted = "\\\"".repeat(30_000);
    assert_eq!(mailbox(format!("\"{quoted}\"").as_bytes()).len(), 30_000);
}
