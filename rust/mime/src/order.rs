//! What SORT and THREAD compare of a message, made of its header (RFC 5256, RFC 5957, RFC 5255 §4.6).

use crate::address::{self, Address};
use crate::collation::Collation;
use crate::header;
use crate::message_id::message_ids;
use crate::subject::{self, BaseSubject};
use crate::words::decode_words;

/// Message IDs kept of one message: the first, and as many of the last as fit. RFC 5322 sets no bound, law 7 does.
pub const MAX_REFERENCES: usize = 1_000;

/// Texts are mapped by a collation: compared octet by octet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    /// SUBJECT: the base subject.
    pub subject: Vec<u8>,
    /// The subject says that it is a reply, or forwarded.
    pub is_reply: bool,
    /// FROM: addr-mailbox of the first address.
    pub from: Vec<u8>,
    /// TO
    pub to: Vec<u8>,
    /// CC
    pub cc: Vec<u8>,
    /// DISPLAYFROM (RFC 5957 §3)
    pub display_from: Vec<u8>,
    /// DISPLAYTO
    pub display_to: Vec<u8>,
    /// The first valid one.
    pub message_id: Option<Vec<u8>>,
    /// The ancestry: of References, else the first of In-Reply-To; see [`MAX_REFERENCES`].
    pub references: Vec<Vec<u8>>,
}

/// header: the header block of a message. Of several fields of one name the same count as in ENVELOPE: the last, and of
/// address lists the first.
pub fn order(header: &[u8], collation: Collation) -> Order {
    let mut subject: &[u8] = b"";
    let mut message_id = None;
    let mut in_reply_to = None;
    let mut references = None;
    let mut lists: [Option<(Vec<u8>, Vec<u8>)>; 3] = [None, None, None];
    for field in header::fields(header) {
        let name = field.name;
        let list = match name.len() {
            2 if name.eq_ignore_ascii_case(b"To") => 1,
            2 if name.eq_ignore_ascii_case(b"Cc") => 2,
            4 if name.eq_ignore_ascii_case(b"From") => 0,
            7 if name.eq_ignore_ascii_case(b"Subject") => {
                subject = field.value;
                continue;
            }
            10 if name.eq_ignore_ascii_case(b"Message-ID") => {
                message_id = Some(field.value);
                continue;
            }
            10 if name.eq_ignore_ascii_case(b"References") => {
                references = Some(field.value);
                continue;
            }
            11 if name.eq_ignore_ascii_case(b"In-Reply-To") => {
                in_reply_to = Some(field.value);
                continue;
            }
            _ => continue,
        };
        if lists[list].is_none() {
            lists[list] = first_address(field.value, collation);
        }
    }
    let (subject, is_reply) = base_subject(subject, collation);
    let [from, to, cc] = lists.map(Option::unwrap_or_default);
    let mut ancestry = references.map(ancestry).unwrap_or_default();
    if ancestry.is_empty() {
        ancestry.extend(in_reply_to.and_then(|value| message_ids(value).next()));
    }
    Order {
        subject,
        is_reply,
        from: from.0,
        to: to.0,
        cc: cc.0,
        display_from: from.1,
        display_to: to.1,
        message_id: message_id.and_then(|value| message_ids(value).next()),
        references: ancestry,
    }
}

fn ancestry(references: &[u8]) -> Vec<Vec<u8>> {
    let mut ids: Vec<Vec<u8>> = Vec::new();
    let count = message_ids(references).count();
    for (place, id) in message_ids(references).enumerate() {
        if place == 0 || place + MAX_REFERENCES > count {
            ids.push(id);
        }
    }
    ids
}

/// The key of SUBJECT, made of the base subject (RFC 5255 §4.2), and whether it is that of a reply.
fn base_subject(value: &[u8], collation: Collation) -> (Vec<u8>, bool) {
    let BaseSubject { text, is_reply } = subject::extract(&decoded(value));
    (collation.map(&text).into_bytes(), is_reply)
}

/// Encoded words undone. Eight-bit octets that are not UTF-8 have no charset: U+FFFD stands for them, as in SEARCH.
fn decoded(value: &[u8]) -> String {
    decode_words(String::from_utf8_lossy(value).as_bytes())
}

/// Keys of the mailbox and of the display name of the first address (RFC 5957 §3).
fn first_address(value: &[u8], collation: Collation) -> Option<(Vec<u8>, Vec<u8>)> {
    let unfolded = header::unfold(value);
    let first = address::parse(&unfolded, 1).into_iter().next()?;
    let (name, mailbox, host) = match first {
        Address::Mailbox {
            name,
            mailbox,
            host,
            ..
        } => (name, mailbox, Some(host)),
        Address::GroupStart(mailbox) => (None, mailbox, None),
        Address::GroupEnd => return None,
    };
    let display = name.map_or_else(String::new, |name| collation.map(&decoded(&name)));
    let display = if display.is_empty() {
        let address = match host {
            Some(host) => [&mailbox[..], b"@", &host].concat(),
            None => mailbox.clone(),
        };
        key(&address, collation)
    } else {
        display.into_bytes()
    };
    Some((key(&mailbox, collation), display))
}

/// The key of a text as it is.
fn key(text: &[u8], collation: Collation) -> Vec<u8> {
    collation.map(&String::from_utf8_lossy(text)).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::order as ordered;
    use super::*;

    fn order(header: &[u8]) -> Order {
        ordered(header, Collation::default())
    }

    #[test]
    fn keys_of_a_message() {
        let found = order(
            b"From: =?utf-8?q?J=C3=B6rg?= <Joerg@Example.org>\r\nSubject: old\r\nTo: friends: a@b;\r\n\
              CC: \"C\\\"d\"@e, f@g\r\nSubject: Re: [list] =?utf-8?q?Gr=C3=BC=C3=9Fe?= (fwd)\r\n\
              Message-ID: <One@x>\r\nReferences: <a@x>\r\n\t<b@x>\r\nIn-Reply-To: <c@x>\r\n\r\n",
        );
        assert_eq!(found.subject, "GRU\u{308}ßE".as_bytes());
        assert!(found.is_reply);
        assert_eq!(found.from, b"JOERG");
        assert_eq!(found.display_from, "JO\u{308}RG".as_bytes());
        assert_eq!(found.to, b"FRIENDS");
        assert_eq!(found.display_to, b"FRIENDS");
        assert_eq!(found.cc, b"C\"D");
        assert_eq!(found.message_id.as_deref(), Some(&b"One@x"[..]));
        assert_eq!(found.references, [b"a@x", b"b@x"]);
    }

    #[test]
    fn keys_by_other_collations() {
        let header = "From: Ädam <Adam@x>\r\nTo: b@C\r\nSubject: RE: Ärger aB\r\n\r\n".as_bytes();
        let keys = |collation| {
            let found = ordered(header, collation);
            assert!(found.is_reply);
            [
                found.subject,
                found.from,
                found.display_from,
                found.display_to,
            ]
            .map(|key| String::from_utf8_lossy(&key).into_owned())
        };
        assert_eq!(
            keys(Collation::AsciiCasemap),
            ["ÄRGER AB", "ADAM", "ÄDAM", "B@C"]
        );
    }

    #[test]
    fn what_is_absent_is_empty() {
        assert_eq!(order(b"X: y\r\n\r\n"), Order::default());
        let found = order(b"References: none\r\nIn-Reply-To: Message of today <a@b> <c@d>\r\nTo:\r\nTo: X@y\r\n\r\n");
        assert_eq!(found.references, [b"a@b"]);
        assert_eq!(found.to, b"X");
        assert_eq!(found.display_to, b"X@Y");
    }

    #[test]
    fn octets_without_a_charset_are_read_as_utf8() {
        let broken = order(b"Subject: Re: x \xfca\r\nFrom: \"\" <a@b>\r\n\r\n");
        assert_eq!(broken.subject, "X \u{fffd}A".as_bytes());
        assert!(broken.is_reply);
        // RFC 5957 §3: a name of no characters is none.
        assert_eq!(broken.display_from, b"A@B");
    }

    #[test]
    fn references_are_bounded() {
        let mut header = b"References:".to_vec();
        for number in 0..2 * MAX_REFERENCES {
            header.extend_from_slice(format!(" <{number}@x>\r\n").as_bytes());
        }
        let found = order(&header).references;
        assert_eq!(found.len(), MAX_REFERENCES);
        assert_eq!(found[0], b"0@x");
        assert_eq!(found[1], format!("{}@x", MAX_REFERENCES + 1).as_bytes());
        assert_eq!(
            found[MAX_REFERENCES - 1],
            format!("{}@x", 2 * MAX_REFERENCES - 1).as_bytes()
        );
    }
}
