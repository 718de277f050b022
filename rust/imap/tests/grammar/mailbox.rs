//! SELECT, EXAMINE, CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, STATUS.

use lightmail_imap::command::{Body, Depth, Select, StatusItem};

use crate::{body, fails};

fn select(line: &str) -> Select {
    match body(line) {
        Body::Select(select) => select,
        other => panic!("{other:?}"),
    }
}

#[test]
fn select_and_examine() {
    let plain = select("SELECT inbox");
    assert_eq!(
        (plain.mailbox.as_str(), plain.examine, plain.condstore),
        ("INBOX", false, false)
    );
    assert!(select("EXAMINE blurdybloop").examine);
    // RFC 7162 §3.1.8
    assert!(select("SELECT INBOX (CONDSTORE)").condstore);
    assert_eq!(
        fails("SELECT INBOX (FOO)"),
        ("CONDSTORE or QRESYNC, each once", 14)
    );
    assert_eq!(
        fails("SELECT INBOX (CONDSTORE CONDSTORE)"),
        ("CONDSTORE or QRESYNC, each once", 24)
    );
    assert_eq!(
        fails("SELECT INBOX ()"),
        ("CONDSTORE or QRESYNC, each once", 14)
    );
    assert_eq!(fails("SELECT"), ("a space", 6));
}

#[test]
fn qresync() {
    // RFC 7162 §3.2.5
    let known = select("SELECT INBOX (QRESYNC (67890007 20050715194045000 41,43:211,214:541))")
        .qresync
        .unwrap();
    assert_eq!(
        (known.uid_validity, known.modseq),
        (67_890_007, 20_050_715_194_045_000)
    );
    assert_eq!(known.known_uids.unwrap().to_string(), "41,43:211,214:541");
    assert!(known.seq_match.is_none());
    // RFC 7162 §3.2.5.2
    let known =
        select("SELECT INBOX (QRESYNC (67890007 90060115194045000 41:211,214:541 (1,3,5 1,7,9)))");
    let (seqs, uids) = known.qresync.unwrap().seq_match.unwrap();
    assert_eq!(
        (seqs.to_string(), uids.to_string()),
        ("1,3,5".to_owned(), "1,7,9".to_owned())
    );
    let both = select("SELECT x (CONDSTORE QRESYNC (1 2 (1 7)))");
    assert!(both.condstore && both.qresync.is_some_and(|known| known.known_uids.is_none()));
    assert_eq!(fails("SELECT x (QRESYNC (0 2))"), ("UIDVALIDITY", 19));
    assert_eq!(fails("SELECT x (QRESYNC (1 0))"), ("a MODSEQ", 21));
    assert_eq!(
        fails("SELECT x (QRESYNC (1 2 1:*))"),
        ("a set of numbers without \"*\" and \"$\"", 23)
    );
    assert_eq!(
        fails("SELECT x (QRESYNC (1 2 $))"),
        ("a set of numbers without \"*\" and \"$\"", 23)
    );
    assert_eq!(fails("SELECT x (QRESYNC (1))"), ("a space", 20));
}

#[test]
fn create() {
    let create = |line: &str| match body(line) {
        Body::Create(create) => create,
        other => panic!("{other:?}"),
    };
    // RFC 9051 §6.3.4
    assert_eq!(
        create("CREATE owatagusiam/").mailbox.as_str(),
        "owatagusiam"
    );
    assert_eq!(
        create("CREATE owatagusiam/blurdybloop").mailbox.as_str(),
        "owatagusiam/blurdybloop"
    );
    assert_eq!(create("CREATE inbox/").mailbox.as_str(), "INBOX");
    // Outlook
    for line in [
        "SUBSCRIBE Work/",
        "DELETE \"Work/\"",
        "STATUS Work/ (UNSEEN)",
    ] {
        let found = format!("{:?}", body(line));
        assert!(found.contains("Mailbox(\"Work\")"), "{found}");
    }
    assert!(format!("{:?}", body("DELETE /")).contains("Mailbox(\"/\")"));
    // RFC 6154 §5.3
    let special = create("CREATE MySpecial (USE (\\Drafts \\Sent))");
    assert_eq!(
        special
            .special_use
            .iter()
            .map(|flag| flag.as_str())
            .collect::<Vec<_>>(),
        ["\\Drafts", "\\Sent"]
    );
    assert!(create("CREATE x (USE ())").special_use.is_empty());
    assert_eq!(
        fails("CREATE x (USE (Sent))"),
        ("a special use, as in \\Sent", 15)
    );
    assert_eq!(fails("CREATE x (FOO)"), ("USE", 10));
}

#[test]
fn the_others() {
    // RFC 9051 §6.3.5 to §6.3.8
    assert_eq!(body("DELETE blurdybloop").name(), "DELETE");
    assert_eq!(
        format!("{:?}", body("RENAME blurdybloop sarasoop/")),
        "Rename { source: Mailbox(\"blurdybloop\"), target: Mailbox(\"sarasoop\") }"
    );
    assert_eq!(
        format!("{:?}", body("SUBSCRIBE #news.x")),
        "Subscribe(Mailbox(\"#news.x\"))"
    );
    assert_eq!(
        format!("{:?}", body("UNSUBSCRIBE #news.x")),
        "Unsubscribe(Mailbox(\"#news.x\"))"
    );
    assert_eq!(fails("RENAME x"), ("a space", 8));
}

#[test]
fn status() {
    let items = |line: &str| match body(line) {
        Body::Status { items, .. } => items,
        other => panic!("{other:?}"),
    };
    // RFC 9051 §6.3.11
    assert_eq!(
        items("STATUS blurdybloop (UIDNEXT MESSAGES)"),
        [StatusItem::UidNext, StatusItem::Messages]
    );
    let all = "MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ APPENDLIMIT";
    let found: Vec<_> = items(&format!("STATUS x ({})", all.to_lowercase()));
    assert_eq!(
        found
            .iter()
            .map(|item| item.as_str())
            .collect::<Vec<_>>()
            .join(" "),
        all
    );
    assert_eq!(items("STATUS x (SIZE SIZE)").len(), 1);
    assert_eq!(fails("STATUS x ()"), ("a STATUS item", 10));
    assert_eq!(fails("STATUS x (FOO)"), ("a STATUS item", 10));
    assert_eq!(fails("STATUS x SIZE"), ("\"(\"", 9));
}

#[test]
fn quotas() {
    // RFC 9208 §4.1
    assert!(
        matches!(body("GETQUOTA \"!partition/sda4\""), Body::GetQuota(root) if root == "!partition/sda4")
    );
    assert!(matches!(body("GETQUOTA \"\""), Body::GetQuota(root) if root.is_empty()));
    assert!(
        matches!(body("getquotaroot inbox"), Body::GetQuotaRoot(name) if name.as_str() == "INBOX")
    );
    let Body::SetQuota(set) =
        body("SETQUOTA \"#user/alice\" (STORAGE 510 message 9223372036854775807)")
    else {
        panic!("no SETQUOTA");
    };
    assert_eq!(set.root, "#user/alice");
    assert_eq!(
        set.limits,
        [
            ("STORAGE".to_owned(), 510),
            ("MESSAGE".to_owned(), i64::MAX as u64)
        ]
    );
    assert!(matches!(body("SETQUOTA x ()"), Body::SetQuota(set) if set.limits.is_empty()));
    assert_eq!(
        fails("SETQUOTA x (STORAGE 9223372036854775808)"),
        ("a limit", 20)
    );
    assert_eq!(fails("SETQUOTA x (STORAGE)"), ("a space", 19));
    assert_eq!(fails("SETQUOTA x ( )"), ("a resource", 12));
    assert_eq!(fails("GETQUOTA"), ("a space", 8));
}

#[test]
fn metadata() {
    let Body::GetMetadata(get) = body(
        "GETMETADATA \"INBOX\" (MAXSIZE 1024 DEPTH infinity) (/shared/comment /PRIVATE/Comment)",
    ) else {
        panic!("no GETMETADATA");
    };
    assert_eq!((get.max_octets, get.depth), (Some(1024), Depth::Infinity));
    assert_eq!(get.entries, ["/shared/comment", "/private/comment"]);
    let Body::GetMetadata(get) = body("GETMETADATA (DEPTH 1) \"\" /private/filters/values") else {
        panic!("no GETMETADATA");
    };
    assert_eq!((get.mailbox.as_str(), get.depth), ("", Depth::One));
    let Body::SetMetadata(set) =
        body("SETMETADATA INBOX (/private/comment NIL /shared/vendor/a/b ~{2}\r\na\0)")
    else {
        panic!("no SETMETADATA");
    };
    assert_eq!(set.values[0], ("/private/comment".to_owned(), None));
    assert_eq!(set.values[1].1.as_deref(), Some(&b"a\0"[..]));
    for wrong in [
        "SETMETADATA INBOX (/shared \"x\")",
        "SETMETADATA INBOX (/shared/vendor/a \"x\")",
        "SETMETADATA INBOX (\"/shared/a*\" \"x\")",
        "SETMETADATA INBOX (/shared//a \"x\")",
        "SETMETADATA INBOX (/other/a \"x\")",
    ] {
        assert_eq!(fails(wrong), ("an entry, as in /shared/comment", 19));
    }
    assert_eq!(
        fails("GETMETADATA x (DEPTH 2) /shared/a"),
        ("0, 1 or infinity", 21)
    );
}
