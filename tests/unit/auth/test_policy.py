"""Where a plaintext password may be sent."""

from __future__ import annotations

import pytest

from lightmail.auth.policy import plaintext_allowed


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        (None, True),
        ("192.0.2.1", False),
        ("::ffff:192.0.2.1", False),
        ("fe80::1%eth0", False),
        ("2001:db8::1", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_policy(host: str | None, loopback: bool) -> None:
    assert plaintext_allowed("loopback", tls=False, host=host) is loopback
    assert plaintext_allowed("loopback", tls=True, host=host)
    assert plaintext_allowed("always", tls=False, host=host)
    assert plaintext_allowed("never", tls=True, host=host)
    assert not plaintext_allowed("never", tls=False, host=host)
