"""Photos that travel with their call, for a machine that does not see the source."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from facesort.core.records import PhotoRef
from facesort.core.text.paths import from_text
from facesort.engine.analysis.analyse import Analyser, Task
from facesort.engine.analysis.reading import read_photo, version_of
from facesort.errors import ClusterError, ImageError, because
from facesort.reasons import Reason

SentFiles = dict[tuple[str, str], bytes | int]
"""By source and path: the content of a file; of one that is too large to be read, its size."""


class Room:
    """How much may be under way at a time; whoever comes first gets it first.

    Parameters
    ----------
    most : int
        Bytes; a single thing that is larger has all of it to itself.
    """

    def __init__(self, most: int) -> None:
        self._most = self._free = most
        self._turn, self._given_back = asyncio.Lock(), asyncio.Event()

    @asynccontextmanager
    async def for_(self, size: int) -> AsyncIterator[None]:
        """Have room for so many bytes meanwhile."""
        size = min(size, self._most)
        async with self._turn:
            while self._free < size:
                self._given_back.clear()
                await self._given_back.wait()
            self._free -= size
        try:
            yield
        finally:
            self._free += size
            self._given_back.set()


def size_of(analyser: Analyser, args: Sequence[object]) -> int:
    """Bytes of the files that `files_of` would read, or what is left of that where they cannot be read."""
    size, most = 0, int(analyser.photos.max_file_mb * 1e6)
    for photo in _photos(args):
        with suppress(ImageError):
            bytes_, _ = version_of(analyser.path_of(photo))
            size += bytes_ if bytes_ <= most else 0
    return size


def files_of(analyser: Analyser, args: Sequence[object]) -> SentFiles:
    """The files that a call reads, as far as this machine can read them.

    Parameters
    ----------
    args : sequence
        Of the call, after the analyser.
    """
    found: SentFiles = {}
    for photo in _photos(args):
        key = photo.source, photo.path
        try:
            path = analyser.path_of(photo)
            found[key] = read_photo(path, analyser.photos.max_file_mb)
        except ImageError as error:
            if error.reason in {Reason.TOO_LARGE, Reason.EMPTY_FILE}:
                with suppress(ImageError):
                    found[key], _ = version_of(path)
    return found


def _photos(args: Sequence[object]) -> Iterator[PhotoRef]:
    first = args[0] if args else None
    if isinstance(first, PhotoRef):
        yield first
    elif isinstance(first, Task) and first.content is None:
        yield first.ref
        yield from (partner.ref for partner in first.partners if partner.info is None)


@contextmanager
def unpacked(files: SentFiles, sources: Sequence[str], scratch: Path) -> Iterator[dict[str, Path]]:
    """Folders that look like the sources, with these files and no others, until the call is done.

    Parameters
    ----------
    files : dict
        Emptied, so that they are in memory once, not twice: Dask keeps the packed call until it has ended.
    scratch : Path
        Folder in which they are made.

    Raises
    ------
    ClusterError
        If the disk has no room for them; it is the machine's fault, and no photo's.
    """
    with ExitStack() as stack:
        try:
            folder = Path(stack.enter_context(TemporaryDirectory(dir=scratch)))
            roots = {name: folder / str(number) for number, name in enumerate(sources)}
            for root in roots.values():
                root.mkdir()
            while files:
                (source, name), content = files.popitem()
                _unpack(roots[source] / from_text(name), content)
        except OSError as error:
            raise cannot_unpack(scratch, error) from error
        yield roots


def cannot_unpack(folder: Path, error: OSError) -> ClusterError:
    """That photos cannot be sent to this machine."""
    return ClusterError(
        f"its temporary folder {folder} cannot be written {because(error)}: photos are sent to it there"
    )


def _unpack(path: Path, content: bytes | int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as stream:
        if isinstance(content, int):
            stream.seek(max(content - 1, 0))  # what is before takes no room
            content = b"\0" * min(content, 1)
        stream.write(content)
