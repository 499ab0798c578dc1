"""Analyses labelled photos: one folder per person, whose photos have exactly one face."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesort.core.delivery.routing import folder_key
from facesort.core.persons.gallery import Gallery
from facesort.core.records import Analysis, Face, PhotoRef
from facesort.core.text.paths import to_text
from facesort.core.text.words import several
from facesort.engine.analysis.analyse import Analyser, Task
from facesort.engine.analysis.in_order import analyse_in_order
from facesort.engine.analysis.pool import executor_or_local
from facesort.engine.gallery.left_out import LeftOut, after_a_sentence
from facesort.engine.gallery.person_folders import PersonFolders, person_folders
from facesort.engine.gallery.seed import Candidate
from facesort.errors import InsufficientTrialsError
from facesort.faces.protocol import ModelPack
from facesort.reasons import Reason
from facesort.workspace import Workspace

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Faces of labelled photos.

    Parameters
    ----------
    names : tuple of str
        The person's folder, one per face.
    faces : tuple of Face
    refused : mapping of Reason to int
        Numbers of photos without a usable face, by reason.
    left_out : tuple of LeftOut
        What else is in the folder.
    photos : tuple of int
        Which of the folders' candidates each face is of.
    """

    names: tuple[str, ...] = ()
    faces: tuple[Face, ...] = ()
    refused: Mapping[Reason, int] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()
    photos: tuple[int, ...] = ()


def analyse_labelled(
    workspace: Workspace,
    pack: ModelPack,
    root: Path,
    executor: Executor | None = None,
    *,
    on_photo: Callable[[int, int], None] | None = None,
) -> Labelled:
    """Analyse labelled photos and use those with exactly one face.

    Copies of a file in one person's folder count once.

    Parameters
    ----------
    root : Path
        One folder per person: persons of the gallery by name, and strangers.
    executor : Executor, optional
        Default: processes on this machine.
    on_photo : callable of (done, total), optional
        Called after every photo.

    Raises
    ------
    GalleryError
        If there is no sub-folder with photos.
    InsufficientTrialsError
        If usable photos are of fewer than two people.
    """
    folders = person_folders(root)
    files = files_of(folders)
    analyses = analyse_files(workspace, pack, {"": Path("/")}, files, executor, on_photo=on_photo)
    return labelled_faces(root, folders, analyses)


def files_of(folders: PersonFolders) -> list[PhotoRef]:
    """The photos of some people, as they are analysed: of no source, by their whole paths."""
    return _files(folders.candidates)


def labelled_faces(root: Path, folders: PersonFolders, analyses: Iterable[Analysis]) -> Labelled:
    """Faces of photos that have exactly one.

    Parameters
    ----------
    root : Path
        Of the folders.
    analyses : iterable of Analysis
        Of `files_of` the folders, in order.

    Raises
    ------
    InsufficientTrialsError
        If usable photos are of fewer than two people.
    """
    names, faces, refused = list[str](), list[Face](), Counter[Reason]()
    photos = list[int]()
    seen: set[tuple[str, str]] = set()
    for number, (candidate, analysis) in enumerate(zip(folders.candidates, analyses, strict=True)):
        reason = _refusal(analysis)
        if (candidate.name, analysis.sha256) in seen:
            reason = reason or Reason.DUPLICATE
        seen.add((candidate.name, analysis.sha256))
        if reason is None:
            names.append(candidate.name)
            faces.append(analysis.faces[0])
            photos.append(number)
        else:
            refused[reason] += 1
            log.info("%s is not used: %s", candidate.path.name, reason.value)
    if len(set(names)) < 2:
        raise _one_person(root, set(names), refused, folders)
    return Labelled(tuple(names), tuple(faces), dict(refused), folders.left_out, tuple(photos))


def refuse_one_person(
    workspace: Workspace, pack: ModelPack, root: Path, executor: Executor | None = None
) -> tuple[LeftOut, ...]:
    """Refuse folders without usable photos of two people.

    Analyses everybody's first photos first, and stops once there are two people.

    Parameters
    ----------
    workspace, pack, root, executor
        As in `analyse_labelled`.

    Returns
    -------
    tuple of LeftOut
        What is in the folder and is not used.

    Raises
    ------
    GalleryError
        If there is no sub-folder with photos.
    InsufficientTrialsError
        If usable photos are of fewer than two people.
    """
    folders = person_folders(root)
    names = {candidate.name for candidate in folders.candidates}
    if len(names) < 2:
        raise _one_person(root, names, {}, folders)
    candidates = _in_turns(folders.candidates)
    usable, refused = set[str](), Counter[Reason]()
    analyses = analyse_files(workspace, pack, {"": Path("/")}, _files(candidates), executor)
    with closing(analyses):
        for candidate, analysis in zip(candidates, analyses, strict=True):
            reason = _refusal(analysis)
            if reason is None:
                usable.add(candidate.name)
            else:
                refused[reason] += 1
            if len(usable) == 2:
                return folders.left_out
    raise _one_person(root, usable, refused, folders)


def _in_turns(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Order candidates: everybody's first photos, then the second ones, and so on."""
    taken = Counter[str]()
    turns = []
    for candidate in candidates:
        turns.append(taken[candidate.name])
        taken[candidate.name] += 1
    order = sorted(range(len(candidates)), key=turns.__getitem__)
    return [candidates[place] for place in order]


def _files(candidates: Sequence[Candidate]) -> list[PhotoRef]:
    return [PhotoRef(i, to_text(str(c.path.absolute()))) for i, c in enumerate(candidates)]


def analyse_files(
    workspace: Workspace,
    pack: ModelPack,
    roots: Mapping[str, Path],
    files: Sequence[PhotoRef],
    executor: Executor | None,
    *,
    on_photo: Callable[[int, int], None] | None = None,
) -> Generator[Analysis]:
    """Analyse files of some sources in their order, as the workspace is set; on this machine without an executor."""
    settings = workspace.settings
    analyser = Analyser(roots, pack, settings.photos)
    with executor_or_local(executor, settings, tasks=len(files)) as pool:
        yield from analysed(analyser, files, pool, on_photo=on_photo)


def analysed(
    analyser: Analyser,
    files: Sequence[PhotoRef],
    executor: Executor,
    *,
    on_photo: Callable[[int, int], None] | None = None,
) -> Generator[Analysis]:
    """Analyse files in their order."""
    found = analyse_in_order(analyser, map(Task, files), executor)
    for done, analysis in enumerate(found, start=1):
        if on_photo is not None:
            on_photo(done, len(files))
        yield analysis


def person_numbers(gallery: Gallery, names: Sequence[str]) -> NDArray[np.int64]:
    """Person ids for names of the gallery, and a new number for every other name."""
    ids = {folder_key(p.folder): p.person_id for p in gallery.persons}
    ids |= {folder_key(p.name): p.person_id for p in gallery.persons}
    next_id = max(ids.values(), default=0) + 1
    for name in names:
        if ids.setdefault(folder_key(name), next_id) == next_id:
            next_id += 1
    return np.array([ids[folder_key(name)] for name in names], dtype=np.int64)


def _refusal(analysis: Analysis) -> Reason | None:
    if analysis.failure is not None:
        return analysis.failure
    if not analysis.faces:
        return Reason.NO_FACE
    return Reason.SEVERAL_FACES if len(analysis.faces) > 1 else None


def _one_person(
    root: Path, persons: set[str], refused: Mapping[Reason, int], folders: PersonFolders
) -> InsufficientTrialsError:
    reasons = ", ".join(f"{n} {reason.value}" for reason, n in refused.items())
    return InsufficientTrialsError(
        f"{root} has usable photos of {several(len(persons), 'person')}"
        f"{f' (not used: {reasons})' if refused else ''}, but at least two people are needed, each in their own "
        "folder with photos of one face; without labelled photos, `calibrate` uses only the references"
        + after_a_sentence(folders.left_out)
    )
