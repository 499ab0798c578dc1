"""The session of the review page: a finished sort, and what its panels read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from IPython.display import DisplayHandle

from facesort.core.persons.matching import Thresholds
from facesort.core.stored import StoredFace
from facesort.core.text.words import plain, several
from facesort.engine.gallery.action import one_opening
from facesort.engine.gallery.alike import Alike, find_alike
from facesort.engine.gallery.seed import person_name
from facesort.engine.job.progress import current_status
from facesort.engine.review.chains import Neighbour, neighbours
from facesort.engine.review.clusters import Kept, unknown_now
from facesort.engine.rules import rules_of
from facesort.faces.protocol import ModelPack
from facesort.files import Stamp, stamp_of
from facesort.lab.review.sheet import Tile
from facesort.lab.shared.event import alike_sentences, event_sentences
from facesort.lab.shared.history_line import HistoryLine
from facesort.lab.shared.session import Live, Session
from facesort.lab.shared.tables import Table
from facesort.lab.shared.words import decimals
from facesort.store.queries import Store, face_sets, reports
from facesort.store.queries.gallery import known_person, person_summaries, references_of
from facesort.store.queries.review import shown
from facesort.store.queries.review.chosen import Origins, origins
from facesort.store.queries.review.unknown import UnknownFaces
from facesort.workspace import Workspace

NOT_SORTED = "No face is stored yet: run `facesort sort` first."
LOW_QUALITY = 0.2
"""Below this quality a match is doubtful whatever its distance."""

_FIGURES_S = 2.0  # figures that take longer do not follow the answers by themselves

T = TypeVar("T")
DrawFace = Callable[[StoredFace, Neighbour | None], Tile]


class ReviewSession(Session):
    """A finished sort under review.  Displays as a table of its figures, which follows the answers.

    The database is opened for each read and each edit, and is closed in between; or once for all that is done in
    `one_opening`.

    Attributes
    ----------
    slow_s : float
        A panel that takes longer than this to refresh does not refresh by itself.
    unknown_groups : Kept
        Groups without a reference, as they were found last.
    finding : Future or None
        Those that are being found while the page is used.
    history_line : HistoryLine
        In every section.
    """

    pause_s = 0.8
    slow_s = 0.7

    def __init__(self, workspace: Workspace, pack: ModelPack) -> None:
        super().__init__(workspace, pack)
        self.unknown_groups = Kept()
        self.finding: asyncio.Future[Kept] | None = None
        self.history_line = HistoryLine(self)
        self._reader = ThreadPoolExecutor(1)
        self._wanted: Callable[[], object] | None = None
        self._kept: dict[str, Any] = {}
        self._kept_at: Stamp | None = None
        self._seconds = 0.0  # that the figures take
        self._figures = Live(self.table)
        self.follow("figures", self._session_changed, deferred=True)

    @property
    def thresholds(self) -> Thresholds:
        """The current thresholds, with LOOSE of the event if it was the event that decided it."""
        rules = rules_of(self.workspace.settings, self.pack)
        groups = self.groups() if rules.groups and not rules.loose_is_given else {}
        if not groups:
            return rules.thresholds
        loose = float(groups["loose"])
        return replace(rules.thresholds, strict=min(rules.thresholds.strict, loose), loose=loose)

    def groups(self) -> Mapping[str, Any]:
        """What the groups of the newest run went by; empty if none had groups."""
        found = [run.groups for run in self.read(reports.run_records) if run.groups]
        return found[-1] if found else {}

    def read(self, query: Callable[[Store], T]) -> T:
        """Query the database.

        Raises
        ------
        StoreLockedError
            While a sort is running.
        """
        with self.lock, self.workspace.open_store(read_only=True) as store:
            return query(store)

    def in_background(self, work: Callable[[], T], then: Callable[[T], object]) -> None:
        """Do slow work while the page is used, unless more is asked for before it begins; without a page, at once.

        Parameters
        ----------
        work : callable
            Asks the database for nothing.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # not in a notebook
            then(work())
            return
        self._wanted = work

        def finish(done: asyncio.Future[T | None]) -> None:
            found = done.result()
            if found is not None:
                then(found)

        future = loop.run_in_executor(
            self._reader, lambda: work() if self._wanted is work else None
        )
        future.add_done_callback(finish)

    @contextmanager
    def one_opening(self) -> Iterator[None]:
        """Open the database at most once for what is read and edited inside."""
        with self.lock, one_opening(self.workspace) as opened:
            closed, self.workspace = self.workspace, opened
            try:
                yield
            finally:
                self.workspace = closed

    def alike_sentences(self, name: str = "") -> list[str]:
        """Who looks like one person: of everybody, or of one person."""
        found, who = self.alike(), person_name(name)
        return alike_sentences([pair for pair in found if not who or who in pair.names])

    def tiles(self, store: Store, faces: Iterable[StoredFace], draw: DrawFace) -> list[Tile]:
        """A tile for each face, which knows the nearest one of its group."""
        found = list(faces)
        near = neighbours(store, found, self.pack.pack_id)
        return [draw(face, near.get(face.face_id)) for face in found]

    def kept(self, name: str, query: Callable[[Store], T]) -> T:
        """What a query gives: for all panels it is asked once, as long as nothing changes."""
        with self.lock:
            stamp = stamp_of(self.workspace.database)
            if stamp is None or stamp != self._kept_at:
                self._kept, self._kept_at = {}, stamp
            if name not in self._kept:
                self._kept[name] = self.read(query)
            found: T = self._kept[name]
            return found

    def origins(self) -> Origins:
        """Where the photos come from."""
        return self.kept("origins", origins)

    def alike(self) -> list[Alike]:
        """Persons who look like one."""
        return self.kept("alike", partial(find_alike, self.workspace, self.pack))

    def unknown(self) -> UnknownFaces:
        """Faces of nobody in the gallery."""
        return self.kept("unknown", partial(unknown_now, self.pack))

    def _counts_of_persons(self) -> dict[int, int]:
        return self.kept("persons", face_sets.count_by_person)

    def _asked_of_all_faces(self) -> None:
        """What the figures and other panels ask of all faces; they are joined once for it, and it is kept."""
        if stamp_of(self.workspace.database) is not None:
            self.alike()
            self.unknown()
            self._counts_of_persons()

    def best_references(self, names: Iterable[str]) -> dict[str, bytes]:
        """Crop of the best reference of each person; empty if there is none."""

        def read(store: Store) -> dict[str, bytes]:
            found = {}
            for name in names:
                person_id = known_person(store, name).person_id
                references = references_of(store, person_id, self.pack.pack_id)
                best = max(references, key=lambda r: r.quality, default=None)
                found[name] = best.crop if best else b""
            return found

        return self.read(read)

    def names(self) -> list[str]:
        """Names of everybody in the gallery, in alphabetical order."""
        found = self.read(person_summaries)
        return sorted((summary.person.name for summary in found), key=plain)

    def face_counts(self) -> dict[str, int]:
        """Number of faces of each person in the gallery, in alphabetical order."""
        found, counts = self.read(person_summaries), self._counts_of_persons()
        of_name = {s.person.name: counts.get(s.person.person_id, 0) for s in found}
        return {name: of_name[name] for name in sorted(of_name, key=plain)}

    def is_sorted(self) -> bool:
        """Whether any face is stored."""
        return self.read(face_sets.any_face)

    def table(self) -> Table:
        """Figures of the sort."""
        started = time.perf_counter()
        with self.one_opening():
            waiting = partial(
                shown.count_waiting, low_quality=LOW_QUALITY, beside=self._asked_of_all_faces
            )
            doubtful = self.read(waiting)
            persons = self.read(person_summaries)
            counts = current_status(self.workspace)  # counted only if they are not kept
            thresholds, said = self.thresholds, self._said(counts["photos"]["pending"])
        self._seconds = time.perf_counter() - started
        if self._seconds >= _FIGURES_S:
            said.append("These figures take a while: run the cell again for newer ones")
        faces, photos = counts["faces"], counts["photos"]
        pending = photos["pending"]
        copies = f"{several(sum(counts['persons'].values()), 'copy', 'copies')} in the output"
        return Table(
            ("", "Value", "What it means"),
            (
                ("Workspace", self.workspace.root, "answers and edits are stored here"),
                ("Model pack", self.pack.name, self.pack.licence),
                ("People", len(persons), "in the gallery"),
                (
                    "Photos",
                    photos["total"],
                    f"{copies}; {pending:,} pending" if pending else copies,
                ),
                ("STRICT", faces["strict"], f"faces within {decimals(thresholds.strict)}"),
                ("LOOSE", faces["loose"], f"faces within {decimals(thresholds.loose)}"),
                ("Unknown", faces["unknown"], "faces of nobody in the gallery"),
                ("Doubtful", doubtful, "matches to check, below"),
            ),
            note=" ".join(f"{sentence}." for sentence in said) if faces["total"] else NOT_SORTED,
        )

    def _said(self, pending: int) -> list[str]:
        said = [*event_sentences(self.groups()), *self.alike_sentences()]
        if pending:
            waits = several(pending, "photo waits", "photos wait")
            said.insert(
                0, f"{waits} to be sorted, and no figure counts them: `facesort sort` goes on"
            )
        return said

    def _session_changed(self) -> None:
        if self._seconds < _FIGURES_S:
            self._figures.refresh()

    def _ipython_display_(self) -> None:
        self._figures._ipython_display_()

    def show_in(self, *places: DisplayHandle) -> None:
        """Show the figures in the place of something that was displayed before."""
        self._figures.show_in(*places)

    def __repr__(self) -> str:
        return repr(self.table())
