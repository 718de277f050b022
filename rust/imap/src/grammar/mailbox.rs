//! CREATE, RENAME, and the commands that take a mailbox name and nothing else.

use super::cursor::Cursor;
use crate::command::{Body, Create, Flag, Mailbox};
use crate::error::Parsed;

/// `SP mailbox`, as in DELETE, SUBSCRIBE and UNSUBSCRIBE (RFC 9051 §9)
pub(super) fn only(cursor: &mut Cursor<'_>) -> Parsed<Mailbox> {
    cursor.space()?;
    cursor.mailbox()
}

/// ```text
/// create        = "CREATE" SP mailbox [create-params]
/// create-params = SP "(" create-param *( SP create-param) ")"
/// create-param  =/ "USE" SP "(" [use-attr *(SP use-attr)] ")"
/// ```
/// RFC 9051 §9, RFC 4466 §3, RFC 6154 §6
pub(super) fn create(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    let mailbox = only(cursor)?;
    let mut special_use = Vec::new();
    if cursor.eat_space_open() {
        let word = cursor.keyword("USE")?;
        if word.as_bytes() != b"USE" {
            return word.expected("USE");
        }
        cursor.space()?;
        cursor.open()?;
        special_use = use_attributes(cursor)?;
        cursor.close()?;
    }
    Ok(Body::Create(Create {
        mailbox,
        special_use,
    }))
}

/// `use-attr = "\All" / "\Archive" / … / use-attr-ext`, `use-attr-ext = "\" atom` (RFC 6154 §6); the "(" is taken.
fn use_attributes(cursor: &mut Cursor<'_>) -> Parsed<Vec<Flag>> {
    let mut attributes = Vec::new();
    if cursor.eat(b')') {
        return Ok(attributes);
    }
    loop {
        if cursor.peek() != Some(b'\\') {
            return cursor.expected("a special use, as in \\Sent");
        }
        attributes.push(cursor.flag()?);
        if cursor.eat(b')') {
            return Ok(attributes);
        }
        cursor.expect(b' ', "a space or \")\"")?;
    }
}

/// `rename = "RENAME" SP mailbox SP mailbox`
pub(super) fn rename(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    let source = only(cursor)?;
    let target = only(cursor)?;
    Ok(Body::Rename { source, target })
}
