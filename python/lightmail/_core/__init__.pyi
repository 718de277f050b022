"""The Rust extension: everything that touches many octets or many messages.

Every call takes whole things and returns whole things. Bad input raises the typed
errors named in each docstring; a panic inside raises `CorePanic`, which costs the
one connection that caused it (law 8).
"""

from . import frames as frames
from . import imap as imap
from . import index as index
from . import mime as mime

__version__: str

class CorePanic(RuntimeError):
    """A bug in the extension, caught at the boundary."""
