//! LIST and LSUB.

use lightmail_imap::command::{Body, List, ListReturn, ListSelect, StatusItem};
use lightmail_imap::grammar::parse;

use crate::{body, fails, settings};

fn list(line: &str) -> List {
    match body(line) {
        Body::List(list) => list,
        other => panic!("{other:?}"),
    }
}

#[test]
fn basic_forms() {
    // RFC 9051 §6.3.9.8
    let found = list("LIST \"\" \"*\"");
    assert_eq!(
        (found.reference.as_str(), found.patterns, found.extended),
        ("", vec!["*".to_owned()], false)
    );
    assert_eq!(list("LIST \"\" %").patterns, ["%"]);
    assert_eq!(list("LIST ~/Mail/ a%b*").patterns, ["a%b*"]);
    assert_eq!(list("LIST \"\" \"\"").patterns, [""]);
    assert_eq!(
        list("LIST \"\" &ZeVnLIqe-/*").patterns,
        ["\u{65e5}\u{672c}\u{8a9e}/*"]
    );
    assert_eq!(
        format!("{:?}", body("LSUB #news. comp.%")),
        "Lsub { reference: \"#news.\", pattern: \"comp.%\" }"
    );
    // Outlook
    assert_eq!(
        format!("{:?}", body("XLIST \"\" \"*\"")),
        "Xlist { reference: \"\", pattern: \"*\" }"
    );
}

#[test]
fn extended_forms() {
    // RFC 5258 §5, RFC 9051 §6.3.9.8
    let found = list("LIST (SUBSCRIBED) \"\" \"*\"");
    assert_eq!(
        (found.select, found.extended),
        (vec![ListSelect::Subscribed], true)
    );
    let found = list("LIST () \"\" \"%\" RETURN (CHILDREN)");
    assert_eq!(
        (found.returns, found.select.len()),
        (vec![ListReturn::Children], 0)
    );
    let found = list("LIST (REMOTE SUBSCRIBED RECURSIVEMATCH SPECIAL-USE) \"\" *");
    assert_eq!(found.select.len(), 4);
    let found = list("LIST \"\" (\"INBOX\" \"Drafts\" Sent/%)");
    assert_eq!((found.patterns.len(), found.extended), (3, true));
    assert!(list("LIST \"\" % RETURN ()").extended);
    // RFC 5819 §3
    let found = list("LIST \"\" % RETURN (STATUS (MESSAGES UNSEEN) SUBSCRIBED)");
    assert_eq!(found.returns, [ListReturn::Status, ListReturn::Subscribed]);
    assert_eq!(found.status, [StatusItem::Messages, StatusItem::Unseen]);
    // RFC 6154 §5.2
    assert_eq!(
        list("LIST \"\" \"%\" RETURN (SPECIAL-USE)").returns,
        [ListReturn::SpecialUse]
    );
}

#[test]
fn malformed_options_say_where() {
    // RFC 9051 §6.3.9.1: RECURSIVEMATCH needs a base option
    for options in [
        "RECURSIVEMATCH",
        "REMOTE RECURSIVEMATCH",
        "SPECIAL-USE RECURSIVEMATCH",
    ] {
        assert_eq!(
            fails(&format!("LIST ({options}) \"\" *")),
            ("SUBSCRIBED beside RECURSIVEMATCH", 6)
        );
    }
    assert_eq!(fails("LIST (FOO) \"\" *"), ("a LIST selection option", 6));
    assert_eq!(
        fails("LIST \"\" * RETURN (FOO)"),
        ("a LIST return option", 18)
    );
    assert_eq!(fails("LIST \"\" * RETURN (STATUS)"), ("a space", 24));
    assert_eq!(fails("LIST \"\" * FOO"), ("RETURN", 10));
    assert_eq!(fails("LIST \"\" ()"), ("a mailbox name or pattern", 9));
    assert_eq!(fails("LIST % *"), ("a reference name", 5));
    let many = format!("a LIST \"\" ({})", vec!["x"; 65].join(" "));
    assert!(parse(many.as_bytes(), settings()).unwrap_err().is_limit());
}
