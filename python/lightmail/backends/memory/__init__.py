"""The readable reference: what each port means, in dictionaries. For tests; nothing survives the process."""

from __future__ import annotations

from lightmail.backends.memory.blobs import MemoryBlobs
from lightmail.backends.memory.directory import MemoryDirectory
from lightmail.backends.memory.metadata import MemoryMetadata
from lightmail.backends.memory.sessions import MemorySessions
from lightmail.backends.memory.state import MemoryState
from lightmail.backends.memory.upkeep import MemoryUpkeep

__all__ = ["MemoryBlobs", "MemoryDirectory", "MemoryMetadata", "MemorySessions", "MemoryState", "MemoryUpkeep"]
