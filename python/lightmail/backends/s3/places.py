"""Where a bucket is on the network, and the path of each of its objects. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from lightmail.backends.s3.signing import Query, encoded
from lightmail.config.sections import S3

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Place:
    scheme: str
    host: str
    """As in the Host header: with the port, unless it is the scheme's own."""
    base: str
    """The bucket's path: "" or "/bucket", percent-encoded, without a slash at its end."""
    prefix: str
    """In front of every key: "" or "some/where/"."""

    def path(self, key: str) -> str:
        """Percent-encoded, of an object under the prefix."""
        return f"{self.base}/{encoded(self.prefix + key, '/')}"

    @property
    def bucket_path(self) -> str:
        return f"{self.base}/"

    def url(self, path: str, query: Query = ()) -> str:
        words = "&".join([f"{encoded(name)}={encoded(value)}" if value else encoded(name) for name, value in query])
        return f"{self.scheme}://{self.host}{path}{'?' if words else ''}{words}"


def place_of(bucket: str, prefix: str, options: S3, region: str) -> Place:
    """Raises ValueError for an endpoint that is no URL.

    Style "auto": the bucket's name is part of the host name on AWS, where new buckets answer to nothing else, unless
    it has dots, which no wildcard certificate covers; anywhere else it is part of the path, which needs no DNS.
    """
    parts = urlsplit(options.endpoint or _aws(region))
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{options.endpoint!r} is no endpoint; expected https://HOST or http://HOST:PORT")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if parts.port not in (None, _DEFAULT_PORTS[parts.scheme]):
        host = f"{host}:{parts.port}"
    base = encoded(parts.path.rstrip("/"), "/%")
    in_host = options.style == "host" or (options.style == "auto" and not options.endpoint and "." not in bucket)
    if in_host:
        host = f"{bucket}.{host}"
    else:
        base = f"{base}/{encoded(bucket)}"
    return Place(parts.scheme, host, base, f"{prefix}/" if prefix else "")


def _aws(region: str) -> str:
    return f"https://s3.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"
