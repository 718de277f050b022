"""Bodies of a distant store kept on this node's disk: bounded, evicting, shared by its workers, disposable."""

from lightmail.backends.nodecache.blobs import CachedBlobs

__all__ = ["CachedBlobs"]
