//! SEARCH.

use std::collections::HashMap;

use lightmail_imap::command::{Body, Search, SearchReturn};
use lightmail_imap::encode::search_program;
use lightmail_imap::grammar::{criteria, parse};
use lightmail_imap::partial::PartialRange;
use lightmail_imap::search::{Date, DateField, DateRelation, SearchKey};

use crate::{body, fails, settings};

fn search(line: &str) -> Search {
    match body(line) {
        Body::Search(search) => search,
        other => panic!("{other:?}"),
    }
}

fn key(text: &str) -> SearchKey {
    search(&format!("SEARCH {text}")).program.key
}

fn flag(name: &str, set: bool) -> SearchKey {
    SearchKey::Flag {
        name: name.to_owned(),
        set,
    }
}

fn header(name: &str, text: &str) -> SearchKey {
    SearchKey::Header {
        name: name.as_bytes().to_vec(),
        text: text.as_bytes().to_vec(),
    }
}

#[test]
fn flags() {
    for (word, name) in [
        ("ANSWERED", "\\Answered"),
        ("DELETED", "\\Deleted"),
        ("DRAFT", "\\Draft"),
        ("FLAGGED", "\\Flagged"),
        ("SEEN", "\\Seen"),
    ] {
        assert_eq!(key(word), flag(name, true));
        assert_eq!(key(&format!("UN{word}")), flag(name, false));
    }
    assert_eq!(key("KEYWORD $Work"), flag("$Work", true));
    assert_eq!(key("unkeyword $Work"), flag("$Work", false));
    assert_eq!(
        [key("NEW"), key("OLD"), key("RECENT")],
        [SearchKey::New, SearchKey::Old, SearchKey::Recent]
    );
}

#[test]
fn dates() {
    let date = Date {
        year: 1994,
        month: 2,
        day: 1,
    };
    for (prefix, field) in [
        ("", DateField::Internal),
        ("SENT", DateField::Sent),
        ("SAVED", DateField::Saved),
    ] {
        for (word, relation) in [
            ("BEFORE", DateRelation::Before),
            ("ON", DateRelation::On),
            ("SINCE", DateRelation::Since),
        ] {
            for text in ["1-Feb-1994", "\"01-feb-1994\""] {
                let wanted = SearchKey::Date {
                    field,
                    relation,
                    date,
                };
                assert_eq!(key(&format!("{prefix}{word} {text}")), wanted);
            }
        }
    }
    assert_eq!(key("SAVEDATESUPPORTED"), SearchKey::All);
    assert_eq!(fails("SEARCH ON 30-Feb-1994"), ("a day of that month", 10));
    assert_eq!(fails("SEARCH ON 29-Feb-1900"), ("a day of that month", 10));
    assert_eq!(key("ON 29-Feb-2000"), key("ON \"29-Feb-2000\""));
    assert_eq!(fails("SEARCH ON 1-Foo-1994"), ("a month, as in Jul", 12));
    assert_eq!(fails("SEARCH ON 1-Feb-94"), ("a year in four digits", 16));
    assert_eq!(fails("SEARCH ON \"1-Feb-1994"), ("a closing quote", 21));
    assert_eq!(fails("SEARCH ON 0-Feb-1994"), ("a day of that month", 10));
}

#[test]
fn text() {
    assert_eq!(key("FROM \"SMITH\""), header("FROM", "SMITH"));
    assert_eq!(key("header X-Foo \"\""), header("X-Foo", ""));
    assert_eq!(key("SUBJECT {3}\r\na b"), header("SUBJECT", "a b"));
    assert_eq!(key("TEXT x"), SearchKey::Text(b"x".to_vec()));
    assert_eq!(key("BODY \"x y\""), SearchKey::Body(b"x y".to_vec()));
    for word in ["TO", "CC", "BCC"] {
        assert_eq!(key(&format!("{word} a")), header(word, "a"));
    }
    assert_eq!(fails("SEARCH FROM"), ("a space", 11));
    assert_eq!(fails("SEARCH HEADER a"), ("a space", 15));
}

#[test]
fn numbers_and_sets() {
    assert_eq!(key("LARGER 5000000000"), SearchKey::Larger(5_000_000_000));
    assert_eq!(key("SMALLER 0"), SearchKey::Smaller(0));
    // RFC 5032 §3.1
    assert_eq!(key("YOUNGER 259200"), SearchKey::Younger(259_200));
    assert_eq!(fails("SEARCH OLDER 0"), ("a count of seconds", 13));
    assert!(matches!(key("2,4:7"), SearchKey::Sequence(_)));
    assert!(matches!(key("*"), SearchKey::Sequence(_)));
    assert!(matches!(key("$"), SearchKey::Sequence(_)));
    assert!(matches!(key("UID 1:*"), SearchKey::Uid(_)));
}

/// RFC 9738 §3.2: as UID with a range, and nothing where that would be empty.
#[test]
fn before_and_after_a_uid() {
    assert_eq!(key("UIDAFTER 25000"), key("UID 25001:4294967295"));
    assert_eq!(key("UIDBEFORE 25000"), key("UID 1:24999"));
    assert_eq!(key("UIDBEFORE 2"), key("UID 1:1"));
    for nothing in ["UIDAFTER 4294967295", "UIDBEFORE 1"] {
        assert_eq!(key(nothing), key("NOT ALL"));
    }
    assert_eq!(fails("SEARCH UIDAFTER 0"), ("a UID", 16));
    assert_eq!(fails("SEARCH UIDBEFORE"), ("a space", 16));
}

#[test]
fn modseq() {
    // RFC 7162 §3.1.5
    assert_eq!(key("MODSEQ 620162338"), SearchKey::ModSeq(620_162_338));
    assert_eq!(
        key(r#"MODSEQ "/flags/\\draft" all 620162338"#),
        SearchKey::ModSeq(620_162_338)
    );
    assert_eq!(key(r#"MODSEQ "/flags/$x" priv 0"#), SearchKey::ModSeq(0));
    assert_eq!(
        fails("SEARCH MODSEQ \"x\" all 1").0,
        "an entry name, as in \"/flags/\\\\Seen\""
    );
    assert_eq!(
        fails("SEARCH MODSEQ \"/flags/x\" none 1").0,
        "priv, shared or all"
    );
}

#[test]
fn combinations() {
    // RFC 9051 §6.4.4
    assert_eq!(
        key("FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\""),
        SearchKey::And(vec![
            flag("\\Flagged", true),
            key("SINCE 1-Feb-1994"),
            SearchKey::Not(Box::new(header("FROM", "Smith"))),
        ])
    );
    assert_eq!(
        key("OR (SEEN DRAFT) NOT ALL"),
        SearchKey::Or(
            Box::new(SearchKey::And(vec![
                flag("\\Seen", true),
                flag("\\Draft", true)
            ])),
            Box::new(SearchKey::Not(Box::new(SearchKey::All))),
        )
    );
    assert_eq!(key("((ALL))"), SearchKey::All);
    assert_eq!(fails("SEARCH ()"), ("a search key", 8));
    assert_eq!(fails("SEARCH OR ALL"), ("a space", 13));
    assert_eq!(fails("SEARCH FOO"), ("a search key", 7));
    assert_eq!(fails("SEARCH"), ("a space", 6));
    assert_eq!(fails("SEARCH (ALL"), ("a space or \")\"", 11));
}

#[test]
fn nesting_is_limited_for_every_kind() {
    for (open, close) in [
        ("(", ")"),
        ("NOT ", ""),
        ("OR ALL ", ""),
        ("OR (NOT ", ") ALL"),
    ] {
        for (depth, good) in [(8, true), (40_000, false)] {
            let line = format!("a SEARCH {}ALL{}", open.repeat(depth), close.repeat(depth));
            let result = parse(line.as_bytes(), settings());
            assert_eq!(result.is_ok(), good, "{open:?} {depth}");
            assert!(good || result.is_err_and(|error| error.is_limit()));
        }
    }
    let at_limit = format!("a SEARCH {}ALL", "NOT ".repeat(32));
    assert!(parse(at_limit.as_bytes(), settings()).is_ok());
    let beyond = format!("a SEARCH {}ALL", "NOT ".repeat(33));
    assert!(parse(beyond.as_bytes(), settings()).is_err());
}

#[test]
fn return_options() {
    // RFC 9051 §6.4.4, RFC 4731 §3.1, RFC 5182 §2.1
    use SearchReturn::{All, Count, Max, Min, Save};
    assert_eq!(search("SEARCH ALL").returns, None);
    assert_eq!(search("SEARCH RETURN () ALL").returns, Some(vec![All]));
    assert_eq!(
        search("UID SEARCH RETURN (MIN COUNT) FLAGGED").returns,
        Some(vec![Min, Count])
    );
    assert_eq!(
        search("SEARCH return (save max ALL save) ALL").returns,
        Some(vec![Save, Max, All])
    );
    assert_eq!(
        fails("SEARCH RETURN (FOO) ALL"),
        (
            "MIN, MAX, ALL, COUNT, PARTIAL, SAVE, CONTEXT, UPDATE or RELEVANCY",
            15
        )
    );
    assert_eq!(fails("SEARCH RETURN ()"), ("a space", 16));
}

#[test]
fn windows_of_results() {
    // RFC 9394 §3.1, §4
    let partial = |text: &str| search(&format!("UID SEARCH RETURN ({text}) ALL")).partial;
    let window = |from_end, first, last| {
        Some(PartialRange {
            from_end,
            first,
            last,
        })
    };
    assert_eq!(partial("PARTIAL -1:-100"), window(true, 1, 100));
    assert_eq!(partial("min partial 500:400"), window(false, 500, 400));
    assert_eq!(partial("ALL"), None);
    for (text, what) in [
        ("PARTIAL 1:5 ALL", "PARTIAL or ALL"),
        ("ALL COUNT PARTIAL 1:5", "PARTIAL or ALL"),
        ("PARTIAL 1:5 PARTIAL 6:10", "one PARTIAL"),
        ("PARTIAL -1:5", "\"-\", as before the first position"),
        ("PARTIAL 1:*", "a position among the results"),
        ("PARTIAL 0:5", "a position among the results"),
        ("PARTIAL 1", "\":\""),
    ] {
        assert_eq!(
            fails(&format!("UID SEARCH RETURN ({text}) ALL")).0,
            what,
            "{text}"
        );
    }
    let count = 10;
    let seen = |text: &str| partial(text).unwrap().window(count);
    assert_eq!(seen("PARTIAL 1:4"), (0, 4));
    assert_eq!(seen("PARTIAL 12:8"), (7, 10));
    assert_eq!(seen("PARTIAL 11:12"), (10, 10));
    assert_eq!(seen("PARTIAL -1:-3"), (7, 10));
    assert_eq!(seen("PARTIAL -30:-8"), (0, 3));
    assert_eq!(seen("PARTIAL -11:-12"), (0, 0));
    assert_eq!(partial("PARTIAL -30:-8").unwrap().extent(), 23);
}

#[test]
fn object_ids() {
    // RFC 8474 §7
    assert_eq!(
        search("SEARCH OR EMAILID M6d99-_ THREADID T64b")
            .program
            .key,
        SearchKey::Or(
            Box::new(SearchKey::EmailId("M6d99-_".to_owned())),
            Box::new(SearchKey::ThreadId("T64b".to_owned()))
        )
    );
    let beyond = format!("SEARCH EMAILID {}", "x".repeat(256));
    for line in ["SEARCH EMAILID \"\"", "SEARCH THREADID (a)", &beyond] {
        assert_eq!(
            fails(line).0,
            "an object id of at most 255 characters",
            "{line}"
        );
    }
}

#[test]
fn filters() {
    // RFC 5466 §4
    assert_eq!(
        key("FILTER on-the-road"),
        SearchKey::Filter("on-the-road".to_owned())
    );
    for line in [
        "SEARCH FILTER a/b",
        "SEARCH FILTER \"a\"",
        "SEARCH FILTER (a)",
    ] {
        assert_eq!(fails(line), ("the name of a filter", 14), "{line}");
    }
    assert_eq!(fails("SEARCH FILTER"), ("a space", 13));
    let program = search("SEARCH CHARSET US-ASCII OR FILTER a (NOT FILTER B) FILTER a").program;
    assert_eq!(program.filters(), ["a", "B", "a"]);
}

#[test]
fn filters_filled() {
    let keys = |text: &str| criteria(text.as_bytes(), settings()).unwrap();
    let known = HashMap::from([
        ("one".to_owned(), keys("SEEN")),
        ("two".to_owned(), keys("SEEN FLAGGED")),
        ("more".to_owned(), keys("FILTER two DRAFT")),
    ]);
    for (text, becomes) in [
        ("FILTER One", "SEEN"),
        ("NOT FILTER two", "NOT SEEN FLAGGED"),
        ("NOT (FILTER two)", "NOT (SEEN FLAGGED)"),
        ("FUZZY FILTER two", "FUZZY SEEN FLAGGED"),
        ("NOT FUZZY (FILTER two)", "NOT FUZZY (SEEN FLAGGED)"),
        ("OR FILTER two 5", "OR SEEN FLAGGED 5"),
        ("OR 5 FILTER two 6", "OR 5 SEEN FLAGGED 6"),
        (
            "OR NOT FILTER two OR FILTER two 5",
            "OR NOT SEEN FLAGGED OR SEEN FLAGGED 5",
        ),
        ("OR FILTER two FILTER two", "OR SEEN FLAGGED SEEN FLAGGED"),
        ("NOT (OR (FILTER two) 5) 6", "NOT (OR (SEEN FLAGGED) 5) 6"),
        ("FILTER more FILTER none", "FILTER two DRAFT FILTER none"),
        (
            "CHARSET US-ASCII UID 300:900 FILTER one 5",
            "CHARSET UTF-8 UID 300:900 SEEN 5",
        ),
    ] {
        let filled = search(&format!("SEARCH {text}"))
            .program
            .filled(&known, settings());
        assert_eq!(
            filled,
            Ok(search(&format!("SEARCH {becomes}")).program),
            "{text}"
        );
    }
    let deep = |count: usize, last: &str| format!("{}{last}", "NOT ".repeat(count));
    let known = HashMap::from([("deep".to_owned(), keys(&deep(10, "SEEN")))]);
    let filled = |count| {
        let text = deep(count, "FILTER deep");
        search(&format!("SEARCH {text}"))
            .program
            .filled(&known, settings())
    };
    assert!(filled(22).is_ok());
    assert!(filled(23).is_err_and(|error| error.is_limit()));
}

#[test]
fn criteria_of_filters() {
    let wrong = |text: &[u8]| criteria(text, settings()).unwrap_err().offset;
    assert_eq!(wrong(b"OR SMALLER"), 10);
    assert_eq!(wrong(b""), 0);
    assert_eq!(wrong(b"SUBJECT \xfc"), 8);
    assert_eq!(wrong(b"SEEN)"), 4);
    assert_eq!(wrong(b"SUBJECT {3}"), 8);
}

#[test]
fn charset() {
    let program = search("SEARCH CHARSET UTF-8 TEXT {6}\r\n\u{456}\u{43c}\u{456}").program;
    assert_eq!(program.charset.as_deref(), Some("UTF-8"));
    assert_eq!(
        program.key,
        SearchKey::Text("\u{456}\u{43c}\u{456}".as_bytes().to_vec())
    );
    assert_eq!(
        search("SEARCH CHARSET \"US-ASCII\" ALL")
            .program
            .charset
            .as_deref(),
        Some("US-ASCII")
    );
    assert_eq!(fails("SEARCH CHARSET UTF-8"), ("a space", 20));
}

/// RFC 6203 §3, §4.
#[test]
fn fuzzy() {
    let subject = |text: &str| SearchKey::Header {
        name: b"SUBJECT".to_vec(),
        text: text.as_bytes().to_vec(),
    };
    let found = search("SEARCH FUZZY (SUBJECT \"IMAP break\")");
    assert_eq!(
        found.program.key,
        SearchKey::Fuzzy(Box::new(subject("IMAP break")))
    );
    let SearchKey::And(keys) = search("SEARCH FUZZY SUBJECT work FROM user@example.com")
        .program
        .key
    else {
        panic!("two keys");
    };
    assert_eq!(keys[0], SearchKey::Fuzzy(Box::new(subject("work"))));
    assert!(matches!(&keys[1], SearchKey::Header { .. }));
    let found = search("SEARCH RETURN (RELEVANCY ALL) NOT (SEEN fuzzy TEXT Helo)");
    assert_eq!(
        found.returns.as_deref(),
        Some([SearchReturn::Relevancy, SearchReturn::All].as_slice())
    );
    assert!(found.program.is_fuzzy() && found.program.needs_octets());
    assert!(!search("SEARCH SUBJECT FUZZY").program.is_fuzzy());
    assert_eq!(fails("SEARCH FUZZY"), ("a space", 12));
    assert_eq!(
        fails("SEARCH RETURN (RELEVANCY) TEXT Helo"),
        ("a FUZZY key with RELEVANCY", 35)
    );
}

#[test]
fn what_an_answer_takes() {
    let needs = |text: &str| {
        let program = search(&format!("SEARCH {text}")).program;
        (
            program.needs_summary(),
            program.needs_octets(),
            program.uses_modseq(),
        )
    };
    assert_eq!(
        needs("UNSEEN SENTSINCE 1-Feb-1994 LARGER 5 UID 1:*"),
        (false, false, false)
    );
    assert_eq!(needs("NOT (SEEN OR SUBJECT x ALL)"), (true, false, false));
    assert_eq!(needs("OR TEXT x MODSEQ 5"), (false, true, true));
    assert_eq!(needs("BODY x"), (false, true, false));
    assert_eq!(needs("EMAILID E1"), (false, false, false));
    assert_eq!(needs("THREADID T1"), (true, false, false));
}

#[test]
fn printed_and_read_again() {
    for text in [
        "UNSEEN SINCE 1-Feb-1994 NOT FROM \"Smith\"",
        "CHARSET UTF-8 OR (KEYWORD a UNKEYWORD b) (1:*,5 UID $ LARGER 5 SMALLER 6)",
        "RECENT NEW OLD ALL SENTON 1-Mar-2000 SAVEDBEFORE \"02-Apr-2001\" YOUNGER 5 OLDER 6 MODSEQ 7",
        "EMAILID E5 NOT THREADID T-_a 1:5,$",
        "NOT (FILTER a) FILTER b",
        "FUZZY (SEEN FUZZY SUBJECT \"x\") FUZZY TEXT \"y\"",
        "HEADER \"a b\" {3}\r\n\u{e4}x BODY \"\" TEXT \"\\\\\\\"\"",
    ] {
        let program = search(&format!("SEARCH {text}")).program;
        let mut out = Vec::new();
        search_program(&program, &mut out);
        let again = parse(&[b"a SEARCH ".to_vec(), out].concat(), settings()).unwrap().body;
        let made = Search { uid: false, returns: None, partial: None, update: None, program };
        assert_eq!(again, Body::Search(made));
    }
}
