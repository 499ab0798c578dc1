"""Persons, and the photos that become their references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from facesort.engine.gallery.seed import Candidate, SeedReport, person_name, seed, upload_name
from facesort.engine.setup import open_with_pack
from facesort.errors import FacesortError
from facesort.serve.access.errors import FieldsError
from facesort.serve.operator.places import Places
from facesort.store.queries.gallery import person_summaries
from facesort.workspace import open_workspace

_ONE_AT_A_TIME = Lock()  # each has worker processes of its own


@dataclass(frozen=True, slots=True)
class Upload:
    """A photo that was sent.

    Parameters
    ----------
    file_name : str
        As the browser sent it.
    """

    file_name: str
    content: bytes


def persons(places: Places, files: Mapping[str, int]) -> list[dict[str, Any]]:
    """All persons, with the numbers of their references and of their files in the output.

    Parameters
    ----------
    files : mapping of str to int
        By name, as a progress report has them.

    Raises
    ------
    FacesortError
        If there is no workspace, or a sort has its database.
    """
    workspace = open_workspace(places.options.workspace)
    with places.turn, workspace.open_store(read_only=True) as store:
        return [
            {
                "name": of.person.name,
                "folder": of.person.folder,
                "references": of.references,
                "files": files.get(of.person.name, 0),
            }
            for of in person_summaries(store)
        ]


def seed_person(
    places: Places,
    name: str,
    uploads: Sequence[Upload],
    *,
    face: int | None = None,
    force: bool = False,
) -> list[dict[str, Any]]:
    """Offer photos as references of a person.

    Returns
    -------
    list of dict
        Of each photo in order: ``accepted``, and why not (``reason``, ``sentence``); no reason where it is not about
        the photo, as when another program took the database before its turn.

    Raises
    ------
    FieldsError
        If there is no name or no photo.
    FacesortError
        If there is no workspace, or a sort has its database, and nothing was done.
    """
    if not name.strip():
        raise FieldsError({"name": "give the person's name"})
    if not uploads:
        raise FieldsError({"photos": "choose at least one photo"})
    workspace, pack = open_with_pack(places.options.workspace)
    candidates = [
        Candidate(
            person_name(name.strip()),
            upload_name(upload.file_name),
            force=force,
            face=face,
            content=upload.content,
        )
        for upload in uploads
    ]
    answers: list[dict[str, Any]] = []
    with _ONE_AT_A_TIME:
        try:
            for report in seed(workspace, pack, candidates, turn=places.turn):
                answers.append(_answer(places, report))  # noqa: PERF401  # kept where a later one fails
        except FacesortError as error:
            if not answers:
                raise
            left = candidates[len(answers) :]
            answers += [
                _told(one, None, f"it was not offered: {places.said(error)}") for one in left
            ]
    return answers


def _answer(places: Places, report: SeedReport) -> dict[str, Any]:
    refused = report.refused
    if refused is None:
        return _told(report.candidate, None, "")
    return _told(report.candidate, str(refused.reason), places.said(refused.detail))


def _told(candidate: Candidate, reason: str | None, sentence: str) -> dict[str, Any]:
    return {
        "photo": candidate.path.name,
        "accepted": not sentence,
        "reason": reason,
        "sentence": sentence,
    }
