"""A workspace whose gallery is being edited, and the displays that follow every change of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from facesort.core.matching import Thresholds
from facesort.engine.analysis.pool import LocalPool
from facesort.engine.gallery.seed import Candidate, SeedReport, seed
from facesort.engine.gallery.uploads import private_files
from facesort.engine.gallery.view import GalleryView, read_gallery
from facesort.engine.rules import rules_of
from facesort.faces.protocol import ModelPack
from facesort.lab.shared.session import Session
from facesort.lab.shared.tables import Table
from facesort.lab.shared.words import decimals
from facesort.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Offer:
    """A photo offered as a reference.

    Parameters
    ----------
    name : str
        Of the file.
    photo : Path or bytes
        Where it is, or what was uploaded.
    """

    name: str
    photo: Path | bytes


class Seeding(Session):
    """A workspace whose gallery is being edited.  Displays as a table of what counts.

    Parameters
    ----------
    executor : Executor, optional
        Where to analyse; by default one process on this machine, started with the first photo and kept, so that
        only the first has to wait for the model.
    """

    def __init__(
        self, workspace: Workspace, pack: ModelPack, executor: Executor | None = None
    ) -> None:
        super().__init__(workspace, pack)
        self._executor = executor
        self._view: GalleryView | None = None

    @property
    def thresholds(self) -> Thresholds:
        """That a sort would use now."""
        return rules_of(self.workspace.settings, self.pack).thresholds

    def view(self) -> GalleryView:
        """The gallery as it is now; read once between two changes.

        Raises
        ------
        FacesortError
            As `facesort.engine.gallery.view.read_gallery`.
        """
        with self.lock:
            if self._view is None:
                self._view = read_gallery(self.workspace, self.pack)
            return self._view

    def add(
        self, name: str, offers: Sequence[Offer], *, folder: str | None = None, force: bool = False
    ) -> Iterator[SeedReport]:
        """Seed a person, as `facesort.engine.gallery.seed.seed` does; uploads are on disk only meanwhile."""
        if self._executor is None:
            self._executor = LocalPool.of(1, self.workspace.settings.photos)
        uploads = [(o.name, o.photo) for o in offers if isinstance(o.photo, bytes)]
        with private_files(self.workspace, uploads) as files:
            written = iter(files)
            candidates = [
                Candidate(
                    name, o.photo if isinstance(o.photo, Path) else next(written), folder, force
                )
                for o in offers
            ]
            yield from seed(self.workspace, self.pack, candidates, self._executor)

    def changed(self, by: str = "") -> None:
        """Read the gallery again, and refresh everything that shows it."""
        with self.lock:
            self._view = read_gallery(self.workspace, self.pack)
            super().changed(by)

    def table(self) -> Table:
        """What counts here, and where it comes from."""
        thresholds, settings = self.thresholds, self.workspace.settings
        limits, matching = settings.seed, settings.matching
        recommended = (
            "recommended for this pack" if self.pack.calibrated else "defaults, not measured"
        )
        origin = recommended if matching.strict is None else "facesort.toml"
        return Table(
            ("Setting", "Value", "What it means"),
            (
                ("Workspace", self.workspace.root, "the gallery is kept here"),
                ("Model pack", self.pack.name, self.pack.licence),
                ("STRICT", decimals(thresholds.strict), f"matched and learned; {origin}"),
                ("LOOSE", decimals(thresholds.loose), "matched only; beyond it, unknown"),
                (
                    "Smallest face",
                    f"{limits.min_face_px:g} px",
                    "shorter side; smaller is too_small",
                ),
                ("Least sharpness", f"{limits.min_sharpness:g}", "below it is blurred"),
                (
                    "Largest turn",
                    f"{limits.max_yaw:g}",
                    "0 frontal, 1 profile; beyond is extreme_pose",
                ),
            ),
        )

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def __repr__(self) -> str:
        return repr(self.table())
