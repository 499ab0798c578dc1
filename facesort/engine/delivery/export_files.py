"""The files of an export.

::

    DIR/
    ├── <person>/*.jpg    a copy for everyone in the photo, and on request an .xmp beside it
    ├── index.*          who is in which copy, for programs: .parquet and .jsonl
    ├── index.html        on request: web pages; and _gallery/, see `gallery_pages`
    ├── <person>/*.vtt    when who is seen in a clip, for players
    ├── _videos.json      the same by person, for programs; if there are clips
    ├── _left_out.csv     every photo that is missing here or from a folder it could be in, and why
    ├── _results.*        on request: all photos, who is in them, and the distances
    ├── _SHA256SUMS       for `sha256sum -c`; written last
    └── _unfinished.json  only until then: the same command goes on from there

Names of persons' folders never start with ``_``: if one is called like the index, the index does.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from facesort.core.delivery.appearances import segments
from facesort.core.delivery.regions import delivered_region
from facesort.core.delivery.routing import PARTIAL, beside_folders
from facesort.core.delivery.xmp import markers, sidecar
from facesort.core.moments.bursts import LeftOut
from facesort.core.stored import StoredPhoto
from facesort.core.text.foreign_text import csv_text
from facesort.engine.delivery.export_folder import MANIFEST, ExportFolder
from facesort.engine.delivery.gallery_pages import GalleryPages
from facesort.engine.delivery.index import (
    INDEX_NAMES,
    DeliveredFile,
    index_files,
    index_rows,
    scratch_lines,
)
from facesort.engine.delivery.plan import Delivery, Picture
from facesort.engine.delivery.renderer import Renderer
from facesort.engine.delivery.videos import VIDEOS, chapter_files, list_of_videos
from facesort.errors import ImageError, OutputError, SettingsError
from facesort.files import remove_own
from facesort.images import jpeg_size
from facesort.settings import NearDuplicates
from facesort.store import Store
from facesort.store.queries.delivery.deliveries import write_results
from facesort.store.queries.gallery import person_summaries

log = logging.getLogger(__name__)

LEFT_OUT = "_left_out.csv"
_HALF_INDEX = Path(f".index{PARTIAL}.parquet")
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
    near_duplicates : {'keep', 'best'} or None
        Whether everybody gets all photos of a burst or only the best; None: as ``photos.near_duplicates`` says.
    with_location : bool
        Whether where photos were taken goes into the index and the table.
    gallery : bool
        Write web pages of the event and of each person.
    """

    hard_links: bool = False
    xmp: bool = False
    results: Literal["parquet", "csv"] | None = None
    near_duplicates: NearDuplicates | None = None
    with_location: bool = False
    gallery: bool = False

    def __post_init__(self) -> None:
        if self.results not in ("parquet", "csv", None):
            raise SettingsError(f"results are written as 'parquet' or 'csv', not {self.results!r}")
        if self.near_duplicates not in ("keep", "best", None):
            raise SettingsError(
                f"near duplicates are 'keep' (all are delivered) or 'best', not {self.near_duplicates!r}"
            )


@dataclass(slots=True)
class ExportWriter:
    """Writes an export, and counts what it has written; `lost` are photos that cannot be rendered any more."""

    folder: ExportFolder
    options: ExportOptions
    renderer: Renderer
    pages: GalleryPages | None
    copies: list[DeliveredFile] = field(default_factory=list)
    lost: list[LeftOut] = field(default_factory=list)
    linked: int = 0
    no_links: str = ""

    def write(self, delivery: Delivery, store: Store) -> None:
        """Write everything that is not there yet, the manifest last."""
        self.folder.begin(self._names(delivery, store))
        pictures = list(delivery.pictures.values())
        for start in range(0, len(pictures), _AT_ONCE):
            self._copy(pictures[start : start + _AT_ONCE])
        self._list_left_out(delivery)
        self._write_index(delivery, store)
        if delivery.clips:
            self._write_videos(delivery, store)
        if self.options.results:
            self._write_results(delivery, store)
        if self.pages:
            self.pages.write(self.copies)
        self.folder.finish()

    def _names(self, delivery: Delivery, store: Store) -> set[str]:
        """All files that the export may write."""
        copies = {file for picture in delivery.pictures.values() for file in picture.files}
        sidecars = {_sidecar_of(file) for file in copies} if self.options.xmp else set()
        half = {_HALF_INDEX.name, scratch_lines(_HALF_INDEX).name}
        index = half | {beside_folders(name, delivery.all_folders) for name in INDEX_NAMES}
        results = {f"_results.{self.options.results}", self._half_results()}
        pages = self.pages.files() if self.pages else set()
        people = {found.person.folder: found.person for found in person_summaries(store)}
        videos = {VIDEOS} | chapter_files(delivery, people).keys() if delivery.clips else set()
        always = {LEFT_OUT, MANIFEST} | videos | copies | sidecars | index | pages
        return always | results if self.options.results else always

    def _copy(self, pictures: Sequence[Picture]) -> None:
        """Write the copies of some photos."""
        some = [picture.photo for picture in pictures if not picture.photo.is_whole_clip]
        found = self.renderer.results(some)
        jpegs = {photo.key: jpeg for photo, jpeg in zip(some, found, strict=True)}
        for picture in pictures:
            jpeg = jpegs.get(picture.photo.key)
            if isinstance(jpeg, bytes):
                self._copy_photo(picture, jpeg)
            elif jpeg is not None:
                self._lose(picture, jpeg)
            else:
                self._copy_clip(picture)
        # After its copies: by these an export that goes on knows that a photo was there.
        if self.pages:
            self.pages.add(some, found)

    def _copy_photo(self, picture: Picture, jpeg: bytes) -> None:
        photo, digest, size = picture.photo, hashlib.sha256(jpeg).hexdigest(), jpeg_size(jpeg)
        regions = _regions(photo, size) if self.options.xmp else b""
        original = self.renderer.intact_copy(photo) if self.options.hard_links else None
        for file in picture.files:
            if original is None or not self._link(original, file, digest):
                self.folder.add(file, jpeg)
            self.copies.append(DeliveredFile.of(photo, file, digest, len(jpeg), size))
            if regions:
                self.folder.add(_sidecar_of(file), regions)

    def _copy_clip(self, picture: Picture) -> None:
        clip = picture.photo
        original = self.renderer.intact_copy(clip) if self.options.hard_links else None
        for file in picture.files:
            try:
                if original is None or not self._link(original, file, clip.sha256):
                    self.folder.stream(file, clip.sha256, self.renderer.parts(clip))
            except ImageError as error:
                self._lose(picture, error)
                return
            shape = clip.size or (1, 1)
            size = clip.file_size
            self.copies.append(DeliveredFile.of(clip, file, clip.sha256, size, shape))
            if self.options.xmp:
                self.folder.add(_sidecar_of(file), _markers(clip))

    def _lose(self, picture: Picture, error: ImageError) -> None:
        """Go on without what cannot be had."""
        photo = picture.photo.photo
        if any(self.folder.holds(file) for file in picture.files):
            raise OutputError(
                f"{photo.path} was exported before the interruption, and cannot be rendered again to compare "
                f"it ({error}): plug in the source and run the command again, or give a new folder"
            )
        log.warning("%s cannot be rendered again: %s", photo.path, error)
        self.lost.append(LeftOut(photo.photo_id, "", error.reason.value))

    def _link(self, original: Path, file: str, digest: str) -> bool:
        if self.no_links:
            return False
        try:
            self.linked += self.folder.link(original, file, digest)
        except OSError as error:
            self.no_links = error.strerror or str(error)
            log.warning("hard links are not possible (%s): copying instead", self.no_links)
            return False
        return True

    def _list_left_out(self, delivery: Delivery) -> None:
        """List what was left out, and why."""
        rows = [("source", "photo", "folder", "why", "instead")]
        rows += [(source, path, "", why, "") for source, path, why in delivery.nowhere]
        left_out = (*delivery.left_out, *self.lost)
        for left in sorted(left_out, key=lambda item: (item.photo_id, item.folder)):
            instead = "" if left.instead is None else delivery.photos[left.instead].photo.path
            photo = delivery.photos[left.photo_id].photo
            rows.append((photo.source, photo.path, left.folder, left.why, instead))
        self.folder.add(LEFT_OUT, csv_text(rows).encode("utf-8-sig"))

    def _write_index(self, delivery: Delivery, store: Store) -> None:
        smaller = self.pages.smaller if self.pages else {}
        rows = index_rows(
            store,
            delivery,
            self.copies,
            smaller=lambda copy: smaller.get(copy.sha256, ()),
            with_location=self.options.with_location,
        )
        for name, data in index_files(store, rows, self.folder.path / _HALF_INDEX).items():
            self.folder.add(beside_folders(name, delivery.all_folders), data)

    def _write_videos(self, delivery: Delivery, store: Store) -> None:
        people = {found.person.folder: found.person for found in person_summaries(store)}
        for name, data in chapter_files(delivery, people).items():
            self.folder.add(name, data)
        self.folder.add(VIDEOS, list_of_videos(delivery, people, self.copies))

    def _half_results(self) -> str:
        return f".results{PARTIAL}.{self.options.results}"

    def _write_results(self, delivery: Delivery, store: Store) -> None:
        """Write the table of all photos; DuckDB writes it to a file of its own first."""
        half = self.folder.path / self._half_results()
        remove_own(half, below=self.folder.path)
        best = {key: burst.best for burst in delivery.bursts for key in burst.photo_ids}
        copies = [(copy.photo_id, copy.file) for copy in self.copies]
        write_results(store, half, copies, best, positions=self.options.with_location)
        self.folder.add(f"_results.{self.options.results}", half.read_bytes())
        remove_own(half, below=self.folder.path)


def _sidecar_of(file: str) -> str:
    return f"{file.rpartition('.')[0]}.xmp"


def _markers(clip: StoredPhoto) -> bytes:
    """XMP sidecar of a whole clip, with the times of everyone recognised."""
    people = {face.person_id: face.person for face in clip.faces if face.person and not face.awaits}
    return markers(
        {
            name: [(seen.start_ms, seen.end_ms) for seen in segments(clip, key)]
            for key, name in people.items()
            if key is not None
        }
    )


def _regions(photo: StoredPhoto, size: tuple[int, int]) -> bytes:
    """XMP sidecar with the regions of everyone recognised."""
    found = (delivered_region(photo, face) for face in photo.faces if face.person is not None)
    return sidecar([region for region in found if region], size)
