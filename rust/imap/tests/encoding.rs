//! Strings, mailbox names and dates as they go out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use lightmail_imap::date::{date_from_days, days_from_date, format_date_time, DateTime};
use lightmail_imap::encode::utf7::{self, BadUtf7};
use lightmail_imap::encode::{astring, mailbox_name, quoted};
use lightmail_imap::search::Date;
use proptest::prelude::*;

fn written(encode: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out);
    out
}

#[test]
fn strings_take_the_shortest_legal_form() {
    // RFC 9051 §4.3
    for (octets, utf8, wanted) in [
        (&b""[..], false, &b"\"\""[..]),
        (b"a b", false, b"\"a b\""),
        (b"a\"\\", false, b"\"a\\\"\\\\\""),
        (b"a\nb", false, b"{3}\r\na\nb"),
        (b"\r", true, b"{1}\r\n\r"),
        (b"a\0", false, b"~{2}\r\na\0"),
        (b"\n\0", false, b"~{2}\r\n\n\0"),
        (b"\xc3\xa4", false, b"{2}\r\n\xc3\xa4"),
        (b"\xc3\xa4", true, b"\"\xc3\xa4\""),
        (b"\xe4", true, b"{1}\r\n\xe4"),
    ] {
        assert_eq!(written(|out| quoted(octets, utf8, out)), wanted);
    }
    for (octets, wanted) in [
        (&b"INBOX"[..], &b"INBOX"[..]),
        (b"a]b", b"a]b"),
        (b"", b"\"\""),
        (b"nil", b"\"nil\""),
        (b"a b", b"\"a b\""),
        (b"a*", b"\"a*\""),
    ] {
        assert_eq!(written(|out| astring(octets, false, out)), wanted);
    }
}

#[test]
fn mailbox_names_in_both_forms() {
    let name = "\u{53f0}\u{5317}/a&b";
    assert_eq!(
        written(|out| mailbox_name(name, false, out)),
        b"&U,BTFw-/a&-b"
    );
    assert_eq!(
        written(|out| mailbox_name(name, true, out)),
        format!("\"{name}\"").as_bytes()
    );
    assert_eq!(written(|out| mailbox_name("a b", true, out)), b"\"a b\"");
    assert_eq!(written(|out| mailbox_name("INBOX", true, out)), b"INBOX");
}

#[test]
fn modified_utf7_examples() {
    // RFC 3501 §5.1.3 and beyond the basic plane
    for (text, wire) in [
        (
            "~peter/mail/\u{53f0}\u{5317}/\u{65e5}\u{672c}\u{8a9e}",
            "~peter/mail/&U,BTFw-/&ZeVnLIqe-",
        ),
        ("&", "&-"),
        ("\u{e4}&", "&AOQ-&-"),
        ("\u{1f600}", "&2D3eAA-"),
        ("a\tb", "a&AAk-b"),
        ("", ""),
    ] {
        assert_eq!(utf7::encode(text), wire);
        assert_eq!(utf7::decode(wire.as_bytes()).as_deref(), Ok(text));
    }
}

#[test]
fn modified_utf7_has_one_form() {
    for (wire, offset) in [
        ("&Jjo!", 5),              // no end
        ("&U,BTFw-&ZeVnLIqe-", 8), // superfluous shift, RFC 3501 §5.1.3
        ("&AGE-", 3),              // "a" stands for itself
        ("&U,B-", 4),              // half a unit
        ("&AOR-", 4),              // bits beyond the last unit
        ("&2D0-", 4),              // half a surrogate pair
        ("&3gA-", 3),              // the other half
        ("&A.Q-", 2),              // not of the alphabet
        ("\u{e4}", 0),
        ("a\t", 1),
    ] {
        assert_eq!(
            utf7::decode(wire.as_bytes()),
            Err(BadUtf7 { offset }),
            "{wire}"
        );
    }
}

#[test]
fn dates() {
    let format = |seconds, zone_minutes| {
        format_date_time(DateTime {
            seconds,
            zone_minutes,
        })
    };
    assert_eq!(format(837_596_665, -420), "\"17-Jul-1996 02:44:25 -0700\"");
    assert_eq!(format(0, 0), "\"01-Jan-1970 00:00:00 +0000\"");
    assert_eq!(format(-1, 345), "\"01-Jan-1970 05:44:59 +0545\"");
    assert_eq!(format(951_782_400, 0), "\"29-Feb-2000 00:00:00 +0000\"");
    assert_eq!(format(i64::MAX, 1439), "\"31-Dec-9999 23:59:59 +2359\"");
    assert_eq!(format(i64::MIN, -60), "\"01-Jan-0000 00:00:00 -0100\"");
    assert_eq!(format(0, i32::MAX), "\"01-Jan-1970 00:00:00 +0000\"");
    assert_eq!(format(0, i32::MIN), "\"01-Jan-1970 00:00:00 +0000\"");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn utf7_round_trip(text: String) {
        let wire = utf7::encode(&text);
        prop_assert!(wire.bytes().all(|octet| (0x20..=0x7e).contains(&octet)));
        prop_assert_eq!(utf7::decode(wire.as_bytes()), Ok(text));
    }

    #[test]
    fn utf7_of_anything_has_one_form(octets in prop::collection::vec(prop::sample::select(b"&-AOQ,+Z9a\xe4".to_vec()), 0..20)) {
        if let Ok(text) = utf7::decode(&octets) {
            prop_assert_eq!(utf7::encode(&text).into_bytes(), octets);
        }
    }

    #[test]
    fn days_and_dates(days in -719_528_i64..2_932_896) {
        let date = date_from_days(days);
        prop_assert_eq!(days_from_date(date), days);
        let Date { year, month, day } = date;
        prop_assert!(year <= 9999 && (1..=12).contains(&month) && (1..=31).contains(&day));
    }
}
