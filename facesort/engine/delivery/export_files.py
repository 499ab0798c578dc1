"""The files of an export.

::

    DIR/
    ├── <person>/*.jpg    a copy for everyone in the photo, and on request an .xmp beside it
    ├── _left_out.csv     every photo that is missing here or from a folder it could be in, and why
    ├── _results.*        on request: all photos, who is in them, and the distances
    ├── _SHA256SUMS       for `sha256sum -c`; written last
    └── _unfinished.json  only until then: the same command goes on from there

Names of persons' folders never start with ``_``.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from facesort.core.bursts import Burst, LeftOut
from facesort.core.foreign_text import csv_text
from facesort.core.records import PhotoRef
from facesort.core.routing import PARTIAL, output_name
from facesort.core.stored import StoredPhoto
from facesort.core.xmp import Region, sidecar
from facesort.engine.delivery.export_folder import MANIFEST, ExportFolder
from facesort.engine.delivery.renderer import Renderer
from facesort.errors import OutputError, SettingsError
from facesort.files import remove_own
from facesort.images import jpeg_size
from facesort.store import Store
from facesort.store.queries.deliveries import write_results

log = logging.getLogger(__name__)

LEFT_OUT = "_left_out.csv"
_AT_ONCE = 32  # photos whose JPEGs are in memory at a time


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What an export writes besides the copies, and how.

    Parameters
    ----------
    hard_links : bool
        Link to the files of the output where that is possible, instead of copying them.
    xmp : bool
        Write the regions of everyone recognised beside each copy.
    results : {'parquet', 'csv'} or None
        Write a table of all photos.
    best_of_burst : bool
        Of each burst, deliver only the sharpest photo of each person.
    positions : bool
        Whether where photos were taken goes into the table.
    """

    hard_links: bool = False
    xmp: bool = False
    results: Literal["parquet", "csv"] | None = None
    best_of_burst: bool = False
    positions: bool = False

    def __post_init__(self) -> None:
        if self.results not in ("parquet", "csv", None):
            raise SettingsError(f"results are written as 'parquet' or 'csv', not {self.results!r}")
        if self.positions and self.results is None:
            raise SettingsError(
                "positions go into the table of results: ask for it, too (--results csv)"
            )


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """What an export holds; `left_out` grows with what cannot be rendered.

    Parameters
    ----------
    photos : dict of photo_id to StoredPhoto
        All of them.
    folders : dict of photo_id to tuple of str
    nowhere : list of (source, path, why)
        Files whose photo belongs in no folder, and duplicates.
    left_out : list of LeftOut
    bursts : tuple of Burst
    """

    photos: dict[int, StoredPhoto]
    folders: dict[int, tuple[str, ...]]
    nowhere: list[tuple[str, str, str]]
    left_out: list[LeftOut]
    bursts: tuple[Burst, ...]


@dataclass(slots=True)
class ExportWriter:
    """Writes an export, and counts what it has written; `lost` are photos that cannot be rendered any more."""

    folder: ExportFolder
    options: ExportOptions
    renderer: Renderer
    copies: list[tuple[int, str]] = field(default_factory=list)
    lost: list[PhotoRef] = field(default_factory=list)
    linked: int = 0
    no_links: str = ""

    def write(self, plan: ExportPlan, store: Store) -> None:
        """Write everything that is not there yet, the manifest last."""
        self.folder.begin(self._names(plan))
        wanted = sorted(plan.folders)
        for start in range(0, len(wanted), _AT_ONCE):
            plan.left_out.extend(self._copy(plan, wanted[start : start + _AT_ONCE]))
        self._list_left_out(plan)
        if self.options.results:
            self._write_results(plan, store)
        self.folder.finish()

    def _names(self, plan: ExportPlan) -> set[str]:
        """All files that the export may write."""
        copies = {file for key in plan.folders for file in _files_of(plan, key)}
        sidecars = {_sidecar_of(file) for file in copies} if self.options.xmp else set()
        results = {f"_results.{self.options.results}", self._half_results()}
        return (
            {LEFT_OUT, MANIFEST} | copies | sidecars | (results if self.options.results else set())
        )

    def _copy(self, plan: ExportPlan, keys: Sequence[int]) -> list[LeftOut]:
        """Write the copies of some photos; return those that cannot be rendered any more."""
        some = [plan.photos[key] for key in keys]
        missing = []
        for photo, jpeg in zip(some, self.renderer.results(some), strict=True):
            key, files = photo.photo.photo_id, _files_of(plan, photo.photo.photo_id)
            if isinstance(jpeg, bytes):
                self._copy_photo(photo, files, jpeg)
            elif any(self.folder.holds(file) for file in files):
                raise OutputError(
                    f"{photo.photo.path} was exported before the interruption, and cannot be rendered again to compare "
                    f"it ({jpeg}): plug in the source and run the command again, or give a new folder"
                )
            else:
                log.warning("%s cannot be rendered again: %s", photo.photo.path, jpeg)
                self.lost.append(photo.photo)
                missing.append(LeftOut(key, "", jpeg.reason.value))
        return missing

    def _copy_photo(self, photo: StoredPhoto, files: Sequence[str], jpeg: bytes) -> None:
        regions = _regions(photo, jpeg) if self.options.xmp else b""
        original = self.renderer.intact_copy(photo) if self.options.hard_links else None
        for file in files:
            if original is None or not self._link(original, file, jpeg):
                self.folder.add(file, jpeg)
            self.copies.append((photo.photo.photo_id, file))
            if regions:
                self.folder.add(_sidecar_of(file), regions)

    def _link(self, original: Path, file: str, jpeg: bytes) -> bool:
        if self.no_links:
            return False
        try:
            self.linked += self.folder.link(original, file, hashlib.sha256(jpeg).hexdigest())
        except OSError as error:
            self.no_links = error.strerror or str(error)
            log.warning("hard links are not possible (%s): copying instead", self.no_links)
            return False
        return True

    def _list_left_out(self, plan: ExportPlan) -> None:
        """List what was left out, and why."""
        rows = [("source", "photo", "folder", "why", "instead")]
        rows += [(source, path, "", why, "") for source, path, why in plan.nowhere]
        for left in sorted(plan.left_out, key=lambda item: (item.photo_id, item.folder)):
            instead = "" if left.instead is None else plan.photos[left.instead].photo.path
            photo = plan.photos[left.photo_id].photo
            rows.append((photo.source, photo.path, left.folder, left.why, instead))
        self.folder.add(LEFT_OUT, csv_text(rows).encode("utf-8-sig"))

    def _half_results(self) -> str:
        return f".results{PARTIAL}.{self.options.results}"

    def _write_results(self, plan: ExportPlan, store: Store) -> None:
        """Write the table of all photos; DuckDB writes it to a file of its own first."""
        half = self.folder.path / self._half_results()
        remove_own(half, below=self.folder.path)
        best = {key: burst.best for burst in plan.bursts for key in burst.photo_ids}
        write_results(store, half, self.copies, best, positions=self.options.positions)
        self.folder.add(f"_results.{self.options.results}", half.read_bytes())
        remove_own(half, below=self.folder.path)


def _files_of(plan: ExportPlan, key: int) -> list[str]:
    photo = plan.photos[key]
    name = output_name(photo.photo.path, photo.sha256)
    return [f"{folder}/{name}" for folder in plan.folders[key]]


def _sidecar_of(file: str) -> str:
    return f"{file.removesuffix('.jpg')}.xmp"


def _regions(photo: StoredPhoto, jpeg: bytes) -> bytes:
    """XMP sidecar with the regions of everyone recognised."""
    size = photo.size
    named = [] if size is None else [f for f in photo.faces if f.person is not None]
    regions = [Region.of(f.person or "", f.box, size or (1, 1)) for f in named]
    return sidecar(regions, jpeg_size(jpeg))
