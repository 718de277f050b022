//! Lines, inline literals, lines that are no commands, STARTTLS.

use lightmail_imap::limits::Limits;

use crate::{command, events, malformed, Peer, Seen};

#[test]
fn pipelined_commands_come_in_order() {
    assert_eq!(
        events(b"a1 NOOP\r\na2 CHECK\r\na3 CLO"),
        [command("a1 NOOP"), command("a2 CHECK")]
    );
}

#[test]
fn a_bare_lf_ends_a_line() {
    // QUIRK_BARE_LF
    assert_eq!(
        events(b"a1 NOOP\na2 LOGIN {1}\nx {1+}\ny\n"),
        [command("a1 NOOP"), Seen::Continue, command("a2 LOGIN x y")]
    );
}

#[test]
fn a_bare_cr_ends_nothing() {
    assert_eq!(
        events(b"a1 NOOP\ra2 NOOP\r\na3 NOOP\r\r\n"),
        [
            malformed("a1", "expected the end of the line at octet 7"),
            malformed("a3", "expected the end of the line at octet 7"),
        ]
    );
}

#[test]
fn a_synchronizing_literal_is_awaited() {
    // RFC 9051 §4.3
    let mut peer = Peer::new(Limits::default());
    assert_eq!(peer.feed(b"A001 LOGIN {11}\r\n"), [Seen::Continue]);
    assert_eq!(peer.feed(b"FRED FOOBAR {7}\r\n"), [Seen::Continue]);
    assert_eq!(
        peer.feed(b"fat man\r\n"),
        [command("A001 LOGIN \"FRED FOOBAR\" \"fat man\"")]
    );
}

#[test]
fn a_non_synchronizing_literal_is_not() {
    // RFC 7888 §3
    assert_eq!(
        events(b"A001 LOGIN {11+}\r\nFRED FOOBAR {7+}\r\nfat man\r\n"),
        [command("A001 LOGIN \"FRED FOOBAR\" \"fat man\"")]
    );
}

#[test]
fn octets_of_a_literal_are_no_commands() {
    assert_eq!(
        events(b"a1 LOGIN {11+}\r\na2 LOGOUT\r\n x\r\na3 NOOP\r\n"),
        [
            command("a1 LOGIN {11+}\r\na2 LOGOUT\r\n x"),
            command("a3 NOOP")
        ]
    );
}

#[test]
fn a_command_that_is_wrong_already_is_not_awaited() {
    // The client must not send a literal that is answered with BAD instead of "+" (RFC 9051 §7.6).
    assert_eq!(
        events(b"a1 FROB {11}\r\na2 NOOP\r\n"),
        [
            malformed("a1", "expected a command at octet 3"),
            command("a2 NOOP")
        ]
    );
    assert_eq!(
        events(b"a1 NOOP {3}\r\na2 NOOP\r\n"),
        [
            malformed("a1", "expected the end of the line at octet 8"),
            command("a2 NOOP")
        ]
    );
    assert_eq!(
        events(b"{3}\r\na2 NOOP\r\n"),
        [
            malformed("", "expected a tag at octet 0"),
            command("a2 NOOP")
        ]
    );
}

#[test]
fn the_literals_of_a_wrong_command_are_swallowed() {
    // RFC 7888 §4
    assert_eq!(
        events(b"a1 FROB {9+}\r\nb NOOP\r\n\0 {9+}\r\nc NOOP\r\n\n x {4}\r\na2 NOOP\r\n"),
        [
            malformed("a1", "expected a command at octet 3"),
            command("a2 NOOP")
        ]
    );
}

#[test]
fn an_error_after_a_literal_skips_only_that_command() {
    assert_eq!(
        events(b"a1 LOGIN {1+}\r\nx\r\na2 NOOP\r\n"),
        [
            malformed("a1", "expected a space at octet 16"),
            command("a2 NOOP")
        ]
    );
}

#[test]
fn a_size_that_is_no_number_announces_nothing() {
    assert_eq!(
        events(b"a1 LOGIN x {-1}\r\na2 LOGIN x {}\r\na3 LOGIN x {1-}\r\na4 LOGIN x { 1}\r\na5 NOOP\r\n"),
        [
            malformed("a1", "expected a literal's count of octets at octet 12"),
            malformed("a2", "expected a literal's count of octets at octet 12"),
            malformed("a3", "expected \"}\" at octet 13"),
            malformed("a4", "expected a literal's count of octets at octet 12"),
            command("a5 NOOP"),
        ]
    );
}

#[test]
fn lines_that_are_no_commands() {
    // RFC 9051 §6.3.13, §6.2.2
    let mut peer = Peer::new(Limits::default());
    assert_eq!(peer.feed(b"a1 IDLE\r\n"), [command("a1 IDLE")]);
    peer.decoder.expect_line();
    assert_eq!(
        peer.feed(b"DONE\r\na2 NOOP\r\n"),
        [Seen::Line(b"DONE".to_vec()), command("a2 NOOP")]
    );
    peer.decoder.expect_line();
    assert_eq!(peer.feed(b"x {3}"), []);
    assert_eq!(peer.feed(b"\n"), [Seen::Line(b"x {3}".to_vec())]);
}

#[test]
fn a_line_that_came_with_the_command() {
    let mut peer = Peer::new(Limits::default());
    peer.decoder.feed(b"a1 IDLE\r\nDONE\r\na2 NOOP\r\n");
    assert!(peer.decoder.next_event().is_some());
    peer.decoder.expect_line();
    assert_eq!(
        peer.feed(b""),
        [Seen::Line(b"DONE".to_vec()), command("a2 NOOP")]
    );
}

#[test]
fn discard_drops_what_was_sent_in_the_clear() {
    // RFC 9051 §6.2.1
    let mut peer = Peer::new(Limits::default());
    peer.decoder.feed(b"a1 STARTTLS\r\na2 LOGIN x {5+}\r\nab");
    assert!(peer.decoder.next_event().is_some());
    assert_eq!(peer.decoder.discard(), 19);
    assert_eq!(peer.decoder.buffered_octets(), 0);
    assert_eq!(peer.feed(b"a3 NOOP\r\n"), [command("a3 NOOP")]);
}

#[test]
fn names_are_utf8_once_enabled() {
    let mut peer = Peer::new(Limits::default());
    let line = "a1 DELETE \"\u{e4}\"\r\n".as_bytes();
    assert_eq!(
        peer.feed(line),
        [malformed(
            "a1",
            "expected a mailbox name in modified UTF-7 at octet 10"
        )]
    );
    peer.decoder.set_utf8(true);
    assert!(matches!(&peer.feed(line)[..], [Seen::Command(text)] if text.contains('\u{e4}')));
}
