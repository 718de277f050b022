//! SEARCH.

use super::cursor::Cursor;
use super::date::date;
use super::fetch::attributes_to_close;
use super::partial;
use super::set::sequence_set;
use crate::command::{Body, Search, SearchReturn};
use crate::error::{Error, Parsed};
use crate::fetch::FetchItems;
use crate::filters::in_parentheses;
use crate::partial::PartialRange;
use crate::search::{DateField, DateRelation, SearchKey, SearchProgram};
use crate::set::{Bound, SequenceSet};

/// ```text
/// search             = "SEARCH" [search-return-opts] SP search-program
/// search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"
/// search-program     = ["CHARSET" SP charset SP] search-key *(SP search-key)
/// charset            = atom / quoted
/// ```
/// RFC 9051 §9, RFC 4731 §4
pub(super) fn search(cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Body> {
    search_arguments(cursor, uid).map(Body::Search)
}

/// Everything behind the name of the command.
pub(super) fn search_arguments(cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Search> {
    let (returns, partial, update) = search_return_opts(cursor)?;
    cursor.space()?;
    let charset = if cursor.eat_word(b"CHARSET ") {
        let name = cursor.astring("a charset")?;
        cursor.space()?;
        Some(String::from_utf8_lossy(&name).into_owned())
    } else {
        None
    };
    let program = SearchProgram {
        charset,
        key: together(search_keys(cursor)?),
    };
    relevancy_needs_fuzzy(cursor, returns.as_deref(), &program)?;
    Ok(Search {
        uid,
        returns,
        partial,
        update,
        program,
    })
}

/// RELEVANCY "MUST NOT be used unless a FUZZY search key is also given" (RFC 6203 §4, §6).
pub(super) fn relevancy_needs_fuzzy(
    cursor: &Cursor<'_>,
    returns: Option<&[SearchReturn]>,
    program: &SearchProgram,
) -> Parsed<()> {
    let asked = returns.is_some_and(|returns| returns.contains(&SearchReturn::Relevancy));
    if asked && !program.is_fuzzy() {
        return Err(Error::expected(
            "a FUZZY key with RELEVANCY",
            cursor.offset(),
        ));
    }
    Ok(())
}

/// `search-criteria = charset 1*(SP search-key)` (RFC 5256 §5): of commands that always say their charset.
pub(super) fn search_criteria(cursor: &mut Cursor<'_>) -> Parsed<SearchProgram> {
    let name = cursor.astring("a charset")?;
    let charset = Some(String::from_utf8_lossy(&name).into_owned());
    cursor.space()?;
    let key = together(search_keys(cursor)?);
    Ok(SearchProgram { charset, key })
}

/// None when there are none.
pub(super) fn search_return_opts(
    cursor: &mut Cursor<'_>,
) -> Parsed<(Option<Vec<SearchReturn>>, Option<PartialRange>, Update)> {
    if cursor.eat_word(b" RETURN (") {
        let (returns, partial, update) = return_options(cursor)?;
        Ok((Some(returns), partial, update))
    } else {
        Ok((None, None, None))
    }
}

/// `search-key *(SP search-key)`
pub(super) fn search_keys(cursor: &mut Cursor<'_>) -> Parsed<Vec<SearchKey>> {
    let mut keys = vec![search_key(cursor, 0)?];
    while cursor.eat(b' ') && !cursor.is_at_end() {
        keys.push(search_key(cursor, 0)?);
    }
    Ok(keys)
}

/// `cancelupdate = "CANCELUPDATE" 1*(SP quoted)` (RFC 5267 §5); tags. They are taken without quotes too.
pub(super) fn cancel_update(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    let mut tags = Vec::new();
    loop {
        cursor.space()?;
        let tag = cursor.astring("the tag of a search")?;
        tags.push(String::from_utf8_lossy(&tag).into_owned());
        if cursor.rest().trim_ascii().is_empty() {
            return Ok(Body::CancelUpdate(tags));
        }
    }
}

/// What is returned, which window of the results, and what is fetched of messages that UPDATE adds.
type Returns = (Vec<SearchReturn>, Option<PartialRange>, Update);
/// Nothing but which messages they are, or these items too.
type Update = Option<FetchItems>;

/// ```text
/// search-return-opt  = "MIN" / "MAX" / "ALL" / "COUNT" / "SAVE" / modifier-partial
/// search-return-opt  =/ modifier-context / modifier-update                            ; RFC 5267 §5
/// search-return-opt  =/ "RELEVANCY"                                                    ; RFC 6203 §7
/// modifier-update    = "UPDATE" [ "(" fetch-att *(SP fetch-att) ")" ]                  ; RFC 5465 §8
/// ```
/// The "(" is taken. None of them means ALL (RFC 9051 §6.4.4). One PARTIAL, one ALL, or neither
/// (RFC 9394 §3.1). A space before the attributes of UPDATE is what the
/// example of RFC 5465 §7 has, none what its grammar has.
fn return_options(cursor: &mut Cursor<'_>) -> Parsed<Returns> {
    const WHAT: &str = "MIN, MAX, ALL, COUNT, PARTIAL, SAVE, CONTEXT, UPDATE or RELEVANCY";
    let mut options = Vec::new();
    let mut window = None;
    let mut update = None;
    if cursor.eat(b')') {
        return Ok((vec![SearchReturn::All], None, None));
    }
    loop {
        let start = cursor.offset();
        let word = cursor.keyword(WHAT)?;
        let Some(option) = SearchReturn::from_word(word.as_bytes()) else {
            return word.expected(WHAT);
        };
        if option == SearchReturn::Partial {
            if window.is_some() {
                return Err(Error::expected("one PARTIAL", start));
            }
            window = Some(partial::range(cursor)?);
        }
        if option == SearchReturn::Update && (cursor.eat(b'(') || cursor.eat_space_open()) {
            update = Some(attributes_to_close(cursor)?);
        }
        if !options.contains(&option) {
            options.push(option);
        }
        if window.is_some() && options.contains(&SearchReturn::All) {
            return Err(Error::expected("PARTIAL or ALL", start));
        }
        if cursor.eat(b')') {
            return Ok((options, window, update));
        }
        cursor.expect(b' ', "a space or \")\"")?;
    }
}

/// Keys side by side.
fn together(mut keys: Vec<SearchKey>) -> SearchKey {
    if keys.len() == 1 {
        keys.remove(0)
    } else {
        SearchKey::And(keys)
    }
}

/// ```text
/// search-key = "ALL" / "ANSWERED" / "BCC" SP astring / "BEFORE" SP date / "BODY" SP astring / "CC" SP astring /
///              "DELETED" / "FLAGGED" / "FROM" SP astring / "KEYWORD" SP flag-keyword / "ON" SP date / "SEEN" /
///              "SINCE" SP date / "SUBJECT" SP astring / "TEXT" SP astring / "TO" SP astring / "UNANSWERED" /
///              "UNDELETED" / "UNFLAGGED" / "UNKEYWORD" SP flag-keyword / "UNSEEN" / "DRAFT" /
///              "HEADER" SP header-fld-name SP astring / "LARGER" SP number64 / "NOT" SP search-key /
///              "OR" SP search-key SP search-key / "SENTBEFORE" SP date / "SENTON" SP date / "SENTSINCE" SP date /
///              "SMALLER" SP number64 / "UID" SP sequence-set / "UNDRAFT" / sequence-set /
///              "(" search-key *(SP search-key) ")"
/// search-key =/ "NEW" / "OLD" / "RECENT"                                            ; RFC 3501 §9
/// search-key =/ search-modsequence                                                  ; RFC 7162 §7
/// search-key =/ ("EMAILID" / "THREADID") SP objectid                             ; RFC 8474 §7
/// search-key =/ ("OLDER" / "YOUNGER") SP nz-number                                  ; RFC 5032 §3
/// search-key =/ "FUZZY" SP search-key                                               ; RFC 6203 §7
/// search-key =/ ("UIDAFTER" / "UIDBEFORE") SP uniqueid                              ; RFC 9738 §3.2
/// search-key =/ "FILTER" SP filter-name                                             ; RFC 5466 §4
/// search-key =/ "SAVEDBEFORE" SP date / "SAVEDON" SP date / "SAVEDSINCE" SP date / "SAVEDATESUPPORTED" ; RFC 8514 §5
/// ```
/// `depth`: how many parentheses, NOTs and ORs are around it.
fn search_key(cursor: &mut Cursor<'_>, depth: usize) -> Parsed<SearchKey> {
    use DateField::{Internal, Saved, Sent};
    use DateRelation::{Before, On, Since};
    if depth > cursor.settings.nesting {
        let limit = cursor.settings.nesting as u64;
        return Err(Error::limit(
            "search keys inside each other",
            limit,
            cursor.offset(),
        ));
    }
    match cursor.peek() {
        Some(b'(') => return list(cursor, depth),
        Some(b'0'..=b'9' | b'$') => return sequence_set(cursor).map(SearchKey::Sequence),
        // "*" is no ATOM-CHAR.
        Some(b'*') => return sequence_set(cursor).map(SearchKey::Sequence),
        _ => {}
    }
    const WHAT: &str = "a search key";
    let word = cursor.keyword(WHAT)?;
    Ok(match word.as_bytes() {
        b"ALL" => SearchKey::All,
        b"ANSWERED" => flag("\\Answered", true),
        b"DELETED" => flag("\\Deleted", true),
        b"DRAFT" => flag("\\Draft", true),
        b"FLAGGED" => flag("\\Flagged", true),
        b"SEEN" => flag("\\Seen", true),
        b"UNANSWERED" => flag("\\Answered", false),
        b"UNDELETED" => flag("\\Deleted", false),
        b"UNDRAFT" => flag("\\Draft", false),
        b"UNFLAGGED" => flag("\\Flagged", false),
        b"UNSEEN" => flag("\\Seen", false),
        b"KEYWORD" => keyword(cursor, true)?,
        b"UNKEYWORD" => keyword(cursor, false)?,
        b"NEW" => SearchKey::New,
        b"OLD" => SearchKey::Old,
        b"RECENT" => SearchKey::Recent,
        b"BEFORE" => on_date(cursor, Internal, Before)?,
        b"ON" => on_date(cursor, Internal, On)?,
        b"SINCE" => on_date(cursor, Internal, Since)?,
        b"SENTBEFORE" => on_date(cursor, Sent, Before)?,
        b"SENTON" => on_date(cursor, Sent, On)?,
        b"SENTSINCE" => on_date(cursor, Sent, Since)?,
        b"SAVEDBEFORE" => on_date(cursor, Saved, Before)?,
        b"SAVEDON" => on_date(cursor, Saved, On)?,
        b"SAVEDSINCE" => on_date(cursor, Saved, Since)?,
        // Every mailbox keeps save dates, so each message matches (RFC 8514 §4.3).
        b"SAVEDATESUPPORTED" => SearchKey::All,
        b"LARGER" => SearchKey::Larger(size(cursor)?),
        b"SMALLER" => SearchKey::Smaller(size(cursor)?),
        b"OLDER" => SearchKey::Older(interval(cursor)?),
        b"YOUNGER" => SearchKey::Younger(interval(cursor)?),
        b"FROM" | b"TO" | b"CC" | b"BCC" | b"SUBJECT" => SearchKey::Header {
            name: word.as_bytes().to_vec(),
            text: text(cursor)?,
        },
        b"HEADER" => {
            cursor.space()?;
            SearchKey::Header {
                name: cursor.astring("a header field name")?.into_owned(),
                text: text(cursor)?,
            }
        }
        b"BODY" => SearchKey::Body(text(cursor)?),
        b"TEXT" => SearchKey::Text(text(cursor)?),
        b"UID" => {
            cursor.space()?;
            SearchKey::Uid(sequence_set(cursor)?)
        }
        b"UIDAFTER" => match uid(cursor)?.checked_add(1) {
            Some(low) => uids(low, u32::MAX),
            None => nothing(),
        },
        b"UIDBEFORE" => match uid(cursor)? {
            1 => nothing(),
            uid => uids(1, uid - 1),
        },
        b"MODSEQ" => modseq(cursor)?,
        b"EMAILID" => SearchKey::EmailId(object_id(cursor)?),
        b"THREADID" => SearchKey::ThreadId(object_id(cursor)?),
        b"FILTER" => SearchKey::Filter(filter_name(cursor)?),
        b"FUZZY" => {
            cursor.space()?;
            SearchKey::Fuzzy(Box::new(search_key(cursor, depth + 1)?))
        }
        b"NOT" => {
            cursor.space()?;
            SearchKey::Not(Box::new(search_key(cursor, depth + 1)?))
        }
        b"OR" => {
            cursor.space()?;
            let left = search_key(cursor, depth + 1)?;
            cursor.space()?;
            let right = search_key(cursor, depth + 1)?;
            SearchKey::Or(Box::new(left), Box::new(right))
        }
        _ => return word.expected(WHAT),
    })
}

fn list(cursor: &mut Cursor<'_>, depth: usize) -> Parsed<SearchKey> {
    cursor.open()?;
    let mut keys = Vec::new();
    loop {
        keys.push(search_key(cursor, depth + 1)?);
        if cursor.eat(b')') {
            return Ok(in_parentheses(keys));
        }
        cursor.expect(b' ', "a space or \")\"")?;
    }
}

/// `filter-name = 1*<any ATOM-CHAR except "/">` (RFC 5466 §4)
fn filter_name(cursor: &mut Cursor<'_>) -> Parsed<String> {
    const WHAT: &str = "the name of a filter";
    cursor.space()?;
    let start = cursor.offset();
    let name = cursor.atom(WHAT)?;
    if name.contains('/') {
        return Err(Error::expected(WHAT, start));
    }
    Ok(name.to_owned())
}

fn flag(name: &str, set: bool) -> SearchKey {
    SearchKey::Flag {
        name: name.to_owned(),
        set,
    }
}

/// `flag-keyword = "$MDNSent" / … / atom`
fn keyword(cursor: &mut Cursor<'_>, set: bool) -> Parsed<SearchKey> {
    cursor.space()?;
    Ok(flag(cursor.atom("a keyword")?, set))
}

fn on_date(cursor: &mut Cursor<'_>, field: DateField, relation: DateRelation) -> Parsed<SearchKey> {
    cursor.space()?;
    Ok(SearchKey::Date {
        field,
        relation,
        date: date(cursor)?,
    })
}

/// `objectid = 1*255(ALPHA / DIGIT / "_" / "-")` (RFC 8474 §7)
fn object_id(cursor: &mut Cursor<'_>) -> Parsed<String> {
    cursor.space()?;
    let start = cursor.offset();
    let octets =
        cursor.while_octets(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-'));
    match std::str::from_utf8(octets) {
        Ok(id) if (1..=255).contains(&id.len()) => Ok(id.to_owned()),
        _ => Err(Error::expected(
            "an object id of at most 255 characters",
            start,
        )),
    }
}

fn size(cursor: &mut Cursor<'_>) -> Parsed<u64> {
    cursor.space()?;
    cursor.number64("a count of octets")
}

fn uid(cursor: &mut Cursor<'_>) -> Parsed<u32> {
    cursor.space()?;
    cursor.nz_number32("a UID")
}

/// Without "*": nothing below `low` is meant, whatever the last message is.
fn uids(low: u32, high: u32) -> SearchKey {
    SearchKey::Uid(SequenceSet::Ranges(vec![(
        Bound::Number(low),
        Bound::Number(high),
    )]))
}

fn nothing() -> SearchKey {
    SearchKey::Not(Box::new(SearchKey::All))
}

fn interval(cursor: &mut Cursor<'_>) -> Parsed<u64> {
    cursor.space()?;
    cursor.nz_number32("a count of seconds").map(u64::from)
}

fn text(cursor: &mut Cursor<'_>) -> Parsed<Vec<u8>> {
    cursor.space()?;
    Ok(cursor.astring("a string to look for")?.into_owned())
}

/// ```text
/// search-modsequence = "MODSEQ" [search-modseq-ext] SP mod-sequence-valzer
/// search-modseq-ext  = SP entry-name SP entry-type-req
/// entry-type-req     = entry-type-resp / "all"          entry-type-resp = "priv" / "shared"
/// ```
/// There is one MODSEQ per message, so the entry is ignored (RFC 7162 §3.1.5).
fn modseq(cursor: &mut Cursor<'_>) -> Parsed<SearchKey> {
    const TYPE: &str = "priv, shared or all";
    cursor.space()?;
    if cursor.peek() == Some(b'"') {
        let start = cursor.offset();
        let entry = cursor.string("an entry name in quotes")?;
        if !entry
            .get(..7)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"/flags/"))
        {
            return Err(Error::expected(
                "an entry name, as in \"/flags/\\\\Seen\"",
                start,
            ));
        }
        cursor.space()?;
        let word = cursor.keyword(TYPE)?;
        if !matches!(word.as_bytes(), b"PRIV" | b"SHARED" | b"ALL") {
            return word.expected(TYPE);
        }
        cursor.space()?;
    }
    cursor.number64("a MODSEQ").map(SearchKey::ModSeq)
}
