"""An ordinary session of IMAPClient, with TLS, CONDSTORE and IDLE.

Connects as the environment says; whatever is not as it should be ends the program with an error.
"""

import os
import ssl
from datetime import UTC, datetime

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError


def message(number: int) -> bytes:
    return (
        f"From: Ann <ann@example.org>\r\nSubject: =?utf-8?q?=C3=BCber?= {number}\r\n"
        f"Date: Mon, 1 Jan 2024 00:00:0{number} +0000\r\n"
        f"Message-ID: <imapclient-{number}@example.org>\r\n\r\ntext of {number}\r\n"
    ).encode()


def connected() -> IMAPClient:
    client = IMAPClient(os.environ["IMAP_HOST"], int(os.environ["IMAP_PORT"]), ssl=False, timeout=60)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    client.starttls(context)
    client.login(os.environ["IMAP_USER"], os.environ["IMAP_PASSWORD"])
    return client


with connected() as client, connected() as other:
    assert client.has_capability("UIDPLUS") and client.has_capability("IDLE")
    assert b"name" in client.id_({"name": "IMAPClient"})[0]
    personal, *_ = client.namespace()
    assert personal == (("", "/"),), personal
    client.create_folder("Büro/2024")
    client.subscribe_folder("Büro/2024")
    assert ("Büro/2024") in [name for _, _, name in client.list_folders()]
    assert ("Büro/2024") in [name for _, _, name in client.list_sub_folders()]
    assert client.find_special_folder(rb"\Trash") == "Trash"
    date = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    for number in range(1, 4):
        assert b"APPENDUID" in client.append("Büro/2024", message(number), [rb"\Seen"] if number == 1 else [], date)
    client.multiappend("Büro/2024", [message(4), {"msg": message(5), "flags": [rb"\Flagged"], "date": date}])
    chosen = client.select_folder("Büro/2024")
    assert chosen[b"EXISTS"] == 5 and chosen[b"UIDNEXT"] == 6 and chosen[b"HIGHESTMODSEQ"] > 0, chosen
    assert client.search(["UNSEEN", "UNFLAGGED"]) == [2, 3, 4]
    assert client.search(["SUBJECT", "über"], charset="UTF-8") == [1, 2, 3, 4, 5]
    assert client.search(["OR", "UID", "1", "NOT", ["SENTBEFORE", datetime(2024, 2, 1)]]) == [1]
    fetched = client.fetch(
        [1, 2, 3], ["FLAGS", "ENVELOPE", "BODYSTRUCTURE", "INTERNALDATE", "RFC822.SIZE", "BODY.PEEK[]"]
    )
    assert sorted(fetched) == [1, 2, 3]
    assert fetched[2][b"BODY[]"] == message(2) and fetched[2][b"RFC822.SIZE"] == len(message(2))
    assert fetched[2][b"ENVELOPE"].message_id == b"<imapclient-2@example.org>"
    assert fetched[1][b"FLAGS"] and fetched[1][b"BODYSTRUCTURE"][0] == b"text"
    modseq = client.fetch([3], ["MODSEQ"])[3][b"MODSEQ"][0]
    assert client.add_flags([2], [b"$Forwarded", rb"\Answered"])[2]
    assert sorted(client.fetch(client.search(), ["FLAGS"], [f"CHANGEDSINCE {modseq}"]))[-1] == 5
    assert 2 in client.fetch(client.search(), ["FLAGS"], [f"CHANGEDSINCE {modseq}"])
    assert rb"\Answered" not in client.set_flags([2], [b"$Work"])[2]
    client.copy([1, 2], "INBOX")
    client.move([3], "INBOX")
    assert client.folder_status("INBOX", ["MESSAGES", "UNSEEN"]) == {b"MESSAGES": 3, b"UNSEEN": 2}
    client.idle()
    other.append("Büro/2024", message(6))
    told = []
    while (5, b"EXISTS") not in told:
        told += client.idle_check(timeout=60)
        assert told, "nothing was told within a minute"
    client.idle_done()
    client.delete_messages([4])
    client.uid_expunge([4])
    assert client.search() == [1, 2, 5, 6]
    client.unselect_folder()
    client.rename_folder("Büro/2024", "Archive/Büro")
    client.delete_folder("Archive/Büro")
    with pytest.raises(IMAPClientError, match="NONEXISTENT"):
        client.select_folder("Archive/Büro")
