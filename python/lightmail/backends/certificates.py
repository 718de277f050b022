"""What is wrong with a server's certificate, in words for the operator; for all backends that speak TLS."""

from __future__ import annotations

import ssl


def certificate_problem(error: BaseException | None) -> str:
    """Of an error, or of what it was raised from: "its certificate is not accepted: certificate has expired"; "" when
    it was something else.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        # aiohttp's own error is one by inheritance only.
        if isinstance(error, ssl.SSLCertVerificationError) and hasattr(error, "verify_message"):
            return f"its certificate is not accepted: {error.verify_message.rstrip('.')}"
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return ""
