"""What can go wrong between us and an S3 store, as two exceptions that stay in this package, and one that leaves it.

    Refused   it answered, and the answer is no: a status and S3's error code
    Broken    no answer, or no whole one: connections, deadlines, damage on the way; another attempt may do better

Source: "Error responses" in the Amazon S3 API reference.
"""

from __future__ import annotations

from lightmail.errors import NeedsOperator, Unavailable

_PASSING = frozenset({429, 500, 502, 503, 504})
_PASSING_CODES = frozenset(
    {
        "BadDigest",
        "ExpiredToken",
        "IncompleteBody",
        "InternalError",
        "OperationAborted",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "XAmzContentSHA256Mismatch",
    }
)
_KEYS = "check s3.access_key, s3.secret_key and s3.region"
_REGION = "set s3.region"
_CLOCK = "set the clock of this machine"
_ROOM = "make room in it, or raise its quota"
_CAUSES = {
    "AccessDenied": ("access is denied", "allow the key what docs/production.md lists"),
    "AccountProblem": ("the store has a problem with its account", "see the console of the store"),
    "AuthorizationHeaderMalformed": ("the bucket is in another region", _REGION),
    "BadDigest": ("octets were damaged on their way to it", ""),
    "EntityTooSmall": ("s3.part_octets is smaller than the store takes", "raise s3.part_octets"),
    "ExpiredToken": ("the credentials have expired", ""),
    "IncompleteBody": ("octets were lost on their way to it", ""),
    "InvalidAccessKeyId": ("the access key is not known to it", _KEYS),
    "InvalidBucketName": ("no bucket can have this name", "correct storage.bodies"),
    "NoSuchBucket": ("the bucket does not exist", "make it, or correct its name in storage.bodies"),
    "PermanentRedirect": ("the bucket is in another region", _REGION),
    "QuotaExceeded": ("its quota is used up", _ROOM),
    "RequestTimeTooSkewed": ("its clock and ours differ by more than it allows", _CLOCK),
    "SignatureDoesNotMatch": ("the secret key or the region is wrong", _KEYS),
    "SlowDown": ("too many requests for it", ""),
    "XAmzContentSHA256Mismatch": ("octets were damaged on their way to it", ""),
    "XMinioStorageFull": ("it is full", _ROOM),
}
"""For people, and what they can do."""
CERTIFICATE = "renew its certificate, or set s3.ca"
NO_CREDENTIALS = "set s3.access_key and s3.secret_key, or give this machine a role"


class Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        """code: S3's word for it, "" when the answer had none. message: for the log, may name buckets and hosts."""
        super().__init__(f"{status} {code}: {message}" if code else f"status {status}")
        self.status = status
        self.code = code
        self.message = message

    @property
    def cause(self) -> str:
        """For people; names no host, bucket or key."""
        return self._cause[0]

    @property
    def way_out(self) -> str:
        return self._cause[1]

    @property
    def _cause(self) -> tuple[str, str]:
        code = self.code if self.code in _CAUSES or self.status != 403 else "AccessDenied"
        return _CAUSES.get(code) or (f"it answers {self.code or self.status}", "")

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in _PASSING or self.code in _PASSING_CODES

    @property
    def missing(self) -> bool:
        """No such object; HEAD's answers have no code."""
        return self.status == 404 and self.code in ("", "NoSuchKey", "NotFound")


class Broken(Exception):
    def __init__(self, cause: str, *, hopeless: bool = False, way_out: str = "") -> None:
        """cause: for people; names no host. hopeless: it stays so until somebody changes something."""
        super().__init__(cause)
        self.cause = cause
        self.passing = not hopeless
        self.way_out = way_out


def unavailable(fault: Refused | Broken) -> Unavailable:
    kind = NeedsOperator if fault.way_out and not fault.passing else Unavailable
    return kind(f"the body store ({fault.cause})", fault.way_out)
