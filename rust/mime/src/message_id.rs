//! Message IDs (RFC 5322 §3.6.4) in one form, whatever their quoting (RFC 5256 §3, REFERENCES).

use memchr::memchr;

use crate::tokens::is_blank;

/// The valid message IDs of a field, without "<" and ">", quotes and blanks. value: folds may stay.
///
/// ```text
/// msg-id = [CFWS] "<" id-left "@" id-right ">" [CFWS]
/// ```
/// Anything between them is passed over: real fields hold words, addresses and broken IDs.
pub fn message_ids(value: &[u8]) -> MessageIds<'_> {
    MessageIds {
        rest: value,
        quotes: true,
    }
}

/// See [`message_ids`].
#[derive(Debug, Clone)]
pub struct MessageIds<'a> {
    rest: &'a [u8],
    /// False once a quote without an end was met: quotes mean nothing from there on.
    quotes: bool,
}

impl Iterator for MessageIds<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let start = memchr(b'<', self.rest)? + 1;
            self.rest = &self.rest[start..];
            match read(self.rest, self.quotes) {
                Read::Id(id, octets) => {
                    self.rest = &self.rest[octets..];
                    return Some(id);
                }
                Read::NoId(octets) => self.rest = &self.rest[octets..],
                // Read once more, from the next "<" on.
                Read::OpenQuote => self.quotes = false,
            }
        }
    }
}

/// What stands behind a "<".
enum Read {
    /// A valid ID, and how much of the text it took.
    Id(Vec<u8>, usize),
    /// None in so much of the text.
    NoId(usize),
    /// The text ends within quotes.
    OpenQuote,
}

fn read(text: &[u8], quotes: bool) -> Read {
    let mut id = Vec::with_capacity(48);
    let mut at_sign = None;
    let mut quoted = false;
    let mut octets = text.iter().enumerate();
    while let Some((place, &octet)) = octets.next() {
        match octet {
            b'\\' if quoted => id.extend(octets.next().map(|(_, octet)| octet)),
            b'"' => quoted = quotes && !quoted,
            _ if quoted => id.push(octet),
            b'>' if at_sign.is_some_and(|at| at > 0 && at + 1 < id.len()) => {
                return Read::Id(id, place + 1);
            }
            b'>' => return Read::NoId(place + 1),
            // Another one begins.
            b'<' => return Read::NoId(place),
            _ if is_blank(octet) => {}
            _ => {
                if octet == b'@' {
                    at_sign.get_or_insert(id.len());
                }
                id.push(octet);
            }
        }
    }
    if quoted {
        Read::OpenQuote
    } else {
        Read::NoId(text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(value: &str) -> Vec<String> {
        message_ids(value.as_bytes())
            .map(|id| String::from_utf8_lossy(&id).into_owned())
            .collect()
    }

    /// RFC 5256 §3.
    #[test]
    fn quoting_does_not_matter() {
        assert_eq!(
            ids("<\"01KF8JCEOCBS0045PS\"@xxx.yyy.com> <01KF8JCEOCBS0045PS@xxx.yyy.com>"),
            ["01KF8JCEOCBS0045PS@xxx.yyy.com"; 2]
        );
        assert_eq!(ids("<\"a\\\"b c\"@d>"), ["a\"b c@d"]);
    }

    #[test]
    fn what_else_stands_there_is_passed_over() {
        assert_eq!(
            ids("Your message of \"today\" <a@b>\r\n\t(x) <c@\r\n d> e@f"),
            ["a@b", "c@d"]
        );
        assert_eq!(ids("<a@b><c@d>,<e@f>"), ["a@b", "c@d", "e@f"]);
        assert_eq!(ids("<no-at> <@b> <a@> <> <a <b@c>"), ["b@c"]);
        assert_eq!(ids("<a@b"), [""; 0]);
        assert_eq!(ids("<x@y> <\"from <c@d>"), ["x@y", "c@d"]);
        assert_eq!(ids("<A@b@c>"), ["A@b@c"]);
    }
}
