//! NOTIFY, and the mailboxes that it and ESEARCH are about.

use super::cursor::Cursor;
use super::fetch;
use super::search::search_arguments;
use crate::command::{Body, Mailbox, MultiSearch};
use crate::error::{Error, Parsed};
use crate::watch::{EventGroup, Filter, Notify};

/// More than anyone sends; each is looked at for each mailbox.
const MAX_FILTERS: usize = 64;
/// Events of one group. There are seven.
const MAX_EVENTS: usize = 32;

/// ```text
/// notify           = "NOTIFY" SP (notify-set / notify-none)
/// notify-set       = "SET" [status-indicator] SP event-groups
/// notify-none      = "NONE"
/// status-indicator = SP "STATUS"
/// event-groups     = event-group *(SP event-group)
/// ```
/// RFC 5465 §8
pub(super) fn notify(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    const WHAT: &str = "SET or NONE";
    cursor.space()?;
    let word = cursor.keyword(WHAT)?;
    match word.as_bytes() {
        b"NONE" => return Ok(Body::Notify(None)),
        b"SET" => {}
        _ => return word.expected(WHAT),
    }
    let status = cursor.eat_word(b" STATUS");
    let mut groups = Vec::new();
    loop {
        cursor.space()?;
        limited(groups.len(), "NOTIFY event groups", MAX_FILTERS, cursor)?;
        let start = cursor.offset();
        let group = event_group(cursor)?;
        if of_selected(&group.filter)
            && groups
                .iter()
                .any(|other: &EventGroup| of_selected(&other.filter))
        {
            return Err(Error::expected("SELECTED or SELECTED-DELAYED once", start));
        }
        groups.push(group);
        if cursor.rest().trim_ascii().is_empty() {
            return Ok(Body::Notify(Some(Notify { status, groups })));
        }
    }
}

fn of_selected(filter: &Filter) -> bool {
    matches!(filter, Filter::Selected | Filter::SelectedDelayed)
}

fn limited(count: usize, what: &'static str, most: usize, cursor: &Cursor<'_>) -> Parsed<()> {
    if count < most {
        return Ok(());
    }
    Err(Error::limit(what, most as u64, cursor.offset()))
}

/// ```text
/// event-group = "(" filter-mailboxes SP events ")"
/// events      = ( "(" event *(SP event) ")" ) / "NONE"
/// ```
/// MessageNew goes with MessageExpunge, FlagChange and AnnotationChange go with both (RFC 5465 §5); only message
/// events belong to the selected mailbox (§6.1), and only there attributes may be asked for (§8).
///
/// QUIRK_NOTIFY_EVENTS: the parentheses around the events may be missing, as in the example of RFC 5465 §3.1.
fn event_group(cursor: &mut Cursor<'_>) -> Parsed<EventGroup> {
    cursor.open()?;
    let start = cursor.offset();
    let filter = filter(cursor)?;
    if matches!(filter, Filter::SubtreeOne(_)) {
        return Err(Error::expected(FILTER, start));
    }
    cursor.space()?;
    let enclosed = cursor.eat(b'(');
    let start = cursor.offset();
    let selected = of_selected(&filter);
    let mut group = EventGroup {
        filter,
        events: Vec::new(),
        attributes: None,
    };
    if !enclosed && cursor.eat_word(b"NONE") {
        cursor.close()?;
        return Ok(group);
    }
    loop {
        limited(group.events.len(), "NOTIFY events", MAX_EVENTS, cursor)?;
        let event = cursor.atom("a NOTIFY event")?.to_ascii_uppercase();
        if event == "MESSAGENEW" && selected && cursor.eat_space_open() {
            group.attributes = Some(fetch::attributes_to_close(cursor)?);
        }
        if !group.events.contains(&event) {
            group.events.push(event);
        }
        if cursor.eat(b')') {
            break;
        }
        cursor.expect(b' ', "a space or \")\"")?;
    }
    if enclosed {
        cursor.close()?;
    }
    let has = |event: &str| group.events.iter().any(|other| other == event);
    let both = has("MESSAGENEW") && has("MESSAGEEXPUNGE");
    let some = [
        "MESSAGENEW",
        "MESSAGEEXPUNGE",
        "FLAGCHANGE",
        "ANNOTATIONCHANGE",
    ];
    if some.iter().any(|event| has(event)) && !both {
        return Err(Error::expected(
            "MessageNew and MessageExpunge together",
            start,
        ));
    }
    let other = [
        "MAILBOXNAME",
        "SUBSCRIPTIONCHANGE",
        "MAILBOXMETADATACHANGE",
        "SERVERMETADATACHANGE",
    ];
    if selected && other.iter().any(|event| has(event)) {
        return Err(Error::expected(
            "message events alone for the selected mailbox",
            start,
        ));
    }
    Ok(group)
}

const FILTER: &str =
    "SELECTED, SELECTED-DELAYED, INBOXES, PERSONAL, SUBSCRIBED, SUBTREE or MAILBOXES";

/// ```text
/// filter-mailboxes          = filter-mailboxes-selected / filter-mailboxes-other
/// filter-mailboxes-selected = "selected" / "selected-delayed"
/// filter-mailboxes-other    = "inboxes" / "personal" / "subscribed" / ( "subtree" SP one-or-more-mailbox ) /
///                             ( "mailboxes" SP one-or-more-mailbox )
/// filter-mailboxes-other    =/ ("subtree-one" SP one-or-more-mailbox)                ; RFC 7377 §4
/// ```
fn filter(cursor: &mut Cursor<'_>) -> Parsed<Filter> {
    let word = cursor.keyword(FILTER)?;
    Ok(match word.as_bytes() {
        b"SELECTED" => Filter::Selected,
        b"SELECTED-DELAYED" => Filter::SelectedDelayed,
        b"INBOXES" => Filter::Inboxes,
        b"PERSONAL" => Filter::Personal,
        b"SUBSCRIBED" => Filter::Subscribed,
        b"SUBTREE" => Filter::Subtree(names(cursor)?),
        b"SUBTREE-ONE" => Filter::SubtreeOne(names(cursor)?),
        b"MAILBOXES" => Filter::Mailboxes(names(cursor)?),
        _ => return word.expected(FILTER),
    })
}

/// ```text
/// one-or-more-mailbox = mailbox / many-mailboxes
/// many-mailboxes      = "(" mailbox *(SP mailbox) ")"
/// ```
fn names(cursor: &mut Cursor<'_>) -> Parsed<Vec<Mailbox>> {
    if !cursor.eat_space_open() {
        cursor.space()?;
        return Ok(vec![cursor.mailbox()?]);
    }
    let mut names = Vec::new();
    loop {
        names.push(cursor.mailbox()?);
        if cursor.eat(b')') {
            return Ok(names);
        }
        cursor.expect(b' ', "a space or \")\"")?;
    }
}

/// ```text
/// esearch             = "ESEARCH" [SP esearch-source-opts] [SP search-return-opts] SP search-program
/// esearch-source-opts = "IN" SP "(" source-mbox [SP "(" scope-options ")"] ")"
/// source-mbox         = filter-mailboxes *(SP filter-mailboxes)
/// ```
/// RFC 7377 §4; there are no scope options. QUIRK_UID_ESEARCH: the RFC's own example (§2) says UID ESEARCH, which means
/// the same.
pub(super) fn esearch(cursor: &mut Cursor<'_>) -> Parsed<Body> {
    let sources = if cursor.eat_word(b" IN (") {
        Some(sources(cursor)?)
    } else {
        None
    };
    let search = search_arguments(cursor, true)?;
    Ok(Body::MultiSearch(MultiSearch { sources, search }))
}

fn sources(cursor: &mut Cursor<'_>) -> Parsed<Vec<Filter>> {
    let mut sources = Vec::new();
    loop {
        limited(sources.len(), "ESEARCH sources", MAX_FILTERS, cursor)?;
        let start = cursor.offset();
        let source = filter(cursor)?;
        if source == Filter::SelectedDelayed {
            return Err(Error::expected("SELECTED (RFC 7377 §2.2)", start));
        }
        sources.push(source);
        if cursor.eat(b')') {
            return Ok(sources);
        }
        cursor.expect(b' ', "a space or \")\"")?;
    }
}
