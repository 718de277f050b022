//! Commands without arguments, AUTHENTICATE, LOGIN, ENABLE, ID; tags and ends of lines.

use lightmail_imap::command::{Authenticate, Body, Login, Secret};
use lightmail_imap::grammar::parse;

use crate::{body, fails, fails_with, settings};

#[test]
fn commands_without_arguments_in_any_case() {
    // RFC 9051 §9, rule 1
    for (line, wanted) in [
        ("CAPABILITY", Body::Capability),
        ("noop", Body::Noop),
        ("Logout", Body::Logout),
        ("STARTTLS", Body::StartTls),
        ("unauthenticate", Body::Unauthenticate),
        ("NAMESPACE", Body::Namespace),
        ("idle", Body::Idle),
        ("CHECK", Body::Check),
        ("CLOSE", Body::Close),
        ("UNSELECT", Body::Unselect),
        ("EXPUNGE", Body::Expunge(None)),
    ] {
        assert_eq!(body(line), wanted);
        assert_eq!(wanted.name(), line.to_uppercase());
    }
}

#[test]
fn compress_knows_deflate() {
    // RFC 4978 §5
    assert_eq!(body("compress deflate"), Body::Compress);
    assert_eq!(fails("COMPRESS LZ4"), ("DEFLATE", 9));
    assert_eq!(fails("COMPRESS"), ("a space", 8));
}

#[test]
fn languages_and_collations() {
    // RFC 5255 §3.5, §4.10
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    assert_eq!(body("language"), Body::Language(vec![]));
    assert_eq!(
        body("LANGUAGE FR-CA \"en\" i-default {4+}\r\nde-1 \"de-*\" \"*\""),
        Body::Language(words(&["FR-CA", "en", "i-default", "de-1", "de-*", "*"]))
    );
    for wrong in ["12", "abcdefghi", "en_US", "en-", "\"\""] {
        assert_eq!(fails(&format!("LANGUAGE {wrong}")), ("a language range", 9));
    }
    assert_eq!(body("Comparator"), Body::Comparator(vec![]));
    assert_eq!(
        body("COMPARATOR \"cz;*\" i;basic -i;a=1.2 \"+*\" default"),
        Body::Comparator(words(&["cz;*", "i;basic", "-i;a=1.2", "+*", "default"]))
    );
    for wrong in ["1", "\"**\"", "\"i;a**\"", "+", "i;a_b", "\"\""] {
        assert_eq!(fails(&format!("COMPARATOR {wrong}")), ("a collation", 11));
    }
    assert_eq!(
        fails(&format!("COMPARATOR {}", "a".repeat(255))),
        ("a collation", 11)
    );
}

#[test]
fn arguments_where_there_are_none() {
    assert_eq!(fails("NOOP x"), ("the end of the line", 5));
    assert_eq!(fails("CAPABILITY\0"), ("the end of the line", 10));
}

#[test]
fn trailing_spaces_are_skipped() {
    // QUIRK_TRAILING_SPACE
    assert_eq!(body("NOOP  "), Body::Noop);
    assert_eq!(
        body("ENABLE CONDSTORE "),
        Body::Enable(vec!["CONDSTORE".to_owned()])
    );
    assert_eq!(body("AUTHENTICATE PLAIN "), body("AUTHENTICATE PLAIN"));
    assert_eq!(body("SEARCH ALL "), body("SEARCH ALL"));
    assert_eq!(body("LIST \"\" * "), body("LIST \"\" *"));
    assert_eq!(body("STORE 1 FLAGS \\Seen "), body("STORE 1 FLAGS \\Seen"));
}

#[test]
fn unknown_commands_are_named_by_their_place() {
    assert_eq!(fails("FROBNICATE"), ("a command", 0));
    assert_eq!(
        fails("UID NOOP"),
        ("COPY, EXPUNGE, FETCH, MOVE, SEARCH, SORT or STORE", 4)
    );
    assert_eq!(fails(&"X".repeat(1000)), ("a command", 0));
    assert_eq!(fails(""), ("a command", 0));
}

#[test]
fn tags() {
    let tag = |line: &[u8]| parse(line, settings()).map(|command| command.tag.as_str().to_owned());
    assert_eq!(tag(b"A.1]~ NOOP").unwrap(), "A.1]~");
    for bad in [
        &b"+ NOOP"[..],
        b"* NOOP",
        b"a+b NOOP",
        b" NOOP",
        b"\"a\" NOOP",
        b"\xc3\xa4 NOOP",
        b"",
    ] {
        assert_eq!(
            tag(bad).unwrap_err().to_string(),
            "expected a tag at octet 0"
        );
    }
    assert_eq!(
        tag(b"a1").unwrap_err().to_string(),
        "expected a space and a command at octet 2"
    );
}

#[test]
fn login_takes_astrings() {
    // RFC 9051 §6.2.3
    let login = |username: &[u8], password: &[u8]| {
        Body::Login(Login {
            username: username.to_vec(),
            password: Secret::new(password.to_vec()),
        })
    };
    assert_eq!(body("LOGIN SMITH SESAME"), login(b"SMITH", b"SESAME"));
    assert_eq!(body(r#"LOGIN "a b" "c\"\\d""#), login(b"a b", b"c\"\\d"));
    assert_eq!(body("LOGIN {3}\r\na\nb {0+}\r\n"), login(b"a\nb", b""));
    assert_eq!(body("LOGIN \"\u{e4}\" x"), login("\u{e4}".as_bytes(), b"x"));
    assert_eq!(fails("LOGIN SMITH"), ("a space", 11));
    assert_eq!(fails("LOGIN  SMITH"), ("a user name", 6));
    assert_eq!(fails("LOGIN a pass(word"), ("the end of the line", 12));
}

#[test]
fn secrets_do_not_print() {
    let text = format!(
        "{:?} {:?}",
        body("LOGIN joe sesame"),
        body("AUTHENTICATE PLAIN c2VzYW1l")
    );
    assert!(
        text.contains("106, 111, 101")
            && !text.contains("115, 101, 115")
            && !text.contains("sesame")
    );
}

#[test]
fn authenticate_with_and_without_initial_response() {
    let authenticate = |initial: Option<&[u8]>| {
        Body::Authenticate(Authenticate {
            mechanism: "PLAIN".to_owned(),
            initial: initial.map(|octets| Secret::new(octets.to_vec())),
        })
    };
    assert_eq!(body("AUTHENTICATE plain"), authenticate(None));
    assert_eq!(body("AUTHENTICATE PLAIN ="), authenticate(Some(b"")));
    assert_eq!(
        body("AUTHENTICATE PLAIN dGVzdAB0ZXN0AHRlc3Q="),
        authenticate(Some(b"test\0test\0test"))
    );
    assert_eq!(body("AUTHENTICATE PLAIN AA=="), authenticate(Some(b"\0")));
    assert_eq!(
        body("AUTHENTICATE PLAIN +/+/"),
        authenticate(Some(b"\xfb\xff\xbf"))
    );
    for bad in ["A", "AA", "AAA", "A===", "AAAA=", "AB==", "AA=A"] {
        assert_eq!(
            fails(&format!("AUTHENTICATE PLAIN {bad}")),
            ("base64", 19),
            "{bad}"
        );
    }
    assert_eq!(
        fails("AUTHENTICATE PLAIN AAAA*"),
        ("the end of the line", 23)
    );
}

#[test]
fn enable() {
    // RFC 5161 §3.1
    assert_eq!(
        body("ENABLE CONDSTORE X-good-idea UTF8=ACCEPT"),
        Body::Enable(vec![
            "CONDSTORE".to_owned(),
            "X-GOOD-IDEA".to_owned(),
            "UTF8=ACCEPT".to_owned()
        ])
    );
    assert_eq!(fails("ENABLE"), ("a space", 6));
    assert_eq!(fails("ENABLE (x)"), ("a capability", 7));
}

#[test]
fn id() {
    // RFC 2971 §3.1
    assert_eq!(body("ID NIL"), Body::Id(None));
    assert_eq!(body("ID ()"), Body::Id(Some(Vec::new())));
    assert_eq!(
        body(r#"ID ("name" "sodr" "version" "19.34" "vendor" NIL)"#),
        Body::Id(Some(vec![
            ("name".to_owned(), Some("sodr".to_owned())),
            ("version".to_owned(), Some("19.34".to_owned())),
            ("vendor".to_owned(), None),
        ]))
    );
    assert_eq!(
        body(r#"ID ( "name" "x"  "os" NIL )"#),
        body(r#"ID ("name" "x" "os" NIL)"#)
    );
    assert_eq!(body("ID ( )"), Body::Id(Some(Vec::new())));
    assert_eq!(fails(r#"ID ("name")"#), ("a space", 10));
    assert_eq!(
        fails(r#"ID ("name" "x""os" NIL)"#),
        ("a space or \")\"", 14)
    );
    assert_eq!(fails("ID x"), ("NIL or a list in parentheses", 3));
    let many = format!("a ID ({})", vec!["\"a\" NIL"; 101].join(" "));
    assert!(parse(many.as_bytes(), settings()).unwrap_err().is_limit());
}

#[test]
fn eight_bit_octets_outside_strings() {
    assert_eq!(fails_with(b"LOGIN \xe4 x", settings()), ("a user name", 6));
    assert_eq!(fails_with(b"\xe4", settings()), ("a command", 0));
}
