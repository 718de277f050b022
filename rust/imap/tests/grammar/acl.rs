//! SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS.

use lightmail_imap::command::{Acl, Body, SetAcl, StoreOp};

use crate::{body, fails};

fn set(line: &str) -> SetAcl {
    match body(line) {
        Body::SetAcl(acl) => acl,
        other => panic!("{other:?}"),
    }
}

fn named(line: &str) -> Acl {
    match body(line) {
        Body::DeleteAcl(acl) | Body::ListRights(acl) => acl,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rights_replace_add_or_remove() {
    // RFC 4314 §3.1
    let acl = set("SeTacl INBOX/Drafts David lrswida");
    assert_eq!(
        (acl.mailbox.as_str(), acl.identifier.as_str()),
        ("INBOX/Drafts", "David")
    );
    assert_eq!((acl.op, acl.rights.as_str()), (StoreOp::Set, "lrswida"));
    let acl = set("SETACL INBOX/Drafts Chris +cda");
    assert_eq!((acl.op, acl.rights.as_str()), (StoreOp::Add, "cda"));
    let acl = set("SETACL x \"-Chris\" -w");
    assert_eq!(
        (acl.identifier.as_str(), acl.op, acl.rights.as_str()),
        ("-Chris", StoreOp::Remove, "w")
    );
    let acl = set("SETACL x anyone \"\"");
    assert_eq!((acl.op, acl.rights.as_str()), (StoreOp::Set, ""));
}

#[test]
fn rights_that_nobody_knows_are_refused() {
    let what = "rights, each one of lrswipkxteacd";
    assert_eq!(fails("SETACL INBOX/Drafts John lrQswicda"), (what, 25));
    assert_eq!(fails("SETACL INBOX/Drafts John lrqswicda"), (what, 25));
    assert_eq!(fails("SETACL x John +l+r"), (what, 14));
    assert_eq!(fails("SETACL x John"), ("a space", 13));
}

#[test]
fn who_and_which() {
    assert_eq!(named("DeleteAcl INBOX Fred").identifier, "Fred");
    let acl = named("LISTRIGHTS ~/Mail/saved \"j\u{f6}rg@example.org\"");
    assert_eq!(
        (acl.mailbox.as_str(), acl.identifier.as_str()),
        ("~/Mail/saved", "j\u{f6}rg@example.org")
    );
    assert!(matches!(body("GETACL INBOX"), Body::GetAcl(mailbox) if mailbox.as_str() == "INBOX"));
    assert!(
        matches!(body("MYRIGHTS INBOX"), Body::MyRights(mailbox) if mailbox.as_str() == "INBOX")
    );
    assert_eq!(fails("DELETEACL INBOX"), ("a space", 15));
}
