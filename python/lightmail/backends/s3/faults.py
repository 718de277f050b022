"""What can go wrong between us and an S3 store, as two exceptions that stay in this package, and one that leaves it.

    Refused   it answered, and the answer is no: a status and S3's error code
    Broken    no answer, or no whole one: connections, deadlines, damage on the way; another attempt may do better

Source: "Error responses" in the Amazon S3 API reference.
"""

from __future__ import annotations

from lightmail.errors import Unavailable

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
_CAUSES = {
    "AccessDenied": "access is denied",
    "AccountProblem": "the store has a problem with its account",
    "AuthorizationHeaderMalformed": "the bucket is in another region",
    "BadDigest": "octets were damaged on their way to it",
    "EntityTooSmall": "s3.part_octets is smaller than the store takes",
    "ExpiredToken": "the credentials have expired",
    "IncompleteBody": "octets were lost on their way to it",
    "InvalidAccessKeyId": "the access key is not known to it",
    "InvalidBucketName": "no bucket can have this name",
    "NoSuchBucket": "the bucket does not exist",
    "PermanentRedirect": "the bucket is in another region",
    "QuotaExceeded": "its quota is used up",
    "RequestTimeTooSkewed": "its clock and ours differ by more than it allows",
    "SignatureDoesNotMatch": "the secret key or the region is wrong",
    "SlowDown": "too many requests for it",
    "XAmzContentSHA256Mismatch": "octets were damaged on their way to it",
    "XMinioStorageFull": "it is full",
}


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
        if self.code in _CAUSES:
            return _CAUSES[self.code]
        if self.status == 403:
            return _CAUSES["AccessDenied"]
        return f"it answers {self.code or self.status}"

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in _PASSING or self.code in _PASSING_CODES

    @property
    def missing(self) -> bool:
        """No such object; HEAD's answers have no code."""
        return self.status == 404 and self.code in ("", "NoSuchKey", "NotFound")


class Broken(Exception):
    def __init__(self, cause: str, *, hopeless: bool = False) -> None:
        """cause: for people; names no host. hopeless: it stays so until somebody changes the configuration."""
        super().__init__(cause)
        self.cause = cause
        self.passing = not hopeless


def unavailable(fault: Refused | Broken) -> Unavailable:
    return Unavailable(f"the body store ({fault.cause})")
