//! Messages of which it is known what each section is.

#![allow(missing_docs)]

use lightmail_imap::fetch::SectionText;

/// A message put together from pieces, so that it is known what each section is.
pub struct Mail {
    pub raw: String,
    /// Section text, its content as stored; None: there is no such part.
    pub sections: Vec<(Vec<u32>, SectionText, Option<String>)>,
    /// Part, content decoded, and whether it goes as a literal8.
    pub binaries: Vec<(Vec<u32>, Option<String>, bool)>,
}

pub fn fields(exclude: bool, names: &[&str]) -> SectionText {
    SectionText::HeaderFields {
        exclude,
        names: names.iter().map(|name| name.as_bytes().to_vec()).collect(),
    }
}

/// multipart/mixed of text, base64, message/rfc822 of a multipart.
pub fn nested() -> Mail {
    let header =
        "Subject: outer\r\nDate: Mon, 1 Jan 2024 10:00:00 +0100\r\nFrom: a@example.org\r\n\
        X-Long: one\r\n two\r\nContent-Type: multipart/mixed; boundary=b1\r\n\r\n";
    let mime1 = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
    let part1 = "gr=C3=BC=\r\n=C3=9Fe\r\nend";
    let mime2 =
        "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    let part2 = "AAECAwQFBgcI\r\nCQoL\r\n";
    let mime3 = "Content-Type: message/rfc822\r\n\r\n";
    let inner_header = "Subject: inner\r\nTo: b@example.org\r\nContent-Type: multipart/alternative; boundary=b2\r\n\r\n";
    let mime31 = "Content-Type: text/plain\r\n\r\n";
    let part31 = "plain";
    let mime32 = "Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    let part32 = "PGI+";
    let inner_text =
        format!("--b2\r\n{mime31}{part31}\r\n--b2\r\n{mime32}{part32}\r\n--b2--\r\ninner end");
    let part3 = format!("{inner_header}{inner_text}");
    let text = format!(
        "preamble\r\n--b1\r\n{mime1}{part1}\r\n--b1\r\n{mime2}{part2}\r\n--b1\r\n{mime3}{part3}\r\n--b1--\r\nepilogue\r\n"
    );
    let raw = format!("{header}{text}");
    let some = |text: &str| Some(text.to_owned());
    use SectionText::{Full, Header, Mime, Text};
    let sections = vec![
        (vec![], Full, some(&raw)),
        (vec![], Header, some(header)),
        (vec![], Text, some(&text)),
        (
            vec![],
            fields(false, &["subject", "X-LONG"]),
            some("Subject: outer\r\nX-Long: one\r\n two\r\n\r\n"),
        ),
        (vec![], fields(false, &["none"]), some("\r\n")),
        (
            vec![],
            fields(true, &["Content-Type", "date", "X-Long"]),
            some("Subject: outer\r\nFrom: a@example.org\r\n\r\n"),
        ),
        (vec![1], Full, some(part1)),
        (vec![1], Mime, some(mime1)),
        (vec![1], Header, None),
        (vec![1], fields(false, &["Subject"]), None),
        (vec![2], Full, some(part2)),
        (vec![2], Text, None),
        (vec![3], Full, some(&part3)),
        (vec![3], Mime, some(mime3)),
        (vec![3], Header, some(inner_header)),
        (vec![3], Text, some(&inner_text)),
        (
            vec![3],
            fields(false, &["to"]),
            some("To: b@example.org\r\n\r\n"),
        ),
        (
            vec![3],
            fields(true, &["to", "content-type"]),
            some("Subject: inner\r\n\r\n"),
        ),
        (vec![3, 1], Full, some(part31)),
        (vec![3, 2], Full, some(part32)),
        (vec![3, 2], Mime, some(mime32)),
        (vec![3, 3], Full, None),
        (vec![4], Full, None),
        (vec![1, 1], Full, None),
    ];
    let binaries = vec![
        (vec![], some(&raw), true),
        (vec![1], some("grüße\r\nend"), false),
        (
            vec![2],
            some("\0\x01\x02\x03\x04\x05\x06\x07\x08\x09\n\x0b"),
            true,
        ),
        (vec![3], some(&part3), true),
        (vec![3, 1], some("plain"), false),
        (vec![3, 2], some("<b>"), true),
        (vec![4], None, true),
    ];
    Mail {
        raw,
        sections,
        binaries,
    }
}

/// A message with nothing of MIME, and no body.
pub fn bare() -> Mail {
    let header = "Subject: bare\r\n\r\n";
    use SectionText::{Full, Header, Mime, Text};
    let sections = vec![
        (vec![], Full, Some(header.to_owned())),
        (vec![], Header, Some(header.to_owned())),
        (vec![], Text, Some(String::new())),
        (vec![], fields(false, &["From"]), Some("\r\n".to_owned())),
        (vec![1], Full, Some(String::new())),
        (vec![1], Mime, Some(header.to_owned())),
        (vec![2], Full, None),
        (vec![1], Text, None),
    ];
    let binaries = vec![(vec![1], Some(String::new()), false), (vec![2], None, true)];
    Mail {
        raw: header.to_owned(),
        sections,
        binaries,
    }
}
