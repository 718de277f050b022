"""`make test-telnet`: a plain-text session with a running server, printed to be read.

Exits 1 when an answer is not as it should be.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.support.server import LightMailServer
from tests.support.wire import Wire

MESSAGE = (
    "From: Ada <ada@example.org>\r\nTo: Charles <charles@example.org>\r\nSubject: A note\r\n"
    "Date: Mon, 1 Jan 2024 12:00:00 +0000\r\nMessage-ID: <note@example.org>\r\n\r\nIt works.\r\n"
)

SESSION = [
    "CAPABILITY",
    "LOGIN {user} {password}",
    'LIST "" "*"',
    "SELECT INBOX",
    f"APPEND INBOX (\\Flagged) {{{{{len(MESSAGE)}+}}}}\r\n{MESSAGE}",
    "NOOP",
    "FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)",
    "FETCH 1 BODY[]",
    'SEARCH SUBJECT "note" UNDELETED',
    "STORE 1 +FLAGS (\\Deleted)",
    "EXPUNGE",
    "STATUS INBOX (MESSAGES UIDNEXT HIGHESTMODSEQ)",
    "LOGOUT",
]


def show(mark: str, octets: bytes) -> None:
    for line in octets.decode("utf-8", "backslashreplace").split("\r\n"):
        print(f"{mark} {line}")


def main() -> int:
    with (
        tempfile.TemporaryDirectory(prefix="lightmail-telnet-") as folder,
        LightMailServer(Path(folder) / "data") as server,
    ):
        user, password = server.add_user("ada@example.org")
        host, port = server.address("imap")
        print(f"$ telnet {host} {port}")
        wire = Wire((host, port))
        greeting = wire.response()
        show("S:", greeting or b"(nothing)")
        failed = not (greeting or b"").startswith(b"* OK")
        for number, text in enumerate(SESSION, start=1):
            command = f"a{number} {text.format(user=user, password=password)}".encode()
            shown = command.replace(password.encode(), b"********")
            show("C:", shown)
            wire.send(command + b"\r\n")
            while (response := wire.response()) is not None:
                show("S:", response)
                if response.startswith(b"a%d " % number):
                    failed |= not response.startswith(b"a%d OK" % number)
                    break
            else:
                failed = True
        wire.close()
    print("the session failed" if failed else "every command was answered OK")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
