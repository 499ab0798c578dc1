"""Seed: enrol persons from reference photos: of each, its one good face or the one that was chosen.

Nothing here prints or asks: the command line and the notebook show the reports.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pathvalidate import sanitize_filename

from facesort.clock import Clock, utc_now
from facesort.core.delivery.routing import safe_folder
from facesort.core.persons.gallery import Person
from facesort.core.records import Analysis, Face, PhotoRef
from facesort.core.text.paths import to_text
from facesort.engine.analysis.analyse import Analyser, Task, load_models
from facesort.engine.analysis.in_order import analyse_in_order
from facesort.engine.analysis.pool import executor_or_local
from facesort.engine.gallery.action import undoable
from facesort.engine.gallery.reference_check import (
    Likeness,
    check_identity,
    check_new,
    check_reference,
    likeness,
)
from facesort.engine.rules import rules_of
from facesort.engine.setup import refuse_other_pack
from facesort.errors import GalleryError, RefusedReferenceError
from facesort.faces.protocol import ModelPack
from facesort.images import encode_crop
from facesort.reasons import Reason
from facesort.store import Store
from facesort.store.gallery import people
from facesort.store.gallery.people import NewReference
from facesort.store.queries.gallery import find_person, load_gallery, references_of
from facesort.workspace import Workspace

# Large enough to be embedded again with another pack, whose detector needs some context.
_REFERENCE_CROP = partial(encode_crop, context=0.6, edge=512, quality=95)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A photo offered as a reference.

    Parameters
    ----------
    name : str
        Of the person.
    folder : str or None
        Output folder; None: after the name, or as it is.
    force : bool
        Accept it although it looks like another person; a photo of poor quality is refused all the same.
    face : int or None
        Which of its faces, counted from the left, beginning with 1; None: it has one.
    content : bytes or None
        Of an upload, which is never written to a disk; `path` only names it (see `upload_name`).
    """

    name: str
    path: Path
    folder: str | None = None
    force: bool = False
    face: int | None = None
    content: bytes | None = field(default=None, repr=False)


def person_name(text: str) -> str:
    """Normalise a person's name to NFC, so that it is found however it was typed."""
    return to_text(unicodedata.normalize("NFC", text))


def upload_name(text: str) -> Path:
    """What an upload is called, from the name that a browser sends, which may be any text."""
    safe = sanitize_filename(text.replace("\\", "/").rpartition("/")[2], platform="universal")
    return Path(safe.lstrip(" .") or "photo")


@dataclass(frozen=True, slots=True)
class SeedReport:
    """The result for one candidate.

    Parameters
    ----------
    analysis : Analysis
        With a JPEG of the photo if it could be decoded, even without a face: the user wants to see why it was refused.
    refused : RefusedReferenceError or None
        None: it was added to the gallery.
    likeness : Likeness or None
        Distances to the persons who were in the gallery before; None if it was refused earlier.
    """

    candidate: Candidate
    analysis: Analysis
    refused: RefusedReferenceError | None
    likeness: Likeness | None = None


def seed(
    workspace: Workspace,
    pack: ModelPack,
    candidates: Sequence[Candidate],
    executor: Executor | None = None,
    *,
    clock: Clock = utc_now,
    turn: AbstractContextManager[object] = nullcontext(),  # noqa: B008  # has no state
) -> Iterator[SeedReport]:
    """Analyse candidates and add the accepted ones to the gallery, one by one.

    Parameters
    ----------
    candidates : sequence of Candidate
    executor : Executor, optional
        Runs the analyses, and is closed by the caller; default: processes on this machine.
    clock : Clock
        For the journal.
    turn : context manager
        Entered whenever the database is opened: a lock, where other threads of this process open it too.

    Yields
    ------
    SeedReport
        One per candidate, in order.

    Raises
    ------
    PackMismatchError
        If the gallery was embedded with another pack.
    """
    with turn, workspace.open_store() as store:
        refuse_other_pack(store, pack)
    settings, analyser = workspace.settings, _analyser(workspace, pack)
    tasks = [
        Task(PhotoRef(i, to_text(str(c.path.absolute()))), content=c.content)
        for i, c in enumerate(candidates)
    ]
    with executor_or_local(executor, settings, len(candidates)) as pool:
        analyses = analyse_in_order(analyser, tasks, pool)
        for candidate, analysis in zip(candidates, analyses, strict=True):
            with turn:
                report = _enrol(workspace, pack, candidate, analysis, clock)
            yield report


def prepare(workspace: Workspace, pack: ModelPack, executor: Executor) -> None:
    """Load the models in an executor of one process, in the background.

    If that fails, the first photo fails in the same way, and says why.
    """
    executor.submit(load_models, _analyser(workspace, pack))


def _analyser(workspace: Workspace, pack: ModelPack) -> Analyser:
    as_it_lies = workspace.settings.photos.model_copy(
        update={"auto_upright": False}
    )  # for its boxes
    return Analyser({"": Path("/")}, pack, as_it_lies, crop=_REFERENCE_CROP, without_faces=True)


def _enrol(
    workspace: Workspace, pack: ModelPack, candidate: Candidate, analysis: Analysis, clock: Clock
) -> SeedReport:
    """Add a candidate to the gallery if it passes all checks, and its person if they are new."""
    found = None
    summary = f"{candidate.path.name} was added as a reference of {candidate.name}"
    with undoable(workspace, "seed", summary, clock) as store:
        person = find_person(store, candidate.name)
        try:
            face = check_reference(analysis, workspace.settings.seed, candidate.face)
            if person is not None:
                _refuse_known(store, pack, person, analysis.sha256, face)
            gallery = load_gallery(store, pack.pack_id, workspace.settings.matching.max_learned)
            found = likeness(face, person, gallery)
            if not candidate.force:
                strict = rules_of(workspace.settings, pack).thresholds.strict
                check_identity(found, candidate.name, strict)
            person = _person(store, candidate, person)
        except RefusedReferenceError as refused:
            return SeedReport(candidate, analysis, refused, found)
        except GalleryError as error:  # the other candidates are still wanted
            taken = RefusedReferenceError(Reason.FOLDER_TAKEN, str(error))
            return SeedReport(candidate, analysis, taken, found)
        people.add_reference(store, person.person_id, _reference(candidate, analysis, face, pack))
    return SeedReport(candidate, analysis, None, found)


def _refuse_known(store: Store, pack: ModelPack, person: Person, sha256: str, face: Face) -> None:
    """Refuse a file, or a near-duplicate, that is a reference of this person already."""
    if people.has_reference(store, person.person_id, sha256):
        raise RefusedReferenceError(
            Reason.ALREADY_THERE, f"this file is a reference of {person.name} already"
        )
    known = references_of(store, person.person_id, pack.pack_id)
    check_new(face, known, pack.strict)


def _person(store: Store, candidate: Candidate, known: Person | None) -> Person:
    if known is None:
        folder = safe_folder(candidate.folder or candidate.name)
        return people.add_person(store, candidate.name, folder)
    if candidate.folder is not None and safe_folder(candidate.folder) != known.folder:
        people.set_folder(store, known, safe_folder(candidate.folder))
    return known


def _reference(
    candidate: Candidate, analysis: Analysis, face: Face, pack: ModelPack
) -> NewReference:
    return NewReference(
        file_name=to_text(candidate.path.name),
        sha256=analysis.sha256,
        sharpness=face.sharpness,
        yaw=face.yaw,
        quality=face.quality,
        pack_id=pack.pack_id,
        embedding=face.embedding,
        crop=face.crop,
        captured_at=None if analysis.info is None else analysis.info.captured_at,
    )
