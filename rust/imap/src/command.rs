//! Typed commands (RFC 9051 §6). Invalid commands cannot be built.
