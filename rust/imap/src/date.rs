//! Dates of the wire: `date-time` as seconds and a zone, and back (RFC 9051 §9).

use crate::search::Date;

/// Month names as the grammar spells them.
pub const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The first second of year 0 and the last one of year 9999, of which `date-year = 4DIGIT` can speak.
const SPEAKABLE: (i64, i64) = (-62_167_219_200, 253_402_300_799);

const DAY_S: i64 = 86_400;

/// A moment, and the zone it is told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime {
    /// Seconds since 1970 in UTC.
    pub seconds: i64,
    /// Minutes east of Greenwich.
    pub zone_minutes: i32,
}

/// Days of a month.
pub const fn month_days(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar.
///
/// Years are counted from March so that the leap day is the last of its year; 400 of them have 146,097 days.
pub const fn days_from_date(date: Date) -> i64 {
    let year = date.year as i64 - if date.month <= 2 { 1 } else { 0 };
    let month = (date.month as i64 + 9) % 12;
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + date.day as i64 - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_from_date`], for years 0 to 9999.
pub const fn date_from_days(days: i64) -> Date {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + if month <= 2 { 1 } else { 0 };
    Date {
        year: year as u16,
        month: month as u8,
        day: day as u8,
    }
}

/// `date-time` with its quotes: `"17-Jul-1996 02:44:25 -0700"`.
///
/// A moment outside the years 0 to 9999 is told as the nearest one inside, a zone of a day or more as UTC.
pub fn format_date_time(moment: DateTime) -> String {
    let zone = if moment.zone_minutes.unsigned_abs() < 24 * 60 {
        moment.zone_minutes
    } else {
        0
    };
    let local = moment
        .seconds
        .saturating_add(i64::from(zone) * 60)
        .clamp(SPEAKABLE.0, SPEAKABLE.1);
    let date = date_from_days(local.div_euclid(DAY_S));
    let second = local.rem_euclid(DAY_S);
    format!(
        "\"{:02}-{}-{:04} {:02}:{:02}:{:02} {}{:02}{:02}\"",
        date.day,
        MONTHS[usize::from(date.month) - 1],
        date.year,
        second / 3600,
        second / 60 % 60,
        second % 60,
        if zone < 0 { '-' } else { '+' },
        zone.abs() / 60,
        zone.abs() % 60,
    )
}
