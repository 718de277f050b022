//! Sequence sets; COPY, MOVE, STORE, UID EXPUNGE.

use lightmail_imap::command::{Body, Store, StoreOp};
use lightmail_imap::grammar::{parse, Settings};
use lightmail_imap::set::Bound::{Largest, Number};
use lightmail_imap::set::SequenceSet;

use crate::{body, fails, settings};

fn set(text: &str) -> SequenceSet {
    match body(&format!("UID EXPUNGE {text}")) {
        Body::Expunge(Some(set)) => set,
        other => panic!("{other:?}"),
    }
}

#[test]
fn ranges_stay_in_the_order_written() {
    // RFC 9051 §9 sequence-set
    assert_eq!(
        set("2,4:7,9,12:*"),
        SequenceSet::Ranges(vec![
            (Number(2), Number(2)),
            (Number(4), Number(7)),
            (Number(9), Number(9)),
            (Number(12), Largest),
        ])
    );
    assert_eq!(
        set("*:4,7:5"),
        SequenceSet::Ranges(vec![(Largest, Number(4)), (Number(7), Number(5))])
    );
    assert_eq!(
        set("4294967295"),
        SequenceSet::Ranges(vec![(Number(u32::MAX), Number(u32::MAX))])
    );
    assert_eq!(set("$"), SequenceSet::Saved);
    assert_eq!(
        set("1:5,$"),
        SequenceSet::RangesAndSaved(vec![(Number(1), Number(5))])
    );
    for text in ["2,4:7,9,12:*", "*", "$", "*:4", "1:1", "3,1:5,$"] {
        assert_eq!(set(&set(text).to_string()), set(text));
    }
}

#[test]
fn malformed_sets_say_where() {
    for (text, at) in [
        ("0", 0),
        ("01", 0),
        ("1,", 2),
        ("1:", 2),
        ("1,,2", 2),
        ("-1", 0),
        ("x", 0),
        ("4294967296", 0),
    ] {
        assert_eq!(
            fails(&format!("UID EXPUNGE {text}")),
            ("a message number", 12 + at),
            "{text}"
        );
    }
    assert_eq!(fails("UID EXPUNGE 1;2"), ("the end of the line", 13));
    assert_eq!(fails("UID EXPUNGE $,1"), ("the end of the line", 13));
    assert_eq!(fails("UID EXPUNGE 1,$,2"), ("the end of the line", 15));
    assert_eq!(fails("UID EXPUNGE"), ("a space", 11));
    assert_eq!(fails("EXPUNGE 1"), ("the end of the line", 8));
}

#[test]
fn a_set_has_a_limited_number_of_ranges() {
    let settings = Settings {
        set_ranges: 3,
        ..settings()
    };
    assert!(parse(b"a UID EXPUNGE 1,2,3", settings).is_ok());
    let error = parse(b"a UID EXPUNGE 1,2,3,4", settings).unwrap_err();
    assert!(error.is_limit());
    assert_eq!(
        error.to_string(),
        "too much at octet 20: ranges in a sequence set, at most 3"
    );
}

#[test]
fn copy_and_move() {
    // RFC 9051 §6.4.7, §6.4.8
    let Body::Copy(copy) = body("COPY 2:4 MEETING") else {
        panic!("not COPY")
    };
    assert_eq!((copy.uid, copy.mailbox.as_str()), (false, "MEETING"));
    assert_eq!(copy.set.to_string(), "2:4");
    let Body::Move(moved) = body("UID MOVE 42:69 foo") else {
        panic!("not MOVE")
    };
    assert_eq!((moved.uid, moved.mailbox.as_str()), (true, "foo"));
    assert_eq!(body("UID COPY $ inbox").name(), "UID COPY");
    assert_eq!(fails("COPY 2:4"), ("a space", 8));
    assert_eq!(fails("COPY 2:4 "), ("a mailbox name", 9));
}

fn store(line: &str) -> Store {
    match body(line) {
        Body::Store(store) => store,
        other => panic!("{other:?}"),
    }
}

#[test]
fn store_operations() {
    // RFC 9051 §6.4.6
    for (word, op, silent) in [
        ("FLAGS", StoreOp::Set, false),
        ("flags.silent", StoreOp::Set, true),
        ("+FLAGS", StoreOp::Add, false),
        ("+FLAGS.SILENT", StoreOp::Add, true),
        ("-FLAGS", StoreOp::Remove, false),
        ("-Flags.Silent", StoreOp::Remove, true),
    ] {
        let store = store(&format!("STORE 2:4 {word} (\\Deleted $Forwarded)"));
        assert_eq!((store.op, store.silent, store.uid), (op, silent, false));
        let flags: Vec<_> = store
            .flags
            .iter()
            .map(|flag| flag.as_str().to_owned())
            .collect();
        assert_eq!(flags, ["\\Deleted", "$Forwarded"]);
    }
}

#[test]
fn store_flags_without_parentheses_and_empty() {
    assert_eq!(store("UID STORE 1 FLAGS \\Seen a").flags.len(), 2);
    assert_eq!(store("STORE 1 FLAGS ()").flags.len(), 0);
    assert_eq!(fails("STORE 1 FLAGS"), ("a space", 13));
    assert_eq!(fails("STORE 1 FLAGS (\\*)"), ("a flag", 16));
    assert_eq!(fails("STORE 1 FLAGS (a,b c]d)"), ("a space or \")\"", 20));
    assert_eq!(fails("STORE 1 FLAG (a)"), ("FLAGS, +FLAGS or -FLAGS", 8));
    assert_eq!(fails("STORE 1 FLAGS (a"), ("a space or \")\"", 16));
}

#[test]
fn store_unchanged_since() {
    // RFC 7162 §3.1.3
    let found = store("UID STORE 6,4,8 (UNCHANGEDSINCE 12121230045) +FLAGS.SILENT (\\Deleted)");
    assert_eq!(found.unchanged_since, Some(12_121_230_045));
    assert_eq!(
        store("STORE 50 (UNCHANGEDSINCE 0) +FLAGS.SILENT ($MDNSent)").unchanged_since,
        Some(0)
    );
    assert_eq!(fails("STORE 1 (SINCE 1) FLAGS ()"), ("UNCHANGEDSINCE", 9));
    assert_eq!(
        fails("STORE 1 (UNCHANGEDSINCE 9223372036854775808) FLAGS ()"),
        ("a MODSEQ", 24)
    );
}
