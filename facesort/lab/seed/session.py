"""A gallery that is edited in a notebook, and the displays that follow it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

from facesort.core.persons.matching import Thresholds
from facesort.engine.analysis.pool import LocalPool
from facesort.engine.gallery.seed import Candidate, SeedReport, prepare, seed, upload_name
from facesort.engine.gallery.view import GalleryView, read_gallery
from facesort.engine.rules import rules_of
from facesort.faces.packs.measured import vouched_by
from facesort.faces.protocol import ModelPack
from facesort.lab.shared.history_line import HistoryLine
from facesort.lab.shared.session import Session
from facesort.lab.shared.tables import Table
from facesort.lab.shared.words import decimals
from facesort.store.queries.journal import standing_actions
from facesort.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Offer:
    """A photo offered as a reference.

    Parameters
    ----------
    photo : Path or bytes
        Its path, or its uploaded content.
    force : bool
    face : int or None
        As in `Candidate`.
    """

    file_name: str
    photo: Path | bytes = field(repr=False)
    force: bool = False
    face: int | None = None


class SeedSession(Session):
    """A workspace whose gallery is edited.  Displays as a table of its settings.

    Parameters
    ----------
    executor : Executor, optional
        Where to analyse.  Default: one process on this machine, started by `prepare` or with the first photo, and kept.

    Attributes
    ----------
    history_line : HistoryLine
        In every section.
    """

    def __init__(
        self, workspace: Workspace, pack: ModelPack, executor: Executor | None = None
    ) -> None:
        super().__init__(workspace, pack)
        self._executor = executor
        self._view: GalleryView | None = None
        self.history_line = HistoryLine(self)

    @property
    def thresholds(self) -> Thresholds:
        """The thresholds that a sort would use now."""
        return rules_of(self.workspace.settings, self.pack).thresholds

    def view(self) -> GalleryView:
        """The gallery as of the last change.

        Raises
        ------
        FacesortError
            As `facesort.engine.gallery.view.read_gallery`.
        """
        with self.lock:
            if self._view is None:
                self._view = read_gallery(self.workspace, self.pack)
            return self._view

    def prepare(self) -> None:
        """Load the models while the page is read: the first photo waits for what is left of that."""
        prepare(self.workspace, self.pack, self._pool())

    def _pool(self) -> Executor:
        if self._executor is None:
            self._executor = LocalPool.of(1, self.workspace.settings.photos)
        return self._executor

    def add(
        self, name: str, offers: Sequence[Offer], *, folder: str | None = None
    ) -> Iterator[SeedReport]:
        """Seed a person (see `facesort.engine.gallery.seed.seed`)."""
        candidates = [_candidate(name, offer, folder) for offer in offers]
        yield from seed(self.workspace, self.pack, candidates, self._pool())

    def catch_up(self) -> None:
        """Show what was done in other windows since."""
        with self.lock:
            with self.workspace.open_store(read_only=True) as store:
                newest = standing_actions(store)[:1]
            if newest != self.history_line.known[:1]:
                self.changed()

    def changed(self, by: str = "") -> None:
        """Read the gallery again, and refresh everything that shows it."""
        with self.lock:
            self._view = read_gallery(self.workspace, self.pack)
            super().changed(by)

    def table(self) -> Table:
        """The settings that decide about references, and where they come from."""
        thresholds, settings = self.thresholds, self.workspace.settings
        limits, matching = settings.seed, settings.matching
        pack_says = f"the pack's ({vouched_by(self.pack)})"
        origin = pack_says if matching.strict is None else "facesort.toml"
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


def _candidate(name: str, offer: Offer, folder: str | None) -> Candidate:
    photo = offer.photo
    return Candidate(
        name,
        photo if isinstance(photo, Path) else upload_name(offer.file_name),
        folder,
        offer.force,
        offer.face,
        None if isinstance(photo, Path) else photo,
    )
