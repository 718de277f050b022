//! EMAILID and THREADID (RFC 8474): which messages have the same octets, and which belong together.
//!
//! An EMAILID is the number of the stored body, which COPY and MOVE share. A THREADID comes from the header alone, so
//! that it is the same in every mailbox and never changes: the first message a thread knows of is its root, and all
//! that refer to it name it first in References. (RFC 5256 puts threads together by much the same fields.)

use memchr::memchr;

use crate::header_index::HeaderIndex;

/// Characters of a THREADID behind its letter: 96 bits of a hash.
const THREAD_DIGITS: usize = 24;

/// Appends the EMAILID of messages with this body.
pub(crate) fn push_email_id(body_id: u64, out: &mut Vec<u8>) {
    out.push(b'E');
    crate::digits::push(out, body_id);
}

/// The body id that an EMAILID names; None when it is none of ours. Object ids are case-sensitive (RFC 8474 §7).
pub(crate) fn body_of(email_id: &str) -> Option<u64> {
    let body_id = email_id.strip_prefix('E')?.parse().ok()?;
    let mut again = Vec::new();
    push_email_id(body_id, &mut again);
    (again == email_id.as_bytes()).then_some(body_id)
}

/// The THREADID of a message with this header. body_id: of a message that nothing names.
pub(crate) fn thread_id(header: &[u8], index: &HeaderIndex, body_id: u64) -> String {
    let first_id = |name: &'static [u8]| {
        let mut values = index.values(header, name);
        values.find_map(message_id)
    };
    let root = first_id(b"references")
        .or_else(|| first_id(b"in-reply-to"))
        .or_else(|| first_id(b"message-id"))
        .unwrap_or_else(|| body_id.to_be_bytes().to_vec());
    let mut id = blake3::hash(&root).to_hex().to_string();
    id.truncate(THREAD_DIGITS);
    id.insert(0, 'T');
    id
}

/// The first `<…>` of a field, without the blanks and folds that some programs put into it.
fn message_id(value: &[u8]) -> Option<Vec<u8>> {
    let start = memchr(b'<', value)?;
    let end = start + memchr(b'>', &value[start..])?;
    let id: Vec<u8> = value[start + 1..end]
        .iter()
        .copied()
        .filter(|octet| !octet.is_ascii_whitespace())
        .collect();
    (!id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(header: &str, body_id: u64) -> String {
        thread_id(
            header.as_bytes(),
            &HeaderIndex::new(header.as_bytes()),
            body_id,
        )
    }

    #[test]
    fn what_belongs_together() {
        let root = of("Message-ID: <a@b>\r\n\r\n", 1);
        assert_eq!(root.len(), 25);
        assert!(root.starts_with('T'));
        assert_eq!(of("message-id:<a@b>\r\n\r\n", 2), root);
        assert_eq!(
            of("References: <a@b> <c@d>\r\nMessage-ID: <e@f>\r\n\r\n", 3),
            root
        );
        assert_eq!(
            of(
                "In-Reply-To: your mail of <a@\r\n b>\r\nMessage-ID: <g@h>\r\n\r\n",
                4
            ),
            root
        );
        assert_eq!(
            of(
                "References: none\r\nIn-Reply-To: <a@b>\r\nMessage-ID: <g@h>\r\n\r\n",
                4
            ),
            root
        );
        assert_ne!(of("Message-ID: <A@b>\r\n\r\n", 1), root);
        assert_ne!(of("\r\n", 1), of("\r\n", 2));
        assert_eq!(of("Message-ID: <>\r\n\r\n", 7), of("\r\n", 7));
    }

    #[test]
    fn email_ids_are_exact() {
        assert_eq!(body_of("E12"), Some(12));
        for other in [
            "e12",
            "E012",
            "E+12",
            "E",
            "12",
            "T12",
            "E99999999999999999999",
        ] {
            assert_eq!(body_of(other), None, "{other}");
        }
    }
}
