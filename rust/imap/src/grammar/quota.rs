//! GETQUOTA, GETQUOTAROOT and SETQUOTA.

use super::cursor::Cursor;
use super::mailbox;
use crate::command::{Body, SetQuota};
use crate::error::Parsed;

/// ```text
/// getquota        = "GETQUOTA" SP quota-root-name
/// quota-root-name = astring
/// ```
/// RFC 9208 §7
pub(super) fn get_quota(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    Ok(Body::GetQuota(root(cursor)?))
}

/// `getquotaroot = "GETQUOTAROOT" SP mailbox` (RFC 9208 §7)
pub(super) fn get_quota_root(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    Ok(Body::GetQuotaRoot(mailbox::only(cursor)?))
}

/// ```text
/// setquota       = "SETQUOTA" SP quota-root-name SP setquota-list
/// setquota-list  = "(" [setquota-resource *(SP setquota-resource)] ")"
/// setquota-resource = resource-name SP resource-limit
/// resource-limit = number64
/// ```
/// RFC 9208 §7
pub(super) fn set_quota(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    let root = root(cursor)?;
    cursor.space()?;
    cursor.open()?;
    let mut limits = Vec::new();
    if !cursor.eat(b')') {
        loop {
            let resource = cursor.atom("a resource")?.to_ascii_uppercase();
            cursor.space()?;
            limits.push((resource, cursor.number64("a limit")?));
            if cursor.eat(b')') {
                break;
            }
            cursor.expect(b' ', "a space or \")\"")?;
        }
    }
    Ok(Body::SetQuota(SetQuota { root, limits }))
}

/// Names of quota roots are written like names of mailboxes: addresses may hold any letter.
fn root(cursor: &mut Cursor<'_>) -> Parsed<String> {
    cursor.space()?;
    let start = cursor.offset();
    let octets = cursor.astring("the name of a quota root")?;
    cursor.mailbox_text(&octets, start)
}
