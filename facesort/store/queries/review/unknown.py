"""Unknown faces: those that the review asks about, and why it does not ask about the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facesort.store.store import Store

LeftOut = Literal["in_doubt", "ignored", "poor", "not_comparable"]

_WHY: tuple[LeftOut, ...] = ("in_doubt", "ignored", "not_comparable", "poor")


@dataclass(frozen=True, slots=True, eq=False)
class UnknownFaces:
    """All faces of nobody in the gallery.

    Parameters
    ----------
    asked : ndarray of shape (n,), int64
        Ids of those that the review asks about.
    left_out : mapping of str to int
        The others: in a group that may be somebody's, which is asked about as one; ignored by the user; of a quality at
        which an embedding says more about the blur than about the person; erased, or of another model pack.
    """

    asked: NDArray[np.int64]
    left_out: Mapping[LeftOut, int]


def unknown_faces(store: Store, pack_id: str, min_quality: float) -> UnknownFaces:
    """Every unknown face once.

    Parameters
    ----------
    pack_id : str
        Only faces of this pack can be compared.
    min_quality : float
        Below it a face is poor.
    """
    face_ids, why = store.columns(
        "SELECT f.face_id, CASE WHEN a.reason = 'group_in_doubt' THEN 1 WHEN i.face_id IS NOT NULL THEN 2 "
        "WHEN f.pack_id <> ? OR octet_length(f.embedding) = 0 THEN 3 WHEN f.quality < ? THEN 4 ELSE 0 END AS why "
        "FROM face_state a JOIN face f USING (face_id) LEFT JOIN ignored i USING (face_id) "
        "WHERE a.person_id IS NULL ORDER BY f.face_id",
        [pack_id, min_quality],
    )
    counts = np.bincount(why.astype(np.int64), minlength=len(_WHY) + 1).tolist()
    left_out = {name: count for name, count in zip(_WHY, counts[1:], strict=True) if count}
    return UnknownFaces(face_ids[why == 0].astype(np.int64), left_out)


def state_of_groups(store: Store) -> str:
    """Tells whether groups are as a sort or a re-match left them: equal texts, equal decisions and seeds.

    Answers of the review do not change it: its groups stay as they are until a re-match, less the faces with answers.
    """
    return repr(
        store.rows(
            "SELECT (SELECT max(batch_id) FROM batch), (SELECT max(face_id) FROM face), "
            "(SELECT list(reference_id ORDER BY reference_id) FROM reference WHERE face_id IS NULL)"
        )
    )
