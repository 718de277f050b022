//! ID.

use super::cursor::Cursor;
use crate::command::Body;
use crate::error::{Error, Parsed};

/// More pairs than RFC 2971 §3.3 allows a client to send, fewer than could hurt.
const MAX_PAIRS: usize = 100;

/// ```text
/// id             ::= "ID" SPACE id_params_list
/// id_params_list ::= "(" #(string SPACE nstring) ")" / nil
/// ```
/// RFC 2971 §4
///
/// QUIRK_ID_SPACES: spaces inside the parentheses are skipped. aioimaplib sends `ID ( "name" "x" )`.
pub(super) fn id(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    const WHAT: &str = "NIL or a list in parentheses";
    cursor.space()?;
    if cursor.eat_word(b"NIL") {
        return Ok(Body::Id(None));
    }
    cursor.expect(b'(', WHAT)?;
    let mut params = Vec::new();
    while cursor.eat(b' ') {}
    if cursor.eat(b')') {
        return Ok(Body::Id(Some(params)));
    }
    loop {
        if params.len() >= MAX_PAIRS {
            return Err(Error::limit("ID fields", MAX_PAIRS as u64, cursor.offset()));
        }
        let field = cursor.string("a field in quotes")?;
        cursor.space()?;
        let value = cursor.nstring("a value in quotes, or NIL")?;
        params.push((
            String::from_utf8_lossy(&field).into_owned(),
            value.map(|value| String::from_utf8_lossy(&value).into_owned()),
        ));
        let spaced = cursor.eat(b' ');
        while cursor.eat(b' ') {}
        if cursor.eat(b')') {
            return Ok(Body::Id(Some(params)));
        }
        if !spaced {
            return cursor.expected("a space or \")\"");
        }
    }
}
