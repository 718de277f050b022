//! CATENATE (RFC 4469): parts streamed, URLs in every form, refused in the midst.

use lightmail_imap::fetch::SectionText;
use lightmail_imap::limits::Limits;
use lightmail_imap::url::MessageUrl;

use crate::{command, events, malformed, too_much, Peer, Policy, Seen};

/// The events, in words.
fn told(seen: &[Seen]) -> Vec<String> {
    seen.iter()
        .map(|event| match event {
            Seen::Message(message) => format!(
                "message {} {}{}",
                message.mailbox.as_str(),
                if message.head.catenate {
                    "catenate"
                } else {
                    "literal"
                },
                if message.first { " first" } else { "" }
            ),
            Seen::Url(url) => format!("url {}", String::from_utf8_lossy(&url.octets)),
            Seen::Text(octets) => format!("text {octets}"),
            Seen::Data(octets) => format!("data {}", String::from_utf8_lossy(octets)),
            Seen::MessageEnd => "message end".to_owned(),
            Seen::AppendEnd(tag) => format!("end {tag}"),
            Seen::Continue => "continue".to_owned(),
            Seen::Malformed { text, .. } => text.clone(),
            other => format!("{other:?}"),
        })
        .collect()
}

fn target(url: &str) -> Option<MessageUrl> {
    let line = format!("a APPEND x CATENATE (URL \"{url}\")\r\n");
    match &events(line.as_bytes())[1] {
        Seen::Url(found) => found.target.clone(),
        other => panic!("{url}: {other:?}"),
    }
}

#[test]
fn the_first_example() {
    // RFC 4469 Appendix A
    let mut peer = Peer::new(Limits::default());
    assert_eq!(
        told(&peer.feed(b"A003 APPEND Drafts (\\Seen \\Draft $MDNSent) CATENATE (URL \"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER\" TEXT {4}\r\n")),
        ["message Drafts catenate first", "url /Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER", "text 4"]
    );
    assert_eq!(
        told(&peer.feed(
            b"\r\n--\
              URL \"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.MIME\" URL /a TEXT {2}\r\n"
        )),
        ["data \r\n--", "expected a space or \")\" at octet 0"]
    );
    let mut peer = Peer::new(Limits::default());
    peer.feed(b"A003 APPEND Drafts CATENATE (TEXT {4}\r\n");
    assert_eq!(
        told(&peer.feed(b"\r\n-- URL \"/b\" URL /a TEXT {2}\r\n")),
        ["data \r\n--", "url /b", "url /a", "text 2"]
    );
    assert_eq!(
        told(&peer.feed(b"ab)\r\nb NOOP\r\n"))[..3],
        ["data ab", "message end", "end A003"]
    );
}

#[test]
fn nothing_but_urls() {
    assert_eq!(
        told(&events(
            b"a APPEND x (\\Seen) CATENATE (URL /a URL /b) CATENATE (URL /c) \r\n"
        )),
        [
            "message x catenate first",
            "url /a",
            "url /b",
            "message end",
            "message x catenate",
            "url /c",
            "message end",
            "end a"
        ]
    );
}

#[test]
fn urls_may_be_literals_and_are_read_once() {
    let mut peer = Peer::new(Limits::default());
    assert_eq!(
        told(&peer.feed(b"a APPEND x CATENATE (URL /a URL {2}\r\n")),
        ["message x catenate first", "url /a", "continue"]
    );
    assert_eq!(
        told(&peer.feed(b"/b URL {2+}\r\n/c TEXT {1+}\r\nz URL {2+}\r\n/d) (\\Seen) {1+}\r\ny UTF8 (~{1+}\r\nu) CATENATE (UTF8 (~{1+}\r\nv) URL /e)\r\n")),
        [
            "url /b", "url /c", "text 1", "data z", "url /d", "message end", "message x literal", "data y",
            "message x literal", "data u", "message x catenate", "text 1", "data v", "url /e", "message end", "end a"
        ]
    );
    let many = b"a APPEND x CATENATE (URL {2+}\r\n/b URL {2+}\r\n/b URL {2+}\r\n/b URL {2+}\r\n/b)\r\nb NOOP\r\n";
    let limits = Limits {
        literals: 3,
        ..Limits::default()
    };
    let seen = Peer::new(limits).feed(many);
    assert_eq!(
        seen[seen.len() - 2..],
        [
            too_much(
                "a",
                "too much at octet 64: literals in one command, at most 3"
            ),
            command("b NOOP")
        ]
    );
}

#[test]
fn replace_takes_one() {
    // RFC 8508 §4.7
    assert_eq!(
        told(&events(b"a UID REPLACE 7 x CATENATE (URL /a)\r\n")),
        ["message x catenate first", "url /a", "message end", "end a"]
    );
    assert_eq!(
        told(&events(
            b"a REPLACE 7 x CATENATE (URL /a) CATENATE (URL /b)\r\n"
        )),
        ["expected the end of the line at octet 31"]
    );
}

#[test]
fn what_is_wrong_with_it() {
    for (line, text) in [
        ("CATENATE ()", "expected TEXT or URL at octet 21"),
        ("CATENATE (URL)", "expected TEXT or URL at octet 21"),
        ("CATENATE (URL /a", "expected a space or \")\" at octet 27"),
        ("CATENATE (URL /a TEXT x)", "expected a literal at octet 33"),
        ("CATENATE (TEXT ~{1})", "expected a literal at octet 26"),
        ("CATENATE (UTF8 (x)", "expected a literal8 at octet 27"),
        (
            "CATENATE (URL /a) x",
            "expected the end of the line, or a message as a literal at octet 28",
        ),
        ("CATENATE (URL /a){3}", "expected a space at octet 28"),
        ("CATENATE ", "expected a message as a literal at octet 11"),
    ] {
        let octets = format!("a APPEND x {line}\r\nb NOOP\r\n");
        let seen = events(octets.as_bytes());
        assert_eq!(seen[seen.len() - 1], command("b NOOP"), "{line}");
        match &seen[..] {
            [found, _] => assert_eq!(found, &malformed("a", text), "{line}"),
            other => panic!("{line}: {other:?}"),
        }
    }
}

#[test]
fn refused() {
    for line in [
        "a APPEND x CATENATE (URL /a TEXT {3+}\r\nxyz URL /b)\r\n",
        "a APPEND x CATENATE (TEXT {3+}\r\nxyz TEXT {5+}\r\na\r\nb )\r\n",
        "a APPEND x CATENATE (URL {2+}\r\n/a TEXT {3+}\r\nx\r\n URL /b)\r\n",
        "a APPEND x CATENATE (TEXT {3}\r\n",
        "a APPEND x CATENATE (URL /a)\r\n",
    ] {
        let mut peer = Peer::with(Limits::default(), Policy::Refuse);
        let seen = peer.feed(format!("{line}b NOOP\r\n").as_bytes());
        assert_eq!(told(&seen[..1]), ["message x catenate first"], "{line}");
        assert_eq!(seen[1..], [command("b NOOP")], "{line}");
    }
}

#[test]
fn chunks_make_no_difference() {
    let octets = b"a APPEND {1+}\r\nx (\\Seen) CATENATE (URL /a URL {2+}\r\n/b TEXT {3+}\r\nxyz URL \"/c d\" UTF8 (~{2+}\r\nuv) URL {2}\r\n/d) \"17-Jul-1996 02:44:25 -0700\" {2+}\r\nlm CATENATE (TEXT {0+}\r\n)\r\nb NOOP\r\n";
    let whole = events(octets);
    assert_eq!(told(&whole[whole.len() - 2..whole.len() - 1]), ["end a"]);
    for size in 1..octets.len() {
        let mut peer = Peer::new(Limits::default());
        for chunk in octets.chunks(size) {
            peer.feed(chunk);
        }
        assert_eq!(peer.seen, whole, "{size}");
    }
    for cut in 1..octets.len() {
        let mut peer = Peer::new(Limits::default());
        peer.feed(&octets[..cut]);
        peer.feed(&octets[cut..]);
        assert_eq!(peer.seen, whole, "{cut}");
    }
}

#[test]
fn urls() {
    // RFC 5092 §11
    let found = target("/INBOX;UIDVALIDITY=1/;UID=20/;Section=1.2.mime/;PARTIAL=5.9").unwrap();
    assert_eq!(
        (
            found.mailbox.unwrap().as_str(),
            found.absolute,
            found.uid_validity,
            found.uid
        ),
        ("INBOX", true, Some(1), 20)
    );
    assert_eq!(
        (found.section.part, found.section.text),
        (vec![1, 2], SectionText::Mime)
    );
    let partial = found.partial.unwrap();
    assert_eq!((partial.start, partial.octets), (5, 9));
    let found = target("/K%c3%A4se/%3b%25/;uid=1").unwrap();
    assert_eq!(found.mailbox.unwrap().as_str(), "K\u{e4}se/;%");
    assert_eq!(
        (found.section.text, found.partial),
        (SectionText::Full, None)
    );
    assert_eq!(target(";UID=7/;PARTIAL=3").unwrap().mailbox, None);
    assert!(!target("Old/;UID=7").unwrap().absolute);
    for url in [
        "",
        "/",
        ";",
        "%",
        "/x",
        "/x/;UID=",
        "/x/;UID=0",
        "/x/;UID=1/;UID=2",
        "/x/;UID=1/;SECTION=1/;PARTIAL=1/;x",
        "/x/;SECTION=1",
        "//h/x/;UID=1",
        "imap://h/x/;UID=1",
        "/x/;UID=1?",
        "/x;/;UID=1",
        "/%4/;UID=1",
        "/%zz/;UID=1",
        "/%f0/;UID=1",
        "/%00/;UID=1",
        "/x/;UID=1/;SECTION=1]<",
    ] {
        assert_eq!(target(url), None, "{url}");
    }
}
