//! Header fields: addresses, dates, subjects, parameters, encoded words, unfolding.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use lightmail_mime::address::{self, Address};
use lightmail_mime::charset::{decode_query, decode_text, decode_words, QueryError};
use lightmail_mime::collation::casemap;
use lightmail_mime::date::{self, Date};
use lightmail_mime::header;
use lightmail_mime::params;
use lightmail_mime::subject::base_subject;

/// `name|route|mailbox|host`, `[group`, `]`.
fn addresses(value: &str) -> Vec<String> {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let optional =
        |octets: Option<Vec<u8>>| octets.map_or_else(|| "-".to_owned(), |octets| text(&octets));
    let list = address::parse(value.as_bytes(), 100).into_iter();
    list.map(|address| match address {
        Address::Mailbox {
            name,
            route,
            mailbox,
            host,
        } => {
            format!(
                "{}|{}|{}|{}",
                optional(name),
                optional(route),
                text(&mailbox),
                text(&host)
            )
        }
        Address::GroupStart(name) => format!("[{}", text(&name)),
        Address::GroupEnd => "]".to_owned(),
    })
    .collect()
}

#[test]
fn addresses_of_rfc_5322() {
    let cases: &[(&str, &[&str])] = &[
        ("joe@example.org", &["-|-|joe|example.org"]),
        (
            "Joe Q. Public <joe@example.org>",
            &["Joe Q. Public|-|joe|example.org"],
        ),
        (
            r#""Joe \"X\" Public" <joe@example.org>"#,
            &[r#"Joe "X" Public|-|joe|example.org"#],
        ),
        (
            "joe@example.org (Joe Public)",
            &["Joe Public|-|joe|example.org"],
        ),
        ("<joe@example.org> (Joe Public)", &["-|-|joe|example.org"]),
        (
            r#""joe public"@example.org"#,
            &["-|-|joe public|example.org"],
        ),
        (
            "joe . public @ example . org",
            &["-|-|joe.public|example.org"],
        ),
        ("a@b, c@d", &["-|-|a|b", "-|-|c|d"]),
        (
            "A Group:a@b,C <c@d>;",
            &["[A Group", "-|-|a|b", "C|-|c|d", "]"],
        ),
        (
            "undisclosed-recipients:;",
            &["[undisclosed-recipients", "]"],
        ),
        (
            "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
            &["Pete|-|pete|silly.test"],
        ),
        (
            "Mary Smith <@machine.tld:mary@example.net>, , jdoe@test   . example",
            &[
                "Mary Smith|@machine.tld|mary|example.net",
                "-|-|jdoe|test.example",
            ],
        ),
        (
            "<@a.test,@b.test:c@d.test>",
            &["-|@a.test,@b.test|c|d.test"],
        ),
        ("joe@[192.0.2.1]", &["-|-|joe|[192.0.2.1]"]),
        ("", &[]),
        (" , ,, ", &[]),
    ];
    for (value, expected) in cases {
        assert_eq!(addresses(value), *expected, "{value}");
    }
}

#[test]
fn addresses_that_are_none() {
    let cases: &[(&str, &[&str])] = &[
        ("root", &["-|-|root|MISSING_DOMAIN"]),
        (
            "Joe Public",
            &["Joe Public|-|MISSING_MAILBOX|MISSING_DOMAIN"],
        ),
        ("<>", &["-|-|MISSING_MAILBOX|MISSING_DOMAIN"]),
        ("@host", &["-|-|MISSING_MAILBOX|host"]),
        ("joe@", &["-|-|joe|MISSING_DOMAIN"]),
        (
            r#""Unterminated <a@example.org>"#,
            &["Unterminated|-|a|example.org"],
        ),
        ("a@b <c@d>", &["a@b|-|c|d"]),
        ("joe@example.org junk@elsewhere", &["-|-|joe|example.org"]),
        ("Name <joe@example.org", &["Name|-|joe|example.org"]),
        // Found by fuzzing: nothing but an empty quoted string after "<".
        ("Name <\"\"", &["Name|-|MISSING_MAILBOX|MISSING_DOMAIN"]),
        ("A Group:a@b", &["[A Group", "-|-|a|b", "]"]),
    ];
    for (value, expected) in cases {
        assert_eq!(addresses(value), *expected, "{value}");
    }
}

#[test]
fn dates() {
    let cases = [
        ("Mon, 1 Jan 2024 00:00:00 +0000", 1_704_067_200, 0),
        ("1 Jan 2024 00:00:00 +0100", 1_704_063_600, 60),
        ("Mon, 01 Jan 2024 00:00:00 -0500 (EST)", 1_704_085_200, -300),
        ("Mon, 1 Jan 2024 00:00 GMT", 1_704_067_200, 0),
        ("Mon, 1 Jan 24 00:00:00 EST", 1_704_085_200, -300),
        ("1 Jan 99 00:00:00 Z", 915_148_800, 0),
        (
            "Fri, 21 Nov 1997 09(comment):   55  :  06 -0600",
            880_127_706,
            -360,
        ),
        ("Thu Nov 13 20:12:26 2003", 1_068_754_346, 0),
        ("Mon Jan  1 00:00:00 EST 2024", 1_704_085_200, -300),
        ("2024-01-01 00:00:00 +0000", 1_704_067_200, 0),
        ("2024-01-01T01:00:00+01:00", 1_704_067_200, 60),
        ("Mon, 1-Jan-2024 00:00:00 UTC", 1_704_067_200, 0),
        ("1 January 2024", 1_704_067_200, 0),
        ("Thu, 29 Feb 2024 23:59:60 +0000", 1_709_251_200, 0),
        ("Mon, 1 Jan 2024 00:00:00 XYZ", 1_704_067_200, 0),
        ("1 Jan 1970 00:00:00 +0000", 0, 0),
        ("31 Dec 1969 23:00:00 -0100", 0, -60),
    ];
    for (text, seconds, zone_minutes) in cases {
        assert_eq!(
            date::parse(text.as_bytes()),
            Some(Date {
                seconds,
                zone_minutes
            }),
            "{text}"
        );
    }
    for text in [
        "",
        "yesterday",
        "32 Jan 2024",
        "29 Feb 2023",
        "1 Foo 2024",
        "Mon,",
        "12:00:00 +0000",
    ] {
        assert_eq!(date::parse(text.as_bytes()), None, "{text}");
    }
}

/// RFC 5256 §2.1.
#[test]
fn base_subjects() {
    let cases = [
        ("Re: hello", "hello"),
        ("RE: re : Fwd:  hello", "hello"),
        ("Fw: [list] Re[2]: hello (fwd) (FWD) ", "hello"),
        ("[list][other] Re: [list] hello", "hello"),
        ("[list]", "[list]"),
        ("Re: [a] [b]", "[b]"),
        ("[fwd: Re: hello]", "hello"),
        ("[Fwd: [Fwd: hello (fwd)]]", "hello"),
        ("Regarding: hello", "Regarding: hello"),
        ("  hello \t  world ", "hello world"),
        ("Re:", ""),
        ("[unclosed Re: hello", "[unclosed Re: hello"),
    ];
    for (subject, base) in cases {
        assert_eq!(base_subject(subject), base, "{subject}");
    }
}

#[test]
fn content_types() {
    let read = |value: &str| params::content_type(value.as_bytes());
    let (kind, subtype, list) =
        read("Text/HTML (a comment); charset = \"utf-8\" ; name=a=b/c").unwrap();
    assert_eq!((kind, subtype), (b"Text".to_vec(), b"HTML".to_vec()));
    assert_eq!(params::get(&list, "CHARSET"), Some(b"utf-8".as_slice()));
    assert_eq!(params::get(&list, "name"), Some(b"a=b/c".as_slice()));
    let (_, _, list) =
        read("multipart/mixed boundary=\"not a parameter\";; =; x; boundary=----=_Part").unwrap();
    assert_eq!(list, [(b"boundary".to_vec(), b"----=_Part".to_vec())]);
    // Blanks without quotes; a forgotten semicolon; a quote without an end.
    let (_, _, list) =
        read("a/b; name=two words; charset=utf-8 format=flowed; x=\"open; y=z").unwrap();
    assert_eq!(params::get(&list, "name"), Some(b"two words".as_slice()));
    assert_eq!(params::get(&list, "charset"), Some(b"utf-8".as_slice()));
    assert_eq!(
        (params::get(&list, "x"), params::get(&list, "y")),
        (None, Some(b"z".as_slice()))
    );
    for value in ["", "text", "text/", "/plain", "text plain", ";"] {
        assert_eq!(read(value), None, "{value}");
    }
}

/// RFC 2231 §3, §4.
#[test]
fn continuations() {
    let read = |value: &str| params::disposition(value.as_bytes()).unwrap().1;
    let list = read("attachment; filename*1=\"b.txt\"; FileName*0=a; size=3");
    assert_eq!(params::get(&list, "filename"), Some(b"ab.txt".as_slice()));
    let list = read("attachment; filename*0*=utf-8''%e2%82%ac; filename*1=\" x\"");
    assert_eq!(
        params::get(&list, "filename*"),
        Some(b"utf-8''%e2%82%ac x".as_slice())
    );
    assert_eq!(
        params::text(&list, "filename").as_deref(),
        Some("€ x".as_bytes())
    );
    let list = read("attachment; filename*0=a; filename*2=c");
    assert_eq!(params::get(&list, "filename"), None);
    assert_eq!(params::get(&list, "filename*2"), Some(b"c".as_slice()));
}

/// RFC 2047 §8 and what real senders write.
#[test]
fn encoded_words() {
    let cases = [
        ("=?ISO-8859-1?Q?a?=", "a"),
        ("=?ISO-8859-1?Q?a?= b", "a b"),
        ("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
        ("=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=", "ab"),
        ("=?ISO-8859-1?Q?a_b?=", "a b"),
        ("=?utf-8?B?w6k=?=", "é"),
        ("=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"),
        ("=?utf-8?B?4oI=?= =?utf-8?B?rA==?=", "€"),
        ("=?us-ascii*en?q?hi?=", "hi"),
        ("a=?utf-8?q?b?=c", "abc"),
        ("=?iso-2022-jp?B?GyRCJUslYyE8JXMbKEI=?=", "ニャーン"),
        ("=?gb2312?B?xOO6ww==?=", "你好"),
        ("=?utf-7?Q?+AOk-?=", "é"),
        ("=?unknown-8bit?q?caf=E9?=", "café"),
        ("=?utf-8?q?not closed", "=?utf-8?q?not closed"),
        ("=?utf-8?x?what?=", "=?utf-8?x?what?="),
        ("plain text", "plain text"),
        ("=?", "=?"),
    ];
    for (value, text) in cases {
        assert_eq!(decode_words(value.as_bytes()), text, "{value}");
    }
    assert_eq!(decode_words("raw é".as_bytes()), "raw é");
    assert_eq!(decode_words(b"raw \xe9"), "raw é");
}

#[test]
fn charsets() {
    assert_eq!(decode_text("ISO-8859-15", b"\xa4"), "€");
    assert_eq!(decode_text("\"utf-8\"", "é".as_bytes()), "é");
    assert_eq!(decode_text("cp932", b"\x82\xa0"), "あ");
    assert_eq!(decode_text("us-ascii", b"caf\xe9"), "café");
    assert_eq!(decode_text("x-nobody-knows", "é".as_bytes()), "é");
    assert_eq!(decode_text("utf-7", b"Hi Mom -+Jjo--!"), "Hi Mom -☺-!");
    assert_eq!(decode_query(None, "é".as_bytes()).as_deref(), Ok("é"));
    assert_eq!(
        decode_query(Some("ISO-8859-1"), b"\xe9").as_deref(),
        Ok("é")
    );
    assert_eq!(decode_query(Some("US-ASCII"), b"abc").as_deref(), Ok("abc"));
    assert_eq!(
        decode_query(Some("US-ASCII"), b"\xe9"),
        Err(QueryError::NotText)
    );
    assert_eq!(
        decode_query(Some("utf-8"), b"\xe9"),
        Err(QueryError::NotText)
    );
    assert_eq!(
        decode_query(Some("KLINGON"), b"abc"),
        Err(QueryError::UnknownCharset)
    );
    assert_eq!(casemap("ÀÉΣΟΣ Straße"), casemap("àéσος straße"));
    assert_eq!(casemap("e\u{301}"), casemap("É"));
}

#[test]
fn unfolding() {
    assert_eq!(header::unfold(b" a\r\n b\r\n\tc \r\n"), b"a b c");
    assert_eq!(header::unfold(b" a\n  b\n"), b"a b");
    assert_eq!(header::unfold(b"a \r\n b"), b"a  b");
    assert_eq!(header::unfold(b"a\rb"), b"a\rb");
    assert_eq!(header::unfold(b"\r\n \r\n"), b"");
}
