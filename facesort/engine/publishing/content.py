"""Files that are published, read so that what is sent is what was planned."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from facesort.core.delivery.objects import PART, Digest, Planned, part_size
from facesort.errors import short_of
from facesort.files import open_own, open_regular
from facesort.reasons import Reason


class UnsentError(Exception):
    """Why one object cannot be sent, now or ever; the others can.

    Parameters
    ----------
    detail : str
        What the server or the disk said.
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail


class AbsentError(UnsentError):
    """There is no such object or upload; perhaps not any more."""

    def __init__(self) -> None:
        super().__init__(Reason.SERVER_ERROR, "what was there a moment ago is gone")


class StoppedError(Exception):
    """The job is to end; the object waits for the next one."""


@dataclass(frozen=True, slots=True)
class Item:
    """An object that is to be published, and the files that should have its content.

    Parameters
    ----------
    places : tuple of Path
        The first that has the content is sent.
    below : Path or None
        No link below this folder is followed; None: the files are the user's own, and links are.
    """

    planned: Planned
    places: tuple[Path, ...]
    below: Path | None

    def read(self) -> tuple[Path, Digest, bytes]:
        """Find the content.

        Returns
        -------
        Path, Digest, bytes
            The bytes only of what is sent in one part.

        Raises
        ------
        UnsentError
            If no file has it.
        """
        why = UnsentError(Reason.MISSING)
        for place in self.places:
            try:
                digest, data = self._looked_at(place)
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:  # ValueError: a name that no path can have
                if (short := short_of(error)) is not None:
                    raise short from error
                why = UnsentError(Reason.UNREADABLE, getattr(error, "strerror", "") or str(error))
                continue
            if (digest.sha256, digest.size) == (self.planned.sha256, self.planned.size):
                return place, digest, data
            why = UnsentError(Reason.CHANGED)
        raise why

    def part(self, place: Path, number: int, digest: Digest) -> bytes:
        """One part of a file, counted from 1.

        Raises
        ------
        UnsentError
            If it is not as it was when the whole file was read.
        """
        size = part_size(digest.size)
        try:
            with self._opened(place) as stream:
                stream.seek((number - 1) * size)
                data = stream.read(size)
        except FileNotFoundError:
            raise UnsentError(Reason.MISSING) from None
        except OSError as error:
            raise short_of(error) or UnsentError(Reason.UNREADABLE, str(error)) from error
        if _md5(data) != digest.parts[number - 1]:
            raise UnsentError(Reason.CHANGED)
        return data

    def _looked_at(self, place: Path) -> tuple[Digest, bytes]:
        whole, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        size, parts, data = 0, [], b""
        with self._opened(place) as stream:
            while chunk := stream.read(part_size(self.planned.size)):
                data = chunk
                whole.update(chunk)
                md5.update(chunk)
                parts.append(_md5(chunk))
                size += len(chunk)
                if size > self.planned.size:
                    break
        in_one = self.planned.size <= PART
        digest = Digest(whole.hexdigest(), size, md5.digest(), () if in_one else tuple(parts))
        return digest, data if in_one else b""

    @contextmanager
    def _opened(self, place: Path) -> Iterator[BinaryIO]:
        with (
            open_regular(place) if self.below is None else open_own(place, below=self.below)
        ) as stream:
            yield stream


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()
