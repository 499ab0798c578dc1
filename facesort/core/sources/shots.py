"""Shots: which files are of one exposure, which of them is decided, and which other files belong to a photo."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import chain, islice
from typing import Literal

from facesort.core.records import PhotoInfo, PhotoRef

Pairs = Literal["jpeg", "raw", "both"]
"""Which file of a shot is decided and delivered, as `photos.pairs` in the settings says."""

# Google's phones: PXL_20210105_024452180.RAW-01.COVER.jpg and PXL_20210105_024452180.RAW-02.ORIGINAL.dng
_NUMBER_IN_SHOT = re.compile(r"\.raw-\d\d\..*$")
_WORD = re.compile(r"[^\W_]+")


class Kind(StrEnum):
    """Kind of a photo file, as far as it matters for shots: cameras write at most one of a kind for an exposure."""

    JPEG = "jpeg"
    HEIF = "heif"
    RENDERED = "rendered"  # PNG, TIFF ...
    RAW = "raw"
    DNG = "dng"  # a phone's RAW, or converted from another RAW
    CLIP = "clip"  # the movie of a Live Photo


_KINDS = {
    "dng": Kind.DNG,
    "jpeg": Kind.JPEG,
    **dict.fromkeys(("heic", "heif", "hif"), Kind.HEIF),
    **dict.fromkeys(("avif", "bmp", "gif", "png", "tif", "tiff", "webp"), Kind.RENDERED),
    **dict.fromkeys(("avi", "matroska", "mov", "mp4", "mts", "mkv", "webm"), Kind.CLIP),
}
_RAWS = (Kind.RAW, Kind.DNG)
_RENDERINGS = (Kind.JPEG, Kind.HEIF, Kind.RENDERED)
_ORDER: dict[Pairs, tuple[Kind, ...]] = {
    "jpeg": (*_RENDERINGS, *_RAWS, Kind.CLIP),
    "raw": (*_RAWS, *_RENDERINGS, Kind.CLIP),
}


def kind_of(info: PhotoInfo) -> Kind:
    """Kind of a photo by its content."""
    return _KINDS.get(info.format.casefold(), Kind.RAW)


def kind_by_name(path: str, is_raw: Callable[[str], bool]) -> Kind:
    """Kind of a photo by its name, where nothing else is known of it yet.

    Parameters
    ----------
    is_raw : callable of str
        Whether a lower-case suffix, such as ``.arw``, is of a RAW format.
    """
    suffix = posixpath.splitext(_name(path))[1]
    return _KINDS.get(suffix[1:], Kind.RAW if is_raw(suffix) else Kind.JPEG)


def rank(kind: Kind, pairs: Pairs) -> int:
    """Place of a kind in the order in which the files of a shot are read: the one that is decided comes first."""
    return 0 if pairs == "both" else _ORDER[pairs].index(kind)


def same_shot(a: PhotoRef, a_info: PhotoInfo, b: PhotoRef, b_info: PhotoInfo) -> bool:
    """Whether two files are of one exposure: RAW and JPEG, JPEG and HEIF ...

    Their names must be equal but for the suffix.  In one folder that is enough, unless the times or the cameras that
    both files state are different; a time without a fraction of a second agrees with any fraction.  A HEIF and a JPEG
    must both state the time.  In different folders both must state the time and the camera, and these must be equal.

    Two files of one kind are never one shot: one of them has been edited, or they are of different cameras.  The short
    movie of a Live Photo needs the folder and the name of a JPEG or HEIF.
    """
    if shot_name(a.path) != shot_name(b.path) or not _may_pair(kind_of(a_info), kind_of(b_info)):
        return False
    if Kind.CLIP in {kind_of(a_info), kind_of(b_info)}:
        return _folder(a) == _folder(b)  # cameras and phones write the times of clips in other ways
    times = [info.captured_at for info in (a_info, b_info) if info.captured_at is not None]
    cameras = [words for info in (a_info, b_info) if (words := _words(info.camera))]
    if _folder(a) != _folder(b):
        return len(times) == len(cameras) == 2 and times[0] == times[1] and _same_camera(*cameras)
    if len(times) < 2 and {kind_of(a_info), kind_of(b_info)}.isdisjoint(_RAWS):
        return False  # programs number pictures, too: a HEIF and a JPEG of one name may have nothing in common
    if len(times) == 2 and not all(time.microsecond for time in times):
        times = [time.replace(microsecond=0) for time in times]
    return len(set(times)) < 2 and (len(cameras) < 2 or _same_camera(*cameras))


def candidates(
    new: Sequence[PhotoRef],
    known: Iterable[PhotoRef],
    is_raw: Callable[[str], bool],
    *,
    limit: int = 8,
) -> dict[int, tuple[PhotoRef, ...]]:
    """Find the photos that a new file must be compared with, because by its name it may be of the same shot.

    Parameters
    ----------
    new : sequence of PhotoRef
        In the order in which they are read (see `rank`); they are compared with those before them.
    known : iterable of PhotoRef
        Photos that were read before.
    is_raw : callable of str
        See `kind_by_name`.
    limit : int
        A file is compared with so many at most: those of its own folder first, then those under the same path in other
        sources, those of its own source, and the others, each in the order given.  If more photos than that have one
        name, such as ``IMG_0001`` on many cards, a RAW file and a JPEG in different folders may not be recognised as
        one shot, and both are delivered.

    Returns
    -------
    dict of photo_id to tuple of PhotoRef
        Nearest first; without the files that have no candidate.
    """
    places = [_places(photo) for photo in new]
    wanted = {place for nearest in places for place in nearest}
    index = defaultdict[tuple[Hashable, Kind], list[PhotoRef]](list)
    found = {}

    def add(photo: PhotoRef, nearest: Iterable[Hashable]) -> None:
        kind = kind_by_name(photo.path, is_raw)
        for place in nearest:
            if place in wanted:
                index[place, kind].append(photo)

    for photo in known if new else ():
        add(photo, _places(photo))
    for photo, nearest in zip(new, places, strict=True):
        kind = kind_by_name(photo.path, is_raw)
        others = [other for other in Kind if _may_pair(kind, other)]
        near = chain.from_iterable(index.get((p, o), ()) for p in nearest for o in others)
        if some := tuple(islice(_each_once(near), limit)):
            found[photo.photo_id] = some
        add(photo, nearest)
    return found


def companions(
    photos: Iterable[PhotoRef], others: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    """Find the photos that sidecars and movies belong to: ``IMG_1.xmp``, ``IMG_1.JPG.xmp``, ``IMG_1.MOV`` ...

    A companion is in the folder of its photo, and has its name with another suffix or with one more.  A movie without a
    photo is a video.

    Parameters
    ----------
    photos : iterable of PhotoRef
        Of several with the same name but for the suffix, which are of one shot, the first is taken.
    others : iterable of (source, path)

    Returns
    -------
    dict of (source, path) to photo_id
        Without the files that belong to no photo.
    """
    owners: dict[tuple[str, str, str], int] = {}
    whole: dict[tuple[str, str, str], int] = {}
    for photo in photos:
        owners.setdefault((*_folder(photo), shot_name(photo.path)), photo.photo_id)
        whole.setdefault((*_folder(photo), _name(photo.path)), photo.photo_id)
    found = {}
    for source, path in others:
        folder = source, posixpath.dirname(path)
        key = whole.get((*folder, posixpath.splitext(_name(path))[0]))
        key = owners.get((*folder, shot_name(path))) if key is None else key
        if key is not None:
            found[source, path] = key
    return found


def shot_name(path: str) -> str:
    """What the files of one shot have in common in their names: the part before the suffix, in lower case."""
    return _NUMBER_IN_SHOT.sub("", posixpath.splitext(_name(path))[0])


def _name(path: str) -> str:
    # macOS stores names decomposed; some programs leave a dot or blanks at the end.
    return unicodedata.normalize("NFC", posixpath.basename(path)).casefold().rstrip(". ")


def _folder(photo: PhotoRef) -> tuple[str, str]:
    return photo.source, posixpath.dirname(photo.path)


def _places(photo: PhotoRef) -> tuple[Hashable, ...]:
    """Where a shot may be looked for, nearest first."""
    (source, folder), name = _folder(photo), shot_name(photo.path)
    return (source, folder, name), ("", folder, name), (source, name), name


def _each_once(photos: Iterable[PhotoRef]) -> Iterator[PhotoRef]:
    seen = set()
    for photo in photos:
        if photo.photo_id not in seen:
            seen.add(photo.photo_id)
            yield photo


def _may_pair(a: Kind, b: Kind) -> bool:
    if Kind.CLIP in {a, b}:
        return not {a, b}.isdisjoint({Kind.JPEG, Kind.HEIF})
    return a != b and (a in _RAWS or b in _RAWS or {a, b} == {Kind.JPEG, Kind.HEIF})


def _words(camera: str) -> list[str]:
    return _WORD.findall(camera.casefold())


def _same_camera(a: Sequence[str], b: Sequence[str]) -> bool:
    """Whether two names are of one camera: one may lack the maker, or blanks (``SONY ILCE-7M3``, ``ILCE-7M3``)."""
    shorter, longer = sorted((a, b), key=lambda words: len("".join(words)))
    tails = ("".join(longer[start:]) for start in range(len(longer)))
    return "".join(shorter) in tails
