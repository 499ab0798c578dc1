"""The result of a calibration, which can be stored: no embeddings, no names."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from facesort.core.calibration.comparisons import Comparisons
from facesort.core.calibration.rates import Rate
from facesort.core.calibration.suggestion import (
    Basis,
    Suggestion,
    Targets,
    suggest,
    what_is_not_known,
)
from facesort.core.persons.gallery import Gallery
from facesort.core.persons.matching import Thresholds
from facesort.core.text.words import several


@dataclass(frozen=True, slots=True)
class Counts:
    """The data that a calibration is based on.

    Parameters
    ----------
    persons, references : int
        In the gallery.
    labelled_persons, labelled_faces : int
        Labelled faces of people in the gallery.
    strangers, stranger_faces : int
        Labelled faces of others.
    genuine, impostor : int
        One-to-one comparisons.
    """

    persons: int
    references: int
    labelled_persons: int
    labelled_faces: int
    strangers: int
    stranger_faces: int
    genuine: int
    impostor: int

    @property
    def words(self) -> str:
        """One line, without names."""
        text = f"{several(self.references, 'reference')} of {several(self.persons, 'person')}"
        if self.labelled_faces:
            text += f"; {several(self.labelled_faces, 'labelled face')} of {self.labelled_persons:,} of them"
        if self.stranger_faces:
            text += (
                f"; {several(self.stranger_faces, 'face')} of {several(self.strangers, 'stranger')}"
            )
        return text


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The error rates at a pair of thresholds.

    Parameters
    ----------
    fpir, fmr : Rate
        At LOOSE.
    fnir, fnmr : Rate or None
        At LOOSE; None without genuine comparisons of two people (`Comparisons.tells_misses`).
    wrong_learning : Rate
        At STRICT.
    """

    thresholds: Thresholds
    fpir: Rate
    fnir: Rate | None
    fmr: Rate
    fnmr: Rate | None
    wrong_learning: Rate


@dataclass(frozen=True, slots=True)
class Calibration:
    """Suggested thresholds, and what they were derived from.

    Parameters
    ----------
    calibration_id : str
        12 hex digits; the same data, pack, targets and date give the same id.
    date : str
        ISO 8601.
    gallery : str
        `gallery_fingerprint`; it differs if the gallery has changed since.
    current, suggested : OperatingPoint
        At the thresholds in force, and at those suggested.
    not_known : str
        What the data cannot say (`what_is_not_known`).
    """

    calibration_id: str
    date: str
    pack_name: str
    pack_id: str
    gallery: str
    targets: Targets
    counts: Counts
    current: OperatingPoint
    suggested: OperatingPoint
    suggestion: Suggestion
    not_known: str

    @property
    def thresholds(self) -> Thresholds:
        """The suggested thresholds."""
        return self.suggested.thresholds

    def loose_to_store(self, thresholds: Thresholds) -> float | None:
        """LOOSE of these thresholds; None for the pack's, if there were too few people to measure another.

        A LOOSE that is stored replaces the one that a sort finds from the event's own faces.  The pack's was not made
        for this event: it is no reason to do so.
        """
        loose = self.suggestion.loose
        left = loose.basis is Basis.RECOMMENDED and thresholds.loose == loose.threshold
        return None if left else thresholds.loose

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``calibration.json``."""
        return asdict(self)


def calibrate(
    comparisons: Comparisons,
    gallery: Gallery,
    *,
    pack: tuple[str, str],
    recommended: Thresholds,
    current: Thresholds,
    targets: Targets,
    date: datetime,
) -> Calibration:
    """Suggest thresholds.

    Parameters
    ----------
    gallery : Gallery
        The one that the comparisons were made with.
    pack : tuple of str
        Name and id.
    recommended, current : Thresholds
        The pack's, and those in force.

    Raises
    ------
    InsufficientTrialsError
        If there is not enough data.
    """
    suggestion = suggest(comparisons, recommended, targets)
    thresholds = Thresholds(
        suggestion.strict.threshold, suggestion.loose.threshold, recommended.margin
    )
    found = Calibration(
        calibration_id="",
        date=date.isoformat(timespec="seconds"),
        pack_name=pack[0],
        pack_id=pack[1],
        gallery=gallery_fingerprint(gallery),
        targets=targets,
        counts=_counts(comparisons),
        current=operating_point(comparisons, current),
        suggested=operating_point(comparisons, thresholds),
        suggestion=suggestion,
        not_known=what_is_not_known(comparisons),
    )
    text = json.dumps(found.to_json(), sort_keys=True)
    return replace(found, calibration_id=hashlib.sha256(text.encode()).hexdigest()[:12])


def gallery_fingerprint(gallery: Gallery) -> str:
    """Digest of the persons and their references; it changes when one is added or removed.

    Learned faces do not count, because every sort changes them.
    """
    digest = hashlib.sha256()
    for person_id in gallery.person_ids.tolist():
        digest.update(f"{person_id}:".encode())
        rows = (np.ascontiguousarray(row, "<f4").tobytes() for row in gallery.references[person_id])
        for row in sorted(rows):
            digest.update(hashlib.sha256(row).digest())
    return digest.hexdigest()[:16]


def operating_point(comparisons: Comparisons, thresholds: Thresholds) -> OperatingPoint:
    """Count the errors at a pair of thresholds.

    Raises
    ------
    InsufficientTrialsError
        If there is nobody who could be taken for somebody else.
    """
    loose, known = thresholds.loose, comparisons.tells_misses
    return OperatingPoint(
        thresholds,
        comparisons.fpir().at(loose),
        comparisons.fnir().at(loose) if known else None,
        comparisons.fmr().at(loose),
        comparisons.fnmr().at(loose) if known else None,
        comparisons.wrong_learning(thresholds.margin).at(thresholds.strict),
    )


def _counts(comparisons: Comparisons) -> Counts:
    persons, labelled = comparisons.persons, ~comparisons.references
    known = persons < comparisons.gallery
    return Counts(
        persons=comparisons.gallery,
        references=int(comparisons.references.sum()),
        labelled_persons=len(np.unique(persons[labelled & known])),
        labelled_faces=int((labelled & known).sum()),
        strangers=len(np.unique(persons[~known])),
        stranger_faces=int((~known).sum()),
        genuine=len(comparisons.fnmr()),
        impostor=len(comparisons.fmr()),
    )
