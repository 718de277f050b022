//! SORT.

use lightmail_imap::command::{Body, SearchReturn, Sort, SortCriterion, SortKey};
use lightmail_imap::search::{DateField, DateRelation, SearchKey};

use crate::{body, fails};

fn sort(line: &str) -> Sort {
    match body(line) {
        Body::Sort(sort) => sort,
        other => panic!("{other:?}"),
    }
}

fn by(key: SortKey, reverse: bool) -> SortCriterion {
    SortCriterion { key, reverse }
}

/// RFC 5256 §3.
#[test]
fn examples() {
    let found = sort("SORT (SUBJECT) UTF-8 SINCE 1-Feb-1994");
    assert!(!found.search.uid);
    assert_eq!(found.search.returns, None);
    assert_eq!(found.criteria, [by(SortKey::Subject, false)]);
    assert_eq!(found.search.program.charset.as_deref(), Some("UTF-8"));
    assert!(matches!(
        found.search.program.key,
        SearchKey::Date {
            field: DateField::Internal,
            relation: DateRelation::Since,
            ..
        }
    ));
    let found = sort("uid sort (subject Reverse date) US-ASCII TEXT \"not in mailbox\"");
    assert!(found.search.uid);
    assert_eq!(
        found.criteria,
        [by(SortKey::Subject, false), by(SortKey::Date, true)]
    );
}

#[test]
fn keys() {
    let all = "(ARRIVAL CC DATE DISPLAYFROM DISPLAYTO FROM SIZE SUBJECT REVERSE TO)";
    assert_eq!(sort(&format!("SORT {all} \"UTF-8\" ALL")).criteria.len(), 9);
    // A key that was compared before decides nothing.
    assert_eq!(
        sort("SORT (DATE REVERSE DATE DATE SIZE) UTF-8 ALL").criteria,
        [by(SortKey::Date, false), by(SortKey::Size, false)]
    );
    // RFC 6203 §6.
    assert_eq!(
        sort("SORT (RELEVANCY REVERSE DATE) UTF-8 FUZZY SUBJECT Helo").criteria,
        [by(SortKey::Relevancy, false), by(SortKey::Date, true)]
    );
    let no_fuzzy = ("a FUZZY key with RELEVANCY", 35);
    assert_eq!(fails("SORT (RELEVANCY) UTF-8 SUBJECT Helo"), no_fuzzy);
    assert_eq!(
        fails("SORT RETURN (RELEVANCY) (DATE) UTF-8 ALL").0,
        no_fuzzy.0
    );
    assert_eq!(fails("SORT () UTF-8 ALL"), ("a sort key", 6));
    assert_eq!(fails("SORT (REVERSE) UTF-8 ALL"), ("a sort key", 6));
    assert_eq!(fails("SORT (DATE)"), ("a space", 11));
    assert_eq!(fails("SORT (DATE) UTF-8"), ("a space", 17));
    assert_eq!(fails("SORT DATE UTF-8 ALL"), ("\"(\"", 5));
}

/// RFC 5267 §3.3.
#[test]
fn return_options() {
    let found = sort("UID SORT RETURN () (REVERSE DATE) UTF-8 UNDELETED UNKEYWORD $Junk");
    assert_eq!(found.search.returns, Some(vec![SearchReturn::All]));
    assert!(matches!(found.search.program.key, SearchKey::And(keys) if keys.len() == 2));
    let found = sort("SORT RETURN (PARTIAL -1:-10) (DATE) UTF-8 ALL");
    assert_eq!(found.search.returns, Some(vec![SearchReturn::Partial]));
    assert_eq!(found.search.partial.map(|range| range.extent()), Some(10));
    let found = sort("SORT RETURN (MIN COUNT) (DATE) UTF-8 ALL");
    assert_eq!(
        found.search.returns,
        Some(vec![SearchReturn::Min, SearchReturn::Count])
    );
}
