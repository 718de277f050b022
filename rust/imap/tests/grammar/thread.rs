//! THREAD.

use lightmail_imap::command::{Body, Thread, ThreadAlgorithm};
use lightmail_imap::search::SearchKey;

use crate::{body, fails};

fn thread(line: &str) -> Thread {
    match body(line) {
        Body::Thread(thread) => thread,
        other => panic!("{other:?}"),
    }
}

/// RFC 5256 §3.
#[test]
fn examples() {
    let found = thread("THREAD ORDEREDSUBJECT UTF-8 SINCE 5-MAR-2000");
    assert!(!found.uid);
    assert_eq!(found.algorithm, ThreadAlgorithm::OrderedSubject);
    assert_eq!(found.program.charset.as_deref(), Some("UTF-8"));
    let found = thread("uid thread references \"US-ASCII\" TEXT \"gewp\"");
    assert!(found.uid);
    assert_eq!(found.algorithm, ThreadAlgorithm::References);
    assert_eq!(found.program.key, SearchKey::Text(b"gewp".to_vec()));
    assert_eq!(
        thread("THREAD REFS UTF-8 ALL").algorithm,
        ThreadAlgorithm::Refs
    );
    assert_eq!(
        fails("THREAD JWZ UTF-8 ALL"),
        ("ORDEREDSUBJECT, REFERENCES or REFS", 7)
    );
    assert_eq!(fails("THREAD REFS UTF-8"), ("a space", 17));
}
