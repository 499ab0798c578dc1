"""A part of a clip: which samples it has, and the faces in them; found by a worker, and kept on the disk."""

from __future__ import annotations

import io
import logging
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesort.core.records import Face, PhotoInfo
from facesort.errors import WorkspaceError, because
from facesort.files import NotOursError, make_own_folder, read_own, remove_own_folder, replace_file
from facesort.workspace import Workspace, leave_alone

log = logging.getLogger(__name__)

_CLIP = re.compile(r"[0-9a-f]{64}")
_NAMES = re.compile(r"\d{6,}\.npz|\.\d{6,}\.npz\.new")
_LIMIT = 1 << 30  # bytes of one file
_UNREADABLE = (
    *(OSError, EOFError, MemoryError, ValueError, KeyError, IndexError),
    *(zipfile.BadZipFile, zlib.error),
)


@dataclass(frozen=True, slots=True, eq=False)
class FoundPart:
    """The faces in the samples of a part.

    Parameters
    ----------
    samples : tuple of (ms, tuple of Face)
        In order.  Where the same frame is on the screen at several samples, they have the same faces.
    complaints : int
        What the decoder complained of.
    ended_ms : int or None
        End of the clip, if it is within the part or before it.
    info : PhotoInfo or None
        Of the clip, as `facesort.images.clips` tells it; None: the part was kept, and is not asked.
    """

    samples: tuple[tuple[int, tuple[Face, ...]], ...]
    complaints: int = 0
    ended_ms: int | None = None
    info: PhotoInfo | None = None


@dataclass(frozen=True, slots=True)
class KeptParts:
    """The parts of one clip that are done, in a folder of the workspace: a job that was killed goes on after them.

    Parameters
    ----------
    folder : Path
        Named by the SHA-256 of the clip.
    below : Path
        The workspace: no link in it is followed.
    key : str
        All that decides what is found besides the content; parts with another key are found again.
    """

    folder: Path
    below: Path
    key: str

    @classmethod
    def of(cls, workspace: Workspace, sha256: str, key: str = "") -> KeptParts:
        """Of a clip, whether there are any or not; the key matters for reading and writing."""
        return cls(workspace.clips / sha256, workspace.root, key)

    def read(self, number: int) -> FoundPart | None:
        """A part, if it is there as it was written."""
        try:
            data = read_own(self._path(number), below=self.below, limit=_LIMIT)
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                return _unpacked(arrays) if str(arrays["key"]) == self.key else None
        except FileNotFoundError:
            return None
        except _UNREADABLE as error:
            log.warning(
                "%s cannot be used (%s): the part is looked at again", self._path(number), error
            )
            return None

    def write(self, number: int, found: FoundPart) -> None:
        """Keep a part.

        Raises
        ------
        WorkspaceError
            If the disk is full or fails, or something that is not facesort's has the name.
        """
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, key=np.array(self.key), **_packed(found))
        try:
            make_own_folder(self.folder.parent, below=self.below)
            make_own_folder(self.folder, below=self.below)
            replace_file(self._path(number), buffer.getvalue())
        except OSError as error:
            raise WorkspaceError(
                f"{self.folder} cannot be written {because(error)}, and run the command again"
            ) from error

    def remove(self) -> None:
        """Remove them all: the clip is decided."""
        try:
            remove_own_folder(self.folder, _NAMES, below=self.below)
        except FileNotFoundError:
            pass
        except (NotOursError, OSError) as error:
            log.warning("%s cannot be removed (%s)", self.folder, error.strerror)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npz"


def remove_parts(workspace: Workspace) -> None:
    """Remove the parts of all clips, also of those that failed: no clip waits any more."""
    if not workspace.clips.is_dir():
        return
    for path in sorted(workspace.clips.iterdir()):
        if _CLIP.fullmatch(path.name):
            KeptParts.of(workspace, path.name).remove()
        else:
            leave_alone([path])


_SCALARS = ("score", "sharpness", "yaw", "quality", "turn")


def _packed(found: FoundPart) -> dict[str, NDArray[np.generic]]:
    """As arrays: the faces one after the other, each once, and how many each sample has."""
    faces: list[Face] = []
    first: dict[int, int] = {}
    rows = []
    for ms, seen in found.samples:
        if seen and id(seen) not in first:
            first[id(seen)] = len(faces)
            faces += seen
        rows.append((ms, first.get(id(seen), 0), len(seen)))
    crops = [np.frombuffer(face.crop, np.uint8) for face in faces]
    return {
        "samples": np.array(rows, np.int64).reshape(-1, 3),
        "boxes": _stacked([face.box for face in faces], (4,)),
        "landmarks": _stacked([face.landmarks for face in faces], (5, 2)),
        "embeddings": _stacked([face.embedding for face in faces], (0,)),
        "scalars": np.array([[getattr(f, s) for s in _SCALARS] for f in faces]).reshape(-1, 5),
        "crops": np.concatenate([np.empty(0, np.uint8), *crops]),
        "crop_sizes": np.array([len(crop) for crop in crops], np.int64),
        "complaints": np.array(found.complaints),
        "ended_ms": np.array(-1 if found.ended_ms is None else found.ended_ms),
    }


def _stacked(rows: Sequence[NDArray[np.float32]], shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.stack(rows).astype(np.float32) if rows else np.empty((0, *shape), np.float32)


def _unpacked(arrays: np.lib.npyio.NpzFile) -> FoundPart:
    faces = tuple(_faces(arrays))
    seen: dict[tuple[int, int], tuple[Face, ...]] = {}
    samples = []
    for ms, first, number in arrays["samples"].tolist():
        if not 0 <= first <= first + number <= len(faces):
            raise ValueError("a sample has faces that are not there")
        part = seen.setdefault((first, number), faces[first : first + number])
        samples.append((int(ms), part))
    ended = int(arrays["ended_ms"])
    return FoundPart(tuple(samples), int(arrays["complaints"]), None if ended < 0 else ended)


def _faces(arrays: np.lib.npyio.NpzFile) -> Iterator[Face]:
    columns = [arrays[name] for name in ("boxes", "landmarks", "embeddings", "scalars")]
    sizes = arrays["crop_sizes"]
    crops = np.split(arrays["crops"], np.cumsum(sizes)[:-1]) if len(sizes) else []
    for box, landmarks, embedding, scalars, crop in zip(*columns, crops, strict=True):
        score, sharpness, yaw, quality, turn = scalars.tolist()
        yield Face(
            box=box,
            landmarks=landmarks,
            score=score,
            sharpness=sharpness,
            yaw=yaw,
            quality=quality,
            embedding=embedding,
            crop=crop.tobytes(),
            turn=int(turn),
        )
