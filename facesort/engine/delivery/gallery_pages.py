"""The web pages of an export, and the pictures that they show.

::

    DIR/
    ├── index.html             everybody (`_index.html` if a person's folder has this name)
    └── _gallery/
        ├── <person>.html      the photos of one person
        ├── <person>.jpg       the person's face
        └── ab/ab…-512.webp    smaller versions, by the first digits of the photo's SHA-256
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from facesort.core.delivery.portraits import Portrait, best_portraits
from facesort.core.delivery.routing import UNKNOWN_FOLDER, beside_folders
from facesort.core.derivatives import SUFFIXES, Derivative, DerivedFile, Variant, variants_for
from facesort.core.stored import StoredPhoto
from facesort.core.text.words import plain
from facesort.engine.analysis.in_order import derive_again
from facesort.engine.delivery.derivative_folder import DerivativeFolder
from facesort.engine.delivery.derivatives import variants_of
from facesort.engine.delivery.export_folder import ExportFolder
from facesort.engine.delivery.index import DeliveredFile
from facesort.engine.delivery.plan import Delivery
from facesort.engine.delivery.renderer import Renderer
from facesort.engine.delivery.thumbnails import cut_out
from facesort.errors import ImageError, OutputError
from facesort.images import jpeg_size
from facesort.images.output import OUTPUT_EDGE
from facesort.pages import Gallery, Person, Photo, event_page, person_page
from facesort.store import Store
from facesort.store.queries.delivery.derivatives import chosen_pictures, derived_files
from facesort.store.queries.gallery import person_summaries
from facesort.workspace import Workspace

GALLERY, EVENT_PAGE = "_gallery", "index.html"
_KEY_DIGITS = 20
_AT_ONCE = 16  # threads


@dataclass(frozen=True, slots=True)
class GalleryPages:
    """Makes the pages of an export, beside the copies.

    Parameters
    ----------
    stored : DerivativeFolder
        Smaller versions that were made before.
    known : mapping of str to tuple of DerivedFile
        Those in it, by the SHA-256 of the output JPEG.
    names : mapping of folder to str
        Of persons.
    portraits : mapping of folder to Portrait
        Which face shows each person.
    smaller : dict of str to list of (file, DerivedFile)
        What was written so far, by the SHA-256 of the output JPEG.
    with_face : set of folder
        Whose face was written.
    """

    folder: ExportFolder
    delivery: Delivery
    renderer: Renderer
    variants: tuple[Variant, ...]
    stored: DerivativeFolder
    known: Mapping[str, tuple[DerivedFile, ...]]
    names: Mapping[str, str]
    portraits: Mapping[str, Portrait]
    smaller: dict[str, list[tuple[str, DerivedFile]]] = field(default_factory=dict)
    with_face: set[str] = field(default_factory=set)

    @classmethod
    def of(
        cls,
        workspace: Workspace,
        store: Store,
        delivery: Delivery,
        folder: ExportFolder,
        renderer: Renderer,
    ) -> GalleryPages:
        """Of a delivery, with sizes and formats as the settings say."""
        folders = delivery.all_folders
        people = [found.person for found in person_summaries(store)]
        chosen = [face_id for face_id, _ in chosen_pictures(store).values()]
        pictures = (picture.photo for picture in delivery.pictures.values())
        shown = [photo for photo in pictures if not photo.is_whole_clip]
        best = best_portraits(shown, OUTPUT_EDGE, chosen)
        return cls(
            folder,
            delivery,
            renderer,
            variants_of(workspace.settings.derivatives),
            DerivativeFolder.of(workspace),
            derived_files(store),
            {person.folder: person.name for person in people},
            {
                person.folder: best[person.person_id]
                for person in people
                if person.person_id in best and person.folder in folders
            },
        )

    @property
    def event_page(self) -> str:
        """File of the page of everybody."""
        return beside_folders(EVENT_PAGE, self.delivery.all_folders)

    def files(self) -> set[str]:
        """All files that it may write."""
        photos = [
            picture.photo
            for picture in self.delivery.pictures.values()
            if not picture.photo.is_whole_clip
        ]
        smaller = {_smaller(photo, variant) for photo in photos for variant in self.variants}
        folders = self.delivery.all_folders
        return {self.event_page} | smaller | set(map(_page, folders)) | set(map(_face, folders))

    def add(self, photos: Sequence[StoredPhoto], jpegs: Sequence[bytes | ImageError]) -> None:
        """Write the smaller versions of some photos, and the faces for which they were chosen.

        Raises
        ------
        OutputError
            If a worker was lost.
        """
        there = [(p, j) for p, j in zip(photos, jpegs, strict=True) if isinstance(j, bytes)]
        with ThreadPoolExecutor(_AT_ONCE) as threads:  # they wait for workers
            made = list(threads.map(lambda one: self._derived(*one), there))
        for (photo, jpeg), some in zip(there, made, strict=True):
            self.smaller[hashlib.sha256(jpeg).hexdigest()] = [
                self._written(_smaller(photo, one.variant), one) for one in some
            ]
            self._cut_out(photo, jpeg)

    def _cut_out(self, photo: StoredPhoto, jpeg: bytes) -> None:
        """Write the faces for which this photo was chosen."""
        for folder, portrait in self.portraits.items():
            if portrait.photo is photo:
                self.folder.add(_face(folder), cut_out(portrait, jpeg))
                self.with_face.add(folder)

    def _derived(self, photo: StoredPhoto, jpeg: bytes) -> Sequence[Derivative]:
        """From the workspace if all are there, else made by a worker."""
        asked = variants_for(max(jpeg_size(jpeg)), self.variants)
        files = {f.variant: f for f in self.known.get(hashlib.sha256(jpeg).hexdigest(), ())}
        stored = [made for v in asked if v in files and (made := self._read(files[v])) is not None]
        if len(stored) == len(asked):
            return stored
        renderer = self.renderer
        try:
            return derive_again(renderer.analyser, photo.photo, renderer.executor, jpeg, asked)
        except ImageError as error:
            raise OutputError(
                f"the gallery's pictures of {photo.photo.path} could not be made ({error}). Run the same command again "
                "and it goes on, or export without --gallery"
            ) from error

    def _read(self, file: DerivedFile) -> Derivative | None:
        data = self.stored.read(file)
        return None if data is None else Derivative(*_facts(file), data)

    def _written(self, name: str, made: Derivative) -> tuple[str, DerivedFile]:
        self.folder.add(name, made.data)
        return name, DerivedFile(*_facts(made))

    def write(self, copies: Sequence[DeliveredFile]) -> None:
        """Write the pages, of all that was copied, but for whole clips."""
        copies = [c for c in copies if not self.delivery.pictures[c.key].photo.is_whole_clip]
        folders = sorted({copy.folder for copy in copies}, key=self._order)
        place = {folder: number for number, folder in enumerate(folders)}
        photos = [
            self._photo(list(files), place)
            for _, files in groupby(copies, key=lambda copy: copy.key)
        ]
        gallery = Gallery(
            self.folder.path.name,
            self.event_page,
            [self._person(folder) for folder in folders],
            sorted(photos, key=_by_time),
        )
        self.folder.add(gallery.page, event_page(gallery))
        for key, person in enumerate(gallery.people):
            self.folder.add(person.page, person_page(gallery, key))

    def _order(self, folder: str) -> tuple[bool, str, str]:
        return folder == UNKNOWN_FOLDER, plain(self.names.get(folder, folder)), folder

    def _person(self, folder: str) -> Person:
        name = "" if folder == UNKNOWN_FOLDER else self.names.get(folder, folder)
        return Person(name, _page(folder), _face(folder) if folder in self.with_face else "")

    def _photo(self, files: Sequence[DeliveredFile], place: Mapping[str, int]) -> Photo:
        one, stored = files[0], self.delivery.pictures[files[0].key].photo
        copies = {place[copy.folder]: copy.file for copy in files}
        smaller = self.smaller[one.sha256]
        return Photo(
            _key(stored), one.width, one.height, stored.taken_at, copies, smaller, one.at_ms
        )


def _page(folder: str) -> str:
    return f"{GALLERY}/{folder}.html"


def _face(folder: str) -> str:
    return f"{GALLERY}/{folder}.jpg"


def _key(photo: StoredPhoto) -> str:
    key, at_ms = photo.sha256[:_KEY_DIGITS], photo.photo.at_ms
    return key if at_ms is None else f"{key}t{at_ms}"


def _smaller(photo: StoredPhoto, variant: Variant) -> str:
    """File of a smaller version: in a folder of few, since FAT32 takes few files with long names in one."""
    key = _key(photo)
    return f"{GALLERY}/{key[:2]}/{key}-{variant.edge}.{SUFFIXES[variant.format]}"


def _by_time(photo: Photo) -> tuple[bool, datetime]:
    return photo.taken_at is None, photo.taken_at or datetime.min


def _facts(file: DerivedFile) -> tuple[Variant, int, int, int, str]:
    """All but the bytes."""
    return file.variant, file.width, file.height, file.size, file.sha256
