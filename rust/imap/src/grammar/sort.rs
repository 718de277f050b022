//! SORT.

use super::cursor::Cursor;
use super::search::{relevancy_needs_fuzzy, search_criteria, search_return_opts};
use crate::command::{Body, Search, Sort, SortCriterion, SortKey};
use crate::error::{Error, Parsed};

/// ```text
/// sort           = "SORT" [search-return-opts] SP sort-criteria SP search-criteria
/// sort-criteria  = "(" sort-criterion *(SP sort-criterion) ")"
/// ```
/// RFC 5256 §5, RFC 5267 §5
pub(super) fn sort(cursor: &mut Cursor<'_>, uid: bool) -> Parsed<Body> {
    let (returns, partial, update) = search_return_opts(cursor)?;
    cursor.space()?;
    cursor.open()?;
    let mut criteria: Vec<SortCriterion> = Vec::new();
    loop {
        let criterion = sort_criterion(cursor)?;
        // A key that was compared already decides nothing more.
        if criteria.iter().all(|known| known.key != criterion.key) {
            criteria.push(criterion);
        }
        if cursor.eat(b')') {
            break;
        }
        cursor.expect(b' ', "a space or \")\"")?;
    }
    cursor.space()?;
    let program = search_criteria(cursor)?;
    relevancy_needs_fuzzy(cursor, returns.as_deref(), &program)?;
    let by_relevancy = |criterion: &SortCriterion| criterion.key == SortKey::Relevancy;
    if criteria.iter().any(by_relevancy) && !program.is_fuzzy() {
        return Err(Error::expected(
            "a FUZZY key with RELEVANCY",
            cursor.offset(),
        ));
    }
    let search = Search {
        uid,
        returns,
        partial,
        update,
        program,
    };
    Ok(Body::Sort(Sort { criteria, search }))
}

/// ```text
/// sort-criterion = ["REVERSE" SP] sort-key
/// sort-key       = "ARRIVAL" / "CC" / "DATE" / "FROM" / "SIZE" / "SUBJECT" / "TO"
/// sort-key       =/ "DISPLAYFROM" / "DISPLAYTO"                                      ; RFC 5957 §5
/// sort-key       =/ "RELEVANCY"                                                      ; RFC 6203 §7
/// ```
fn sort_criterion(cursor: &mut Cursor<'_>) -> Parsed<SortCriterion> {
    const WHAT: &str = "a sort key";
    let reverse = cursor.eat_word(b"REVERSE ");
    let word = cursor.keyword(WHAT)?;
    match SortKey::from_word(word.as_bytes()) {
        Some(key) => Ok(SortCriterion { key, reverse }),
        None => word.expected(WHAT),
    }
}
