//! Search keys as a client writes them (RFC 9051 §9 `search-key`).

use super::string::{astring, quoted};
use crate::command::SortCriterion;
use crate::date::MONTHS;
use crate::search::{Date, DateField, DateRelation, SearchKey, SearchProgram};

/// `search-program`
pub fn search_program(program: &SearchProgram, out: &mut Vec<u8>) {
    if let Some(charset) = &program.charset {
        out.extend_from_slice(b"CHARSET ");
        astring(charset.as_bytes(), false, out);
        out.push(b' ');
    }
    keys(&program.key, out);
}

/// `sort-criteria`
pub fn sort_criteria(criteria: &[SortCriterion], out: &mut Vec<u8>) {
    for (index, criterion) in criteria.iter().enumerate() {
        out.push(if index == 0 { b'(' } else { b' ' });
        if criterion.reverse {
            out.extend_from_slice(b"REVERSE ");
        }
        out.extend_from_slice(criterion.key.as_str().as_bytes());
    }
    out.push(b')');
}

/// `search-criteria` (RFC 5256 §5); a program without a charset is UTF-8.
pub fn search_criteria(program: &SearchProgram, out: &mut Vec<u8>) {
    let charset = program.charset.as_deref().unwrap_or("UTF-8");
    astring(charset.as_bytes(), false, out);
    out.push(b' ');
    keys(&program.key, out);
}

fn keys(key: &SearchKey, out: &mut Vec<u8>) {
    match key {
        SearchKey::And(keys) => side_by_side(keys, out),
        key => search_key(key, out),
    }
}

fn side_by_side(keys: &[SearchKey], out: &mut Vec<u8>) {
    for (index, key) in keys.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        search_key(key, out);
    }
}

/// As deep as the nesting that the grammar allowed.
fn search_key(key: &SearchKey, out: &mut Vec<u8>) {
    match key {
        SearchKey::All => out.extend_from_slice(b"ALL"),
        SearchKey::New => out.extend_from_slice(b"NEW"),
        SearchKey::Old => out.extend_from_slice(b"OLD"),
        SearchKey::Recent => out.extend_from_slice(b"RECENT"),
        SearchKey::Flag { name, set } => {
            if !set {
                out.extend_from_slice(b"UN");
            }
            match name.strip_prefix('\\') {
                Some(system) => out.extend(system.bytes().map(|octet| octet.to_ascii_uppercase())),
                None => word_and(b"KEYWORD", name.as_bytes(), out),
            }
        }
        SearchKey::Date {
            field,
            relation,
            date,
        } => on_date(*field, *relation, *date, out),
        SearchKey::Larger(octets) => number(b"LARGER", *octets, out),
        SearchKey::Smaller(octets) => number(b"SMALLER", *octets, out),
        SearchKey::Younger(seconds) => number(b"YOUNGER", *seconds, out),
        SearchKey::Older(seconds) => number(b"OLDER", *seconds, out),
        SearchKey::ModSeq(modseq) => number(b"MODSEQ", *modseq, out),
        SearchKey::Header { name, text } => {
            out.extend_from_slice(b"HEADER ");
            astring(name, false, out);
            out.push(b' ');
            quoted(text, false, out);
        }
        SearchKey::Body(text) => {
            out.extend_from_slice(b"BODY ");
            quoted(text, false, out);
        }
        SearchKey::Text(text) => {
            out.extend_from_slice(b"TEXT ");
            quoted(text, false, out);
        }
        SearchKey::EmailId(id) => word_and(b"EMAILID", id.as_bytes(), out),
        SearchKey::ThreadId(id) => word_and(b"THREADID", id.as_bytes(), out),
        SearchKey::Filter(name) => word_and(b"FILTER", name.as_bytes(), out),
        SearchKey::Sequence(set) => out.extend_from_slice(set.to_string().as_bytes()),
        SearchKey::Uid(set) => word_and(b"UID", set.to_string().as_bytes(), out),
        SearchKey::Fuzzy(key) => {
            out.extend_from_slice(b"FUZZY ");
            search_key(key, out);
        }
        SearchKey::Not(key) => {
            out.extend_from_slice(b"NOT ");
            search_key(key, out);
        }
        SearchKey::Or(left, right) => {
            out.extend_from_slice(b"OR ");
            search_key(left, out);
            out.push(b' ');
            search_key(right, out);
        }
        SearchKey::And(keys) => {
            out.push(b'(');
            side_by_side(keys, out);
            out.push(b')');
        }
    }
}

fn word_and(word: &[u8], argument: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(word);
    out.push(b' ');
    out.extend_from_slice(argument);
}

fn number(word: &[u8], number: u64, out: &mut Vec<u8>) {
    word_and(word, number.to_string().as_bytes(), out);
}

fn on_date(field: DateField, relation: DateRelation, date: Date, out: &mut Vec<u8>) {
    let field = match field {
        DateField::Internal => "",
        DateField::Sent => "SENT",
        DateField::Saved => "SAVED",
    };
    let relation = match relation {
        DateRelation::Before => "BEFORE",
        DateRelation::On => "ON",
        DateRelation::Since => "SINCE",
    };
    let month = MONTHS[usize::from(date.month.clamp(1, 12)) - 1];
    out.extend_from_slice(
        format!("{field}{relation} {}-{month}-{:04}", date.day, date.year).as_bytes(),
    );
}
