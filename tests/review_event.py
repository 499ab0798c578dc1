"""A small job in memory, with faces as points on a sphere, that users review."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np

from facesort.core.delivery.routing import Jpeg
from facesort.core.records import Analysis, Face, File, PhotoInfo
from facesort.engine.gallery.action import undoable
from facesort.engine.job.changes import recorded
from facesort.engine.job.decide import (
    decide_batch,
    plan_batch,
    results_of,
    shares_of,
    standings_of,
)
from facesort.engine.job.rematch import Rematch, find_changes
from facesort.engine.rules import Rules, rules_of
from facesort.faces.packs.files import synthetic_pack
from facesort.settings import Settings
from facesort.store import Store
from facesort.store.gallery import people
from facesort.store.gallery.people import NewReference
from facesort.store.job import commits, files, photos, sources
from facesort.store.job.photos import BatchRecord, Known
from facesort.store.job.rematches import record_rematch
from facesort.store.queries.gallery import find_person, load_gallery
from facesort.store.queries.journal import Action, history
from facesort.store.what_counts import standings
from facesort.workspace import Workspace

PACK = replace(synthetic_pack(), name="drawn", pack_id="pack-1")
DIM = 8
_FOLDER = tempfile.TemporaryDirectory(
    prefix="facesort-in-memory-"
)  # for what is beside the database

Drawn = tuple[int, float]
"""Who it is, and how far it is turned towards the next person, in radians."""


def noon() -> datetime:
    return datetime(2026, 5, 4, 12, 0, 0)


class InMemory(Workspace):
    """A workspace whose database is in memory and stays open."""

    __slots__ = ("store",)

    def __init__(self, store: Store) -> None:
        settings = Settings(
            sources={"card-1": Path("/photos")}, output=Path("/sorted"), pack="synthetic"
        )
        super().__init__(Path(_FOLDER.name), settings)
        object.__setattr__(self, "store", store)

    @contextmanager
    def open_store(
        self, *, read_only: bool = False, patience_s: float | None = None
    ) -> Iterator[Store]:  # type: ignore[override]
        yield self.store  # type: ignore[attr-defined]


def embedding(drawn: Drawn) -> np.ndarray:
    identity, turn = drawn
    vector = np.zeros(DIM, np.float32)
    vector[identity % DIM], vector[(identity + 1) % DIM] = np.cos(turn), np.sin(turn)
    return vector


def seed(workspace: Workspace, name: str, drawn: Drawn, file_name: str = "seed.jpg") -> None:
    """What `facesort.engine.gallery.seed` does with a photo that is accepted."""
    with undoable(workspace, "seed", f"{name} was seeded", noon) as store:
        person = find_person(store, name) or people.add_person(store, name, name.lower())
        reference = NewReference(
            file_name, f"{name}-{file_name}", 90.0, 0.1, 0.7, PACK.pack_id, embedding(drawn), b"jpg"
        )
        if not people.has_reference(store, person.person_id, reference.sha256):
            people.add_reference(store, person.person_id, reference)


def actions(workspace: Workspace) -> list[Action]:
    """Everything in the journal, the newest first."""
    with workspace.open_store(read_only=True) as store:
        return history(store)


def sort(
    workspace: Workspace, found: Sequence[Sequence[Drawn]], quality: float = 0.75
) -> list[int]:
    """One more batch, as the sort records it; returns the ids of its faces."""
    with workspace.open_store() as store:
        first = files.next_file_id(store)
        names = [f"{first + i:05d}.jpg" for i in range(len(found))]
        batch = [File(first + i, "card-1", name, 1, 1) for i, name in enumerate(names)]
        with store.transaction():
            sources.add_sources(store, ["card-1"])
            files.add_files(store, batch)
        (batch_id,) = files.batches_in(store, files.BatchState.PENDING)
        files.mark_processing(store, batch_id)
        gallery = load_gallery(store, PACK.pack_id, 10)
        rules: Rules = rules_of(workspace.settings, PACK)
        analyses = [_analysis(p, drawn, quality) for p, drawn in zip(batch, found, strict=True)]
        decided = decide_batch(analyses, gallery, rules, Known())
        ask = partial(standings, store, unknown_folder=rules.unknown_folder)
        stand = standings_of(decided, ask)
        pictures = shares_of(decided, batch, stand)
        writes = plan_batch(pictures, [Jpeg.of(one.decided.analysis.jpeg) for one in pictures])
        results = results_of(decided, stand)
        with store.transaction():
            photos.record_batch(store, BatchRecord(batch_id, results, writes), PACK.pack_id)
        with store.transaction():
            commits.finish_batch(store, batch_id, {})
        rows = store.rows("SELECT face_id FROM face WHERE batch_id = ? ORDER BY 1", [batch_id])
        return [row[0] for row in rows]


def rematch(workspace: Workspace, *, groups: bool = True) -> int:
    """What `facesort.engine.job.sort.run_rematch` records of the decisions; returns of how many photos."""
    with workspace.open_store() as store:
        rules = rules_of(workspace.settings, PACK)
        rules = replace(rules, groups=groups)
        gallery = load_gallery(store, PACK.pack_id, workspace.settings.matching.max_learned)
        found = Rematch.of(store, gallery, rules, PACK.pack_id)
        changes = list(find_changes(store, found, everything=True))
        jpegs = {picture.key: Jpeg.of(b"jpeg") for change in changes for picture in change.pictures}
        with store.transaction():
            batch_id = store.next_id("batch", "batch_id")
            record_rematch(store, batch_id, [recorded(change, jpegs) for change in changes])
    return len(changes)


def _analysis(file: File, drawn: Sequence[Drawn], quality: float) -> Analysis:
    faces = tuple(
        Face(
            box=np.array([10 * i, 0, 10 * i + 8, 8], np.float32),
            landmarks=np.zeros((5, 2), np.float32),
            score=0.9,
            sharpness=100.0,
            yaw=0.1,
            quality=quality,
            embedding=embedding(one),
            crop=b"jpg",
        )
        for i, one in enumerate(drawn)
    )
    info = PhotoInfo("JPEG", 600, 400, noon(), "Camera")
    return Analysis(file.file_id, f"sha-{file.file_id}", info, faces, b"jpeg")
