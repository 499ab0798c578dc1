"""Download one file whose size and SHA-256 are known; the only module that opens a network connection for a pack.

What a server says is not believed: it may break off, send something else, more or less, in another encoding, or send
the request somewhere else.  What arrived is kept when a connection breaks, and the next request asks for the rest.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urljoin, urlsplit

from facesort.errors import PackError, because
from facesort.files import Kind, create_own, expect, file_sha256, open_own, remove_own
from facesort.version import __version__

if TYPE_CHECKING:
    import requests

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Is told the name of a file, how many of its bytes are here, and how many it has."""

_TIMEOUT_S = (15.0, 30.0)  # to connect; between two pieces
_REQUESTS = 12  # of one file
_REDIRECTS = 5
_LONGEST_WAIT_S = 30.0
_CHUNK = 1 << 16
_PATIENCE_S = 60.0
_SLOWEST = 500  # bytes per second, on average
_MOST_DIGITS = 18  # of a number of bytes
_BUSY = {429, 500, 502, 503, 504}
_REDIRECTING = {301, 302, 303, 307, 308}
_BY_HAND = "or bring the file on a stick: `facesort packs add DIR`"


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file at its publisher's address.

    Parameters
    ----------
    url : str
        Its last part is the name of the file.
    sha256 : str
        Hex.
    size : int
        Bytes.
    """

    url: str
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """What it is called on disk and on a mirror."""
        return self.url.rpartition("/")[2]


class _BrokenOffError(Exception):
    """A connection ended early, or a server has no time: the next request may have more luck."""


class _AnewError(Exception):
    """What is here is not the beginning of what the server has."""


def download(
    file: PublishedFile,
    folder: Path,
    *,
    mirror: str | None = None,
    progress: Progress = lambda *_: None,
    wait: Callable[[float], None] = time.sleep,
) -> Path:
    """Download a file into a folder; it has its name there only when it is complete and the right one.

    Until then it is ``NAME.part``, which stays when the download is interrupted, and from which the next one goes on.

    Parameters
    ----------
    folder : Path
        facesort's own.
    mirror : str, optional
        Address of a folder that has the file under its name, instead of the publisher's; only there, plain http may be
        used.
    wait : callable
        Tests pass their own.

    Raises
    ------
    PackError
        With what to do: no network, no such file, another file, no space.
    """
    target, part = folder / file.name, folder / f"{file.name}.part"
    url = file.url if mirror is None else f"{mirror.rstrip('/')}/{file.name}"
    transfer = _Transfer(file, part, progress)
    try:
        if expect(target, Kind.FILE, None) is not None:
            if file_sha256(target, below=folder) == file.sha256:
                return target
            remove_own(target, below=folder)
        for begun in (transfer.here > 0, False):
            transfer.run(url, plain=(mirror or "").startswith("http://"), wait=wait)
            found = file_sha256(part, below=folder)
            if found == file.sha256:
                part.replace(target)
                return target
            remove_own(part, below=folder)
            if not begun:
                break
            log.info("what was here of %s was of another file; downloading all of it", file.name)
    except OSError as error:
        raise PackError(
            f"{file.name} cannot be written to {folder} {because(error)}, and fetch it again: "
            f"it goes on where it stopped"
        ) from error
    raise PackError(
        f"{_host(url)} sends another {file.name} than its publisher did (SHA-256 {found}, not {file.sha256}); "
        f"it was not kept. Try again, or another --from"
    )


@dataclass(slots=True)
class _Transfer:
    """A file on its way, over one request after the other."""

    file: PublishedFile
    part: Path
    progress: Progress
    etag: str | None = field(default=None, init=False)

    @property
    def here(self) -> int:
        """Bytes that have arrived."""
        return self.part.stat().st_size if expect(self.part, Kind.FILE, None) else 0

    def run(self, url: str, *, plain: bool, wait: Callable[[float], None]) -> None:
        """Ask until all bytes are here."""
        if self.here > self.file.size:
            remove_own(self.part, below=self.part.parent)
        arrived = False
        for number in range(_REQUESTS):
            before = self.here
            if before == self.file.size:
                return
            try:
                self._ask(url, before, plain)
            except _AnewError:
                remove_own(self.part, below=self.part.parent)
                self.etag = None
            except _BrokenOffError as error:
                arrived |= self.here > before
                last = number + 1 == _REQUESTS
                # Without a network, waiting helps nobody; a server that is busy, or a line that broke, may recover.
                if last or (not arrived and not isinstance(error, _BusyError)):
                    raise PackError(
                        f"{error} ({self.here:,} of {self.file.size:,} bytes of {self.file.name} are here). "
                        f"Fetch it again, and it goes on from there; {_BY_HAND}"
                    ) from error
                log.info("%s; asking again", error)
                wait(min(2.0**number, _LONGEST_WAIT_S))
        if self.here != self.file.size:
            raise PackError(
                f"{_host(url)} does not send all of {self.file.name}; try another --from, {_BY_HAND}"
            )

    def _ask(self, url: str, begin: int, plain: bool) -> None:
        """One request: add what it brings to what is here."""
        headers = {"Accept-Encoding": "identity", "User-Agent": f"facesort/{__version__}"}
        if begin:
            headers["Range"] = f"bytes={begin}-"
            if self.etag:
                headers["If-Range"] = self.etag
        with _session(plain) as session:
            response = _followed(session, url, headers, plain)
            with response:
                self._check(response, begin)
                etag = response.headers.get("ETag", "")
                self.etag = etag if etag.startswith('"') else None  # a weak one is not of bytes
                self._receive(response, begin if response.status_code == 206 else 0)

    def _check(self, response: requests.Response, begin: int) -> None:
        """Refuse an answer that cannot be the file, or the rest of it."""
        file, host, status = self.file, _host(response.url), response.status_code
        if status in _BUSY:
            raise _BusyError(f"{host} is busy (it answers with {status})")
        if status == 416 and begin:
            raise _AnewError
        if status in (404, 410):
            raise PackError(
                f"{host} has no {file.name} ({status}): it may have been moved. Look for a newer facesort, "
                f"or name a mirror with --from; {_BY_HAND}"
            )
        if status not in (200, 206):
            raise PackError(
                f"{host} refuses to send {file.name} (it answers with {status}); name a mirror with --from, {_BY_HAND}"
            )
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if encoding != "identity":
            raise PackError(
                f"{host} sends {file.name} packed ({encoding!r}), which nobody asked for; try another --from"
            )
        if status == 206:
            given = re.fullmatch(
                r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)",
                response.headers.get("Content-Range", ""),
            )
            if not begin or given is None or int(given[1]) != begin:
                raise _AnewError
            if given[3] not in ("*", str(file.size)):
                raise _AnewError
        length = response.headers.get("Content-Length", "")
        expected = file.size - (begin if status == 206 else 0)
        # Python refuses to read a number of thousands of digits.
        if length.isdecimal() and (len(length) > _MOST_DIGITS or int(length) != expected):
            offered = f"{int(length):,}" if len(length) <= _MOST_DIGITS else "far too many"
            raise PackError(
                f"{host} offers {offered} bytes for {file.name}, where {expected:,} are missing: it is another "
                f"file. Try another --from, {_BY_HAND}"
            )

    def _receive(self, response: requests.Response, begin: int) -> None:
        """Write what arrives; a server that ignores that only the rest was asked for sends all."""
        from urllib3.exceptions import HTTPError

        host, here, started = _host(response.url), begin, time.monotonic()
        with self._opened(begin) as stream:
            while True:
                try:
                    chunk = response.raw.read1(_CHUNK, decode_content=False)
                except (HTTPError, OSError) as error:
                    raise _BrokenOffError(f"the connection to {host} broke off") from error
                if not chunk:
                    break
                here += len(chunk)
                if here > self.file.size:
                    raise PackError(
                        f"{host} sends more than the {self.file.size:,} bytes of {self.file.name}: it is another file. "
                        f"Try another --from, {_BY_HAND}"
                    )
                stream.write(chunk)
                self.progress(self.file.name, here, self.file.size)
                seconds = time.monotonic() - started
                if seconds > _PATIENCE_S and here - begin < _SLOWEST * seconds:
                    raise _BrokenOffError(f"{host} sends less than {_SLOWEST:,} bytes a second")
        if here < self.file.size:
            raise _BrokenOffError(f"the connection to {host} ended early")

    def _opened(self, begin: int) -> BinaryIO:
        if begin:
            stream = open_own(self.part, below=self.part.parent, write=True)
            stream.seek(begin)
            return stream
        remove_own(self.part, below=self.part.parent)
        return create_own(self.part, private=False)


class _BusyError(_BrokenOffError):
    """A server has no time."""


def _session(plain: bool) -> requests.Session:
    """A session that speaks https only, unless told otherwise, and keeps nothing of a server."""
    import requests

    session = requests.Session()
    if not plain:
        del session.adapters["http://"]
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


def _followed(
    session: requests.Session, url: str, headers: dict[str, str], plain: bool
) -> requests.Response:
    """The answer at the end of a few redirects.

    The name and password of a mirror go to the mirror only; those in ``.netrc`` to nobody.
    """
    import requests
    from requests.utils import get_auth_from_url

    first = url
    for _ in range(1 + _REDIRECTS):
        try:
            auth = get_auth_from_url(first)
            known = any(auth) and not session.should_strip_auth(first, url)
            response = session.get(
                url,
                headers=headers,
                auth=auth if known else _nobody,
                stream=True,
                timeout=_TIMEOUT_S,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise _unreachable(url, error, plain) from error
        except ValueError as error:  # of urllib3 and idna: no address at all
            raise PackError(
                f"{_host(url)!r} is no address that can be asked; try another --from, {_BY_HAND}"
            ) from error
        goal = response.headers.get("Location")
        if response.status_code not in _REDIRECTING or not goal:
            return response
        response.close()
        url = urljoin(url, goal)  # requests has joined them before: they make an address
    raise PackError(
        f"{_host(first)} redirects more than {_REDIRECTS} times; try another --from, {_BY_HAND}"
    )


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Say nothing about who asks."""
    return request


def _unreachable(
    url: str, error: requests.RequestException, plain: bool
) -> PackError | _BrokenOffError:
    """A sentence without the address' query, which may hold somebody's key."""
    from requests import exceptions

    host = _host(url)
    if isinstance(
        error, (exceptions.InvalidSchema, exceptions.InvalidURL, exceptions.MissingSchema)
    ):
        allowed = "http and https" if plain else "https"
        return PackError(
            f"{urlsplit(url).scheme + '://' + host!r} is not asked: only {allowed} is used. "
            f"Try another --from, {_BY_HAND}"
        )
    if isinstance(error, exceptions.ProxyError):
        return _BrokenOffError(
            f"the proxy does not connect to {host}: check HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
        )
    if isinstance(error, exceptions.SSLError):
        return PackError(
            f"{host} cannot show that it is {host} (its certificate is not trusted here). If your network looks into "
            f"connections, name its certificate in REQUESTS_CA_BUNDLE; {_BY_HAND}"
        )
    if isinstance(error, exceptions.Timeout):
        return _BrokenOffError(f"{host} does not answer")
    return _BrokenOffError(
        f"{host} cannot be reached: check the network, and HTTPS_PROXY if it has a proxy"
    )


def _host(url: str) -> str:
    """Who is asked: without a name, a password or a query."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:  # brackets that hold no address
        return re.sub(r"^\w+://|[/?#].*$", "", url).rpartition("@")[2]
