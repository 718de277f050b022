//! NOTIFY, ESEARCH, CANCELUPDATE and the return options of contexts.

use lightmail_imap::command::{Body, Mailbox, MultiSearch, SearchReturn};
use lightmail_imap::fetch::FetchItem;
use lightmail_imap::grammar::parse;
use lightmail_imap::watch::{Filter, Notify};

use crate::{body, fails, settings};

fn notify(line: &str) -> Notify {
    match body(line) {
        Body::Notify(Some(notify)) => notify,
        other => panic!("{other:?}"),
    }
}

fn esearch(line: &str) -> MultiSearch {
    match body(line) {
        Body::MultiSearch(found) => found,
        other => panic!("{other:?}"),
    }
}

fn named(names: &[&str]) -> Vec<Mailbox> {
    names
        .iter()
        .map(|name| Mailbox::new((*name).to_owned()))
        .collect()
}

#[test]
fn groups_of_events() {
    assert_eq!(body("NOTIFY NONE"), Body::Notify(None));
    // RFC 5465 §6
    let found = notify(
        "notify set (selected (Messagenew (uid flags) messageExpunge)) (personal (MessageNew FlagChange MessageExpunge))",
    );
    assert!(!found.status);
    assert_eq!(found.groups[0].filter, Filter::Selected);
    assert_eq!(found.groups[0].events, ["MESSAGENEW", "MESSAGEEXPUNGE"]);
    let items = found.groups[0].attributes.clone().unwrap().0;
    assert_eq!(items, [FetchItem::Uid, FetchItem::Flags]);
    assert_eq!(found.groups[1].filter, Filter::Personal);
    assert_eq!(found.groups[1].attributes, None);
    // RFC 5465 §3.1, with the events that go together
    let found = notify(
        "NOTIFY SET STATUS (selected MessageNew (uid body.peek[header.fields (from to subject)]) MessageExpunge) \
         (subtree Lists (MessageNew MessageExpunge))",
    );
    assert!(found.status);
    assert_eq!(found.groups[1].filter, Filter::Subtree(named(&["Lists"])));
    let found = notify("NOTIFY SET (mailboxes (INBOX \"a b\") NONE) (inboxes (SubscriptionChange)) (subscribed (X))");
    assert_eq!(
        found.groups[0].filter,
        Filter::Mailboxes(named(&["INBOX", "a b"]))
    );
    assert!(found.groups[0].events.is_empty());
    assert_eq!(found.groups[2].events, ["X"]);
    assert_eq!(
        notify("NOTIFY SET (selected-delayed NONE)").groups[0].filter,
        Filter::SelectedDelayed
    );
}

#[test]
fn events_that_do_not_go_together() {
    let together = "MessageNew and MessageExpunge together";
    assert_eq!(fails("NOTIFY SET (personal (MessageNew))"), (together, 22));
    assert_eq!(fails("NOTIFY SET (personal (MessageExpunge))").0, together);
    assert_eq!(fails("NOTIFY SET (personal (FlagChange))").0, together);
    assert_eq!(
        fails("NOTIFY SET (selected (MailboxName))").0,
        "message events alone for the selected mailbox"
    );
    assert_eq!(
        fails("NOTIFY SET (selected NONE) (selected-delayed NONE)").0,
        "SELECTED or SELECTED-DELAYED once"
    );
    assert_eq!(
        fails("NOTIFY SET (personal (MessageNew (UID) MessageExpunge))").0,
        "a NOTIFY event"
    );
    assert!(fails("NOTIFY SET (subtree-one a NONE)")
        .0
        .starts_with("SELECTED,"));
    assert_eq!(fails("NOTIFY SET"), ("a space", 10));
    assert_eq!(fails("NOTIFY SOME"), ("SET or NONE", 7));
    let many = format!("a NOTIFY SET{}", " (personal NONE)".repeat(65));
    assert!(parse(many.as_bytes(), settings()).unwrap_err().is_limit());
}

#[test]
fn searches_of_several_mailboxes() {
    // RFC 7377 §3
    let found =
        esearch("ESEARCH IN (mailboxes \"folder1\" subtree-one \"folder2\") subject \"chad\"");
    assert_eq!(
        found.sources.unwrap(),
        [
            Filter::Mailboxes(named(&["folder1"])),
            Filter::SubtreeOne(named(&["folder2"]))
        ]
    );
    let found = esearch("ESEARCH UNSEEN");
    assert_eq!((found.sources, found.search.returns), (None, None));
    let found = esearch("UID ESEARCH IN (personal) RETURN (COUNT) FROM frobozz 1:100");
    assert!(found.search.uid);
    assert_eq!(found.search.returns.unwrap(), [SearchReturn::Count]);
    assert_eq!(
        fails("ESEARCH IN (selected-delayed) ALL"),
        ("SELECTED (RFC 7377 §2.2)", 12)
    );
    assert!(fails("ESEARCH IN () ALL").0.starts_with("SELECTED,"));
}

#[test]
fn updates() {
    let Body::Search(found) =
        body("SEARCH RETURN (COUNT UPDATE (UID BODY[TEXT]) CONTEXT) FROM \"boss\"")
    else {
        panic!();
    };
    assert_eq!(
        found.returns.unwrap(),
        [
            SearchReturn::Count,
            SearchReturn::Update,
            SearchReturn::Context
        ]
    );
    assert_eq!(found.update.unwrap().0.len(), 2);
    let Body::Search(found) = body("UID SEARCH RETURN (UPDATE(UID)) ALL") else {
        panic!();
    };
    assert_eq!(found.update.unwrap().0, [FetchItem::Uid]);
    assert_eq!(
        body("CANCELUPDATE \"B01\" \"B02\""),
        Body::CancelUpdate(vec!["B01".to_owned(), "B02".to_owned()])
    );
    assert_eq!(fails("CANCELUPDATE"), ("a space", 12));
}
