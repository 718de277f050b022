//! The grammar: the text of one command to a [`Command`] (RFC 9051 §9 and the extensions named at each production).
//!
//! One file per command family, the production above its parser. Keywords are taken in any case; SP is exactly one
//! space. What is accepted beyond the RFCs is named `QUIRK_…` where it is done.

mod acl;
mod append;
pub(crate) mod catenate;
mod compress;
mod copy;
mod cursor;
mod date;
mod enable;
mod fetch;
mod id;
mod language;
mod list;
mod login;
mod mailbox;
mod metadata;
pub mod octets;
mod partial;
mod quota;
mod search;
mod select;
mod set;
mod sort;
mod status;
mod store;
mod thread;
mod uid_batches;
mod watch;

pub(crate) use append::{message_head, AppendText};
pub(crate) use cursor::Cursor;
use cursor::{Keyword, LITERAL_TO_COME};

use crate::command::{Body, Command, Tag};
use crate::error::{Error, Fault, Parsed};
use crate::framer::tag_of;
use crate::limits::Limits;
use crate::search::SearchKey;

/// What of a connection changes how its commands are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Parentheses, NOT and OR inside each other.
    pub nesting: usize,
    /// Ranges in one sequence set.
    pub set_ranges: usize,
    /// Mailbox names are UTF-8 (RFC 6855 §3, RFC 9051 §5.1).
    pub utf8: bool,
}

impl Settings {
    /// From the limits of a connection.
    pub const fn new(limits: &Limits, utf8: bool) -> Self {
        Self {
            nesting: limits.nesting,
            set_ranges: limits.set_ranges,
            utf8,
        }
    }
}

/// One whole command without its last line end; inline literals as they came.
///
/// APPEND never comes here whole: its messages are streamed (see [`crate::decoder`]).
pub fn parse(text: &[u8], settings: Settings) -> Parsed<Command> {
    let mut cursor = Cursor::new(text, settings);
    let tag = tag(&mut cursor)?;
    let body = body(&mut cursor)?;
    cursor.end()?;
    Ok(Command { tag, body })
}

/// The criteria that are stored under the name of a filter, as keys side by side:
/// `search-criteria = search-key *(SP search-key)` in UTF-8 (RFC 5466 §3.2, §4). Literals are among them as they came.
pub fn criteria(text: &[u8], settings: Settings) -> Parsed<Vec<SearchKey>> {
    if let Err(problem) = std::str::from_utf8(text) {
        return Err(Error::expected("UTF-8", problem.valid_up_to()));
    }
    let mut cursor = Cursor::new(text, settings);
    let keys = search::search_keys(&mut cursor)?;
    cursor.end()?;
    Ok(keys)
}

/// Whether `text`, which ends with the announcement of a literal, can be the beginning of a command.
///
/// Asked before a literal is read: a command that is wrong already need not be sent to its end.
pub fn check_beginning(text: &[u8], settings: Settings) -> Parsed<()> {
    match parse(text, settings) {
        Err(Error {
            fault: Fault::Expected(LITERAL_TO_COME),
            ..
        }) => Ok(()),
        Err(error) => Err(error),
        // The framer saw an announcement where the grammar saw none.
        Ok(_) => Err(Error::expected("the end of the line", text.len())),
    }
}

/// `tag = 1*<any ASTRING-CHAR except "+">`
fn tag(cursor: &mut Cursor<'_>) -> Parsed<Tag> {
    let Some(tag) = tag_of(cursor.rest()).and_then(Tag::new) else {
        return cursor.expected("a tag");
    };
    cursor.eat_word(tag.as_str().as_bytes());
    Ok(tag)
}

/// ```text
/// command = tag SP (command-any / command-auth / command-nonauth / command-select) CRLF
/// uid     = "UID" SP (copy / move / fetch / search / sort / store / uid-expunge)
/// ```
fn body(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    const WHAT: &str = "a command";
    cursor.expect(b' ', "a space and a command")?;
    let name = cursor.keyword(WHAT)?;
    Ok(match name.as_bytes() {
        b"CAPABILITY" => Body::Capability,
        b"NOOP" => Body::Noop,
        b"LOGOUT" => Body::Logout,
        b"STARTTLS" => Body::StartTls,
        b"COMPRESS" => compress::compress(cursor)?,
        b"UNAUTHENTICATE" => Body::Unauthenticate,
        b"NAMESPACE" => Body::Namespace,
        b"IDLE" => Body::Idle,
        b"CHECK" => Body::Check,
        b"CLOSE" => Body::Close,
        b"UNSELECT" => Body::Unselect,
        b"EXPUNGE" => Body::Expunge(None),
        b"AUTHENTICATE" => login::authenticate(cursor)?,
        b"LOGIN" => login::login(cursor)?,
        b"LANGUAGE" => language::language(cursor)?,
        b"COMPARATOR" => language::comparator(cursor)?,
        b"ENABLE" => enable::enable(cursor)?,
        b"ID" => id::id(cursor)?,
        b"SELECT" => select::select(cursor, false)?,
        b"EXAMINE" => select::select(cursor, true)?,
        b"CREATE" => mailbox::create(cursor)?,
        b"DELETE" => Body::Delete(mailbox::only(cursor)?),
        b"RENAME" => mailbox::rename(cursor)?,
        b"SUBSCRIBE" => Body::Subscribe(mailbox::only(cursor)?),
        b"UNSUBSCRIBE" => Body::Unsubscribe(mailbox::only(cursor)?),
        b"LIST" => list::list(cursor)?,
        b"LSUB" => list::lsub(cursor)?,
        b"XLIST" => list::xlist(cursor)?,
        b"STATUS" => status::status(cursor)?,
        b"ESEARCH" => watch::esearch(cursor)?,
        b"NOTIFY" => watch::notify(cursor)?,
        b"CANCELUPDATE" => search::cancel_update(cursor)?,
        b"GETQUOTA" => quota::get_quota(cursor)?,
        b"GETQUOTAROOT" => quota::get_quota_root(cursor)?,
        b"SETQUOTA" => quota::set_quota(cursor)?,
        b"SETACL" => acl::set(cursor)?,
        b"DELETEACL" => Body::DeleteAcl(acl::identified(cursor)?),
        b"GETACL" => Body::GetAcl(mailbox::only(cursor)?),
        b"LISTRIGHTS" => Body::ListRights(acl::identified(cursor)?),
        b"MYRIGHTS" => Body::MyRights(mailbox::only(cursor)?),
        b"UIDBATCHES" => uid_batches::uid_batches(cursor)?,
        b"GETMETADATA" => metadata::get_metadata(cursor)?,
        b"SETMETADATA" => metadata::set_metadata(cursor)?,
        b"APPEND" => return append::without_message(cursor),
        b"UID" => {
            cursor.space()?;
            let name = cursor.keyword("a command after UID")?;
            by_uid(cursor, &name)?
        }
        _ => match by_number(cursor, &name, false)? {
            Some(body) => body,
            None => return name.expected(WHAT),
        },
    })
}

fn by_uid(cursor: &mut Cursor<'_>, name: &Keyword) -> Parsed<Body> {
    match name.as_bytes() {
        b"EXPUNGE" => {
            cursor.space()?;
            Ok(Body::Expunge(Some(set::sequence_set(cursor)?)))
        }
        b"ESEARCH" => watch::esearch(cursor),
        _ => match by_number(cursor, name, true)? {
            Some(body) => Ok(body),
            None => name.expected("COPY, EXPUNGE, FETCH, MOVE, SEARCH, SORT or STORE"),
        },
    }
}

/// Commands with a form for sequence numbers and one for UIDs.
fn by_number(cursor: &mut Cursor<'_>, name: &Keyword, uid: bool) -> Parsed<Option<Body>> {
    Ok(Some(match name.as_bytes() {
        b"REPLACE" => append::replace_without_message(cursor, uid)?,
        b"FETCH" => fetch::fetch(cursor, uid)?,
        b"SEARCH" => search::search(cursor, uid)?,
        b"SORT" => sort::sort(cursor, uid)?,
        b"THREAD" => thread::thread(cursor, uid)?,
        b"STORE" => store::store(cursor, uid)?,
        b"COPY" => Body::Copy(copy::copy(cursor, uid)?),
        b"MOVE" => Body::Move(copy::copy(cursor, uid)?),
        _ => return Ok(None),
    }))
}
