"""Objects of an object store: where they go, and what proves their content."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from facesort.errors import PublishError

PART = 8 << 20
"""Bytes; what is larger goes in parts of this size."""
_MOST_PARTS = 10_000
_MOST_BYTES = 1024  # of a key
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
# What object stores take in a key, but their consoles, file systems behind them or XML do not.
_NOT_IN_A_PREFIX = re.compile(r"[\x00-\x1f\x7f\\]|(^|/)\.{0,2}(/|$)")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where objects are published.

    Parameters
    ----------
    endpoint : str
        URL of the server; empty for the one that the settings of AWS name.
    prefix : str
        Empty, or ends with a slash.
    """

    endpoint: str
    bucket: str
    prefix: str

    @classmethod
    def parse(cls, url: str, endpoint: str = "") -> Destination:
        """Read ``s3://bucket/prefix``.

        Raises
        ------
        PublishError
            If it is no such URL, or the endpoint is none, or holds a password.
        """
        found = re.fullmatch(r"s3://([^/]+)/?(.*?)/?", url)
        is_text = not any("\ud800" <= char <= "\udfff" for char in url)  # bytes that are not UTF-8
        if found is None or not is_text or not _BUCKET.fullmatch(found[1]):
            raise PublishError(f"{url!r} is no destination: give s3://bucket/prefix")
        prefix = f"{found[2]}/" if found[2] else ""
        if _NOT_IN_A_PREFIX.search(found[2]) and prefix:
            raise PublishError(
                f"{url!r} has a prefix that not every object store takes: give names between single slashes"
            )
        return cls(_checked_endpoint(endpoint), found[1], prefix)

    def key(self, target: str) -> str:
        """Key of an object, by its path below the prefix."""
        return self.prefix + target

    def takes(self, target: str) -> bool:
        """Whether a key can be as long."""
        return len(self.key(target).encode("utf-8")) <= _MOST_BYTES

    def __str__(self) -> str:
        """As it was given, with the server."""
        at = f" at {self.endpoint}" if self.endpoint else ""
        return f"s3://{self.bucket}/{self.prefix}{at}"


def _checked_endpoint(endpoint: str) -> str:
    if not endpoint:
        return ""
    try:
        parts = urlsplit(endpoint)
        whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    if not whole:
        raise PublishError(
            f"{endpoint!r} is no endpoint: give a URL such as https://s3.example.com"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise PublishError(
            "an endpoint holds no user, password or query: credentials belong in the environment or in ~/.aws"
        )
    return endpoint.rstrip("/")


def is_private(endpoint: str) -> bool:
    """Whether nobody between here and a server reads along: TLS, or this machine."""
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    if parts.scheme == "https" or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Planned:
    """An object that is to be published.

    Parameters
    ----------
    target : str
        Key below the prefix; its first part is the folder of a person.
    photo_id, person_id : int or None
        None where that is not known, as of a file of an export.
    """

    target: str
    sha256: str
    size: int
    photo_id: int | None = None
    person_id: int | None = None

    @property
    def folder(self) -> str:
        """First part of the target."""
        return self.target.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Digest:
    """What a file's content is known by.

    Parameters
    ----------
    md5 : bytes
        Of the whole; every object store checks this one as it receives it.
    parts : tuple of bytes
        MD5 of each part; empty if the file is sent in one.
    """

    sha256: str
    size: int
    md5: bytes
    parts: tuple[bytes, ...] = ()

    def is_told_by(self, etag: str) -> bool:
        """Whether an ETag is an MD5 of this content, as most servers compute it of what they have stored."""
        found = etag.strip('"')
        return found in (self.md5.hex(), _etag_of_parts(self.parts))


def _etag_of_parts(parts: Sequence[bytes]) -> str:
    """ETag of an object that came in parts."""
    digest = hashlib.md5(b"".join(parts), usedforsecurity=False).hexdigest()
    return f"{digest}-{len(parts)}"


def part_size(size: int) -> int:
    """Bytes of each part of a file but the last."""
    return max(PART, -(-size // _MOST_PARTS))
