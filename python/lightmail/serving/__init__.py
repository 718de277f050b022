"""From an open mail store to processes that serve it: sockets, signals, certificates, an orderly end."""

from lightmail.serving.single import serve
from lightmail.serving.store import OpenStore, Started, Store

__all__ = ["OpenStore", "Started", "Store", "serve"]
