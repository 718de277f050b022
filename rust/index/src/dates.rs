//! INTERNALDATE onto the wire.

use lightmail_imap::date::{date_from_days, format_date_time, DateTime, MONTHS};

const DAY_S: i64 = 86_400;

/// Writes `date-time` as [`format_date_time`] does, many times: messages that follow each other share their day.
#[derive(Debug, Clone, Default)]
pub struct DateWriter {
    /// A day since 1970, and ` 2-Jan-2024 ` as it is written.
    day: Option<(i64, [u8; 12])>,
}

impl DateWriter {
    /// Appends `"17-Jul-1996 02:44:25 -0700"` with its quotes (RFC 9051 §9 `date-time`).
    pub fn write(&mut self, out: &mut Vec<u8>, seconds: i64, zone_minutes: i16) {
        let local = seconds.saturating_add(i64::from(zone_minutes) * 60);
        let zone = zone_minutes.unsigned_abs();
        // Years that have four digits, and need no care.
        if !(0..=4_102_444_799).contains(&local) || zone >= 24 * 60 {
            let moment = DateTime {
                seconds,
                zone_minutes: i32::from(zone_minutes),
            };
            out.extend_from_slice(format_date_time(moment).as_bytes());
            return;
        }
        let (day, second) = (local / DAY_S, local % DAY_S);
        let date = match self.day {
            Some((known, text)) if known == day => text,
            _ => {
                let text = day_text(day);
                self.day = Some((day, text));
                text
            }
        };
        let mut text = *b"\"dd-Mmm-yyyy hh:mm:ss +hhmm\"";
        text[1..13].copy_from_slice(&date);
        text[13..15].copy_from_slice(&two_digits(second / 3600));
        text[16..18].copy_from_slice(&two_digits(second / 60 % 60));
        text[19..21].copy_from_slice(&two_digits(second % 60));
        text[22] = if zone_minutes < 0 { b'-' } else { b'+' };
        text[23..25].copy_from_slice(&two_digits(i64::from(zone / 60)));
        text[25..27].copy_from_slice(&two_digits(i64::from(zone % 60)));
        out.extend_from_slice(&text);
    }
}

fn day_text(day: i64) -> [u8; 12] {
    let date = date_from_days(day);
    let mut text = *b"dd-Mmm-yyyy ";
    text[..2].copy_from_slice(&two_digits(i64::from(date.day)));
    let month = MONTHS
        .get(usize::from(date.month).wrapping_sub(1))
        .unwrap_or(&MONTHS[0]);
    text[3..6].copy_from_slice(&month.as_bytes()[..3]);
    text[7..9].copy_from_slice(&two_digits(i64::from(date.year / 100)));
    text[9..11].copy_from_slice(&two_digits(i64::from(date.year % 100)));
    text
}

/// value: below 100.
fn two_digits(value: i64) -> [u8; 2] {
    [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_same_as_one_by_one(
            moments in proptest::collection::vec(
                prop_oneof![
                    (-100i64..5_000_000_000, -900i16..900),
                    (1_700_000_000i64..1_700_200_000, Just(60)),
                    (any::<i64>(), any::<i16>()),
                ],
                1..20,
            ),
        ) {
            let mut writer = DateWriter::default();
            for (seconds, zone) in moments {
                let mut out = Vec::new();
                writer.write(&mut out, seconds, zone);
                let moment = DateTime { seconds, zone_minutes: i32::from(zone) };
                prop_assert_eq!(String::from_utf8(out).unwrap(), format_date_time(moment));
            }
        }
    }

    #[test]
    fn the_example_of_the_rfc() {
        let mut out = Vec::new();
        DateWriter::default().write(&mut out, 837_596_665, -420);
        assert_eq!(out, b"\"17-Jul-1996 02:44:25 -0700\"");
    }
}
