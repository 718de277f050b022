//! FETCH.

use lightmail_imap::command::{Body, Fetch};
use lightmail_imap::encode::fetch_items;
use lightmail_imap::fetch::FetchItem::{self, *};
use lightmail_imap::fetch::{Partial, Section, SectionText};

use crate::{body, fails};

fn fetch(line: &str) -> Fetch {
    match body(line) {
        Body::Fetch(fetch) => fetch,
        other => panic!("{other:?}"),
    }
}

fn items(text: &str) -> Vec<FetchItem> {
    fetch(&format!("FETCH 1 {text}")).items.0
}

fn section(part: &[u32], text: SectionText) -> FetchItem {
    BodySection {
        section: Section {
            part: part.to_vec(),
            text,
        },
        peek: false,
        partial: None,
    }
}

#[test]
fn macros() {
    // RFC 9051 §6.4.5
    assert_eq!(items("FAST"), [Flags, InternalDate, Rfc822Size]);
    assert_eq!(items("all"), [Flags, InternalDate, Rfc822Size, Envelope]);
    assert_eq!(
        items("FULL"),
        [Flags, InternalDate, Rfc822Size, Envelope, Body]
    );
    assert_eq!(fails("FETCH 1 (FAST)"), ("a FETCH item", 9));
}

#[test]
fn items_alone_in_lists_and_twice() {
    assert_eq!(items("flags"), [Flags]);
    assert_eq!(
        items("(UID MODSEQ SAVEDATE BODY BODYSTRUCTURE UID RFC822.SIZE)"),
        [Uid, ModSeq, SaveDate, Body, BodyStructure, Rfc822Size]
    );
    assert_eq!(fails("FETCH 1 ()"), ("a FETCH item", 9));
    assert_eq!(fails("FETCH 1 (FLAGS  UID)"), ("a FETCH item", 15));
    assert_eq!(fails("FETCH 1 FLAGS UID"), ("the end of the line", 14));
    assert_eq!(fails("FETCH 1 FLAGS[1]"), ("the end of the line", 13));
}

#[test]
fn sections() {
    // RFC 9051 §6.4.5.1
    assert_eq!(items("BODY[]"), [section(&[], SectionText::Full)]);
    assert_eq!(items("BODY[HEADER]"), [section(&[], SectionText::Header)]);
    assert_eq!(items("BODY[text]"), [section(&[], SectionText::Text)]);
    assert_eq!(
        items("BODY[4.2.2.1]"),
        [section(&[4, 2, 2, 1], SectionText::Full)]
    );
    assert_eq!(
        items("BODY[3.HEADER]"),
        [section(&[3], SectionText::Header)]
    );
    assert_eq!(
        items("BODY[4.1.MIME]"),
        [section(&[4, 1], SectionText::Mime)]
    );
    assert_eq!(
        items("BODY[4.2.TEXT]"),
        [section(&[4, 2], SectionText::Text)]
    );
    let names = |exclude| SectionText::HeaderFields {
        exclude,
        names: vec![b"DATE".to_vec(), b"From".to_vec()],
    };
    assert_eq!(
        items("BODY[HEADER.FIELDS (DATE \"From\")]"),
        [section(&[], names(false))]
    );
    assert_eq!(
        items("BODY[3.HEADER.FIELDS.NOT (DATE {4}\r\nFrom)]"),
        [section(&[3], names(true))]
    );
}

#[test]
fn malformed_sections_say_where() {
    assert_eq!(fails("FETCH 1 BODY[0]"), ("a part number", 13));
    assert_eq!(
        fails("FETCH 1 BODY[MIME]"),
        ("a part number, HEADER, HEADER.FIELDS or TEXT", 13)
    );
    assert_eq!(
        fails("FETCH 1 BODY[1.]"),
        ("a part number, HEADER, HEADER.FIELDS, MIME or TEXT", 15)
    );
    assert_eq!(fails("FETCH 1 BODY[1"), ("\"]\"", 14));
    assert_eq!(
        fails("FETCH 1 BODY["),
        ("a part number, HEADER, HEADER.FIELDS or TEXT", 13)
    );
    assert_eq!(
        fails("FETCH 1 BODY[HEADER.FIELDS ()]"),
        ("a header field name", 28)
    );
    assert_eq!(fails("FETCH 1 BODY.PEEK"), ("\"[\"", 17));
    assert_eq!(
        fails("FETCH 1 BINARY[1.TEXT]"),
        ("a part number or \"]\"", 17)
    );
    assert_eq!(
        fails("FETCH 1 BINARY.SIZE[1]<0.5>"),
        ("the end of the line", 22)
    );
}

#[test]
fn partial() {
    let partial = |text: &str| match items(text).remove(0) {
        BodySection { partial, .. } | Binary { partial, .. } => partial,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        partial("BODY[]<0.2048>"),
        Some(Partial {
            start: 0,
            octets: 2048
        })
    );
    assert_eq!(
        partial("BINARY.PEEK[1]<5000000000.1>"),
        Some(Partial {
            start: 5_000_000_000,
            octets: 1
        })
    );
    assert_eq!(fails("FETCH 1 BODY[]<0.0>"), ("a count of octets", 17));
    assert_eq!(
        fails("FETCH 1 BODY[]<5>"),
        ("\".\" and a count of octets", 16)
    );
    assert_eq!(
        fails("FETCH 1 BODY[]<9223372036854775808.1>"),
        ("the first octet", 15)
    );
}

#[test]
fn binary_and_rfc822() {
    // RFC 3516 §4, RFC 3501 §6.4.5
    assert_eq!(
        items("(BINARY[] BINARY.PEEK[1.2] BINARY.SIZE[3])"),
        [
            Binary {
                part: vec![],
                peek: false,
                partial: None
            },
            Binary {
                part: vec![1, 2],
                peek: true,
                partial: None
            },
            BinarySize { part: vec![3] },
        ]
    );
    assert_eq!(
        items("(RFC822 RFC822.HEADER RFC822.TEXT)"),
        [
            Rfc822 { peek: false },
            Rfc822Header,
            Rfc822Text { peek: false }
        ]
    );
    // QUIRK_RFC822_PEEK
    assert_eq!(
        items("(RFC822.PEEK RFC822.TEXT.PEEK RFC822.HEADER.PEEK)"),
        [
            Rfc822 { peek: true },
            Rfc822Text { peek: true },
            Rfc822Header
        ]
    );
}

#[test]
fn modifiers() {
    // RFC 7162 §3.1.4.1, §3.2.6
    let found = fetch("UID FETCH 300:500 (FLAGS) (CHANGEDSINCE 12345 VANISHED)");
    assert_eq!(
        (found.changed_since, found.vanished, found.uid),
        (Some(12_345), true, true)
    );
    assert_eq!(
        fetch("FETCH 1:* FLAGS (CHANGEDSINCE 1)").changed_since,
        Some(1)
    );
    // QUIRK_CHANGEDSINCE_0
    assert_eq!(
        fetch("UID FETCH 1:* (FLAGS) (CHANGEDSINCE 0)").changed_since,
        Some(0)
    );
    for line in [
        "FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)",
        "UID FETCH 1 FLAGS (VANISHED)",
    ] {
        assert_eq!(
            fails(line).0,
            "VANISHED only in UID FETCH with CHANGEDSINCE"
        );
    }
    assert_eq!(
        fails("FETCH 1 FLAGS (FOO)"),
        ("CHANGEDSINCE, PARTIAL or VANISHED, each once", 15)
    );
    // RFC 9394 §3.3, §3.4
    let found = fetch("UID FETCH 25900:26600 (UID FLAGS) (PARTIAL -1:-30 CHANGEDSINCE 98305)");
    assert_eq!(found.changed_since, Some(98305));
    assert_eq!(
        found.partial.map(|window| window.to_string()).as_deref(),
        Some("-1:-30")
    );
    assert_eq!(
        fetch("UID FETCH 1:* FLAGS (CHANGEDSINCE 5 PARTIAL 1:5)")
            .partial
            .map(|window| window.extent()),
        Some(5)
    );
    assert_eq!(
        fails("FETCH 1 FLAGS (PARTIAL 1:5)").0,
        "PARTIAL only in UID FETCH"
    );
}

#[test]
fn previews() {
    // RFC 8970 §6: modifiers of the item, not to be taken for those of the command.
    let lazy = |text: &str| fetch(text).items.0[0] == FetchItem::Preview { lazy: true };
    assert!(lazy("FETCH 1 PREVIEW (LAZY)"));
    assert!(lazy("FETCH 1 (preview (lazy LAZY) UID)"));
    assert!(!lazy("FETCH 1 (PREVIEW UID)"));
    assert!(!lazy("FETCH 1 PREVIEW (CHANGEDSINCE 5)"));
    assert!(lazy("FETCH 1 PREVIEW (LAZY) (CHANGEDSINCE 5)"));
    assert_eq!(fails("FETCH 1 PREVIEW (LAZY").0, "\")\"");
    assert_eq!(fails("FETCH 1 (PREVIEW (EAGER))").0, "a FETCH item");
}

#[test]
fn what_an_answer_takes() {
    let needs = |text: &str| {
        let items = fetch(&format!("FETCH 1 {text}")).items;
        (
            items.needs_summary(),
            items.needs_octets(),
            items.sets_seen(),
        )
    };
    assert_eq!(
        needs("(UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ SAVEDATE EMAILID)"),
        (false, false, false)
    );
    assert_eq!(
        needs("(ENVELOPE BODYSTRUCTURE BODY RFC822.HEADER BINARY.SIZE[1])"),
        (true, false, false)
    );
    assert_eq!(needs("THREADID"), (true, false, false));
    assert_eq!(needs("PREVIEW"), (true, false, false));
    assert_eq!(
        needs("BODY.PEEK[HEADER.FIELDS (From)]"),
        (true, false, false)
    );
    assert_eq!(needs("BODY[HEADER]"), (true, false, true));
    assert_eq!(needs("BODY.PEEK[]"), (false, true, false));
    assert_eq!(needs("RFC822"), (false, true, true));
    assert_eq!(needs("BODY.PEEK[1.MIME]"), (true, true, false));
    assert_eq!(needs("BODY[TEXT]"), (true, true, true));
    assert_eq!(needs("BINARY.PEEK[1]"), (true, true, false));
    assert_eq!(needs("RFC822.PEEK"), (false, true, false));
}

#[test]
fn printed_and_read_again() {
    for text in [
        "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE MODSEQ SAVEDATE)",
        "(EMAILID THREADID PREVIEW)",
        "(PREVIEW (LAZY) UID)",
        "(BODY[] BODY.PEEK[1.2.HEADER.FIELDS.NOT (a \"b c\")]<5.6> BODY[HEADER] BODY[1.MIME] BODY[TEXT])",
        "(BINARY[1] BINARY.PEEK[]<1.2> BINARY.SIZE[2.3] RFC822 RFC822.PEEK RFC822.HEADER RFC822.TEXT)",
    ] {
        let mut out = Vec::new();
        fetch_items(&fetch(&format!("FETCH 1 {text}")).items, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), text);
    }
}

#[test]
fn thousands_of_sections_are_told_apart_quickly() {
    let many: Vec<_> = (1..8000).map(|part| format!("BODY[{part}]")).collect();
    assert_eq!(items(&format!("({0} {0})", many.join(" "))).len(), 7999);
}
