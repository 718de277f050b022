"""What is counted of a process's requests to the store; attempts, not only what succeeded, for each has its price."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import partial

from lightmail.obs.metrics import Counts

OPERATIONS = (
    "put",
    "get",
    "head",
    "create_multipart",
    "upload_part",
    "complete_multipart",
    "abort_multipart",
    "delete",
    "list",
)


class S3Counts:
    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        """Sent, by operation; every attempt counts."""
        self.errors: Counter[str] = Counter()
        """Attempts without the answer that was asked for; an object that is not there is an answer."""
        self.retries: Counter[str] = Counter()
        self.seconds: defaultdict[str, float] = defaultdict(float)
        """From the request to the last octet of its answer; without waiting for a turn."""
        self.octets_in = 0
        """Of bodies and documents, read from the store."""
        self.octets_out = 0

    def told_with(self, counts: Counts) -> None:
        """Have these numbers told with all others."""
        by_operation: tuple[tuple[str, str, Mapping[str, float]], ...] = (
            ("s3_requests_total", "Requests sent to S3", self.requests),
            ("s3_errors_total", "Requests to S3 that failed", self.errors),
            ("s3_retries_total", "Requests to S3 sent again", self.retries),
            ("s3_seconds_total", "Time spent on requests to S3", self.seconds),
        )
        for name, help_text, counter in by_operation:
            for operation in OPERATIONS:
                counts.source(name, help_text, partial(_number, counter, operation), label=operation)
        help_text = "Octets of bodies exchanged with S3"
        counts.source("s3_octets_total", help_text, lambda: self.octets_in, label="in")
        counts.source("s3_octets_total", help_text, lambda: self.octets_out, label="out")


def _number(numbers: Mapping[str, float], operation: str) -> float:
    return numbers.get(operation, 0)
