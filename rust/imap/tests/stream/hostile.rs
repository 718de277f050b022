//! Every limit, and what a hostile peer may try: bounded memory, one answer, and the next command is found.

use lightmail_imap::limits::Limits;

use crate::{command, events, malformed, too_much, Peer, Seen};

fn small() -> Limits {
    Limits {
        line_octets: 100,
        command_octets: 200,
        literals: 3,
        ..Limits::default()
    }
}

#[test]
fn nul_and_eight_bit() {
    assert_eq!(
        events(
            b"\0\0\r\na1 NO\0P\r\na\0 NOOP\r\n\xff\xfe NOOP\r\na2 LOGIN x \"\0\"\r\na3 NOOP\r\n"
        ),
        [
            malformed("", "expected a tag at octet 0"),
            malformed("a1", "expected a command at octet 3"),
            malformed("", "expected a tag at octet 0"),
            malformed("", "expected a tag at octet 0"),
            malformed(
                "a2",
                "expected a character that quotes may hold at octet 12"
            ),
            command("a3 NOOP"),
        ]
    );
}

#[test]
fn an_endless_line_is_dropped_as_it_comes() {
    let mut peer = Peer::new(small());
    assert_eq!(peer.feed(b"a1 LOGIN x "), []);
    let mut seen = Vec::new();
    for _ in 0..10_000 {
        seen.extend(peer.feed(&[b'x'; 100]));
        assert!(peer.decoder.buffered_octets() <= 200);
    }
    assert_eq!(
        seen,
        [too_much(
            "a1",
            "too much at octet 100: octets in one line, at most 100"
        )]
    );
    assert_eq!(peer.feed(b"\r\na2 NOOP\r\n"), [command("a2 NOOP")]);
}

#[test]
fn the_limit_of_a_line_is_exact() {
    let line = |octets: usize| format!("a1 LOGIN x {}\r\n", "y".repeat(octets - 11));
    assert!(matches!(
        &Peer::new(small()).feed(line(100).as_bytes())[..],
        [Seen::Command(_)]
    ));
    assert!(matches!(
        &Peer::new(small()).feed(line(101).as_bytes())[..],
        [Seen::Malformed { limit: true, .. }]
    ));
    let bare = line(100).replace('\r', "");
    assert!(matches!(
        &Peer::new(small()).feed(bare.as_bytes())[..],
        [Seen::Command(_)]
    ));
}

#[test]
fn literals_of_a_line_that_is_too_long_are_swallowed() {
    let mut peer = Peer::new(small());
    let long = "x".repeat(150);
    let octets = format!("a1 LOGIN {long} {{9+}}\r\nb NOOP\r\n\r {long} {{3}}\r\na2 NOOP\r\n");
    let wanted = [
        too_much(
            "a1",
            "too much at octet 100: octets in one line, at most 100",
        ),
        command("a2 NOOP"),
    ];
    assert_eq!(peer.feed(octets.as_bytes()), wanted);
}

#[test]
fn a_command_is_limited_with_its_literals() {
    let mut peer = Peer::new(small());
    assert_eq!(
        peer.feed(b"a1 LOGIN x {190}\r\na2 NOOP\r\n"),
        [
            too_much(
                "a1",
                "too much at octet 11: octets of one command, at most 200"
            ),
            command("a2 NOOP"),
        ]
    );
    let swallowed = format!("a1 LOGIN x {{190+}}\r\n{}\r\na2 NOOP\r\n", "\n".repeat(190));
    assert_eq!(peer.feed(swallowed.as_bytes())[1..], [command("a2 NOOP")]);
    // The rest of the line counts too.
    let rest = format!(
        "a1 LOGIN x {{150+}}\r\n{} {}\r\na2 NOOP\r\n",
        "x".repeat(150),
        "y".repeat(60)
    );
    assert_eq!(
        peer.feed(rest.as_bytes()),
        [
            too_much(
                "a1",
                "too much at octet 200: octets of one command, at most 200"
            ),
            command("a2 NOOP"),
        ]
    );
}

#[test]
fn literals_are_counted_per_command() {
    let mut peer = Peer::new(small());
    let good = b"a1 SEARCH FROM {1+}\r\nx TO {1+}\r\nx CC {1+}\r\nx\r\n";
    assert!(matches!(&peer.feed(good)[..], [Seen::Command(_)]));
    assert_eq!(
        peer.feed(
            b"a1 SEARCH FROM {1+}\r\nx TO {1+}\r\nx CC {1+}\r\nx BCC {1+}\r\nx\r\na2 NOOP\r\n"
        ),
        [
            too_much(
                "a1",
                "too much at octet 49: literals in one command, at most 3"
            ),
            command("a2 NOOP"),
        ]
    );
    assert!(matches!(&peer.feed(good)[..], [Seen::Command(_)]));
}

#[test]
fn many_literals_are_read_once() {
    let limits = Limits {
        literals: 100_000,
        command_octets: 10_000_000,
        ..Limits::default()
    };
    let octets = format!("a1 SEARCH{}\r\n", " TO {1+}\r\nx".repeat(100_000));
    assert!(matches!(
        &Peer::new(limits).feed(octets.as_bytes())[..],
        [Seen::Command(_)]
    ));
}

#[test]
fn a_size_beyond_all_bounds() {
    // Synchronizing: it is not sent.
    assert_eq!(
        events(b"a1 LOGIN x {9223372036854775808}\r\na2 NOOP\r\n"),
        [
            too_much(
                "a1",
                "too much at octet 11: octets of a literal, at most 9223372036854775807"
            ),
            command("a2 NOOP"),
        ]
    );
    let lost = |octets: &[u8]| match &events(octets)[..] {
        [Seen::Malformed {
            tag, limit, fatal, ..
        }] => {
            assert!(*limit && tag.as_deref() == Some("a1"));
            *fatal
        }
        other => panic!("{other:?}"),
    };
    // Non-synchronizing: nobody can tell where the next command is, or nobody will live to see it.
    assert!(lost(
        b"a1 LOGIN x {99999999999999999999999999999999+}\r\na2 NOOP\r\n"
    ));
    assert!(lost(b"a1 LOGIN x {9223372036854775807+}\r\na2 NOOP\r\n"));
    assert!(!lost(b"a1 LOGIN x {1073741824+}\r\na2 NOOP\r\n"));
    assert!(lost(b"a1 APPEND x {1073741825+}\r\na2 NOOP\r\n"));
}

#[test]
fn nothing_is_kept_once_lost() {
    let mut peer = Peer::new(Limits::default());
    peer.feed(b"a1 LOGIN x {9223372036854775807+}\r\n");
    for _ in 0..100 {
        assert_eq!(peer.feed(&[b'x'; 100_000]), []);
        assert_eq!(peer.decoder.buffered_octets(), 0);
    }
}

#[test]
fn a_long_line_asked_for() {
    let mut peer = Peer::new(small());
    peer.decoder.expect_line();
    assert_eq!(
        peer.feed(&[&[b'x'; 101][..], b"\r\na1 NOOP\r\n"].concat()),
        [
            too_much("", "too much at octet 100: octets in one line, at most 100"),
            command("a1 NOOP"),
        ]
    );
}

#[test]
fn limits_may_grow_after_login() {
    let mut peer = Peer::new(small());
    peer.decoder.set_limits(Limits::default());
    let line = format!("a1 LOGIN x {}\r\n", "y".repeat(1000));
    assert!(matches!(
        &peer.feed(line.as_bytes())[..],
        [Seen::Command(_)]
    ));
}
