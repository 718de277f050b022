"""Bodies in an S3 bucket."""

from __future__ import annotations

from lightmail.backends.s3.blobs import S3Blobs
from lightmail.backends.s3.check import check

__all__ = ["S3Blobs", "check"]
