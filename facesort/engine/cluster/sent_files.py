"""Photos that travel with their call, for a machine that does not see the source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from facesort.core.paths import from_text
from facesort.core.records import PhotoRef
from facesort.engine.analysis.analyse import Analyser, Task
from facesort.engine.analysis.reading import read_photo
from facesort.errors import ClusterError, ImageError, because
from facesort.reasons import Reason

SentFiles = Mapping[tuple[str, str], bytes | int]
"""By source and path: the content of a file; of one that is too large to be read, its size."""


def files_of(analyser: Analyser, args: Sequence[object]) -> SentFiles:
    """The files that a call reads, as far as this machine can read them.

    Parameters
    ----------
    args : sequence
        Of the call, after the analyser.
    """
    found: dict[tuple[str, str], bytes | int] = {}
    for photo in _photos(args):
        key = photo.source, photo.path
        try:
            path = analyser.path_of(photo)
            found[key] = read_photo(path, analyser.photos.max_file_mb)
        except ImageError as error:
            if error.reason in {Reason.TOO_LARGE, Reason.EMPTY_FILE}:
                found[key] = path.stat().st_size
    return found


def _photos(args: Sequence[object]) -> Iterator[PhotoRef]:
    first = args[0] if args else None
    if isinstance(first, PhotoRef):
        yield first
    elif isinstance(first, Task) and first.content is None:
        yield first.ref
        yield from (partner.ref for partner in first.partners if partner.info is None)


@contextmanager
def unpacked(files: SentFiles, sources: Sequence[str]) -> Iterator[dict[str, Path]]:
    """Folders that look like the sources, with these files and no others, until the call is done.

    Raises
    ------
    ClusterError
        If the disk has no room for them; it is the machine's fault, and no photo's.
    """
    with ExitStack() as stack:
        try:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="facesort-sent-")))
            roots = {name: folder / str(number) for number, name in enumerate(sources)}
            for root in roots.values():
                root.mkdir()
            for (source, name), content in files.items():
                _unpack(roots[source] / from_text(name), content)
        except OSError as error:
            raise ClusterError(
                f"its temporary folder {gettempdir()} cannot be written {because(error)}: photos are sent to it there"
            ) from error
        yield roots


def _unpack(path: Path, content: bytes | int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as stream:
        if isinstance(content, int):
            stream.seek(max(content - 1, 0))  # what is before takes no room
            content = b"\0" * min(content, 1)
        stream.write(content)
