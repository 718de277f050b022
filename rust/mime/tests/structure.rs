//! Structure: parts as octet ranges, BODYSTRUCTURE, sections, limits.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use lightmail_mime::analyze::{analyze, Limits, Summary};
use lightmail_mime::parts::{Kind, Part, Parts, Transfer, What};
use lightmail_mime::structure::body_from_bodystructure;

fn read(message: &str) -> (Summary, Parts) {
    let summary = analyze(message.as_bytes(), Limits::default());
    let parts = Parts::decode(&summary.parts).unwrap();
    (summary, parts)
}

fn structure(message: &str) -> String {
    String::from_utf8(read(message).0.bodystructure).unwrap()
}

/// What a section holds; None when there is none.
fn section<'a>(message: &'a str, parts: &Parts, numbers: &[u32], what: What) -> Option<&'a str> {
    parts
        .locate(numbers, what)
        .map(|range| &message[range.start as usize..range.end as usize])
}

const NESTED: &str = "From: a@b\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\npreamble\r\n--o\r\n\r\none\r\n\
    --o\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n\
    --i\r\n\r\ntext\r\n--i\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>\r\n--i--\r\n\r\n--o--\r\nepilogue\r\n";

#[test]
fn sections_of_nested_messages() {
    let (_, parts) = read(NESTED);
    let at = |numbers: &[u32], what| section(NESTED, &parts, numbers, what);
    assert_eq!(at(&[], What::Full), Some(NESTED));
    assert_eq!(at(&[1], What::Full), Some("one"));
    assert_eq!(at(&[1], What::Mime), Some("\r\n"));
    assert_eq!(at(&[1], What::Header), None);
    assert_eq!(
        at(&[2], What::Mime),
        Some("Content-Type: message/rfc822\r\n\r\n")
    );
    assert_eq!(
        at(&[2], What::Header).map(|text| &text[..16]),
        Some("Subject: inner\r\n")
    );
    assert_eq!(at(&[2, 1], What::Full), Some("text"));
    assert_eq!(at(&[2, 2], What::Full), Some("<p>"));
    assert_eq!(at(&[2, 3], What::Full), None);
    assert_eq!(at(&[3], What::Full), None);
    assert_eq!(at(&[1, 1], What::Full), None);
    assert_eq!(at(&[0], What::Full), None);
    assert_eq!(at(&[], What::Mime), None);
    let whole = [at(&[], What::Header), at(&[], What::Text)]
        .map(Option::unwrap)
        .concat();
    assert_eq!(whole, NESTED);
}

/// RFC 9051 §6.4.5.1: a message that is no multipart has a part 1.
#[test]
fn part_one_of_a_simple_message() {
    let message = "Subject: x\r\n\r\nbody\r\n";
    let (_, parts) = read(message);
    assert_eq!(section(message, &parts, &[1], What::Full), Some("body\r\n"));
    assert_eq!(
        section(message, &parts, &[1], What::Mime),
        Some("Subject: x\r\n\r\n")
    );
    assert_eq!(section(message, &parts, &[1, 1], What::Full), None);
    let wrapped = "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nbody";
    let (_, parts) = read(wrapped);
    assert_eq!(
        section(wrapped, &parts, &[1], What::Header),
        Some("Subject: x\r\n\r\n")
    );
    assert_eq!(section(wrapped, &parts, &[1, 1], What::Full), Some("body"));
    assert_eq!(section(wrapped, &parts, &[1, 2], What::Full), None);
}

#[test]
fn bodystructure_with_extension_data() {
    assert_eq!(
        structure(NESTED),
        "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 3 0 NIL NIL NIL NIL)\
         (\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 139 (NIL \"inner\" NIL NIL NIL NIL NIL NIL NIL NIL) \
         ((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 4 0 NIL NIL NIL NIL)\
         (\"text\" \"html\" (\"charset\" \"utf-8\") NIL NIL \"7bit\" 3 0 NIL NIL NIL NIL) \
         \"alternative\" (\"boundary\" \"i\") NIL NIL NIL) 11 NIL NIL NIL NIL) \
         \"mixed\" (\"boundary\" \"o\") NIL NIL NIL)"
    );
    let leaf = "Content-Type: Image/PNG; name=\"a.png\"\r\nContent-ID: <1@x>\r\nContent-Description: d \"q\"\r\n\
        Content-Transfer-Encoding: BASE64\r\nContent-MD5: Q2hlY2s=\r\nContent-Disposition: attachment; filename=a.png\r\n\
        Content-Language: de, en\r\nContent-Location: http://x/\r\n\r\nAAAA\r\n";
    assert_eq!(
        structure(leaf),
        "(\"Image\" \"PNG\" (\"name\" \"a.png\") \"<1@x>\" \"d \\\"q\\\"\" \"BASE64\" 6 \"Q2hlY2s=\" \
         (\"attachment\" (\"filename\" \"a.png\")) (\"de\" \"en\") \"http://x/\")"
    );
}

#[test]
fn body_is_bodystructure_without_extension_data() {
    let short = |message: &str| {
        String::from_utf8(body_from_bodystructure(structure(message).as_bytes())).unwrap()
    };
    assert_eq!(
        short(NESTED),
        "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 3 0)\
         (\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 139 (NIL \"inner\" NIL NIL NIL NIL NIL NIL NIL NIL) \
         ((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 4 0)\
         (\"text\" \"html\" (\"charset\" \"utf-8\") NIL NIL \"7bit\" 3 0) \"alternative\") 11) \"mixed\")"
    );
    assert_eq!(
        short("Content-Type: a/b; x=\"\\\"()\"; y=\u{e9}\r\nContent-Disposition: inline\r\n\r\n"),
        "(\"a\" \"b\" (\"x\" \"\\\"()\" \"y\" {2}\r\n\u{e9}) NIL NIL \"7bit\" 0)"
    );
    for junk in ["", "(", ")", "((", "(\"a\"", "(\"a\" {9}\r\nb", "NIL"] {
        body_from_bodystructure(junk.as_bytes());
    }
}

#[test]
fn envelope() {
    let message = "Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nSubject: a\r\n b\r\nFrom: A <a@b>\r\nReply-To: \r\nTo: c@d\r\n\
        To: e@f\r\nSubject: last\r\nMessage-ID: <1@x>\r\nIn-Reply-To: <0@x>\r\nBcc: \u{e9} <g@h>\r\n\r\n";
    assert_eq!(
        String::from_utf8(read(message).0.envelope).unwrap(),
        "(\"Mon, 1 Jan 2024 00:00:00 +0000\" \"last\" ((\"A\" NIL \"a\" \"b\")) ((\"A\" NIL \"a\" \"b\")) \
         ((\"A\" NIL \"a\" \"b\")) ((NIL NIL \"c\" \"d\")(NIL NIL \"e\" \"f\")) NIL (({2}\r\n\u{e9} NIL \"g\" \"h\")) \
         \"<0@x>\" \"<1@x>\")"
    );
}

#[test]
fn nul_cannot_stand_in_a_string() {
    let (summary, _) = read("Subject: a\0b\r\n\r\n");
    assert!(summary
        .envelope
        .starts_with("(NIL {5}\r\na\u{fffd}b ".as_bytes()));
    assert!(summary.header.contains(&0));
}

#[test]
fn boundaries() {
    let count = |message: &str| read(message).1.rows().len();
    let multipart = |rest: &str| format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{rest}");
    // Bare LF; blanks after the boundary; a prefix of a longer word; after the last boundary nothing counts.
    assert_eq!(count(&multipart("--b\n\none\n--b\n\ntwo\n--b--\n")), 3);
    assert_eq!(
        count(&multipart(
            "--b  \r\n\r\none\r\n--b-- \r\n--b\r\n\r\nno part\r\n"
        )),
        2
    );
    assert_eq!(
        count(&multipart("--b\r\n\r\none\r\n--bold\r\n\r\ntwo\r\n--b--")),
        3
    );
    // A bare CR ends no line.
    assert_eq!(count(&multipart("--b\r\n\r\none\r--b--\r\n")), 2);
    // No part at all: one is invented, as the grammar wants one.
    assert_eq!(count(&multipart("nothing")), 2);
    assert_eq!(count(&multipart("--b--\r\n")), 2);
    // The outer boundary ends the inner multipart (RFC 2046 §5.1.2).
    let inner = "Content-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\nx";
    let message = multipart(&format!("--b\r\n{inner}\r\n--b\r\n\r\ny\r\n--b--\r\n"));
    let (_, parts) = read(&message);
    assert_eq!(section(&message, &parts, &[1, 1], What::Full), Some("x"));
    assert_eq!(section(&message, &parts, &[2], What::Full), Some("y"));
    // The same boundary inside and outside belongs to the inner one until that has ended.
    assert_eq!(
        count("Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\nx\r\n----\r\n"),
        2
    );
    // Cut short at the very end.
    assert_eq!(count(&multipart("--b\r\n\r\none\r\n--b")), 2);
}

#[test]
fn digests_hold_messages() {
    let (_, parts) =
        read("Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: x\r\n\r\nbody\r\n--b--\r\n");
    assert_eq!(
        parts.rows().iter().map(|row| row.kind).collect::<Vec<_>>(),
        [Kind::Multipart, Kind::Message, Kind::Leaf]
    );
}

#[test]
fn limits() {
    let limits = Limits {
        depth: 2,
        parts: 4,
        header_octets: 100,
    };
    let rows = |message: &str| {
        let summary = analyze(message.as_bytes(), limits);
        (
            Parts::decode(&summary.parts).unwrap(),
            String::from_utf8(summary.bodystructure).unwrap(),
        )
    };
    let mut deep = String::from("x\r\n");
    for level in 0..5 {
        deep =
            format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n{deep}");
    }
    let (parts, structure) = rows(&deep);
    assert_eq!(parts.rows().iter().map(|row| row.depth).max(), Some(2));
    assert!(
        structure.contains("(\"application\" \"octet-stream\""),
        "{structure}"
    );
    let many = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n{}",
        "--b\r\n\r\nx\r\n".repeat(50)
    );
    let (parts, _) = rows(&many);
    assert_eq!(parts.rows().len(), 4);
    assert_eq!(parts.rows()[3].body.end, many.len() as u64);
    let long = format!("Subject: x\r\nX: {}\r\n\r\nbody", "y".repeat(200));
    let (parts, _) = rows(&long);
    assert_eq!(parts.rows()[0].header, 0..100);
    assert_eq!(parts.octets(), long.len() as u64);
}

#[test]
fn summaries() {
    let message = "Date: Mon, 1 Jan 2024 01:00:00 +0100\r\nSubject: =?utf-8?q?Re:_[l]_caf=C3=A9?=\r\nMessage-ID: x <1@x> y\r\n\
        Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>no</p>\r\n--b\r\n\
        Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nPiBxdW90ZWQKaGVsbG8gIHfDtnJsZAo=\r\n--b--\r\n";
    let (summary, parts) = read(message);
    assert_eq!(
        summary.sent.map(|date| (date.seconds, date.zone_minutes)),
        Some((1_704_067_200, 60))
    );
    assert_eq!(
        (summary.subject.as_str(), summary.base_subject.as_str()),
        ("Re: [l] café", "café")
    );
    assert_eq!(summary.message_id, b"<1@x>");
    assert_eq!(summary.preview, "hello wörld");
    let leaf = parts.leaf(&[2]).unwrap();
    assert_eq!(
        (leaf.transfer, leaf.decoded_octets, leaf.charset.as_str()),
        (Transfer::Base64, 23, "utf-8")
    );
    assert_eq!(
        parts.leaf(&[]).map(|leaf| leaf.decoded_octets),
        Some(message.len() as u64)
    );
    let html = "Content-Type: text/html\r\n\r\n<html><head><title>t</title><style>x{}</style></head><body>\
        <p>a&amp;b</p><p>c<b>d</b> &#8364;&nbsp;</p><script>no</script></body>";
    assert_eq!(read(html).0.preview, "a&b cd €");
}

#[test]
fn part_tables_are_checked() {
    let (summary, parts) = read(NESTED);
    assert_eq!(Parts::decode(&summary.parts).as_ref(), Ok(&parts));
    for end in 0..summary.parts.len() {
        assert!(Parts::decode(&summary.parts[..end]).is_err(), "{end}");
    }
    let leaf = |depth, header: std::ops::Range<u64>, body| Part {
        depth,
        kind: Kind::Leaf,
        header,
        body,
        transfer: Transfer::Identity,
        decoded_octets: 0,
        is_text: false,
        is_html: false,
        charset: String::new(),
    };
    assert!(Parts::new(vec![]).is_none());
    assert!(Parts::new(vec![leaf(0, 0..2, 2..9)]).is_some());
    assert!(
        Parts::new(vec![leaf(0, 0..2, 2..9), leaf(1, 2..3, 3..4)]).is_none(),
        "below a leaf"
    );
    assert!(Parts::new(vec![leaf(0, 0..2, 3..9)]).is_none(), "a gap");
    let message = Part {
        kind: Kind::Message,
        ..leaf(0, 0..2, 2..9)
    };
    assert!(
        Parts::new(vec![message.clone()]).is_none(),
        "without its message"
    );
    assert!(
        Parts::new(vec![message, leaf(1, 2..3, 3..10)]).is_none(),
        "beyond its parent"
    );
}
