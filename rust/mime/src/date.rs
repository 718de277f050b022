//! Date fields (RFC 5322 §3.3, §4.3), and what else senders write into them.

use crate::tokens::{Token, Tokens};

/// A point in time and the zone it was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    /// Seconds since 1970 UTC.
    pub seconds: i64,
    /// Minutes east of UTC.
    pub zone_minutes: i32,
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// Zone names with a meaning (RFC 5322 §4.3) in hours; all others are as good as "-0000".
const ZONES: [(&str, i32); 20] = [
    ("ut", 0),
    ("utc", 0),
    ("gmt", 0),
    ("z", 0),
    ("wet", 0),
    ("bst", 1),
    ("cet", 1),
    ("met", 1),
    ("mez", 1),
    ("cest", 2),
    ("eet", 2),
    ("msk", 3),
    ("est", -5),
    ("edt", -4),
    ("cst", -6),
    ("cdt", -5),
    ("mst", -7),
    ("mdt", -6),
    ("pst", -8),
    ("pdt", -7),
];

/// Reads a date. value: folds undone. None when there is no day, month and year in it.
///
/// Takes the orders `1 Jan 2024`, `Jan 1 2024` (also with the time before the year) and `2024-01-01`, with or without
/// name of the day, time and zone.
pub fn parse(value: &[u8]) -> Option<Date> {
    let mut words = Words::default();
    let mut tokens = Tokens::new(value, |octet| matches!(octet, b'(' | b',' | b'"'));
    // Blanks and comments may stand around the colons of a time (RFC 5322 §4.3).
    let mut pending: Vec<u8> = Vec::new();
    // No date has more than a dozen words.
    for _ in 0..24 {
        match tokens.next_no_comment() {
            None => break,
            Some(Token::Atom(word)) if pending.ends_with(b":") || word.starts_with(b":") => {
                pending.extend_from_slice(word);
            }
            Some(Token::Atom(word)) => words.take(&std::mem::replace(&mut pending, word.to_vec())),
            Some(_) => {}
        }
    }
    words.take(&pending);
    words.date()
}

#[derive(Default)]
struct Words {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    seconds: Option<i64>,
    zone: Option<i32>,
}

impl Words {
    fn take(&mut self, word: &[u8]) {
        if self.seconds.is_some() && self.zone.is_none() && self.day.is_some() {
            if let Some(zone) = zone(word) {
                self.zone = Some(zone);
                return;
            }
        }
        if let Some(seconds) = time(word) {
            if self.seconds.is_none() {
                self.seconds = Some(seconds);
            }
        } else if let Some(month) = month(word) {
            self.month.get_or_insert(month);
        } else if let Some(number) = digits(word) {
            self.number(number, word.len());
        } else {
            self.joined(word);
        }
    }

    fn number(&mut self, number: i64, digits: usize) {
        if digits <= 2 && self.day.is_none() {
            self.day = Some(number);
        } else if self.year.is_none() && self.day.is_some() {
            // RFC 5322 §4.3: two digits below 50 mean 20xx, others and three digits 19xx.
            self.year = Some(match digits {
                0..=2 if number < 50 => 2000 + number,
                0..=3 => 1900 + number,
                _ => number,
            });
        }
    }

    /// `1-Jan-2024`, `2024-01-01`, `2024-01-01T12:34:56Z`.
    fn joined(&mut self, word: &[u8]) {
        let (date, clock) = match memchr::memchr2(b'T', b't', word) {
            Some(at) if at >= 8 => (&word[..at], Some(&word[at + 1..])),
            _ => (word, None),
        };
        let mut pieces = date.split(|octet| matches!(octet, b'-' | b'/'));
        let (Some(first), Some(second), Some(third), None) =
            (pieces.next(), pieces.next(), pieces.next(), pieces.next())
        else {
            return;
        };
        if self.day.is_some() || self.year.is_some() {
            return;
        }
        match (digits(first), month(second), digits(second), digits(third)) {
            (Some(day), Some(month), _, Some(year)) if first.len() <= 2 => {
                self.day = Some(day);
                self.month = Some(month);
                self.number(year, third.len());
            }
            (Some(year), _, Some(month), Some(day)) if first.len() == 4 => {
                (self.year, self.month, self.day) = (Some(year), Some(month), Some(day));
            }
            _ => return,
        }
        if let Some(clock) = clock {
            let end = clock
                .iter()
                .position(|octet| matches!(octet, b'Z' | b'z' | b'+' | b'-'))
                .unwrap_or(clock.len());
            self.seconds = time(&clock[..end]);
            self.zone = zone(&clock[end..]);
        }
    }

    fn date(&self) -> Option<Date> {
        let (year, month, day) = (self.year?, self.month?, self.day?);
        let real = (0..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day);
        let zone_minutes = self.zone.unwrap_or(0);
        real.then(|| Date {
            seconds: days(year, month, day) * 86400 + self.seconds.unwrap_or(0)
                - i64::from(zone_minutes) * 60,
            zone_minutes,
        })
    }
}

fn digits(word: &[u8]) -> Option<i64> {
    let fits = !word.is_empty() && word.len() <= 9 && word.iter().all(u8::is_ascii_digit);
    fits.then(|| {
        word.iter()
            .fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))
    })
}

fn month(word: &[u8]) -> Option<i64> {
    let start = word.get(..3)?;
    let index = MONTHS
        .iter()
        .position(|name| name.as_bytes().eq_ignore_ascii_case(start))?;
    word.iter()
        .all(|octet| octet.is_ascii_alphabetic() || *octet == b'.')
        .then_some(index as i64 + 1)
}

/// `12:34`, `12:34:56`, `12:34:56.789`; also with dots between hours, minutes and seconds.
fn time(word: &[u8]) -> Option<i64> {
    let separator = if memchr::memchr(b':', word).is_some() {
        b':'
    } else {
        b'.'
    };
    let mut pieces = word.split(|octet| *octet == separator);
    let hours = digits(pieces.next()?)?;
    let minutes = digits(pieces.next()?)?;
    let seconds = match pieces.next() {
        None if separator == b'.' => return None,
        None => 0,
        Some(piece) => digits(piece.split(|octet| matches!(octet, b'.' | b',')).next()?)?,
    };
    (hours < 24 && minutes < 60 && seconds <= 60).then_some(hours * 3600 + minutes * 60 + seconds)
}

/// `+0100`, `-01:30`, `GMT+1`, a name. None when the word is no zone.
fn zone(word: &[u8]) -> Option<i32> {
    let letters = word
        .iter()
        .take_while(|octet| octet.is_ascii_alphabetic())
        .count();
    let (name, offset) = word.split_at(letters);
    if let Some((sign @ (b'+' | b'-'), number)) = offset.split_first() {
        if !name.is_empty() && !is_utc(name) {
            return None;
        }
        let plain: Vec<u8> = number
            .iter()
            .copied()
            .filter(|octet| *octet != b':')
            .collect();
        let value = i32::try_from(digits(&plain)?).ok()?;
        let minutes = match plain.len() {
            1 | 2 => value * 60,
            3 | 4 => value / 100 * 60 + value % 100,
            _ => return Some(0),
        };
        // Beyond a day it is no zone.
        let minutes = if minutes < 24 * 60 { minutes } else { 0 };
        return Some(if *sign == b'-' { -minutes } else { minutes });
    }
    if name.is_empty() || !offset.is_empty() || month(name).is_some() {
        return None;
    }
    let known = ZONES
        .iter()
        .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
    Some(known.map_or(0, |(_, hours)| hours * 60))
}

fn is_utc(name: &[u8]) -> bool {
    ["ut", "utc", "gmt"]
        .iter()
        .any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1 January 1970, in the Gregorian calendar: years begin in March, so that the leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}
