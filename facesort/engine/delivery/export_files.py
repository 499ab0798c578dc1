"""The files of an export.

::

    DIR/
    ├── <person>/*.jpg    a copy for everyone in the photo, and on request an .xmp beside it
    ├── _left_out.csv     every photo that is missing here or from a folder it could be in, and why
    ├── _results.*        on request: all photos, who is in them, and the distances
    └── _SHA256SUMS       for `sha256sum -c`; written last, so an export without it is incomplete

Names of persons' folders never start with ``_``.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from facesort.core.bursts import Burst, LeftOut
from facesort.core.foreign_text import checksum_line, csv_text
from facesort.core.routing import output_name
from facesort.core.stored import StoredPhoto
from facesort.core.xmp import Region, sidecar
from facesort.engine.delivery.renderer import Renderer
from facesort.errors import SettingsError
from facesort.files import file_sha256, sync_folder, write_synced
from facesort.images import jpeg_size
from facesort.reasons import Reason
from facesort.store import Store
from facesort.store.queries.deliveries import write_results

log = logging.getLogger(__name__)

MANIFEST = "_SHA256SUMS"
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
    """

    hard_links: bool = False
    xmp: bool = False
    results: Literal["parquet", "csv"] | None = None
    best_of_burst: bool = False

    def __post_init__(self) -> None:
        if self.results not in ("parquet", "csv", None):
            raise SettingsError(f"results are written as 'parquet' or 'csv', not {self.results!r}")


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """What an export holds; `left_out` grows with what cannot be rendered.

    Parameters
    ----------
    photos : dict of photo_id to StoredPhoto
        All of them.
    folders : dict of photo_id to tuple of str
    left_out : list of LeftOut
    bursts : tuple of Burst
    """

    photos: dict[int, StoredPhoto]
    folders: dict[int, tuple[str, ...]]
    left_out: list[LeftOut]
    bursts: tuple[Burst, ...]


@dataclass(slots=True)
class ExportWriter:
    """Writes an export, and counts what it has written."""

    folder: Path
    options: ExportOptions
    renderer: Renderer
    copies: list[tuple[int, str]] = field(default_factory=list)
    sums: list[tuple[str, str]] = field(default_factory=list)
    linked: int = 0
    no_links: str = ""

    def write(self, plan: ExportPlan, store: Store) -> None:
        """Write everything, the manifest last."""
        self.folder.mkdir(parents=True, exist_ok=True)
        wanted = sorted(plan.folders)
        for start in range(0, len(wanted), _AT_ONCE):
            plan.left_out.extend(self._copy(plan, wanted[start : start + _AT_ONCE]))
        self._list_left_out(plan)
        if self.options.results:
            table = self.folder / f"_results.{self.options.results}"
            best = {key: burst.best for burst in plan.bursts for key in burst.photo_ids}
            write_results(store, table, self.copies, best)
            self.sums.append((file_sha256(table), table.name))
        self._write_manifest()

    def _copy(self, plan: ExportPlan, keys: Sequence[int]) -> list[LeftOut]:
        """Write the copies of some photos; return those that cannot be rendered any more."""
        some = [plan.photos[key] for key in keys]
        missing = []
        for photo, jpeg in zip(some, self.renderer.jpegs(some), strict=True):
            key = photo.photo.photo_id
            if jpeg is None:
                missing.append(LeftOut(key, "", Reason.RENDER_CHANGED.value))
            else:
                self._copy_photo(photo, plan.folders[key], jpeg)
        return missing

    def _copy_photo(self, photo: StoredPhoto, folders: Sequence[str], jpeg: bytes) -> None:
        name = output_name(photo.photo.path, photo.sha256)
        digest = hashlib.sha256(jpeg).hexdigest()
        regions = _regions(photo, jpeg) if self.options.xmp else b""
        original = self.renderer.intact_copy(photo) if self.options.hard_links else None
        for folder in folders:
            (self.folder / folder).mkdir(exist_ok=True)
            file = f"{folder}/{name}"
            if original is None or not self._link(original, self.folder / file):
                write_synced(self.folder / file, jpeg)
            self.sums.append((digest, file))
            self.copies.append((photo.photo.photo_id, file))
            if regions:
                self._add(f"{file.removesuffix('.jpg')}.xmp", regions)

    def _link(self, original: Path, target: Path) -> bool:
        if self.no_links:
            return False
        try:
            os.link(original, target)
        except OSError as error:
            self.no_links = os.strerror(error.errno or 0)
            log.warning("hard links are not possible (%s): copying instead", self.no_links)
            return False
        self.linked += 1
        return True

    def _add(self, file: str, data: bytes) -> None:
        """Write one more file, and list it in the manifest."""
        write_synced(self.folder / file, data)
        self.sums.append((hashlib.sha256(data).hexdigest(), file))

    def _list_left_out(self, plan: ExportPlan) -> None:
        """List what was left out, and why."""
        rows = [("photo", "folder", "why", "instead")]
        for left in sorted(plan.left_out, key=lambda item: (item.photo_id, item.folder)):
            instead = "" if left.instead is None else plan.photos[left.instead].photo.path
            rows.append((plan.photos[left.photo_id].photo.path, left.folder, left.why, instead))
        self._add(LEFT_OUT, csv_text(rows).encode("utf-8-sig"))

    def _write_manifest(self) -> None:
        """Write the hash of every file, after all other names are on the disk."""
        lines = "".join(checksum_line(*entry) for entry in sorted(self.sums, key=_file))
        for folder in sorted({self.folder / file.rpartition("/")[0] for _, file in self.sums}):
            sync_folder(folder)
        write_synced(self.folder / MANIFEST, lines.encode("utf-8"))
        sync_folder(self.folder)


def _file(entry: tuple[str, str]) -> str:
    return entry[1]


def _regions(photo: StoredPhoto, jpeg: bytes) -> bytes:
    """XMP sidecar with the regions of everyone recognised."""
    size = photo.size
    named = [] if size is None else [f for f in photo.faces if f.person is not None]
    regions = [Region.of(f.person or "", f.box, size or (1, 1)) for f in named]
    return sidecar(regions, jpeg_size(jpeg))
