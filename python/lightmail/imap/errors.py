"""Conditions that only a connection knows."""

from __future__ import annotations


class ResponseBroken(Exception):
    """A response has been begun that cannot be finished; whatever is written next would be read as its octets.

    The connection is dropped at once, with neither a tagged response nor BYE (law 10).
    """


class ConnectionLost(Exception):
    """The client is gone; nothing that is written can be sent any more."""
