"""SHA-crypt, the password hash of Linux's /etc/shadow (https://www.akkadia.org/drepper/SHA-crypt.txt)."""

def sha256_crypt(password: bytes, salt: bytes, *, rounds: int) -> bytes:
    """The 32 octets behind "$5$", in the order of the digest. Releases the GIL.

    salt: what is beyond its first 16 octets does not count. rounds: from 1,000 to 999,999,999. Raises ValueError.
    """

def sha512_crypt(password: bytes, salt: bytes, *, rounds: int) -> bytes:
    """The 64 octets behind "$6$"; otherwise as `sha256_crypt`."""
