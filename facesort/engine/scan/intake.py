"""Take in what the scan found: new files, and what became of those that were known."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from facesort.core.records import File, PhotoRef
from facesort.core.sources.files import FileState, FoundFile, KnownFiles, ScanResult, SkippedFile
from facesort.core.sources.shots import Pairs, companions, kind_by_name, rank, shot_name
from facesort.engine.scan.scan import scan
from facesort.engine.sources.root_folder import RootFolder
from facesort.images import RAW_SUFFIXES, PhotoKind
from facesort.images.clips.clip_file import which_decoder
from facesort.reasons import Reason
from facesort.settings import PhotoSettings
from facesort.store import Store
from facesort.store.job import files

log = logging.getLogger(__name__)

_COMPANIONS = {PhotoKind.SIDECAR.value, PhotoKind.VIDEO.value}


@dataclass(frozen=True, slots=True)
class Intake:
    """What a scan changed, in numbers of files.

    Parameters
    ----------
    back : int
        That were gone, and are there again.
    shifted : int
        Taken as unchanged although their clock moved: a whole folder did, and a sample still has its content.
    checked : int
        Whose content was compared with what it was, although nothing else had changed.

    Examples
    --------
    >>> Intake(new=3, gone=1).gone
    1
    """

    new: int = 0
    gone: int = 0
    replaced: int = 0
    back: int = 0
    shifted: int = 0
    checked: int = 0


def take_in(
    store: Store,
    places: Mapping[str, Path],
    apart: Sequence[RootFolder],
    photos: PhotoSettings,
    *,
    everything: bool = False,
    on_checked: Callable[[int, int], None] | None = None,
) -> Intake:
    """Scan the sources that are there, and record what is new, gone, replaced or back.

    Parameters
    ----------
    places : mapping of str to Path
        Name of each source to its folder; files of other sources stay as they are.
    apart : sequence of RootFolder
        Folders that must not be inside a source.
    photos : PhotoSettings
        Say whether clips are taken, too, and in which order the files of a shot are read.
    everything : bool
        Compare the content of all files that look unchanged, too.
    on_checked : callable of (done, total), optional
        Called after each file of `everything`.

    Raises
    ------
    SettingsError, SourceGoneError
        As `scan`.
    """
    known, skipped = _known(store)
    found = scan(
        places,
        known,
        skipped,
        apart,
        videos=photos.videos,
        everything=everything,
        on_checked=on_checked,
    )
    first = files.next_file_id(store)
    new = [
        File(first + i, *file) for i, file in enumerate(in_reading_order(found.new, photos.pairs))
    ]
    with store.transaction():
        files.set_state(store, found.gone, FileState.GONE)
        files.set_state(store, found.replaced, FileState.REPLACED)
        files.set_state(store, found.back, FileState.PRESENT)
        files.set_times(store, found.shifted)
        files.read_again(store, found.back)
        files.add_files(store, new)
        _record_skipped(store, places, found, chain(_present(known, found), new))
    done = Intake(
        len(new),
        len(found.gone),
        len(found.replaced),
        len(found.back),
        len(found.shifted),
        found.checked,
    )
    log.info("scan: %s, %d other files", done, len(found.skipped))
    if photos.videos:
        log.info("clips are decoded by %s", which_decoder())
    return done


def present_files(store: Store, places: Mapping[str, Path]) -> list[File]:
    """Files that are in the sources now, known or new; nothing is recorded, and new ones get ids in passing."""
    known, skipped = _known(store)
    found = scan(places, known, skipped)
    first = files.next_file_id(store)
    new = [File(first + i, *file) for i, file in enumerate(found.new)]
    return [*_present(known, found), *new]


def in_reading_order(found: Iterable[FoundFile], pairs: Pairs) -> list[FoundFile]:
    """New files in the order of the sources and paths, but those come last for which another of their shot is decided.

    So the JPEG of a RAW is read before it, also if it is on a later card.
    """
    ranked = [(rank(kind_by_name(f.path, RAW_SUFFIXES.__contains__), pairs), f) for f in found]
    best: dict[str, int] = {}
    for place, file in ranked:
        name = shot_name(file.path)
        best[name] = min(place, best.get(name, place))
    ranked.sort(key=lambda item: item[0] if item[0] > best[shot_name(item[1].path)] else -1)
    return [file for _, file in ranked]


def _known(store: Store) -> tuple[KnownFiles, dict[tuple[str, str], SkippedFile]]:
    skipped = {
        (source, path): SkippedFile(reason, size, mtime_ns)
        for source, path, reason, size, mtime_ns in files.skipped_files(store)
    }
    return files.known_files(store), skipped


def _present(known: KnownFiles, found: ScanResult) -> Iterator[File]:
    """Known files that are there after a scan."""
    back, away = set(found.back), {*found.gone, *found.replaced}
    for row in known.rows():
        file_id, was_there = known.ids[row], known.state(row) is FileState.PRESENT
        if file_id in back or (was_there and file_id not in away):
            yield known.file(row)


def _record_skipped(
    store: Store, places: Mapping[str, Path], found: ScanResult, present: Iterable[File]
) -> None:
    unreadable = {
        (source, path or "."): SkippedFile(Reason.UNREADABLE.value)
        for source, path in found.unreadable
    }
    skipped = found.skipped | unreadable
    others = [place for place, one in skipped.items() if one.reason in _COMPANIONS]
    folders = {(source, path.rpartition("/")[0]) for source, path in others}
    beside: list[PhotoRef] = []
    if folders:  # most cards have none, and a name is looked at for each file
        beside = [f.ref for f in present if (f.source, f.path.rpartition("/")[0]) in folders]
    rows = [(*place, *one) for place, one in skipped.items()]
    files.set_skipped(store, places, rows, companions(beside, others))
