"""Every condition has one answer (RFC 9051 §7.1, RFC 5530)."""

from __future__ import annotations

import inspect
import re

import pytest
import structlog

from lightmail import errors
from lightmail._core import CorePanic
from lightmail._core.index import BadCharset, BadSet
from lightmail._core.mime import UnknownEncoding
from lightmail.imap.replies import Done
from lightmail.imap.response_codes import CODES, CostsConnection, printable, refusal

NOT_OF_IMAP = {
    errors.UserNotFound,
    errors.UserExists,
    errors.AddressInvalid,
    errors.ConfigError,
    errors.DataFolderLocked,
    errors.MigrationFailed,
    errors.AppPasswordExists,
    errors.AppPasswordNotFound,
    errors.MigrationRefused,
    errors.PasswordHashUnusable,
    errors.SchemaMismatch,
    errors.StoreNotEmpty,
    errors.TokenRefused,
    errors.WorkerFailed,
}
"""Conditions that no IMAP command can meet; should one all the same, it is answered without a code."""


def answer(error: Exception) -> Done:
    return refusal(error, command="NOOP", user="ann@example.org")


def test_every_condition_has_a_code() -> None:
    conditions = {
        value
        for _, value in inspect.getmembers(errors, inspect.isclass)
        if issubclass(value, errors.LightMailError)
        and value not in (errors.LightMailError, errors.UserError, errors.SystemFault)
    }
    assert conditions - NOT_OF_IMAP == {kind for kind in CODES if issubclass(kind, errors.LightMailError)}


@pytest.mark.parametrize(
    ("error", "wire"),
    [
        (errors.MailboxNotFound("x"), b"NO [NONEXISTENT] no mailbox 'x'\r\n"),
        (errors.MailboxExists("x"), b"NO [ALREADYEXISTS] mailbox 'x' exists already\r\n"),
        (errors.TooBig(11, 10), b"NO [TOOBIG] a message of 11 octets is too big: the limit is 10\r\n"),
        (errors.LimitExceeded("keywords", 59), b"NO [LIMIT] keywords: the limit is 59\r\n"),
        (errors.PrivacyRequired(), b"NO [PRIVACYREQUIRED] a plaintext password needs TLS first\r\n"),
        (errors.UserNotFound("x"), b"NO no user 'x'\r\n"),
        (errors.FilterNotFound("x"), b"NO [UNDEFINED-FILTER x] no filter 'x'\r\n"),
        (errors.FilterCharset("x"), b"BAD [BADCHARSET (US-ASCII UTF-8)] filters are in UTF-8, not in x\r\n"),
        (BadSet("no message 9"), b"BAD no message 9\r\n"),
        (BadCharset("x"), b"NO [BADCHARSET (US-ASCII UTF-8)] x\r\n"),
        (UnknownEncoding("x"), b"NO [UNKNOWN-CTE] x\r\n"),
    ],
)
def test_what_the_user_did_is_told(error: Exception, wire: bytes) -> None:
    assert answer(error).wire == wire


@pytest.mark.parametrize(
    ("error", "beginning"),
    [
        (errors.Unavailable("db1.internal:3306"), rb"NO \[UNAVAILABLE\] Temporarily not available"),
        (errors.NeedsOperator("db1.internal:3306", "ask root"), rb"NO \[UNAVAILABLE\] Temporarily not available"),
        (errors.StoreReadOnly("db1.internal:3306"), rb"NO \[UNAVAILABLE\] Temporarily not available"),
        (errors.OutcomeUnknown("db1.internal:3306"), rb"NO \[UNAVAILABLE\] Temporarily not available"),
        (errors.BodyMissing(17), rb"NO \[UNAVAILABLE\] A message cannot be read"),
        (errors.BodyCorrupt(17, "frame 3"), rb"NO \[CORRUPTION\] A message cannot be read"),
        (errors.SchemaMismatch(1, 2), rb"NO \[SERVERBUG\] Internal error"),
        (KeyError("mailboxes.uid_next"), rb"NO \[SERVERBUG\] Internal error"),
    ],
)
def test_what_the_system_did_is_told_as_an_id_and_logged(error: Exception, beginning: bytes) -> None:
    with structlog.testing.capture_logs() as logged:
        done = refusal(error, command="FETCH", user="ann@example.org")
    match = re.fullmatch(beginning + rb" \[([0-9a-f]{8})\]\r\n", done.wire)
    assert match, done.wire
    assert logged[0]["fault_id"] == match[1].decode()
    assert logged[0]["error"] == str(error)
    assert logged[0]["command"] == "FETCH" and logged[0]["user"] == "ann@example.org"


def test_what_is_away_costs_one_line_and_a_fault_its_traceback() -> None:
    with structlog.testing.capture_logs() as logged:
        answer(errors.Unavailable("db1.internal:3306"))
        fault = KeyError("mailboxes.uid_next")
        answer(fault)
    assert [line["log_level"] for line in logged] == ["warning", "error"]
    assert "exc_info" not in logged[0] and logged[1]["exc_info"] is fault


def test_a_panic_leaves_no_answer() -> None:
    with pytest.raises(CostsConnection) as cost:
        answer(CorePanic("attempt to subtract with overflow"))
    assert cost.value.code == b"SERVERBUG" and "subtract" not in cost.value.text


@pytest.mark.parametrize(
    ("text", "told"),
    [("plain", "plain"), ("two\r\nlines", "two??lines"), ("Ärger", "\\xc4rger"), ("\0", "?"), ("x" * 999, "x" * 400)],
)
def test_text_cannot_break_out_of_its_line(text: str, told: str) -> None:
    assert printable(text) == told
