"""Certificates of an authority of the test's own, renewed or expired at will, under file names that stay the same."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import trustme


class Certificate:
    """For localhost and 127.0.0.1. Servers read the files again when they are told to, or when they are restarted."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._authority = trustme.CA()
        self.file = folder / "cert.pem"
        self.key = folder / "key.pem"
        self.ca = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(str(self.ca))
        self.renew()

    def renew(self, *, days: float = 30) -> None:
        """A new one, valid for so long."""
        now = dt.datetime.now(dt.UTC)
        issued = self._authority.issue_cert(
            "localhost",
            "127.0.0.1",
            not_before=now - dt.timedelta(days=60),
            not_after=now + dt.timedelta(days=days),
        )
        self.key.write_bytes(issued.private_key_pem.bytes())
        self.file.write_bytes(issued.cert_chain_pems[0].bytes())

    def expire(self) -> None:
        """One that was valid until yesterday."""
        self.renew(days=-1)
