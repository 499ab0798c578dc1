"""Motion photos: pictures of phones with a short movie behind them."""

from __future__ import annotations

from facesort.images.boxes import boxes_in, brands

_OF_MOVIES = frozenset({b"ftyp", b"free", b"mdat", b"meta", b"moov", b"skip", b"uuid", b"wide"})
_MOST_TRIED = 32  # places where a movie may begin: the word may stand in compressed data, too


def movie_in(data: bytes) -> bytes | None:
    """The movie of a motion photo; None if there is none.

    Google and Samsung put an MP4 behind a JPEG, or into a box of a HEIF.  Where it is said to begin is not looked at:
    programs that edit a photo leave such words behind.

    Parameters
    ----------
    data : bytes
        A whole JPEG or HEIF.
    """
    at = len(data)
    for _ in range(_MOST_TRIED):
        at = data.rfind(b"ftyp", 0, at)
        if at <= 8:  # that of a HEIF itself
            return None
        end = _end_of_movie(data, at - 4)
        if end is not None:
            return data[at - 4 : end]
    return None


def _end_of_movie(data: bytes, start: int) -> int | None:
    """End of the last box of a movie that begins there; None if it is no movie."""
    if not brands(data[start : start + 256]):
        return None
    kinds, last = set(), start
    for kind, _, end in boxes_in(data, start):
        if kind not in _OF_MOVIES or end > len(data):
            break
        kinds.add(kind)
        last = end
    return last if {b"moov", b"mdat"} <= kinds else None
