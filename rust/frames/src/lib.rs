//! The stored form of a body: independent zstd frames with a seek table; no I/O.
