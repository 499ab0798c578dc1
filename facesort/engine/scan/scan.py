"""Scan: list the photos in a stable order, by names, sizes and times only; contents are read once, later."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from facesort.core.sources.comparison import compare
from facesort.core.sources.files import FoundFile, KnownFiles, Place, ScanResult, SkippedFile
from facesort.core.text.paths import from_text
from facesort.engine.scan.places import SourceRoot, find_roots, refuse_gone
from facesort.engine.scan.walk import Walk
from facesort.engine.sources.root_folder import RootFolder
from facesort.errors import short_of
from facesort.files import file_sha256

log = logging.getLogger(__name__)


def scan(
    places: Mapping[str, Path],
    known: KnownFiles,
    skipped: Mapping[Place, SkippedFile] = MappingProxyType({}),
    apart: Sequence[RootFolder] = (),
    *,
    videos: bool = False,
    everything: bool = False,
    order: Callable[[FoundFile], Any] | None = None,
    on_checked: Callable[[int, int], None] | None = None,
) -> ScanResult:
    """List the sources that are there, and compare them with what is known.

    Parameters
    ----------
    places : mapping of str to Path
        Name of each source to its folder.  Files of other sources stay as they are.
    known : KnownFiles
    skipped : mapping of Place to SkippedFile
        What the last scan left out: not opened again as long as its size and time are the same.
    apart : sequence of RootFolder
        Folders that must not be inside a source.
    videos : bool
        Whether clips are taken, too.
    everything : bool
        Compare the content of all files that look unchanged, too.
    order : callable, optional
        Sort key of new files of one source, before their paths.
    on_checked : callable of (done, total), optional
        Called after each file of `everything`.

    Raises
    ------
    SettingsError
        If a source, or one of `apart`, is inside a source.
    SourceGoneError
        If a source is missing, or disappears meanwhile.
    """
    roots = find_roots(places)
    rank = {source: number for number, source in enumerate(places)}

    def key(found: FoundFile) -> tuple[int, Any, str]:
        return rank[found.source], order(found) if order else None, found.path

    listing = Walk(roots, known, skipped, apart, videos).run()
    result = compare(
        listing,
        known,
        key,
        partial(_sha256, roots),
        sources=rank,
        everything=everything,
        on_checked=on_checked,
    )
    refuse_gone(roots)
    return result


def _sha256(roots: Sequence[SourceRoot], place: Place) -> str:
    """Hash a file of a source as it is now, also through a link that leads into a source."""
    source, path = place
    root = next(root for root in roots if root.source == source)
    real = os.path.realpath(os.path.join(root.real, from_text(path)))
    below = next((root.real for root in roots if root.holds(real)), None)
    if below is None:
        raise OSError(errno.ELOOP, "leads out of the sources", path)
    try:
        return file_sha256(Path(real), below=Path(below))
    except OSError as error:
        if short := short_of(error):
            raise short from error
        raise
