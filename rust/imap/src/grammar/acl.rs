//! SETACL, DELETEACL, GETACL, LISTRIGHTS, MYRIGHTS (RFC 4314 §7).

use super::cursor::Cursor;
use super::mailbox;
use crate::command::{Acl, Body, SetAcl, StoreOp};
use crate::error::{Error, Parsed};

/// Those of RFC 4314 §2.1, and the two of RFC 2086 that stand for several.
const RIGHTS: &[u8] = b"lrswipkxteacd";

/// ```text
/// setacl     = "SETACL" SP mailbox SP identifier SP mod-rights
/// mod-rights = astring                    ; +rights to add, -rights to remove, rights to replace
/// rights     = astring                    ; only lowercase ASCII letters and digits are allowed.
/// ```
/// A right that is not known must not be taken (RFC 4314 §3.1).
pub(super) fn set(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    let Acl {
        mailbox,
        identifier,
    } = identified(cursor)?;
    cursor.space()?;
    let start = cursor.offset();
    let text = cursor.astring("rights")?;
    let (op, letters) = match text.split_first() {
        Some((b'+', rest)) => (StoreOp::Add, rest),
        Some((b'-', rest)) => (StoreOp::Remove, rest),
        _ => (StoreOp::Set, &*text),
    };
    if !letters.iter().all(|letter| RIGHTS.contains(letter)) {
        return Err(Error::expected("rights, each one of lrswipkxteacd", start));
    }
    Ok(Body::SetAcl(SetAcl {
        mailbox,
        identifier,
        op,
        rights: String::from_utf8_lossy(letters).into_owned(),
    }))
}

/// ```text
/// deleteacl  = "DELETEACL" SP mailbox SP identifier
/// listrights = "LISTRIGHTS" SP mailbox SP identifier
/// identifier = astring
/// ```
/// In UTF-8 (RFC 4314 §2).
pub(super) fn identified(cursor: &mut Cursor<'_>) -> Parsed<Acl> {
    const WHAT: &str = "an identifier in UTF-8";
    let mailbox = mailbox::only(cursor)?;
    cursor.space()?;
    let start = cursor.offset();
    let octets = cursor.astring(WHAT)?;
    match std::str::from_utf8(&octets) {
        Ok(identifier) => Ok(Acl {
            mailbox,
            identifier: identifier.to_owned(),
        }),
        Err(_) => Err(Error::expected(WHAT, start)),
    }
}
