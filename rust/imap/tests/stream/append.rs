//! APPEND: messages streamed, several in one command, refused, cancelled.

use lightmail_imap::decoder::AppendMessage;
use lightmail_imap::limits::Limits;

use crate::{command, events, malformed, too_much, Peer, Policy, Seen};

fn message(seen: &Seen) -> &AppendMessage {
    match seen {
        Seen::Message(message) => message,
        other => panic!("{other:?}"),
    }
}

fn data(octets: &[u8]) -> Seen {
    Seen::Data(octets.to_vec())
}

fn end(tag: &str) -> Seen {
    Seen::AppendEnd(tag.to_owned())
}

#[test]
fn one_message() {
    // RFC 9051 §6.3.12
    let mut peer = Peer::new(Limits::default());
    let seen = peer.feed(
        b"A003 APPEND saved-messages (\\Seen $Work) \"17-Jul-1996 02:44:25 -0700\" {310}\r\n",
    );
    let found = message(&seen[0]);
    assert_eq!(
        (found.tag.as_str(), found.mailbox.as_str()),
        ("A003", "saved-messages")
    );
    assert_eq!(
        found
            .head
            .flags
            .iter()
            .map(|flag| flag.as_str())
            .collect::<Vec<_>>(),
        ["\\Seen", "$Work"]
    );
    let date = found.head.internaldate.unwrap();
    assert_eq!((date.seconds, date.zone_minutes), (837_596_665, -420));
    assert_eq!(
        (found.octets, found.synchronizing, found.binary, found.first),
        (310, true, false, true)
    );
    assert_eq!(peer.feed(&[b'x'; 310]), [data(&[b'x'; 310])]);
    assert_eq!(
        peer.feed(b"\r\na2 NOOP\r\n"),
        [end("A003"), command("a2 NOOP")]
    );
}

#[test]
fn the_mailbox_may_be_a_literal_too() {
    let mut peer = Peer::new(Limits::default());
    assert_eq!(peer.feed(b"a APPEND {5}\r\n"), [Seen::Continue]);
    let seen = peer.feed(b"inbox {1+}\r\nx\r\n");
    assert_eq!(message(&seen[0]).mailbox.as_str(), "INBOX");
    assert!(!message(&seen[0]).synchronizing);
    assert_eq!(seen[1..], [data(b"x"), end("a")]);
}

#[test]
fn several_messages() {
    // RFC 3502
    let seen = events(
        b"A003 APPEND saved-messages (\\Seen) {3+}\r\nabc (\\Seen) \" 7-Feb-1994 22:43:04 -0800\" {2+}\r\nde {1+}\r\nf\r\n",
    );
    let [Seen::Message(one), abc, Seen::Message(two), de, Seen::Message(three), f, last] =
        &seen[..]
    else {
        panic!("{seen:?}")
    };
    assert_eq!(
        (abc, de, f, last),
        (&data(b"abc"), &data(b"de"), &data(b"f"), &end("A003"))
    );
    assert!(one.first && !two.first && !three.first);
    assert_eq!(two.head.internaldate.unwrap().zone_minutes, -480);
    assert!(three.head.flags.is_empty() && three.mailbox.as_str() == "saved-messages");
}

#[test]
fn binary_and_utf8() {
    // RFC 3516 §4.4, RFC 6855 §4
    let seen = events(b"a APPEND x ~{3+}\r\n\0\r\n\r\nb APPEND x UTF8 (~{1+}\r\nx)\r\nc APPEND x UTF8 (~{1+}\r\nx) UTF8 (~{1+}\r\ny)\r\n");
    assert!(message(&seen[0]).binary && !message(&seen[0]).head.utf8);
    assert_eq!(seen[1..3], [data(b"\0\r\n"), end("a")]);
    assert!(message(&seen[3]).head.utf8);
    assert_eq!(seen[4..6], [data(b"x"), end("b")]);
    assert_eq!(
        (&seen[7], &seen[9], &seen[10]),
        (&data(b"x"), &data(b"y"), &end("c"))
    );
    assert_eq!(
        events(b"a APPEND x UTF8 ({1}\r\nb APPEND x UTF8 (~{1+}\r\nx\r\n")[0],
        malformed("a", "expected a literal8 at octet 17")
    );
    assert_eq!(
        events(b"b APPEND x UTF8 (~{1+}\r\nx\r\nc NOOP\r\n")[2..],
        [
            malformed("b", "expected \")\" after the message at octet 0"),
            command("c NOOP")
        ]
    );
}

#[test]
fn a_message_of_no_octets() {
    // RFC 3502 §6.3.11: cancels; the caller decides
    let seen = events(b"a APPEND x {0+}\r\n\r\nb NOOP\r\n");
    assert_eq!(message(&seen[0]).octets, 0);
    assert_eq!(seen[1..], [data(b""), end("a"), command("b NOOP")]);
}

#[test]
fn refused() {
    let mut peer = Peer::with(Limits::default(), Policy::Refuse);
    // A refused synchronizing literal is not sent.
    let seen = peer.feed(b"a APPEND x {9}\r\nb NOOP\r\n");
    assert_eq!(seen[1..], [command("b NOOP")]);
    // A non-synchronizing one is, and what follows it (RFC 7888 §4).
    let seen = peer.feed(b"a APPEND x {9+}\r\nb NOOP\r\n\r (\\Seen) {4+}\r\nabcd\r\nc NOOP\r\n");
    assert_eq!(seen[1..], [command("c NOOP")]);
}

#[test]
fn malformed_messages_say_where() {
    for (line, text) in [
        (
            "APPEND x y {1}",
            "expected a message as a literal at octet 11",
        ),
        ("APPEND x(\\Seen) {1}", "expected a space at octet 10"),
        (
            "APPEND x () () {1}",
            "expected a message as a literal at octet 14",
        ),
        (
            "APPEND \"\u{e4}\" {1}",
            "expected a mailbox name in modified UTF-7 at octet 9",
        ),
        (
            "APPEND x \"bad\" {1}",
            "expected a day of the month at octet 12",
        ),
    ] {
        let octets = format!("a {line}\r\nb NOOP\r\n");
        assert_eq!(
            events(octets.as_bytes()),
            [malformed("a", text), command("b NOOP")],
            "{line}"
        );
    }
}

#[test]
fn malformed_after_a_message() {
    assert_eq!(
        events(b"a APPEND x {1+}\r\ny\r\nb APPEND x {1+}\r\ny foo\r\nc APPEND x {1+}\r\ny foo {1+}\r\nz\r\nd NOOP\r\n")[2..],
        [
            end("a"),
            events(b"b APPEND x {1+}\r\n")[0].clone(),
            data(b"y"),
            malformed("b", "expected the end of the line, or a message as a literal at octet 0"),
            events(b"c APPEND x {1+}\r\n")[0].clone(),
            data(b"y"),
            malformed("c", "expected a message as a literal at octet 1"),
            command("d NOOP"),
        ]
    );
}

#[test]
fn trailing_spaces_after_the_message() {
    // QUIRK_TRAILING_SPACE
    assert_eq!(events(b"a APPEND x {1+}\r\ny \r\n")[2], end("a"));
}

#[test]
fn messages_are_limited_in_size_and_number() {
    let limits = Limits {
        message_octets: 10,
        messages: 2,
        ..Limits::default()
    };
    let mut peer = Peer::new(limits);
    let big = too_much("a", "too much at octet 11: octets of a message, at most 10");
    assert_eq!(
        peer.feed(b"a APPEND x {11}\r\nb NOOP\r\n"),
        [big.clone(), command("b NOOP")]
    );
    assert_eq!(
        peer.feed(b"a APPEND x {11+}\r\n0123456789x\r\nb NOOP\r\n"),
        [big, command("b NOOP")]
    );
    let seen = peer.feed(b"a APPEND x {1+}\r\ny {1+}\r\ny {1+}\r\ny\r\nb NOOP\r\n");
    assert_eq!(
        seen[4..],
        [
            too_much(
                "a",
                "too much at octet 1: messages in one APPEND, at most 2"
            ),
            command("b NOOP")
        ]
    );
}

#[test]
fn a_stream_is_not_held() {
    let mut peer = Peer::new(Limits::default());
    peer.feed(b"a APPEND x {1000000+}\r\n");
    for _ in 0..100 {
        peer.decoder.feed(&[b'x'; 10_000]);
        assert!(peer.decoder.next_event().is_some());
        assert_eq!(peer.decoder.buffered_octets(), 0);
    }
    assert_eq!(peer.feed(b"\r\n"), [end("a")]);
}

#[test]
fn octets_may_pass_by() {
    let mut peer = Peer::new(Limits::default());
    assert_eq!(peer.decoder.pass(1), None);
    peer.feed(b"a APPEND x {10+}\r\n12");
    assert_eq!(peer.decoder.pass(0), None);
    assert_eq!(peer.decoder.pass(9), None);
    assert_eq!(peer.decoder.pass(3), Some(false));
    peer.decoder.feed(b"6");
    assert_eq!(peer.decoder.pass(1), None);
    assert_eq!(peer.feed(b""), []);
    assert_eq!(peer.decoder.pass(4), Some(true));
    assert_eq!(peer.feed(b"\r\nb NOOP\r\n"), [end("a"), command("b NOOP")]);
}
