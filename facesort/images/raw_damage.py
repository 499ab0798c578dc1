"""Raw data that a copy has not filled: zeros, of which LibRaw makes black or shifted rows without an error."""

from __future__ import annotations

from dataclasses import dataclass

from facesort.images.decoder_errors import DECODER_ERRORS
from facesort.images.tiff import is_tiff, read_directories

_NEW_SUBFILE_TYPE, _COMPRESSION = 254, 259
_PLACES = ((273, 279), (324, 325))  # offsets and byte counts of strips, and of tiles
_PLAIN = 1
_ZEROS = bytes(512)


@dataclass(frozen=True, slots=True)
class Erased:
    """Zeros in the raw data of a TIFF-based RAW file.

    Parameters
    ----------
    share : float
        Of the data, from the first of them on.
    at_end : bool
        Whether the data end with zeros.
    packed : bool
        Whether the data are compressed: zeros cannot stand for black then.
    """

    share: float
    at_end: bool
    packed: bool


def erased_raw(data: bytes) -> Erased | None:
    """Look for zeros in the largest picture of a file; None if there are none, or it is no TIFF."""
    try:
        directories = read_directories(data) if is_tiff(data) else ()
    except DECODER_ERRORS:
        return None
    found: list[tuple[int, list[tuple[int, int]], int]] = []
    for directory in directories:
        compression = directory.first(_COMPRESSION, _PLAIN)
        for offsets, counts in _PLACES:
            pairs = zip(directory.integers(offsets), directory.integers(counts), strict=False)
            pieces = sorted((start, start + count) for start, count in pairs)
            if not directory.first(_NEW_SUBFILE_TYPE, 0) & 1:
                found.append((sum(end - start for start, end in pieces), pieces, compression))
    total, pieces, compression = max(found, key=lambda each: each[0], default=(0, [], _PLAIN))
    before = 0
    for start, end in pieces:
        at = data.find(_ZEROS, start, end)
        if at >= 0:
            last = pieces[-1][1]
            at_end = data.endswith(_ZEROS, last - len(_ZEROS), last)
            return Erased(1 - (before + at - start) / total, at_end, compression != _PLAIN)
        before += end - start
    return None
