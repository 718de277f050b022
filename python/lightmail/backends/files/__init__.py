"""Bodies as files in a folder."""

from __future__ import annotations

from lightmail.backends.files.blobs import FileBlobs

__all__ = ["FileBlobs"]
