//! APPEND without its message; with it see `tests/append.rs`.

use crate::fails;

#[test]
fn append_needs_a_literal() {
    const MESSAGE: &str = "a message as a literal";
    assert_eq!(fails("APPEND x \"foo\""), ("a day of the month", 10));
    assert_eq!(fails("APPEND x foo"), (MESSAGE, 9));
    assert_eq!(fails("APPEND x (\\Seen) foo"), (MESSAGE, 17));
    assert_eq!(fails("APPEND x (\\Seen)"), ("a space", 16));
    assert_eq!(fails("APPEND x"), ("a space", 8));
    assert_eq!(fails("APPEND"), ("a space", 6));
}

#[test]
fn replace_needs_one_number_and_a_literal() {
    // RFC 8508 §5
    const MESSAGE: &str = "a message as a literal";
    const ONE: &str = "the number of one message";
    assert_eq!(fails("REPLACE 4 Drafts foo"), (MESSAGE, 17));
    assert_eq!(fails("UID REPLACE * Drafts foo"), (MESSAGE, 21));
    assert_eq!(fails("REPLACE 1:2 Drafts foo"), (ONE, 8));
    assert_eq!(fails("REPLACE 1,2 Drafts foo"), (ONE, 8));
    assert_eq!(fails("UID REPLACE $ Drafts foo"), (ONE, 12));
}

#[test]
fn dates_of_append() {
    const TIME: &str = "a time, as in 02:44:25";
    for (date, what, at) in [
        ("17-Jul-1996 02:44:25", "a space", 20),
        ("x7-Jul-1996 02:44:25 -0700", "a day of the month", 0),
        ("  7-Jul-1996 02:44:25 -0700", "a day of the month", 1),
        ("31-Jun-1996 02:44:25 -0700", "a day of that month", 0),
        ("17-Jul-1996 24:44:25 -0700", TIME, 12),
        ("17-Jul-1996 02:44:61 -0700", TIME, 12),
        ("17-Jul-1996 2:44:51 -0700", TIME, 12),
        ("17-Jul-1996 02:44:25 0700", "a zone, as in -0700", 21),
        ("17-Jul-1996 02:44:25 -0760", "a zone, as in -0700", 21),
    ] {
        assert_eq!(
            fails(&format!("APPEND x \"{date}\" x")),
            (what, 10 + at),
            "{date}"
        );
    }
}
