"""Make the smaller versions that are missing of what is delivered, from its copies in the output."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice

from facesort.core.derivatives import Derivative, DerivedFile, Variant, variants_for
from facesort.core.stored import StoredPhoto
from facesort.engine.analysis.analyse import Analyser
from facesort.engine.analysis.in_order import derive_again
from facesort.engine.analysis.pool import executor_or_local
from facesort.engine.delivery.derivative_folder import DerivativeFolder
from facesort.engine.delivery.plan import pictures_of
from facesort.engine.delivery.renderer import Renderer
from facesort.engine.delivery.thumbnails import point_to_thumbnails, update_thumbnails
from facesort.errors import ImageError, resources_explained
from facesort.faces.protocol import ModelPack
from facesort.files import remove_own
from facesort.images.output import OUTPUT_EDGE
from facesort.settings import DerivativeSettings
from facesort.store import Store
from facesort.store.job.derivatives import drop_derivatives, record_derivatives
from facesort.store.queries.delivery.deliveries import wanted_folders
from facesort.store.queries.delivery.derivatives import derived_files, needed_files
from facesort.store.queries.stored import stored_photos
from facesort.workspace import Workspace

_AT_ONCE = 32  # photos whose JPEGs are in memory at a time

_NO_COPY = "no copy of it is in the output yet: `facesort sort` makes it"

Watch = Callable[[Sequence[str]], Iterable[str]]


@dataclass(slots=True)
class DeriveReport:
    """What `facesort derive` did.

    Parameters
    ----------
    photos : int
        That are delivered.
    made, kept, removed : int
        Files: made now, there already, and taken away because nothing that is delivered needs them.
    pictures : int
        Of persons, made now.
    failed : dict of str to str
        Photos of which nothing could be made, and why.
    """

    photos: int = 0
    made: int = 0
    kept: int = 0
    removed: int = 0
    pictures: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def variants_of(settings: DerivativeSettings) -> tuple[Variant, ...]:
    """What the settings ask for."""
    return tuple(
        Variant(kind, edge, getattr(settings, f"{kind}_quality"))
        for kind in settings.formats
        for edge in settings.edges
    )


def derive_all(
    workspace: Workspace,
    pack: ModelPack,
    executor: Executor | None = None,
    watch: Watch = iter,
) -> DeriveReport:
    """Make what is missing or damaged, for all photos that are delivered, and remove what is not needed any more.

    Photos without an intact copy in the output are rendered from the source.  Interrupted, it goes on where it stopped.

    Parameters
    ----------
    executor : Executor, optional
        Left open; default: processes on this machine.
    watch : callable of (sequence of str) to iterable of the same
        Wraps the photos of which something is missing; for progress bars.

    Raises
    ------
    WorkspaceBusyError
        While a sort is running.
    WorkspaceError
        If the disk is full or fails; what was made stays.
    """
    settings = workspace.settings
    analyser = Analyser(settings.sources, pack, settings.photos)
    with (
        resources_explained(),
        workspace.sorting_lock(),
        workspace.open_store() as store,
        executor_or_local(executor, settings) as pool,
    ):
        renderer = Renderer(analyser, pool, settings.output, lambda *_: None)
        return Deriving.of(workspace, store, renderer).run(watch, check=True)


@dataclass(frozen=True, slots=True)
class Deriving:
    """Smaller versions of all that is delivered, and pictures of the persons in it.

    Parameters
    ----------
    photos : dict of str to StoredPhoto
        Those that are delivered, by the SHA-256 of their output JPEG, with the copies that have it.
    """

    workspace: Workspace
    store: Store
    folder: DerivativeFolder
    renderer: Renderer
    variants: tuple[Variant, ...]
    photos: dict[str, StoredPhoto]
    report: DeriveReport

    @classmethod
    def of(cls, workspace: Workspace, store: Store, renderer: Renderer) -> Deriving:
        """Of a workspace, as decisions and answers count now."""
        settings = workspace.settings
        folders = wanted_folders(store, unknown_folder=settings.run.unknown_folder)
        wanted = {photo.photo.photo_id: photo for photo in stored_photos(store, sorted(folders))}
        photos, failed = {}, {}
        for picture in pictures_of(store, wanted, folders, settings.photos.clips):
            photo = picture.photo
            if photo.is_whole_clip:
                continue
            if not photo.copies:
                failed[photo.photo.shown] = _NO_COPY
                continue
            jpeg = photo.copies[0].sha256
            same = tuple(copy for copy in photo.copies if copy.sha256 == jpeg)
            photos[jpeg] = replace(photo, copies=same)
        folder, variants = DerivativeFolder.of(workspace), variants_of(settings.derivatives)
        report = DeriveReport(len(photos) + len(failed), failed=failed)
        return cls(workspace, store, folder, renderer, variants, photos, report)

    def run(self, watch: Watch, *, check: bool) -> DeriveReport:
        """Make what is missing, then remove what nothing needs.

        Parameters
        ----------
        check : bool
            Whether each file that was made before is read, to see that it is there and unchanged.
        """
        there = derived_files(self.store)
        todo: dict[str, set[Variant]] = {}
        for jpeg, photo in self.photos.items():
            asked = [file for file in there.get(jpeg, ()) if file.variant in self.variants]
            files = [file for file in asked if not check or self.folder.holds(file)]
            missing = self._asked(photo, files) - {file.variant for file in files}
            self.report.kept += len(files)
            if missing:
                todo[jpeg] = missing
        jpegs = iter(watch(list(todo)))
        while some := list(islice(jpegs, _AT_ONCE)):
            self._make({jpeg: todo[jpeg] for jpeg in some})
        photos = self.photos.values()
        self.report.pictures = update_thumbnails(
            self.store, self.folder, self.renderer, photos, check=check
        )
        point_to_thumbnails(self.workspace, self.store)
        self._remove_what_nothing_needs()
        return self.report

    def _asked(self, photo: StoredPhoto, files: Sequence[DerivedFile]) -> set[Variant]:
        """Variants that a photo has; a file that is smaller than its edge has the size of the photo."""
        sizes = [(max(file.width, file.height), file.variant.edge) for file in files]
        own = [size for size, edge in sizes if size < edge]
        edge = min([OUTPUT_EDGE, *own, *([max(photo.size)] if photo.size else [])])
        return set(variants_for(edge, self.variants))

    def _make(self, todo: Mapping[str, Collection[Variant]]) -> None:
        """Make and record the files of some photos."""
        photos = [self.photos[jpeg] for jpeg in todo]
        rendered = self.renderer.results(photos)
        with ThreadPoolExecutor(len(photos)) as threads:  # they wait for workers
            results = list(threads.map(self._derived, photos, rendered, todo.values()))
        made: dict[str, tuple[Derivative, ...]] = {}
        for jpeg, photo, result in zip(todo, photos, results, strict=True):
            if isinstance(result, ImageError):
                self.report.failed[photo.photo.shown] = str(result)
            else:
                made[jpeg] = result
        self.folder.write(file for files in made.values() for file in files)
        with self.store.transaction():
            record_derivatives(self.store, made)
        self.report.made += sum(map(len, made.values()))

    def _derived(
        self, photo: StoredPhoto, jpeg: bytes | ImageError, variants: Collection[Variant]
    ) -> tuple[Derivative, ...] | ImageError:
        if isinstance(jpeg, ImageError):
            return jpeg
        renderer = self.renderer
        try:
            return derive_again(renderer.analyser, photo.photo, renderer.executor, jpeg, variants)
        except ImageError as error:
            return error

    def _remove_what_nothing_needs(self) -> None:
        """Remove files of photos that are not delivered, of sizes that are not asked for, and of interrupted runs."""
        there = derived_files(self.store)
        with self.store.transaction():
            drop_derivatives(
                self.store,
                [
                    (jpeg, file.variant)
                    for jpeg, files in there.items()
                    for file in files
                    if jpeg not in self.photos or file.variant not in self.variants
                ],
            )
        for path in self.folder.others({file.name for file in needed_files(self.store)}):
            remove_own(path, below=self.folder.below)
            self.report.removed += 1
