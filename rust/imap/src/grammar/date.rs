//! `date` and `date-time`.

use super::cursor::Cursor;
use crate::date::{days_from_date, month_days, DateTime, MONTHS};
use crate::error::{Error, Parsed};
use crate::search::Date;

/// ```text
/// date      = date-text / DQUOTE date-text DQUOTE
/// date-text = date-day "-" date-month "-" date-year
/// date-day  = 1*2DIGIT
/// ```
pub(super) fn date(cursor: &mut Cursor<'_>) -> Parsed<Date> {
    let quoted = cursor.eat(b'"');
    let start = cursor.offset();
    let two = cursor.rest().get(1).is_some_and(u8::is_ascii_digit);
    let day = cursor.fixed_digits(if two { 2 } else { 1 }, "a day of the month")?;
    let date = month_and_year(cursor, day, start)?;
    if quoted {
        cursor.expect(b'"', "a closing quote")?;
    }
    Ok(date)
}

/// ```text
/// date-time      = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
/// date-day-fixed = (SP DIGIT) / 2DIGIT
/// time           = 2DIGIT ":" 2DIGIT ":" 2DIGIT
/// zone           = ("+" / "-") 4DIGIT
/// ```
/// A second of 60, a leap second, is the first of the next minute.
///
/// QUIRK_SHORT_DAY: the space before one digit may be missing. Horde writes `"1-Jan-2024 …"` in APPEND.
pub(super) fn date_time(cursor: &mut Cursor<'_>) -> Parsed<DateTime> {
    const TIME: &str = "a time, as in 02:44:25";
    const ZONE: &str = "a zone, as in -0700";
    cursor.expect(b'"', "a date and time in quotes")?;
    let start = cursor.offset();
    let one = cursor.eat(b' ') || cursor.rest().get(1) == Some(&b'-');
    let day = cursor.fixed_digits(if one { 1 } else { 2 }, "a day of the month")?;
    let date = month_and_year(cursor, day, start)?;
    cursor.space()?;
    let at = cursor.offset();
    let hour = cursor.fixed_digits(2, TIME)?;
    cursor.expect(b':', TIME)?;
    let minute = cursor.fixed_digits(2, TIME)?;
    cursor.expect(b':', TIME)?;
    let second = cursor.fixed_digits(2, TIME)?;
    if hour > 23 || minute > 59 || second > 60 {
        return Err(Error::expected(TIME, at));
    }
    cursor.space()?;
    let at = cursor.offset();
    let east = cursor.eat(b'+');
    if !east {
        cursor.expect(b'-', ZONE)?;
    }
    let hours = cursor.fixed_digits(2, ZONE)?;
    let minutes = cursor.fixed_digits(2, ZONE)?;
    if hours > 23 || minutes > 59 {
        return Err(Error::expected(ZONE, at));
    }
    cursor.expect(b'"', "a closing quote")?;
    let zone = (hours * 60 + minutes) as i32 * if east { 1 } else { -1 };
    let local = days_from_date(date) * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    Ok(DateTime {
        seconds: local - i64::from(zone) * 60,
        zone_minutes: zone,
    })
}

/// `"-" date-month "-" date-year`, after a day that stood at `start`; the day must be one of the month.
fn month_and_year(cursor: &mut Cursor<'_>, day: u32, start: usize) -> Parsed<Date> {
    const DATE: &str = "a date, as in 17-Jul-1996";
    cursor.expect(b'-', DATE)?;
    let Some(month) = MONTHS
        .iter()
        .position(|name| cursor.eat_word(name.as_bytes()))
    else {
        return cursor.expected("a month, as in Jul");
    };
    cursor.expect(b'-', DATE)?;
    let year = cursor.fixed_digits(4, "a year in four digits")? as u16;
    let month = month as u8 + 1;
    if day < 1 || day > u32::from(month_days(year, month)) {
        return Err(Error::expected("a day of that month", start));
    }
    Ok(Date {
        year,
        month,
        day: day as u8,
    })
}
