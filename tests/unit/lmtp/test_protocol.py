"""The LMTP machine: the transcripts of the RFCs, then what they leave to us."""

from __future__ import annotations

import pytest

from lightmail.lmtp import replies
from lightmail.lmtp.events import Limits, MessageEnded, MessageStarted, Sender
from lightmail.lmtp.grammar import NULL_PATH, Path
from lightmail.lmtp.protocol import OutOfTurn
from lightmail.lmtp.replies import Reply
from tests.unit.lmtp.driver import ENVELOPE, LHLO, Driver


def jones_is_unknown(path: Path) -> Reply | None:
    return replies.NO_SUCH_USER if path.local == "jones" else None


def test_the_example_of_rfc_2033_4_2() -> None:
    driver = Driver(recipient=jones_is_unknown, deliver=lambda _: [replies.DELIVERED, replies.OVER_QUOTA])
    assert driver.send(b"LHLO foo.edu\r\n") == (
        b"250-mx.example\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n"
        b"250-SIZE 100000\r\n250-CHUNKING\r\n250 SMTPUTF8\r\n"
    )
    assert driver.send(b"MAIL FROM:<chris@bar.com>\r\n") == b"250 2.1.0 sender OK\r\n"
    assert driver.send(b"RCPT TO:<pat@foo.edu>\r\n") == b"250 2.1.5 recipient OK\r\n"
    assert driver.send(b"RCPT TO:<jones@foo.edu>\r\n") == b"550 5.1.1 no such user here\r\n"
    assert driver.send(b"RCPT TO:<green@foo.edu>\r\n") == b"250 2.1.5 recipient OK\r\n"
    assert driver.send(b"DATA\r\n") == b"354 end the message with <CR LF>.<CR LF>\r\n"
    assert driver.send(b"Blah blah blah...\r\n...etc. etc. etc.\r\n.\r\n") == (
        b"250 2.1.5 delivered\r\n552 5.2.2 the mailbox is full\r\n"
    )
    assert driver.send(b"QUIT\r\n") == b"221 2.0.0 bye\r\n"
    assert driver.messages == [b"Blah blah blah...\r\n..etc. etc. etc.\r\n"]
    assert driver.recipients == ["pat@foo.edu", "green@foo.edu"]
    assert driver.closed


def test_pipelined_as_in_rfc_2920_3_2() -> None:
    """The whole dialogue in one go, and the next transaction behind it."""
    driver = Driver(recipient=jones_is_unknown)
    transaction = (
        b"MAIL FROM:<mrw@dbc.example>\r\n"
        b"RCPT TO:<a@x.example>\r\nRCPT TO:<jones@x.example>\r\nRCPT TO:<a@x.example>\r\n"
        b"DATA\r\nSubject: one\r\n\r\n.\r\n"
    )
    codes = driver.send_codes(LHLO + transaction + transaction + b"QUIT\r\n")
    assert codes == [250] * 7 + [250, 250, 550, 250, 354, 250, 250] * 2 + [221]
    assert driver.messages == [b"Subject: one\r\n\r\n"] * 2


def test_a_recipient_twice_gets_two_replies() -> None:
    """RFC 2033 §4.2: one reply for each successful RCPT, even for the same forward-path."""
    driver = Driver()
    driver.send(ENVELOPE + b"RCPT TO:<pat@foo.edu>\r\nDATA\r\n")
    assert driver.send_codes(b"x\r\n.\r\n") == [250, 250]


def test_data_without_a_recipient_is_503() -> None:
    """RFC 2033 §4.2."""
    driver = Driver(recipient=jones_is_unknown)
    driver.send(LHLO + b"MAIL FROM:<>\r\nRCPT TO:<jones@foo.edu>\r\n")
    assert driver.send(b"DATA\r\n") == b"503 5.5.1 no valid recipients\r\n"
    assert driver.send_codes(b"RCPT TO:<pat@foo.edu>\r\nDATA\r\n") == [250, 354]


@pytest.mark.parametrize("verb", [b"HELO", b"EHLO", b"ehlo"])
def test_helo_and_ehlo_are_500(verb: bytes) -> None:
    """RFC 2033 §4.1."""
    assert Driver().send_codes(verb + b" client.example\r\n") == [500]


def test_chunks_as_in_rfc_3030_4_2() -> None:
    driver = Driver()
    driver.send(ENVELOPE)
    assert driver.send(b"BDAT 10\r\n0123456789") == b"250 2.0.0 10 octets received\r\n"
    assert driver.send_codes(b"BDAT 5\r\nabc") == []
    assert driver.send_codes(b"\r\n") == [250]
    assert driver.send(b"BDAT 0 LAST\r\n") == b"250 2.1.5 delivered\r\n"
    assert driver.messages == [b"0123456789abc\r\n"]
    assert driver.send_codes(b"BDAT 2 LAST\r\nxyMAIL FROM:<>\r\n") == [503, 250]


def test_last_chunk_answers_each_recipient() -> None:
    """RFC 2033 §4.3."""
    driver = Driver(deliver=lambda _: [replies.OVER_QUOTA, replies.DELIVERED])
    driver.send(ENVELOPE + b"RCPT TO:<green@foo.edu>\r\n")
    assert driver.send_codes(b"BDAT 3 last\r\n.\r\n") == [552, 250]
    assert driver.messages == [b".\r\n"]


def test_data_and_bdat_do_not_mix() -> None:
    """RFC 3030 §2."""
    driver = Driver()
    driver.send(ENVELOPE + b"BDAT 1\r\nx")
    assert driver.send_codes(b"DATA\r\n") == [503]
    assert driver.send_codes(b"RCPT TO:<late@foo.edu>\r\n") == [503]
    assert driver.send_codes(b"RSET\r\n") == [250]
    assert (driver.aborted, driver.message) == (1, None)
    assert driver.send_codes(b"MAIL FROM:<>\r\n") == [250]


def test_refused_chunks_are_swallowed() -> None:
    """RFC 3030 §2: the octets come whatever we say, and are no commands."""
    driver = Driver(recipient=jones_is_unknown)
    assert driver.send_codes(LHLO + b"BDAT 6\r\nQUIT\r\nNOOP\r\n") == [250] * 7 + [503, 250]
    driver.send(b"MAIL FROM:<>\r\nRCPT TO:<jones@foo.edu>\r\n")
    assert driver.send_codes(b"BDAT 6 LAST\r\nQUIT\r\n") == [503]
    assert not driver.closed


@pytest.mark.parametrize("size", [b"", b" x", b" -1", b" 1 LAST 2", b" 1e3", b" 99999999999999999999", b" 0x10"])
def test_a_chunk_size_nobody_can_read_ends_the_connection(size: bytes) -> None:
    driver = Driver()
    driver.send(ENVELOPE)
    assert driver.send_codes(b"BDAT" + size + b"\r\nMAIL FROM:<smuggled@evil.example>\r\n") == [501, 421]
    assert driver.closed


def test_a_chunk_beyond_all_measure_is_swallowed_without_being_held() -> None:
    driver = Driver(limits=Limits(message_octets=1000, recipients=1))
    driver.send(ENVELOPE + b"BDAT 9999999999999999999 LAST\r\n")
    for _ in range(100):
        assert driver.send(b"x" * 10_000) == b""
        assert driver.machine.buffered_octets == 0
    assert driver.aborted == 1


def test_sizes() -> None:
    """RFC 1870 §6: declared too big is refused at MAIL, turned out too big after the data; §5: dots do not count."""
    driver = Driver(limits=Limits(message_octets=10, recipients=2))
    assert driver.send(LHLO + b"MAIL FROM:<> SIZE=11\r\n").endswith(b"552 5.3.4 the message is too big\r\n")
    assert driver.send_codes(b"MAIL FROM:<> SIZE=10\r\n") == [250]
    driver.send(b"RCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n")
    assert driver.send_codes(b"..45678\r\n\r\n.\r\n") == [250, 250]
    assert driver.messages == [b".45678\r\n\r\n"]
    driver.send(b"MAIL FROM:<>\r\nRCPT TO:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\n")
    assert driver.send_codes(b"123456789\r\nMAIL FROM:<>\r\n.\r\n") == [552, 552]
    assert driver.aborted == 1
    driver.send(b"MAIL FROM:<>\r\nRCPT TO:<a@x>\r\n")
    assert driver.send_codes(b"BDAT 11\r\n12345678901BDAT 1\r\n2BDAT 1 LAST\r\n3NOOP\r\n") == [552, 552, 552, 250]
    assert len(driver.messages) == 1


def test_an_empty_message_is_refused() -> None:
    driver = Driver()
    driver.send(ENVELOPE + b"RCPT TO:<b@x>\r\nDATA\r\n")
    assert driver.send_codes(b".\r\n") == [554, 554]
    driver.send(b"MAIL FROM:<>\r\nRCPT TO:<a@x>\r\n")
    assert driver.send_codes(b"BDAT 0 LAST\r\n") == [554]
    assert (driver.aborted, driver.messages) == (2, [])


def test_octets_are_kept_as_they_come() -> None:
    message = b"A: b\r\n\r\nnul \x00 high \xff bare \r cr \n lf\r\n" + b"x" * 5000 + b"\r\n"
    driver = Driver()
    driver.send(ENVELOPE + b"DATA\r\n" + message + b".\r\n")
    assert driver.messages == [message]


def test_the_sender_reaches_the_shell() -> None:
    driver = Driver()
    driver.send(LHLO + "MAIL FROM:<päivi@exämple> BODY=8BITMIME SIZE=20 SMTPUTF8\r\n".encode() + b"RCPT TO:<a@x>\r\n")
    driver.send(b"DATA\r\nx\r\n.\r\n")
    sender = Sender(Path("päivi", "exämple", "päivi@exämple"), size_octets=20, utf8=True)
    assert MessageStarted(sender) in driver.events
    driver.send(b"MAIL FROM:<>\r\nRCPT TO:<a@x>\r\nDATA\r\nx\r\n.\r\n")
    assert MessageStarted(Sender(NULL_PATH)) in driver.events


def test_addresses_beyond_ascii_need_smtputf8() -> None:
    """RFC 6531 §3.5."""
    driver = Driver()
    assert driver.send(LHLO + "MAIL FROM:<ä@x>\r\n".encode()).splitlines()[-1].startswith(b"550 5.6.7 ")
    driver.send(b"MAIL FROM:<>\r\n")
    assert driver.send("RCPT TO:<ä@x>\r\n".encode()).startswith(b"553 5.6.7 ")
    assert driver.send(b"RCPT TO:<\xe4@x>\r\n").startswith(b"501 5.1.3 ")


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"MAIL", b"501 5.5.4"),
        (b"MAIL FROM:", b"501 5.1.7"),
        (b"MAIL FROM:a@b", b"501 5.1.7"),
        (b"MAIL FROM:<a@b", b"501 5.1.7"),
        (b"MAIL FROM:<a b@c>", b"501 5.1.7"),
        (b"MAIL FROM:<a\x00b@c>", b"501 5.1.7"),
        (b"MAIL FROM:<a@b>SIZE=3", b"501 5.5.4"),
        (b"MAIL FROM:<a@b> SIZE=x", b"501 5.5.4"),
        (b"MAIL FROM:<a@b> SIZE=1 SIZE=1", b"501 5.5.4"),
        (b"MAIL FROM:<a@b> SIZE", b"501 5.5.4"),
        (b"MAIL FROM:<a@b> BODY=BINARYMIME", b"501 5.5.4"),
        (b"MAIL FROM:<a@b> SMTPUTF8=1", b"501 5.5.4"),
        (b"MAIL FROM:<a@b> RET=HDRS", b"555 5.5.4"),
        (b"MAIL FROM:<a@b> =", b"501 5.5.4"),
        (b"RCPT TO:<a@b>", b"503 5.5.1"),
        (b"DATA", b"503 5.5.1"),
        (b"LHLO", b"501 5.5.4"),
        (b"LHLO \xff", b"501 5.5.4"),
        (b"LHLO a b", b"501 5.5.4"),
        (b"QUIT now", b"501 5.5.4"),
        (b"RSET now", b"501 5.5.4"),
        (b"VRFY", b"501 5.5.4"),
        (b"VRFY pat", b"252 2.5.0"),
        (b"EXPN list", b"502 5.5.1"),
        (b"HELP", b"214 2.0.0"),
        (b"NOOP whatever", b"250 2.0.0"),
        (b"", b"500 5.5.2"),
        (b" ", b"500 5.5.2"),
        (b"STARTTLS", b"500 5.5.2"),
        (b"\x80\x81\xff", b"500 5.5.2"),
    ],
)
def test_one_line_one_reply(line: bytes, reply: bytes) -> None:
    driver = Driver()
    driver.send(LHLO)
    answer = driver.send(line + b"\r\n")
    assert answer.startswith(reply)
    assert answer.count(b"\r\n") == 1
    assert driver.send(b"RSET\r\n") == b"250 2.0.0 OK\r\n"


@pytest.mark.parametrize(
    ("argument", "local", "domain"),
    [
        ("<a@b.example>", "a", "b.example"),
        (" <a@b.example>", "a", "b.example"),
        ("<@relay.example,@other.example:a@b.example>", "a", "b.example"),
        ('<"a b"@b.example>', "a b", "b.example"),
        (r'<"a\"b"@b.example>', 'a"b', "b.example"),
        ('<"a@c"@b.example>', "a@c", "b.example"),
        ("<postmaster>", "postmaster", ""),
        ("<a..b.@docomo.example>", "a..b.", "docomo.example"),
        ("<a@[192.0.2.1]>", "a", "[192.0.2.1]"),
        ("<a@[IPv6:2001:db8::1]>", "a", "[IPv6:2001:db8::1]"),
        ("<a+detail@b_c.example>", "a+detail", "b_c.example"),
    ],
)
def test_paths(argument: str, local: str, domain: str) -> None:
    """RFC 5321 §4.1.2; source routes are ignored (appendix C)."""
    paths: list[Path] = []
    driver = Driver(recipient=paths.append)
    driver.send(LHLO + b"MAIL FROM:<>\r\n")
    assert driver.send_codes(b"rcpt to:" + argument.encode() + b"\r\n") == [250]
    assert [(path.local, path.domain) for path in paths] == [(local, domain)]


@pytest.mark.parametrize("parameters", [b" NOTIFY=NEVER", b" ORCPT=rfc822;a@b"])
def test_unknown_recipient_parameters_are_555(parameters: bytes) -> None:
    """RFC 5321 §4.1.1.11."""
    driver = Driver()
    driver.send(LHLO + b"MAIL FROM:<>\r\n")
    assert driver.send_codes(b"RCPT TO:<a@b>" + parameters + b"\r\n") == [555]


def test_order_of_commands() -> None:
    """RFC 5321 §4.1.4."""
    driver = Driver()
    assert driver.send_codes(b"MAIL FROM:<>\r\n") == [503]
    driver.send(LHLO)
    assert driver.send_codes(b"MAIL FROM:<>\r\nMAIL FROM:<>\r\n") == [250, 503]
    driver.send(b"RCPT TO:<a@x>\r\n")
    driver.send(LHLO)
    assert driver.send_codes(b"DATA\r\n") == [503]


def test_recipients_beyond_the_limit_wait_for_the_next_transaction() -> None:
    """RFC 5321 §4.5.3.1.10."""
    driver = Driver(limits=Limits(message_octets=100, recipients=2))
    driver.send(ENVELOPE)
    assert driver.send_codes(b"RCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\nDATA\r\n") == [250, 452, 354]
    assert driver.send_codes(b"x\r\n.\r\n") == [250, 250]


def test_a_line_feed_alone_ends_no_command() -> None:
    driver = Driver()
    assert driver.send_codes(b"LHLO a\nNOOP\r\n") == [500, 250]


def test_an_endless_line_is_not_held() -> None:
    driver = Driver()
    assert driver.send(b"NOOP " + b"x" * 5000) == b"500 5.5.6 the command line is too long\r\n"
    for _ in range(50):
        assert driver.send(b"y" * 100_000) == b""
        assert driver.machine.buffered_octets == 0
    assert driver.send_codes(b"z\r\nNOOP\r\n") == [250]


def test_a_long_line_in_small_pieces_is_not_held() -> None:
    driver = Driver()
    answers = b"".join(driver.send(b"x") for _ in range(10_000))
    assert answers == b"500 5.5.6 the command line is too long\r\n"
    assert driver.machine.buffered_octets == 0


def test_the_longest_line_is_obeyed() -> None:
    assert Driver().send_codes(b"NOOP " + b"x" * (4096 - 7) + b"\r\n") == [250]
    assert Driver().send_codes(b"NOOP " + b"x" * (4096 - 6) + b"\r\n") == [500]


def test_too_many_errors_end_the_connection() -> None:
    driver = Driver()
    codes = driver.send_codes(b"BOGUS\r\n" * 100)
    assert codes == [500] * 21 + [421]
    assert driver.closed


@pytest.mark.parametrize("message", [b"DATA\r\n", b"BDAT 1 LAST\r\nx"])
def test_messages_to_nobody_who_is_left_are_no_errors(message: bytes) -> None:
    """Who sends the whole transaction at once cannot know that no recipient is accepted, as while the storage is away."""
    driver = Driver(recipient=lambda _: replies.UNAVAILABLE)
    driver.send(LHLO)
    transaction = b"MAIL FROM:<>\r\nRCPT TO:<pat@foo.edu>\r\n" + message + b"RSET\r\n"
    assert driver.send_codes(transaction * 50) == [250, 451, 503, 250] * 50


def test_a_browser_is_not_a_client() -> None:
    """A form that posts to this port would carry commands in its body."""
    driver = Driver()
    body = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nLHLO x\r\nMAIL FROM:<>\r\n"
    assert driver.send_codes(body) == [421]
    assert driver.closed


def test_quit_in_the_middle_of_chunks_closes() -> None:
    driver = Driver()
    driver.send(ENVELOPE + b"BDAT 1\r\nx")
    assert not driver.machine.is_idle
    assert driver.send_codes(b"QUIT\r\nNOOP\r\n") == [221]
    assert driver.closed


def test_storage_that_fails_is_told_after_the_data() -> None:
    driver = Driver()
    driver.send(ENVELOPE + b"RCPT TO:<b@x>\r\nDATA\r\nx")
    driver.machine.fail_message(replies.UNAVAILABLE)
    assert driver.send_codes(b"y\r\n.\r\n") == [451, 451]
    assert not any(isinstance(event, MessageEnded) for event in driver.events)
    driver.message = None
    assert driver.send_codes(b"MAIL FROM:<>\r\nRCPT TO:<a@x>\r\nDATA\r\nz\r\n.\r\n") == [250, 250, 354, 250]


def test_the_shell_must_answer_in_turn() -> None:
    driver = Driver()
    machine = driver.machine
    machine.feed(LHLO + b"MAIL FROM:<>\r\nRCPT TO:<a@x>\r\nNOOP\r\n")
    assert machine.next_event() is not None
    with pytest.raises(OutOfTurn):
        machine.next_event()
    with pytest.raises(OutOfTurn):
        machine.delivered([])
    machine.accept_recipient()
    with pytest.raises(OutOfTurn):
        machine.accept_recipient()


def test_the_server_closes() -> None:
    driver = Driver()
    driver.machine.close(replies.SHUTTING_DOWN)
    driver.machine.close(replies.SHUTTING_DOWN)
    assert driver.send(b"NOOP\r\n") == bytes(replies.SHUTTING_DOWN)


def test_every_reply_carries_a_status_of_its_class() -> None:
    """RFC 2034 §4."""
    known = [reply for reply in vars(replies).values() if isinstance(reply, Reply)]
    assert len(known) > 20
    for reply in known:
        assert reply.code == 354 or reply.status[0] == str(reply.code)[0]
