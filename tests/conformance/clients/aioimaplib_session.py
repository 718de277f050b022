"""An ordinary session of aioimaplib, and what it is told while idle.

Connects as the environment says; whatever is not as it should be ends the program with an error.
"""

import asyncio
import os
import ssl

from aioimaplib import aioimaplib


def message(number: int) -> bytes:
    return f"From: aio <aio@example.org>\r\nSubject: aio {number}\r\n\r\ntext of {number}\r\n".encode()


async def connected() -> aioimaplib.IMAP4_SSL:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    client = aioimaplib.IMAP4_SSL(
        os.environ["IMAP_HOST"], int(os.environ["IMAPS_PORT"]), timeout=60, ssl_context=context
    )
    await client.wait_hello_from_server()
    assert (await client.login(os.environ["IMAP_USER"], os.environ["IMAP_PASSWORD"])).result == "OK"
    return client


async def main() -> None:
    client = await connected()
    assert client.has_capability("IDLE") and client.has_capability("UIDPLUS") and client.has_capability("MOVE")
    assert (await client.id(name="aioimaplib", version="2")).result == "OK"
    assert (await client.create("Aio")).result == "OK"
    for number in (1, 2, 3):
        answer = await client.append(message(number), "Aio", flags=r"\Seen" if number == 1 else None)
        assert answer.result == "OK" and b"APPENDUID" in answer.lines[-1], answer
    answer = await client.select("Aio")
    assert answer.result == "OK" and b"3 EXISTS" in answer.lines, answer
    assert (await client.search("UNSEEN")).lines[0] == b"2 3"
    assert (await client.uid_search("SUBJECT aio UID 2:*")).lines[0] == b"2 3"
    answer = await client.fetch("2", "(RFC822)")
    assert answer.lines[1] == message(2), answer
    answer = await client.uid("fetch", "1:3", "(FLAGS RFC822.SIZE)")
    assert [b"UID %d " % uid in line for uid, line in zip((1, 2, 3), answer.lines, strict=False)] == [True] * 3, answer
    assert (await client.uid("store", "3", r"+FLAGS (\Flagged)")).result == "OK"
    assert (await client.uid("copy", "3", "INBOX")).result == "OK"
    assert (await client.uid("move", "1", "INBOX")).result == "OK"
    assert b"MESSAGES 2" in (await client.status("INBOX", "(MESSAGES)")).lines[0]

    # another session appends while this one is idle
    idle = await client.idle_start(timeout=60)
    other = await connected()
    assert (await other.append(message(4), "Aio")).result == "OK"
    pushed = await client.wait_server_push(60)
    while b"3 EXISTS" not in pushed:
        pushed = await client.wait_server_push(60)
    client.idle_done()
    await asyncio.wait_for(idle, 60)
    assert (await other.logout()).result == "OK"

    assert (await client.store("1", r"+FLAGS (\Deleted)")).result == "OK"
    assert b"1 EXPUNGE" in (await client.expunge()).lines
    assert (await client.close()).result == "OK"
    assert (await client.rename("Aio", "Aio2")).result == "OK"
    assert (await client.delete("Aio2")).result == "OK"
    assert (await client.logout()).result == "OK"


asyncio.run(main())
