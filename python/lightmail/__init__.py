"""LightMail: a lightweight, scalable IMAP server."""

__version__ = "0.1.0"
